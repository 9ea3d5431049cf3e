public import IPAddressing

/// A prefix set: patterns `prefix`, `prefix+`, `prefix-`, `prefix{low,high}`.
///
/// A pattern matches a prefix whose length is in the range and that agrees with the pattern's prefix on the bits both
/// have. Every entry knows the lengths that it and those around it allow, so that a match is one search.
public struct PrefixSet: Sendable {
    private let storage: Storage

    /// One element of a set.
    public struct Pattern: Hashable, Sendable {
        /// The prefix.
        public var prefix: IPPrefix
        /// Smallest length that matches.
        public var low: UInt8
        /// Largest length that matches.
        public var high: UInt8

        /// Creates a pattern.
        public init(prefix: IPPrefix, low: UInt8, high: UInt8) {
            self.prefix = prefix
            self.low = low
            self.high = high
        }

        /// Creates the pattern that matches `prefix` alone.
        public init(exactly prefix: IPPrefix) {
            self.init(prefix: prefix, low: prefix.length, high: prefix.length)
        }
    }

    /// Creates a set.
    public init(_ patterns: some Sequence<Pattern>) {
        self.storage = Storage(patterns)
    }

    /// Number of entries.
    var count: Int { self.storage.ipv4.table.count + self.storage.ipv6.table.count }

    /// Whether a pattern matches `prefix`.
    @inline(__always)
    public func contains(_ prefix: IPPrefix) -> Bool {
        switch prefix {
        case .v4(let prefix): self.storage.ipv4.contains(prefix.address.rawValue, prefix.length)
        case .v6(let prefix): self.storage.ipv6.contains(prefix.address.bits, prefix.length)
        }
    }

    /// What sets share and never change.
    private final class Storage: Sendable {
        let ipv4: Family<UInt32>
        let ipv6: Family<UInt128>
        let fingerprint: Int

        init(_ patterns: some Sequence<Pattern>) {
            var entries4: [(PrefixTable<UInt32>.Key, LengthSet)] = []
            var entries6: [(PrefixTable<UInt128>.Key, LengthSet)] = []
            for pattern in patterns where pattern.low <= pattern.high {
                let own = pattern.prefix.length
                func insert(_ prefix: IPPrefix, _ lengths: ClosedRange<UInt8>) {
                    let allowed = LengthSet(lengths)
                    switch prefix {
                    case .v4(let prefix):
                        entries4.append((.init(address: prefix.address.rawValue, length: prefix.length), allowed))
                    case .v6(let prefix):
                        entries6.append((.init(address: prefix.address.bits, length: prefix.length), allowed))
                    }
                }
                // Shorter prefixes that cover the pattern's: each is one exact entry.
                var length = pattern.low
                while length < own && length <= pattern.high {
                    insert(IPPrefix(address: pattern.prefix.address, length: length), length...length)
                    length += 1
                }
                if pattern.high >= own { insert(pattern.prefix, max(pattern.low, own)...pattern.high) }
            }
            self.ipv4 = Family(entries4)
            self.ipv6 = Family(entries6)
            var hasher = Hasher()
            hasher.combine(self.ipv4)
            hasher.combine(self.ipv6)
            self.fingerprint = hasher.finalize()
        }
    }

    /// The entries of one address family.
    private struct Family<Bits: FixedWidthInteger & UnsignedInteger & Hashable & Sendable>: Hashable, Sendable {
        let table: PrefixTable<Bits>
        /// For each entry, which of `distinct` holds the lengths that it and the entries around it allow.
        let allowed: [UInt32]
        let distinct: [LengthSet]

        init(_ entries: [(key: PrefixTable<Bits>.Key, lengths: LengthSet)]) {
            var keys: [PrefixTable<Bits>.Key] = []
            var own: [LengthSet] = []
            for entry in entries.sorted(by: { $0.key < $1.key }) {
                if keys.last == entry.key {
                    own[own.count - 1].formUnion(entry.lengths)
                } else {
                    keys.append(entry.key)
                    own.append(entry.lengths)
                }
            }
            let table = PrefixTable(sorted: keys)
            var distinct: [LengthSet] = []
            var numbers: [LengthSet: UInt32] = [:]
            var allowed: [UInt32] = []
            allowed.reserveCapacity(keys.count)
            for index in keys.indices {
                let parent = table.parents[index]
                // Entries stand behind those around them.
                if parent != PrefixTable<Bits>.none { own[index].formUnion(own[Int(parent)]) }
                let number = numbers[own[index]] ?? UInt32(distinct.count)
                if number == distinct.count {
                    distinct.append(own[index])
                    numbers[own[index]] = number
                }
                allowed.append(number)
            }
            self.table = table
            self.allowed = allowed
            self.distinct = distinct
        }

        @inline(__always)
        func contains(_ address: Bits, _ length: UInt8) -> Bool {
            let entry = self.table.longestCover(address, length)
            guard entry != PrefixTable<Bits>.none else { return false }
            return self.distinct[Int(self.allowed[Int(entry)])].contains(length)
        }
    }

    /// Lengths 0 to 128 as bits.
    struct LengthSet: Hashable, Sendable {
        private var low: UInt64 = 0
        private var high: UInt64 = 0
        private var top = false

        init(_ lengths: ClosedRange<UInt8>) {
            for length in lengths {
                switch length {
                case 0..<64: self.low |= 1 << UInt64(length)
                case 64..<128: self.high |= 1 << UInt64(length - 64)
                default: self.top = true
                }
            }
        }

        @inline(__always)
        func contains(_ length: UInt8) -> Bool {
            switch length {
            case 0..<64: self.low >> UInt64(length) & 1 == 1
            case 64..<128: self.high >> UInt64(length - 64) & 1 == 1
            default: self.top
            }
        }

        mutating func formUnion(_ other: LengthSet) {
            self.low |= other.low
            self.high |= other.high
            self.top = self.top || other.top
        }
    }
}

extension PrefixSet: Hashable {
    /// Whether both sets were written alike, up to order and repetition.
    public static func == (lhs: PrefixSet, rhs: PrefixSet) -> Bool {
        lhs.storage === rhs.storage
            || (lhs.storage.fingerprint == rhs.storage.fingerprint && lhs.storage.ipv4 == rhs.storage.ipv4
                && lhs.storage.ipv6 == rhs.storage.ipv6)
    }

    /// Hashes a number computed once.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.storage.fingerprint) }
}

extension PrefixSet: CustomStringConvertible {
    /// The entries with the lengths that match there: `[10.0.0.0/8{24,32}, …]`.
    public var description: String {
        var parts: [String] = []
        func add<Bits>(_ family: Family<Bits>, _ address: (Bits) -> IPAddress) {
            for index in 0..<family.table.count {
                let prefix = IPPrefix(
                    address: address(family.table.addresses[index]),
                    length: family.table.lengths[index]
                )
                let allowed = family.distinct[Int(family.allowed[index])]
                let lengths = (0...UInt8(prefix.isIPv4 ? 32 : 128)).filter(allowed.contains)
                guard let low = lengths.first, let high = lengths.last else { continue }
                parts.append(low == high && low == prefix.length ? "\(prefix)" : "\(prefix){\(low),\(high)}")
            }
        }
        add(self.storage.ipv4) { .v4(IPv4Address(rawValue: $0)) }
        add(self.storage.ipv6) { .v6(IPv6Address(bits: $0)) }
        return "[" + parts.joined(separator: ", ") + "]"
    }
}
