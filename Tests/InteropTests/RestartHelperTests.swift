import BGPWire
import ControlAPI
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// A neighbour that restarts (RFC 4724, RFC 8538, RFC 9494): a peer of the test's own, and one that looks on.
    @Suite("Neighbors that restart")
    struct RestartHelperTests {
        private static let prefixes = (0..<3).map {
            IPv4Prefix(address: IPv4Address(198, 51, UInt8(100 + $0), 0), length: 24)
        }

        private struct Scene {
            var lab: Lab
            var there: Lab.Namespace
            var martlet: MartletProcess
            var observer: RawPeer

            /// Opens the session of the neighbour.
            func connect(
                restart: Capability.GracefulRestart? = nil,
                longLived: UInt32? = nil,
                holdTime: UInt16 = 240
            ) async throws -> RawPeer {
                var capabilities = [restart.map { Capability.gracefulRestart($0) }].compactMap(\.self)
                if let longLived {
                    capabilities.append(
                        .longLivedGracefulRestart([
                            .init(family: .ipv4Unicast, forwardingPreserved: true, staleTime: longLived)
                        ])
                    )
                }
                return try await RawPeer.connect(
                    Scene.ends("10.20.0.2", 64_513),
                    in: self.there,
                    self.lab,
                    capabilities: capabilities,
                    holdTime: holdTime
                )
            }

            static func ends(_ local: String, _ number: UInt32) throws -> RawPeer.Ends {
                RawPeer.Ends(
                    local: try #require(IPv4Address(local)),
                    asNumber: ASNumber(rawValue: number),
                    remote: IPv4Address(10, 20, 0, 1),
                    remoteAS: 64_512
                )
            }

            var neighbor: NeighborStatus {
                get async throws { try await self.martlet.withClient { try await $0.neighbor("peer") } }
            }

            var ipv4: NeighborStatus.FamilyStatus {
                get async throws { try #require(try await self.neighbor.families.first) }
            }

            /// Waits until the one who looks on holds these of the prefixes.
            func requireHeld(_ indices: Range<Int>, timeout: Duration = .seconds(10)) async throws {
                let wanted = Set(RestartHelperTests.prefixes[indices])
                try await self.lab.require("\(wanted) are announced", timeout: timeout) {
                    Set(self.observer.state.held.keys) == wanted
                }
            }

            /// Waits until the neighbour's session is gone and so many of its routes are kept.
            func requireKept(_ count: UInt64, _ wait: NeighborStatus.FamilyStatus.StaleWait = .restart) async throws {
                try await self.lab.require("\(count) routes are kept") {
                    let neighbor = try await self.neighbor
                    let family = neighbor.families[0]
                    return neighbor.state != .established && family.staleRoutes == count && family.staleWait == wait
                }
            }
        }

        private static func restart(
            _ time: UInt16,
            isBack: Bool = false,
            forwards: Bool = false,
            notification: Bool = false
        )
            -> Capability.GracefulRestart
        {
            .init(
                restartState: isBack,
                notification: notification,
                restartTime: time,
                families: [.init(family: .ipv4Unicast, forwardingPreserved: forwards)]
            )
        }

        private static func withScene(
            _ options: String = "",
            observer: [Capability] = [],
            _ body: (Scene) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                try there.ip("address add 10.20.0.3/24 dev eth1")
                func session(_ name: String, _ number: Int, _ more: String) -> String {
                    """
                    protocol bgp \(name) {
                      local 10.20.0.1 as 64512; neighbor 10.20.0.\(number) as 6451\(number + 1); passive on;
                      error wait time 1, 2; error forget time 1; \(more)
                      ipv4 { import all; export all; };
                    }

                    """
                }
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: "router id 10.20.0.1;\nprotocol device {}\n" + session("peer", 2, options)
                        + session("observer", 3, "")
                )
                let observer = try await RawPeer.connect(
                    try Scene.ends("10.20.0.3", 64_514),
                    in: there,
                    lab,
                    capabilities: observer,
                    notesRoutes: true
                )
                let scene = Scene(lab: lab, there: there, martlet: martlet, observer: observer)
                try await body(scene)
                observer.disconnect()
            }
        }

        @Test(
            "Its routes stay, marked, used and announced, until its End-of-RIB; then those go that did not come again"
        )
        func restart() async throws {
            try await Self.withScene { scene in
                let first = try await scene.connect(restart: Self.restart(60))
                try first.announce(Self.prefixes)
                try first.sendEndOfRIB()
                try await scene.requireHeld(0..<3)
                #expect(try await scene.ipv4.endOfRIB == true)
                first.disconnect()
                try await scene.requireKept(3)
                let away = try #require(try await scene.neighbor.gracefulRestart)
                #expect(away.restarting && away.remote.restartSeconds == 60 && away.local.families.isEmpty)
                let routes = try await scene.martlet.withClient { try await $0.routes(RouteQuery(table: "master4")) }
                #expect(routes.map(\.stale) == [.stale, .stale, .stale] && routes.allSatisfy(\.best))
                let shown = try scene.martlet.bgpctl("show", "routes")
                #expect(shown.output.split(separator: "\n").count { $0.hasPrefix("*s") } == 3, "\(shown)")

                let second = try await scene.connect(restart: Self.restart(60, isBack: true, forwards: true))
                try second.announce(Self.prefixes[..<2])
                try await scene.lab.require("one route is stale still") {
                    let family = try await scene.ipv4
                    return family.staleRoutes == 1 && family.staleWait == .endOfRIB
                }
                #expect(scene.observer.state.held.count == 3)
                try second.sendEndOfRIB()
                try await scene.requireHeld(0..<2)
                #expect(try await scene.ipv4.staleRoutes == nil)
                #expect(scene.observer.state.announced == 3, "nothing was announced twice")
                second.disconnect()
            }
        }

        @Test("At the end of the restart time its routes go")
        func timeout() async throws {
            try await Self.withScene { scene in
                let peer = try await scene.connect(restart: Self.restart(1))
                try peer.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                peer.disconnect()
                try await scene.requireKept(3)
                try await scene.requireHeld(0..<0, timeout: .seconds(4))
            }
        }

        @Test(
            "Back without the family, without the F bit or without the capability, its old routes go at once (RFC 4724 §4.2)",
            arguments: [0, 1, 2]
        )
        func forwardingLost(how: Int) async throws {
            try await Self.withScene { scene in
                let first = try await scene.connect(restart: Self.restart(60))
                try first.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                first.disconnect()
                try await scene.requireKept(3)
                var capability: Capability.GracefulRestart? = Self.restart(60, isBack: true)
                if how == 0 { capability?.families = [] }
                let second = try await scene.connect(restart: how == 2 ? nil : capability)
                try second.announce(Self.prefixes[..<1])
                try await scene.requireHeld(0..<1)
                second.disconnect()
            }
        }

        @Test("A new connection while the old one is up is a restart: the routes stay (RFC 4724 §4.2)")
        func replaced() async throws {
            try await Self.withScene { scene in
                let first = try await scene.connect(restart: Self.restart(60))
                try first.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                let second = try await scene.connect(restart: Self.restart(60, isBack: true, forwards: true))
                try await scene.lab.require("all are stale") { try await scene.ipv4.staleRoutes == 3 }
                try await scene.lab.require("the old connection is closed") { first.state.end != nil }
                #expect(first.state.end == "closed")
                #expect(scene.observer.state.held.count == 3)
                try second.announce(Self.prefixes[1...])
                try second.sendEndOfRIB()
                try await scene.requireHeld(1..<3)
                second.disconnect()
            }
        }

        @Test(
            "After a NOTIFICATION routes stay with the N bit of both alone, and never after a Hard Reset (RFC 8538 §4)",
            arguments: [(false, false), (true, false), (true, true)]
        )
        func notification(hasBit: Bool, isHard: Bool) async throws {
            try await Self.withScene { scene in
                let peer = try await scene.connect(restart: Self.restart(60, notification: hasBit))
                try peer.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                let reason = Notification.cease(.administrativeReset)
                var message: [UInt8] = []
                (isHard ? .hardReset(reason) : reason).encode(into: &message)
                try peer.send(message)
                if hasBit, !isHard { try await scene.requireKept(3) } else { try await scene.requireHeld(0..<0) }
                peer.disconnect()
            }
        }

        @Test("A neighbor that falls silent keeps its routes with the N bit of both (RFC 8538 §4.1)")
        func holdTime() async throws {
            try await Self.withScene { scene in
                let peer = try await scene.connect(restart: Self.restart(60, notification: true), holdTime: 3)
                try peer.announce(Self.prefixes)
                // It answers KEEPALIVEs while it reads; now it does nothing.
                try await scene.requireHeld(0..<3)
                peer.isSilent = true
                try await scene.requireKept(3)
                peer.disconnect()
            }
        }

        @Test("Disabling a neighbor ends its session with a Hard Reset, and keeps nothing (RFC 8538 §5)")
        func disable() async throws {
            try await Self.withScene { scene in
                let peer = try await scene.connect(restart: Self.restart(60, notification: true))
                try peer.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                _ = try scene.martlet.bgpctl("neighbor", "peer", "down")
                try await scene.requireHeld(0..<0)
                try await scene.lab.require("the session ended") { peer.state.end != nil }
                #expect(peer.state.end?.hasPrefix("NOTIFICATION [6, 9, 6, 2") == true, "\(peer.state.end ?? "")")
            }
        }

        @Test("Disabling a neighbor that is away gives its routes up")
        func disableAway() async throws {
            try await Self.withScene { scene in
                let peer = try await scene.connect(restart: Self.restart(60))
                try peer.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                peer.disconnect()
                try await scene.requireKept(3)
                _ = try scene.martlet.bgpctl("neighbor", "peer", "down")
                try await scene.requireHeld(0..<0)
            }
        }

        @Test("Gone again before its End-of-RIB, what is stale since the first time goes (RFC 4724 §4.2)")
        func consecutive() async throws {
            try await Self.withScene { scene in
                let first = try await scene.connect(restart: Self.restart(60))
                try first.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                first.disconnect()
                try await scene.requireKept(3)
                let second = try await scene.connect(restart: Self.restart(60, isBack: true, forwards: true))
                try second.announce(Self.prefixes[..<2])
                try await scene.lab.require("one route is stale still") { try await scene.ipv4.staleRoutes == 1 }
                second.disconnect()
                try await scene.requireKept(2)
                try await scene.requireHeld(0..<2)
            }
        }

        @Test(
            "With graceful restart off, or without the capability, routes go with the session",
            arguments: [true, false]
        )
        func off(isOff: Bool) async throws {
            try await Self.withScene(isOff ? "graceful restart off;" : "") { scene in
                let peer = try await scene.connect(restart: isOff ? Self.restart(60) : nil)
                try peer.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                peer.disconnect()
                try await scene.requireHeld(0..<0)
            }
        }

        @Test("Bounds of this speaker limit how long a neighbor is waited for")
        func limits() async throws {
            try await Self.withScene("max graceful restart time 1;") { scene in
                let peer = try await scene.connect(restart: Self.restart(600))
                try peer.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                peer.disconnect()
                try await scene.requireHeld(0..<0, timeout: .seconds(4))
            }
        }

        @Test(
            "After the restart time routes become a last resort, for those who understand it, then they go (RFC 9494)"
        )
        func longLived() async throws {
            let aware = Capability.longLivedGracefulRestart([])
            try await Self.withScene(observer: [.gracefulRestart(Self.restart(0)), aware]) { scene in
                let first = try await scene.connect(restart: Self.restart(1), longLived: 60)
                try first.announce(Self.prefixes[..<1], communities: [.noLongLivedStale])
                try first.announce(Self.prefixes[1...], communities: [Community(64_513, 1)])
                try await scene.requireHeld(0..<3)
                first.disconnect()
                try await scene.requireKept(2, .longLived)
                try await scene.lab.require("LLGR_STALE is announced, and NO_LLGR withdrawn") {
                    let held = scene.observer.state.held
                    return held.count == 2 && held.values.allSatisfy { $0 == [Community(64_513, 1), .longLivedStale] }
                }
                let shown = try scene.martlet.bgpctl("show", "routes")
                #expect(shown.output.split(separator: "\n").count { $0.hasPrefix("*S") } == 2, "\(shown)")

                // Gone again before its End-of-RIB: until the time is over nothing goes.
                let second = try await scene.connect(
                    restart: Self.restart(1, isBack: true, forwards: true),
                    longLived: 60
                )
                try second.announce(Self.prefixes[1..<2])
                try await scene.lab.require("one is an ordinary route again") {
                    scene.observer.state.held[Self.prefixes[1]] == []
                }
                second.disconnect()
                try await scene.requireKept(2, .longLived)
                let third = try await scene.connect(
                    restart: Self.restart(1, isBack: true, forwards: true),
                    longLived: 60
                )
                try third.announce(Self.prefixes)
                try third.sendEndOfRIB()
                try await scene.lab.require("all are ordinary routes") {
                    let held = scene.observer.state.held
                    return held.count == 3 && held.values.allSatisfy(\.isEmpty)
                }
                third.disconnect()
            }
        }

        @Test("Without the capability an external neighbor is not sent routes that are a last resort (RFC 9494 §4.3)")
        func longLivedUnaware() async throws {
            try await Self.withScene { scene in
                let peer = try await scene.connect(restart: Self.restart(0), longLived: 2)
                try peer.announce(Self.prefixes)
                try await scene.requireHeld(0..<3)
                peer.disconnect()
                try await scene.requireKept(3, .longLived)
                try await scene.requireHeld(0..<0)
                try await scene.lab.require("they are gone here as well", timeout: .seconds(5)) {
                    try await scene.ipv4.routes.received == 0
                }
            }
        }
    }
}
