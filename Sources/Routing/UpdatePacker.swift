internal import BGPWire
internal import IPAddressing

/// Collects what a flush sends, by attribute set and audience, and writes it into as few messages as fit.
struct UpdatePacker<P: IPPrefixProtocol> {
    private struct Bucket {
        var set: ExportScratch.Number
        var audience: GroupOutput.Audience
        var first: Int32
        var last: Int32

        /// What goes to one member alone comes first, then withdrawals, so that a receiver near its limits makes room
        /// before it takes more; in between, equal audiences lie side by side.
        var order: UInt64 {
            switch self.audience {
            case .only(let only): UInt64(only.rawValue) << 1 | (self.set == 0 ? 0 : 1)
            case .all: 1 << 40 | (self.set == 0 ? 0 : 1 << 39)
            case .allExcept(let first, let second):
                1 << 40 | (self.set == 0 ? 0 : 1 << 39) | (UInt64(first.rawValue) + 1) << 16
                    | UInt64(second?.rawValue ?? .max)
            }
        }
    }

    private struct Entry {
        var prefix: P
        var next: Int32
    }

    /// Entries for which storage is kept.
    private static var keptEntries: Int { 1 << 14 }

    private var buckets: ContiguousArray<Bucket> = []
    private var entries: ContiguousArray<Entry> = []
    /// Path identifiers beside the entries; none in views without them.
    private var identifiers: ContiguousArray<UInt32> = []
    private var index = NumberMap()
    private var lastKey = UInt64.max
    private var lastBucket = 0

    init() {}

    /// Octets held.
    var memory: Int {
        self.buckets.capacity * MemoryLayout<Bucket>.stride + self.entries.capacity * MemoryLayout<Entry>.stride
            + self.identifiers.capacity * 4 + self.index.memory
    }

    /// Adds a prefix with a path identifier; in one flush all prefixes have one or none has.
    mutating func add(_ prefix: P, _ set: ExportScratch.Number, _ audience: GroupOutput.Audience, id: UInt32) {
        self.add(prefix, set, audience)
        self.identifiers.append(id)
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
        let entry = Int32(truncatingIfNeeded: self.entries.count)
        self.entries.append(Entry(prefix: prefix, next: -1))
        if key != self.lastKey {
            self.lastKey = key
            guard let known = self.index[key] else {
                self.lastBucket = self.buckets.count
                self.index.insert(key, UInt32(truncatingIfNeeded: self.lastBucket))
                self.buckets.append(Bucket(set: set, audience: audience, first: entry, last: entry))
                return
            }
            self.lastBucket = Int(known)
        }
        self.entries[Int(self.buckets[self.lastBucket].last)].next = entry
        self.buckets[self.lastBucket].last = entry
    }

    /// Writes everything and forgets it.
    mutating func finish(_ scratch: borrowing ExportScratch, _ encoding: UpdateEncoding, _ output: inout GroupOutput) {
        guard !self.buckets.isEmpty else { return }
        let first = self.buckets[0].audience
        if self.buckets.contains(where: { $0.set == 0 || $0.audience != first }) {
            var order = ContiguousArray(self.buckets.indices)
            order.sort { left, right in
                let (a, b) = (self.buckets[left].order, self.buckets[right].order)
                return a == b ? left < right : a < b
            }
            self.buckets = ContiguousArray(order.map { self.buckets[$0] })
        }
        output.bytes.reserveCapacity(self.entries.count * 5 + self.buckets.count * 96)
        var encoder = UpdateEncoder<P>(encoding)
        for bucket in self.buckets {
            if bucket.set == 0 {
                encoder.beginWithdrawing()
            } else {
                do throws(UpdateEncodingError) {
                    try scratch.withAttributes(bucket.set) { (span) throws(UpdateEncodingError) in
                        try encoder.beginAnnouncing(span, nextHop: scratch.nextHop(bucket.set))
                    }
                } catch {
                    // Export checks the size with the same arithmetic, so this says both went apart: be safe, withdraw.
                    encoder.beginWithdrawing()
                }
            }
            let (start, count) = (output.bytes.count, encoder.messageCount)
            var position = bucket.first
            while position >= 0 {
                let entry = self.entries[Int(position)]
                if self.identifiers.isEmpty {
                    encoder.append(NLRI(entry.prefix), to: &output.bytes)
                } else {
                    encoder.append(
                        NLRI(entry.prefix, pathID: self.identifiers[Int(position)]),
                        to: &output.bytes
                    )
                }
                position = entry.next
            }
            encoder.finish(&output.bytes)
            output.add(start..<output.bytes.count, encoder.messageCount - count, bucket.audience)
        }
        self.buckets.removeAll(keepingCapacity: self.buckets.capacity <= Self.keptEntries)
        self.entries.removeAll(keepingCapacity: self.entries.capacity <= Self.keptEntries)
        self.identifiers.removeAll(keepingCapacity: self.identifiers.capacity <= Self.keptEntries)
        self.index.removeAll(keepingCapacityFor: Self.keptEntries)
        self.lastKey = .max
    }
}
