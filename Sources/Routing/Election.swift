internal import IPAddressing
internal import RouteModel

/// One path in the decision process, with all inputs read out.
struct Candidate {
    var slot: PathSlot
    var path: Path
    var preference: UInt16 = 0
    var localPreference: UInt32 = 0
    /// Metric with the distance to the next hop; the largest without AIGP.
    var aigp = UInt64.max
    var hasAIGP = false
    var pathLength: UInt16 = 0
    var origin: UInt8 = 0
    var multiExitDiscriminator: UInt32 = 0
    /// AS of the MED group; paths without a neighbour AS form one of their own.
    var neighborAS: UInt64 = 0
    var isLocal = false
    var isLongLivedStale = false
    var isExternal = false
    var igpMetric: UInt32 = 0
    var routerID: UInt32 = 0
    var clusterListLength: UInt16 = 0
    var peerAddress: IPAddress = .v4(.any)
    var kernelMetric: UInt32 = 0
    var sourceKind: UInt8 = 0
    /// Step at which it lost; nil while it is in.
    var lostAt: DecisionReason?
    /// Whether it survived up to and including the IGP metric.
    var isEqualCost = false
}

/// The decision process over the candidates of one destination (RFC 4271 §9.1, RFC 4456 §9).
///
/// Each step removes whatever is worse than the best remaining, so the result does not depend on the order of arrival
/// and MED is compared per neighbour AS among all that are left: the outcome of deterministic MED.
struct Election {
    var candidates: ContiguousArray<Candidate> = []
    private(set) var reason = DecisionReason.onlyPath
    private var remaining = 0

    /// Removes candidates for which `isWorse` holds.
    @inline(__always)
    private mutating func drop(_ step: DecisionReason, _ isWorse: (Candidate) -> Bool) {
        for index in self.candidates.indices where self.candidates[index].lostAt == nil {
            if isWorse(self.candidates[index]) {
                self.candidates[index].lostAt = step
                self.remaining -= 1
                self.reason = step
            }
        }
    }

    /// Keeps the candidates with the least `value`.
    @inline(__always)
    private mutating func keepLeast<Value: Comparable>(_ step: DecisionReason, _ value: (Candidate) -> Value) {
        guard self.remaining > 1 else { return }
        var least: Value?
        for candidate in self.candidates where candidate.lostAt == nil {
            let value = value(candidate)
            if let known = least, known <= value { continue }
            least = value
        }
        guard let least else { return }
        self.drop(step) { value($0) > least }
    }

    /// Runs all steps and returns the index of the winner; nil without candidates.
    ///
    /// `options` are those of all candidates' sources together; `incumbent` is the path that was best.
    mutating func run(_ options: DecisionOptions, incumbent: PathSlot?) -> Int? {
        self.remaining = self.candidates.count { $0.lostAt == nil }
        self.reason = .onlyPath
        guard self.remaining > 0 else { return nil }
        self.keepLeast(.preference) { UInt16.max - $0.preference }
        self.keepLeast(.local) { $0.isLocal ? 0 : 1 }
        self.keepLeast(.longLivedStale) { $0.isLongLivedStale ? 1 : 0 }
        self.keepLeast(.localPreference) { UInt32.max - $0.localPreference }
        if self.candidates.contains(where: { $0.hasAIGP }) { self.compareAIGP() }
        if options.contains(.pathLength) { self.keepLeast(.asPathLength) { $0.pathLength } }
        self.keepLeast(.origin) { $0.origin }
        self.compareMED(options)
        self.keepLeast(.external) { $0.isExternal || $0.isLocal ? 0 : 1 }
        if options.contains(.igpMetric) { self.keepLeast(.igpMetric) { $0.igpMetric } }
        for index in self.candidates.indices where self.candidates[index].lostAt == nil {
            self.candidates[index].isEqualCost = true
        }
        self.breakTies(options, incumbent: incumbent)
        return self.candidates.firstIndex { $0.lostAt == nil }
    }

    /// A route with AIGP is better than one without, then the least sum counts (RFC 7311 §4.1).
    private mutating func compareAIGP() {
        self.keepLeast(.aigp) { $0.hasAIGP ? 0 : 1 }
        self.keepLeast(.aigp) { $0.aigp }
    }

    private mutating func compareMED(_ options: DecisionOptions) {
        guard self.remaining > 1 else { return }
        if options.contains(.alwaysCompareMED) {
            return self.keepLeast(.multiExitDiscriminator) { $0.multiExitDiscriminator }
        }
        // Destinations have tens of paths, so each is held against each other, until a peer has sent very many.
        if self.remaining > Self.manyCandidates { return self.compareManyMED() }
        for index in self.candidates.indices where self.candidates[index].lostAt == nil {
            let candidate = self.candidates[index]
            let isBeaten = self.candidates.contains {
                ($0.lostAt == nil || $0.lostAt == .multiExitDiscriminator) && $0.neighborAS == candidate.neighborAS
                    && $0.multiExitDiscriminator < candidate.multiExitDiscriminator
            }
            guard isBeaten else { continue }
            self.candidates[index].lostAt = .multiExitDiscriminator
            self.remaining -= 1
            self.reason = .multiExitDiscriminator
        }
    }

    /// Number of candidates from which on the least MED of each neighbour AS is looked up instead.
    private static let manyCandidates = 64

    /// The same as ``compareMED(_:)`` in linear time.
    private mutating func compareManyMED() {
        var least: [UInt64: UInt32] = [:]
        for candidate in self.candidates where candidate.lostAt == nil {
            least[candidate.neighborAS] = min(
                least[candidate.neighborAS] ?? .max,
                candidate.multiExitDiscriminator
            )
        }
        self.drop(.multiExitDiscriminator) { $0.multiExitDiscriminator > least[$0.neighborAS] ?? .max }
    }

    private mutating func breakTies(_ options: DecisionOptions, incumbent: PathSlot?) {
        if options.contains(.preferOlder), self.remaining > 1, let incumbent,
            self.candidates.allSatisfy({ $0.lostAt != nil || $0.isExternal }),
            self.candidates.contains(where: { $0.slot == incumbent && $0.lostAt == nil })
        {
            self.drop(.older) { $0.slot != incumbent }
        }
        self.keepLeast(.routerID) { $0.routerID }
        self.keepLeast(.clusterListLength) { $0.clusterListLength }
        self.keepLeast(.peerAddress) { $0.peerAddress }
        self.keepLeast(.pathID) { $0.isLocal ? 0 : $0.path.pathID }
        self.keepLeast(.kernelMetric) { $0.kernelMetric }
        self.keepLeast(.sourceOrder) {
            UInt64($0.sourceKind) << 48 | UInt64($0.path.source) << 32 | UInt64($0.path.pathID)
        }
    }

    /// Starts over with no candidates.
    mutating func reset() { self.candidates.removeAll(keepingCapacity: true) }
}

extension CoreState {
    /// Whether a path may become best.
    @inline(__always)
    func isEligible(_ path: Path) -> Bool {
        path.accepted != 0 && self.targets[self.store[path.accepted].target].isResolvable
    }

    /// Whether next hops may resolve through a path.
    @inline(__always)
    func isDirect(_ path: Path) -> Bool {
        path.accepted != 0 && !self.targets[self.store[path.accepted].target].isRecursive
    }

    /// Compares two eligible paths up to ORIGIN: negative when `a` is better, 0 when the rest has to decide.
    @inline(__always)
    func compareBeforeMED(_ a: Path, _ b: Path) -> Int {
        let first = self.store[a.accepted]
        let second = self.store[b.accepted]
        if first.preference != second.preference { return first.preference > second.preference ? -1 : 1 }
        let left = self.records[Int(a.source)]
        let right = self.records[Int(b.source)]
        if left.isBGP != right.isBGP { return left.isBGP ? 1 : -1 }
        guard left.isBGP, self.isUniform else { return 0 }
        let (firstFlags, secondFlags) = (first.flags, second.flags)
        if firstFlags.symmetricDifference(secondFlags).contains(.longLivedStale) {
            return firstFlags.contains(.longLivedStale) ? 1 : -1
        }
        let leftPreference =
            first.flags.contains(.localPreference) ? first.localPreference : left.defaultLocalPreference
        let rightPreference =
            second.flags.contains(.localPreference) ? second.localPreference : right.defaultLocalPreference
        if leftPreference != rightPreference { return leftPreference > rightPreference ? -1 : 1 }
        // With AIGP third paths can decide, as with MED.
        guard !first.flags.contains(.aigp), !second.flags.contains(.aigp) else { return 0 }
        if first.pathLength != second.pathLength { return first.pathLength < second.pathLength ? -1 : 1 }
        if first.origin != second.origin { return first.origin < second.origin ? -1 : 1 }
        return 0
    }

    /// Ranks two eligible BGP paths that are equal up to ORIGIN by the steps after MED: negative when `a` is better.
    ///
    /// The same steps as in ``Election/run(_:incumbent:)``, for paths that need no comparison with third ones.
    func compareAfterMED(_ a: Path, _ b: Path, _ options: DecisionOptions) -> Int {
        func rank<Value: Comparable>(_ first: Value, _ second: Value) -> Int {
            first == second ? 0 : first < second ? -1 : 1
        }
        let (left, right) = (self.records[Int(a.source)], self.records[Int(b.source)])
        if left.isOutside != right.isOutside { return left.isOutside ? -1 : 1 }
        let (first, second) = (self.store[a.accepted], self.store[b.accepted])
        if options.contains(.igpMetric) {
            let order = rank(self.targets[first.target].igpMetric, self.targets[second.target].igpMetric)
            if order != 0 { return order }
        }
        var order = rank(
            first.flags.contains(.originatorID) ? first.originatorID : left.peerRouterID,
            second.flags.contains(.originatorID) ? second.originatorID : right.peerRouterID
        )
        if order != 0 { return order }
        order = rank(first.clusterListLength, second.clusterListLength)
        if order != 0 { return order }
        order = rank(left.peerAddress, right.peerAddress)
        if order != 0 { return order }
        order = rank(a.pathID, b.pathID)
        if order != 0 { return order }
        return rank(a.source, b.source)
    }

    func candidate(_ slot: PathSlot, _ path: Path) -> Candidate {
        var candidate = Candidate(slot: slot, path: path)
        guard path.accepted != 0 else {
            candidate.lostAt = .rejected
            return candidate
        }
        let record = self.store[path.accepted]
        let target = self.targets[record.target]
        let source = self.records[Int(path.source)]
        candidate.preference = record.preference
        if !target.isResolvable { candidate.lostAt = .unresolvable }
        candidate.isLocal = !source.isBGP
        candidate.sourceKind = source.source.rawValue
        guard source.isBGP else {
            if source.source == .kernel, record.localFlags.contains(.kernelMetric) {
                candidate.kernelMetric = record.kernelMetric
            }
            return candidate
        }
        candidate.isLongLivedStale = record.flags.contains(.longLivedStale)
        candidate.localPreference =
            record.flags.contains(.localPreference) ? record.localPreference : source.defaultLocalPreference
        candidate.pathLength = record.pathLength
        candidate.origin = record.origin
        candidate.multiExitDiscriminator =
            record.flags.contains(.multiExitDiscriminator) ? record.multiExitDiscriminator : source.defaultMED
        candidate.neighborAS = record.flags.contains(.neighborAS) ? UInt64(record.neighborAS) : 1 << 32
        candidate.isExternal = source.isOutside
        candidate.igpMetric = target.igpMetric
        if record.flags.contains(.aigp), let metric = self.aigp(path.accepted) {
            candidate.hasAIGP = true
            candidate.aigp = AIGP.adding(target.igpMetric, to: metric)
        }
        candidate.routerID = record.flags.contains(.originatorID) ? record.originatorID : source.peerRouterID
        candidate.clusterListLength = record.clusterListLength
        candidate.peerAddress = source.peerAddress
        return candidate
    }

    /// Runs the decision process of a destination; the candidates stay in `election` for whoever explains.
    mutating func elect<P>(_ table: borrowing Table<P>, _ number: UInt32, onlyDirect: Bool = false) -> PathSlot? {
        self.election.reset()
        var options: DecisionOptions = []
        table.forEachPath(number) { slot, path in
            if onlyDirect, !self.isDirect(path) { return true }
            let candidate = self.candidate(slot, path)
            // Paths that can not become best have no say in how the others are compared.
            if candidate.lostAt == nil { options.formUnion(self.records[Int(path.source)].decision) }
            self.election.candidates.append(candidate)
            return true
        }
        let winner = self.election.run(options, incumbent: table.destinations[number].hasBest ? .inline : nil)
        return winner.map { self.election.candidates[$0].slot }
    }
}
