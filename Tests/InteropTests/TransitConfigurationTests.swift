import TestSupport
import Testing

extension Interop.GeneratedConfigurationTests {
    /// The neighbour of `Fixtures/bird2/transit`, whose routes meet each rule of the filters there.
    private static let neighbor = """
        router id 192.0.2.2;
        protocol device {}
        protocol static own4 {
          ipv4;
          route 20.1.0.0/16 blackhole;
          route 20.2.0.0/16 blackhole { bgp_path.prepend(65010); };
          route 20.3.0.0/25 blackhole;
          route 20.4.0.0/16 blackhole { bgp_path.prepend(174); };
          route 20.5.0.0/16 blackhole { bgp_path.prepend(23456); };
          route 20.6.0.0/16 blackhole {
            bgp_community.add((65000, 5)); bgp_community.add((65001, 5)); bgp_community.add((65535, 0));
            bgp_large_community.add((65000, 1, 1)); bgp_large_community.add((65001, 1, 1));
          };
          route 20.7.0.1/32 blackhole { bgp_large_community.add((65000, 1, 666)); };
          route 20.8.0.0/16 blackhole;
          route 20.9.0.0/16 blackhole { bgp_med = 7; bgp_path.prepend(65000); };
          route 20.64.0.0/16 blackhole { bgp_origin = ORIGIN_EGP; };
          route 20.64.1.0/24 blackhole;
          route 20.65.1.0/24 blackhole { bgp_path.prepend(65019); bgp_path.prepend(65010); };
          route 10.1.0.0/16 blackhole;
          route 30.0.0.0/16 blackhole;
        }
        protocol static own6 {
          ipv6;
          route 2001:db8:1000::/36 blackhole { bgp_community.add((65000, 1)); };
          route 2001:db8:2000::/36 blackhole { bgp_path.prepend(65000); };
          route 2001:db8:3000::/36 blackhole { bgp_path.prepend(65000); bgp_path.prepend(65000); };
        }
        protocol bgp peer4 {
          local 192.0.2.2 as 65001; neighbor 192.0.2.1 as 65000; \(Interop.timers)
          ttl security on; password "not a secret";
          ipv4 {
            import all; add paths rx;
            export filter {
              if source != RTS_STATIC then reject;
              if net = 20.8.0.0/16 then bgp_next_hop = 192.0.2.3;
              accept;
            };
          };
        }
        protocol bgp peer6 {
          local 2001:db8:ffff::2 as 65001; neighbor 2001:db8:ffff::1 as 65000; multihop; \(Interop.timers)
          ipv6 { import all; export where source = RTS_STATIC; };
        }
        """

    /// What the edge, its kernel and its neighbour have.
    private struct Edge: Equatable {
        var kernel: [String] = []
        var tables: [[PeerRoute]] = []
        var neighbor: [[PeerRoute]] = []
    }

    /// The edge after its start, after the second session was enabled, and after routes went.
    private static func transit(_ reader: Reader) async throws -> [Edge] {
        try await Lab.run { lab in
            let (here, there) = (try lab.addNamespace(), try lab.addNamespace())
            try lab.connect(
                here,
                ["192.0.2.1/24", "2001:db8:ffff::1/64"],
                there,
                ["192.0.2.2/24", "2001:db8:ffff::2/64"]
            )
            // The addresses that packets of the host itself get, and what the host's owner routed by hand.
            try here.ip("address add 203.0.113.1/32 dev lo", "address add 2001:db8::1/128 dev lo nodad")
            try here.ip("route add 198.18.5.0/24 via 192.0.2.254 proto static")
            let neighbor = try await Bird.start("neighbor", in: there, lab, configuration: Self.neighbor)
            let running = try await reader.start(Self.file("transit"), in: here, lab)
            try await lab.require("the session is established") { try neighbor.isEstablished("peer4") }
            func settled(_ isThere: (Edge) -> Bool) async throws -> Edge {
                var last = Edge()
                var unchanged = 0
                _ = try await eventually(timeout: .seconds(20)) {
                    var now = Edge(kernel: try running.kernelRoutes(in: here))
                    for (table, session) in [("master4", "peer4"), ("master6", "peer6")] {
                        now.tables.append(try await running.routes(table: table))
                        now.neighbor.append(try neighbor.routes(table: table, "protocol \(session)"))
                    }
                    unchanged = now == last && isThere(now) ? unchanged + 1 : 0
                    last = now
                    return unchanged > 8
                }
                return last
            }
            func has(_ prefix: String, _ edge: Edge) -> Bool { edge.kernel.contains { $0.contains(prefix) } }
            var states = [try await settled { has("20.65.1.0/24", $0) && !$0.neighbor[0].isEmpty }]
            try running.enable("EXAMPLE_AS65001_v6")
            try await lab.require("the second session is established") { try neighbor.isEstablished("peer6") }
            states.append(try await settled { has("2001:db8:1000::/36", $0) && !$0.neighbor[1].isEmpty })
            _ = try neighbor.query("disable own4")
            _ = try neighbor.query("disable own6")
            states.append(try await settled { !has("20.65.1.0/24", $0) && !has("2001:db8:1000::/36", $0) })
            return states
        }
    }

    @Test("The edge of a network has BIRD's tables and kernel routes, and its neighbour has BIRD's routes")
    func transit() async throws {
        let theirs = try await Self.transit(.bird)
        let taken = (theirs.first?.tables.first ?? []).filter { $0.asPath.hasPrefix("65001") }.map(\.prefix)
        #expect(
            taken == ["20.1.0.0/16", "20.2.0.0/16", "20.6.0.0/16", "20.64.0.0/16", "20.64.1.0/24", "20.65.1.0/24"],
            "\(taken)"
        )
        #expect(theirs.map { $0.neighbor.map(\.count) } == [[2, 0], [2, 1], [2, 1]])
        let ours = try await Self.transit(.martlet)
        for (our, their) in zip(ours, theirs) {
            #expect(our.kernel.map(Self.withoutNumber) == their.kernel.map(Self.withoutNumber))
            #expect(our.tables == their.tables)
            #expect(our.neighbor == their.neighbor)
        }
    }
}
