public import ArgumentParser
internal import ConfigLanguage
internal import Glibc

/// `martlet check FILE`: reports everything that is wrong with a configuration.
public struct CheckCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a speaker configuration and report every error as file:line:column."
    )

    @Argument(help: "The configuration file.")
    var file: String

    /// Creates the command.
    public init() {}

    /// Prints diagnostics to standard error; exit status 1 when there is an error.
    public func run() async throws {
        let configuration = SpeakerConfiguration(path: self.file)
        for diagnostic in configuration.diagnostics { writeError("\(diagnostic)") }
        guard configuration.settings != nil else { throw ExitCode.failure }
    }
}

/// Writes a line to standard error.
func writeError(_ line: String) {
    var bytes = Array((line + "\n").utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}
