extension PathAttributes {
    /// A 64-bit hash of a canonical set's octets, the one ``UpdateDecoder/attributesHash`` holds.
    ///
    /// Multiply-and-fold over 16 octets a step. Not for use against an adversary who knows the seed.
    @inlinable
    public static func hash(of span: RawSpan, seed: UInt64) -> UInt64 {
        let count = span.byteCount
        var state = seed ^ 0x2D35_8DCC_AA6C_78A5
        var offset = 0
        while count &- offset >= 16 {
            state = Self.fold(
                span.uint64(offset) ^ 0x8BB8_4B93_962E_ACC9,
                span.uint64(offset &+ 8) ^ state
            )
            offset &+= 16
        }
        var first: UInt64 = 0
        var second: UInt64 = 0
        let rest = count &- offset
        if rest >= 8 {
            // The last eight octets overlap the eight before them; the length below keeps this unambiguous.
            first = span.uint64(offset)
            second = span.uint64(count &- 8)
        } else if rest >= 4 {
            first = UInt64(span.uint32(offset))
            second = UInt64(span.uint32(count &- 4))
        } else {
            while offset < count {
                first = first << 8 | UInt64(span.octet(offset))
                offset &+= 1
            }
        }
        state = Self.fold(first ^ 0x4B33_A62E_D433_D4A3, second ^ state)
        return Self.fold(state ^ 0x4D5A_2DA5_1DE1_AA47, UInt64(truncatingIfNeeded: count) ^ 0x2D35_8DCC_AA6C_78A5)
    }

    /// The two halves of the 128-bit product, combined.
    @inlinable
    static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// The hash of this set.
    public func hash(seed: UInt64) -> UInt64 { Self.hash(of: self.bytes.rawSpan, seed: seed) }
}
