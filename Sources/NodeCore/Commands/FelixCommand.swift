public import ArgumentParser
internal import Datastore
internal import Felix
internal import Logging
internal import ServiceLifecycle

/// `martlet felix`: programs this host's interfaces and routes, alone.
public struct FelixCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "felix",
        abstract: "Program interfaces, neighbours and routes of this node's workloads.",
        discussion: "SIGHUP compares the whole kernel with what is wanted."
    )

    @OptionGroup
    var node: NodeOptions

    @OptionGroup
    var logging: LoggingOptions

    /// Creates the command.
    public init() {}

    /// Runs until SIGTERM or SIGINT; forwarding stays.
    public func run() async throws {
        let logger = self.logging.logger("felix", LogRouter())
        let datastore = try self.node.open(logger: logger)
        let sink = DatastoreStatusSink(datastore: datastore, logger: logger)
        let felix = try FelixService(settings: FelixSettings(nodeName: self.node.name), sink: sink, logger: logger)
        let services: [any Service] = [
            DatastoreRole(datastore: datastore), sink,
            FelixRole(felix: felix, syncer: Syncer(datastore: datastore)),
            DiagnosticsRole(datastore: datastore, logger: logger),
            ReloadSignalService { felix.reconcile() },
        ]
        try await runServices(services, logger: logger)
    }
}
