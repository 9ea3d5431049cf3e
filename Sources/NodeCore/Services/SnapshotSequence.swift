internal import Confd
internal import Datastore
internal import Logging

/// The resources of a datastore, whole, after each change; the first one when all were listed.
struct SnapshotSequence: AsyncSequence, Sendable {
    typealias Element = ResourceSnapshot
    typealias Failure = Never

    let syncer: Syncer
    /// The node whose workload endpoints are wanted.
    let nodeName: String
    let logger: Logger

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(updates: self.syncer.makeAsyncIterator(), nodeName: self.nodeName, logger: self.logger)
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var updates: Syncer.AsyncIterator
        private var snapshot: ResourceSnapshot
        private var isComplete = false
        private let logger: Logger

        fileprivate init(updates: Syncer.AsyncIterator, nodeName: String, logger: Logger) {
            self.updates = updates
            self.snapshot = ResourceSnapshot(endpointNode: nodeName)
            self.logger = logger
        }

        mutating func next() async -> ResourceSnapshot? {
            while let batch = await self.updates.next() {
                for update in batch {
                    switch update {
                    case .upserted(let resource): self.snapshot.update(resource)
                    case .removed(let key): self.snapshot.remove(key)
                    case .inSync: self.isComplete = true
                    case .statusChanged(let status): self.log(status)
                    }
                }
                if self.isComplete { return self.snapshot }
            }
            return nil
        }

        private func log(_ status: SyncStatus) {
            switch status {
            case .waitingForDatastore where self.isComplete:
                self.logger.warning("The datastore does not answer: what it held last stays in force")
            case .waitingForDatastore:
                self.logger.warning("The datastore does not answer: the configuration rendered last is used")
            case .resyncing: self.logger.info("Reading the datastore")
            case .inSync: self.logger.info("In sync with the datastore")
            }
        }
    }
}
