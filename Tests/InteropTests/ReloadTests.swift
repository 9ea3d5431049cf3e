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

        @Test("A reload that is not confirmed is undone by itself, and a session it does not concern goes on")
        func unconfirmed() async throws {
            try await Self.withNeighbors(Self.configuration(Self.neighbor(2), Self.neighbor(3))) {
                lab,
                martlet,
                second,
                third in
                try await lab.require("the other session is established") { try third.isEstablished("peer") }
                let before = try await Self.establishedAt(martlet)
                let file = try lab.write("other.conf", Self.configuration(Self.neighbor(2)))
                let check = try martlet.bgpctl("reload", "--check", file)
                #expect(check.code == 0 && check.output.contains("peer3     removed"), "\(check)")
                #expect(try third.isEstablished("peer"))
                let reload = try martlet.bgpctl("reload", file, "--confirm-within", "2s")
                #expect(reload.code == 0 && reload.output.contains("undone in 2 s unless confirmed"), "\(reload)")
                try await lab.require("the removed session ends") { try !third.isEstablished("peer") }
                try await lab.require("the session is back") { try third.isEstablished("peer") }
                #expect(try await Interop.routes(of: second, count: 3).count == 3)
                #expect(try await Self.establishedAt(martlet) == before)
                let late = try martlet.bgpctl("reload", "confirm")
                #expect(late.code == 1 && late.errors.contains("no reload waits to be confirmed"), "\(late)")
            }
        }

        /// A configuration of `count` sessions whose members are addresses of the loopback interface.
        private static func members(_ count: Int, changed: Int? = nil) -> String {
            let sessions = (0..<count).map { number in
                """
                protocol bgp m\(number) from members {
                  neighbor 10.21.\(number / 250).\(number % 250 + 1) as \(100_000 + number);
                  ipv4 {
                    import filter {
                      if bgp_path.first != \(100_000 + number) then reject;
                      bgp_large_community.add((64512, 1, \(number == changed ? 7 : 1)));
                      accept;
                    };
                    export where (64512, 0, \(number)) !~ bgp_large_community;
                  };
                }

                """
            }
            return """
                router id 10.20.0.1;
                protocol device {}
                protocol static own { ipv4; route 198.51.100.0/26 blackhole; route 10.21.0.0/16 via 10.20.0.2; }
                template bgp members { local 10.20.0.1 port 1790 as 64512; multihop; passive on; hold time 90; }

                """ + sessions.joined()
        }

        /// The same sessions from the other side.
        private static func memberSpeakers(_ count: Int) -> String {
            let sessions = (0..<count).map { number in
                """
                protocol bgp m\(number) {
                  local 10.21.\(number / 250).\(number % 250 + 1) as \(100_000 + number); multihop;
                  neighbor 10.20.0.1 port 1790 as 64512; hold time 90; connect delay time 0; connect retry time 2;
                  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
                }

                """
            }
            return """
                router id 10.21.0.1;
                protocol device {}
                protocol static own { ipv4; route 203.0.113.0/24 blackhole; }

                """ + sessions.joined()
        }

        @Test("With a thousand sessions a reload for one of them touches no other and takes little time")
        func thousand() async throws {
            let count = 1000
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                try here.ip("route add 10.21.0.0/16 via 10.20.0.2")
                let addresses = (0..<count).map { "addr add 10.21.\($0 / 250).\($0 % 250 + 1)/32 dev lo" }
                try there.ip(addresses.joined(separator: "\n"))
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: Self.members(count)
                )
                _ = try await MartletProcess.start(
                    "members",
                    in: there,
                    lab,
                    configuration: Self.memberSpeakers(count)
                )
                // One route of the members' is best and goes to all but its source; the two own ones go to all.
                func settled(_ neighbors: [NeighborStatus]) -> Bool {
                    neighbors.allSatisfy { $0.state == .established && $0.routes.received == 1 }
                        && neighbors.reduce(0) { $0 + $1.routes.exported } == UInt64(3 * count - 1)
                }
                try await lab.require("all sessions are up and have their routes", timeout: .seconds(120)) {
                    settled(try await martlet.withClient { try await $0.neighbors() })
                }
                let before = try await martlet.withClient { try await $0.neighbors() }
                _ = try lab.write("martlet.conf", Self.members(count, changed: 999))
                let start = try martlet.process.cpuTime()
                let result = try await martlet.withClient { try await $0.reload() }
                #expect(result.changes.filter { $0.action != .unchanged }.map(\.protocolName) == ["m999"])
                try await lab.require("the one session's route is judged again") {
                    try await martlet.withClient { try await $0.routes() }.contains {
                        $0.protocolName == "m999" && $0.largeCommunities == ["64512:1:7"]
                    }
                }
                let spent = try martlet.process.cpuTime() - start
                #expect(spent < .milliseconds(500), "\(spent)")
                let after = try await martlet.withClient { try await $0.neighbors() }
                #expect(after.map(\.establishedAt) == before.map(\.establishedAt))
                #expect(after.map(\.messages.sent.update) == before.map(\.messages.sent.update))
            }
        }
    }
}
