import BGPWire
import IPAddressing
import RouteModel

/// Routes of a route server's client, and filters for them, made from fixed numbers.
enum Workload {
    static let prefixCount = 100_000
    static let routeCount = 20_000
    static let client: UInt32 = 65_001

    /// Multiplies and mixes, so that neighbouring indices have nothing in common.
    static func mix(_ value: Int) -> UInt32 {
        var value = UInt64(value) &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ value >> 32) &* 0xBF58_476D_1CE4_E5B9
        return UInt32(truncatingIfNeeded: value >> 32)
    }

    static func prefix(_ index: Int) -> IPv4Prefix {
        let length = [16, 19, 20, 22, 23, 24, 24, 24][Int(Self.mix(index) & 7)]
        let address = 0x2000_0000 &+ (Self.mix(index &+ 1_000_000) & 0x3FFF_FFFF)
        return IPv4Prefix(address: IPv4Address(rawValue: address), length: UInt8(length))
    }

    static func path(_ index: Int) -> [UInt32] {
        [Self.client] + (0..<(2 + Int(Self.mix(index) % 4))).map { 1_000 + Self.mix(index &* 8 &+ $0) % 5_000 }
    }

    static func communities(_ index: Int) -> [(UInt16, UInt16)] {
        (0..<Int(Self.mix(index) % 10)).map { (UInt16(1_000 + Self.mix(index &+ $0) % 500), UInt16($0)) }
    }

    /// The routes, whose prefixes are all in the set.
    static var routes: [RouteDraft] {
        (0..<Self.routeCount).map { index in
            var attributes = PathAttributes()
            attributes.origin = .igp
            attributes.asPath = ASPath(sequence: Self.path(index).map { ASNumber(rawValue: $0) })
            attributes.communities = Self.communities(index).map { Community($0.0, $0.1) }
            return RouteDraft(
                prefix: .v4(Self.prefix(index &* 3)),
                origin: RouteOrigin(source: .bgp, protocolName: "client", from: IPAddress("192.0.2.2")),
                attributes: attributes,
                target: .recursive(BGPNextHop(.v4(IPv4Address(rawValue: 0xC000_0202))), interface: 0),
                local: LocalAttributes(preference: 100)
            )
        }
    }

    static let names = ["prefixes", "others", "least", "checks", "controls", "marks", "server"]

    static let controls = (0..<43).map { 64_496 + UInt32($0) * 3 }

    /// Statements that a route which is accepted runs through.
    static var statementCount: Int { 18 + Self.controls.count - 1 }

    private static let checks = """
        if net.len < 8 || net.len > 24 then reject;
        if is_bogon() then reject;
        if bgp_path.len > 32 then reject;
        if bgp_path.first != \(Self.client) then reject;
        if bgp_path ~ BOGON_ASNS then reject;
        if bgp_path ~ TRANSIT then reject;
        if bgp_path ~ [= * 23456 * =] then reject;
        if ! (bgp_path.last ~ ORIGINS) then reject;
        if ! (net ~ PREFIXES) then reject;
        if bgp_community ~ [(65000, 666), (65535, 666)] then bgp_local_pref = 1000;
        bgp_community.delete([(65000, *)]);
        bgp_large_community.delete([(65000, *, *)]);
        bgp_ext_community.delete([(rt, 65000, *), (ro, 65000, *)]);
        """

    /// Filters for BIRD and Martlet alike.
    static var filters: String {
        let prefixes = (0..<Self.prefixCount).map { "\(Self.prefix($0))" }.joined(separator: ",\n")
        let origins = (1_000..<6_000).map { "\($0)" }.joined(separator: ", ")
        let controls = Self.controls.map {
            "if (0, \($0)) ~ bgp_community then bgp_large_community.add((65000, 0, \($0)));"
        }
        return """
            define PREFIXES = [ \(prefixes) ];
            define ORIGINS = [ \(origins) ];
            define BOGONS = [ 0.0.0.0/0, 0.0.0.0/8+, 10.0.0.0/8+, 127.0.0.0/8+, 169.254.0.0/16+, 172.16.0.0/12+,
              192.0.2.0/24+, 192.168.0.0/16+, 198.18.0.0/15+, 198.51.100.0/24+, 203.0.113.0/24+, 224.0.0.0/3+ ];
            define BOGON_ASNS = [ 0, 23456, 64496..64511, 65536..65551, 4200000000..4294967295 ];
            define TRANSIT = [ 174, 209, 286, 701, 1239, 1299, 2828, 2914, 3257, 3320, 3356, 6453, 6461, 6762, 7018 ];
            function is_bogon() { return net ~ BOGONS; }
            filter prefixes { if net ~ PREFIXES then accept; reject; }
            filter others { if net ~ [ 1.0.0.0/8+, 2.0.0.0/8{9,24} ] then reject; accept; }
            filter least { if net.len > 24 then reject; accept; }
            filter controls { \(controls.joined(separator: "\n  ")) accept; }
            filter marks { bgp_local_pref = 100; bgp_med = 0; bgp_large_community.add((65000, 1, 1)); accept; }
            filter checks { \(Self.checks) accept; }
            filter server {
              \(Self.checks)
              \(controls.joined(separator: "\n  "))
              bgp_local_pref = 100;
              bgp_med = 0;
              bgp_large_community.add((65000, 1, \(Self.client)));
              accept;
            }

            """
    }

    static var configuration: String {
        "router id 192.0.2.1;\n" + Self.filters
            + Self.names.map {
                "protocol static p_\($0) { ipv4 { import filter \($0); }; }\n"
            }.joined()
    }
}
