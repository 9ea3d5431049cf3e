import BGPWire
import IPAddressing
import Testing

@testable import Policy

@Suite("Sets of ranges")
struct RangeSetTests {
    typealias Generator = PrefixTableTests.Generator

    /// Numbers near each other, far from each other, or in clusters with an outlier, as AS numbers are.
    private static func number(_ spread: Int, _ generator: inout Generator) -> UInt32 {
        switch spread {
        case 0: UInt32.random(in: 0...400, using: &generator)
        case 1: UInt32.random(in: 0...(.max), using: &generator)
        default:
            Bool.random(using: &generator)
                ? UInt32.random(in: 64_000...64_500, using: &generator)
                : UInt32.random(in: 4_199_999_000...(.max), using: &generator)
        }
    }

    private static func check<Element: FilterSetElement>(
        _ seed: UInt64,
        _ element: (UInt32) -> Element
    ) {
        var generator = Generator(state: seed)
        for spread in 0...2 {
            for count in [0, 1, 2, 5, 6, 7, 40, 300] {
                let ranges = (0..<count).map { _ in
                    let low = Self.number(spread, &generator)
                    let width =
                        UInt32.random(in: 0...3, using: &generator) * UInt32.random(in: 0...9, using: &generator)
                    return element(low)...element(low.addingReportingOverflow(width).overflow ? low : low + width)
                }
                let set = FilterRangeSet(ranges)
                let edges = ranges.flatMap { [$0.lowerBound, $0.upperBound] }
                let others = (0..<200).map { _ in element(Self.number(spread, &generator)) }
                for candidate in edges + others + [element(0), element(.max)] {
                    #expect(set.contains(candidate) == ranges.contains { $0.contains(candidate) }, "\(candidate)")
                }
            }
        }
    }

    @Test("A set of any size and spread holds what one of its ranges holds", arguments: 1...4 as ClosedRange<UInt64>)
    func contents(seed: UInt64) {
        Self.check(seed) { $0 }
        Self.check(seed) { Community(rawValue: $0) }
        Self.check(seed) { UInt64($0) << 31 }
        Self.check(seed) { ExtendedCommunity(rawValue: UInt64($0) << 16 | 0x0002 << 48) }
        Self.check(seed) { LargeCommunity(globalAdministrator: $0 >> 24, data1: $0 >> 8 & 0xFFFF, data2: $0 & 0xFF) }
        Self.check(seed) { LargeCommunity(globalAdministrator: 64_512, data1: 1, data2: $0) }
        Self.check(seed) { IPAddress.v4(IPv4Address(rawValue: $0)) }
        Self.check(seed) { IPAddress.v6(IPv6Address(high: 0x2001_0DB8 << 32, low: UInt64($0))) }
        Self.check(seed) { number in
            number & 1 == 0
                ? IPAddress.v6(IPv6Address(high: UInt64(number) << 32 | 1, low: 0))
                : IPAddress.v6(IPv6Address(high: UInt64(number) << 32 | 1, low: 7))
        }
    }

    @Test("Order of ordinals follows that of elements over both families")
    func families() {
        let set = FilterRangeSet(
            (0..<20 as Range<UInt32>).map { number -> ClosedRange<IPAddress> in
                let one: IPAddress =
                    number < 10
                    ? .v4(IPv4Address(rawValue: .max - number)) : .v6(IPv6Address(high: UInt64(number), low: 1))
                return one...one
            }
        )
        #expect(set.ranges.count == 20)
        for range in set.ranges { #expect(set.contains(range.lowerBound)) }
        #expect(!set.contains(.v4(IPv4Address(rawValue: 10))))
        #expect(!set.contains(.v6(IPv6Address(high: 15, low: 2))))
        #expect(!set.contains(.v6(IPv6Address(high: .max, low: 1))))
    }
}
