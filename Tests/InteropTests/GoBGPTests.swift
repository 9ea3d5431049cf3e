import TestSupport
import Testing

extension Interop {
    /// Sessions with GoBGP.
    @Suite("GoBGP")
    struct GoBGPTests {
        private static let martlet = """
            router id 10.20.0.1;
            protocol device {}
            protocol direct { ipv4; ipv6; }
            protocol static st4 { ipv4; route 198.51.100.0/24 blackhole; }
            protocol static st6 { ipv6; route 2001:db8:1::/48 blackhole; }
            filter mark {
              if source != RTS_STATIC then reject;
              bgp_med = 7; bgp_community.add((64512, 2)); bgp_community.add((64512, 1));
              bgp_large_community.add((64512, 1, 4294967295));
              accept;
            }
            protocol bgp peer {
              local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 4200000001; \(Interop.timers)
              ipv4 { import all; export filter mark; };
            }
            protocol bgp peer6 {
              local fd20::1 as 64512; neighbor fd20::2 as 4200000001; \(Interop.timers)
              ipv6 { import all; export filter mark; };
            }
            """

        private static let gobgp = """
            [global.config]
            as = 4200000001
            router-id = "10.20.0.2"
            [[neighbors]]
            [neighbors.config]
            neighbor-address = "10.20.0.1"
            peer-as = 64512
            [neighbors.timers.config]
            connect-retry = 2
            hold-time = 9
            [[neighbors.afi-safis]]
            [neighbors.afi-safis.config]
            afi-safi-name = "ipv4-unicast"
            [[neighbors]]
            [neighbors.config]
            neighbor-address = "fd20::1"
            peer-as = 64512
            [neighbors.timers.config]
            connect-retry = 2
            hold-time = 9
            [[neighbors.afi-safis]]
            [neighbors.afi-safis.config]
            afi-safi-name = "ipv6-unicast"
            """

        @Test("External sessions with a four-octet AS carry routes of both families, in both directions")
        func external() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: Self.martlet)
                let gobgp = try await GoBGP.start("gobgp", in: there, lab, configuration: Self.gobgp)
                try gobgp.run(
                    "global rib add 203.0.113.0/24 origin egp med 9 community 64513:4,64513:5 large-community 1:2:3"
                )
                try gobgp.run("global rib add -a ipv6 2001:db8:2::/48 origin igp")
                try await lab.require("sessions are established") {
                    try gobgp.isEstablished("10.20.0.1") && gobgp.isEstablished("fd20::1")
                }
                _ = try await eventually(timeout: .seconds(10)) {
                    try gobgp.routes().count == 2 && gobgp.routes(family: "ipv6").count == 2
                }
                func sent(_ prefix: String, _ nextHop: String) -> PeerRoute {
                    PeerRoute(
                        prefix,
                        nextHop: nextHop,
                        asPath: "64512",
                        localPref: nil,
                        med: 7,
                        communities: ["64512:1", "64512:2"],
                        largeCommunities: ["64512:1:4294967295"]
                    )
                }
                let four = try gobgp.routes().filter { $0.prefix.hasPrefix("198") }
                #expect(four == [sent("198.51.100.0/24", "10.20.0.1")])
                let six = try gobgp.routes(family: "ipv6").filter { $0.prefix == "2001:db8:1::/48" }
                #expect(six == [sent("2001:db8:1::/48", "fd20::1")])
                let learned = try await Interop.routes(of: martlet, count: 1)
                #expect(
                    learned == [
                        PeerRoute(
                            "203.0.113.0/24",
                            nextHop: "10.20.0.2",
                            asPath: "4200000001",
                            med: 9,
                            origin: "egp",
                            communities: ["64513:4", "64513:5"],
                            largeCommunities: ["1:2:3"]
                        )
                    ]
                )
                let learned6 = try await Interop.routes(of: martlet, table: "master6", count: 1)
                #expect(learned6 == [PeerRoute("2001:db8:2::/48", nextHop: "fd20::2", asPath: "4200000001")])
            }
        }

        @Test("Internal sessions carry LOCAL_PREF and an empty AS path, in both directions")
        func internalSessions() async throws {
            let own = Self.martlet.replacing("4200000001", with: "64512")
                .replacing("bgp_med = 7;", with: "bgp_med = 7; bgp_local_pref = 250;")
            let other = Self.gobgp.replacing("4200000001", with: "64512")
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: own)
                let gobgp = try await GoBGP.start("gobgp", in: there, lab, configuration: other)
                try gobgp.run("global rib add 203.0.113.0/24 origin igp med 9 local-pref 300")
                try gobgp.run("global rib add -a ipv6 2001:db8:2::/48 origin igp local-pref 300")
                try await lab.require("sessions are established") {
                    try gobgp.isEstablished("10.20.0.1") && gobgp.isEstablished("fd20::1")
                }
                _ = try await eventually(timeout: .seconds(10)) {
                    try gobgp.routes().count == 2 && gobgp.routes(family: "ipv6").count == 2
                }
                func sent(_ prefix: String, _ nextHop: String) -> PeerRoute {
                    PeerRoute(
                        prefix,
                        nextHop: nextHop,
                        localPref: 250,
                        med: 7,
                        communities: ["64512:1", "64512:2"],
                        largeCommunities: ["64512:1:4294967295"]
                    )
                }
                let four = try gobgp.routes().filter { $0.prefix.hasPrefix("198") }
                #expect(four == [sent("198.51.100.0/24", "10.20.0.1")])
                let six = try gobgp.routes(family: "ipv6").filter { $0.prefix == "2001:db8:1::/48" }
                #expect(six == [sent("2001:db8:1::/48", "fd20::1")])
                let learned = try await Interop.routes(of: martlet, count: 1)
                #expect(learned == [PeerRoute("203.0.113.0/24", nextHop: "10.20.0.2", localPref: 300, med: 9)])
                let learned6 = try await Interop.routes(of: martlet, table: "master6", count: 1)
                #expect(learned6 == [PeerRoute("2001:db8:2::/48", nextHop: "fd20::2", localPref: 300)])
            }
        }
    }
}
