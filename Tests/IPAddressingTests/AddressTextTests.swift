import IPAddressing
import Testing

@Suite("Address text")
struct AddressTextTests {
    @Test(
        "IPv4 text round trips",
        arguments: ["0.0.0.0", "255.255.255.255", "192.0.2.1", "10.0.0.0", "1.2.3.4"]
    )
    func v4RoundTrip(text: String) {
        #expect(IPv4Address(text)?.description == text)
    }

    @Test(
        "Malformed IPv4 text is refused",
        arguments: [
            "", ".", "1", "1.2", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.5", "1.2.3.4.", "256.0.0.1",
            "1.2.3.256", "01.2.3.4", "1.2.3.04", "00.0.0.0", "1.2.3.4 ", " 1.2.3.4", "+1.2.3.4", "-1.2.3.4",
            "0x1.2.3.4",
            "1.2.3.4/24", "1.2.3.1000", "1,2,3,4", "a.b.c.d", "1.2.3.\u{0664}", "999999999999.1.1.1",
        ]
    )
    func v4Malformed(text: String) {
        #expect(IPv4Address(text) == nil)
    }

    @Test(
        "IPv6 text prints as RFC 5952 asks",
        arguments: [
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0db8::0001", "2001:db8::1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
            ("2001:DB8::AbCd", "2001:db8::abcd"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
            ("0:0:0:0:0:0:0:0", "::"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4"), ("::ffff:102:304", "::ffff:1.2.3.4"),
            ("64:ff9b::1.2.3.4", "64:ff9b::102:304"), ("fe80::1", "fe80::1"), ("::1.2.3.4", "::102:304"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ]
    )
    func v6Canonical(text: String, canonical: String) throws {
        let address = try #require(IPv6Address(text))
        #expect(address.description == canonical)
        #expect(IPv6Address(canonical) == address)
    }

    @Test(
        "Malformed IPv6 text is refused",
        arguments: [
            "", ":", ":::", "1", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8", "12345::", "::g", "fe80::1%eth0", "::1.2.3", "::1.2.3.4.5", "::1.2.3.4:5", "1.2.3.4",
            "::01.2.3.4", "::256.1.1.1", "1:2:3:4:5:6:7:1.2.3.4", "::1/64", " ::1", "::1 ", "1:2:3:4:5:6:7:8:", "1:::2",
            "::ffff:1.2.3.4.", "[::1]",
        ]
    )
    func v6Malformed(text: String) {
        #expect(IPv6Address(text) == nil)
    }

    @Test("Random IPv6 addresses round trip, with runs of zeros of every length")
    func v6Random() {
        var generator = SplitMix(state: 1)
        for _ in 0..<20_000 {
            var groups = (0..<8).map { _ in UInt64(generator.next() & 0xFFFF) }
            let start = Int(generator.next() % 8)
            for index in start..<min(8, start + Int(generator.next() % 9)) { groups[index] = 0 }
            let address = IPv6Address(
                high: groups[0..<4].reduce(0) { $0 << 16 | $1 },
                low: groups[4..<8].reduce(0) { $0 << 16 | $1 }
            )
            #expect(IPv6Address(address.description) == address)
        }
    }

    @Test(
        "AS numbers are read in asplain and asdot+ and print as asplain",
        arguments: [
            ("0", 0), ("65001", 65001), ("4294967295", 4_294_967_295), ("1.15", 65551), ("0.1", 1),
            ("65535.65535", 4_294_967_295),
        ]
            as [(String, UInt32)]
    )
    func asNumber(text: String, value: UInt32) {
        #expect(ASNumber(text)?.rawValue == value)
        #expect(ASNumber(rawValue: value).description == String(value))
    }

    @Test(
        "Malformed AS numbers are refused",
        arguments: ["", "-1", "+1", "4294967296", "1.", ".1", "1.2.3", "65536.0", "0.65536", "AS1", "1 "]
    )
    func asNumberMalformed(text: String) {
        #expect(ASNumber(text) == nil)
    }

    @Test("MAC addresses round trip and refuse other text")
    func mac() {
        #expect(MACAddress("AA:bb:00:0c:1d:ee")?.description == "aa:bb:00:0c:1d:ee")
        #expect(MACAddress("aa-bb-00-0c-1d-ee")?.rawValue == 0xAABB_000C_1DEE)
        for text in [
            "", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:ff:00", "aa:bb:cc:dd:ee:g0", "a:bb:cc:dd:ee:ff", "aabbccddeeff",
        ] {
            #expect(MACAddress(text) == nil)
        }
    }

    @Test("Router identifiers are dotted quads")
    func routerID() {
        #expect(RouterID("10.0.0.1")?.rawValue == 0x0A00_0001)
        #expect(RouterID("1") == nil)
        #expect(RouterID(rawValue: 0xFFFF_FFFF).description == "255.255.255.255")
    }

    @Test("An address with a length keeps its host bits")
    func addressWithLength() {
        let value = AddressWithLength("192.0.2.7/24")
        #expect(value?.description == "192.0.2.7/24")
        #expect(value?.network.description == "192.0.2.0/24")
        #expect(AddressWithLength("2001:db8::1")?.length == 128)
        #expect(AddressWithLength("1.2.3.4/33") == nil)
    }
}

/// A small deterministic generator.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        return mixBits(self.state)
    }
}
