import IPAddressing
import Testing

@Suite("Prefixes")
struct PrefixTests {
    func v4(_ text: String) throws -> IPv4Prefix { try #require(IPPrefix(text).flatMap(IPv4Prefix.init(_:))) }

    func v6(_ text: String) throws -> IPv6Prefix { try #require(IPPrefix(text).flatMap(IPv6Prefix.init(_:))) }

    @Test(
        "Text round trips",
        arguments: ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32", "::/0", "2001:db8::/32", "::1/128", "2001:db8::/64"]
    )
    func roundTrip(text: String) {
        #expect(IPPrefix(text)?.description == text)
        #expect(IPPrefix(strict: text)?.description == text)
    }

    @Test(
        "Malformed text is refused",
        arguments: [
            "", "/", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0/8", "10.0.0.0/a", "10.0.0.0/ 8", "10.0.0.0/256", "::/999999999999999999999",
        ]
    )
    func malformed(text: String) {
        #expect(IPPrefix(text) == nil)
    }

    @Test("Host bits are cleared, and refused in strict text")
    func hostBits() {
        #expect(IPPrefix("10.1.2.3/8")?.description == "10.0.0.0/8")
        #expect(IPPrefix(strict: "10.1.2.3/8") == nil)
        #expect(IPPrefix("2001:db8::1/64")?.description == "2001:db8::/64")
        #expect(IPPrefix(strict: "2001:db8::1/127") == nil)
    }

    @Test("Every IPv4 length masks exactly its host bits", arguments: 0...32 as ClosedRange<UInt8>)
    func maskV4(length: UInt8) {
        let prefix = IPv4Prefix(address: IPv4Address(rawValue: ~0), length: length)
        #expect(prefix.address.rawValue.leadingZeroBitCount == (length == 0 ? 32 : 0))
        #expect(prefix.address.rawValue.nonzeroBitCount == Int(length))
        #expect(prefix.address.rawValue.trailingZeroBitCount == 32 - Int(length))
    }

    @Test("Every IPv6 length masks exactly its host bits", arguments: 0...128 as ClosedRange<UInt8>)
    func maskV6(length: UInt8) {
        let prefix = IPv6Prefix(address: IPv6Address(high: ~0, low: ~0), length: length)
        #expect(prefix.address.high.nonzeroBitCount == min(64, Int(length)))
        #expect(prefix.address.low.nonzeroBitCount == max(0, Int(length) - 64))
        for bit: UInt8 in [0, 63, 64, 127, 128, 255] { #expect(prefix.bit(bit) == (bit < length)) }
    }

    @Test("A length over the maximum is clamped")
    func clamped() {
        #expect(IPv4Prefix(address: .any, length: 33).length == 32)
        #expect(IPv6Prefix(address: .any, length: 255).length == 128)
    }

    @Test("A prefix contains itself and what is more specific, not what is wider")
    func containment() throws {
        #expect(try self.v4("0.0.0.0/0").contains(self.v4("255.255.255.255/32")))
        #expect(try self.v4("10.0.0.0/8").contains(self.v4("10.0.0.0/8")))
        #expect(try !self.v4("10.0.0.0/8").contains(self.v4("0.0.0.0/0")))
        #expect(try !self.v4("10.0.0.0/8").contains(self.v4("11.0.0.0/9")))
        #expect(try self.v6("2001:db8::/64").contains(self.v6("2001:db8::1/128")))
        #expect(try !self.v6("2001:db8::/64").contains(self.v6("2001:db8:0:1::/65")))
        #expect(try !self.v6("2001:db8::/65").contains(self.v6("2001:db8::/64")))
        #expect(IPPrefix("0.0.0.0/0")?.contains(IPAddress.v6(.any)) == false)
    }

    @Test("Truncation shortens and never lengthens")
    func truncation() throws {
        #expect(try self.v4("10.1.2.3/32").truncated(to: 16) == self.v4("10.1.0.0/16"))
        #expect(try self.v4("10.0.0.0/8").truncated(to: 16) == self.v4("10.0.0.0/8"))
        #expect(try self.v6("2001:db8::1/128").truncated(to: 0) == self.v6("::/0"))
    }

    @Test("Octets are those of the address, 0 past the end")
    func octets() throws {
        #expect(try (0..<5).map { try self.v4("10.1.2.3/32").octet($0) } == [10, 1, 2, 3, 0])
        #expect(try (-1..<4).map { try self.v6("2001:db8::/32").octet($0) } == [0, 0x20, 0x01, 0x0D, 0xB8])
        #expect(try self.v6("::1/128").octet(15) == 1)
        #expect(try self.v6("::1/128").octet(16) == 0)
    }

    @Test("Order is by address, then shorter first; IPv4 before IPv6")
    func order() throws {
        let sorted = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.1.0/24", "::/0", "::/1", "8000::/1"]
        #expect(sorted.reversed().compactMap { IPPrefix($0) }.sorted().map(\.description) == sorted)
    }

    @Test("Address classes are recognised at their borders")
    func classes() throws {
        func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
        for text in [
            "0.0.0.1", "127.0.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "ff02::1",
        ] {
            #expect(try !address(text).isUsableNextHop)
        }
        for text in ["1.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.255", "fe80::1", "2001:db8::1"] {
            #expect(try address(text).isUsableNextHop)
        }
        #expect(try !address("169.254.0.0").isLinkLocal)
        #expect(try address("febf::1").isLinkLocal)
        #expect(try !address("fec0::1").isLinkLocal)
    }

    @Test("The layout stays small: eight and twenty-four octets")
    func layout() {
        #expect(MemoryLayout<IPv4Prefix>.stride == 8)
        #expect(MemoryLayout<IPv6Prefix>.stride == 24)
    }

    @Test("Table hashes of neighbouring prefixes differ in their low bits")
    func hashes() {
        var seen: Set<UInt64> = []
        for value in 0..<4096 as Range<UInt32> {
            let prefix = IPv4Prefix(address: IPv4Address(rawValue: value << 8), length: 24)
            seen.insert(prefix.tableHash(seed: 7) & 0xFFFF)
        }
        // 4096 balls into 65,536 bins leave about 3,970 bins used.
        #expect(seen.count > 3800)
    }

    @Test(
        "Table hashes tell lengths, addresses and seeds apart",
        arguments: ["::/0", "2001:db8::/32", "2001:db8::/33", "2001:db8::/64", "2001:db8::/65", "2001:db8::/128"]
    )
    func distinctHashes(_ text: String) throws {
        guard case .v6(let prefix) = try #require(IPPrefix(text)) else { return }
        #expect(prefix.tableHash(seed: 1) != prefix.tableHash(seed: 2))
        for length in 0...128 as ClosedRange<UInt8> where length != prefix.length {
            let other = IPv6Prefix(address: prefix.address, length: length)
            #expect(other.tableHash(seed: 1) != prefix.tableHash(seed: 1))
        }
        let next = IPv6Prefix(address: IPv6Address(high: prefix.address.high, low: prefix.address.low | 1), length: 128)
        if next != prefix { #expect(next.tableHash(seed: 1) != prefix.tableHash(seed: 1)) }
    }
}
