internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// Tables, routes and consumers: the routing core without the policy type.
struct Engine: ~Copyable {
    var ipv4Tables = BoxList<Table<IPv4Prefix>>()
    var ipv6Tables = BoxList<Table<IPv6Prefix>>()
    var state = CoreState()
    var groups: [ExportGroup] = []
    var consumers: [RouteConsumer] = []
    var rescan = Rescan()
    var freeSources: [Int] = []
    var review = ChargeReview()
    var exporter = Exporter()
    /// Tables without a name whose last routes have not gone yet.
    var removedTables: [TableID] = []
    private var freeTables: [TableID] = []
    var ipv4Packer = UpdatePacker<IPv4Prefix>()
    var ipv6Packer = UpdatePacker<IPv6Prefix>()
    /// Sources added and sources removed so far.
    private var additions: UInt64 = 0
    private(set) var removals: UInt64 = 0
    /// Policy slots of groups and consumers that went away; the owner of the policies drops them.
    var releasedSlots: [Int] = []

    init() {}

    /// Where the circular scan for paths with changed targets stands.
    struct Rescan {
        var isActive = false
        var table = 0
        var position: UInt32 = 0
        var startTable = 0
        var startPosition: UInt32 = 0
    }

    var tableCount: Int { self.ipv4Tables.count + self.ipv6Tables.count }

    /// The table at a position counted over both families, IPv4 first.
    func tableID(ordinal: Int) -> TableID {
        ordinal < self.ipv4Tables.count
            ? TableID(index: ordinal, isIPv4: true)
            : TableID(index: ordinal - self.ipv4Tables.count, isIPv4: false)
    }

    func destinationEnd(_ table: TableID) -> UInt32 {
        table.isIPv4
            ? self.ipv4Tables[table.index].destinations.count : self.ipv6Tables[table.index].destinations.count
    }

    func journalHead(_ table: TableID) -> UInt64 {
        table.isIPv4 ? self.ipv4Tables[table.index].journal.head : self.ipv6Tables[table.index].journal.head
    }

    // MARK: Tables

    mutating func addTable(_ name: String, isIPv4: Bool) -> TableID? {
        if let free = self.freeTables.firstIndex(where: { $0.isIPv4 == isIPv4 }) {
            let table = self.freeTables.remove(at: free)
            self.replace(table, name)
            return table
        }
        let index = isIPv4 ? self.ipv4Tables.count : self.ipv6Tables.count
        guard index < 0x7FFF else { return nil }
        if isIPv4 {
            self.ipv4Tables.append(Table(name: name, seed: self.state.hashSeed))
        } else {
            self.ipv6Tables.append(Table(name: name, seed: self.state.hashSeed))
        }
        return TableID(index: index, isIPv4: isIPv4)
    }

    /// Whether a source that is not on its way out, a group or a consumer uses a table.
    func isConnected(_ table: TableID) -> Bool {
        self.state.sources.contains { $0.isLive && $0.table == table && !$0.task.isRemoving }
            || self.groups.contains { $0.isLive && $0.key.table == table }
            || self.consumers.contains { $0.isLive && $0.table == table }
    }

    /// Frees removed tables that nothing refers to any more.
    mutating func reclaimTables() {
        for table in self.removedTables {
            guard !self.state.sources.contains(where: { $0.isLive && $0.table == table }),
                !self.state.targets.keys.contains(where: { $0?.table == table })
            else { continue }
            self.removedTables.removeAll { $0 == table }
            self.freeTables.append(table)
            self.replace(table, "")
        }
    }

    private mutating func replace(_ table: TableID, _ name: String) {
        if table.isIPv4 {
            self.ipv4Tables[table.index] = Table(name: name, seed: self.state.hashSeed)
        } else {
            self.ipv6Tables[table.index] = Table(name: name, seed: self.state.hashSeed)
        }
    }

    // MARK: Resolution

    /// Resolves new and touched targets; paths that use changed ones are decided again by ``work(_:_:)``.
    mutating func resolveTargets() {
        while let id = self.state.targets.dirty.popLast() {
            guard let key = self.state.targets.keys[Int(id)], self.state.targets.records[Int(id)].isDirty else {
                continue
            }
            self.state.targets.records[Int(id)].isDirty = false
            let isFresh = self.state.targets.records[Int(id)].isFresh
            if isFresh { self.watch(id, key, true) }
            self.state.targets.records[Int(id)].isFresh = false
            let result = self.resolve(key)
            guard result.target != self.state.targets.resolved[Int(id)] || isFresh else { continue }
            let isRecursive = self.state.targets.records[Int(id)].isRecursive
            self.state.targets.resolved[Int(id)] = result.target
            self.state.targets.records[Int(id)].isResolvable = result.isResolvable
            self.state.targets.records[Int(id)].igpMetric = result.target.igpMetric
            self.state.targets.epoch &+= 1
            if self.state.targets.records[Int(id)].references > 0 {
                self.state.targets.records[Int(id)].isChanged = true
                self.startRescan()
            }
            if !isRecursive, !isFresh || self.state.targets.records[Int(id)].references > 0 {
                // Next hops may resolve through routes with this target: by rank connected, gateways, recursive.
                for other in self.state.targets.records.indices
                where other != Int(id) && self.state.targets.keys[other]?.table != nil
                    && !self.state.targets.records[other].isFresh
                {
                    self.state.targets.markDirty(TargetID(other))
                }
            }
        }
    }

    /// Forgets targets without references.
    mutating func removeUnusedTargets() {
        let unused = self.state.targets.unused
        guard !unused.isEmpty else { return }
        self.state.targets.unused = []
        for id in unused {
            guard let key = self.state.targets.keys[Int(id)] else { continue }
            guard self.state.targets.records[Int(id)].references == 0 else { continue }
            if !self.state.targets.records[Int(id)].isFresh { self.watch(id, key, false) }
            for index in self.state.sources.indices where self.state.sources[index].lastTarget?.id == id {
                self.state.sources[index].lastTarget = nil
            }
            self.state.targets.remove(id)
        }
    }

    private mutating func watch(_ id: TargetID, _ key: TargetKey, _ isOn: Bool) {
        guard let table = key.table else { return }
        for address in self.state.targets.addresses(id) {
            switch address {
            case .v4(let address) where table.isIPv4:
                if isOn {
                    self.ipv4Tables[table.index].watch(address, id)
                } else {
                    self.ipv4Tables[table.index].unwatch(address, id)
                }
            case .v6(let address) where !table.isIPv4:
                if isOn {
                    self.ipv6Tables[table.index].watch(address, id)
                } else {
                    self.ipv6Tables[table.index].unwatch(address, id)
                }
            default: break
            }
        }
    }

    private func isUp(_ interface: UInt32) -> Bool { self.state.interfaces[interface]?.isUp ?? true }

    private mutating func resolve(_ key: TargetKey) -> (target: ResolvedTarget, isResolvable: Bool) {
        switch key.target {
        case .blackhole: return (ResolvedTarget(kind: .blackhole, gateways: [], igpMetric: 0), true)
        case .unreachable: return (ResolvedTarget(kind: .unreachable, gateways: [], igpMetric: 0), true)
        case .prohibit: return (ResolvedTarget(kind: .prohibit, gateways: [], igpMetric: 0), true)
        case .gateways(let gateways):
            let usable = gateways.compactMap { gateway -> Gateway? in
                if gateway.interface != 0 { return self.isUp(gateway.interface) ? gateway : nil }
                guard let address = gateway.address, let table = key.table else { return nil }
                guard var found = self.connected(address, table) else { return nil }
                found.weight = gateway.weight
                found.onlink = gateway.onlink
                return found
            }
            guard !usable.isEmpty else { return (.unresolvable, false) }
            return (ResolvedTarget(kind: .gateways, gateways: usable, igpMetric: 0), true)
        case .recursive(let nextHop, let interface):
            if self.state.ownAddresses.contains(nextHop.address) { return (.unresolvable, false) }
            if nextHop.address.isLinkLocal || nextHop.address.isUnspecified, interface != 0 {
                let address = nextHop.address.isLinkLocal ? nextHop.address : nextHop.linkLocal.map { .v6($0) }
                guard let address, self.isUp(interface) else { return (.unresolvable, false) }
                let gateway = Gateway(address: address, interface: interface)
                return (ResolvedTarget(kind: .gateways, gateways: [gateway], igpMetric: key.cost), true)
            }
            guard let table = key.table else { return (.unresolvable, false) }
            if key.mode == .direct {
                guard var gateway = self.connected(nextHop.address, table) else { return (.unresolvable, false) }
                if key.prefersLinkLocal, let own = nextHop.linkLocal { gateway.address = .v6(own) }
                return (ResolvedTarget(kind: .gateways, gateways: [gateway], igpMetric: key.cost), true)
            }
            return self.resolveThrough(table, nextHop, prefersLinkLocal: key.prefersLinkLocal)
        }
    }

    /// The link an address is on: by the most specific connected route around it.
    private mutating func connected(_ address: IPAddress, _ table: TableID) -> Gateway? {
        let found: UInt32? =
            switch address {
            case .v4(let address) where table.isIPv4:
                self.state.connectedInterface(self.ipv4Tables[table.index], address)
            case .v6(let address) where !table.isIPv4:
                self.state.connectedInterface(self.ipv6Tables[table.index], address)
            default: nil
            }
        return found.map { Gateway(address: address, interface: $0) }
    }

    private mutating func resolveThrough(_ table: TableID, _ nextHop: BGPNextHop, prefersLinkLocal: Bool)
        -> (target: ResolvedTarget, isResolvable: Bool)
    {
        let path: Path? =
            switch nextHop.address {
            case .v4(let address) where table.isIPv4:
                self.state.directPath(&self.ipv4Tables[table.index], address)
            case .v6(let address) where !table.isIPv4:
                self.state.directPath(&self.ipv6Tables[table.index], address)
            default: nil
            }
        guard let path else { return (.unresolvable, false) }
        let record = self.state.store[path.accepted]
        let through = self.state.targets.resolved[Int(record.target)]
        switch through.kind {
        case .unreachable: return (ResolvedTarget(kind: .unreachable, gateways: [], igpMetric: .max), false)
        case .blackhole, .prohibit, .unresolvable: return (.unresolvable, false)
        case .gateways: break
        }
        let own = prefersLinkLocal ? nextHop.linkLocal.map { .v6($0) } ?? nextHop.address : nextHop.address
        let gateways = through.gateways.map { gateway in
            var gateway = gateway
            if gateway.address == nil { gateway.address = own }
            return gateway
        }
        // BIRD's metrics: igp_metric where set, 0 for connected networks, else "unknown", which is large.
        let isConnected = self.state.records[Int(path.source)].source == .device
        let metric =
            record.localFlags.contains(.igpMetric) ? record.igpMetric : isConnected ? 0 : 0x8000_0000
        return (ResolvedTarget(kind: .gateways, gateways: gateways, igpMetric: metric), true)
    }

    /// Records an interface and resolves what depends on it.
    mutating func setInterface(_ index: UInt32, name: String, isUp: Bool) {
        let known = self.state.interfaces[index]
        self.state.interfaces[index] = InterfaceRecord(name: name, isUp: isUp)
        guard known?.isUp ?? true != isUp || known?.name != name else { return }
        self.state.sourceEpoch &+= 1
        for id in self.state.targets.records.indices.dropFirst() { self.state.targets.markDirty(TargetID(id)) }
        self.resolveTargets()
    }

    /// Records the host's addresses and resolves next hops that became one of them or are one no more.
    mutating func setOwnAddresses(_ addresses: Set<IPAddress>) {
        let changed = self.state.ownAddresses.symmetricDifference(addresses)
        guard !changed.isEmpty else { return }
        self.state.ownAddresses = addresses
        for (id, key) in self.state.targets.keys.enumerated() {
            guard case .recursive(let nextHop, _)? = key?.target, changed.contains(nextHop.address) else { continue }
            self.state.targets.markDirty(TargetID(id))
        }
        self.resolveTargets()
    }

    // MARK: Rescan

    private mutating func startRescan() {
        self.rescan.isActive = true
        self.rescan.startTable = self.rescan.table
        self.rescan.startPosition = self.rescan.position
    }

    /// Decides destinations again whose paths use changed targets; returns the budget that is left.
    mutating func continueRescan(_ budget: Int) -> Int {
        var left = budget
        while self.rescan.isActive, left > 0 {
            let table = self.tableID(ordinal: self.rescan.table)
            var limit = self.destinationEnd(table)
            let isLastLap =
                self.rescan.table == self.rescan.startTable && self.rescan.position < self.rescan.startPosition
            if isLastLap { limit = min(limit, self.rescan.startPosition) }
            let end = UInt32(min(Int(self.rescan.position) + left, Int(limit)))
            if table.isIPv4 {
                self.state.rescan(&self.ipv4Tables[table.index], self.rescan.position..<max(end, self.rescan.position))
            } else {
                self.state.rescan(&self.ipv6Tables[table.index], self.rescan.position..<max(end, self.rescan.position))
            }
            left -= Int(end) - Int(min(self.rescan.position, end))
            self.rescan.position = max(end, self.rescan.position)
            guard self.rescan.position >= limit else { continue }
            if isLastLap || self.isBackAtStart() {
                self.rescan = Rescan()
                for id in self.state.targets.records.indices { self.state.targets.records[id].isChanged = false }
                break
            }
            self.rescan.table = (self.rescan.table + 1) % max(1, self.tableCount)
            self.rescan.position = 0
            if self.rescan.table == self.rescan.startTable, self.rescan.startPosition == 0 {
                self.rescan = Rescan()
                for id in self.state.targets.records.indices { self.state.targets.records[id].isChanged = false }
            }
            left -= 1
        }
        return left
    }

    private func isBackAtStart() -> Bool {
        self.tableCount == 0
    }

    // MARK: Sources

    /// Runs slices of all pending work; returns whether some is left.
    mutating func work(_ budget: Int, _ evaluate: PolicyEvaluator) -> Bool {
        self.resolveTargets()
        var left = self.continueRescan(budget)
        for source in self.state.sources.indices where left > 0 && !self.state.sources[source].task.isIdle {
            left = self.continueTask(source, left, evaluate)
        }
        if self.review.isActive, left > 0 { self.continueReview(left) }
        self.resolveTargets()
        self.removeUnusedTargets()
        if !self.removedTables.isEmpty { self.reclaimTables() }
        return self.hasWork
    }

    var hasWork: Bool {
        self.rescan.isActive || self.review.isActive || !self.state.targets.dirty.isEmpty
            || self.state.sources.contains { !$0.task.isIdle }
    }

    /// Runs a slice of a source's task; returns the budget that is left.
    mutating func continueTask(_ source: Int, _ budget: Int, _ evaluate: PolicyEvaluator) -> Int {
        guard !self.state.sources[source].task.isIdle else { return budget }
        let table = self.state.sources[source].table
        let position = self.state.sources[source].task.position
        let limit = self.destinationEnd(table)
        let end = UInt32(min(Int(position) + max(1, budget), Int(limit)))
        if table.isIPv4 {
            self.state.runTask(&self.ipv4Tables[table.index], source, position..<max(end, position), evaluate)
        } else {
            self.state.runTask(&self.ipv6Tables[table.index], source, position..<max(end, position), evaluate)
        }
        self.state.sources[source].task.position = end
        if end >= limit || self.state.counters[source].received == 0 { self.finishTask(source) }
        return budget - Int(end - min(position, end))
    }

    private mutating func finishTask(_ source: Int) {
        let task = self.state.sources[source].task
        self.state.sources[source].task = SourceTask()
        if task.isRemovingStale {
            // Marks set after the sweep began are still open.
            let epoch = self.state.sources[source].epoch
            self.state.sources[source].marks = Int((epoch &- task.sweepEpoch) & 15)
            if (epoch &- task.sweepEpoch) & 15 <= (epoch &- self.state.sources[source].agedEpoch) & 15 {
                self.state.sources[source].isAging = false
            }
        }
        // What the source is charged for although it holds no route any more others hold.
        if self.state.counters[source].received == 0 { self.startReview(source) }
        guard task.isRemoving else { return }
        self.state.sources[source].isLive = false
        self.state.sources[source].lastTarget = nil
        self.freeSources.append(source)
        self.removals += 1
    }

    mutating func addSource(_ record: SourceRecord, _ source: SourceState) -> SourceID? {
        let index: Int
        self.additions += 1
        var source = source
        source.serial = self.additions
        if let reused = self.freeSources.popLast() {
            index = reused
            self.state.sources[index] = source
            self.state.records[index] = record
            self.state.counters[index] = SourceCounters()
        } else {
            // 0xFFFF marks "none" in what groups remember.
            guard self.state.sources.count < 0xFFFE else { return nil }
            index = self.state.sources.count
            self.state.sources.append(source)
            self.state.records.append(record)
            self.state.counters.append(SourceCounters())
        }
        self.state.sourceEpoch &+= 1
        self.updateUniformity()
        return SourceID(index)
    }

    mutating func updateUniformity() {
        self.state.isUniform = zip(self.state.sources, self.state.records).allSatisfy {
            !$0.isLive || !$1.isBGP || $1.decision.contains(.pathLength)
        }
        let peers = zip(self.state.sources, self.state.records).filter { $0.isLive && $1.isBGP }
        self.state.hasMixedOptions = Set(peers.map { $0.1.decision }).count > 1
        var first: SourceRecord?
        self.state.uniformOptions = nil
        for (source, record) in zip(self.state.sources, self.state.records) where source.isLive && record.isBGP {
            if record.decision.contains(.preferOlder) { return }
            if let first, first.decision != record.decision || first.defaultMED != record.defaultMED { return }
            first = record
        }
        self.state.uniformOptions = first?.decision
    }

    mutating func startTask(_ source: Int, _ change: (inout SourceTask) -> Void) {
        change(&self.state.sources[source].task)
        self.state.sources[source].task.position = 0
    }
}

extension CoreState {
    /// The interface of the most specific connected route around an address.
    func connectedInterface<P>(_ table: borrowing Table<P>, _ address: P.Address) -> UInt32? {
        for number in table.matches(address) {
            var found: UInt32?
            table.forEachPath(number) { _, path in
                guard self.records[Int(path.source)].source == .device, self.isEligible(path) else { return true }
                let target = self.store[path.accepted].target
                found = self.targets.resolved[Int(target)].gateways.first?.interface
                return found == nil
            }
            if let found { return table.destinations[number].prefix.isAtEdge(address) ? nil : found }
        }
        return nil
    }

    /// The path a recursive next hop resolves through: the best one around it that is not recursive itself.
    ///
    /// Recursive routes are passed over, so that no route can take away its own resolution.
    mutating func directPath<P>(_ table: inout Table<P>, _ address: P.Address) -> Path? {
        for number in table.matches(address) {
            guard let slot = self.elect(table, number, onlyDirect: true) else { continue }
            let path = table.path(number, slot)
            let isConnected = self.records[Int(path.source)].source == .device
            return isConnected && table.destinations[number].prefix.isAtEdge(address) ? nil : path
        }
        return nil
    }

    /// Decides destinations in a range again if one of their paths has a target that changed.
    mutating func rescan<P>(_ table: inout Table<P>, _ range: Range<UInt32>) {
        for number in range {
            let before = table.destinations[number]
            guard before.hasPath else { continue }
            var isAffected = false
            table.forEachPath(number) { _, path in
                isAffected = path.accepted != 0 && self.targets[self.store[path.accepted].target].isChanged
                return !isAffected
            }
            guard isAffected else { continue }
            var kinds: ChangeKinds = .path
            if before.hasBest, self.targets[self.store[before.path.accepted].target].isChanged {
                kinds.insert(.attributes)
            }
            self.settle(&table, number, .elect, nil, before, kinds: kinds)
        }
    }

    /// Runs a source's task on a range of destinations.
    mutating func runTask<P>(
        _ table: inout Table<P>,
        _ source: Int,
        _ range: Range<UInt32>,
        _ evaluate: PolicyEvaluator
    ) {
        let task = self.sources[source].task
        let epoch = self.sources[source].epoch
        var identifiers: [UInt32] = []
        for number in range where table.destinations[number].hasPath {
            identifiers.removeAll(keepingCapacity: true)
            table.forEachPath(number) { _, path in
                if Int(path.source) == source { identifiers.append(path.pathID) }
                return true
            }
            for pathID in identifiers {
                guard let slot = table.slot(number, source: UInt16(source), pathID: pathID) else { continue }
                let age = (epoch &- table.path(number, slot).epoch) & 15
                if task.isRemoving || task.isRemovingStale && age > (epoch &- task.sweepEpoch) & 15 {
                    self.update(&table, number, slot, nil)
                } else if task.isReevaluating {
                    self.renew(&table, number, slot)
                    self.reevaluate(&table, number, slot, evaluate)
                    // What may not be kept any longer is gone, and the destination may be with it.
                    guard table.destinations[number].hasPath else { continue }
                    let before = table.destinations[number]
                    // The order of the others may have changed as well.
                    self.settle(&table, number, .elect, nil, before, kinds: .path)
                }
            }
        }
    }

    /// Brings a received set in line with the source's preference and way of resolution.
    private mutating func renew<P>(_ table: inout Table<P>, _ number: UInt32, _ slot: PathSlot) {
        var path = table.path(number, slot)
        let source = Int(path.source)
        let record = self.store[path.received]
        let key = self.targetKey(self.targets.target(record.target), self.sources[source].resolution)
        var local = record.local
        local.preference = self.sources[source].preference
        guard local != record.local || key != self.targets.keys[Int(record.target)] else { return }
        let target = self.targets.intern(key)
        guard
            let fresh = self.intern(self.store.bytes(path.received).array, target: target, local: local, source: source)
        else {
            return
        }
        let old = path.received
        path.received = fresh
        table.setPath(number, slot, path)
        self.release(old)
    }
}

extension IPPrefixProtocol {
    /// Whether an address is the first or the last of an IPv4 network that has others: the network's own and its broadcast
    /// address, which are no valid host addresses (RFC 4271 §6.3); the kernel takes the latter for no gateway.
    fileprivate func isAtEdge(_ address: Address) -> Bool {
        guard Self.isIPv4, self.length < 31 else { return false }
        let host = Self(address: address, length: Self.maximumLength)
        return self.address == address || (self.length..<Self.maximumLength).allSatisfy { host.bit($0) }
    }
}
