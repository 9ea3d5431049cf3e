internal import IPAddressing
internal import Netlink

/// The speaker's own routes in one kernel table: what it wants there, what it saw there, and what to do about it.
///
/// Ownership rules: a first add is CREATE|EXCL; REPLACE only on a key last observed as own; EEXIST blocks the route until
/// the rival is seen to leave; deletes always match the protocol. Own routes found at start that nobody wants (yet) are
/// stale: adopted without a write when wanted again, removed by `sweep()`. Until then a stale multipath route keeps its
/// legs: what is wanted grows peer by peer, and a route with fewer of the same legs would only move traffic twice.
struct InstalledRoutes {
    private var entries: [IPPrefix: Entry] = [:]
    /// Wanted routes whose key somebody else's route occupies.
    private(set) var blocked: Set<RouteKey> = []
    /// Wanted routes whose last write failed for another reason, with the kernel's words.
    private(set) var failed: [RouteKey: String] = [:]
    /// Routes wanted: at most one per prefix.
    private(set) var wantedCount = 0
    /// Whether own routes that are not wanted are left alone for now.
    private(set) var keepsStale = true
    /// Prefixes to look at, first come first served; each has its entry marked.
    private var queue: [IPPrefix] = []
    private var queueHead = 0
    private var isFirstDump = true
    /// What the writes under way replace: it stays where the kernel refuses.
    private var replaced: [RouteKey: KernelRoute] = [:]

    /// What is known of a prefix.
    ///
    /// 128 octets beside the prefix; a route written as wanted is held once.
    struct Entry {
        var wanted: KernelRoute?
        var observed = Observed.none
        var marks: Marks = []

        var isEmpty: Bool {
            guard self.wanted == nil, case .none = self.observed else { return false }
            return self.marks.isEmpty
        }
    }

    /// Own routes seen in the kernel; several per prefix only where their metrics differ.
    enum Observed {
        case none
        /// One, which does what the wanted one does.
        case wanted
        case one(KernelRoute)
        case several([KernelRoute])
    }

    struct Marks: OptionSet {
        var rawValue: UInt8
        /// In the queue.
        static let isQueued = Marks(rawValue: 1)
        /// Was wanted and is not any more, so it is no leftover of a former run: it goes at once.
        static let isReleased = Marks(rawValue: 2)
        /// A former run wrote it, and this one has not wanted it as it is.
        static let isStale = Marks(rawValue: 4)
    }

    /// Octets held, about: slots of the dictionaries, and the next hops beside them.
    var memory: Int {
        let route = MemoryLayout<KernelRoute>.stride
        let prefix = MemoryLayout<IPPrefix>.stride
        let slot = prefix + MemoryLayout<Entry>.stride
        // An array of one element: header of 32 octets and the allocator's own 16.
        let hops = 48 + MemoryLayout<KernelNextHop>.stride
        return self.entries.capacity * 4 / 3 * slot + self.entries.count * hops + self.queue.capacity * prefix
            + (self.blocked.capacity + self.failed.capacity) * 4 / 3 * MemoryLayout<RouteKey>.stride
            + self.replaced.capacity * 4 / 3 * (MemoryLayout<RouteKey>.stride + route)
    }

    /// How a prefix stands with the kernel.
    enum Standing: Hashable, Sendable {
        /// Nothing is wanted.
        case unwanted
        /// The kernel has what is wanted.
        case written
        /// It is to be written.
        case due
        /// Somebody else's route has its place.
        case blocked
        /// The kernel refused it, in these words.
        case refused(String)
    }

    /// How a prefix stands.
    func standing(of prefix: IPPrefix) -> Standing {
        guard let entry = self.entries[prefix], let wanted = entry.wanted else { return .unwanted }
        if self.blocked.contains(wanted.key) { return .blocked }
        if let words = self.failed[wanted.key] { return .refused(words) }
        if case .wanted = entry.observed { return .written }
        return .due
    }

    // MARK: Wishes

    /// Sets or clears what is wanted for a prefix.
    mutating func want(_ route: KernelRoute?, for prefix: IPPrefix) {
        guard route != nil || self.entries[prefix]?.wanted != nil else { return }
        guard let change = self.entries[prefix, default: Entry()].want(route) else { return }
        if change.isNew { self.queue.append(prefix) }
        self.wantedCount += (route == nil ? 0 : 1) - (change.old == nil ? 0 : 1)
        guard let old = change.old else { return }
        if !self.blocked.isEmpty { self.blocked.remove(old) }
        if !self.failed.isEmpty { self.failed[old] = nil }
    }

    private mutating func enqueue(_ prefix: IPPrefix) {
        if self.entries[prefix, default: Entry()].marks.insert(.isQueued).inserted { self.queue.append(prefix) }
    }

    /// From now on own routes that are not wanted are removed.
    mutating func sweep() {
        guard self.keepsStale else { return }
        self.keepsStale = false
        self.updateAll { entry in
            entry.marks.remove(.isStale)
            if case .none = entry.observed { return false }
            return true
        }
    }

    /// Wants nothing any more, leftovers included: the end of a final shutdown or of the protocol instance.
    mutating func releaseAll() {
        for prefix in Array(self.entries.keys) { self.want(nil, for: prefix) }
        self.sweep()
    }

    /// Runs `body` for every entry and queues those for which it returns true.
    private mutating func updateAll(_ body: (inout Entry) -> Bool) {
        var index = self.entries.startIndex
        while index != self.entries.endIndex {
            if body(&self.entries.values[index]), self.entries.values[index].marks.insert(.isQueued).inserted {
                self.queue.append(self.entries[index].key)
            }
            self.entries.formIndex(after: &index)
        }
    }

    // MARK: Observation

    /// Takes a dump of own routes; differences from what is wanted become due, and blocked routes are tried again.
    mutating func observe(_ dump: [KernelRoute]) {
        self.updateAll { entry in
            entry.observed = .none
            return true
        }
        for route in dump {
            self.enqueue(route.prefix)
            self.entries[route.prefix]?.add(route)
            if self.isFirstDump { self.entries[route.prefix]?.marks.insert(.isStale) }
        }
        self.isFirstDump = false
        self.blocked = []
        self.failed = [:]
        self.replaced = [:]
    }

    /// Whether a monitor event about an own route says something else than what is believed.
    ///
    /// Events lag behind writes, so they only tell that it is time for another dump.
    func isContradicted(by route: KernelRoute, isRemoved: Bool) -> Bool {
        let believed = self.entries[route.prefix]?.route(route.key)
        return isRemoved ? believed != nil : believed.map { !route.hasSameEffect(as: $0) } ?? true
    }

    /// Whether a foreign route has taken a key that was own.
    func isUsurped(_ key: RouteKey) -> Bool { self.entries[key.prefix]?.route(key) != nil }

    /// A foreign route left a key: a route blocked by it gets another chance.
    mutating func foreignLeft(_ key: RouteKey) {
        guard self.blocked.remove(key) != nil else { return }
        self.enqueue(key.prefix)
    }

    /// Links or addresses changed: what the kernel refused may work now.
    mutating func retryFailed() {
        let failed = self.failed
        self.failed = [:]
        for key in failed.keys { self.enqueue(key.prefix) }
    }

    // MARK: Writes

    /// Whether `operations` would find something to look at.
    var hasWork: Bool { self.queueHead < self.queue.count }

    /// The writes that bring the kernel closer to what is wanted, for at most `limit` prefixes.
    ///
    /// Observation changes as if they all succeed; `complete` corrects what failed.
    mutating func operations(limit: Int) -> [RouteOperation] {
        let end = limit < self.queue.count - self.queueHead ? self.queueHead + limit : self.queue.count
        var operations: [RouteOperation] = []
        operations.reserveCapacity(end - self.queueHead)
        while self.queueHead < end {
            let prefix = self.queue[self.queueHead]
            self.queueHead += 1
            guard let index = self.entries.index(forKey: prefix) else { continue }
            self.entries.values[index].marks.remove(.isQueued)
            let wanted = self.entries.values[index].wanted
            let isBlocked = !self.blocked.isEmpty && wanted.map { self.blocked.contains($0.key) } ?? false
            let old = self.entries.values[index].update(isBlocked, keepsStale: self.keepsStale, &operations)
            if let old { self.replaced[old.key] = old }
            if self.entries.values[index].isEmpty { self.entries.remove(at: index) }
        }
        if self.queueHead == self.queue.count {
            self.queue.removeAll(keepingCapacity: self.queue.count < 1 << 16)
            self.queueHead = 0
        } else if self.queueHead >= self.queue.count / 2 {
            self.queue.removeFirst(self.queueHead)
            self.queueHead = 0
        }
        return operations
    }

    /// Corrects the picture after a batch: `failures` by position in `operations`.
    mutating func complete(_ operations: [RouteOperation], failures: [OperationFailure]) {
        defer { self.replaced = [:] }
        for failure in failures where operations.indices.contains(failure.index) {
            let operation = operations[failure.index]
            let key = operation.key
            switch operation {
            case .add, .replace:
                var entry = self.entries[key.prefix] ?? Entry()
                var routes = entry.routes
                routes.removeAll { $0.key == key }
                if !failure.error.isNotFound, !failure.error.isAlreadyThere, let old = self.replaced[key] {
                    routes.append(old)
                }
                entry.setRoutes(routes)
                self.entries[key.prefix] = entry.isEmpty ? nil : entry
                if failure.error.isAlreadyThere {
                    self.blocked.insert(key)
                } else {
                    self.failed[key] = failure.error.description
                }
            case .delete:
                // Not there any more is what was wanted; anything else is seen again at the next dump.
                if !failure.error.isNotFound { self.failed[key] = failure.error.description }
            }
        }
    }
}

extension InstalledRoutes.Entry {
    /// The own routes believed to be in the kernel.
    var routes: [KernelRoute] {
        switch self.observed {
        case .none: []
        case .wanted: self.wanted.map { [$0] } ?? []
        case .one(let route): [route]
        case .several(let routes): routes
        }
    }

    /// The one with a key.
    func route(_ key: RouteKey) -> KernelRoute? {
        switch self.observed {
        case .none: nil
        case .wanted: self.wanted?.key == key ? self.wanted : nil
        case .one(let route): route.key == key ? route : nil
        case .several(let routes): routes.first { $0.key == key }
        }
    }

    mutating func setRoutes(_ routes: [KernelRoute]) {
        guard let first = routes.first else {
            self.observed = .none
            return
        }
        guard routes.count == 1 else {
            self.observed = .several(routes)
            return
        }
        self.observed = self.wanted.map { first.hasSameEffect(as: $0) } ?? false ? .wanted : .one(first)
    }

    mutating func add(_ route: KernelRoute) {
        if case .none = self.observed { self.observed = .one(route) } else { self.setRoutes(self.routes + [route]) }
    }

    /// Sets or clears what is wanted; nil when it is so already, else the old key and whether the entry was not queued.
    mutating func want(_ route: KernelRoute?) -> (old: RouteKey?, isNew: Bool)? {
        let old = self.wanted
        guard old != route else { return nil }
        if let old, case .wanted = self.observed { self.observed = .one(old) }
        self.wanted = route
        if route == nil { self.marks.insert(.isReleased) } else { self.marks.remove(.isReleased) }
        return (old?.key, self.marks.insert(.isQueued).inserted)
    }

    /// Appends the writes for this prefix and notes them as done; returns what a replacement overwrites.
    mutating func update(_ isBlocked: Bool, keepsStale: Bool, _ operations: inout [RouteOperation]) -> KernelRoute? {
        switch self.observed {
        case .none where !isBlocked:
            // By far the most frequent cases: a new route, and nothing to do.
            if let wanted = self.wanted {
                operations.append(.add(wanted))
                self.observed = .wanted
            }
            self.marks.remove(.isReleased)
            return nil
        case .wanted:
            self.marks.remove(.isStale)
            return nil
        default: return self.compare(isBlocked, keepsStale, &operations)
        }
    }

    private mutating func compare(_ isBlocked: Bool, _ keepsStale: Bool, _ operations: inout [RouteOperation])
        -> KernelRoute?
    {
        var routes = self.routes
        var replaced: KernelRoute?
        if let wanted = self.wanted, !isBlocked {
            if let index = routes.firstIndex(where: { $0.key == wanted.key }) {
                if keepsStale, self.marks.contains(.isStale), wanted.hasFewerLegs(than: routes[index]) { return nil }
                self.marks.remove(.isStale)
                if !routes[index].hasSameEffect(as: wanted) {
                    replaced = routes[index]
                    operations.append(.replace(wanted))
                    routes[index] = wanted
                }
            } else {
                operations.append(.add(wanted))
                routes.append(wanted)
            }
        }
        // New before old, so that the destination is never without a route.
        if self.wanted != nil || !keepsStale || self.marks.contains(.isReleased) {
            for route in routes where route.key != self.wanted?.key {
                operations.append(.delete(route.key, protocolNumber: route.protocolNumber))
            }
            routes.removeAll { $0.key != self.wanted?.key }
            self.marks.remove(.isReleased)
        }
        self.setRoutes(routes)
        return replaced
    }
}

extension KernelRoute {
    /// Whether a route forwards over some, but not all, of another one's legs and over none beside them.
    func hasFewerLegs(than other: KernelRoute) -> Bool {
        guard self.type == .unicast, other.type == .unicast, self.nextHops.count < other.nextHops.count else {
            return false
        }
        return self.nextHops.allSatisfy { mine in
            other.nextHops.contains {
                $0.gateway == mine.gateway && (mine.interface == 0 || mine.interface == $0.interface)
            }
        }
    }

    /// Whether two routes forward alike: the kernel fills in fields that the writer leaves open.
    func hasSameEffect(as other: KernelRoute) -> Bool {
        guard self.key == other.key, self.protocolNumber == other.protocolNumber, self.type == other.type,
            self.nextHops.count == other.nextHops.count
        else { return false }
        if let wanted = other.preferredSource, wanted != self.preferredSource { return false }
        return zip(self.nextHops.sorted(), other.nextHops.sorted()).allSatisfy { mine, theirs in
            mine.gateway == theirs.gateway && mine.weight == theirs.weight
                && (theirs.interface == 0 || mine.interface == theirs.interface)
        }
    }
}

extension [KernelNextHop] {
    /// Legs in an order of their own: the kernel may list them differently.
    fileprivate func sorted() -> [KernelNextHop] {
        self.sorted { lhs, rhs in
            // By gateway first: the writer may leave the interface open.
            switch (lhs.gateway, rhs.gateway) {
            case (.none, .some): return true
            case (.some, .none): return false
            case (.some(let a), .some(let b)) where a != b: return a < b
            default: return lhs.interface < rhs.interface
            }
        }
    }
}
