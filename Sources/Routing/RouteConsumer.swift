public import BGPWire
public import IPAddressing
public import RouteModel

/// What a consumer of route changes wants: kernel export, a monitor.
public struct ConsumerSettings<Policy: RoutePolicy>: Hashable, Sendable {
    /// Table.
    public var table: TableID
    /// Export policy: routes it rejects do not exist for the consumer.
    public var policy: Policy
    /// Kinds of changes it is told about.
    public var kinds: ChangeKinds
    /// Largest number of ECMP next hops merged from paths of equal cost; 1 is none.
    public var mergePaths: Int
    /// Source whose routes it never gets, its own: a kernel protocol does not export what it learned.
    public var excludedSource: SourceID?
    /// Makes the consumer one direction of a pipe: it is served by ``RoutingCore/mirror(_:limit:room:)`` alone.
    public var mirror: MirrorSettings?

    /// Creates settings for a consumer of best routes.
    public init(table: TableID, policy: Policy) {
        self.table = table
        self.policy = policy
        self.kinds = [.best, .attributes]
        self.mergePaths = 1
    }
}

/// A route as a consumer gets it: accepted by its export policy, with that policy's changes.
public struct ExportedRoute: Hashable, Sendable {
    /// Source of the best path.
    public var source: SourceID
    /// Its protocol instance.
    public var origin: RouteOrigin
    /// BGP attributes.
    public var attributes: PathAttributes
    /// Target before resolution.
    public var target: RouteTarget
    /// Preference and kernel attributes.
    public var local: LocalAttributes
    /// What the target resolves to, with the gateways of merged paths.
    public var resolved: ResolvedTarget
}

/// One change for a consumer.
public struct RouteChange: Hashable, Sendable {
    /// Destination.
    public var prefix: IPPrefix
    /// The route now; nil is a withdrawal.
    public var route: ExportedRoute?
    /// Whether the consumer was given a route before.
    public var wasAnnounced: Bool
}

/// A consumer of route changes, as the engine keeps it.
struct RouteConsumer {
    var table: TableID
    var policy: PolicyTraits
    var kinds: ChangeKinds
    var mergePaths: Int
    var excludedSource: SourceID?
    var isLive = true
    var cursor: UInt64
    var walk: Walk?
    /// Per destination whether the consumer was given a route, 0 or 1.
    var announced: ContiguousArray<UInt16> = []
    var announcedCount = 0
    var mirror: MirrorSettings?
    /// Images by source of this table.
    var mirrors: [Int: Mirror] = [:]
    /// How many sources had been removed when the mirrors were last looked at.
    var removalsSeen: UInt64 = 0
}

extension RoutingCore {
    /// Adds a consumer; it is given the whole table first.
    public mutating func addConsumer(_ settings: ConsumerSettings<Policy>) -> ConsumerID {
        let slot = self.policies.retain(settings.policy)
        var consumer = RouteConsumer(settings, self.policies.traits(slot))
        consumer.cursor = self.engine.journalHead(settings.table)
        consumer.walk = Walk(kind: .full, end: 0, head: 0)
        let index: Int
        if let free = self.engine.consumers.firstIndex(where: { !$0.isLive }) {
            self.engine.consumers[free] = consumer
            index = free
        } else {
            index = self.engine.consumers.count
            self.engine.consumers.append(consumer)
        }
        self.engine.updateInterests(settings.table)
        return ConsumerID(index: index)
    }

    /// Changes a consumer's settings, its table excepted; it is given all it is entitled to again, and withdrawals of
    /// the rest.
    public mutating func changeConsumer(_ id: ConsumerID, to settings: ConsumerSettings<Policy>) {
        guard self.isLive(id), self.engine.consumers[id.index].table == settings.table else { return }
        let slot = self.policies.retain(settings.policy)
        self.policies.release(self.engine.consumers[id.index].policy.slot)
        var consumer = RouteConsumer(settings, self.policies.traits(slot))
        consumer.cursor = self.engine.consumers[id.index].cursor
        consumer.announced = self.engine.consumers[id.index].announced
        consumer.announcedCount = self.engine.consumers[id.index].announcedCount
        consumer.mirrors = self.engine.consumers[id.index].mirrors
        consumer.removalsSeen = self.engine.consumers[id.index].removalsSeen
        consumer.walk = Walk(kind: .full, end: 0, head: 0)
        self.engine.consumers[id.index] = consumer
        self.engine.updateInterests(settings.table)
    }

    /// Gives a consumer everything again.
    public mutating func refresh(_ id: ConsumerID) {
        guard self.isLive(id) else { return }
        self.engine.consumers[id.index].walk = Walk(kind: .full, end: 0, head: 0)
    }

    /// Removes a consumer.
    public mutating func removeConsumer(_ id: ConsumerID) {
        guard self.isLive(id) else { return }
        let consumer = self.engine.consumers[id.index]
        self.policies.release(consumer.policy.slot)
        self.engine.consumers[id.index].isLive = false
        self.engine.consumers[id.index].announced = []
        self.engine.consumers[id.index].mirrors = [:]
        self.engine.releaseHolds(consumer.table, consumer.announced)
        for mirror in consumer.mirrors.values {
            if let image = mirror.source { self.removeSource(image) }
        }
        self.engine.updateInterests(consumer.table)
    }

    /// Whether a consumer has something to drain, or may have.
    public func isPending(_ id: ConsumerID) -> Bool {
        guard self.isLive(id) else { return false }
        let consumer = self.engine.consumers[id.index]
        return consumer.walk != nil || consumer.cursor < self.engine.journalHead(consumer.table)
            || (!consumer.mirrors.isEmpty && consumer.removalsSeen != self.engine.removals)
    }

    /// Up to `limit` changes for a consumer, in order; fewer, even none, may come while ``isPending(_:)`` holds.
    public mutating func drain(_ id: ConsumerID, limit: Int) -> [RouteChange] {
        guard self.isLive(id), self.engine.consumers[id.index].mirror == nil else { return [] }
        let evaluate = self.policies.evaluator
        return self.engine.drain(id.index, limit, evaluate)
    }

    func isLive(_ id: ConsumerID) -> Bool {
        id.index < self.engine.consumers.count && self.engine.consumers[id.index].isLive
    }
}

extension RouteConsumer {
    init<Policy>(_ settings: ConsumerSettings<Policy>, _ policy: PolicyTraits) {
        self.table = settings.table
        self.policy = policy
        self.kinds = settings.kinds
        self.mergePaths = settings.mergePaths
        self.excludedSource = settings.excludedSource
        self.cursor = 0
        self.mirror = settings.mirror
        // Other paths of equal cost matter when they are merged.
        if settings.mergePaths > 1 || settings.mirror != nil { self.kinds.insert(.path) }
    }

    /// What the next place in the walk or the journal comes to.
    enum Step {
        case destination(UInt32)
        case nothing
        case end
    }

    /// Goes on to the next destination that may have changed.
    mutating func step<P>(_ table: inout Table<P>) -> Step {
        if var walk = self.walk {
            if walk.position == 0 {
                walk.end = table.destinations.count
                self.cursor = table.journal.head
            }
            let number = walk.position
            walk.position += 1
            self.walk = walk.position < walk.end ? walk : nil
            guard number < walk.end, table.destinations[number].flags.contains(.isLive) else { return .nothing }
            if case .since(let position) = walk.kind, !table.isChanged(number, since: position) { return .nothing }
            return .destination(number)
        }
        if self.cursor < table.journal.start {
            self.walk = Walk(kind: .since(self.cursor), end: 0, head: 0)
            return .nothing
        }
        guard self.cursor < table.journal.head else { return .end }
        let number = table.journal[self.cursor]
        let isLatest = table.destinations[number].journal == UInt32(truncatingIfNeeded: self.cursor)
        self.cursor += 1
        guard isLatest, !table.destinations[number].kinds.isDisjoint(with: self.kinds) else { return .nothing }
        return .destination(number)
    }

    /// Makes room to remember what the consumer was given of `count` destinations.
    mutating func grow(to count: Int) {
        guard self.announced.count < count else { return }
        let missing = (count + 4095) & ~4095 - self.announced.count
        self.announced.append(contentsOf: repeatElement(0, count: missing))
    }

    /// Remembers whether the consumer has a route of a destination now.
    mutating func note<P>(_ table: inout Table<P>, _ number: UInt32, hasRoute: Bool) {
        guard hasRoute != (self.announced[Int(number)] != 0) else { return }
        self.announced[Int(number)] = hasRoute ? 1 : 0
        if hasRoute {
            self.announcedCount += 1
            table.destinations[number].holders += 1
        } else {
            self.announcedCount -= 1
            table.destinations[number].holders -= 1
            table.releaseIfUnused(number)
        }
    }
}

extension Engine {
    mutating func drain(_ index: Int, _ limit: Int, _ evaluate: PolicyEvaluator) -> [RouteChange] {
        let table = self.consumers[index].table
        var consumer = self.consumers[index]
        // Taken out for the time of the call, so that its array is changed in place.
        self.consumers[index].announced = []
        let changes =
            table.isIPv4
            ? self.state.drain(&self.ipv4Tables[table.index], &consumer, limit, evaluate)
            : self.state.drain(&self.ipv6Tables[table.index], &consumer, limit, evaluate)
        self.consumers[index] = consumer
        self.updateCursors(table)
        return changes
    }
}

extension CoreState {
    mutating func drain<P>(
        _ table: inout Table<P>,
        _ consumer: inout RouteConsumer,
        _ limit: Int,
        _ evaluate: PolicyEvaluator
    ) -> [RouteChange] {
        var changes: [RouteChange] = []
        consumer.grow(to: Int(table.destinations.count))
        // Destinations that turn out to be no change count too, so that the call stays short.
        var left = max(limit, 1) * 4
        while changes.count < limit, left > 0 {
            left -= 1
            switch consumer.step(&table) {
            case .end: return changes
            case .nothing: continue
            case .destination(let number): self.change(&table, &consumer, number, &changes, evaluate)
            }
        }
        return changes
    }

    private mutating func change<P>(
        _ table: inout Table<P>,
        _ consumer: inout RouteConsumer,
        _ number: UInt32,
        _ changes: inout [RouteChange],
        _ evaluate: PolicyEvaluator
    ) {
        let prefix = table.destinations[number].prefix.erased
        let wasAnnounced = consumer.announced[Int(number)] != 0
        let route = self.exportedRoute(table, consumer, number, evaluate)
        guard route != nil || wasAnnounced else { return }
        changes.append(RouteChange(prefix: prefix, route: route, wasAnnounced: wasAnnounced))
        consumer.note(&table, number, hasRoute: route != nil)
    }

    private mutating func exportedRoute<P>(
        _ table: borrowing Table<P>,
        _ consumer: RouteConsumer,
        _ number: UInt32,
        _ evaluate: PolicyEvaluator
    ) -> ExportedRoute? {
        let destination = table.destinations[number]
        guard destination.hasBest, consumer.policy.constant != .reject else { return nil }
        let source = Int(destination.path.source)
        guard consumer.excludedSource?.index != source else { return nil }
        let accepted = destination.path.accepted
        var draft = self.draft(accepted, source, destination.prefix.erased)
        if consumer.policy.constant == nil, evaluate(consumer.policy.slot, &draft) == .reject { return nil }
        var resolved = self.targets.resolved[Int(self.store[accepted].target)]
        if case .gateways(let gateways) = draft.target, draft.target != self.targets.target(self.store[accepted].target)
        {
            // The policy put gateways of its own in place; those without an interface are left to the consumer.
            let usable = gateways.filter { $0.interface == 0 || self.interfaces[$0.interface]?.isUp ?? true }
            resolved = ResolvedTarget(kind: .gateways, gateways: usable, igpMetric: 0)
        } else if consumer.mergePaths > 1, resolved.kind == .gateways {
            self.merge(table, number, consumer.mergePaths, &resolved)
        }
        return ExportedRoute(
            source: SourceID(source),
            origin: self.sources[source].origin,
            attributes: draft.attributes,
            target: draft.target,
            local: draft.local,
            resolved: resolved
        )
    }

    /// Adds the gateways of paths of equal cost, ordered by address, up to `limit`; one path alone keeps its own.
    private mutating func merge<P>(
        _ table: borrowing Table<P>,
        _ number: UInt32,
        _ limit: Int,
        _ resolved: inout ResolvedTarget
    ) {
        guard table.destinations[number].hasSeveralPaths, self.elect(table, number) != nil else { return }
        let equal = self.election.candidates.filter(\.isEqualCost)
        guard equal.count > 1 else { return }
        for candidate in equal {
            let other = self.targets.resolved[Int(self.store[candidate.path.accepted].target)]
            for gateway in other.gateways where !resolved.gateways.contains(gateway) {
                resolved.gateways.append(gateway)
            }
        }
        func order(_ a: Gateway, _ b: Gateway) -> Bool {
            switch (a.address, b.address) {
            case (let a?, let b?) where a != b: a < b
            case (nil, _?): true
            case (_?, nil): false
            default: (a.interface, a.weight) < (b.interface, b.weight)
            }
        }
        resolved.gateways = Array(resolved.gateways.sorted(by: order).prefix(limit))
    }
}
