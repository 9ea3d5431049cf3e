public import ArgumentParser
internal import ConfigLanguage

/// `martlet config`: what a configuration comes to.
public struct ConfigCommand: AsyncParsableCommand {
    /// Name, abstract, subcommands.
    public static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Look at speaker configurations.",
        subcommands: [Show.self]
    )

    /// Creates the command.
    public init() {}

    /// `martlet config show FILE`.
    public struct Show: AsyncParsableCommand {
        /// Name and abstract.
        public static let configuration = CommandConfiguration(
            commandName: "show",
            abstract:
                "Print the effective configuration: every option with its value, templates and includes resolved.",
            discussion: "The output is a configuration itself and means the same."
        )

        @Argument(help: "The configuration file.")
        var file: String

        @Option(help: DialectOption.help)
        var dialect: DialectOption = .bird2

        @Flag(help: "Print passwords; they read \"hidden\" otherwise.")
        var secrets = false

        /// Creates the command.
        public init() {}

        /// Prints to standard output, errors and warnings to standard error; exit status 1 when there is an error.
        public func run() async throws {
            let printer = ConfigurationPrinter(
                root: self.file,
                provider: FileSources(),
                dialect: self.dialect.dialect,
                showsSecrets: self.secrets
            )
            for diagnostic in printer.result.diagnostics { writeError("\(diagnostic)") }
            guard let text = printer.effective else { throw ExitCode.failure }
            writeAll(Array(text.utf8), to: 1)
        }
    }
}
