internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// Collects what a flush sends, by attribute set and audience, and writes it into as few messages as fit.
struct UpdatePacker<P: IPPrefixProtocol> {
    /// Largest size of one item; an item is closed at the first message end beyond it.
    private static var itemSize: Int { 60_000 }

    private struct Bucket {
        var set: AttributeID
        var audience: GroupItem.Audience
        var first: Int32
        var last: Int32
    }

    private struct Entry {
        var prefix: P
        var next: Int32
    }

    private struct Key: Hashable {
        var set: AttributeID
        var first: UInt16
        var second: UInt16
        var isOnly: Bool
    }

    private var buckets: [Bucket] = []
    private var entries: [Entry] = []
    private var index: [Key: Int] = [:]
    private var lastKey = Key(set: .max, first: 0, second: 0, isOnly: false)
    private var lastBucket = 0

    init() {}

    /// Adds a prefix: announced with a set, or withdrawn when `set` is 0.
    ///
    /// True if the set is new to this flush and the packer keeps the caller's reference to it.
    mutating func add(_ prefix: P, _ set: AttributeID, _ audience: GroupItem.Audience) -> Bool {
        let key: Key
        switch audience {
        case .all: key = Key(set: set, first: .max, second: .max, isOnly: false)
        case .allExcept(let first, let second):
            key = Key(set: set, first: first.rawValue, second: second?.rawValue ?? .max, isOnly: false)
        case .only(let only): key = Key(set: set, first: only.rawValue, second: .max, isOnly: true)
        }
        let entry = Int32(self.entries.count)
        self.entries.append(Entry(prefix: prefix, next: -1))
        if key != self.lastKey || self.buckets.isEmpty {
            self.lastKey = key
            guard let known = self.index[key] else {
                self.lastBucket = self.buckets.count
                self.index[key] = self.lastBucket
                self.buckets.append(Bucket(set: set, audience: audience, first: entry, last: entry))
                return true
            }
            self.lastBucket = known
        }
        self.entries[Int(self.buckets[self.lastBucket].last)].next = entry
        self.buckets[self.lastBucket].last = entry
        return false
    }

    /// Writes everything and drops the references to sets.
    ///
    /// Withdrawals come first, so that a receiver near its limits makes room before it takes more.
    mutating func finish(_ state: inout CoreState, _ encoding: UpdateEncoding, _ items: inout [GroupItem]) {
        var encoder = UpdateEncoder<P>(encoding)
        for bucket in self.buckets where bucket.set == 0 {
            encoder.beginWithdrawing()
            self.write(bucket, &encoder, &items)
        }
        for bucket in self.buckets where bucket.set != 0 {
            if case .recursive(let nextHop, _) = state.targets.target(state.store[bucket.set].target) {
                do throws(UpdateEncodingError) {
                    try state.store.bytes(bucket.set).withRawSpan { (span) throws(UpdateEncodingError) in
                        try encoder.beginAnnouncing(span, nextHop: nextHop)
                    }
                } catch {
                    // Export checks the size with the same arithmetic, so this says both went apart: be safe, withdraw.
                    encoder.beginWithdrawing()
                }
                self.write(bucket, &encoder, &items)
            }
            state.release(bucket.set)
        }
        self.buckets.removeAll(keepingCapacity: true)
        self.entries.removeAll(keepingCapacity: true)
        self.index.removeAll(keepingCapacity: true)
    }

    private func write(_ bucket: Bucket, _ encoder: inout UpdateEncoder<P>, _ items: inout [GroupItem]) {
        var item = GroupItem(bytes: [], messageCount: 0, audience: bucket.audience)
        if let last = items.indices.last, items[last].audience == bucket.audience,
            items[last].bytes.count < Self.itemSize
        {
            item = items.removeLast()
        }
        var counted = encoder.messageCount
        var position = bucket.first
        while position >= 0 {
            let entry = self.entries[Int(position)]
            position = entry.next
            if encoder.tryAppend(NLRI(entry.prefix), to: &item.bytes) { continue }
            encoder.finish(&item.bytes)
            if item.bytes.count >= Self.itemSize {
                item.messageCount += encoder.messageCount - counted
                counted = encoder.messageCount
                items.append(item)
                item = GroupItem(bytes: [], messageCount: 0, audience: bucket.audience)
            }
            encoder.append(NLRI(entry.prefix), to: &item.bytes)
        }
        encoder.finish(&item.bytes)
        item.messageCount += encoder.messageCount - counted
        items.append(item)
    }
}
