import ControlAPI
import TestSupport
import Testing

extension Interop {
    /// The same file for Martlet and BIRD, with pipes between tables.
    @Suite("Pipes")
    struct PipeTests {
        private static let neighbor = """
            router id 10.20.0.2;
            protocol device {}
            protocol static own {
              ipv4;
              route 203.0.113.0/25 blackhole;
              route 203.0.113.128/25 blackhole { bgp_community.add((64513, 1)); };
              route 198.51.100.0/24 blackhole;
            }
            protocol bgp peer {
              local 10.20.0.2 as 64513; neighbor 10.20.0.1 as 64512; \(Interop.timers)
              ipv4 { import all; export where source = RTS_STATIC; };
            }
            """

        private static let configuration = """
            router id 10.20.0.1;
            ipv4 table edge;
            ipv4 table lab;
            protocol device {}
            protocol direct { ipv4 { table edge; }; }
            protocol static site { ipv4; route 198.51.100.0/24 blackhole; route 192.0.2.0/25 unreachable; }
            protocol static tests { ipv4 { table lab; }; route 192.0.2.128/25 blackhole { bgp_med = 3; }; }
            protocol bgp fabric {
              local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
              ipv4 { table edge; import all; export where source = RTS_STATIC; };
            }
            # What the neighbour says is known to the site, except for what is marked; what the site has is announced.
            protocol pipe uplink {
              table master4; peer table edge;
              import filter {
                if source = RTS_DEVICE then reject;
                if (64513, 1) ~ bgp_community then reject;
                bgp_community.add((64512, 7));
                preference = 150;
                accept;
              };
              export where net.len < 26 && source = RTS_STATIC;
            }
            protocol pipe tests_in { table master4; peer table lab; import all; export where net ~ [192.0.2.0/24+]; }
            """

        /// `prefix protocol preference communities`, with a mark at the best one, of every route of a table.
        private static func of(_ bird: Bird, _ table: String) throws -> Set<String> {
            var routes: Set<String> = []
            var prefix = ""
            for line in try bird.query("show route table \(table) all").split(separator: "\n") {
                let words = line.split(separator: " ")
                if !line.hasPrefix("\t"), let bracket = words.firstIndex(where: { $0.hasPrefix("[") }) {
                    if !line.hasPrefix(" ") { prefix = String(words[0]) }
                    let name = words[bracket].dropFirst()
                    let preference =
                        words.last.map { $0.filter { $0.isNumber || $0 == "/" }.split(separator: "/")[0] } ?? ""
                    // `(150)`, `(100/?)` and, for external paths, `(100) [AS64513i]`.
                    let shown = words.first { $0.hasPrefix("(") }.map { $0.filter(\.isNumber) } ?? String(preference)
                    routes.insert("\(prefix) \(name) \(shown)\(words.contains("*") ? " best" : "")")
                }
            }
            return routes
        }

        private static func of(_ martlet: MartletProcess, _ table: String) async throws -> Set<String> {
            Set(
                try await martlet.withClient { try await $0.routes(RouteQuery(table: table)) }.map {
                    "\($0.prefix) \($0.protocolName) \($0.preference)\($0.best ? " best" : "")"
                }
            )
        }

        @Test("Every table and what the neighbour hears is what BIRD makes of the same file")
        func same() async throws {
            let tables = ["master4", "edge", "lab"]
            var expected: [String: Set<String>] = [:]
            var heard: [PeerRoute] = []
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let bird = try await Bird.start("bird", in: here, lab, configuration: Self.configuration)
                let other = try await Bird.start("other", in: there, lab, configuration: Self.neighbor)
                try await lab.require("BIRD's session is established") { try bird.isEstablished("fabric") }
                heard = try await Interop.routes(of: other, count: 3)
                try await lab.require("the site knows the neighbour's routes") {
                    try Self.of(bird, "master4").contains { $0.contains(" fabric ") }
                }
                for table in tables { expected[table] = try Self.of(bird, table) }
            }
            #expect(expected["master4"]?.contains("203.0.113.0/25 fabric 150 best") == true)
            #expect(heard.count == 3)
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: Self.configuration
                )
                let other = try await Bird.start("other", in: there, lab, configuration: Self.neighbor)
                try await lab.require("the session is established") { try other.isEstablished("peer") }
                for table in tables {
                    let wanted = expected[table] ?? []
                    _ = try await eventually(timeout: .seconds(10)) { try await Self.of(martlet, table) == wanted }
                    #expect(try await Self.of(martlet, table) == wanted, "\(table)")
                }
                #expect(try await Interop.routes(of: other, count: 3) == heard)

                // A reload changes the filter: only the difference takes effect, and the session stays.
                let before = try await martlet.withClient { try await $0.neighbor("fabric").establishedAt }
                _ = try lab.write(
                    "martlet.conf",
                    Self.configuration.replacing("export where net.len < 26", with: "export where net.len < 25")
                )
                let result = try martlet.bgpctl("reload")
                #expect(result.code == 0 && result.output.contains("ipv4 export"), "\(result)")
                #expect(try await Interop.routes(of: other, count: 1).map(\.prefix) == ["198.51.100.0/24"])
                #expect(try await martlet.withClient { try await $0.neighbor("fabric").establishedAt } == before)

                // Without the pipe nothing of the other table is left.
                _ = try lab.write(
                    "martlet.conf",
                    Self.configuration.replacing("protocol pipe uplink {", with: "protocol pipe uplink { disabled;")
                )
                #expect(try martlet.bgpctl("reload").code == 0)
                #expect(try await Interop.routes(of: other, count: 0).isEmpty)
                #expect(try await !Self.of(martlet, "master4").contains { $0.contains(" fabric ") })
            }
        }

        @Test("With 'export limit' a session that is sent too many routes is ended, or the log says so")
        func exportLimit() async throws {
            func text(_ action: String) -> String {
                """
                protocol static own { ipv4; route 192.0.2.0/26 blackhole; route 192.0.2.64/26 blackhole; route 192.0.2.128/26 blackhole; }
                protocol bgp peer {
                  local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
                  ipv4 { import all; export all; export limit 2 action \(action); };
                }
                """
            }
            try await Interop.withBird(
                martlet: text("warn"),
                bird: Self.neighbor.replacing("router id 10.20.0.2;\nprotocol device {}\n", with: "")
            ) { lab, martlet, bird in
                #expect(try await Interop.routes(of: bird, count: 3).count == 3)
                try await lab.require("the log says so") { martlet.process.output.contains("Export limit reached") }
                #expect(try bird.isEstablished("peer"))
                _ = try lab.write("martlet.conf", "router id 10.20.0.1;\nprotocol device {}\n" + text("disable"))
                #expect(try martlet.bgpctl("reload").code == 0)
                try await lab.require("the session has ended") { try !bird.isEstablished("peer") }
                #expect(try bird.query("show protocols all peer").contains("Administrative shutdown"))
            }
        }
    }
}
