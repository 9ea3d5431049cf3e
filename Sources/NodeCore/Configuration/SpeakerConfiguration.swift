internal import ConfigLanguage
internal import ControlAPI
internal import SpeakerSettings
internal import Synchronization

/// The speaker's configuration file, read and checked.
struct SpeakerConfiguration {
    /// Settings; nil when there are errors.
    var settings: SpeakerSettings?
    /// Errors and warnings in order.
    var diagnostics: [ConfigLanguage.Diagnostic]
    /// Paths of the files that were read, the root first.
    var files: [String]

    /// Reads a file and all it includes.
    init(path: String, dialect: Dialect = .bird2) {
        self.init(ConfigurationLoader.load(root: path, provider: FileSources(), dialect: dialect))
    }

    fileprivate init(_ result: LoadResult) {
        self.settings = result.errors.isEmpty ? result.settings : nil
        self.diagnostics = result.diagnostics
        self.files = result.sources.map(\.path)
    }
}

/// Reads a configuration again and again, and parses only what changed.
final class ConfigurationReader: Sendable {
    private struct State {
        var memo = ConfigurationMemo()
        var contents = KnownContents()
    }

    private let state = Mutex(State())

    /// Reads the files in place.
    func read(_ path: String, dialect: Dialect = .bird2) -> SpeakerConfiguration {
        self.state.withLock { state in
            let sources = RememberedSources(known: state.contents) { $0 }
            defer { state.contents = sources.seen }
            return SpeakerConfiguration(
                ConfigurationLoader.load(root: path, provider: sources, dialect: dialect, memo: &state.memo)
            )
        }
    }

    /// Reads files of a stage as if they were in place already, so that reading them there costs little.
    ///
    /// Diagnostics name the staged files.
    func check(_ staged: String) -> SpeakerConfiguration {
        guard let stage = Stage(staged) else { return SpeakerConfiguration(path: staged) }
        var configuration = self.state.withLock { state in
            let sources = RememberedSources(known: state.contents, place: stage.stagedPath)
            defer { state.contents = sources.seen }
            return SpeakerConfiguration(
                ConfigurationLoader.load(root: stage.place(of: staged), provider: sources, memo: &state.memo)
            )
        }
        for index in configuration.diagnostics.indices {
            configuration.diagnostics[index].path = stage.stagedPath(of: configuration.diagnostics[index].path)
        }
        return configuration
    }
}

/// Where files are staged that will take the place of others.
private struct Stage {
    /// The directory of the files in place, with a slash at the end.
    private let root: String
    private static let folder = ".stage/"

    init?(_ staged: String) {
        // As the loader spells paths, or files in place would be read for staged ones.
        guard let range = normalizedPath(staged).ranges(of: "/" + Self.folder).last else { return nil }
        self.root = normalizedPath(staged)[..<range.lowerBound] + "/"
    }

    func place(of staged: String) -> String {
        self.root + normalizedPath(staged).dropFirst(self.root.count + Self.folder.count)
    }

    func stagedPath(of path: String) -> String {
        path.hasPrefix(self.root) ? self.root + Self.folder + path.dropFirst(self.root.count) : path
    }
}

extension ConfigLanguage.Diagnostic {
    /// The diagnostic as the control interface shows it.
    var control: ControlAPI.Diagnostic {
        ControlAPI.Diagnostic(
            severity: self.severity == .error ? .error : .warning,
            file: self.path,
            line: self.line,
            column: self.column,
            message: self.message
        )
    }
}
