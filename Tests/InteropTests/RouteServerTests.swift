import ControlAPI
import TestSupport
import Testing

extension Interop {
    /// A route server (RFC 7947) with three BIRDs as clients, all on one network.
    @Suite("Route server")
    struct RouteServerTests {
        /// The configuration of the server; Martlet and BIRD read the same.
        private static func server(secondary: Bool) -> String {
            "router id 10.20.0.1;\nprotocol device {}\nipv4 table master4 sorted;\n"
                + (1...3).map { number in
                    """
                    protocol bgp client\(number) {
                      local 10.20.0.1 as 64512; neighbor 10.20.0.1\(number) as \(65_000 + number); \(Interop.timers)
                      rs client;
                      ipv4 { import all; secondary \(secondary ? "on" : "off");
                        export filter { if (65001, \(number)) ~ bgp_community then reject; accept; }; };
                    }

                    """
                }.joined()
        }

        /// Client 1 has the best path, 2 the next, and a second prefix of 1 must not go to 3; 2 has it as well.
        private static func client(_ number: Int) -> String {
            """
            router id 10.20.0.1\(number);
            protocol device {}
            protocol static own { ipv4;
              \(number == 3 ? "" : "route 203.0.113.0/24 blackhole; route 198.51.100.0/24 blackhole;") }
            protocol bgp peer {
              local 10.20.0.1\(number) as \(65_000 + number); neighbor 10.20.0.1 as 64512; \(Interop.timers)
              ipv4 { import all; export filter {
                if source != RTS_STATIC then reject;
                bgp_med = 10 * \(number);
                if net = 198.51.100.0/24 && \(number) = 1 then bgp_community.add((65001, 3));
                if \(number) = 2 then bgp_path.prepend(65099);
                accept; }; };
            }
            """
        }

        /// What each client has of the others from a server of one kind.
        private func tables(
            secondary: Bool,
            ofMartlet: Bool,
            _ body: (Lab, [[PeerRoute]], MartletProcess?, [Bird]) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                try lab.addBridge("br0", in: here, ["10.20.0.1/24"])
                var birds: [Bird] = []
                for number in 1...3 {
                    let there = try lab.addNamespace()
                    let link = try lab.connect(here, [], there, ["10.20.0.1\(number)/24"])
                    try here.ip("link set \(link) master br0")
                    birds.append(
                        try await Bird.start("bird\(number)", in: there, lab, configuration: Self.client(number))
                    )
                }
                var martlet: MartletProcess?
                let configuration = Self.server(secondary: secondary)
                if ofMartlet {
                    martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: configuration)
                } else {
                    _ = try await Bird.start("server", in: here, lab, configuration: configuration)
                }
                for bird in birds {
                    try await lab.require("the session is established") { try bird.isEstablished("peer") }
                }
                let counts = secondary ? [2, 2, 2] : [0, 2, 1]
                var tables: [[PeerRoute]] = []
                for (bird, count) in zip(birds, counts) {
                    tables.append(try await Interop.routes(of: bird, count: count))
                }
                try await body(lab, tables, martlet, birds)
            }
        }

        private static func route(_ prefix: String, from number: Int, best: Bool, communities: [String] = [])
            -> PeerRoute
        {
            PeerRoute(
                prefix,
                nextHop: "10.20.0.1\(number)",
                asPath: number == 2 ? "65002 65099" : "6500\(number)",
                med: UInt32(10 * number),
                communities: communities,
                best: best
            )
        }

        @Test(
            "The client that owns the best path gets the second, one that may not have it too; attributes pass unchanged"
        )
        func secondary() async throws {
            try await self.tables(secondary: true, ofMartlet: true) { lab, tables, martlet, birds in
                #expect(
                    tables[0] == [
                        Self.route("198.51.100.0/24", from: 2, best: false),
                        Self.route("203.0.113.0/24", from: 2, best: false),
                    ]
                )
                #expect(
                    tables[1] == [
                        Self.route("198.51.100.0/24", from: 1, best: false, communities: ["65001:3"]),
                        Self.route("203.0.113.0/24", from: 1, best: false),
                    ]
                )
                #expect(
                    tables[2] == [
                        Self.route("198.51.100.0/24", from: 2, best: true),
                        Self.route("203.0.113.0/24", from: 1, best: true),
                    ]
                )
                let query = RouteQuery(neighbor: .init(name: "client1", direction: .exported))
                let exported = try await martlet?.withClient { try await $0.routes(query) } ?? []
                #expect(exported.map(\.asPathText) == ["65002 65099", "65002 65099"])
                #expect(exported.allSatisfy { !$0.best && $0.pathID == nil })
                // The second goes, and with it what client 1 had.
                _ = try birds[1].query("disable own")
                try await lab.require("client 1 has nothing left") {
                    try birds[0].routes("protocol peer").isEmpty
                }
                #expect(try birds[2].routes("protocol peer").map(\.prefix) == ["203.0.113.0/24"])
            }
        }

        @Test("Without secondary the best path hides the others")
        func hiding() async throws {
            try await self.tables(secondary: false, ofMartlet: true) { _, tables, _, _ in
                #expect(tables.map { $0.map(\.asPath) } == [[], ["65001", "65001"], ["65001"]])
            }
        }

        @Test("BIRD in Martlet's place with the same configuration sends the same", arguments: [true, false])
        func oracle(secondary: Bool) async throws {
            var results: [[[PeerRoute]]] = []
            for ofMartlet in [true, false] {
                try await self.tables(secondary: secondary, ofMartlet: ofMartlet) { _, tables, _, _ in
                    results.append(tables)
                }
            }
            #expect(results.count == 2)
            #expect(results.first == results.last)
            #expect(results.first?.last?.isEmpty == false)
        }
    }
}
