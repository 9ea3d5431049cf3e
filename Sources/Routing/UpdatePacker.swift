internal import BGPWire
internal import IPAddressing

/// Collects what a flush sends, by attribute set and audience.
struct UpdatePacker<P: IPPrefixProtocol> {
    /// Entries for which storage is kept.
    private static var keptEntries: Int { 1 << 14 }

    private var updates = PackedUpdates<P>()
    private var index = NumberMap()
    private var lastKey = UInt64.max
    private var lastBucket = 0

    init() {}

    /// Octets held.
    var memory: Int { self.updates.memory + self.index.memory }

    /// Adds a prefix with a path identifier; in one flush all prefixes have one or none has.
    mutating func add(_ prefix: P, _ set: ExportScratch.Number, _ audience: GroupOutput.Audience, id: UInt32) {
        self.add(prefix, set, audience)
        self.updates.identifiers.append(id)
    }

    /// Adds a prefix: announced with a set, or withdrawn when `set` is 0.
    @inline(__always)
    mutating func add(_ prefix: P, _ set: ExportScratch.Number, _ audience: GroupOutput.Audience) {
        let key: UInt64
        switch audience {
        case .all: key = UInt64(set) << 32 | 0xFFFF_FFFF
        case .allExcept(let first, let second):
            key = UInt64(set) << 32 | UInt64(first.rawValue) << 16 | UInt64(second?.rawValue ?? .max)
        // Numbers of sets are small, so the highest bit is free.
        case .only(let only): key = 1 << 63 | UInt64(set) << 32 | UInt64(only.rawValue)
        }
        let entry = Int32(truncatingIfNeeded: self.updates.entries.count)
        self.updates.entries.append(PackedUpdates.Entry(prefix: prefix, next: -1))
        if key != self.lastKey {
            self.lastKey = key
            guard let known = self.index[key] else {
                self.lastBucket = self.updates.buckets.count
                self.index.insert(key, UInt32(truncatingIfNeeded: self.lastBucket))
                self.updates.buckets.append(
                    PackedUpdates.Bucket(set: set, audience: audience, first: entry, last: entry)
                )
                return
            }
            self.lastBucket = Int(known)
        }
        self.updates.entries[Int(self.updates.buckets[self.lastBucket].last)].next = entry
        self.updates.buckets[self.lastBucket].last = entry
    }

    /// Hands over what was collected and forgets it.
    mutating func take() -> PackedUpdates<P> {
        var updates = PackedUpdates<P>()
        swap(&updates, &self.updates)
        self.index.removeAll(keepingCapacityFor: Self.keptEntries)
        self.lastKey = .max
        return updates
    }
}
