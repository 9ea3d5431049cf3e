import ControlAPI
import TestSupport
import Testing

extension Interop {
    /// Several paths of a prefix with identifiers (RFC 7911).
    @Suite("Add-path")
    struct AddPathTests {
        private static let prefix = "203.0.113.0/24"

        private static func reflector(_ channel: String) -> String {
            "router id 10.21.0.1;\nprotocol device {}\nprotocol direct { ipv4; }\n"
                + (1...3).map { number in
                    """
                    protocol bgp peer\(number) {
                      local 10.21.\(number).1 as 64512; neighbor 10.21.\(number).2 as 64512; \(Interop.timers) rr client;
                      ipv4 { import all; export where source = RTS_BGP; \(channel) };
                    }

                    """
                }.joined()
        }

        /// Three BIRDs that announce the same prefix, each with another LOCAL_PREF, to a reflector with `channel` options.
        private static func withReflector(
            _ channel: String,
            _ body: (Lab, MartletProcess, [Bird]) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                var birds: [Bird] = []
                for number in 1...3 {
                    let there = try lab.addNamespace()
                    try lab.connect(here, ["10.21.\(number).1/24"], there, ["10.21.\(number).2/24"])
                    birds.append(
                        try await Bird.start(
                            "bird\(number)",
                            in: there,
                            lab,
                            configuration: """
                                router id 10.21.\(number).2;
                                protocol device {}
                                protocol static own { ipv4; route \(self.prefix) blackhole; }
                                protocol bgp peer {
                                  local 10.21.\(number).2 as 64512; neighbor 10.21.\(number).1 as 64512; \(Interop.timers)
                                  ipv4 { import all; add paths on; export filter {
                                    if source != RTS_STATIC then reject;
                                    bgp_local_pref = 100 + \(number); accept;
                                  }; };
                                }
                                """
                        )
                    )
                }
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: self.reflector(channel)
                )
                for bird in birds {
                    try await lab.require("the session is established") { try bird.isEstablished("peer") }
                }
                try await body(lab, martlet, birds)
            }
        }

        /// LOCAL_PREF of each path a BIRD has from the reflector.
        private static func preferences(_ bird: Bird) throws -> [UInt32] {
            try bird.routes("protocol peer").compactMap(\.localPref).sorted()
        }

        private static func require(_ lab: Lab, _ birds: [Bird], _ expected: [[UInt32]]) async throws {
            for (number, bird) in birds.enumerated() {
                try await lab.require("BIRD \(number + 1) has \(expected[number])") {
                    try self.preferences(bird) == expected[number]
                }
            }
        }

        private static func exported(_ martlet: MartletProcess, _ name: String) async throws -> [Route] {
            let query = RouteQuery(neighbor: .init(name: name, direction: .exported))
            return try await martlet.withClient { try await $0.routes(query) }
        }

        @Test(
            "A reflector sends BIRD clients the paths of all others, takes back the one that goes, and shows identifiers"
        )
        func reflection() async throws {
            try await Self.withReflector("add paths on;") { lab, martlet, birds in
                try await Self.require(lab, birds, [[102, 103], [101, 103], [101, 102]])
                let exported = try await Self.exported(martlet, "peer1")
                #expect(exported.compactMap(\.localPref).sorted() == [102, 103])
                #expect(Set(exported.compactMap(\.pathID)).count == 2)
                #expect(exported.filter(\.best).map(\.localPref) == [103])
                let text = try martlet.bgpctl("show", "routes", "--neighbor", "peer1", "exported").output
                #expect(text.contains("PATH ID"))
                let neighbor = try martlet.bgpctl("show", "neighbors", "peer1").output
                #expect(neighbor.contains("add paths (ipv4 both ways)"))

                _ = try birds[1].query("disable own")
                try await Self.require(lab, birds, [[103], [101, 103], [101]])
                _ = try birds[1].query("enable own")
                try await Self.require(lab, birds, [[102, 103], [101, 103], [101, 102]])
            }
        }

        @Test("The best N are sent, and another N takes effect in the running session")
        func bestPaths() async throws {
            try await Self.withReflector("add paths on; add paths best 1;") { lab, martlet, birds in
                try await Self.require(lab, birds, [[103], [103], []])
                let before = try await martlet.withClient { try await $0.neighbors().map(\.transitions) }
                _ = try lab.write("martlet.conf", Self.reflector("add paths on; add paths best 2;"))
                #expect(try await martlet.withClient { try await $0.reload().outcome } == .applied)
                try await Self.require(lab, birds, [[102, 103], [103], [102]])
                #expect(try await martlet.withClient { try await $0.neighbors().map(\.transitions) } == before)
            }
        }

        @Test("Several paths that BIRD sends are kept apart, and only the best goes on where add-path is off")
        func receiving() async throws {
            let session = "neighbor 10.20.0.1 as 64512; local 10.20.0.2 as 64513; \(Interop.timers)"
            try await Interop.withBird(
                martlet: """
                    protocol bgp peer {
                      local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
                      ipv4 { import all; export none; add paths rx; };
                    }
                    """,
                bird: """
                    protocol static one { ipv4; route \(Self.prefix) blackhole; }
                    protocol static two { ipv4; route \(Self.prefix) unreachable; }
                    protocol bgp peer {
                      \(session)
                      ipv4 { import none; add paths tx; export filter {
                        if proto = "one" then bgp_med = 1; else bgp_med = 2; accept;
                      }; };
                    }
                    """
            ) { lab, martlet, bird in
                func received() async throws -> [Route] {
                    let query = RouteQuery(neighbor: .init(name: "peer", direction: .received))
                    return try await martlet.withClient { try await $0.routes(query) }
                }
                try await lab.require("both paths are there") { try await received().count == 2 }
                let routes = try await received()
                #expect(routes.compactMap(\.med).sorted() == [1, 2])
                #expect(Set(routes.map(\.pathID)).count == 2)
                #expect(routes.filter(\.best).map(\.med) == [1])
                _ = try bird.query("disable one")
                try await lab.require("the other one is left") { try await received().map(\.med) == [2] }
            }
        }

        @Test("FRR and Martlet exchange several paths in both directions")
        func frr() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let third = try lab.addNamespace()
                try lab.connect(here, ["10.21.1.1/24"], third, ["10.21.1.2/24"])
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: """
                        router id 10.20.0.1;
                        protocol device {}
                        protocol direct { ipv4; }
                        protocol static own { ipv4; route \(Self.prefix) blackhole { bgp_local_pref = 50; }; }
                        protocol bgp peer {
                          local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64512; \(Interop.timers) rr client;
                          ipv4 { import all; export where source != RTS_DEVICE; add paths on; };
                        }
                        protocol bgp bird {
                          local 10.21.1.1 as 64512; neighbor 10.21.1.2 as 64512; \(Interop.timers) rr client;
                          ipv4 { import all; export where source = RTS_BGP; add paths on; };
                        }
                        """
                )
                let bird = try await Bird.start(
                    "bird",
                    in: third,
                    lab,
                    configuration: """
                        router id 10.21.1.2;
                        protocol device {}
                        protocol static own { ipv4; route \(Self.prefix) blackhole; }
                        protocol bgp peer {
                          local 10.21.1.2 as 64512; neighbor 10.21.1.1 as 64512; \(Interop.timers)
                          ipv4 { import all; add paths on; export filter {
                            if source != RTS_STATIC then reject; bgp_local_pref = 70; accept; }; };
                        }
                        """
                )
                let frr = try await FRR.start(
                    "frr",
                    in: there,
                    lab,
                    configuration: """
                        router bgp 64512
                         bgp router-id 10.20.0.2
                         no bgp network import-check
                         neighbor 10.20.0.1 remote-as 64512
                         neighbor 10.20.0.1 timers 3 9
                         neighbor 10.20.0.1 timers connect 2
                         neighbor 10.20.0.1 advertisement-interval 0
                         address-family ipv4 unicast
                          network \(Self.prefix) route-map LOW
                          neighbor 10.20.0.1 addpath-tx-all-paths
                         exit-address-family
                        route-map LOW permit 10
                         set local-preference 60

                        """
                )
                try await lab.require("sessions are established") {
                    try frr.isEstablished("10.20.0.1") && bird.isEstablished("peer")
                }
                try await lab.require("FRR has the static path and BIRD's beside its own") {
                    try frr.routes().filter { $0.prefix == Self.prefix }.compactMap(\.localPref).sorted() == [
                        50, 60, 70,
                    ]
                }
                try await lab.require("BIRD has FRR's path") { try Self.preferences(bird) == [60] }
                let query = RouteQuery(neighbor: .init(name: "peer", direction: .received))
                let received = try await martlet.withClient { try await $0.routes(query) }
                #expect(received.allSatisfy { $0.pathID != nil })
                #expect(received.map(\.localPref) == [60])
            }
        }
    }
}
