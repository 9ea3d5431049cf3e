import BGPWire
import IPAddressing
import Testing

@Suite("AS numbers between two-octet and four-octet speakers (RFC 6793)")
struct FourOctetASTests {
    /// A two-octet external session with AS 100.
    let context = external {
        $0.hasFourOctetAS = false
        $0.peerAS = 100
        $0.rejectsASSets = false
    }

    func attributes(_ bytes: [UInt8]) throws -> PathAttributes {
        let decoder = try decode(update(originIGP + bytes + nextHop, nlri: tenOne), self.context)
        #expect(decoder.failure == nil)
        return PathAttributes(canonical: decoder.attributes)
    }

    @Test("A two-octet path becomes four octets wide")
    func widened() throws {
        #expect(
            try self.attributes(attribute(0x40, 2, [2, 2, 0, 100, 0, 200])).asPath?.bytes == [
                2, 2, 0, 0, 0, 100, 0, 0, 0, 200,
            ]
        )
    }

    @Test(
        "AS4_PATH replaces the end of AS_PATH (§4.2.3)",
        arguments: [
            // Longer AS_PATH: its leading numbers stay.
            ([2, 3, 0, 100, 0x5B, 0xA0, 0x5B, 0xA0], [2, 2, 0, 1, 0, 0, 0, 1, 0, 1], "100 65536 65537"),
            // Same length: AS4_PATH whole.
            ([2, 1, 0, 100], [2, 1, 0, 1, 0, 0], "65536"),
            // Longer AS4_PATH: ignored.
            ([2, 1, 0, 100], [2, 2, 0, 1, 0, 0, 0, 1, 0, 1], "100"),
            // An AS_SET counts one.
            ([2, 1, 0, 100, 1, 2, 0, 1, 0, 2], [1, 2, 0, 1, 0, 0, 0, 1, 0, 1], "100 {65536 65537}"),
            ([2, 2, 0, 100, 0, 7, 1, 2, 0, 1, 0, 2, 2, 1, 0x5B, 0xA0], [2, 1, 0, 1, 0, 0], "100 7 {1 2} 65536"),
            // Confederation segments in AS4_PATH are skipped (§6).
            ([2, 2, 0, 100, 0x5B, 0xA0], [3, 1, 0, 0, 0, 9, 2, 1, 0, 1, 0, 0], "100 65536"),
        ] as [([UInt8], [UInt8], String)]
    )
    func merged(path: [UInt8], as4Path: [UInt8], text: String) throws {
        let result = try self.attributes(attribute(0x40, 2, path) + attribute(0xC0, 17, as4Path))
        #expect(result.asPath?.description == text)
        #expect(!result.contains(.as4Path))
    }

    @Test(
        "A malformed AS4_PATH is discarded and AS_PATH used (§6)",
        arguments: [
            [], [2, 1, 0, 1], [2, 2, 0, 1, 0, 0], [7, 1, 0, 1, 0, 0], [2, 0, 0, 0, 0, 0], [2, 1, 0, 1, 0, 0, 2],
            [2, 1, 0, 0, 0, 0],
        ] as [[UInt8]]
    )
    func malformedAS4Path(value: [UInt8]) throws {
        let body = update(
            originIGP + attribute(0x40, 2, [2, 1, 0, 100]) + attribute(0xC0, 17, value) + nextHop,
            nlri: tenOne
        )
        let decoder = try decode(body, self.context)
        #expect(decoder.failure == nil)
        #expect(decoder.discarded.map(\.type) == [.as4Path])
        #expect(PathAttributes(canonical: decoder.attributes).asPath?.description == "100")
    }

    @Test("AS4_AGGREGATOR replaces an AGGREGATOR of AS_TRANS")
    func aggregator() throws {
        let result = try self.attributes(
            attribute(0x40, 2, [2, 1, 0, 100]) + attribute(0xC0, 7, [0x5B, 0xA0, 1, 1, 1, 1])
                + attribute(0xC0, 18, [0, 1, 0, 0, 2, 2, 2, 2])
        )
        #expect(result.aggregator == Aggregator(number: 65536, identifier: RouterID(rawValue: 0x0202_0202)))
    }

    @Test("An AGGREGATOR other than AS_TRANS makes AS4_AGGREGATOR and AS4_PATH void (§4.2.3)")
    func newerAggregator() throws {
        let result = try self.attributes(
            attribute(0x40, 2, [2, 1, 0, 100]) + attribute(0xC0, 7, [0, 9, 1, 1, 1, 1])
                + attribute(0xC0, 17, [2, 1, 0, 1, 0, 0]) + attribute(0xC0, 18, [0, 1, 0, 0, 2, 2, 2, 2])
        )
        #expect(result.aggregator?.number == 9)
        #expect(result.asPath?.description == "100")
    }

    @Test("An AGGREGATOR of eight octets from a two-octet peer is discarded")
    func aggregatorLength() throws {
        let result = try self.attributes(
            attribute(0x40, 2, [2, 1, 0, 100]) + attribute(0xC0, 7, [0, 0, 0, 9, 1, 1, 1, 1])
        )
        #expect(result.aggregator == nil)
    }

    @Test("A path that grows past 65535 octets when widened withdraws")
    func tooLong() throws {
        let segment: [UInt8] = [2, 255] + Array(repeating: [0, 100], count: 255).joined()
        let value = Array(Array(repeating: segment, count: 80).joined())
        let bytes: [UInt8] = [0x50, 2, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
        var context = self.context
        context.limits.pathLength = .max
        let decoder = try decode(update(originIGP + bytes + nextHop, nlri: tenOne), context)
        #expect(decoder.failure?.cause == .length)
        #expect(decoder.withdrawnIPv4.count == 1)
    }

    @Test(
        "To a two-octet speaker large numbers are AS_TRANS, with AS4_PATH and AS4_AGGREGATOR in their places (§4.2.2)"
    )
    func encoded() throws {
        var set = PathAttributes()
        set.origin = .igp
        set.asPath = ASPath(segments: [
            .init(kind: .confederationSequence, numbers: [65010]), .init(kind: .sequence, numbers: [100, 65536]),
        ])
        set.aggregator = Aggregator(number: 65537, identifier: RouterID(rawValue: 0x0101_0101))
        set.set(PathAttributeType(rawValue: 99), flags: [.optional, .transitive, .partial], value: [7])
        set.extendedCommunities = [ExtendedCommunity(rawValue: 1)]
        var stream: [UInt8] = []
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding(hasFourOctetAS: false))
        try encoder.announce(
            [NLRI(v4("10.1.0.0/16"))],
            attributes: set,
            nextHop: BGPNextHop(.v4(IPv4Address(192, 0, 2, 1))),
            into: &stream
        )
        #expect(
            messages(stream).map(\.body) == [
                update(
                    originIGP + attribute(0x40, 2, [3, 1, 0xFD, 0xF2, 2, 2, 0, 100, 0x5B, 0xA0]) + nextHop
                        + attribute(0xC0, 7, [0x5B, 0xA0, 1, 1, 1, 1]) + attribute(0xC0, 16, [0, 0, 0, 0, 0, 0, 0, 1])
                        + attribute(0xC0, 17, [2, 2, 0, 0, 0, 100, 0, 1, 0, 0])
                        + attribute(0xC0, 18, [0, 1, 0, 1, 1, 1, 1, 1]) + attribute(0xE0, 99, [7]),
                    nlri: tenOne
                )
            ]
        )
    }

    @Test("Without large numbers there is no AS4_PATH")
    func encodedSmall() throws {
        var set = PathAttributes()
        set.origin = .igp
        set.asPath = ASPath(sequence: [100, 200])
        set.aggregator = Aggregator(number: 9, identifier: RouterID(rawValue: 0x0101_0101))
        var stream: [UInt8] = []
        var encoder = UpdateEncoder<IPv6Prefix>(UpdateEncoding(hasFourOctetAS: false))
        try encoder.announce(
            [NLRI(v6("2001:db8::/32"))],
            attributes: set,
            nextHop: BGPNextHop(.v6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1))),
            into: &stream
        )
        #expect(
            messages(stream).map(\.body) == [
                update(
                    reachIPv6 + originIGP + attribute(0x40, 2, [2, 2, 0, 100, 0, 200])
                        + attribute(0xC0, 7, [0, 9, 1, 1, 1, 1])
                )
            ]
        )
    }

    @Test("What a two-octet session sends, a two-octet session reads back")
    func roundTrip() throws {
        var set = PathAttributes()
        set.origin = .egp
        set.asPath = ASPath(segments: [
            .init(kind: .sequence, numbers: [100, 70000, 80000]), .init(kind: .set, numbers: [90000, 3]),
        ])
        set.aggregator = Aggregator(number: 90000, identifier: RouterID(rawValue: 5))
        var stream: [UInt8] = []
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding(hasFourOctetAS: false))
        try encoder.announce(
            [NLRI(v4("10.0.0.0/8"))],
            attributes: set,
            nextHop: BGPNextHop(.v4(IPv4Address(192, 0, 2, 1))),
            into: &stream
        )
        let decoder = try decode(messages(stream)[0].body, self.context)
        #expect(decoder.attributes == set.bytes)
    }
}
