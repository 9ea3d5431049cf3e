public import ArgumentParser
internal import Confd
internal import ControlAPI
internal import Datastore
internal import Logging
internal import ServiceLifecycle

/// `martlet confd`: renders the speaker's configuration from the datastore, alone.
public struct ConfdCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "confd",
        abstract: "Render the speaker's configuration from the datastore and reload the speaker."
    )

    @OptionGroup
    var node: NodeOptions

    @OptionGroup
    var confd: ConfdOptions

    @OptionGroup
    var control: ControlOptions

    @OptionGroup
    var logging: LoggingOptions

    @Flag(help: "Render once and exit; the exit status says whether that worked.")
    var onetime = false

    @Flag(help: "Only print what would change.")
    var noop = false

    @Flag(help: "Keep staged files for a look at what was checked.")
    var keepStageFile = false

    /// Creates the command.
    public init() {}

    /// Runs until SIGTERM or SIGINT, or for one cycle.
    public func run() async throws {
        let logger = self.logging.logger("confd", LogRouter())
        let datastore = try self.node.open()
        var settings = self.confd.settings(nodeName: self.node.name)
        settings.isDryRun = self.noop
        settings.keepsStage = self.keepStageFile
        let socket = self.control.controlSocket
        let hooks = ConfdHooks(
            checks: ["speaker": { try ConfdOptions.check($0) }],
            reloads: ["speaker": { file in try await Self.reload(file, socket: socket) }]
        )
        let service = ConfdService(
            snapshots: SnapshotSequence(syncer: Syncer(datastore: datastore)),
            settings: settings,
            hooks: hooks,
            logger: logger
        )
        if self.onetime || self.noop {
            guard let report = try await service.runOnce() else { throw ExitCode.failure }
            for path in report.created { print("create \(path)") }
            for path in report.modified { print("change \(path)") }
            for path in report.deleted { print("delete \(path)") }
            for diagnostic in report.diagnostics { writeError("\(diagnostic)") }
            return
        }
        let roles: [any Service] = [ConfdRole(confd: service), DiagnosticsRole(datastore: datastore, logger: logger)]
        try await runServices(roles, logger: logger)
    }

    /// Asks the speaker behind a control socket to reload.
    private static func reload(_ file: String, socket: String) async throws {
        let client = ControlClient(socketPath: socket)
        do {
            let result = try await client.reload(file: file)
            await client.close()
            guard result.outcome != .rejected else {
                throw ConfigurationRefused(errors: result.diagnostics.map(\.description))
            }
        } catch {
            await client.close()
            throw error
        }
    }
}
