import TestSupport
import Testing

extension Interop {
    /// Sessions with FRR's bgpd.
    @Suite("FRR")
    struct FRRTests {
        private func martlet(_ remoteAS: Int, export: String) -> String {
            """
            router id 10.20.0.1;
            protocol device {}
            protocol direct { ipv4; ipv6; }
            protocol static st4 { ipv4; route 198.51.100.0/24 blackhole; }
            protocol static st6 { ipv6; route 2001:db8:1::/48 blackhole; }
            filter mark {
              if source != RTS_STATIC then reject;
              bgp_med = 7; bgp_community.add((64512, 2)); bgp_community.add((64512, 1));
              bgp_large_community.add((64512, 1, 4294967295)); \(export)
              accept;
            }
            protocol bgp peer {
              local 10.20.0.1 as 64512; neighbor 10.20.0.2 as \(remoteAS); \(Interop.timers)
              ipv4 { import all; export filter mark; };
            }
            protocol bgp peer6 {
              local fd20::1 as 64512; neighbor fd20::2 as \(remoteAS); \(Interop.timers)
              ipv6 { import all; export filter mark; };
            }
            """
        }

        private func frr(_ localAS: Int) -> String {
            """
            router bgp \(localAS)
             bgp router-id 10.20.0.2
             no bgp ebgp-requires-policy
             no bgp network import-check
             neighbor 10.20.0.1 remote-as 64512
             neighbor 10.20.0.1 timers 3 9
             neighbor 10.20.0.1 timers connect 2
             neighbor 10.20.0.1 advertisement-interval 0
             neighbor fd20::1 remote-as 64512
             neighbor fd20::1 timers 3 9
             neighbor fd20::1 timers connect 2
             neighbor fd20::1 advertisement-interval 0
             address-family ipv4 unicast
              network 203.0.113.0/24 route-map MARK
              no neighbor fd20::1 activate
             exit-address-family
             address-family ipv6 unicast
              network 2001:db8:2::/48 route-map MARK
              neighbor fd20::1 activate
             exit-address-family
            route-map MARK permit 10
             set metric 9
             set community 64513:5 64513:4
             set large-community 64513:1:2

            """
        }

        private func exchange(
            _ remoteAS: Int,
            export: String = "",
            _ body: (_ ofFRR: [PeerRoute], _ ofFRR6: [PeerRoute], _ own: [PeerRoute], _ own6: [PeerRoute]) -> Void
        ) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: self.martlet(remoteAS, export: export)
                )
                let frr = try await FRR.start("frr", in: there, lab, configuration: self.frr(remoteAS))
                try await lab.require("sessions are established") {
                    try frr.isEstablished("10.20.0.1") && frr.isEstablished("fd20::1")
                }
                _ = try await eventually(timeout: .seconds(10)) {
                    try frr.routes().count == 2 && frr.routes(family: "ipv6").count == 2
                }
                body(
                    try frr.routes().filter { $0.prefix.hasPrefix("198") },
                    try frr.routes(family: "ipv6").filter { $0.prefix == "2001:db8:1::/48" },
                    try await Interop.routes(of: martlet, count: 1),
                    try await Interop.routes(of: martlet, table: "master6", count: 1)
                )
            }
        }

        private func sent(_ prefix: String, _ nextHop: String, asPath: String, localPref: UInt32?) -> PeerRoute {
            PeerRoute(
                prefix,
                nextHop: nextHop,
                asPath: asPath,
                localPref: localPref,
                med: 7,
                communities: ["64512:1", "64512:2"],
                largeCommunities: ["64512:1:4294967295"]
            )
        }

        private func received(_ prefix: String, _ nextHop: String, asPath: String) -> PeerRoute {
            PeerRoute(
                prefix,
                nextHop: nextHop,
                asPath: asPath,
                med: 9,
                communities: ["64513:4", "64513:5"],
                largeCommunities: ["64513:1:2"]
            )
        }

        @Test("External sessions carry routes of both families with their attributes, in both directions")
        func external() async throws {
            try await self.exchange(64_513) { four, six, own, own6 in
                #expect(four == [self.sent("198.51.100.0/24", "10.20.0.1", asPath: "64512", localPref: nil)])
                #expect(six == [self.sent("2001:db8:1::/48", "fd20::1", asPath: "64512", localPref: nil)])
                #expect(own == [self.received("203.0.113.0/24", "10.20.0.2", asPath: "64513")])
                #expect(own6 == [self.received("2001:db8:2::/48", "fd20::2", asPath: "64513")])
            }
        }

        @Test("Internal sessions carry LOCAL_PREF and an empty AS path, in both directions")
        func internalSessions() async throws {
            try await self.exchange(64_512, export: "bgp_local_pref = 250;") { four, six, own, own6 in
                #expect(four == [self.sent("198.51.100.0/24", "10.20.0.1", asPath: "", localPref: 250)])
                #expect(six == [self.sent("2001:db8:1::/48", "fd20::1", asPath: "", localPref: 250)])
                #expect(own == [self.received("203.0.113.0/24", "10.20.0.2", asPath: "")])
                #expect(own6 == [self.received("2001:db8:2::/48", "fd20::2", asPath: "")])
            }
        }
    }
}
