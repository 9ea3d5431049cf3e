import ControlAPI
import Glibc
import TestSupport
import Testing

extension Interop {
    /// Changes of the configuration while sessions are up.
    @Suite("Reload")
    struct ReloadTests {
        /// Martlet's configuration: three static routes and the neighbors given.
        private static func configuration(_ parts: String...) -> String {
            """
            router id 10.20.0.1;
            protocol device {}
            protocol static own {
              ipv4;
              route 198.51.100.0/26 blackhole;
              route 198.51.100.64/26 blackhole;
              route 198.51.100.128/26 blackhole;
            }

            """ + parts.joined()
        }

        private static func neighbor(_ number: Int, export: String = "all") -> String {
            """
            protocol bgp peer\(number == 2 ? "" : "\(number)") {
              local 10.20.0.1 as 64512; neighbor 10.20.0.\(number) as \(64_511 + number); \(Interop.timers)
              ipv4 { import all; export \(export); };
            }

            """
        }

        /// BIRD's end of the neighbor `.number`.
        private static func bird(_ number: Int) -> String {
            """
            router id 10.20.0.\(number);
            protocol device {}
            protocol bgp peer {
              local 10.20.0.\(number) as \(64_511 + number); neighbor 10.20.0.1 as 64512; \(Interop.timers)
              ipv4 { import all; export all; };
            }
            """
        }

        /// Martlet with `.2` and a BIRD there and at `.3`, the second in a namespace of its own.
        private static func withNeighbors(
            _ configuration: String,
            _ body: (Lab, MartletProcess, Bird, Bird) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let third = try lab.addNamespace()
                try lab.connect(here, ["10.20.0.1/32"], third, ["10.20.0.3/24"])
                try here.ip("route add 10.20.0.3/32 dev eth2 src 10.20.0.1")
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: configuration)
                let second = try await Bird.start("second", in: there, lab, configuration: self.bird(2))
                let other = try await Bird.start("third", in: third, lab, configuration: self.bird(3))
                try await Interop.requireSession(lab, martlet, second)
                try await body(lab, martlet, second, other)
            }
        }

        private static func establishedAt(_ martlet: MartletProcess) async throws -> Timestamp? {
            try await martlet.withClient { try await $0.neighbor("peer").establishedAt }
        }

        @Test("After SIGHUP a new neighbor comes up and the session with another goes on")
        func added() async throws {
            try await Self.withNeighbors(Self.configuration(Self.neighbor(2))) { lab, martlet, _, third in
                let before = try await Self.establishedAt(martlet)
                #expect(try !third.isEstablished("peer"))
                _ = try lab.write("martlet.conf", Self.configuration(Self.neighbor(2), Self.neighbor(3)))
                martlet.process.signal(SIGHUP)
                try await lab.require("the new session is established") { try third.isEstablished("peer") }
                #expect(try await Interop.routes(of: third, count: 3).count == 3)
                #expect(try await Self.establishedAt(martlet) == before)
            }
        }

        @Test("A neighbor that bgpctl reload removes is told so, and the session with another goes on")
        func removed() async throws {
            let both = Self.configuration(Self.neighbor(2), Self.neighbor(3))
            try await Self.withNeighbors(both) { lab, martlet, second, third in
                try await lab.require("the other session is established") { try third.isEstablished("peer") }
                let before = try await Self.establishedAt(martlet)
                _ = try lab.write("martlet.conf", Self.configuration(Self.neighbor(2)))
                let result = try martlet.bgpctl("reload")
                #expect(result.code == 0, "\(result)")
                #expect(result.output.contains("peer3"), "\(result)")
                try await lab.require("the removed neighbor knows why") {
                    try third.query("show protocols all peer").contains("Received: Peer de-configured")
                }
                #expect(try await Interop.routes(of: third, count: 0).isEmpty)
                #expect(try await Self.establishedAt(martlet) == before)
                #expect(try second.isEstablished("peer"))
            }
        }

        @Test("A file with an error changes nothing, and the error names file, line and column")
        func refused() async throws {
            try await Self.withNeighbors(Self.configuration(Self.neighbor(2))) { lab, martlet, second, _ in
                #expect(try await Interop.routes(of: second, count: 3).count == 3)
                let before = try await Self.establishedAt(martlet)
                _ = try lab.write(
                    "martlet.conf",
                    "router id 10.20.0.1;\nprotocol device {}\nprotocol static own { ipv4;\n  rout 198.51.100.0/26 blackhole; }\n"
                )
                let result = try martlet.bgpctl("reload")
                #expect(result.code == 1)
                #expect((result.output + result.errors).contains("martlet.conf:4:3"), "\(result)")
                martlet.process.signal(SIGHUP)
                try await lab.require("the log names the place") { martlet.process.output.contains("martlet.conf:4:3") }
                #expect(try await Self.establishedAt(martlet) == before)
                #expect(try await Interop.routes(of: second, count: 3).count == 3)
                let status = try await martlet.withClient { try await $0.status() }
                #expect(status.lastReload?.outcome == .rejected)
            }
        }

        /// What BIRD counted as received: updates and withdrawals of routes.
        private static func received(_ bird: Bird) throws -> [Int] {
            let lines = try bird.query("show protocols all peer").split(separator: "\n")
            return ["Import updates:", "Import withdraws:"].map { title in
                let line = lines.first { $0.contains(title) } ?? ""
                return line.split(separator: " ").dropFirst(2).first.flatMap { Int($0) } ?? -1
            }
        }

        @Test("A changed export filter sends the differences alone and leaves the session up")
        func exportFilter() async throws {
            try await Self.withNeighbors(Self.configuration(Self.neighbor(2))) { lab, martlet, second, _ in
                #expect(try await Interop.routes(of: second, count: 3).count == 3)
                let before = try await Self.establishedAt(martlet)
                #expect(try Self.received(second) == [3, 0])
                let filter = """
                    filter {
                      if net = 198.51.100.0/26 then reject;
                      if net = 198.51.100.64/26 then bgp_community.add((64512, 9));
                      accept;
                    }
                    """
                _ = try lab.write("martlet.conf", Self.configuration(Self.neighbor(2, export: filter)))
                let result = try await martlet.withClient { try await $0.reload() }
                #expect(result.outcome == .applied)
                #expect(result.changes.filter { $0.action != .unchanged }.map(\.protocolName) == ["peer"])
                try await lab.require("the differences arrived") { try Self.received(second) == [4, 1] }
                let routes = try second.routes(table: "master4", "protocol peer")
                #expect(
                    routes == [
                        PeerRoute("198.51.100.128/26", nextHop: "10.20.0.1", asPath: "64512"),
                        PeerRoute(
                            "198.51.100.64/26",
                            nextHop: "10.20.0.1",
                            asPath: "64512",
                            communities: ["64512:9"]
                        ),
                    ]
                )
                try await Task.sleep(for: .milliseconds(500))
                #expect(try Self.received(second) == [4, 1])
                #expect(try await Self.establishedAt(martlet) == before)
            }
        }
    }
}
