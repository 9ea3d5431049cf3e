public import ArgumentParser
internal import Confd
internal import ControlAPI
internal import Datastore
internal import Foundation
internal import Glibc
internal import Logging
internal import Resources
internal import ServiceLifecycle

/// `martlet confd`: renders the speaker's configuration from the datastore, alone.
public struct ConfdCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "confd",
        abstract: "Render the speaker's configuration from the datastore and reload the speaker.",
        discussion: "SIGHUP renders again, with the templates as they are then."
    )

    @OptionGroup
    var node: NodeOptions

    @OptionGroup
    var confd: ConfdOptions

    @OptionGroup
    var metrics: MetricsOptions

    @OptionGroup
    var control: ControlOptions

    @OptionGroup
    var logging: LoggingOptions

    @Option(help: "Whose files are rendered: speaker, or bird1 for the two daemons of BIRD 1.6 that Calico runs.")
    var target = TemplateSource.Target.speaker

    @Option(help: "With --target bird1: directory of the control sockets bird.ctl and bird6.ctl.")
    var birdSockets: String = "/var/run/calico"

    @Option(help: "Seconds after which files are rendered and compared again though nothing changed; 0 is never.")
    var interval: UInt32 = 600

    @Flag(inversion: .prefixedNo, help: "Render when resources change; without it only the interval and SIGHUP do.")
    var watch = true

    @Option(help: "JSON file whose fields are keys for templates; may be repeated.")
    var keyFile: [String] = []

    @Option(help: "Replaces the prefix of the keys of every template resource.")
    var prefix: String?

    @Flag(help: "Render once and exit; the exit status says whether that worked.")
    var onetime = false

    @Flag(help: "Only print what would change.")
    var noop = false

    @Flag(help: "Replace files, but neither check them nor reload anything.")
    var syncOnly = false

    @Flag(help: "Keep staged files for a look at what was checked.")
    var keepStageFile = false

    /// Creates the command.
    public init() {}

    /// Refuses what could not work.
    public func validate() throws {
        guard self.prefix?.hasPrefix("/") ?? true else { throw ValidationError("--prefix must begin with /") }
    }

    /// Runs until SIGTERM or SIGINT, or for one cycle.
    public func run() async throws {
        let logger = self.logging.logger("confd", LogRouter())
        let datastore = try self.node.open(logger: logger)
        var settings = self.confd.settings(nodeName: self.node.name)
        settings.isDryRun = self.noop
        settings.keepsStage = self.keepStageFile
        settings.syncsOnly = self.syncOnly
        settings.templates.target = self.target
        settings.interval = self.interval == 0 ? nil : .seconds(Int64(self.interval))
        settings.watches = self.watch
        settings.prefix = self.prefix
        settings.keySources = KeySources(environment: ProcessInfo.processInfo.environment, files: self.keyFile)
        let socket = self.control.controlSocket
        let isOnce = self.onetime || self.noop
        let reader = ConfigurationReader()
        var hooks = ConfdHooks(
            checks: ["speaker": { try ConfdOptions.check($0, reader) }],
            reloads: [
                "speaker": { file in
                    // One run before the first start of the speaker gives it the file that it starts with.
                    if isOnce, access(socket, F_OK) != 0 {
                        return writeError("no speaker at \(socket): nothing to reload")
                    }
                    try await Self.reload(file, socket: socket)
                }
            ]
        )
        for daemon in Bird1Daemon.both(socketDirectory: self.birdSockets, mayBeAbsent: isOnce) {
            hooks.checks[daemon.name] = { try daemon.check($0) }
            hooks.reloads[daemon.name] = { _ in try daemon.reload() }
        }
        let service = ConfdService(
            snapshots: SnapshotSequence(
                syncer: Syncer(datastore: datastore, kinds: ResourceSnapshot.kinds),
                nodeName: self.node.name,
                logger: logger
            ),
            settings: settings,
            hooks: hooks,
            logger: logger
        )
        if isOnce {
            let complaints = datastore.diagnostics()
            for complaint in complaints { writeError("\(complaint)") }
            guard let report = try await service.runOnce() else { throw ExitCode.failure }
            for path in report.created { print("create \(path)") }
            for path in report.modified { print("change \(path)") }
            for path in report.deleted { print("delete \(path)") }
            for diagnostic in report.diagnostics { writeError("\(diagnostic)") }
            // What could be read is rendered; whoever runs this must still learn that something could not.
            guard !complaints.contains(where: { $0.diagnostic.severity == .error }) else { throw ExitCode.failure }
            return
        }
        let roles: [any Service] =
            [
                DatastoreRole(datastore: datastore),
                ConfdRole(confd: service, logger: logger),
                DiagnosticsRole(datastore: datastore, logger: logger),
                ReloadSignalService { service.refresh() },
            ] + self.metrics.service(logger: logger) { await service.prometheusText() }
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

extension TemplateSource.Target: ExpressibleByArgument {}
