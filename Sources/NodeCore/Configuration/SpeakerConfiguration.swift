internal import ConfigLanguage
internal import ControlAPI
internal import SpeakerSettings

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
        let result = ConfigurationLoader.load(root: path, provider: FileSources(), dialect: dialect)
        self.settings = result.errors.isEmpty ? result.settings : nil
        self.diagnostics = result.diagnostics
        self.files = result.sources.map(\.path)
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
