internal import IPAddressing

/// The paths of a destination in order of preference, for views that look past the best one.
///
/// The order is that in which the decision process would choose if each winner were taken away. With MED compared
/// within neighbour ASes that is no order of pairs; but the winner is always the first of some neighbour AS, so each
/// AS is sorted by itself and the lists are merged by all steps but MED. n log n steps for n paths.
struct Ranking {
    /// The paths that may be sent, best first.
    private(set) var paths: ContiguousArray<Path> = []
    private var order: ContiguousArray<Int> = []
    /// Where in `order` each neighbour AS goes on, and where it ends.
    private var lists: ContiguousArray<(position: Int, end: Int)> = []

    init() {}

    mutating func start(with best: Path?) {
        self.paths.removeAll(keepingCapacity: self.paths.capacity <= 1024)
        if let best { self.paths.append(best) }
    }

    mutating func append(_ path: Path) { self.paths.append(path) }

    /// Appends candidates that have not lost yet, in order.
    mutating func append(_ candidates: borrowing ContiguousArray<Candidate>, _ options: DecisionOptions) {
        self.order.removeAll(keepingCapacity: self.order.capacity <= 1024)
        for index in candidates.indices where candidates[index].lostAt == nil { self.order.append(index) }
        let isGrouped = !options.contains(.alwaysCompareMED) && Self.needsGroups(candidates, self.order)
        let comparesMED = isGrouped || options.contains(.alwaysCompareMED)
        self.order.sort { left, right in
            let (a, b) = (candidates[left], candidates[right])
            if isGrouped, a.neighborAS != b.neighborAS { return a.neighborAS < b.neighborAS }
            return a.precedes(b, options, comparesMED: comparesMED)
        }
        guard isGrouped else {
            for index in self.order { self.paths.append(candidates[index].path) }
            return
        }
        self.merge(candidates, options)
    }

    /// Whether MED tells two candidates of one neighbour AS apart.
    private static func needsGroups(
        _ candidates: borrowing ContiguousArray<Candidate>,
        _ order: ContiguousArray<Int>
    ) -> Bool {
        guard let first = order.first else { return false }
        let discriminator = candidates[first].multiExitDiscriminator
        return order.contains { candidates[$0].multiExitDiscriminator != discriminator }
    }

    /// Takes the best of the lists' first candidates until none is left, by a heap of lists.
    private mutating func merge(_ candidates: borrowing ContiguousArray<Candidate>, _ options: DecisionOptions) {
        self.lists.removeAll(keepingCapacity: self.lists.capacity <= 1024)
        for (position, index) in self.order.enumerated() {
            if let last = self.lists.last,
                candidates[self.order[last.position]].neighborAS == candidates[index].neighborAS
            {
                self.lists[self.lists.count - 1].end = position + 1
            } else {
                self.lists.append((position, position + 1))
            }
        }
        for place in stride(from: self.lists.count / 2 - 1, through: 0, by: -1) {
            self.sink(place, candidates, options)
        }
        while let first = self.lists.first {
            self.paths.append(candidates[self.order[first.position]].path)
            self.lists[0].position += 1
            if self.lists[0].position == self.lists[0].end {
                self.lists.swapAt(0, self.lists.count - 1)
                self.lists.removeLast()
            }
            self.sink(0, candidates, options)
        }
    }

    private mutating func sink(
        _ place: Int,
        _ candidates: borrowing ContiguousArray<Candidate>,
        _ options: DecisionOptions
    ) {
        var place = place
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < self.lists.count {
                let a = candidates[self.order[self.lists[child].position]]
                let b = candidates[self.order[self.lists[least].position]]
                if a.precedes(b, options, comparesMED: false) { least = child }
            }
            guard least != place else { return }
            self.lists.swapAt(least, place)
            place = least
        }
    }
}

extension Candidate {
    /// Whether it is better than another one; the steps of ``Election/run(_:incumbent:)`` without the incumbent's.
    func precedes(_ other: Candidate, _ options: DecisionOptions, comparesMED: Bool) -> Bool {
        if self.preference != other.preference { return self.preference > other.preference }
        if self.isLocal != other.isLocal { return self.isLocal }
        if self.isLongLivedStale != other.isLongLivedStale { return !self.isLongLivedStale }
        if self.localPreference != other.localPreference { return self.localPreference > other.localPreference }
        if self.hasAIGP != other.hasAIGP { return self.hasAIGP }
        if self.aigp != other.aigp { return self.aigp < other.aigp }
        if options.contains(.pathLength), self.pathLength != other.pathLength {
            return self.pathLength < other.pathLength
        }
        if self.origin != other.origin { return self.origin < other.origin }
        if comparesMED, self.multiExitDiscriminator != other.multiExitDiscriminator {
            return self.multiExitDiscriminator < other.multiExitDiscriminator
        }
        if self.isExternal != other.isExternal { return self.isExternal }
        if options.contains(.igpMetric), self.igpMetric != other.igpMetric { return self.igpMetric < other.igpMetric }
        if self.routerID != other.routerID { return self.routerID < other.routerID }
        if self.clusterListLength != other.clusterListLength { return self.clusterListLength < other.clusterListLength }
        if self.peerAddress != other.peerAddress { return self.peerAddress < other.peerAddress }
        let (pathID, otherID) = (self.isLocal ? 0 : self.path.pathID, other.isLocal ? 0 : other.path.pathID)
        if pathID != otherID { return pathID < otherID }
        if self.kernelMetric != other.kernelMetric { return self.kernelMetric < other.kernelMetric }
        if self.sourceKind != other.sourceKind { return self.sourceKind < other.sourceKind }
        if self.path.source != other.path.source { return self.path.source < other.path.source }
        return self.path.pathID < other.path.pathID
    }
}

extension CoreState {
    /// Puts the paths that may be sent into `ranking`, best first.
    ///
    /// The best one is what the table says it is, also where the order of arrival made it so.
    mutating func rank<P>(_ table: borrowing Table<P>, _ number: UInt32) {
        let destination = table.destinations[number]
        self.ranking.start(with: destination.hasBest && self.isEligible(destination.path) ? destination.path : nil)
        guard destination.hasSeveralPaths || self.ranking.paths.isEmpty else { return }
        self.election.reset()
        var options: DecisionOptions = []
        table.forEachPath(number) { slot, path in
            let candidate = self.candidate(slot, path)
            // As in the election, every source of a path that may be best has a say in the steps.
            if candidate.lostAt == nil { options.formUnion(self.records[Int(path.source)].decision) }
            if slot != .inline || !destination.hasBest { self.election.candidates.append(candidate) }
            return true
        }
        self.ranking.append(self.election.candidates, options)
    }

    /// Puts the paths that may be sent into `ranking`, in any order.
    mutating func collect<P>(_ table: borrowing Table<P>, _ number: UInt32) {
        self.ranking.start(with: nil)
        table.forEachPath(number) { _, path in
            if self.isEligible(path) { self.ranking.append(path) }
            return true
        }
    }
}
