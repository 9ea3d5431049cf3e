import ControlAPI
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// `bgpctl reload --soft` beside a running BIRD.
    @Suite("Soft reload")
    struct SoftReloadTests {
        private static func martlet(import importFilter: String, export: String, limit: Int) -> String {
            """
            protocol static own { ipv4; route 198.51.100.0/26 blackhole; route 198.51.100.64/26 blackhole; }
            protocol bgp peer {
              description "limit \(limit)";
              local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
              ipv4 { import \(importFilter); export \(export); import limit \(limit) action warn; };
            }

            """
        }

        private static func bird(_ routes: String) -> String {
            """
            router id 10.20.0.2;
            protocol device {}
            protocol static own { ipv4; \(routes) }
            protocol bgp peer {
              local 10.20.0.2 as 64513; neighbor 10.20.0.1 as 64512; \(Interop.timers)
              ipv4 { import all; export where source = RTS_STATIC; };
            }
            """
        }

        private static func accepted(_ martlet: MartletProcess) async throws -> [String] {
            try await martlet.withClient { try await $0.routes(RouteQuery(table: "master4")) }
                .filter { $0.source == .bgp && $0.rejected == nil }.map(\.prefix.description).sorted()
        }

        @Test("Changed filters wait for the session's next start, routes that come meanwhile meet the old ones")
        func waits() async throws {
            let one = "route 203.0.113.0/26 blackhole;"
            let two = one + " route 203.0.113.64/26 blackhole;"
            let body = Self.bird(one).replacing("router id 10.20.0.2;\nprotocol device {}\n", with: "")
            try await Interop.withBird(martlet: Self.martlet(import: "all", export: "all", limit: 10), bird: body) {
                lab,
                martlet,
                bird in
                #expect(try await Interop.routes(of: bird, count: 2).count == 2)
                #expect(try await Interop.routes(of: martlet, count: 1).count == 1)
                let before = try await martlet.withClient { try await $0.neighbor("peer").establishedAt }

                let text = Self.martlet(import: "where net.len < 26", export: "where net.len < 26", limit: 20)
                _ = try lab.write("martlet.conf", "router id 10.20.0.1;\nprotocol device {}\n" + text)
                let result = try martlet.bgpctl("reload", "--soft")
                #expect(result.code == 0, "\(result)")
                #expect(result.output.contains("ipv4 import (from the next start on)"), "\(result)")
                #expect(result.output.contains("ipv4 export (from the next start on)"), "\(result)")
                // What is no filter is taken over at once.
                let status = try await martlet.withClient { try await $0.neighbor("peer") }
                #expect(status.description == "limit 20")

                // A new route of the neighbour's meets the old import filter.
                _ = try lab.write("bird.conf", Self.bird(two))
                #expect(try bird.query("configure").contains("Reconfigured"))
                try await lab.require("the new route is accepted") {
                    try await Self.accepted(martlet) == ["203.0.113.0/26", "203.0.113.64/26"]
                }
                #expect(try bird.routes(table: "master4", "protocol peer").count == 2)
                #expect(try await martlet.withClient { try await $0.neighbor("peer").establishedAt } == before)

                // With the next start the new filters hold, both ways.
                #expect(try martlet.bgpctl("neighbor", "peer", "restart").code == 0)
                try await lab.require("the session is back") {
                    let status = try await martlet.withClient { try await $0.neighbor("peer") }
                    return status.state == .established && status.establishedAt != before
                }
                try await lab.require("BIRD's end is back") { try bird.isEstablished("peer") }
                try await lab.require("both routes were received again") {
                    try await martlet.withClient { try await $0.neighbor("peer").routes.received } == 2
                }
                #expect(try await Self.accepted(martlet).isEmpty)
                #expect(try await Interop.routes(of: bird, count: 0).isEmpty)
            }
        }

        @Test("A reload that is not soft applies what waits, although nothing differs from the file before")
        func applied() async throws {
            let body = Self.bird("route 203.0.113.0/26 blackhole;")
                .replacing("router id 10.20.0.2;\nprotocol device {}\n", with: "")
            try await Interop.withBird(martlet: Self.martlet(import: "all", export: "all", limit: 10), bird: body) {
                lab,
                martlet,
                bird in
                #expect(try await Interop.routes(of: bird, count: 2).count == 2)
                let before = try await martlet.withClient { try await $0.neighbor("peer").establishedAt }
                let text = Self.martlet(import: "none", export: "none", limit: 10)
                _ = try lab.write("martlet.conf", "router id 10.20.0.1;\nprotocol device {}\n" + text)
                #expect(try martlet.bgpctl("reload", "--soft").code == 0)
                #expect(try bird.routes(table: "master4", "protocol peer").count == 2)
                let result = try martlet.bgpctl("reload")
                #expect(result.code == 0 && result.output.contains("ipv4 export"), "\(result)")
                #expect(try await Interop.routes(of: bird, count: 0).isEmpty)
                #expect(try await Self.accepted(martlet).isEmpty)
                #expect(try await martlet.withClient { try await $0.neighbor("peer").establishedAt } == before)
            }
        }
    }
}
