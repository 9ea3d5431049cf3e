public import BGPWire
public import IPAddressing
public import RouteModel

/// The routing core: tables, routes of every source, decisions, and what is owed to every consumer.
///
/// A value with one writer: whoever owns it calls it from one event loop. It performs no I/O, reads no clock and takes
/// no lock. Work that may take long (policy re-evaluation, flushing a source, following next hop changes) is queued
/// and done in slices by ``work(_:)``. Consumers are served when they ask: ``flush(_:limit:)`` for groups of BGP
/// peers, ``drain(_:limit:)`` for everyone else.
public struct RoutingCore<Policy: RoutePolicy>: ~Copyable {
    var engine = Engine()
    var policies = PolicySlots<Policy>()
    var tableNames: [TableID: String] = [:]

    /// Creates a core without tables.
    ///
    /// `hashSeed` is the `UpdateContext.hashSeed` of the decoders whose hashes are passed in.
    public init(hashSeed: UInt64 = 0) {
        self.engine.state.hashSeed = hashSeed
    }

    // MARK: Tables

    /// Adds a table; nil when the name is taken or there are 32,767 of the family.
    public mutating func addTable(_ name: String, family: AddressFamily) -> TableID? {
        guard !self.tableNames.values.contains(name) else { return nil }
        let isIPv4 = family == .ipv4Unicast
        guard isIPv4 || family == .ipv6Unicast, let table = self.engine.addTable(name, isIPv4: isIPv4) else {
            return nil
        }
        self.tableNames[table] = name
        return table
    }

    /// Removes a table: its name is free at once, its memory when the last routes have gone.
    ///
    /// Sources, groups and consumers of the table are removed first; false while one of them is in use.
    @discardableResult
    public mutating func removeTable(_ table: TableID) -> Bool {
        guard self.tableNames[table] != nil, !self.engine.isConnected(table) else { return false }
        self.tableNames[table] = nil
        self.engine.removedTables.append(table)
        self.engine.reclaimTables()
        return true
    }

    /// The table of a name.
    public func table(named name: String) -> TableID? { self.tableNames.first { $0.value == name }?.key }

    /// The name of a table.
    public func name(of table: TableID) -> String { self.tableNames[table] ?? "" }

    /// All tables, in order of family and creation.
    public var tables: [TableID] {
        (0..<self.engine.tableCount).map { self.engine.tableID(ordinal: $0) }.filter { self.tableNames[$0] != nil }
    }

    // MARK: Interfaces

    /// Tells the core about an interface.
    ///
    /// Gateways over one that is down are unusable at once.
    ///
    /// An index the core was never told about counts as up.
    public mutating func setInterface(_ index: UInt32, name: String, isUp: Bool) {
        self.engine.setInterface(index, name: name, isUp: isUp)
    }

    /// Tells the core which addresses the host itself has.
    ///
    /// A next hop that is one of them does not resolve: packets would not leave (RFC 4271 §5.1.3).
    public mutating func setOwnAddresses(_ addresses: Set<IPAddress>) { self.engine.setOwnAddresses(addresses) }

    // MARK: Sources

    /// Adds a source; nil when 65,534 exist.
    public mutating func addSource(_ settings: SourceSettings<Policy>) -> SourceID? {
        let slot = self.policies.retain(settings.importPolicy)
        let source = SourceState(settings, self.policies.traits(slot))
        guard let id = self.engine.addSource(SourceRecord(settings), source) else {
            self.policies.release(slot)
            return nil
        }
        return id
    }

    /// Changes a source's settings; its table stays.
    ///
    /// Routes are evaluated again by ``work(_:)``, without asking the peer; only differences take effect.
    public mutating func changeSource(_ id: SourceID, to settings: SourceSettings<Policy>) {
        guard self.isLive(id), settings.table == self.engine.state.sources[id.index].table else { return }
        let slot = self.policies.retain(settings.importPolicy)
        let old = self.engine.state.sources[id.index]
        var new = SourceState(settings, self.policies.traits(slot))
        new.epoch = old.epoch
        new.marks = old.marks
        new.isAging = old.isAging
        new.agedEpoch = old.agedEpoch
        new.group = old.group
        new.task = old.task
        new.serial = old.serial
        self.engine.state.sources[id.index] = new
        self.engine.state.records[id.index] = SourceRecord(settings)
        self.engine.state.sourceEpoch &+= 1
        self.engine.updateUniformity()
        self.policies.release(old.policy.slot)
        if self.engine.state.counters[id.index].received > 0 {
            self.engine.startTask(id.index) { $0.isReevaluating = true }
        }
    }

    /// Removes a source: it accepts nothing from now on, its routes go in slices of ``work(_:)``, then the id is free.
    public mutating func removeSource(_ id: SourceID) {
        guard self.isLive(id), !self.engine.state.sources[id.index].task.isRemoving else { return }
        self.leave(id)
        self.policies.release(self.engine.state.sources[id.index].policy.slot)
        self.engine.startTask(id.index) { $0.isRemoving = true }
        if self.engine.state.counters[id.index].received == 0 {
            _ = self.engine.continueTask(id.index, 1, { _, _ in .reject })
        }
    }

    /// Withdraws all routes a source has now in slices of ``work(_:)``.
    ///
    /// What it announces from now on stays, so a session may come back before the work is done.
    public mutating func flush(source id: SourceID) {
        guard self.isLive(id) else { return }
        self.markStale(id)
        self.removeStale(id)
    }

    /// Marks all routes of a source as stale, for a refresh or a restart of the peer.
    ///
    /// Routes that are still stale from an earlier mark stay so.
    public mutating func markStale(_ id: SourceID) {
        guard self.isLive(id) else { return }
        if self.engine.state.sources[id.index].marks >= 14 {
            // The epoch has four bits: sweep what is stale before its marks could be mistaken for new ones.
            self.removeStale(id)
            self.finishTask(id)
        }
        self.engine.state.sources[id.index].marks += 1
        self.engine.state.sources[id.index].epoch = (self.engine.state.sources[id.index].epoch + 1) & 15
        self.engine.state.counters[id.index].stale = self.engine.state.counters[id.index].received
    }

    /// Keeps what is stale now as a last resort, in slices of ``work(_:)``: the peer did not come back in time.
    ///
    /// It gets LLGR_STALE, so it loses against every other path of the same preference, and is sent to peers that
    /// understand this only. What has NO_LLGR goes (RFC 9494 §4.2).
    public mutating func ageStale(_ id: SourceID) {
        guard self.isLive(id) else { return }
        self.engine.state.sources[id.index].isAging = true
        self.engine.state.sources[id.index].agedEpoch = self.engine.state.sources[id.index].epoch
        if self.engine.state.counters[id.index].stale > 0 {
            self.engine.startTask(id.index) { $0.isReevaluating = true }
        }
    }

    /// Withdraws the routes of a source that were not announced again since they were marked, in slices of
    /// ``work(_:)``.
    public mutating func removeStale(_ id: SourceID) {
        guard self.isLive(id) else { return }
        if self.engine.state.counters[id.index].stale == 0, !self.engine.state.sources[id.index].task.isRemovingStale {
            // All was announced again: there is nothing to look for.
            self.engine.state.sources[id.index].marks = 0
            self.engine.state.sources[id.index].isAging = false
            return
        }
        let epoch = self.engine.state.sources[id.index].epoch
        self.engine.startTask(id.index) {
            $0.isRemovingStale = true
            $0.sweepEpoch = epoch
        }
    }

    /// Runs whatever is pending for one source to its end.
    public mutating func finishTask(_ id: SourceID) {
        guard self.isLive(id) else { return }
        let evaluate = self.policies.evaluator
        while self.engine.state.sources[id.index].isLive, !self.engine.state.sources[id.index].task.isIdle {
            _ = self.engine.continueTask(id.index, 1 << 16, evaluate)
        }
    }

    /// Counters of a source.
    public func counters(_ id: SourceID) -> SourceCounters {
        guard self.isLive(id) else { return SourceCounters() }
        var counters = self.engine.state.counters[id.index]
        counters.attributeOctets = self.attributeCharge(id)
        return counters
    }

    /// Whether a source exists; one that is being removed still does.
    public func isLive(_ id: SourceID) -> Bool {
        id.index < self.engine.state.sources.count && self.engine.state.sources[id.index].isLive
    }

    func accepts(_ id: SourceID, isIPv4: Bool) -> Bool {
        guard self.isLive(id) else { return false }
        let source = self.engine.state.sources[id.index]
        return source.table.isIPv4 == isIPv4 && !source.task.isRemoving
    }

    // MARK: Routes

    /// Announces IPv4 prefixes that share one attribute set.
    ///
    /// `attributes` is in canonical form (see `PathAttributes`); `hash` is the decoder's hash of it, or nil to have it
    /// computed. `local` replaces the source's preference and empty kernel attributes. With `judgement` the import policy
    /// has been run already, with the source's present settings, and `accepted` is the set it made if it made one.
    public mutating func announce(
        _ source: SourceID,
        attributes: RawSpan,
        hash: UInt64? = nil,
        target: RouteTarget,
        local: LocalAttributes? = nil,
        nlri: Span<NLRI<IPv4Prefix>>,
        judgement: ImportJudgement? = nil,
        accepted: RawSpan = RawSpan()
    ) -> IngestResult {
        guard self.accepts(source, isIPv4: true) else { return IngestResult(isIgnored: true) }
        let evaluate = self.policies.evaluator
        guard let received = self.engine.receive(source.index, attributes, hash, target, local) else {
            return IngestResult(isIgnored: true)
        }
        let outcome = judgement.map { self.engine.outcome($0, accepted, received, source.index) }
        let table = self.engine.state.sources[source.index].table.index
        let dropped = self.engine.state.counters[source.index].dropped
        self.engine.state.announce(
            &self.engine.ipv4Tables[table],
            source.index,
            received,
            nlri,
            outcome,
            evaluate
        )
        return self.engine.finish(source.index, received, dropped)
    }

    /// Announces IPv6 prefixes that share one attribute set; as for IPv4.
    public mutating func announce(
        _ source: SourceID,
        attributes: RawSpan,
        hash: UInt64? = nil,
        target: RouteTarget,
        local: LocalAttributes? = nil,
        nlri: Span<NLRI<IPv6Prefix>>,
        judgement: ImportJudgement? = nil,
        accepted: RawSpan = RawSpan()
    ) -> IngestResult {
        guard self.accepts(source, isIPv4: false) else { return IngestResult(isIgnored: true) }
        let evaluate = self.policies.evaluator
        guard let received = self.engine.receive(source.index, attributes, hash, target, local) else {
            return IngestResult(isIgnored: true)
        }
        let outcome = judgement.map { self.engine.outcome($0, accepted, received, source.index) }
        let table = self.engine.state.sources[source.index].table.index
        let dropped = self.engine.state.counters[source.index].dropped
        self.engine.state.announce(
            &self.engine.ipv6Tables[table],
            source.index,
            received,
            nlri,
            outcome,
            evaluate
        )
        return self.engine.finish(source.index, received, dropped)
    }

    /// Announces one route of a local protocol instance.
    @discardableResult
    public mutating func announce(
        _ source: SourceID,
        _ prefix: IPPrefix,
        attributes: PathAttributes = PathAttributes(),
        target: RouteTarget,
        local: LocalAttributes? = nil
    ) -> IngestResult {
        let bytes = attributes.bytes
        switch prefix {
        case .v4(let prefix):
            let nlri = [NLRI(prefix)]
            return unsafe self.announce(
                source,
                attributes: bytes.span.bytes,
                target: target,
                local: local,
                nlri: nlri.span
            )
        case .v6(let prefix):
            let nlri = [NLRI(prefix)]
            return unsafe self.announce(
                source,
                attributes: bytes.span.bytes,
                target: target,
                local: local,
                nlri: nlri.span
            )
        }
    }

    /// Prefixes that announcements since the last call left out because of the receive or the path limit, the first 64.
    public mutating func takeDropped() -> [IPPrefix] {
        defer { self.engine.state.dropped.removeAll(keepingCapacity: true) }
        return self.engine.state.dropped
    }

    /// Withdraws IPv4 prefixes; those the source did not announce are ignored.
    public mutating func withdraw(_ source: SourceID, nlri: Span<NLRI<IPv4Prefix>>) {
        guard self.accepts(source, isIPv4: true) else { return }
        let table = self.engine.state.sources[source.index].table.index
        self.engine.state.withdraw(&self.engine.ipv4Tables[table], source.index, nlri)
        self.engine.resolveTargets()
    }

    /// Withdraws IPv6 prefixes; those the source did not announce are ignored.
    public mutating func withdraw(_ source: SourceID, nlri: Span<NLRI<IPv6Prefix>>) {
        guard self.accepts(source, isIPv4: false) else { return }
        let table = self.engine.state.sources[source.index].table.index
        self.engine.state.withdraw(&self.engine.ipv6Tables[table], source.index, nlri)
        self.engine.resolveTargets()
    }

    /// Withdraws one route of a local protocol instance.
    public mutating func withdraw(_ source: SourceID, _ prefix: IPPrefix) {
        switch prefix {
        case .v4(let prefix):
            let nlri = [NLRI(prefix)]
            self.withdraw(source, nlri: nlri.span)
        case .v6(let prefix):
            let nlri = [NLRI(prefix)]
            self.withdraw(source, nlri: nlri.span)
        }
    }

    // MARK: Work

    /// Whether ``work(_:)`` has something to do.
    public var hasWork: Bool { self.engine.hasWork }

    /// Whether ``work(_:)`` has not done yet what was asked for a source: to judge its routes again or remove some.
    public func isWorking(_ source: SourceID) -> Bool {
        self.isLive(source) && !self.engine.state.sources[source.index].task.isIdle
    }

    /// Does about `budget` destinations' worth of queued work; true when some is left.
    public mutating func work(_ budget: Int) -> Bool {
        let evaluate = self.policies.evaluator
        return self.engine.work(budget, evaluate)
    }
}

/// What an announcement did.
public struct IngestResult: Hashable, Sendable {
    /// Nothing was stored: no such source, another family, or attributes over 65,536 octets.
    public var isIgnored = false
    /// The source holds as many paths as its receive limit allows, and further ones were dropped.
    public var exceedsReceiveLimit = false
    /// The source has as many accepted paths as its import limit allows.
    public var isAtImportLimit = false
}

extension Engine {
    /// Interns what was received; the caller owns a reference.
    mutating func receive(
        _ source: Int,
        _ attributes: RawSpan,
        _ hash: UInt64?,
        _ target: RouteTarget,
        _ local: LocalAttributes?
    ) -> AttributeID? {
        let target = self.state.internTarget(target, for: source)
        if !self.state.targets.dirty.isEmpty { self.resolveTargets() }
        let local = local ?? LocalAttributes(preference: self.state.sources[source].preference)
        return unsafe attributes.withUnsafeBytes { buffer in
            // The span outlives the call.
            let octets = unsafe Octets(buffer.baseAddress, count: buffer.count)
            return self.state.intern(
                octets,
                hash: hash ?? attributeHash(octets, seed: self.state.hashSeed),
                target: target,
                local: local,
                source: source
            )
        }
    }

    mutating func finish(_ source: Int, _ received: AttributeID, _ dropped: UInt64) -> IngestResult {
        self.state.release(received)
        if !self.state.targets.dirty.isEmpty { self.resolveTargets() }
        var result = IngestResult()
        result.exceedsReceiveLimit = self.state.counters[source].dropped != dropped
        result.isAtImportLimit = self.state.counters[source].accepted >= self.state.sources[source].importLimit
        return result
    }
}

extension SourceState {
    init<Policy>(_ settings: SourceSettings<Policy>, _ policy: PolicyTraits) {
        self.origin = settings.origin
        self.table = settings.table
        self.policy = policy
        self.preference = settings.preference
        self.resolution = settings.resolution
        self.receiveLimit = settings.receiveLimit ?? .max
        self.importLimit = settings.importLimit ?? .max
        self.pathLimit = settings.pathLimit
    }
}

/// Distinct policies in use, counted; equal policies share a slot.
struct PolicySlots<Policy: RoutePolicy> {
    private var policies: [Policy?] = []
    private var references: [Int] = []
    private var slots: [Policy: Int] = [:]

    /// The slot of a policy, with one more reference.
    mutating func retain(_ policy: Policy) -> Int {
        if let slot = self.slots[policy] {
            self.references[slot] += 1
            return slot
        }
        // Slots are not reused: caches know policies by slot.
        self.policies.append(policy)
        self.references.append(1)
        self.slots[policy] = self.policies.count - 1
        return self.policies.count - 1
    }

    mutating func release(_ slot: Int) {
        guard self.references[slot] > 0 else { return }
        self.references[slot] -= 1
        guard self.references[slot] == 0, let policy = self.policies[slot] else { return }
        self.slots[policy] = nil
        self.policies[slot] = nil
    }

    mutating func retain(slot: Int) { self.references[slot] += 1 }

    func traits(_ slot: Int) -> PolicyTraits {
        PolicyTraits(
            slot: slot,
            constant: self.policies[slot]?.constantVerdict,
            dependencies: self.policies[slot]?.dependencies ?? []
        )
    }

    func policy(_ slot: Int) -> Policy? { self.policies[slot] }

    /// Runs the policies that are in use now.
    var evaluator: PolicyEvaluator {
        let policies = self.policies
        return { slot, draft in policies[slot]?.evaluate(&draft) ?? .reject }
    }
}
