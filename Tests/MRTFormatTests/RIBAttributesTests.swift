import BGPWire
import IPAddressing
import MRTFormat
import Testing

/// Attributes of RIB entries, from a record to a canonical set and back.
@Suite("Attributes of RIB entries")
struct RIBAttributesTests {
    let path: PathAttributes = {
        var attributes = PathAttributes()
        attributes.origin = .igp
        attributes.asPath = ASPath(sequence: [64_496])
        return attributes
    }()
    let ipv6 = IPv6Address(high: 0x2001_0DB8 << 32, low: 1)
    let linkLocal = IPv6Address(high: 0xFE80 << 48, low: 2)

    func decode(_ attributes: [UInt8], isIPv4: Bool = true) throws(RIBAttributeError) -> RIBRoute {
        var decoder = RIBAttributeDecoder()
        return try decoder.decode(attributes, isIPv4: isIPv4)
    }

    func encoded(_ route: RIBRoute, isIPv4: Bool) -> [UInt8] {
        RIBEntry(peerIndex: 0, originatedTime: 0, route: route, isIPv4: isIPv4).attributes
    }

    @Test("MP_REACH_NLRI is length and address of the next hop alone (RFC 6396 §4.3.4)")
    func abbreviated() throws {
        let route = RIBRoute(attributes: self.path, nextHop: BGPNextHop(.v6(self.ipv6)))
        #expect(try self.decode(originAndPath + abbreviatedReach, isIPv4: false) == route)
        #expect(self.encoded(route, isIPv4: false) == originAndPath + abbreviatedReach)
    }

    @Test("A link-local next hop stands behind the global one (RFC 6396 §4.3.4, RFC 2545 §3)")
    func linkLocalNextHop() throws {
        let route = RIBRoute(
            attributes: self.path,
            nextHop: BGPNextHop(.v6(self.ipv6), linkLocal: self.linkLocal)
        )
        let octets = originAndPath + octets("800e21 20") + ipv6One + octets("fe800000000000000000000000000002")
        #expect(self.encoded(route, isIPv4: false) == octets)
        #expect(try self.decode(octets, isIPv4: false) == route)
    }

    @Test("The whole MP_REACH_NLRI that some collectors write is read as well (RFC 4760 §3)")
    func whole() throws {
        let value = octets("0002 01 10") + ipv6One + octets("00 20 20010db8")
        let attributes = originAndPath + octets("800e") + [UInt8(value.count)] + value
        #expect(try self.decode(attributes, isIPv4: false).nextHop == BGPNextHop(.v6(self.ipv6)))
        #expect(throws: RIBAttributeError.nextHop) { try self.decode(attributes, isIPv4: true) }
    }

    @Test("NEXT_HOP keeps its place among the attributes of an IPv4 route (RFC 6396 §4.3.4)")
    func nextHopField() throws {
        var attributes = self.path
        attributes.multiExitDiscriminator = 7
        let route = RIBRoute(attributes: attributes, nextHop: BGPNextHop(.v4(IPv4Address(192, 0, 2, 2))))
        let octets = originAndPath + MRTFormatTests.nextHopField + octets("800404 00000007")
        #expect(self.encoded(route, isIPv4: true) == octets)
        #expect(try self.decode(octets) == route)
    }

    @Test("An IPv4 route with an IPv6 next hop has it in MP_REACH_NLRI (RFC 8950)")
    func extendedNextHop() throws {
        let route = RIBRoute(attributes: self.path, nextHop: BGPNextHop(.v6(self.ipv6)))
        #expect(self.encoded(route, isIPv4: true) == originAndPath + abbreviatedReach)
        #expect(try self.decode(originAndPath + abbreviatedReach) == route)
    }

    @Test("AS numbers have four octets whatever the session had (RFC 6396 §4.3.4)")
    func fourOctetNumbers() throws {
        let attributes = octets("40010100 40020a0202 00010000 00010001") + MRTFormatTests.nextHopField
        #expect(try self.decode(attributes).attributes.asPath == ASPath(sequence: [65_536, 65_537]))
        // A path of two octets does not divide into segments of four.
        let short = octets("40010100 4002060202 fc00 fc01") + MRTFormatTests.nextHopField
        #expect(throws: RIBAttributeError.self) { try self.decode(short) }
    }

    @Test("Attributes in any order and with needless extended length come out canonical")
    func canonical() throws {
        let attributes =
            octets("d0080004 fbf00001") + MRTFormatTests.nextHopField + octets("4002060201 0000fbf0 50010001 00")
        var expected = self.path
        expected.communities = [Community(64_496, 1)]
        #expect(try self.decode(attributes).attributes == expected)
    }

    @Test("Wrong flags of known attributes, as BIRD writes them, are put right")
    func flags() throws {
        let attributes =
            octets("80010100 0002060201 0000fbf0") + MRTFormatTests.nextHopField
            + octets("00040400000007 000504000000c8 200804 fbf00001")
        var expected = self.path
        expected.multiExitDiscriminator = 7
        expected.localPreference = 200
        expected.set(.communities, flags: [.optional, .transitive, .partial], value: octets("fbf00001"))
        #expect(try self.decode(attributes).attributes == expected)
    }

    @Test("LOCAL_PREF and the attributes of reflection are kept")
    func internalAttributes() throws {
        var attributes = self.path
        attributes.localPreference = 200
        attributes.originatorID = RouterID(rawValue: 0x0A00_0001)
        attributes.clusterList = [RouterID(rawValue: 1)]
        let route = RIBRoute(attributes: attributes, nextHop: BGPNextHop(.v4(IPv4Address(192, 0, 2, 2))))
        #expect(try self.decode(self.encoded(route, isIPv4: true)) == route)
    }

    @Test("A next hop of 0.0.0.0, which collectors write for own routes, is read")
    func ownRoute() throws {
        #expect(try self.decode(originAndPath + octets("400304 00000000")).nextHop == BGPNextHop(.v4(.any)))
    }

    @Test("An IPv6 route without MP_REACH_NLRI has no next hop, even with NEXT_HOP")
    func noNextHop() {
        #expect(throws: RIBAttributeError.noNextHop) { try self.decode(originAndPath) }
        #expect(throws: RIBAttributeError.noNextHop) {
            try self.decode(originAndPath + MRTFormatTests.nextHopField, isIPv4: false)
        }
    }

    @Test(
        "A next hop of a wrong length, or given twice, is an error",
        arguments: [
            "400303 c00002", "400304 c0000202 400304 c0000202", "800e00", "800e01 00", "800e05 10 01020304",
            "800e06 05 0102030405", "800e05 0001 01 04 00",
        ]
    )
    func badNextHop(text: String) {
        #expect(throws: RIBAttributeError.nextHop) { try self.decode(originAndPath + octets(text)) }
    }

    @Test("Octets that are no attribute are an error")
    func framing() {
        for rest in ["ff", "40", "4001", "400105 00", "500100"] {
            #expect(throws: RIBAttributeError.framing) {
                try self.decode(originAndPath + MRTFormatTests.nextHopField + octets(rest))
            }
        }
        #expect(throws: RIBAttributeError.framing) { try self.decode(Array(repeating: 0, count: 65_536)) }
    }

    @Test("A route without ORIGIN or AS_PATH is an error that names the attribute (RFC 7606 §3)")
    func missing() throws {
        #expect(throws: RIBAttributeError.attribute(AttributeError(type: .asPath, cause: .missing, extent: 0..<0))) {
            try self.decode(octets("40010100") + MRTFormatTests.nextHopField)
        }
    }

    @Test("The longest list of attributes is read")
    func longest() throws {
        let rest = 65_535 - originAndPath.count - 7 - 4
        let unknown = octets("f0c8") + [UInt8(rest >> 8), UInt8(rest & 255)] + Array(repeating: 1, count: rest)
        let attributes = originAndPath + MRTFormatTests.nextHopField + unknown
        #expect(attributes.count == 65_535)
        let route = try self.decode(attributes)
        #expect(route.attributes.bytes == originAndPath + unknown)
        #expect(self.encoded(route, isIPv4: true) == attributes)
    }
}
