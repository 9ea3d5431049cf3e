internal import IPAddressing

/// A bounded cache of policy outcomes, keyed by attribute set and context.
///
/// Holds no references: a set that was freed since is recognised by its generation.
struct PolicyMemo {
    struct Entry {
        var key: AttributeID = 0
        var keyGeneration: UInt32 = 0
        var context: UInt64 = 0
        var value: AttributeID = 0
        var valueGeneration: UInt32 = 0
        var epoch: UInt32 = 0
        var reason: UInt8 = 0
    }

    private let capacity: Int
    private var entries: [Entry] = []

    /// Creates a cache of a power of two of entries; memory is taken at first use.
    init(capacity: Int) { self.capacity = capacity }

    private func place(_ key: AttributeID, _ context: UInt64) -> Int {
        Int(truncatingIfNeeded: mixBits(UInt64(key) ^ context << 32)) & (self.capacity - 1)
    }

    func find(_ key: AttributeID, _ context: UInt64, _ store: borrowing AttributeStore, epoch: UInt32 = 0) -> Entry? {
        guard !self.entries.isEmpty else { return nil }
        let entry = self.entries[self.place(key, context)]
        guard entry.key == key, entry.context == context, entry.epoch == epoch,
            entry.keyGeneration == store[key].generation
        else { return nil }
        guard entry.value == 0 || entry.valueGeneration == store[entry.value].generation else { return nil }
        return entry
    }

    mutating func store(
        _ key: AttributeID,
        _ context: UInt64,
        _ value: AttributeID,
        _ reason: UInt8,
        _ epoch: UInt32,
        _ store: borrowing AttributeStore
    ) {
        if self.entries.isEmpty { self.entries = Array(repeating: Entry(), count: self.capacity) }
        self.entries[self.place(key, context)] = Entry(
            key: key,
            keyGeneration: store[key].generation,
            context: context,
            value: value,
            valueGeneration: store[value].generation,
            epoch: epoch,
            reason: reason
        )
    }

    /// Octets held.
    var memory: Int { self.entries.capacity * MemoryLayout<Entry>.stride }

    mutating func removeAll() { self.entries = [] }
}
