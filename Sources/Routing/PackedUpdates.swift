internal import BGPWire
internal import IPAddressing

/// What a flush of a group sends, by attribute set and audience: all that is needed to write it into as few messages as
/// fit, which need not happen where the tables are.
struct PackedUpdates<P: IPPrefixProtocol>: Sendable {
    struct Bucket {
        var set: ExportedSets.Number
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

    struct Entry {
        var prefix: P
        var next: Int32
    }

    var buckets: ContiguousArray<Bucket> = []
    var entries: ContiguousArray<Entry> = []
    /// Path identifiers beside the entries; none in views without them.
    var identifiers: ContiguousArray<UInt32> = []
    var sets = ExportedSets()
    var encoding = UpdateEncoding()
    /// Messages in front of the updates and behind them.
    var before = GroupOutput()
    var behind = GroupOutput()

    init() {}

    /// Whether there is nothing to send.
    var isEmpty: Bool { self.buckets.isEmpty && self.before.bytes.isEmpty && self.behind.bytes.isEmpty }

    /// Octets held.
    var memory: Int {
        self.buckets.capacity * MemoryLayout<Bucket>.stride + self.entries.capacity * MemoryLayout<Entry>.stride
            + self.identifiers.capacity * 4 + self.sets.memory
    }

    /// About as many octets as the messages will have.
    var estimatedOctets: Int {
        let perPrefix = 1 + Int(P.maximumLength) / 8 + (self.identifiers.isEmpty ? 0 : 4)
        return self.entries.count * perPrefix + self.sets.octetCount + self.buckets.count * (MessageHeader.size + 16)
            + self.before.bytes.count + self.behind.bytes.count
    }

    /// Writes the messages.
    func encoded() -> GroupOutput {
        var output = self.before
        self.encodeUpdates(into: &output)
        output.append(self.behind)
        return output
    }

    private func encodeUpdates(into output: inout GroupOutput) {
        guard !self.buckets.isEmpty else { return }
        var buckets = self.buckets
        let first = buckets[0].audience
        if self.buckets.contains(where: { $0.set == 0 || $0.audience != first }) {
            var order = ContiguousArray(self.buckets.indices)
            order.sort { left, right in
                let (a, b) = (self.buckets[left].order, self.buckets[right].order)
                return a == b ? left < right : a < b
            }
            buckets = ContiguousArray(order.map { self.buckets[$0] })
        }
        output.bytes.reserveCapacity(self.entries.count * 5 + self.buckets.count * 96)
        var encoder = UpdateEncoder<P>(self.encoding)
        for bucket in buckets {
            if bucket.set == 0 {
                encoder.beginWithdrawing()
            } else {
                do throws(UpdateEncodingError) {
                    try self.sets.withAttributes(bucket.set) { (span) throws(UpdateEncodingError) in
                        try encoder.beginAnnouncing(span, nextHop: self.sets.nextHop(bucket.set))
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
    }
}
