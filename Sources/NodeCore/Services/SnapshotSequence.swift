internal import Confd
internal import Datastore

/// The resources of a datastore, whole, after each change; the first one when all were listed.
struct SnapshotSequence: AsyncSequence, Sendable {
    typealias Element = ResourceSnapshot
    typealias Failure = Never

    let syncer: Syncer
    /// The node whose workload endpoints are wanted.
    let nodeName: String

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(updates: self.syncer.makeAsyncIterator(), nodeName: self.nodeName)
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var updates: Syncer.AsyncIterator
        private var snapshot: ResourceSnapshot
        private var isComplete = false

        fileprivate init(updates: Syncer.AsyncIterator, nodeName: String) {
            self.updates = updates
            self.snapshot = ResourceSnapshot(endpointNode: nodeName)
        }

        mutating func next() async -> ResourceSnapshot? {
            while let batch = await self.updates.next() {
                for update in batch {
                    switch update {
                    case .upserted(let resource): self.snapshot.update(resource)
                    case .removed(let key): self.snapshot.remove(key)
                    case .inSync: self.isComplete = true
                    case .statusChanged: break
                    }
                }
                if self.isComplete { return self.snapshot }
            }
            return nil
        }
    }
}
