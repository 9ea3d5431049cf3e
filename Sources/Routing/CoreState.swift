internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// Runs the policy in a slot on a draft.
///
/// Given to each operation so that the engine itself is not generic.
typealias PolicyEvaluator = (_ slot: Int, _ draft: inout RouteDraft) -> PolicyVerdict

/// What the engine knows of a policy without running it.
struct PolicyTraits {
    var slot: Int
    var constant: PolicyVerdict?
    var dependencies: PolicyDependencies

    /// Whether the outcome for one attribute set of one source is the same for all prefixes.
    var isMemoisable: Bool {
        self.dependencies.isDisjoint(with: [.prefix, .effects, .resolution])
    }
}

/// A source as the engine sees it; decision inputs lie apart in ``SourceRecord``.
struct SourceState {
    var origin: RouteOrigin
    var table: TableID
    var policy: PolicyTraits
    var preference: UInt16
    var resolution: Resolution
    var receiveLimit: UInt32
    var importLimit: UInt32
    var pathLimit: UInt16
    var isLive = true
    var epoch: UInt8 = 0
    /// Marks since the last completed sweep; the epoch has four bits.
    var marks = 0
    /// Whether stale paths from before `agedEpoch` are kept as a last resort only (RFC 9494).
    var isAging = false
    var agedEpoch: UInt8 = 0
    /// The group the peer is a member of; -1 none.
    var group = -1
    var lastTarget: (target: RouteTarget, id: TargetID)?
    var task = SourceTask()
    /// Tells the source from others that had its index before.
    var serial: UInt64 = 0
    /// Says of which source these are images, if they are.
    var image = ImageRecord()
}

/// Sliced work on a source's paths.
struct SourceTask {
    var isReevaluating = false
    /// Removes paths from before `sweepEpoch`.
    var isRemovingStale = false
    var sweepEpoch: UInt8 = 0
    /// Removes all paths, then the source.
    var isRemoving = false
    var position: UInt32 = 0

    var isIdle: Bool { !self.isReevaluating && !self.isRemovingStale && !self.isRemoving }
}

/// Everything but the tables and consumers: stores, sources, interfaces, caches.
struct CoreState: ~Copyable {
    var store = AttributeStore()
    var targets = TargetStore()
    var sources: [SourceState] = []
    var records: ContiguousArray<SourceRecord> = []
    var counters: ContiguousArray<SourceCounters> = []
    /// Prefixes left out because of a limit, until somebody takes them, and how many at most.
    var dropped: [IPPrefix] = []
    static let droppedLimit = 64
    var interfaces: [UInt32: InterfaceRecord] = [:]
    /// What the host itself has: no next hop resolves to it.
    var ownAddresses: Set<IPAddress> = []
    var importMemo = PolicyMemo(capacity: 1 << 12)
    var election = Election()
    var ranking = Ranking()
    var identifiers = PathIdentifiers()
    let digestSeed = DigestSeed()
    /// Grows with every change of a source that exported sets may depend on.
    var sourceEpoch: UInt32 = 0
    /// Seed of attribute hashes that come from decoders.
    var hashSeed: UInt64 = 0
    /// Whether every BGP source compares path lengths, so that paths may be compared two at a time before MED.
    var isUniform = true
    /// Whether BGP sources have different decision options, so that any path may change how the others are compared.
    var hasMixedOptions = false
    /// Set when every BGP source has the same decision options and the order of arrival does not count: then any two
    /// paths without MED can be ranked by themselves.
    var uniformOptions: DecisionOptions?
    /// Whatever was read ahead, summed up: without a use the reads would be left out.
    var warmed: UInt64 = 0

    /// How many prefixes, sets or changes to read ahead at a time: what they touch has to fit the first-level cache.
    static let warmCount: UInt64 = 48

    init() {}

    // MARK: References

    @inline(__always)
    mutating func intern(_ bytes: Octets, hash: UInt64, target: TargetID, local: LocalAttributes, source: Int)
        -> AttributeID?
    {
        let owner = UInt16(truncatingIfNeeded: source + 1)
        guard let (id, isNew) = self.store.intern(bytes, hash: hash, target: target, local: local, owner: owner) else {
            return nil
        }
        if isNew { self.targets.retain(target) }
        return id
    }

    @inline(__always)
    mutating func release(_ id: AttributeID) {
        guard id != 0 else { return }
        self.targets.release(self.store.release(id))
    }

    mutating func internTarget(_ target: RouteTarget, for source: Int) -> TargetID {
        if let last = self.sources[source].lastTarget, last.target == target,
            self.targets.keys[Int(last.id)]?.target == target
        {
            return last.id
        }
        let id = self.targets.intern(self.targetKey(target, self.sources[source].resolution))
        self.sources[source].lastTarget = (target, id)
        return id
    }

    func targetKey(_ target: RouteTarget, _ resolution: Resolution) -> TargetKey {
        switch target {
        case .recursive(let nextHop, let interface):
            let isScoped = nextHop.address.isLinkLocal || nextHop.address.isUnspecified
            if isScoped, interface != 0 { return TargetKey(target: target, mode: .direct, cost: resolution.cost) }
            return TargetKey(
                target: target,
                mode: resolution.mode,
                table: nextHop.address.isIPv4 ? resolution.ipv4Table : resolution.ipv6Table,
                prefersLinkLocal: nextHop.linkLocal != nil
                    && resolution.prefersLinkLocal ?? (resolution.mode == .recursive),
                cost: resolution.mode == .direct ? resolution.cost : 0
            )
        case .gateways(let gateways):
            let open = gateways.first { $0.interface == 0 && $0.address != nil }
            guard let address = open?.address else { return TargetKey(target: target, mode: .direct) }
            return TargetKey(
                target: target,
                mode: .direct,
                table: address.isIPv4 ? resolution.ipv4Table : resolution.ipv6Table
            )
        case .blackhole, .unreachable, .prohibit:
            return TargetKey(target: target)
        }
    }

    // MARK: Import

    /// Outcome of the import side for a received set: the accepted set, which the caller then owns, or a reason.
    struct ImportOutcome {
        var accepted: AttributeID = 0
        var reason: RejectReason?
    }

    /// Loop checks and next hop checks: what depends on the received set and the source alone.
    func admission(_ received: AttributeID, _ source: Int) -> RejectReason? {
        let record = self.store[received]
        switch self.targets.target(record.target) {
        case .recursive(let nextHop, _):
            let isScoped = nextHop.address.isUnspecified && nextHop.linkLocal != nil
            guard isScoped || nextHop.address.isUsableNextHop else { return .invalidNextHop }
        case .gateways(let gateways):
            guard !gateways.isEmpty else { return .invalidNextHop }
        case .blackhole, .unreachable, .prohibit: break
        }
        let peer = self.records[source]
        // The original of an image was judged already; the pipe's filter may have prepended the own AS since.
        guard peer.isBGP, !peer.isImage else { return nil }
        if record.flags.contains(.originatorID), record.originatorID == peer.localRouterID { return .originatorLoop }
        let bytes = self.store.bytes(received)
        var cursor = AttributeCursor(bytes)
        while let attribute = cursor.next() {
            switch attribute.type {
            case PathAttributeType.asPath.rawValue:
                var own = Self.count(peer.localAS, in: bytes, attribute.value)
                if peer.confederationID != 0, peer.confederationID != peer.localAS {
                    own += Self.count(peer.confederationID, in: bytes, attribute.value)
                }
                if own > peer.allowedLocalAS { return .asLoop }
            case PathAttributeType.clusterList.rawValue:
                let own = peer.loopClusterID
                var offset = attribute.value.lowerBound
                while offset + 4 <= attribute.value.upperBound {
                    if bytes.number(offset) == own { return .clusterLoop }
                    offset += 4
                }
            case PathAttributeType.onlyToCustomer.rawValue where attribute.value.count == 4:
                // RFC 9234 §5, ingress rules 1 and 2.
                switch peer.role {
                case .provider, .routeServer: return .routeLeak
                case .peer where bytes.number(attribute.value.lowerBound) != peer.peerAS: return .routeLeak
                default: break
                }
            default: break
            }
        }
        return nil
    }

    private static func count(_ number: UInt32, in bytes: Octets, _ range: Range<Int>) -> UInt32 {
        var found: UInt32 = 0
        var offset = range.lowerBound
        while offset + 2 <= range.upperBound {
            let end = offset + 2 + Int(bytes[offset + 1]) * 4
            guard end <= range.upperBound else { break }
            offset += 2
            while offset < end {
                if bytes.number(offset) == number { found += 1 }
                offset += 4
            }
        }
        return found
    }

    /// Runs loop checks and the import policy.
    mutating func importOutcome(
        _ received: AttributeID,
        _ source: Int,
        _ prefix: () -> IPPrefix,
        _ evaluate: PolicyEvaluator
    ) -> ImportOutcome {
        if let reason = self.admission(received, source) { return ImportOutcome(reason: reason) }
        let policy = self.sources[source].policy
        switch policy.constant {
        case .accept?:
            if self.records[source].honorsGracefulShutdown, self.store[received].flags.contains(.gracefulShutdown) {
                return self.evaluateImport(received, source, prefix(), evaluate)
            }
            self.store.retain(received)
            return ImportOutcome(accepted: received)
        case .reject?:
            return ImportOutcome(reason: .filtered)
        case nil: break
        }
        let context = UInt64(policy.slot) << 16 | UInt64(source)
        if policy.isMemoisable, let known = self.importMemo.find(received, context, self.store, epoch: self.sourceEpoch)
        {
            if known.value != 0 { self.store.retain(known.value) }
            return ImportOutcome(accepted: known.value, reason: RejectReason(rawValue: known.reason))
        }
        let outcome = self.evaluateImport(received, source, prefix(), evaluate)
        if policy.isMemoisable {
            self.importMemo.store(
                received,
                context,
                outcome.accepted,
                outcome.reason?.rawValue ?? 0,
                self.sourceEpoch,
                self.store
            )
        }
        return outcome
    }

    private mutating func evaluateImport(
        _ received: AttributeID,
        _ source: Int,
        _ prefix: IPPrefix,
        _ evaluate: PolicyEvaluator
    ) -> ImportOutcome {
        let original = self.draft(received, source, prefix)
        var draft = original
        guard evaluate(self.sources[source].policy.slot, &draft) == .accept else {
            return ImportOutcome(reason: .filtered)
        }
        if self.records[source].honorsGracefulShutdown,
            self.store[received].flags.contains(.gracefulShutdown) || draft.attributes != original.attributes
        {
            draft.honorGracefulShutdown()
        }
        let isSameTarget = draft.target == original.target
        if isSameTarget, draft.local == original.local, draft.attributes == original.attributes {
            self.store.retain(received)
            return ImportOutcome(accepted: received)
        }
        let target = isSameTarget ? self.store[received].target : self.internTarget(draft.target, for: source)
        guard let id = self.intern(draft.attributes.bytes, target: target, local: draft.local, source: source) else {
            return ImportOutcome(reason: .attributesTooLong)
        }
        if !isSameTarget, let reason = self.admission(id, source), reason == .invalidNextHop {
            self.release(id)
            return ImportOutcome(reason: reason)
        }
        return ImportOutcome(accepted: id)
    }

    /// Interns a set given as an array; nil when too long.
    mutating func intern(_ bytes: [UInt8], target: TargetID, local: LocalAttributes, source: Int) -> AttributeID? {
        unsafe bytes.withUnsafeBytes { buffer in
            // The array outlives the call.
            let octets = unsafe Octets(buffer.baseAddress, count: buffer.count)
            return self.intern(
                octets,
                hash: attributeHash(octets, seed: self.hashSeed),
                target: target,
                local: local,
                source: source
            )
        }
    }

    /// The route of a set as policies see it.
    func draft(_ id: AttributeID, _ source: Int, _ prefix: IPPrefix) -> RouteDraft {
        let record = self.store[id]
        let gateway = self.targets.resolved[Int(record.target)].gateways.first
        return RouteDraft(
            prefix: prefix,
            origin: self.sources[source].origin,
            attributes: PathAttributes(canonical: self.store.bytes(id).array),
            target: self.targets.target(record.target),
            local: record.local,
            gateway: gateway?.address,
            interfaceName: gateway.flatMap { self.interfaces[$0.interface]?.name },
            interfaceIndex: gateway?.interface ?? 0
        )
    }
}
