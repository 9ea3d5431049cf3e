internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// Paths of one set that became the first of their destinations, before they are counted.
struct FirstPaths {
    /// What is the same for all of them.
    struct Shared {
        var path = Path()
        /// Flags that the destination gets.
        var flags: DestinationFlags = []
        var kinds: ChangeKinds = .path
        /// Whether next hops may resolve through them.
        var isDirect = false
    }

    var set = Shared()
    var count: UInt32 = 0
    /// How many the source's limits have room for.
    var limit: UInt32

    init(limit: UInt32) {
        self.limit = limit
    }
}

/// Destinations with one path, which are most of them in a table from one upstream.
///
/// The same as ``CoreState/update(_:_:_:_:)`` without what compares paths, and with what the routes of an UPDATE have in
/// common done once for all of them.
extension CoreState {
    /// How many more paths a source may have, whatever becomes of them; 0 when it may have none of a destination.
    func room(_ source: Int) -> UInt32 {
        let counters = self.counters[source]
        let (received, accepted) = (self.sources[source].receiveLimit, self.sources[source].importLimit)
        guard counters.received < received, counters.accepted < accepted, self.sources[source].pathLimit > 0 else {
            return 0
        }
        return min(received - counters.received, accepted - counters.accepted)
    }

    /// What first paths with an outcome have in common.
    func firstPath(_ outcome: ImportOutcome, _ received: AttributeID, _ source: Int) -> FirstPaths.Shared {
        var path = Path(received: received, accepted: outcome.accepted, source: UInt16(source))
        path.epoch = self.sources[source].epoch
        path.reason = outcome.reason?.rawValue ?? 0
        var shared = FirstPaths.Shared(path: path, isDirect: self.isDirect(path))
        if path.accepted != 0, !self.store[path.accepted].flags.isDisjoint(with: [.multiExitDiscriminator, .aigp]) {
            shared.flags.insert(.hasMED)
        }
        if self.isEligible(path) {
            shared.flags.insert(.hasBest)
            shared.kinds.insert(.best)
        }
        return shared
    }

    /// Puts the first path of a destination in place; ``account(_:)`` counts it.
    @inline(__always)
    mutating func placeFirst<P>(_ table: inout Table<P>, _ number: UInt32, _ prefix: P, _ shared: FirstPaths.Shared) {
        table.setOnlyPath(number, shared.path, shared.flags)
        table.record(number, shared.kinds)
        if shared.isDirect, !table.watchers.isEmpty { table.watchers(in: prefix) { self.targets.markDirty($0) } }
    }

    /// Counts first paths and their references.
    @inline(__always)
    mutating func account(_ firsts: inout FirstPaths) {
        guard firsts.count > 0 else { return }
        let path = firsts.set.path
        let source = Int(path.source)
        self.counters[source].received += firsts.count
        self.store.retain(path.received, firsts.count)
        if path.accepted != 0 {
            self.counters[source].accepted += firsts.count
            self.store.retain(path.accepted, firsts.count)
        }
        if firsts.set.flags.contains(.hasBest) { self.counters[source].best += firsts.count }
        firsts.limit -= firsts.count
        firsts.count = 0
    }

    /// Takes its only path away from a destination.
    mutating func removeOnly<P>(_ table: inout Table<P>, _ number: UInt32) {
        let before = table.destinations[number]
        let path = before.path
        table.removeOnlyPath(number)
        table.record(number, before.hasBest ? [.path, .best] : .path)
        if path.pathID != 0 { self.countIdentifier(path, nil) }
        var counters = self.counters[Int(path.source)]
        if counters.stale != 0, self.isStale(path) { counters.stale -= 1 }
        counters.received -= 1
        if path.accepted != 0 { counters.accepted -= 1 }
        if before.hasBest { counters.best -= 1 }
        self.counters[Int(path.source)] = counters
        if self.isDirect(path), !table.watchers.isEmpty {
            table.watchers(in: before.prefix) { self.targets.markDirty($0) }
        }
        self.release(path.received)
        self.release(path.accepted)
        table.releaseIfUnused(number)
    }
}
