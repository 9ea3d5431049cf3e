public import BGPWire
public import IPAddressing
public import RouteModel

/// Attributes, target and local attributes of a path at one stage.
public struct RouteForm: Hashable, Sendable {
    /// BGP attributes.
    public var attributes: PathAttributes
    /// Target before resolution.
    public var target: RouteTarget
    /// Preference and kernel attributes.
    public var local: LocalAttributes
}

/// A path of a destination, for people and programs that look.
public struct PathView: Hashable, Sendable {
    /// Source.
    public var source: SourceID
    /// Its protocol instance.
    public var origin: RouteOrigin
    /// Path identifier.
    public var pathID: UInt32
    /// As received.
    public var received: RouteForm
    /// After the import policy; nil when rejected.
    public var accepted: RouteForm?
    /// Why it was rejected.
    public var rejection: RejectReason?
    /// Whether it is the best path.
    public var isBest: Bool
    /// The step that decided: at which it lost, or for the best path the last one that removed a competitor.
    public var reason: DecisionReason
    /// Whether it is as good as the best path up to the IGP metric (a candidate for ECMP).
    public var isEqualCost: Bool
    /// Whether it was marked stale and not announced again.
    public var isStale: Bool
    /// Whether it is kept as a last resort, here or where it comes from (LLGR_STALE, RFC 9494).
    public var isLongLivedStale: Bool
    /// What the accepted target, or else the received one, resolves to.
    public var resolved: ResolvedTarget
}

/// A destination with its paths, best first.
public struct DestinationView: Hashable, Sendable {
    /// The prefix.
    public var prefix: IPPrefix
    /// Paths.
    public var paths: [PathView]
}

/// A part of a walk over a table.
public struct WalkSlice<Element: Sendable>: Sendable {
    /// What was found.
    public var elements: [Element]
    /// Where to go on; nil at the end.
    public var next: UInt32?
}

/// What a member is sent for a destination.
public struct ExportedView: Hashable, Sendable {
    /// The prefix.
    public var prefix: IPPrefix
    /// Path identifier as sent; nil on a session without (RFC 7911).
    public var pathID: UInt32?
    /// Whether it is the best path of the table.
    public var isBest: Bool
    /// Source of the route.
    public var source: SourceID
    /// Attributes as sent.
    public var attributes: PathAttributes
    /// Next hop as sent.
    public var nextHop: BGPNextHop
    /// Preference of the route here; it is not sent.
    public var preference: UInt16
}

/// Octets held by the parts of a core.
public struct MemoryAccount: Hashable, Sendable {
    /// Destinations with their first paths, IPv4 and IPv6.
    public var ipv4Destinations = 0
    /// As ``ipv4Destinations``.
    public var ipv6Destinations = 0
    /// Further paths.
    public var paths = 0
    /// Attribute sets with their index.
    public var attributes = 0
    /// Indices of the tables.
    public var indices = 0
    /// Journals of the tables.
    public var journals = 0
    /// What groups and consumers remember of what they announced.
    public var consumers = 0
    /// What flushes and caches keep for next time.
    public var scratch = 0

    /// All of it.
    public var total: Int {
        self.ipv4Destinations + self.ipv6Destinations + self.paths + self.attributes + self.indices + self.journals
            + self.consumers + self.scratch
    }

    /// What lies in the allocator's memory rather than in pages of its own.
    public var allocated: Int { self.journals + self.consumers + self.scratch }
}

/// Sizes of a table.
public struct TableCounters: Hashable, Sendable {
    /// Destinations with at least one path.
    public var destinations: Int
    /// Paths.
    public var paths: Int
}

extension RoutingCore {
    /// Sizes of a table.
    public func counters(_ table: TableID) -> TableCounters {
        table.isIPv4
            ? TableCounters(
                destinations: self.engine.ipv4Tables[table.index].destinationCount,
                paths: self.engine.ipv4Tables[table.index].pathCount
            )
            : TableCounters(
                destinations: self.engine.ipv6Tables[table.index].destinationCount,
                paths: self.engine.ipv6Tables[table.index].pathCount
            )
    }

    /// Number of distinct attribute sets.
    public var attributeSetCount: Int { self.engine.state.store.count }

    /// Octets held.
    public var memory: MemoryAccount {
        var account = MemoryAccount()
        account.attributes = self.engine.state.store.memory
        for index in 0..<self.engine.ipv4Tables.count {
            account.ipv4Destinations += self.engine.ipv4Tables[index].destinations.memory
            self.engine.ipv4Tables[index].account(&account)
        }
        for index in 0..<self.engine.ipv6Tables.count {
            account.ipv6Destinations += self.engine.ipv6Tables[index].destinations.memory
            self.engine.ipv6Tables[index].account(&account)
        }
        for group in self.engine.groups { account.consumers += group.memory }
        for consumer in self.engine.consumers { account.consumers += consumer.announced.capacity * 2 }
        account.scratch =
            self.engine.exporter.scratch.memory + self.engine.ipv4Packer.memory + self.engine.ipv6Packer.memory
            + self.engine.state.importMemo.memory
        account.paths += self.engine.state.identifiers.memory
        return account
    }

    /// Destinations from a position on (0 at first), at most `limit` looked at.
    ///
    /// With `source` only its paths.
    ///
    /// Between slices the table may change: what exists throughout is seen exactly once.
    public mutating func walk(
        _ table: TableID,
        from position: UInt32 = 0,
        limit: Int,
        source: SourceID? = nil
    ) -> WalkSlice<DestinationView> {
        let limit = UInt32(clamping: max(1, limit))
        return table.isIPv4
            ? self.engine.state.walk(&self.engine.ipv4Tables[table.index], position, limit, source)
            : self.engine.state.walk(&self.engine.ipv6Tables[table.index], position, limit, source)
    }

    /// The destination of exactly this prefix; nil when it has no paths.
    public mutating func lookUp(_ prefix: IPPrefix, in table: TableID) -> DestinationView? {
        switch prefix {
        case .v4(let prefix) where table.isIPv4:
            guard let number = self.engine.ipv4Tables[table.index].find(prefix) else { return nil }
            return self.engine.state.view(&self.engine.ipv4Tables[table.index], number, nil)
        case .v6(let prefix) where !table.isIPv4:
            guard let number = self.engine.ipv6Tables[table.index].find(prefix) else { return nil }
            return self.engine.state.view(&self.engine.ipv6Tables[table.index], number, nil)
        default: return nil
        }
    }

    /// The most specific destination around an address that has a best path.
    public mutating func longestMatch(_ address: IPAddress, in table: TableID) -> DestinationView? {
        switch address {
        case .v4(let address) where table.isIPv4:
            for number in self.engine.ipv4Tables[table.index].matches(address)
            where self.engine.ipv4Tables[table.index].destinations[number].hasBest {
                return self.engine.state.view(&self.engine.ipv4Tables[table.index], number, nil)
            }
        case .v6(let address) where !table.isIPv4:
            for number in self.engine.ipv6Tables[table.index].matches(address)
            where self.engine.ipv6Tables[table.index].destinations[number].hasBest {
                return self.engine.state.view(&self.engine.ipv6Tables[table.index], number, nil)
            }
        default: break
        }
        return nil
    }

    /// What a member is entitled to at present, recomputed; a slice as in ``walk(_:from:limit:source:)``.
    public mutating func exported(to member: SourceID, from position: UInt32 = 0, limit: Int) -> WalkSlice<ExportedView>
    {
        guard self.isLive(member) else { return WalkSlice(elements: [], next: nil) }
        let index = self.engine.state.sources[member.index].group
        guard index >= 0 else { return WalkSlice(elements: [], next: nil) }
        let evaluate = self.policies.evaluator
        let group = self.engine.groups[index]
        let table = group.key.table
        let limit = UInt32(clamping: max(1, limit))
        return table.isIPv4
            ? self.engine.state.exported(
                &self.engine.ipv4Tables[table.index],
                group,
                member,
                &self.engine.exporter,
                position,
                limit,
                evaluate
            )
            : self.engine.state.exported(
                &self.engine.ipv6Tables[table.index],
                group,
                member,
                &self.engine.exporter,
                position,
                limit,
                evaluate
            )
    }

    /// Whether a member may hold more than `count` routes; false when it certainly does not.
    ///
    /// Cheap, where the exact count is not.
    public func exportedCountMayExceed(_ count: Int, to member: SourceID) -> Bool {
        guard let group = self.group(of: member) else { return false }
        let content = self.engine.groups[group.index]
        return content.key.view == .best ? content.announcedCount > count : true
    }

    /// How many routes a member holds of what was flushed.
    public func exportedCount(to member: SourceID) -> Int {
        guard let group = self.group(of: member) else { return 0 }
        let content = self.engine.groups[group.index]
        guard content.key.view == .best else {
            let own = content.paths.count(from: member.rawValue)
            let owned = content.paths.owners.values.lazy.filter { $0 == member.rawValue }.count
            return content.paths.count - own - owned + (content.paths.alternates[member.rawValue]?.count ?? 0)
        }
        let mark = member.rawValue + 1
        let own = content.announced.lazy.filter { $0 == mark }.count
        return content.announcedCount - own - content.nextHopOwners.values.lazy.filter { $0 == member.rawValue }.count
    }

    /// How many destinations a consumer holds.
    public func exportedCount(to consumer: ConsumerID) -> Int {
        consumer.index < self.engine.consumers.count ? self.engine.consumers[consumer.index].announcedCount : 0
    }

    /// What a target resolves to for a source's routes; nil when no route uses it.
    public func resolution(of target: RouteTarget, for source: SourceID) -> ResolvedTarget? {
        guard self.isLive(source) else { return nil }
        let key = self.engine.state.targetKey(target, self.engine.state.sources[source.index].resolution)
        return self.engine.state.targets.find(key).map { self.engine.state.targets.resolved[Int($0)] }
    }
}

extension TargetStore {
    func find(_ key: TargetKey) -> TargetID? {
        self.keys.firstIndex { $0 == key }.map { TargetID($0) }
    }
}

extension CoreState {
    func form(_ id: AttributeID) -> RouteForm {
        let record = self.store[id]
        return RouteForm(
            attributes: PathAttributes(canonical: self.store.bytes(id).array),
            target: self.targets.target(record.target),
            local: record.local
        )
    }

    mutating func view<P>(_ table: inout Table<P>, _ number: UInt32, _ source: SourceID?) -> DestinationView? {
        let destination = table.destinations[number]
        guard destination.hasPath, destination.flags.contains(.isLive) else { return nil }
        _ = self.elect(table, number)
        let decisive = self.election.reason
        var paths: [PathView] = []
        for candidate in self.election.candidates {
            let path = candidate.path
            if let source, source.rawValue != path.source { continue }
            let isBest = destination.hasBest && candidate.slot == .inline
            let shown = path.accepted != 0 ? path.accepted : path.received
            paths.append(
                PathView(
                    source: SourceID(Int(path.source)),
                    origin: self.sources[Int(path.source)].origin,
                    pathID: path.pathID,
                    received: self.form(path.received),
                    accepted: path.accepted == 0 ? nil : self.form(path.accepted),
                    rejection: RejectReason(rawValue: path.reason),
                    isBest: isBest,
                    reason: isBest ? decisive : candidate.lostAt ?? decisive,
                    isEqualCost: candidate.isEqualCost,
                    isStale: self.isStale(path),
                    isLongLivedStale: candidate.isLongLivedStale,
                    resolved: self.targets.resolved[Int(self.store[shown].target)]
                )
            )
        }
        return paths.isEmpty ? nil : DestinationView(prefix: destination.prefix.erased, paths: paths)
    }

    mutating func walk<P>(_ table: inout Table<P>, _ position: UInt32, _ limit: UInt32, _ source: SourceID?)
        -> WalkSlice<DestinationView>
    {
        let count = table.destinations.count
        let end = position >= count ? count : position + min(limit, count - position)
        var elements: [DestinationView] = []
        for number in min(position, end)..<end {
            if let view = self.view(&table, number, source) { elements.append(view) }
        }
        return WalkSlice(elements: elements, next: end < count ? end : nil)
    }

    mutating func exported<P>(
        _ table: inout Table<P>,
        _ group: ExportGroup,
        _ member: SourceID,
        _ exporter: inout Exporter,
        _ position: UInt32,
        _ limit: UInt32,
        _ evaluate: PolicyEvaluator
    ) -> WalkSlice<ExportedView> {
        let count = table.destinations.count
        let end = position >= count ? count : position + min(limit, count - position)
        var elements: [ExportedView] = []
        exporter.scratch.reset()
        let rules = ExportRules(group.key, group.policy)
        for number in min(position, end)..<end where table.destinations[number].flags.contains(.isLive) {
            self.choose(table, number, rules.key.view)
            let destination = table.destinations[number]
            var left = group.key.view.limit
            for place in self.ranking.paths.indices where left > 0 {
                let path = self.ranking.paths[place]
                let set = self.exportedSet(&exporter, rules, path, { destination.prefix.erased }, evaluate)
                guard set != 0 else { continue }
                let nextHop = exporter.scratch.nextHop(set)
                let isOwn =
                    path.source == member.rawValue || nextHop.address == self.records[member.index].peerAddress
                // The first accepted one is sought among the others; elsewhere a place that is its own stays empty.
                if !isOwn || group.key.view != .firstAccepted { left -= 1 }
                guard !isOwn else { continue }
                elements.append(
                    ExportedView(
                        prefix: destination.prefix.erased,
                        pathID: group.key.view.sendsPathIDs ? self.identifiers.identifier(path) : nil,
                        isBest: destination.hasBest && path == destination.path,
                        source: SourceID(Int(path.source)),
                        attributes: PathAttributes(canonical: exporter.scratch.attributes(set)),
                        nextHop: nextHop,
                        preference: self.store[path.accepted].local.preference
                    )
                )
            }
        }
        exporter.scratch.reset()
        return WalkSlice(elements: elements, next: end < count ? end : nil)
    }

    /// Puts the paths that a view may take into `ranking`, in its order.
    private mutating func choose<P>(_ table: borrowing Table<P>, _ number: UInt32, _ view: ExportView) {
        let destination = table.destinations[number]
        switch view {
        case .best: self.ranking.start(with: destination.hasBest ? destination.path : nil)
        case .firstAccepted, .bestPaths, .allPaths: self.rank(table, number)
        }
    }
}
