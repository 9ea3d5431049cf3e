internal import IPAddressing
internal import RouteModel

/// Who pays for attribute sets that several sources hold.
///
/// A set is charged to the source it came from first, and stays so until it is freed: nothing is counted per route. When
/// that source has let go of the set and others have not, the charge is wrong; a review takes the charges of a source
/// away and gives each set to a source that has a path with it.
struct ChargeReview {
    var isActive = false
    /// Owners whose charges are taken away, by ``AttributeRecord/owner``.
    var owners: Set<UInt16> = []
    /// Owners to look at in the next round.
    var waiting: Set<UInt16> = []
    /// Next set of the first part, which takes charges away.
    var record: AttributeID = 1
    /// Next destination of the second part, which gives them to holders.
    var table = 0
    var position: UInt32 = 0
}

extension RoutingCore {
    /// Octets of attribute sets a source is charged for.
    public func attributeCharge(_ id: SourceID) -> Int {
        let owner = id.index + 1
        return self.isLive(id) && owner < self.engine.state.store.charges.count
            ? self.engine.state.store.charges[owner] : 0
    }

    /// Has ``work(_:)`` find out which of the sets that sources are charged for they still hold.
    ///
    /// Charges are too small in the meantime.
    public mutating func reviewCharges(_ sources: [SourceID]) {
        for source in sources where self.isLive(source) { self.engine.startReview(source.index) }
    }

    /// Whether a review is under way.
    public var isReviewingCharges: Bool { self.engine.review.isActive }
}

extension Engine {
    mutating func startReview(_ source: Int) {
        let owner = UInt16(truncatingIfNeeded: source + 1)
        guard Int(owner) < self.state.store.charges.count, self.state.store.charges[Int(owner)] != 0 else { return }
        self.review.waiting.insert(owner)
        self.beginRound()
    }

    private mutating func beginRound() {
        guard !self.review.isActive, !self.review.waiting.isEmpty else { return }
        self.review = ChargeReview(isActive: true, owners: self.review.waiting)
    }

    /// Looks at up to `budget` sets or destinations.
    mutating func continueReview(_ budget: Int) {
        var left = budget
        let end = self.state.store.endID
        while left > 0, self.review.record < end {
            let id = self.review.record
            let record = self.state.store[id]
            if record.references > 0, self.review.owners.contains(record.owner) { self.state.store.charge(id, to: 0) }
            self.review.record += 1
            left -= 1
        }
        while left > 0, self.review.table < self.tableCount {
            let table = self.tableID(ordinal: self.review.table)
            let limit = self.destinationEnd(table)
            guard self.review.position < limit else {
                self.review.table += 1
                self.review.position = 0
                left -= 1
                continue
            }
            let stop = UInt32(min(Int(self.review.position) + left, Int(limit)))
            if table.isIPv4 {
                self.state.adopt(&self.ipv4Tables[table.index], self.review.position..<stop)
            } else {
                self.state.adopt(&self.ipv6Tables[table.index], self.review.position..<stop)
            }
            left -= Int(stop - self.review.position)
            self.review.position = stop
        }
        guard left > 0 else { return }
        self.review.isActive = false
        self.beginRound()
    }
}

extension CoreState {
    /// Charges sets without an owner to sources of paths with them.
    mutating func adopt<P>(_ table: inout Table<P>, _ range: Range<UInt32>) {
        for number in range {
            table.forEachPath(number) { _, path in
                if self.store[path.received].owner == 0 { self.store.charge(path.received, to: path.source + 1) }
                if path.accepted != 0, self.store[path.accepted].owner == 0 {
                    self.store.charge(path.accepted, to: path.source + 1)
                }
                return true
            }
        }
    }
}
