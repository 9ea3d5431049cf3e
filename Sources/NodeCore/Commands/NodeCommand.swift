public import ArgumentParser
internal import Confd
internal import ControlAPI
internal import ControlServer
internal import Datastore
internal import Felix
internal import Logging
internal import ServiceLifecycle
internal import Speaker

/// `martlet node`: felix, confd and the speaker of a node in one process.
public struct NodeCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Run everything a node needs: felix, confd and the BGP speaker.",
        discussion: "SIGHUP renders, reloads and reconciles. SIGTERM ends the process and leaves forwarding as it is."
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

    /// Creates the command.
    public init() {}

    /// Runs until SIGTERM, SIGINT or a final shutdown.
    public func run() async throws {
        let router = LogRouter()
        let logger = self.logging.logger("martlet", router)
        let name = self.node.name
        let datastore = try self.node.open(logger: logger)
        // Shared by the check of a staged set and the reload of the set in place.
        let reader = ConfigurationReader()
        let speaker = NodeSpeaker(
            path: self.confd.configDirectory + "/speaker.conf",
            reader: reader,
            options: Speaker.Options(restartMarker: self.control.restartMarker),
            router: router,
            logger: logger
        )
        let hooks = ConfdHooks(
            checks: ["speaker": { try ConfdOptions.check($0, reader) }],
            reloads: ["speaker": { _ in try await speaker.apply() }]
        )
        let confd = ConfdService(
            snapshots: SnapshotSequence(
                syncer: Syncer(datastore: datastore, kinds: ResourceSnapshot.kinds),
                nodeName: name,
                logger: logger
            ),
            settings: self.confd.settings(nodeName: name),
            hooks: hooks,
            logger: self.logging.logger("confd", router)
        )
        let felixLogger = self.logging.logger("felix", router)
        let sink = DatastoreStatusSink(datastore: datastore, logger: felixLogger)
        let felix = try FelixService(settings: FelixSettings(nodeName: name), sink: sink, logger: felixLogger)
        let backend = SpeakerBackend {
            try await speaker.required()
        } pending: {
            [
                felix.status.isInSync ? nil : "felix: the datastore is not in the kernel yet",
                confd.pendingReason.map { "confd: \($0)" },
            ].compactMap(\.self)
        } planned: { states in
            let statistics = await confd.statistics()
            return await confd.plan().map {
                PlanStatus(
                    $0,
                    pending: confd.pendingReason,
                    states: states,
                    manifests: datastore.diagnostics(),
                    templates: statistics.resources
                )
            }
        }
        let server = ControlServer(
            socketPath: self.control.controlSocket,
            backend: backend,
            group: self.control.controlGroup,
            logger: logger
        )
        let services: [any Service] =
            [
                DatastoreRole(datastore: datastore), sink,
                FelixRole(felix: felix, syncer: Syncer(datastore: datastore)),
                NodeSpeakerRole(speaker: speaker, logger: logger),
                ConfdRole(confd: confd, logger: logger),
                DiagnosticsRole(datastore: datastore, logger: logger),
                NodeStatusReporter(nodeName: name, datastore: datastore, backend: backend, logger: logger),
                ReloadSignalService {
                    confd.refresh()
                    felix.reconcile()
                    do {
                        try await speaker.apply()
                    } catch {
                        logger.error("Reload refused", metadata: ["reason": "\(error)"])
                    }
                },
                server,
            ] + self.metrics.service(logger: logger) { await confd.prometheusText() + (await backend.prometheusText()) }
        try await runServices(services, logger: logger) { request in await speaker.onShutdown(request) }
    }
}
