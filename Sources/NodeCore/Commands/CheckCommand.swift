public import ArgumentParser
internal import ConfigLanguage
internal import ControlAPI
internal import Glibc

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// `martlet check FILE`: reports everything that is wrong with a configuration.
public struct CheckCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a speaker configuration and report every error as file:line:column."
    )

    @Argument(help: "The configuration file.")
    var file: String

    @Option(help: DialectOption.help)
    var dialect: DialectOption = .bird2

    @Flag(help: "Print one JSON document to standard output instead.")
    var json = false

    /// Creates the command.
    public init() {}

    /// Prints diagnostics to standard error; exit status 1 when there is an error.
    public func run() async throws {
        let configuration = SpeakerConfiguration(path: self.file, dialect: self.dialect.dialect)
        if self.json {
            writeOutput(try CheckReport(configuration).text)
        } else {
            for diagnostic in configuration.diagnostics { writeError("\(diagnostic)") }
        }
        guard configuration.settings != nil else { throw ExitCode.failure }
    }
}

/// What `martlet check --json` prints.
struct CheckReport: Codable, Equatable {
    /// Whether the configuration can run.
    var valid: Bool
    /// Errors and warnings in order of place.
    var diagnostics: [Finding]
    /// Files that were read, the root first.
    var files: [String]

    /// A diagnostic with the text it is about.
    struct Finding: Codable, Equatable {
        var severity: ControlAPI.Diagnostic.Severity
        var file: String
        var line: Int
        var column: Int
        var message: String
        /// The line's text; absent when it holds a password.
        var sourceLine: String?
        /// Octets of it that the message is about, from `column` on.
        var width: Int
    }

    init(_ configuration: SpeakerConfiguration) {
        self.valid = configuration.settings != nil
        self.files = configuration.files
        self.diagnostics = configuration.diagnostics.map {
            Finding(
                severity: $0.severity == .error ? .error : .warning,
                file: $0.path,
                line: $0.line,
                column: $0.column,
                message: $0.message,
                sourceLine: $0.quotedLine,
                width: $0.width
            )
        }
    }

    /// The document.
    var text: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

/// Writes a line to standard error.
func writeError(_ line: String) {
    writeLine(line, to: 2)
}

/// Writes a line to standard output.
func writeOutput(_ line: String) {
    writeLine(line, to: 1)
}

private func writeLine(_ line: String, to descriptor: CInt) {
    writeAll(Array((line + "\n").utf8), to: descriptor)
}

/// Writes octets to a descriptor; false when it takes no more.
@discardableResult
func writeAll(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
    }
    return true
}
