public import ArgumentParser

/// `martlet mrt`: MRT files, to look at, to make and to announce.
public struct MRTCommand: AsyncParsableCommand {
    /// Name, abstract, subcommands.
    public static let configuration = CommandConfiguration(
        commandName: "mrt",
        abstract: "Show MRT files (RFC 6396), generate Internet-like ones, announce their routes.",
        subcommands: [MRTShowCommand.self, MRTGenerateCommand.self, MRTInjectCommand.self]
    )

    /// Creates the command.
    public init() {}
}
