internal import IPAddressing

/// A hash table from 64-bit keys to 32-bit numbers that is emptied in one step; for the length of a flush.
struct NumberMap {
    private struct Slot {
        var key: UInt64 = 0
        var number: UInt32 = 0
        /// The slot is in use when this is the map's round.
        var round: UInt32 = 0
    }

    private var slots: ContiguousArray<Slot> = []
    private var count = 0
    private var round: UInt32 = 1

    init() {}

    /// Octets held.
    var memory: Int { self.slots.capacity * MemoryLayout<Slot>.stride }

    /// The place of a key, or where it belongs.
    @inline(__always)
    private func place(_ key: UInt64) -> Int {
        let mask = self.slots.count &- 1
        var position = Int(truncatingIfNeeded: mixBits(key)) & mask
        while self.slots[position].round == self.round, self.slots[position].key != key {
            position = (position &+ 1) & mask
        }
        return position
    }

    /// The number of a key.
    @inline(__always)
    subscript(_ key: UInt64) -> UInt32? {
        guard self.count > 0 else { return nil }
        let slot = self.slots[self.place(key)]
        return slot.round == self.round ? slot.number : nil
    }

    /// Adds a key that has no number yet.
    mutating func insert(_ key: UInt64, _ number: UInt32) {
        if (self.count + 1) * 4 > self.slots.count * 3 { self.grow() }
        let position = self.place(key)
        self.slots[position] = Slot(key: key, number: number, round: self.round)
        self.count += 1
    }

    private mutating func grow() {
        let old = self.slots
        self.slots = ContiguousArray(repeating: Slot(), count: max(64, old.count * 2))
        for slot in old where slot.round == self.round { self.slots[self.place(slot.key)] = slot }
    }

    /// Forgets everything; storage for more than `limit` numbers is given back.
    mutating func removeAll(keepingCapacityFor limit: Int) {
        self.count = 0
        if self.round == .max || self.slots.count > limit * 2 {
            self.slots = []
            self.round = 0
        }
        self.round += 1
    }
}
