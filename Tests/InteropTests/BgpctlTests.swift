import ControlAPI
import Foundation
import TestSupport
import Testing

extension Interop {
    /// The command line tool against a live speaker with a session.
    @Suite("bgpctl")
    struct BgpctlTests {
        private static func withSession(_ body: (Lab, MartletProcess, Bird) async throws -> Void) async throws {
            try await Interop.withBird(
                martlet: """
                    protocol static own { ipv4; route 198.51.100.0/24 blackhole; }
                    protocol bgp peer {
                      local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
                      ipv4 { import all; export all; };
                    }
                    """,
                bird: """
                    protocol static others { ipv4; route 203.0.113.0/24 blackhole; route 203.0.113.128/25 blackhole; }
                    protocol bgp peer {
                      local 10.20.0.2 as 64513; neighbor 10.20.0.1 as 64512; \(Interop.timers)
                      ipv4 { import all; export all; };
                    }
                    """
            ) { lab, martlet, bird in
                #expect(try await Interop.routes(of: martlet, count: 2).count == 2)
                #expect(try await Interop.routes(of: bird, count: 1).count == 1)
                try await body(lab, martlet, bird)
            }
        }

        /// Runs bgpctl, which must succeed, and returns its output.
        private static func check(_ result: Command.Result) throws -> String {
            guard result.code == 0 else { throw Command.Failure("bgpctl: \(result)") }
            return result.output
        }

        @Test("show neighbors --json gives each neighbor's state, timers, errors and counters by name")
        func neighborsJSON() async throws {
            try await Self.withSession { _, martlet, _ in
                let text = try Self.check(martlet.bgpctl("show", "neighbors", "--json"))
                let list = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
                let neighbor = try #require(list.first)
                #expect(list.count == 1)
                #expect(neighbor["name"] as? String == "peer")
                #expect(neighbor["address"] as? String == "10.20.0.2")
                #expect(neighbor["localAddress"] as? String == "10.20.0.1")
                #expect(neighbor["localAS"] as? Int == 64_512)
                #expect(neighbor["remoteAS"] as? Int == 64_513)
                #expect(neighbor["state"] as? String == "Established")
                #expect(neighbor["sessionType"] as? String == "external")
                #expect(neighbor["remoteRouterID"] as? String == "10.20.0.2")
                #expect(neighbor["holdTime"] as? Int == 9)
                #expect(neighbor["keepaliveTime"] as? Int == 3)
                #expect(neighbor["establishedAt"] as? String != nil)
                let routes = try #require(neighbor["routes"] as? [String: Int])
                #expect(routes == ["received": 2, "accepted": 2, "best": 2, "exported": 1])
                let messages = try #require(neighbor["messages"] as? [String: [String: Int]])
                #expect(messages["sent"]?["open"] == 1)
                #expect(messages["received"]?["open"] == 1)
                let families = try #require(neighbor["families"] as? [[String: Any]])
                #expect(families.map { $0["family"] as? String } == ["ipv4"])
            }
        }

        @Test("show routes for an address gives the longest match alone")
        func longestMatch() async throws {
            try await Self.withSession { _, martlet, _ in
                func prefixes(_ address: String) throws -> [String] {
                    try Self.check(martlet.bgpctl("show", "routes", "--json", "for", address)).split(separator: "\n")
                        .compactMap {
                            (try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["prefix"]
                                as? String
                        }
                }
                let matches = try ["203.0.113.200", "203.0.113.1", "192.0.2.1"].map { try prefixes($0) }
                #expect(matches == [["203.0.113.128/25"], ["203.0.113.0/24"], []])
            }
        }

        @Test("neighbor down ends the session with a message and keeps it down until neighbor up")
        func downAndUp() async throws {
            try await Self.withSession { lab, martlet, bird in
                _ = try Self.check(martlet.bgpctl("neighbor", "peer", "down", "--message", "out for lunch"))
                try await lab.require("BIRD knows why") {
                    let text = try bird.query("show protocols all peer")
                    return text.contains("Received: Administrative shutdown") && text.contains("out for lunch")
                }
                #expect(try await Interop.routes(of: martlet, count: 0).isEmpty)
                try await Task.sleep(for: .seconds(3))
                #expect(try !bird.isEstablished("peer"))
                _ = try Self.check(martlet.bgpctl("neighbor", "peer", "up"))
                try await Interop.requireSession(lab, martlet, bird)
                #expect(try await Interop.routes(of: martlet, count: 2).count == 2)
            }
        }

        @Test("neighbor restart ends the session, which comes up again by itself")
        func restart() async throws {
            try await Self.withSession { lab, martlet, bird in
                let before = try await martlet.withClient { try await $0.neighbor("peer") }
                _ = try Self.check(martlet.bgpctl("neighbor", "peer", "restart"))
                try await lab.require("a new session is established") {
                    let now = try await martlet.withClient { try await $0.neighbor("peer") }
                    return now.establishedAt.map { $0 != before.establishedAt } ?? false
                }
                #expect(try await Interop.routes(of: martlet, count: 2).count == 2)
                #expect(try await Interop.routes(of: bird, count: 1).count == 1)
            }
        }

        @Test("neighbor refresh in and out exchange the routes again within the session")
        func refresh() async throws {
            try await Self.withSession { lab, martlet, _ in
                let before = try await martlet.withClient { try await $0.neighbor("peer") }
                _ = try Self.check(martlet.bgpctl("neighbor", "peer", "refresh", "in"))
                try await lab.require("BIRD sent its routes again") {
                    let now = try await martlet.withClient { try await $0.neighbor("peer").messages }
                    return now.sent.routeRefresh == before.messages.sent.routeRefresh + 1
                        && now.received.update > before.messages.received.update
                }
                let sent = try await martlet.withClient { try await $0.neighbor("peer").messages.sent.update }
                _ = try Self.check(martlet.bgpctl("neighbor", "peer", "refresh", "out"))
                try await lab.require("Martlet sent its routes again") {
                    try await martlet.withClient { try await $0.neighbor("peer").messages.sent.update } > sent
                }
                let after = try await martlet.withClient { try await $0.neighbor("peer") }
                #expect(after.establishedAt == before.establishedAt)
                #expect(after.routes == before.routes)
            }
        }
    }
}
