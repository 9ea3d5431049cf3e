import ControlAPI
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// Sessions and next hops with link-local addresses (RFC 2545), Martlet at `fe80::1` and BIRD at `fe80::2`.
    @Suite("Link-local addresses")
    struct LinkLocalTests {
        private static func configuration(_ ends: [String], _ numbers: [Int], _ route: String) -> String {
            """
            protocol device {}
            protocol kernel {
              scan time 1;
              ipv6 { import none; export where source = RTS_BGP; };
            }
            protocol static own { ipv6; route \(route) blackhole; }
            protocol bgp peer {
              local \(ends[0]) as \(numbers[0]); neighbor \(ends[1]) as \(numbers[1]); \(Interop.timers)
              ipv6 { import all; export where source = RTS_STATIC; };
            }
            """
        }

        /// Runs both with a session between `ends` over a link with the addresses given besides the link-local ones.
        private static func withSession(
            _ ends: [String],
            global: [String]?,
            _ body: (Lab, Lab.Namespace, MartletProcess, Bird) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let (here, there) = (try lab.addNamespace(), try lab.addNamespace())
                try lab.connect(
                    here,
                    ["fe80::1/64"] + (global.map { [$0[0]] } ?? []),
                    there,
                    ["fe80::2/64"] + (global.map { [$0[1]] } ?? [])
                )
                func scoped(_ end: String) -> String { end.hasPrefix("fe80") ? "\(end)%eth1" : end }
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: "router id 10.20.0.1;\n"
                        + self.configuration([ends[0], scoped(ends[1])], [64_512, 64_513], "2001:db8:1::/48")
                )
                let bird = try await Bird.start(
                    "bird",
                    in: there,
                    lab,
                    configuration: "router id 10.20.0.2;\n"
                        + self.configuration([ends[1], scoped(ends[0])], [64_513, 64_512], "2001:db8:2::/48")
                )
                try await Interop.requireSession(lab, martlet, bird)
                try await body(lab, here, martlet, bird)
            }
        }

        /// Waits until BIRD shows a line for Martlet's route.
        private static func require(_ line: String, _ lab: Lab, _ bird: Bird) async throws {
            func shown() throws -> String { try bird.query("show route table master6 protocol peer all") }
            guard try await eventually(timeout: .seconds(10), { try shown().contains(line) }) else {
                throw Command.Failure("no \(line) in \(try shown())")
            }
        }

        /// Waits until the kernel of Martlet has BIRD's route with these words.
        private static func requireKernelRoute(_ words: String, _ lab: Lab, _ here: Lab.Namespace) async throws {
            func shown() throws -> String {
                try here.run("/usr/sbin/ip", "-6", "route", "show", "2001:db8:2::/48").output
            }
            guard try await eventually(timeout: .seconds(10), { try shown().contains(words) }) else {
                throw Command.Failure("no \(words) in \(try shown())")
            }
        }

        @Test("A session between link-local addresses carries IPv6 routes, over which the kernel forwards")
        func linkLocalOnly() async throws {
            try await Self.withSession(["fe80::1", "fe80::2"], global: nil) { lab, here, martlet, bird in
                try await Self.requireKernelRoute("via fe80::2 dev eth1 proto 81", lab, here)
                let query = RouteQuery(table: "master6", source: .bgp)
                let routes = try await martlet.withClient { try await $0.routes(query) }
                #expect(routes.map { $0.gateway?.description } == ["fe80::2"])
                #expect(routes.map { $0.interface } == ["eth1"])
                try await Self.require("via fe80::1 on eth1", lab, bird)
            }
        }

        @Test("A session between link-local addresses tells the link's global address beside its own")
        func globalAndLinkLocal() async throws {
            try await Self.withSession(["fe80::1", "fe80::2"], global: ["fd20::1/64", "fd20::2/64"]) {
                lab,
                here,
                _,
                bird in
                try await Self.require("BGP.next_hop: fd20::1 fe80::1", lab, bird)
                try await Self.requireKernelRoute("dev eth1 proto 81", lab, here)
            }
        }

        @Test("A session between global addresses tells the link-local address of the link as well")
        func overGlobal() async throws {
            try await Self.withSession(["fd20::1", "fd20::2"], global: ["fd20::1/64", "fd20::2/64"]) {
                lab,
                here,
                _,
                bird in
                try await Self.require("BGP.next_hop: fd20::1 fe80::", lab, bird)
                try await Self.requireKernelRoute("via fd20::2 dev eth1 proto 81", lab, here)
            }
        }

        @Test("Addresses of 169.254.0.0/16, as tunnels have them, are addresses like others")
        func tunnel() async throws {
            try await Lab.run { lab in
                let (here, there) = (try lab.addNamespace(), try lab.addNamespace())
                let ends = ["169.254.10.1", "169.254.10.2"]
                try lab.connect(here, [ends[0] + "/30", "fd20::1/64"], there, [ends[1] + "/30", "fd20::2/64"])
                func configuration(_ ends: [String], _ numbers: [Int], _ route: String) -> String {
                    """
                    router id 10.20.0.\(numbers[0] - 64511);
                    protocol device {}
                    protocol kernel { scan time 1; ipv4 { import none; export where source = RTS_BGP; }; }
                    protocol static own { ipv4; route \(route) blackhole; }
                    protocol bgp peer {
                      local \(ends[0]) as \(numbers[0]); neighbor \(ends[1]) as \(numbers[1]); \(Interop.timers)
                      ipv4 { import all; export where source = RTS_STATIC; };
                    }
                    """
                }
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: configuration(ends, [64_512, 64_513], "203.0.113.0/25")
                )
                let bird = try await Bird.start(
                    "bird",
                    in: there,
                    lab,
                    configuration: configuration([ends[1], ends[0]], [64_513, 64_512], "203.0.113.128/25")
                )
                try await Interop.requireSession(lab, martlet, bird)
                try await lab.require("the kernel routes to the neighbour") {
                    try here.run("/usr/sbin/ip", "route", "show", "proto", "81").output
                        .contains("203.0.113.128/25 via 169.254.10.2 dev eth1")
                }
                let routes = try await Interop.routes(of: bird, count: 1)
                #expect(routes.map(\.prefix) == ["203.0.113.0/25"])
                #expect(routes.map(\.nextHop) == [ends[0]])
            }
        }

        @Test("A session between link-local addresses follows its link down and up")
        func linkDown() async throws {
            try await Self.withSession(["fe80::1", "fe80::2"], global: nil) { lab, here, martlet, bird in
                try await Self.requireKernelRoute("via fe80::2 dev eth1 proto 81", lab, here)
                try here.ip("link set eth1 down")
                try await lab.require("the session is down", timeout: .seconds(3)) {
                    try await !martlet.isEstablished("peer")
                }
                try here.ip("link set eth1 up", "address replace fe80::1/64 dev eth1 nodad")
                try await Interop.requireSession(lab, martlet, bird)
                try await Self.requireKernelRoute("via fe80::2 dev eth1 proto 81", lab, here)
                try await Self.require("via fe80::1 on eth1", lab, bird)
            }
        }
    }
}
