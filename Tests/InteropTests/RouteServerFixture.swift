import BGPWire
import IPAddressing

/// A configuration with the structure that generators of route server configurations render, and routes for it.
///
/// One session plays all members here: a function of each member's own judges the routes whose path begins with its AS.
enum RouteServerFixture {
    static let members = 300

    private static func mix(_ value: UInt32) -> UInt32 {
        var value = (value ^ 0x5bd1_e995) &* 0x9E37_79B1
        value ^= value >> 15
        return value &* 0x85EB_CA6B ^ value >> 13
    }

    static func number(_ member: UInt32) -> UInt32 { 65_600 + member }

    private static func address(_ member: UInt32, _ index: UInt32) -> UInt32 {
        0x2000_0000 | member << 12 | (index & 0xF) << 8
    }

    static var configuration: (definitions: String, filter: String) {
        var text = """
            define RS = 64512;
            define BOGON_PREFIXES = [ 0.0.0.0/8+, 10.0.0.0/8+, 172.16.0.0/12+, 192.168.0.0/16+, 224.0.0.0/3+ ];
            define BOGON_ASNS = [ 0, 23456, 64496..64511, 65552..65580, 4200000000..4294967295 ];
            define TRANSIT_FREE = [ 174, 701, 1299, 2914, 3257, 3320, 3356, 6762 ];
            define BLACKHOLES = [ (65535, 666), (65000, 666) ];
            roa4 table t_roa;
            protocol static roas { roa4 { table t_roa; };

            """
        for member: UInt32 in 0..<UInt32(Self.members) where member % 3 == 0 {
            let prefix = IPv4Prefix(address: IPv4Address(rawValue: Self.address(member, 0)), length: 20)
            text +=
                "  route \(prefix) max \(member % 2 == 0 ? 24 : 20) as \(Self.number(member &+ (member % 5 == 0 ? 1 : 0)));\n"
        }
        text += """
            }
            function is_bogon() { return net ~ BOGON_PREFIXES; }
            function honor_blackhole() { if bgp_community ~ BLACKHOLES then { bgp_community.add((65535, 65281)); accept; } }
            function check_path(int member_as)
            {
              if bgp_path.len > 8 then reject;
              if bgp_path.first != member_as then reject;
              if bgp_path ~ BOGON_ASNS then reject;
              if bgp_path ~ TRANSIT_FREE then reject;
              if bgp_path ~ [= * member_as + 3333 * =] then reject;
            }
            function check_rpki()
            {
              case roa_check(t_roa) {
                ROA_VALID: bgp_large_community.add((RS, 1000, 1));
                ROA_INVALID: { bgp_large_community.add((RS, 1000, 4)); reject; }
                else: bgp_large_community.add((RS, 1000, 2));
              }
            }
            function controls(int member_as)
            {
              if (0, 64513) ~ bgp_community then bgp_large_community.add((RS, 0, 64513));
              for lc l in bgp_large_community do {
                if l.asn = RS && l.data1 = 101 then bgp_path.prepend(member_as);
                if l.asn = RS && l.data1 = 102 then { bgp_path.prepend(member_as); bgp_path.prepend(member_as); }
              }
              bgp_community.delete([(0, *), (65000, *)]);
              bgp_large_community.delete([(RS, 0..999, *)]);
              bgp_ext_community.delete([(rt, 64512, *), (ro, 64512, *)]);
            }

            """
        var filter =
            "if net ~ [ 198.18.0.0/15+ ] then accept; if is_bogon() then reject;\nif net.len < 8 || net.len > 28 then reject;\n"
        filter += "case bgp_path.first {\n"
        for member: UInt32 in 0..<UInt32(Self.members) {
            let prefixes = (0..<(4 + Self.mix(member) % 8)).map { index in
                let prefix = IPv4Prefix(address: IPv4Address(rawValue: Self.address(member, index)), length: 24)
                return "\(prefix){24,\(25 + Self.mix(index &+ member) % 4)}"
            }
            let origins = (0..<UInt32(5)).map { "\(Self.number(member) + 1000 * $0)" }
            text += """
                define PREFIXES_\(member) = [ \(prefixes.joined(separator: ", ")) ];
                define ORIGINS_\(member) = [ \(origins.joined(separator: ", ")) ];
                function member_\(member)()
                {
                  check_path(\(Self.number(member)));
                  honor_blackhole();
                  if ! (bgp_path.last ~ ORIGINS_\(member)) then { bgp_large_community.add((RS, 2000, 9)); reject; }
                  if net !~ PREFIXES_\(member) then reject;
                  check_rpki();
                  controls(\(Self.number(member)));
                  bgp_local_pref = \(100 + member % 50);
                  bgp_community.add((64512, \(member)));
                  accept;
                }

                """
            filter += "  \(Self.number(member)): member_\(member)();\n"
        }
        return (text, filter + "  else: reject;\n}")
    }

    static func route(_ index: Int) -> (prefix: IPv4Prefix, edit: @Sendable (inout PathAttributes) -> Void) {
        let seed = Self.mix(UInt32(index))
        let member = UInt32(index) % UInt32(Self.members)
        let length = UInt8(24 + seed % 6 % 5)
        // Each its own prefix: the address past the first 24 bits tells rounds over the members apart.
        let round = UInt32(index) / UInt32(Self.members)
        let address = Self.address(member, round) | (seed >> 8 & 0xF) << 4
        let prefix = IPv4Prefix(address: IPv4Address(rawValue: address), length: length)
        return (
            prefix,
            { attributes in
                let number = Self.number(member)
                let origin = seed % 4 == 0 ? number : number + 1000 * (seed >> 4 % 6)
                let middle: [UInt32] = seed % 7 == 0 ? [1299] : seed % 11 == 0 ? [64500] : [3000 + seed % 9]
                let path = seed % 3 == 0 ? [number, origin] : [number] + middle + [origin]
                attributes.asPath = ASPath(sequence: path.map { ASNumber(rawValue: $0) })
                if seed % 5 == 0 {
                    attributes.communities = [Community(0, 64513), Community(65000, 5), Community(3, 4)]
                }
                if seed % 13 == 0 { attributes.communities = [Community(65000, 666)] }
                if seed % 4 == 1 {
                    attributes.largeCommunities = [
                        LargeCommunity(globalAdministrator: 64512, data1: 100 + seed % 4, data2: 7),
                        LargeCommunity(globalAdministrator: 9, data1: 8, data2: 7),
                    ]
                }
                if seed % 6 == 0 {
                    attributes.extendedCommunities = [
                        ExtendedCommunity(rawValue: 0x0002_FC00_0000_0001),
                        ExtendedCommunity(rawValue: 0x0002_FC05_0000_0001),
                    ]
                }
                attributes.multiExitDiscriminator = seed % 2 == 0 ? seed % 100 : nil
            }
        )
    }
}
