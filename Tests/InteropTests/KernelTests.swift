import ControlAPI
import Foundation
import Glibc
import TestSupport
import Testing

extension Interop {
    /// Routes between the speaker and the kernel's tables: BIRDs at 10.22.1.2 (AS 64513) and 10.22.2.2 (the same AS).
    @Suite("Kernel routes")
    struct KernelTests {
        private struct Scene {
            var lab: Lab
            var here: Lab.Namespace
            var martlet: MartletProcess
            var birds: [Bird]
            var configuration: String

            /// The kernel's routes for a prefix, one line each, next hops of a multipath route joined to it.
            func kernelRoutes(_ prefix: String) throws -> [String] {
                let text = try self.here.run("/usr/sbin/ip", "-o", "-details", "route", "show", prefix).output
                return text.split(separator: "\n").map {
                    $0.replacing("\\", with: " ").split(separator: " ").joined(separator: " ")
                }
            }

            func requireKernelRoute(_ prefix: String, _ words: String...) async throws {
                try await self.lab.require("the kernel has \(prefix) with \(words)", timeout: .seconds(15)) {
                    let routes = try self.kernelRoutes(prefix)
                    return routes.count == 1 && words.allSatisfy { routes[0].contains($0) }
                }
            }

            func requireNoKernelRoute(_ prefix: String) async throws {
                try await self.lab.require("the kernel has no \(prefix)", timeout: .seconds(15)) {
                    try self.kernelRoutes(prefix).isEmpty
                }
            }

            func requireSessions() async throws {
                for bird in self.birds {
                    try await self.lab.require("the session is established") { try bird.isEstablished("peer") }
                }
            }

            /// Starts Martlet again after its end.
            func restarted() async throws -> Scene {
                var scene = self
                scene.martlet = try await MartletProcess.start(
                    "martlet",
                    in: self.here,
                    self.lab,
                    configuration: self.configuration
                )
                return scene
            }
        }

        private static func withScene(
            existing: String? = nil,
            extra: String = "",
            timers: String = Interop.timers,
            routes: [String] = ["203.0.113.0/24", "203.0.113.0/24"],
            _ body: (Scene) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                var text = """
                    router id 10.22.0.1;
                    protocol device {}
                    protocol kernel {
                      learn; merge paths on; scan time 1;
                      ipv4 { import all; export where source = RTS_BGP || source = RTS_STATIC; };
                    }
                    \(extra)

                    """
                var birds: [Bird] = []
                for number in 1...2 {
                    let there = try lab.addNamespace()
                    try lab.connect(here, ["10.22.\(number).1/24"], there, ["10.22.\(number).2/24"])
                    text += """
                        protocol bgp peer\(number) {
                          local 10.22.\(number).1 as 64512; neighbor 10.22.\(number).2 as \(64_513); \(timers)
                          ipv4 { import all; export all; };
                        }

                        """
                    birds.append(
                        try await Bird.start(
                            "bird\(number)",
                            in: there,
                            lab,
                            configuration: """
                                router id 10.22.\(number).2;
                                protocol device {}
                                protocol static own { ipv4; route \(routes[number - 1]) blackhole; }
                                protocol bgp peer {
                                  local 10.22.\(number).2 as 64513; neighbor 10.22.\(number).1 as 64512; \(timers)
                                  allow local as 2;
                                  ipv4 { import all; export where source = RTS_STATIC; };
                                }
                                """
                        )
                    )
                }
                if let existing { try here.ip("route add \(existing)") }
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: text)
                let scene = Scene(lab: lab, here: here, martlet: martlet, birds: birds, configuration: text)
                try await scene.requireSessions()
                try await body(scene)
            }
        }

        @Test("Routes that other programs put into the kernel are announced, and withdrawn when they go")
        func learn() async throws {
            try await Self.withScene(existing: "198.51.100.0/26 via 10.22.2.2 proto 80") { scene in
                try scene.here.ip("route add 198.51.100.64/26 via 10.22.2.2 proto static")
                func learned(_ count: Int) async throws -> [PeerRoute] {
                    func ours() throws -> [PeerRoute] {
                        try scene.birds[0].routes(table: "master4", "protocol peer")
                            .filter { $0.prefix.hasPrefix("198.") }
                    }
                    _ = try await eventually(timeout: .seconds(10)) { try ours().count == count }
                    return try ours()
                }
                let both = try await learned(2)
                #expect(
                    both == [
                        PeerRoute("198.51.100.0/26", nextHop: "10.22.1.1", asPath: "64512"),
                        PeerRoute("198.51.100.64/26", nextHop: "10.22.1.1", asPath: "64512"),
                    ]
                )
                try scene.here.ip("route del 198.51.100.0/26 proto 80")
                let left = try await learned(1)
                #expect(left.map(\.prefix) == ["198.51.100.64/26"])
            }
        }

        @Test("'learn all' takes what the kernel itself put there too")
        func learnAll() async throws {
            let configuration = """
                router id 10.22.0.1;
                protocol device {}
                protocol kernel { learn all; scan time 1; ipv4 { import all; export none; }; }
                protocol kernel { learn all; scan time 1; ipv6 { import all; export none; }; }

                """
            try await Lab.run { lab in
                let (here, there) = (try lab.addNamespace(), try lab.addNamespace())
                try lab.connect(here, ["10.22.1.1/24", "fd22:1::1/64"], there, ["10.22.1.2/24", "fd22:1::2/64"])
                try here.ip(
                    "route add 198.51.100.0/24 via 10.22.1.2 proto static",
                    "route add 2001:db8:7::/48 via fd22:1::2 proto static"
                )
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: configuration)
                func learned() async throws -> [String] {
                    try await martlet.routes(table: "master4").map(\.prefix)
                        + martlet.routes(table: "master6").map(\.prefix)
                }
                try await lab.require("all four are there") {
                    try await learned() == ["10.22.1.0/24", "198.51.100.0/24", "2001:db8:7::/48", "fd22:1::/64"]
                }
                try here.ip("address del 10.22.1.1/24 dev eth1")
                try await lab.require("what the kernel took with its network is gone") {
                    try await learned() == ["2001:db8:7::/48", "fd22:1::/64"]
                }
            }
        }

        @Test("Equal paths of two neighbors become one route with two next hops and protocol 81")
        func multipath() async throws {
            try await Self.withScene { scene in
                try await scene.requireKernelRoute("203.0.113.0/24", "proto 81", "via 10.22.1.2 ", "via 10.22.2.2 ")
                _ = try scene.birds[1].query("disable own")
                // Only a route with a single next hop names it before the protocol.
                try await scene.requireKernelRoute("203.0.113.0/24", "203.0.113.0/24 via 10.22.1.2 dev eth1 proto 81")
                _ = try scene.birds[0].query("disable own")
                try await scene.requireNoKernelRoute("203.0.113.0/24")
            }
        }

        @Test("A route of somebody else in the way stays as it is; after it went the speaker's takes its place")
        func foreignRoute() async throws {
            // The speaker writes its routes with this metric.
            let foreign = "203.0.113.0/24 via 10.22.2.99 proto static metric 32"
            try await Self.withScene(existing: foreign) { scene in
                #expect(try await scene.martlet.routes().contains { $0.prefix == "203.0.113.0/24" })
                try await Task.sleep(for: .seconds(2))
                let routes = try scene.kernelRoutes("203.0.113.0/24")
                #expect(routes.contains { $0.contains("via 10.22.2.99") && $0.contains("proto static") }, "\(routes)")
                try scene.here.ip("route del \(foreign)")
                try await scene.requireKernelRoute("203.0.113.0/24", "proto 81", "via 10.22.1.2 ", "via 10.22.2.2 ")
            }
        }

        @Test("A killed speaker leaves forwarding, and its successor adopts the routes without touching the kernel")
        func kill() async throws {
            let prefixes = ["203.0.113.1", "203.0.113.2"]
            try await Self.withScene(routes: prefixes.map { $0 + "/32" }) { scene in
                for prefix in prefixes { try await scene.requireKernelRoute(prefix, "proto 81") }
                let before = try prefixes.map { try scene.kernelRoutes($0) }
                scene.martlet.process.signal(SIGKILL)
                try await scene.lab.require("it is dead") { !scene.martlet.process.isRunning }
                let monitor = try scene.lab.start("monitor", in: scene.here, "/usr/sbin/ip", ["monitor", "route"])
                #expect(try prefixes.map { try scene.kernelRoutes($0) } == before)
                let second = try await scene.restarted()
                try await second.requireSessions()
                // Both End-of-RIBs are in, and scans happen every second.
                try await Task.sleep(for: .seconds(3))
                #expect(try prefixes.map { try scene.kernelRoutes($0) } == before)
                #expect(!monitor.output.contains("203.0.113."), "\(monitor.output)")
                _ = try scene.birds[0].query("disable own")
                try await scene.requireNoKernelRoute(prefixes[0])
                try await scene.lab.require("the monitor reports") {
                    monitor.output.contains("Deleted 203.0.113.1")
                }
            }
        }

        @Test("A multipath route keeps both next hops after a kill, also while one neighbor is not back yet")
        func killMultipath() async throws {
            try await Self.withScene { scene in
                let prefix = "203.0.113.0/24"
                try await scene.requireKernelRoute(prefix, "proto 81", "via 10.22.1.2 ", "via 10.22.2.2 ")
                let before = try scene.kernelRoutes(prefix)
                scene.martlet.process.signal(SIGKILL)
                try await scene.lab.require("it is dead") { !scene.martlet.process.isRunning }
                _ = try scene.birds[1].query("disable peer")
                let monitor = try scene.lab.start("monitor", in: scene.here, "/usr/sbin/ip", ["monitor", "route"])
                let second = try await scene.restarted()
                try await second.lab.require("the first session is back") {
                    try scene.birds[0].isEstablished("peer")
                }
                try await Task.sleep(for: .seconds(2))
                #expect(try scene.kernelRoutes(prefix) == before)
                _ = try scene.birds[1].query("enable peer")
                try await second.requireSessions()
                try await Task.sleep(for: .seconds(3))
                #expect(try scene.kernelRoutes(prefix) == before)
                #expect(!monitor.output.contains("203.0.113."), "\(monitor.output)")
                _ = try scene.birds[1].query("disable own")
                try await scene.requireKernelRoute(prefix, "203.0.113.0/24 via 10.22.1.2 dev eth1 proto 81")
            }
        }

        @Test("A successor removes the routes that nobody announces any more")
        func stale() async throws {
            try await Self.withScene { scene in
                try await scene.requireKernelRoute("203.0.113.0/24", "proto 81")
                scene.martlet.process.signal(SIGKILL)
                try await scene.lab.require("it is dead") { !scene.martlet.process.isRunning }
                for bird in scene.birds { _ = try bird.query("disable own") }
                #expect(try scene.kernelRoutes("203.0.113.0/24").count == 1)
                let second = try await scene.restarted()
                try await second.requireSessions()
                try await scene.requireNoKernelRoute("203.0.113.0/24")
            }
        }

        @Test("SIGTERM leaves the routes, bgpctl shutdown removes them")
        func ends() async throws {
            try await Self.withScene { scene in
                try await scene.requireKernelRoute("203.0.113.0/24", "proto 81")
                scene.martlet.process.signal(SIGTERM)
                try await scene.lab.require("it ended") { !scene.martlet.process.isRunning }
                #expect(scene.martlet.process.exitCode == 0)
                #expect(try scene.kernelRoutes("203.0.113.0/24").count == 1)
                let second = try await scene.restarted()
                try await second.requireSessions()
                try await second.requireKernelRoute("203.0.113.0/24", "proto 81", "via 10.22.1.2 ", "via 10.22.2.2 ")
                let result = try second.martlet.bgpctl("shutdown")
                #expect(result.code == 0, "\(result)")
                try await scene.lab.require("it ended") { !second.martlet.process.isRunning }
                #expect(second.martlet.process.exitCode == 0)
                #expect(try scene.kernelRoutes("203.0.113.0/24").isEmpty)
            }
        }

        @Test("Routes over a link that goes down are withdrawn at once and come back with the link")
        func linkDown() async throws {
            let slow = Interop.timers.replacing("hold time 9", with: "hold time 180")
            try await Self.withScene(
                extra: "protocol static over { ipv4; route 198.51.100.0/24 via 10.22.1.2; }",
                timers: slow,
                routes: ["203.0.113.1/32", "203.0.113.2/32"]
            ) { scene in
                let (gone, stays) = (["198.51.100.0/24", "203.0.113.1/32"], ["203.0.113.2/32"])
                func seen() throws -> [String] {
                    try scene.birds[1].routes(table: "master4", "protocol peer").map(\.prefix).sorted()
                }
                try await scene.lab.require("both routes arrived") { try seen() == gone }
                try await scene.requireKernelRoute("198.51.100.0/24", "proto 81")
                try scene.here.ip("link set eth1 down")
                try await scene.lab.require("they are withdrawn", timeout: .seconds(2)) { try seen() == [] }
                try await scene.requireKernelRoute(stays[0], "proto 81", "dev eth2")
                try scene.here.ip("link set eth1 up")
                try await scene.lab.require("they are back") { try seen() == gone }
                try await scene.requireKernelRoute("203.0.113.1/32", "proto 81", "dev eth1")
                try await scene.requireKernelRoute("198.51.100.0/24", "proto 81", "dev eth1")
            }
        }
    }
}
