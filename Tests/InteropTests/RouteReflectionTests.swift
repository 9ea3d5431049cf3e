import BGPWire
import ControlAPI
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// Route reflection (RFC 4456) between BIRDs: clients `.1` and `.2` unless told otherwise, a non-client `.3`.
    @Suite("Route reflection")
    struct RouteReflectionTests {
        private static func withReflector(
            options: String = "",
            clients: ClosedRange<Int> = 1...2,
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
                          \(clients.contains(number) ? "rr client; \(options)" : "")
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

        @Test("Non-clients get the routes of clients and not each other's")
        func nonClients() async throws {
            try await Self.withReflector(clients: 1...1) { _, martlet, birds in
                #expect(
                    try await Interop.routes(of: birds[0], count: 2).map(\.prefix) == [
                        "203.0.113.2/32", "203.0.113.3/32",
                    ]
                )
                #expect(try await Interop.routes(of: martlet, count: 3).count == 3)
                for number in 2...3 {
                    #expect(try await Interop.routes(of: birds[number - 1], count: 1) == [Self.reflected(1)])
                    let query = RouteQuery(neighbor: .init(name: "peer\(number)", direction: .exported))
                    let exported = try await martlet.withClient { try await $0.routes(query) }
                    #expect(exported.map(\.prefix.description) == ["203.0.113.1/32"])
                    // BIRD counts what arrives before it refuses any of it.
                    let updates = try birds[number - 1].query("show protocols all peer").split(separator: "\n")
                        .first { $0.contains("Import updates:") }
                    #expect(updates?.split(separator: " ").dropFirst(2).first == "1")
                }
            }
        }

        @Test(
            "A route that passed this cluster, or began here, is not taken back; another cluster's goes on with ours before it"
        )
        func loops() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                try there.ip("address add 10.20.0.11/24 dev eth1")
                func session(_ name: String, _ ends: [String], _ options: String) -> String {
                    """
                    protocol bgp \(name) {
                      local \(ends[0]) as 64512; neighbor \(ends[1]) as 64512; \(Interop.timers) \(options)
                      ipv4 { import all; export all; };
                    }

                    """
                }
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: "router id 10.20.0.1;\nprotocol device {}\nprotocol direct { ipv4; }\n"
                        + session("peer", ["10.20.0.1", "10.20.0.2"], "rr client; rr cluster id 192.0.2.99;")
                        + session(
                            "raw",
                            ["10.20.0.1", "10.20.0.11"],
                            "rr client; rr cluster id 192.0.2.99; passive on;"
                        )
                )
                let bird = try await Bird.start(
                    "bird",
                    in: there,
                    lab,
                    configuration: "router id 10.20.0.2;\nprotocol device {}\n"
                        + session("peer", ["10.20.0.2", "10.20.0.1"], "").replacing("export all", with: "export none")
                )
                try await Interop.requireSession(lab, martlet, bird)
                let peer = try await RawPeer.connect(
                    RawPeer.Ends(
                        local: IPv4Address(10, 20, 0, 11),
                        asNumber: 64_512,
                        remote: IPv4Address(10, 20, 0, 1),
                        remoteAS: 64_512
                    ),
                    in: there,
                    lab
                )
                defer { peer.disconnect() }
                func route(_ number: UInt8) -> IPv4Prefix {
                    IPv4Prefix(address: IPv4Address(203, 0, 113, number), length: 32)
                }
                func id(_ text: String) throws -> RouterID { try #require(RouterID(text)) }
                let (own, other, origin) = (try id("192.0.2.99"), try id("192.0.2.98"), try id("192.0.2.7"))
                let router = try id("10.20.0.1")
                for (number, originator, clusters) in [
                    (1, origin, [other, own]), (2, router, [other]), (3, origin, [other]),
                ] as [(UInt8, RouterID, [RouterID])] {
                    try peer.announce([route(number)]) {
                        $0.originatorID = originator
                        $0.clusterList = clusters
                    }
                }
                let reflected = PeerRoute(
                    "203.0.113.3/32",
                    nextHop: "10.20.0.11",
                    originatorID: "192.0.2.7",
                    clusterList: ["192.0.2.99", "192.0.2.98"]
                )
                let routes = try await Interop.routes(of: bird, count: 2).filter { $0.prefix.hasPrefix("203.") }
                #expect(routes == [reflected])
                let query = RouteQuery(neighbor: .init(name: "raw", direction: .received))
                let received = try await martlet.withClient { try await $0.routes(query) }
                #expect(
                    received.sorted { $0.prefix < $1.prefix }.map { $0.rejected } == [
                        "own cluster in CLUSTER_LIST", "ORIGINATOR_ID is this router", nil,
                    ]
                )
            }
        }

        @Test(
            "A route of an external peer reaches an internal one with LOCAL_PREF 100, or the external session's default"
        )
        func localPreference() async throws {
            try await Lab.run { lab in
                let (here, first, second) = (try lab.addNamespace(), try lab.addNamespace(), try lab.addNamespace())
                try lab.connect(here, ["10.21.1.1/24"], first, ["10.21.1.2/24"])
                try lab.connect(here, ["10.21.2.1/24"], second, ["10.21.2.2/24"])
                func session(_ number: Int, _ own: (String, Int), _ other: (String, Int), _ options: String = "")
                    -> String
                {
                    """
                    protocol bgp \(own.0.hasSuffix(".1") ? "peer\(number)" : "peer") {
                      local \(own.0) as \(own.1); neighbor \(other.0) as \(other.1); \(Interop.timers) \(options)
                      ipv4 { import all; export all; \(own.1 == other.1 ? "next hop self;" : "") };
                    }

                    """
                }
                func text(_ options: String) -> String {
                    "router id 10.21.0.1;\nprotocol device {}\n"
                        + session(1, ("10.21.1.1", 64_512), ("10.21.1.2", 64_513), options)
                        + session(2, ("10.21.2.1", 64_512), ("10.21.2.2", 64_512), "direct;")
                }
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: text(""))
                _ = try await Bird.start(
                    "external",
                    in: first,
                    lab,
                    configuration: "router id 10.21.1.2;\nprotocol device {}\n"
                        + "protocol static own { ipv4; route 203.0.113.1/32 blackhole; }\n"
                        + session(1, ("10.21.1.2", 64_513), ("10.21.1.1", 64_512))
                )
                let bird = try await Bird.start(
                    "internal",
                    in: second,
                    lab,
                    configuration: "router id 10.21.2.2;\nprotocol device {}\n"
                        + session(2, ("10.21.2.2", 64_512), ("10.21.2.1", 64_512), "direct;")
                )
                func expected(_ localPref: UInt32) -> [PeerRoute] {
                    [
                        PeerRoute(
                            "203.0.113.1/32",
                            nextHop: "10.21.2.1",
                            asPath: "64513",
                            localPref: localPref
                        )
                    ]
                }
                try await lab.require("LOCAL_PREF 100 arrives") {
                    try bird.routes("protocol peer") == expected(100)
                }
                _ = try lab.write("martlet.conf", text("default bgp_local_pref 250;"))
                #expect(try await martlet.withClient { try await $0.reload().outcome } == .applied)
                try await lab.require("LOCAL_PREF 250 arrives") {
                    try bird.routes("protocol peer") == expected(250)
                }
            }
        }
    }
}
