import IPAddressing

/// Prefixes in order of address and length, each with the one that encloses it most closely: finds the longest entry
/// that covers a prefix by a binary search, and the others that do by following the chain.
///
/// Flat arrays, 13 octets an IPv4 entry; an index over the first bits keeps searches short.
struct PrefixTable<Bits: FixedWidthInteger & UnsignedInteger & Hashable & Sendable>: Hashable, Sendable {
    private(set) var addresses: [Bits] = []
    private(set) var lengths: [UInt8] = []
    /// Index of the next larger entry around each; `none` where there is none.
    private(set) var parents: [UInt32] = []
    /// For each value of the first `indexBits` bits, where its entries begin; one more at the end.
    private var starts: [UInt32] = []
    private var indexBits = 0

    static var none: UInt32 { .max }

    /// An entry by value.
    struct Key: Hashable, Comparable {
        var address: Bits
        var length: UInt8

        static func < (lhs: Key, rhs: Key) -> Bool { (lhs.address, lhs.length) < (rhs.address, rhs.length) }
    }

    init() {}

    /// Creates a table of keys in ascending order without duplicates.
    init(sorted keys: [Key]) {
        self.addresses = keys.map(\.address)
        self.lengths = keys.map(\.length)
        self.parents.reserveCapacity(keys.count)
        var enclosing: [Int] = []
        for (index, key) in keys.enumerated() {
            while let last = enclosing.last, !Self.covers(keys[last], key.address, key.length) {
                enclosing.removeLast()
            }
            self.parents.append(enclosing.last.map(UInt32.init) ?? Self.none)
            enclosing.append(index)
        }
        while self.indexBits < 18, 1 << self.indexBits < keys.count { self.indexBits += 1 }
        self.starts = [UInt32](repeating: 0, count: (1 << self.indexBits) + 1)
        for key in keys { self.starts[self.slot(key.address) + 1] += 1 }
        for index in 1..<self.starts.count { self.starts[index] += self.starts[index - 1] }
    }

    var count: Int { self.addresses.count }

    @inline(__always)
    private func slot(_ address: Bits) -> Int {
        self.indexBits == 0 ? 0 : Int(truncatingIfNeeded: address >> Bits(Bits.bitWidth - self.indexBits))
    }

    @inline(__always)
    private static func covers(_ key: Key, _ address: Bits, _ length: UInt8) -> Bool {
        key.length <= length
            && (key.length == 0 || (key.address ^ address) >> Bits(Bits.bitWidth - Int(key.length)) == 0)
    }

    /// The longest entry that is equal to or encloses a prefix, as an index; `none` if there is none.
    @inline(__always)
    func longestCover(_ address: Bits, _ length: UInt8) -> UInt32 {
        guard !self.addresses.isEmpty else { return Self.none }
        let slot = self.slot(address)
        var low = Int(self.starts[slot])
        var high = Int(self.starts[slot + 1])
        // The first entry behind the prefix.
        while low < high {
            let middle = (low &+ high) >> 1
            let other = self.addresses[middle]
            if other < address || (other == address && self.lengths[middle] <= length) {
                low = middle &+ 1
            } else {
                high = middle
            }
        }
        // The one before it covers the prefix, or lies in what does.
        var index = low > 0 ? UInt32(truncatingIfNeeded: low &- 1) : Self.none
        while index != Self.none {
            let key = Key(address: self.addresses[Int(index)], length: self.lengths[Int(index)])
            if Self.covers(key, address, length) { return index }
            index = self.parents[Int(index)]
        }
        return index
    }
}

extension IPv6Address {
    /// The address as one number.
    var bits: UInt128 { UInt128(self.high) << 64 | UInt128(self.low) }

    /// The address of a number.
    init(bits: UInt128) {
        self.init(high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }
}
