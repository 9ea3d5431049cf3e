import ControlAPI
import Glibc
import TestSupport
import Testing

extension Interop {
    /// Sessions with BIRD 2.
    @Suite("BIRD")
    struct BirdTests {
        private let martletExternal = """
            protocol bgp peer {
              local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
              ipv4 { import all; export all; };
            }

            """
        private let birdExternal = """
            protocol bgp peer {
              local 10.20.0.2 as 64513; neighbor 10.20.0.1 as 64512; \(Interop.timers)
              ipv4 { import all; export all; };
            }

            """

        @Test("Attributes that filters set on static routes arrive over an external session, in both directions")
        func external() async throws {
            let filter = """
                filter mark {
                  bgp_med = 7;
                  bgp_origin = ORIGIN_EGP;
                  bgp_path.prepend(65000);
                  bgp_community.add((64512, 2));
                  bgp_community.add((64512, 1));
                  bgp_large_community.add((64512, 1, 4294967295));
                  accept;
                }

                """
            func peer(_ text: String) -> String { text.replacing("export all", with: "export filter mark") }
            try await Interop.withBird(
                martlet: filter
                    + "protocol static one { ipv4; route 198.51.100.0/24 blackhole; route 0.0.0.0/0 blackhole; }\n"
                    + peer(self.martletExternal),
                bird: filter + "protocol static one { ipv4; route 203.0.113.1/32 blackhole; }\n"
                    + peer(self.birdExternal)
            ) { _, martlet, bird in
                func expected(_ prefix: String, _ nextHop: String, _ number: String) -> PeerRoute {
                    PeerRoute(
                        prefix,
                        nextHop: nextHop,
                        asPath: "\(number) 65000",
                        med: 7,
                        origin: "egp",
                        communities: ["64512:1", "64512:2"],
                        largeCommunities: ["64512:1:4294967295"]
                    )
                }
                let ofBird = try await Interop.routes(of: bird, count: 2)
                #expect(
                    ofBird == [
                        expected("0.0.0.0/0", "10.20.0.1", "64512"), expected("198.51.100.0/24", "10.20.0.1", "64512"),
                    ]
                )
                let ofMartlet = try await Interop.routes(of: martlet, count: 1)
                #expect(ofMartlet == [expected("203.0.113.1/32", "10.20.0.2", "64513")])
            }
        }

        @Test("An import filter reads 100 as the LOCAL_PREF of an external route, as BIRD's does")
        func defaultLocalPreference() async throws {
            let filter = """
                filter judge { if bgp_local_pref = 100 then bgp_med = 100; else bgp_med = 1; accept; }

                """
            func peer(_ text: String) -> String { text.replacing("import all", with: "import filter judge") }
            try await Interop.withBird(
                martlet: filter + "protocol static one { ipv4; route 198.51.100.0/24 blackhole; }\n"
                    + peer(self.martletExternal),
                bird: filter + "protocol static one { ipv4; route 203.0.113.0/24 blackhole; }\n"
                    + peer(self.birdExternal)
            ) { _, martlet, bird in
                let ofBird = try await Interop.routes(of: bird, count: 1)
                #expect(ofBird.map(\.med) == [100])
                let ofMartlet = try await Interop.routes(of: martlet, count: 1)
                #expect(ofMartlet.map(\.med) == [100])
            }
        }

        @Test("An internal session carries LOCAL_PREF and no AS path of its own, in both directions")
        func internalSession() async throws {
            func peer(_ text: String) -> String {
                text.replacing("64513", with: "64512")
                    .replacing("export all", with: "next hop self; export filter internal_out")
            }
            // Next hops of internal sessions resolve through the connected networks.
            let common = """
                protocol direct { ipv4; }
                filter internal_out { if source != RTS_STATIC then reject; bgp_local_pref = 250; accept; }

                """
            try await Interop.withBird(
                martlet: common + "protocol static one { ipv4; route 198.51.100.0/24 blackhole; }\n"
                    + peer(self.martletExternal),
                bird: common + "protocol static one { ipv4; route 203.0.113.0/24 blackhole; }\n"
                    + peer(self.birdExternal)
            ) { _, martlet, bird in
                let ofBird = try await Interop.routes(of: bird, count: 1)
                #expect(ofBird == [PeerRoute("198.51.100.0/24", nextHop: "10.20.0.1", localPref: 250)])
                let ofMartlet = try await Interop.routes(of: martlet, count: 1)
                #expect(ofMartlet == [PeerRoute("203.0.113.0/24", nextHop: "10.20.0.2", localPref: 250)])
            }
        }

        private func both(_ routes: String, _ text: String, session: [String]? = nil) -> String {
            var peer = text.replacing(
                "ipv4 { import all; export all; };",
                with: "ipv4 { import all; export all; }; ipv6 { import all; export all; };"
            )
            if let session {
                for (from, to) in zip(["10.20.0.1", "10.20.0.2"], session) { peer = peer.replacing(from, with: to) }
                peer = peer.replacing("ipv4 { import all; export all; };", with: "")
            }
            return routes + peer
        }

        @Test("One IPv4 session carries routes of both families")
        func bothFamilies() async throws {
            let statics = """
                protocol static s4 { ipv4; route 198.51.100.0/24 blackhole; }
                protocol static s6 { ipv6; route 2001:db8:1::/48 blackhole; }

                """
            let others = """
                protocol static s4 { ipv4; route 203.0.113.0/24 blackhole; }
                protocol static s6 { ipv6; route 2001:db8:2::/48 blackhole; }

                """
            try await Interop.withBird(
                martlet: self.both(statics, self.martletExternal),
                bird: self.both(others, self.birdExternal)
            ) { _, martlet, bird in
                let four = try await Interop.routes(of: bird, count: 1)
                #expect(four == [PeerRoute("198.51.100.0/24", nextHop: "10.20.0.1", asPath: "64512")])
                let six = try await Interop.routes(of: bird, table: "master6", count: 1)
                #expect(six == [PeerRoute("2001:db8:1::/48", nextHop: "fd20::1", asPath: "64512")])
                let learned4 = try await Interop.routes(of: martlet, count: 1)
                #expect(learned4 == [PeerRoute("203.0.113.0/24", nextHop: "10.20.0.2", asPath: "64513")])
                let learned6 = try await Interop.routes(of: martlet, table: "master6", count: 1)
                #expect(learned6 == [PeerRoute("2001:db8:2::/48", nextHop: "fd20::2", asPath: "64513")])
            }
        }

        @Test("A session over IPv6 carries IPv6 routes")
        func sessionOverIPv6() async throws {
            let ends = ["fd20::1", "fd20::2"]
            try await Interop.withBird(
                martlet: self.both(
                    "protocol static s6 { ipv6; route 2001:db8:1::/48 blackhole; }\n",
                    self.martletExternal,
                    session: ends
                ),
                bird: self.both(
                    "protocol static s6 { ipv6; route 2001:db8:2::/48 blackhole; }\n",
                    self.birdExternal,
                    session: ends
                )
            ) { _, martlet, bird in
                let six = try await Interop.routes(of: bird, table: "master6", count: 1)
                #expect(six == [PeerRoute("2001:db8:1::/48", nextHop: "fd20::1", asPath: "64512")])
                let learned = try await Interop.routes(of: martlet, table: "master6", count: 1)
                #expect(learned == [PeerRoute("2001:db8:2::/48", nextHop: "fd20::2", asPath: "64513")])
            }
        }

        @Test("A session with the same password on both ends comes up; with a wrong one it does not")
        func password() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                func text(_ peer: String, _ id: String, _ password: String) -> String {
                    "router id \(id);\nprotocol device {}\n"
                        + peer.replacing("hold time", with: "password \"\(password)\"; hold time")
                }
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: text(self.martletExternal, "10.20.0.1", "correct horse")
                )
                let wrong = try await Bird.start(
                    "wrong",
                    in: there,
                    lab,
                    configuration: text(self.birdExternal, "10.20.0.2", "battery staple")
                )
                let isUp = try await eventually(timeout: .seconds(5)) { try wrong.isEstablished("peer") }
                #expect(!isUp)
                await blockingStop(wrong.process)
                let right = try await Bird.start(
                    "right",
                    in: there,
                    lab,
                    configuration: text(self.birdExternal, "10.20.0.2", "correct horse")
                )
                try await Interop.requireSession(lab, martlet, right)
            }
        }

        @Test("A withdrawn route vanishes at the other end, in both directions, and the rest stays")
        func withdraw() async throws {
            func statics(_ first: String, _ second: String) -> String {
                "protocol static one { ipv4; route \(first) blackhole; }\n"
                    + "protocol static two { ipv4; route \(second) blackhole; }\n"
            }
            let before = "router id 10.20.0.1;\nprotocol device {}\n"
            try await Interop.withBird(
                martlet: statics("198.51.100.0/25", "198.51.100.128/25") + self.martletExternal,
                bird: statics("203.0.113.0/25", "203.0.113.128/25") + self.birdExternal
            ) { lab, martlet, bird in
                #expect(try await Interop.routes(of: bird, count: 2).count == 2)
                #expect(try await Interop.routes(of: martlet, count: 2).count == 2)
                _ = try bird.query("disable two")
                let learned = try await Interop.routes(of: martlet, count: 1)
                #expect(learned.map(\.prefix) == ["203.0.113.0/25"])
                _ = try lab.write(
                    "martlet.conf",
                    before + "protocol static one { ipv4; route 198.51.100.0/25 blackhole; }\n" + self.martletExternal
                )
                let result = try await martlet.withClient { try await $0.reload() }
                #expect(result.outcome == .applied)
                let left = try await Interop.routes(of: bird, count: 1)
                #expect(left.map(\.prefix) == ["198.51.100.0/25"])
            }
        }

        @Test("The routes of a neighbor that was killed go, and come back when it does")
        func sessionLoss() async throws {
            let other = "protocol static one { ipv4; route 203.0.113.0/24 blackhole; }\n" + self.birdExternal
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: "router id 10.20.0.1;\nprotocol device {}\n" + self.martletExternal
                )
                let text = "router id 10.20.0.2;\nprotocol device {}\n" + other
                let first = try await Bird.start("first", in: there, lab, configuration: text)
                try await Interop.requireSession(lab, martlet, first)
                #expect(try await Interop.routes(of: martlet, count: 1).count == 1)
                first.process.signal(SIGKILL)
                #expect(try await Interop.routes(of: martlet, count: 0) == [])
                let second = try await Bird.start("second", in: there, lab, configuration: text)
                try await Interop.requireSession(lab, martlet, second)
                #expect(try await Interop.routes(of: martlet, count: 1).count == 1)
            }
        }

        @Test("A neighbor that falls silent loses the session when the hold time is over")
        func holdTime() async throws {
            try await Interop.withBird(martlet: self.martletExternal, bird: self.birdExternal) { lab, martlet, bird in
                bird.process.signal(SIGSTOP)
                defer { bird.process.signal(SIGCONT) }
                try await lab.require("the session is down", timeout: .seconds(14)) {
                    try await !martlet.isEstablished("peer")
                }
                let error = try await martlet.withClient { try await $0.neighbor("peer").lastError }
                #expect(error?.direction == .sent)
                #expect(error?.text.lowercased().contains("hold timer expired") == true)
            }
        }

        @Test("BIRD's request to send all routes again is answered without loss of the session")
        func routeRefresh() async throws {
            try await Interop.withBird(
                martlet: "protocol static one { ipv4; route 198.51.100.0/24 blackhole; }\n" + self.martletExternal,
                bird: self.birdExternal
            ) { lab, martlet, bird in
                #expect(try await Interop.routes(of: bird, count: 1).count == 1)
                let before = try await martlet.withClient { try await $0.neighbor("peer") }
                _ = try bird.query("reload in peer")
                try await lab.require("the request was answered by an update") {
                    let now = try await martlet.withClient { try await $0.neighbor("peer").messages }
                    return now.received.routeRefresh == before.messages.received.routeRefresh + 1
                        && now.sent.update > before.messages.sent.update
                }
                let after = try await martlet.withClient { try await $0.neighbor("peer") }
                #expect(after.establishedAt == before.establishedAt)
                #expect(try await Interop.routes(of: bird, count: 1).count == 1)
            }
        }
    }
}

/// Ends a daemon on a thread that may block.
private func blockingStop(_ process: DaemonProcess) async {
    try? await blocking { process.stop() }
}
