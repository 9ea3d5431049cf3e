import BGPWire
import IPAddressing
import Policy
import Testing

@Suite("Prefix sets and ROA tables against naive ones")
struct PrefixTableTests {
    /// A small generator, so that failures repeat.
    struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var value = self.state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }

        /// A prefix from a corner of the space where many meet.
        mutating func prefix(_ isIPv4: Bool) -> IPPrefix {
            let bits = UInt64.random(in: 0..<64, using: &self)
            let address: IPAddress =
                isIPv4
                ? .v4(IPv4Address(rawValue: 0x0A00_0000 | UInt32(bits) << 18))
                : .v6(IPv6Address(high: 0x2001_0DB8 << 32 | bits << 20, low: 0))
            let lengths: ClosedRange<UInt8> = isIPv4 ? 0...32 : 0...128
            let length = Bool.random(using: &self) ? UInt8.random(in: 6...16, using: &self) : nil
            return IPPrefix(address: address, length: length ?? UInt8.random(in: lengths, using: &self))
        }
    }

    @Test("A set has what one of its patterns matches", arguments: 0..<40 as Range<UInt64>)
    func sets(seed: UInt64) {
        var generator = Generator(state: seed)
        let isIPv4 = seed % 2 == 0
        let patterns = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
            let prefix = generator.prefix(isIPv4)
            let longest: UInt8 = isIPv4 ? 32 : 128
            let low = UInt8.random(in: 0...longest, using: &generator)
            return PrefixSet.Pattern(
                prefix: prefix,
                low: low,
                high: UInt8.random(in: low...longest, using: &generator)
            )
        }
        let set = PrefixSet(patterns)
        #expect(set == PrefixSet(patterns.shuffled(using: &generator) + patterns.prefix(1)))
        for _ in 0..<500 {
            let prefix = generator.prefix(isIPv4)
            let expected = patterns.contains { pattern in
                let shared = min(prefix.length, pattern.prefix.length)
                return pattern.low <= prefix.length && prefix.length <= pattern.high
                    && IPPrefix(address: prefix.address, length: shared)
                        == IPPrefix(address: pattern.prefix.address, length: shared)
            }
            #expect(set.contains(prefix) == expected, "\(prefix) in \(set)")
        }
    }

    @Test("Validation follows RFC 6811 §2", arguments: 0..<40 as Range<UInt64>)
    func origins(seed: UInt64) {
        var generator = Generator(state: seed)
        let isIPv4 = seed % 2 == 0
        let authorizations = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
            let prefix = generator.prefix(isIPv4)
            return ROATable.Authorization(
                prefix: prefix,
                maximumLength: UInt8.random(in: prefix.length...(isIPv4 ? 32 : 128), using: &generator),
                number: ASNumber(rawValue: UInt32.random(in: 0...3, using: &generator))
            )
        }
        let table = ROATable(name: "t", authorizations)
        for _ in 0..<300 {
            let prefix = generator.prefix(isIPv4)
            let origin = ASNumber(rawValue: UInt32.random(in: 0...3, using: &generator))
            let covering = authorizations.filter { $0.prefix.contains(prefix) }
            let isValid = covering.contains {
                $0.number == origin && origin.rawValue != 0 && prefix.length <= $0.maximumLength
            }
            let expected: ROATable.Validity = isValid ? .valid : covering.isEmpty ? .unknown : .invalid
            #expect(table.validity(of: prefix, from: origin) == expected)
        }
    }
}
