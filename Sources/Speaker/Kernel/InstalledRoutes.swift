internal import IPAddressing
internal import Netlink

/// The speaker's own routes in one kernel table: what it wants there, what it saw there, and what to do about it.
///
/// Ownership rules: a first add is CREATE|EXCL; REPLACE only on a key last observed as own; EEXIST blocks the route until
/// the rival is seen to leave; deletes always match the protocol. Own routes found at start that nobody wants (yet) are
/// stale: adopted without a write when wanted again, removed by `sweep()`. Until then a stale multipath route keeps its
/// legs: what is wanted grows peer by peer, and a route with fewer of the same legs would only move traffic twice.
struct InstalledRoutes {
    /// Routes wanted: at most one per prefix.
    private(set) var desired: [IPPrefix: KernelRoute] = [:]
    /// Own routes seen in the kernel; several per prefix only where their metrics differ.
    private(set) var observed: [IPPrefix: [KernelRoute]] = [:]
    /// Wanted routes whose key somebody else's route occupies.
    private(set) var blocked: Set<RouteKey> = []
    /// Wanted routes whose last write failed for another reason, with the kernel's words.
    private(set) var failed: [RouteKey: String] = [:]
    /// Whether own routes that are not wanted are left alone for now.
    private(set) var keepsStale = true
    private var dirty: Set<IPPrefix> = []
    /// What the writes under way replace: it stays where the kernel refuses.
    private var replaced: [RouteKey: KernelRoute] = [:]

    /// Octets held, about: slots of the dictionaries, and the arrays beside them.
    var memory: Int {
        let route = MemoryLayout<KernelRoute>.stride
        let prefix = MemoryLayout<IPPrefix>.stride
        // An array of one element: header of 32 octets and the allocator's own 16; next hops lie in arrays too.
        let boxed = 48 + route
        let hops = 48 + MemoryLayout<KernelNextHop>.stride
        return self.desired.capacity * 4 / 3 * (prefix + route) + self.observed.capacity * 4 / 3 * (prefix + 8)
            + self.observed.count * (boxed + hops) + self.desired.count * hops
            + (self.dirty.capacity + self.released.capacity + self.stale.capacity) * 4 / 3 * prefix
            + (self.blocked.capacity + self.failed.capacity) * 4 / 3 * MemoryLayout<RouteKey>.stride
            + self.replaced.capacity * 4 / 3 * (MemoryLayout<RouteKey>.stride + route)
    }

    /// Sets or clears what is wanted for a prefix.
    mutating func want(_ route: KernelRoute?, for prefix: IPPrefix) {
        guard self.desired[prefix] != route else { return }
        if let old = self.desired[prefix] {
            self.blocked.remove(old.key)
            self.failed[old.key] = nil
        }
        self.desired[prefix] = route
        self.dirty.insert(prefix)
        // A route that was wanted and is not any more is no leftover of a former run: it goes now.
        if route == nil { self.released.insert(prefix) } else { self.released.remove(prefix) }
    }

    private var released: Set<IPPrefix> = []
    /// Prefixes whose routes a former run wrote and this one has not wanted as they are.
    private var stale: Set<IPPrefix> = []
    private var isFirstDump = true

    /// Takes a dump of own routes; differences from what is wanted become due, and blocked routes are tried again.
    mutating func observe(_ dump: [KernelRoute]) {
        self.dirty.formUnion(self.observed.keys)
        self.observed = Dictionary(grouping: dump) { $0.prefix }
        self.dirty.formUnion(self.observed.keys)
        self.dirty.formUnion(self.desired.keys)
        if self.isFirstDump {
            self.isFirstDump = false
            self.stale = Set(self.observed.keys)
        }
        self.blocked = []
        self.failed = [:]
        self.replaced = [:]
    }

    /// Whether a monitor event about an own route says something else than what is believed.
    ///
    /// Events lag behind writes, so they only tell that it is time for another dump.
    func isContradicted(by route: KernelRoute, isRemoved: Bool) -> Bool {
        let believed = self.observed[route.prefix]?.first { $0.key == route.key }
        return isRemoved ? believed != nil : believed.map { !route.hasSameEffect(as: $0) } ?? true
    }

    /// Whether a foreign route has taken a key that was own.
    func isUsurped(_ key: RouteKey) -> Bool {
        self.observed[key.prefix]?.contains { $0.key == key } ?? false
    }

    /// A foreign route left a key: a route blocked by it gets another chance.
    mutating func foreignLeft(_ key: RouteKey) {
        guard self.blocked.remove(key) != nil else { return }
        self.dirty.insert(key.prefix)
    }

    /// Links or addresses changed: what the kernel refused may work now.
    mutating func retryFailed() {
        for key in self.failed.keys { self.dirty.insert(key.prefix) }
        self.failed = [:]
    }

    /// From now on own routes that are not wanted are removed.
    mutating func sweep() {
        guard self.keepsStale else { return }
        self.keepsStale = false
        self.stale = []
        for prefix in self.observed.keys { self.dirty.insert(prefix) }
    }

    /// Wants nothing any more, leftovers included: the end of a final shutdown or of the protocol instance.
    mutating func releaseAll() {
        for prefix in Array(self.desired.keys) { self.want(nil, for: prefix) }
        self.sweep()
    }

    /// Whether `operations` would find something to look at.
    var hasWork: Bool { !self.dirty.isEmpty }

    /// The writes that bring the kernel closer to what is wanted, for at most `limit` prefixes.
    ///
    /// Observation changes as if they all succeed; `complete` corrects what failed.
    mutating func operations(limit: Int) -> [RouteOperation] {
        var operations: [RouteOperation] = []
        for _ in 0..<limit {
            guard let prefix = self.dirty.popFirst() else { break }
            let wanted = self.desired[prefix]
            var list = self.observed[prefix] ?? []
            if let wanted, !self.blocked.contains(wanted.key) {
                if let index = list.firstIndex(where: { $0.key == wanted.key }) {
                    if self.keepsStale, self.stale.contains(prefix), wanted.hasFewerLegs(than: list[index]) {
                        continue
                    }
                    self.stale.remove(prefix)
                    if !list[index].hasSameEffect(as: wanted) {
                        self.replaced[wanted.key] = list[index]
                        operations.append(.replace(wanted))
                        list[index] = wanted
                    }
                } else {
                    operations.append(.add(wanted))
                    list.append(wanted)
                }
            }
            // New before old, so that the destination is never without a route.
            if wanted != nil || !self.keepsStale || self.released.contains(prefix) {
                for route in list where route.key != wanted?.key {
                    operations.append(.delete(route.key, protocolNumber: route.protocolNumber))
                }
                list.removeAll { $0.key != wanted?.key }
                self.released.remove(prefix)
            }
            self.observed[prefix] = list.isEmpty ? nil : list
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
                var list = self.observed[key.prefix] ?? []
                list.removeAll { $0.key == key }
                if !failure.error.isNotFound, !failure.error.isAlreadyThere, let old = self.replaced[key] {
                    list.append(old)
                }
                self.observed[key.prefix] = list.isEmpty ? nil : list
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
