internal import Datastore
internal import EtcdDatastore
internal import Felix
internal import Logging
internal import Resources
internal import ServiceLifecycle

/// Writes the status of endpoints to the datastore, in order, off felix's thread.
struct DatastoreStatusSink: EndpointStatusSink, Service {
    private let datastore: any Datastore
    private let logger: Logger
    private let changes: AsyncStream<(ResourceKey, EndpointStatus?)>
    private let continuation: AsyncStream<(ResourceKey, EndpointStatus?)>.Continuation

    init(datastore: any Datastore, logger: Logger) {
        self.datastore = datastore
        self.logger = logger
        (self.changes, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    func endpointStatusChanged(_ key: ResourceKey, _ status: EndpointStatus?) {
        self.continuation.yield((key, status))
    }

    func run() async throws {
        // In etcd statuses expire with the process that wrote them, and other nodes' are there too.
        if !(self.datastore is EtcdDatastore) { await self.clearVanished() }
        for await (key, status) in self.changes.cancelOnGracefulShutdown() {
            do {
                try await self.datastore.updateStatus(of: key, to: status)
            } catch {
                self.logger.error(
                    "Cannot write endpoint status",
                    metadata: ["endpoint": "\(key)", "error": "\(error)"]
                )
            }
        }
    }

    /// Clears the statuses of endpoints that vanished while nobody looked.
    private func clearVanished() async {
        do {
            let present = Set(try await self.datastore.list([.workloadEndpoint]).items.map(\.resource.key))
            for key in try await self.datastore.statuses().keys where !present.contains(key) {
                try await self.datastore.updateStatus(of: key, to: nil)
            }
        } catch {
            self.logger.warning("Cannot clear old endpoint statuses", metadata: ["error": "\(error)"])
        }
    }
}
