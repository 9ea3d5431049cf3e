public import IPAddressing

/// A prefix set: patterns `prefix`, `prefix+`, `prefix-`, `prefix{low,high}`.
///
/// A pattern matches a prefix whose length is in the range and that agrees with the pattern's prefix on the bits both
/// have. Patterns are kept as a table from prefix to allowed lengths, so a match costs one look-up for each length that
/// occurs as a pattern's own.
public struct PrefixSet: Hashable, Sendable {
    private var lengths: [IPPrefix: LengthSet]
    private var present4: LengthSet
    private var present6: LengthSet

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
        self.lengths = [:]
        self.present4 = LengthSet()
        self.present6 = LengthSet()
        for pattern in patterns where pattern.low <= pattern.high {
            let own = pattern.prefix.length
            // Shorter prefixes that cover the pattern's: each is one exact entry.
            var length = pattern.low
            while length < own && length <= pattern.high {
                self.insert(IPPrefix(address: pattern.prefix.address, length: length), lengths: length...length)
                length += 1
            }
            if pattern.high >= own {
                self.insert(pattern.prefix, lengths: max(pattern.low, own)...pattern.high)
            }
        }
    }

    private mutating func insert(_ prefix: IPPrefix, lengths: ClosedRange<UInt8>) {
        self.lengths[prefix, default: LengthSet()].insert(lengths)
        if prefix.isIPv4 {
            self.present4.insert(prefix.length...prefix.length)
        } else {
            self.present6.insert(prefix.length...prefix.length)
        }
    }

    /// Number of entries.
    var count: Int { self.lengths.count }

    /// Whether a pattern matches `prefix`.
    public func contains(_ prefix: IPPrefix) -> Bool {
        let present = prefix.isIPv4 ? self.present4 : self.present6
        var length: UInt8 = 0
        while length <= prefix.length {
            if present.contains(length) {
                let key = length == prefix.length ? prefix : IPPrefix(address: prefix.address, length: length)
                if let allowed = self.lengths[key], allowed.contains(prefix.length) { return true }
            }
            length += 1
        }
        return false
    }

    /// Lengths 0 to 128 as bits.
    private struct LengthSet: Hashable, Sendable {
        var low: UInt64 = 0
        var high: UInt64 = 0
        var top = false

        func contains(_ length: UInt8) -> Bool {
            switch length {
            case 0..<64: self.low >> UInt64(length) & 1 == 1
            case 64..<128: self.high >> UInt64(length - 64) & 1 == 1
            default: self.top
            }
        }

        mutating func insert(_ lengths: ClosedRange<UInt8>) {
            for length in lengths {
                switch length {
                case 0..<64: self.low |= 1 << UInt64(length)
                case 64..<128: self.high |= 1 << UInt64(length - 64)
                default: self.top = true
                }
            }
        }
    }
}
