internal import BGPWire
internal import IPAddressing
public import RouteModel

/// What a target resolves to at the moment.
public struct ResolvedTarget: Hashable, Sendable {
    /// What happens to packets.
    public var kind: Kind
    /// Usable immediate next hops, with interface where known; empty unless `kind` is gateways.
    public var gateways: [Gateway]
    /// Metric of the route the next hop resolved through; 0 for targets that need no resolution.
    public var igpMetric: UInt32

    /// Outcomes of resolution.
    public enum Kind: Hashable, Sendable {
        /// Forwarded to ``ResolvedTarget/gateways``.
        case gateways
        /// Discarded silently.
        case blackhole
        /// Discarded with host unreachable.
        case unreachable
        /// Discarded with administratively prohibited.
        case prohibit
        /// No usable next hop: the route can not be best.
        case unresolvable
    }

    static let unresolvable = ResolvedTarget(kind: .unresolvable, gateways: [], igpMetric: .max)
}

/// A target together with what its resolution depends on.
struct TargetKey: Hashable {
    var target: RouteTarget
    var mode: Resolution.Mode = .recursive
    /// The igp table of the next hop's family; nil when there is none or none is needed.
    var table: TableID?
    /// Which of two next hops packets go to.
    var prefersLinkLocal = false
    /// The distance to it, unless it resolves through the igp table.
    var cost: UInt32 = 0
}

/// What decisions read of a target.
struct TargetRecord: BitwiseCopyable {
    var references: UInt32 = 0
    var igpMetric: UInt32 = 0
    var isResolvable = false
    /// Depends on routes that may be recursive themselves, so other next hops do not resolve through it.
    var isRecursive = false
    /// The state changed and paths that use it have still to be decided again.
    var isChanged = false
    /// Never resolved yet.
    var isFresh = false
    /// Waits in the list of targets to resolve.
    var isDirty = false
}

/// Interned targets with their resolution.
struct TargetStore {
    private var ids: [TargetKey: TargetID] = [:]
    private(set) var keys: [TargetKey?] = [nil]
    var resolved: [ResolvedTarget] = [.unresolvable]
    var records: ContiguousArray<TargetRecord> = [TargetRecord()]
    private var free: [TargetID] = []
    /// Targets to resolve: new ones and those a table change touched.
    var dirty: [TargetID] = []
    /// Targets that lost their last reference since the last clean-up.
    var unused: [TargetID] = []
    /// Grows with every change of any resolution.
    var epoch: UInt32 = 0

    var count: Int { self.ids.count }

    /// Finds or adds a target; the caller's reference is counted by ``retain(_:)``.
    mutating func intern(_ key: TargetKey) -> TargetID {
        if let id = self.ids[key] { return id }
        let id: TargetID
        if let reused = self.free.popLast() {
            id = reused
            self.keys[Int(id)] = key
        } else {
            id = TargetID(self.keys.count)
            self.keys.append(key)
            self.resolved.append(.unresolvable)
            self.records.append(TargetRecord())
        }
        self.ids[key] = id
        // Without a reference by the next clean-up it goes again.
        self.unused.append(id)
        self.resolved[Int(id)] = .unresolvable
        var record = TargetRecord()
        record.isFresh = true
        record.isDirty = true
        if case .recursive = key.target, key.mode == .recursive { record.isRecursive = true }
        self.records[Int(id)] = record
        self.dirty.append(id)
        return id
    }

    @inline(__always)
    mutating func retain(_ id: TargetID) { self.records[Int(id)].references += 1 }

    @inline(__always)
    mutating func release(_ id: TargetID) {
        guard id != 0 else { return }
        self.records[Int(id)].references -= 1
        if self.records[Int(id)].references == 0 { self.unused.append(id) }
    }

    mutating func markDirty(_ id: TargetID) {
        guard !self.records[Int(id)].isDirty, self.keys[Int(id)] != nil else { return }
        self.records[Int(id)].isDirty = true
        self.dirty.append(id)
    }

    /// Forgets a target nobody refers to.
    mutating func remove(_ id: TargetID) {
        guard let key = self.keys[Int(id)] else { return }
        self.ids[key] = nil
        self.keys[Int(id)] = nil
        self.records[Int(id)] = TargetRecord()
        self.resolved[Int(id)] = .unresolvable
        self.free.append(id)
    }

    func target(_ id: TargetID) -> RouteTarget { self.keys[Int(id)]?.target ?? .unreachable }

    @inline(__always)
    subscript(_ id: TargetID) -> TargetRecord { self.records[Int(id)] }

    /// The address a target needs resolved through a table, for change tracking.
    func addresses(_ id: TargetID) -> [IPAddress] {
        switch self.keys[Int(id)]?.target {
        case .recursive(let nextHop, _)?: [nextHop.address]
        case .gateways(let gateways)?: gateways.compactMap { $0.interface == 0 ? $0.address : nil }
        default: []
        }
    }
}

/// An interface as far as routes care.
struct InterfaceRecord {
    var name: String
    var isUp: Bool
}
