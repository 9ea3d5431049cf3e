import Resources

/// Objects, a bounded history of their changes and the watchers of it: the core of the local backends, without I/O.
struct ResourceTable: Sendable {
    /// Changes kept for watchers that come back after a disconnect.
    static let historyLimit = 4096
    /// Batches that may wait for a slow watcher before it is cut off and has to watch again.
    static let watcherBacklog = 256

    /// Distinguishes revisions of this instance from those of another.
    let epoch: String
    private(set) var objects: [ResourceKey: StoredResource] = [:]
    private var counter: UInt64 = 0
    /// The oldest change that is still known is the one after this.
    private var forgottenThrough: UInt64 = 0
    private var history: [Change] = []
    private var watchers: [UInt64: Watcher] = [:]
    private var nextWatcher: UInt64 = 0

    private struct Change: Sendable {
        var number: UInt64
        var kind: ResourceKind
        var event: WatchEvent
    }

    private struct Watcher: Sendable {
        var kinds: Set<ResourceKind>
        var continuation: WatchStream.Continuation
    }

    init(epoch: String) {
        self.epoch = epoch
    }

    var revision: Revision { self.revision(self.counter) }

    private func revision(_ number: UInt64) -> Revision { Revision("\(self.epoch)-\(number)") }

    func list(_ kinds: Set<ResourceKind>) -> ResourceList {
        let items = self.objects.values.filter { kinds.contains($0.resource.key.kind) }
            .sorted { $0.resource.key < $1.resource.key }
        return ResourceList(items: items, revision: self.revision)
    }

    /// Makes the objects be as `changes` say, nil meaning absent; watchers get one batch of what differs.
    mutating func apply(_ changes: [(key: ResourceKey, resource: Resource?)]) {
        var batch: [Change] = []
        for (key, resource) in changes {
            let current = self.objects[key]
            guard current?.resource != resource else { continue }
            self.counter += 1
            let revision = self.revision
            let event: WatchEvent
            if let resource {
                let stored = StoredResource(resource: resource, revision: revision)
                event = current == nil ? .added(stored) : .modified(stored)
                self.objects[key] = stored
            } else {
                event = .deleted(key, revision)
                self.objects[key] = nil
            }
            batch.append(Change(number: self.counter, kind: key.kind, event: event))
        }
        guard !batch.isEmpty else { return }
        self.history += batch
        if self.history.count > 2 * Self.historyLimit { self.forget(keeping: Self.historyLimit) }
        for (id, watcher) in self.watchers {
            let events = batch.filter { watcher.kinds.contains($0.kind) }.map(\.event)
            guard !events.isEmpty else { continue }
            if case .enqueued = watcher.continuation.yield(events) { continue }
            self.watchers[id] = nil
            watcher.continuation.finish()
        }
    }

    /// Drops all but the last `count` changes: older watchers have to list again.
    mutating func forget(keeping count: Int) {
        let surplus = self.history.count - count
        guard surplus > 0 else { return }
        self.forgottenThrough = self.history[surplus - 1].number
        self.history.removeFirst(surplus)
    }

    /// Starts a watcher; `onTermination` gets the number to hand to ``removeWatcher(_:)``.
    mutating func watch(
        _ kinds: Set<ResourceKind>,
        from revision: Revision,
        onTermination: @escaping @Sendable (UInt64) -> Void
    ) -> WatchStream {
        let (stream, continuation) = WatchStream.makeStream(bufferingPolicy: .bufferingOldest(Self.watcherBacklog))
        guard let number = self.number(of: revision), number >= self.forgottenThrough, number <= self.counter else {
            continuation.yield([.resyncRequired])
            continuation.finish()
            return stream
        }
        let missed = self.history.filter { $0.number > number && kinds.contains($0.kind) }.map(\.event)
        if !missed.isEmpty { continuation.yield(missed) }
        let id = self.nextWatcher
        self.nextWatcher += 1
        self.watchers[id] = Watcher(kinds: kinds, continuation: continuation)
        continuation.onTermination = { reason in
            if case .cancelled = reason { onTermination(id) }
        }
        return stream
    }

    mutating func removeWatcher(_ id: UInt64) {
        self.watchers[id] = nil
    }

    /// Ends all watch streams, as a lost connection does.
    mutating func disconnectWatchers() {
        let watchers = self.watchers.values
        self.watchers = [:]
        for watcher in watchers { watcher.continuation.finish() }
    }

    var watcherCount: Int { self.watchers.count }

    private func number(of revision: Revision) -> UInt64? {
        guard revision.text.hasPrefix("\(self.epoch)-") else { return nil }
        return UInt64(revision.text.dropFirst(self.epoch.count + 1))
    }
}
