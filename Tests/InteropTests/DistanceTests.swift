import ControlAPI
import TestSupport
import Testing

extension Interop {
    /// How far away a neighbor may be: TTL security (RFC 5082) and multihop sessions, with BIRD at the other end.
    @Suite("Distance")
    struct DistanceTests {
        /// Which end opens the connection; the other one is passive.
        enum Caller: String, CaseIterable, Sendable {
            case martlet, bird
        }

        private static let ends4 = ["10.20.0.1", "10.20.0.2"]
        private static let ends6 = ["fd20::1", "fd20::2"]

        private static func session(_ ends: [String], _ numbers: [Int], _ options: String) -> String {
            """
            protocol device {}
            protocol bgp peer {
              local \(ends[0]) as \(numbers[0]); neighbor \(ends[1]) as \(numbers[1]); \(Interop.timers) startup hold time 3; \(options)
              ipv4 { import all; export all; }; ipv6 { import all; export all; };
            }
            """
        }

        /// Starts both; `options` belong to the session at each end, Martlet's first.
        private static func start(
            _ lab: Lab,
            _ here: Lab.Namespace,
            _ there: Lab.Namespace,
            ends: [String],
            options: [String],
            caller: Caller
        ) async throws -> (MartletProcess, Bird) {
            let passive = ["passive on;", "passive off;"]
            let martlet = try await MartletProcess.start(
                "martlet",
                in: here,
                lab,
                configuration: "router id 10.20.0.1;\n"
                    + self.session(ends, [64_512, 64_513], options[0] + passive[caller == .bird ? 0 : 1])
            )
            let bird = try await Bird.start(
                "bird",
                in: there,
                lab,
                configuration: "router id 10.20.0.2;\n"
                    + self.session(
                        ends.reversed(),
                        [64_513, 64_512],
                        options[1] + passive[caller == .martlet ? 0 : 1]
                    )
            )
            return (martlet, bird)
        }

        /// Fails when the session comes up within the time several attempts take.
        ///
        /// Only the end that must refuse is asked: what came before its kernel knew the minimum, such as the OPEN, may
        /// count, and the other end may take the session for established after that.
        private static func requireNoSession(_ isEstablished: () async throws -> Bool) async throws {
            let isUp = try await eventually(timeout: .seconds(4), isEstablished)
            #expect(!isUp)
        }

        @Test(
            "A session with TTL security on both ends comes up, whoever opens it",
            arguments: [4, 6],
            Caller.allCases
        )
        func security(_ family: Int, _ caller: Caller) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let (martlet, bird) = try await Self.start(
                    lab,
                    here,
                    there,
                    ends: family == 4 ? Self.ends4 : Self.ends6,
                    options: ["ttl security on;", "ttl security on;"],
                    caller: caller
                )
                try await Interop.requireSession(lab, martlet, bird)
            }
        }

        @Test(
            "With TTL security a neighbor that sends with a TTL of 1 gets no session, until it sends with 255",
            arguments: [4, 6],
            Caller.allCases
        )
        func lowTTL(_ family: Int, _ caller: Caller) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let (martlet, bird) = try await Self.start(
                    lab,
                    here,
                    there,
                    ends: family == 4 ? Self.ends4 : Self.ends6,
                    options: ["ttl security on;", "ttl security off;"],
                    caller: caller
                )
                try await Self.requireNoSession { try await martlet.isEstablished("peer") }
                let path = "\(lab.folder)/bird.conf"
                try Command.check("/usr/bin/sed", ["-i", "s/ttl security off/ttl security on/", path])
                #expect(try bird.query("configure").contains("Reconfigur"))
                try await Interop.requireSession(lab, martlet, bird)
            }
        }

        @Test("Without TTL security a direct session sends with a TTL of 1, which a neighbor that has it refuses")
        func ownTTL() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let (martlet, bird) = try await Self.start(
                    lab,
                    here,
                    there,
                    ends: Self.ends4,
                    options: ["", "ttl security on;"],
                    caller: .martlet
                )
                try await Self.requireNoSession { try bird.isEstablished("peer") }
                let path = martlet.configurationFile
                try Command.check("/usr/bin/sed", ["-i", "s/as 64513;/as 64513; ttl security on;/", path])
                #expect(try await martlet.withClient { try await $0.reload().outcome } == .applied)
                try await Interop.requireSession(lab, martlet, bird)
            }
        }

        /// Options of both ends, and whether they allow a session across one router.
        struct Hops: Sendable, CustomTestStringConvertible {
            var martlet: String
            var bird: String
            var isAllowed: Bool
            var testDescription: String { "\(self.martlet) with BIRD's \(self.bird)" }
        }

        @Test(
            "A session across a router needs a TTL that gets there, and with TTL security a distance that is allowed",
            arguments: [
                Hops(martlet: "multihop 2;", bird: "multihop 2;", isAllowed: true),
                Hops(martlet: "multihop 1;", bird: "multihop 2;", isAllowed: false),
                Hops(martlet: "multihop 2; ttl security on;", bird: "multihop 2; ttl security on;", isAllowed: true),
                Hops(martlet: "multihop 1; ttl security on;", bird: "multihop 2; ttl security on;", isAllowed: false),
                Hops(martlet: "multihop 2; ttl security on;", bird: "multihop 64;", isAllowed: false),
            ]
        )
        func multihop(_ hops: Hops) async throws {
            try await Lab.run { lab in
                let (here, router, there) = (try lab.addNamespace(), try lab.addNamespace(), try lab.addNamespace())
                try lab.connect(here, ["10.24.1.2/24"], router, ["10.24.1.1/24"])
                try lab.connect(router, ["10.24.2.1/24"], there, ["10.24.2.2/24"])
                try here.ip("route add default via 10.24.1.1")
                try there.ip("route add default via 10.24.2.1")
                try router.run("/usr/sbin/sysctl", "-qw", "net.ipv4.ip_forward=1")
                let (martlet, bird) = try await Self.start(
                    lab,
                    here,
                    there,
                    ends: ["10.24.1.2", "10.24.2.2"],
                    options: [hops.martlet, hops.bird],
                    caller: .bird
                )
                if hops.isAllowed {
                    try await Interop.requireSession(lab, martlet, bird)
                } else {
                    try await Self.requireNoSession { try await martlet.isEstablished("peer") }
                }
            }
        }
    }
}
