import BGPWire
import IPAddressing
import Testing

@Suite("UPDATE encoding")
struct UpdateEncoderTests {
    let next4 = BGPNextHop(.v4(IPv4Address(192, 0, 2, 1)))
    let next6 = BGPNextHop(.v6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1)))
    let set = PathAttributes(canonical: originIGP + path + attribute(0x80, 4, [0, 0, 0, 5]))

    func encode<P: IPPrefixProtocol>(
        _ list: [NLRI<P>],
        _ nextHop: BGPNextHop,
        _ encoding: UpdateEncoding = UpdateEncoding(),
        attributes: PathAttributes? = nil
    ) throws -> [UInt8] {
        var stream: [UInt8] = []
        var encoder = UpdateEncoder<P>(encoding)
        try encoder.announce(list, attributes: attributes ?? self.set, nextHop: nextHop, into: &stream)
        return stream
    }

    @Test("IPv4 with an IPv4 next hop uses NEXT_HOP in its place and the NLRI field")
    func ipv4() throws {
        let stream = try self.encode([NLRI(v4("10.1.0.0/16")), NLRI(v4("0.0.0.0/0"))], self.next4)
        #expect(
            messages(stream).map(\.body) == [update(mandatory + attribute(0x80, 4, [0, 0, 0, 5]), nlri: tenOne + [0])]
        )
    }

    @Test("IPv6 uses MP_REACH_NLRI as the first attribute")
    func ipv6() throws {
        let stream = try self.encode([NLRI(v6("2001:db8::/32"))], self.next6)
        #expect(messages(stream).map(\.body) == [update(reachIPv6 + self.set.bytes)])
    }

    @Test("IPv4 with an IPv6 next hop uses MP_REACH_NLRI, with the link-local address where there is one (RFC 8950)")
    func extendedNextHop() throws {
        let nextHop = BGPNextHop(self.next6.address, linkLocal: IPv6Address(high: 0xFE80 << 48, low: 1))
        let stream = try self.encode([NLRI(v4("10.1.0.0/16"))], nextHop)
        let reach = attribute(0x80, 14, [0, 1, 1, 32] + globalNextHop + linkLocalNextHop + [0] + tenOne)
        #expect(messages(stream).map(\.body) == [update(reach + self.set.bytes)])
    }

    @Test("An IPv4 next hop of IPv6 prefixes is sent v4-mapped")
    func mapped() throws {
        let stream = try self.encode([NLRI(v6("2001:db8::/32"))], self.next4)
        let mapped = Array(repeating: UInt8(0), count: 10) + [255, 255, 192, 0, 2, 1]
        #expect(
            messages(stream).map(\.body) == [
                update(attribute(0x80, 14, [0, 2, 1, 16] + mapped + [0] + documentation) + self.set.bytes)
            ]
        )
    }

    @Test("Withdrawals use the withdrawn routes field for IPv4, MP_UNREACH_NLRI for IPv6")
    func withdrawals() {
        var stream: [UInt8] = []
        var encoder4 = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
        encoder4.withdraw([NLRI(v4("10.1.0.0/16"))], into: &stream)
        var encoder6 = UpdateEncoder<IPv6Prefix>(UpdateEncoding())
        encoder6.withdraw([NLRI(v6("2001:db8::/32"))], into: &stream)
        #expect(
            messages(stream).map(\.body) == [
                update(withdrawn: tenOne), update(attribute(0x80, 15, [0, 2, 1] + documentation)),
            ]
        )
    }

    @Test("Path identifiers precede the prefixes")
    func pathIDs() throws {
        let stream = try self.encode(
            [NLRI(v4("10.1.0.0/16"), pathID: 258)],
            self.next4,
            UpdateEncoding(sendsPathIDs: true)
        )
        #expect(messages(stream)[0].body.suffix(7) == [0, 0, 1, 2] + tenOne)
    }

    @Test("End-of-RIB markers are read back as such")
    func endOfRIB() throws {
        for family in [AddressFamily.ipv4Unicast, .ipv6Unicast] {
            var stream: [UInt8] = []
            EndOfRIB.encode(family, into: &stream)
            #expect(try decode(messages(stream)[0].body).endOfRIB == family)
        }
    }

    @Test("Nothing is written without prefixes")
    func empty() throws {
        #expect(try self.encode([NLRI<IPv4Prefix>](), self.next4).isEmpty)
        var stream: [UInt8] = []
        var encoder = UpdateEncoder<IPv6Prefix>(UpdateEncoding())
        encoder.withdraw([], into: &stream)
        #expect(stream.isEmpty)
    }

    @Test(
        "Messages are filled to the maximum length and carry everything",
        arguments: [4096, 65_535],
        [false, true]
    )
    func filling(maximum: Int, pathIDs: Bool) throws {
        let encoding = UpdateEncoding(maximumLength: maximum, sendsPathIDs: pathIDs)
        let list4 = (0..<20_000 as Range<UInt32>).map {
            NLRI(
                IPv4Prefix(address: IPv4Address(rawValue: 0x0A00_0000 | $0 << 8), length: 24),
                pathID: pathIDs ? $0 : 0
            )
        }
        let list6 = (0..<10_000 as Range<UInt64>).map {
            NLRI(
                IPv6Prefix(address: IPv6Address(high: 0x2001_0DB8 << 32 | $0, low: 0), length: 64),
                pathID: pathIDs ? 7 : 0
            )
        }
        let context = external {
            $0.ipv4.receivesPathIDs = pathIDs
            $0.ipv6.receivesPathIDs = pathIDs
        }
        var read4: [NLRI<IPv4Prefix>] = []
        var read6: [NLRI<IPv6Prefix>] = []
        var withdrawn4: [NLRI<IPv4Prefix>] = []
        var withdrawn6: [NLRI<IPv6Prefix>] = []
        var stream = try self.encode(list4, self.next4, encoding) + self.encode(list6, self.next6, encoding)
        var encoder4 = UpdateEncoder<IPv4Prefix>(encoding)
        encoder4.withdraw(list4, into: &stream)
        var encoder6 = UpdateEncoder<IPv6Prefix>(encoding)
        encoder6.withdraw(list6, into: &stream)
        var full = 0
        for message in messages(stream) {
            #expect(message.body.count + 19 <= maximum)
            if message.body.count + 19 > maximum - 14 { full += 1 }
            let decoder = try decode(message.body, context)
            #expect(decoder.failure == nil)
            #expect(decoder.attributes.isEmpty || decoder.attributes == self.set.bytes)
            read4 += decoder.announcedIPv4
            read6 += decoder.announcedIPv6
            withdrawn4 += decoder.withdrawnIPv4
            withdrawn6 += decoder.withdrawnIPv6
        }
        #expect(read4 == list4 && withdrawn4 == list4)
        #expect(read6 == list6 && withdrawn6 == list6)
        // All but the last message of each of the four runs are full.
        #expect(full >= messages(stream).count - 4)
    }

    @Test("Attributes that leave no room for a prefix are an error, and nothing is written (RFC 8654 §4)")
    func tooLong() throws {
        var large = self.set
        large.set(
            PathAttributeType(rawValue: 99),
            flags: [.optional, .transitive],
            value: Array(repeating: 1, count: 4040)
        )
        var stream: [UInt8] = []
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
        #expect(throws: UpdateEncodingError.attributesTooLong(octets: large.bytes.count + 7, maximumLength: 4096)) {
            try encoder.announce([NLRI(v4("10.0.0.0/8"))], attributes: large, nextHop: next4, into: &stream)
        }
        #expect(stream.isEmpty)
        let wide = UpdateEncoding(maximumLength: 65_535)
        #expect(try messages(self.encode([NLRI(v4("10.0.0.0/8"))], self.next4, wide, attributes: large)).count == 1)
    }

    @Test("The largest attributes that fit leave room for exactly one prefix a message")
    func tightFit() throws {
        // Header and lengths 23, NEXT_HOP 7, one /32 5, header of the padding 4.
        var large = self.set
        let size = 4096 - 23 - 7 - 5 - 4 - self.set.bytes.count
        large.set(
            PathAttributeType(rawValue: 99),
            flags: [.optional, .transitive],
            value: Array(repeating: 1, count: size)
        )
        let list = [NLRI(v4("10.0.0.1/32")), NLRI(v4("10.0.0.2/32"))]
        let stream = try self.encode(list, self.next4, attributes: large)
        #expect(stream.count == 8192)
        #expect(messages(stream).count == 2)
    }

    @Test("A prefix that does not fit is refused by tryAppend and starts the next message")
    func tryAppend() throws {
        var stream: [UInt8] = []
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
        try encoder.beginAnnouncing(self.set, nextHop: self.next4)
        var count = 0
        while encoder.tryAppend(NLRI(v4("10.0.0.1/32")), to: &stream) { count += 1 }
        encoder.finish(&stream)
        #expect(count == (4096 - 23 - self.set.bytes.count - 7) / 5)
        let size = stream.count
        encoder.append(NLRI(v4("10.0.0.1/32")), to: &stream)
        encoder.finish(&stream)
        #expect(encoder.messageCount == 2)
        #expect(stream.count == size + 23 + self.set.bytes.count + 7 + 5)
    }
}
