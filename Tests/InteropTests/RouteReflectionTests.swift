import ControlAPI
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// Route reflection (RFC 4456) between BIRDs: clients `.1` and `.2`, a non-client `.3`.
    @Suite("Route reflection")
    struct RouteReflectionTests {
        private static func withReflector(
            options: String = "",
            _ body: (Lab, MartletProcess, [Bird]) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                var text = "router id 10.21.0.1;\nprotocol device {}\nprotocol direct { ipv4; }\n"
                var birds: [Bird] = []
                for number in 1...3 {
                    let there = try lab.addNamespace()
                    try lab.connect(here, ["10.21.\(number).1/24"], there, ["10.21.\(number).2/24"])
                    text += """
                        protocol bgp peer\(number) {
                          local 10.21.\(number).1 as 64512; neighbor 10.21.\(number).2 as 64512; \(Interop.timers)
                          \(number == 3 ? "" : "rr client; \(options)")
                          ipv4 { import all; export where source = RTS_BGP; };
                        }

                        """
                    birds.append(
                        try await Bird.start(
                            "bird\(number)",
                            in: there,
                            lab,
                            configuration: """
                                router id 10.21.\(number).2;
                                protocol device {}
                                protocol static own { ipv4; route 203.0.113.\(number)/32 blackhole; }
                                protocol bgp peer {
                                  local 10.21.\(number).2 as 64512; neighbor 10.21.\(number).1 as 64512; \(Interop.timers)
                                  ipv4 { import all; export filter {
                                    bgp_local_pref = 100 + \(number); bgp_med = \(number); bgp_community.add((64512, \(number)));
                                    accept;
                                  }; };
                                }
                                """
                        )
                    )
                }
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: text)
                for bird in birds {
                    try await lab.require("the session is established") { try bird.isEstablished("peer") }
                }
                try await body(lab, martlet, birds)
            }
        }

        /// What a BIRD must have of the route of BIRD `number`.
        private static func reflected(_ number: UInt32, cluster: String = "10.21.0.1") -> PeerRoute {
            PeerRoute(
                "203.0.113.\(number)/32",
                nextHop: "10.21.\(number).2",
                localPref: 100 + number,
                med: number,
                communities: ["64512:\(number)"],
                originatorID: "10.21.\(number).2",
                clusterList: [cluster]
            )
        }

        @Test("Routes of clients and non-clients are reflected with originator, cluster and the next hop unchanged")
        func reflection() async throws {
            try await Self.withReflector { _, _, birds in
                for number in 1...3 {
                    let others: [UInt32] = [1, 2, 3].filter { $0 != number }
                    let routes = try await Interop.routes(of: birds[number - 1], count: 2)
                    #expect(routes == others.map { Self.reflected($0) })
                }
            }
        }

        @Test("A configured cluster id takes the place of the router id")
        func clusterID() async throws {
            try await Self.withReflector(options: "rr cluster id 192.0.2.99;") { _, _, birds in
                let routes = try await Interop.routes(of: birds[0], count: 2)
                #expect(routes.first == Self.reflected(2, cluster: "192.0.2.99"))
            }
        }

        @Test("A route is not reflected to the client it came from")
        func notBack() async throws {
            try await Self.withReflector { _, martlet, birds in
                #expect(try await Interop.routes(of: birds[0], count: 2).count == 2)
                let query = RouteQuery(neighbor: .init(name: "peer1", direction: .exported))
                let exported = try await martlet.withClient { try await $0.routes(query) }
                #expect(exported.map(\.prefix.description).sorted() == ["203.0.113.2/32", "203.0.113.3/32"])
                // BIRD would refuse its own route quietly; it counts what arrives before that.
                let updates = try birds[0].query("show protocols all peer").split(separator: "\n")
                    .first { $0.contains("Import updates:") }
                #expect(updates?.split(separator: " ").dropFirst(2).first == "2")
            }
        }
    }
}
