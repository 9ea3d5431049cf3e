public import Resources

/// What a ``Syncer`` tells its consumer.
public enum SyncerUpdate: Hashable, Sendable {
    /// An object appeared or changed.
    case upserted(Resource)
    /// An object vanished.
    case removed(ResourceKey)
    /// All objects of the last full listing have been told. Comes after every such listing.
    case inSync
    /// The connection's state changed.
    case statusChanged(SyncStatus)
}

/// How a ``Syncer`` stands with its datastore.
public enum SyncStatus: String, Hashable, Sendable {
    /// The datastore does not answer; what was told so far stays valid as the last known state.
    case waitingForDatastore
    /// A full listing is under way.
    case resyncing
    /// What was told is what the datastore holds, but for changes on their way.
    case inSync
}

/// List, watch, re-watch and re-list as values: events in, updates and the next step out.
struct SyncerStateMachine: Sendable {
    enum Event: Sendable {
        case listed(ResourceList)
        case listFailed
        case watchStarted
        case watched([WatchEvent])
        case watchFailed
        case watchEnded
    }

    enum Step: Hashable, Sendable {
        /// List after this delay.
        case list(after: Duration)
        /// Watch from the revision after this delay.
        case watch(from: Revision, after: Duration)
        /// Wait for the open watch.
        case receive
    }

    /// Errors at one revision after which a full listing replaces watching.
    static let watchErrorLimit = 5
    /// Failures in a row after which the datastore counts as lost.
    static let lossLimit = 3

    private var revisions: [ResourceKey: Revision] = [:]
    private var last: Revision?
    private var failures = 0
    private var status: SyncStatus?
    private let backOff: BackOff

    init(backOff: BackOff) {
        self.backOff = backOff
    }

    /// The first step and what to tell before it.
    mutating func start() -> (updates: [SyncerUpdate], step: Step) {
        var updates: [SyncerUpdate] = []
        self.enter(.resyncing, &updates)
        return (updates, .list(after: .zero))
    }

    mutating func handle(_ event: Event) -> (updates: [SyncerUpdate], step: Step) {
        var updates: [SyncerUpdate] = []
        switch event {
        case .listed(let list):
            self.failures = 0
            self.enter(.resyncing, &updates)
            self.adopt(list, &updates)
            updates.append(.inSync)
            self.enter(.inSync, &updates)
            return (updates, .watch(from: list.revision, after: .zero))
        case .listFailed:
            return self.failed(&updates, retry: nil)
        case .watchStarted:
            // A watch that opens again ends the wait, whether or not something was missed.
            self.enter(.inSync, &updates)
            return (updates, .receive)
        case .watched(let events):
            self.failures = 0
            for event in events {
                guard self.apply(event, &updates) else {
                    self.enter(.resyncing, &updates)
                    return (updates, .list(after: self.backOff.minimum))
                }
            }
            self.enter(.inSync, &updates)
            return (updates, .receive)
        case .watchFailed, .watchEnded:
            let retry = self.failures < Self.watchErrorLimit ? self.last : nil
            return self.failed(&updates, retry: retry)
        }
    }

    private mutating func failed(_ updates: inout [SyncerUpdate], retry: Revision?) -> ([SyncerUpdate], Step) {
        let delay = self.backOff.delay(afterFailures: self.failures)
        self.failures += 1
        if self.failures >= Self.lossLimit { self.enter(.waitingForDatastore, &updates) }
        guard let retry else { return (updates, .list(after: delay)) }
        return (updates, .watch(from: retry, after: delay))
    }

    /// Mark and sweep: tells what differs from what was told, deletions first.
    private mutating func adopt(_ list: ResourceList, _ updates: inout [SyncerUpdate]) {
        let listed = Set(list.items.map(\.resource.key))
        for key in self.revisions.keys.filter({ !listed.contains($0) }).sorted() {
            self.revisions[key] = nil
            updates.append(.removed(key))
        }
        for item in list.items { self.upsert(item, &updates) }
        self.last = list.revision
    }

    private mutating func upsert(_ stored: StoredResource, _ updates: inout [SyncerUpdate]) {
        guard self.revisions.updateValue(stored.revision, forKey: stored.resource.key) != stored.revision else {
            return
        }
        updates.append(.upserted(stored.resource))
    }

    /// Tells one change; false when a full listing is required instead.
    private mutating func apply(_ event: WatchEvent, _ updates: inout [SyncerUpdate]) -> Bool {
        switch event {
        case .added(let stored), .modified(let stored):
            self.upsert(stored, &updates)
            self.last = stored.revision
        case .deleted(let key, let revision):
            if self.revisions.removeValue(forKey: key) != nil { updates.append(.removed(key)) }
            self.last = revision
        case .progress(let revision):
            self.last = revision
        case .resyncRequired:
            self.last = nil
            return false
        }
        return true
    }

    private mutating func enter(_ status: SyncStatus, _ updates: inout [SyncerUpdate]) {
        guard self.status != status else { return }
        self.status = status
        updates.append(.statusChanged(status))
    }
}

/// Delays between attempts: the minimum first, doubling up to the maximum.
public struct BackOff: Hashable, Sendable {
    /// First delay.
    public var minimum: Duration
    /// Longest delay.
    public var maximum: Duration
    /// Share of a delay that chance may take off, so that many clients of one store do not come back at once.
    public var jitter: Double

    /// Creates delays; half a second to half a minute unless given.
    public init(
        minimum: Duration = .milliseconds(500),
        maximum: Duration = .seconds(30),
        jitter: Double = 0.5
    ) {
        self.minimum = minimum
        self.maximum = maximum
        self.jitter = jitter
    }

    func delay(afterFailures count: Int) -> Duration {
        min(self.maximum, self.minimum * (1 << min(count, 16)))
    }

    /// `delay` with chance in it.
    public func jittered(_ delay: Duration) -> Duration {
        delay * Double.random(in: (1 - min(max(self.jitter, 0), 1))...1)
    }
}
