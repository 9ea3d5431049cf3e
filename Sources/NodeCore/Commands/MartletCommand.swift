public import ArgumentParser
internal import MRTCommands

/// `martlet`: the daemon's roles.
public struct MartletCommand: AsyncParsableCommand {
    /// Name, abstract, subcommands.
    public static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "Host and cluster routing: BGP speaker, felix and confd in one program.",
        version: MartletVersion.text,
        subcommands: [
            NodeCommand.self, SpeakerCommand.self, FelixCommand.self, ConfdCommand.self, CheckCommand.self,
            FormatCommand.self, ConfigCommand.self, MRTCommand.self, DatastoreCommand.self,
        ]
    )

    /// Creates the command.
    public init() {}

    /// Parses the process's arguments and runs the role; ends the process on failure.
    public static func start() async {
        await self.main()
    }
}

/// The program's version.
public enum MartletVersion {
    /// Semantic version.
    public static let text = "0.1.0"
}
