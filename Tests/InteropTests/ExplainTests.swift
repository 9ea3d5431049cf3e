import ControlAPI
import Foundation
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// `bgpctl explain` against a live speaker with three neighbors.
    @Suite("Explanations")
    struct ExplainTests {
        private static let configuration = """
            router id 10.22.0.1;
            protocol device {}
            filter notThat {
              if net = 203.0.113.0/24 then
                reject;
              accept;
            }
            filter towardsSecond {
              if source = RTS_BGP then {
                if bgp_path ~ [= * 64513 * =] then reject "no transit";
              }
              accept;
            }
            protocol bgp first {
              local 10.22.1.1 as 64512; neighbor 10.22.1.2 as 64513; \(Interop.timers)
              ipv4 { import all; export all; };
            }
            protocol bgp second {
              local 10.22.2.1 as 64512; neighbor 10.22.2.2 as 64514; \(Interop.timers)
              ipv4 { import all; export filter towardsSecond; };
            }
            protocol bgp third {
              local 10.22.3.1 as 64512; neighbor 10.22.3.2 as 64515; \(Interop.timers)
              ipv4 { import filter notThat; export all; };
            }
            protocol bgp absent {
              local 10.22.3.1 as 64512; neighbor 10.22.3.9 as 64516; \(Interop.timers)
              ipv4 { import all; export all; };
            }
            """

        private static func bird(_ number: Int, _ filter: String) -> String {
            """
            router id 10.22.\(number).2;
            protocol device {}
            protocol static own { ipv4; route 203.0.113.0/24 blackhole; }
            protocol bgp peer {
              local 10.22.\(number).2 as \(64_512 + number); neighbor 10.22.\(number).1 as 64512; \(Interop.timers)
              ipv4 { import all; export filter { if source != RTS_STATIC then reject; \(filter) accept; }; };
            }
            """
        }

        @Test(
            "A path names step, values and rival, a rejection the filter's line, a neighbor the rule that keeps a route back"
        )
        func everyKind() async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                for (number, filter) in [(1, ""), (2, "bgp_path.prepend(64514);"), (3, "")] {
                    let there = try lab.addNamespace()
                    try lab.connect(here, ["10.22.\(number).1/24"], there, ["10.22.\(number).2/24"])
                    _ = try await Bird.start(
                        "bird\(number)",
                        in: there,
                        lab,
                        configuration: Self.bird(number, filter)
                    )
                }
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: Self.configuration
                )
                let query = ExplainQuery(.longestMatch(try #require(IPAddress("203.0.113.7"))))
                var answer: [Explanation] = []
                try await lab.require("all paths are there and sent") {
                    answer = try await martlet.withClient { try await $0.explain(query) }
                    return answer.first?.paths.count == 3 && answer.first?.neighbors.last?.name == "absent"
                        && answer.first?.neighbors.contains { $0.state == .pending } == false
                }
                let explanation = try #require(answer.first)
                #expect(explanation.prefix == "203.0.113.0/24")
                let paths = Dictionary(uniqueKeysWithValues: explanation.paths.map { ($0.route.protocolName, $0) })
                #expect(explanation.paths.first?.route.protocolName == "first")
                #expect(paths["first"]?.verdict == .best)
                #expect(paths["first"]?.reason == "AS_PATH length: 1 against 2 of second")
                #expect(paths["first"]?.rival == "second")
                #expect(paths["second"]?.verdict == .lost)
                #expect(paths["second"]?.step == "AS_PATH length")
                #expect(paths["second"]?.reason == "AS_PATH length: 2 against 1 of first")
                #expect(paths["third"]?.verdict == .rejected)
                #expect(paths["third"]?.reason == "rejected by the import policy")
                #expect(paths["third"]?.place?.hasSuffix(":5") == true)
                let neighbors = Dictionary(uniqueKeysWithValues: explanation.neighbors.map { ($0.name, $0) })
                #expect(neighbors["first"]?.state == .withheld)
                #expect(neighbors["first"]?.reasons.first?.reason == "it came from this neighbor")
                #expect(neighbors["second"]?.state == .withheld)
                let refusal = neighbors["second"]?.reasons.first { $0.path == "first" }
                #expect(refusal?.reason == "rejected by the export policy")
                #expect(refusal?.place?.hasSuffix(":10") == true)
                #expect(neighbors["third"]?.state == .announced)
                #expect(neighbors["third"]?.sent.map(\.asPathText) == ["64512 64513"])
                #expect(neighbors["absent"]?.state == .down)
                let unknown = try martlet.bgpctl("explain", "203.0.113.0/24", "--neighbor", "nobody")
                #expect(unknown.code == 1)
                #expect(try martlet.bgpctl("explain", "203.0.113.0/24", "--table", "master6").code == 0)
            }
        }

        private static let exits = """
            router id 10.22.0.1;
            ipv4 table other;
            protocol device {}
            protocol kernel host {
              ipv4 { import none; export filter {
                if net = 203.0.113.0/24 then
                  reject;
                accept;
              }; };
            }
            protocol static mine {
              ipv4;
              route 203.0.113.0/24 blackhole;
              route 198.51.100.0/24 blackhole;
              route 192.0.2.0/24 blackhole;
            }
            protocol static theirs { ipv4 { table other; }; route 198.51.100.0/24 unreachable; }
            protocol pipe across { table master4; peer table other; import none; export where net != 192.0.2.0/24; }
            protocol pipe shut { disabled; table master4; peer table other; import all; export all; }
            """

        @Test("An explanation says whether kernel and other table have a route, or what keeps it from them")
        func exits() async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: Self.exits)
                func exports(_ prefix: String, _ table: String) async throws -> [String: Explanation.Export] {
                    let query = ExplainQuery(.prefix(try #require(IPPrefix(prefix))), table: table)
                    let answer = try await martlet.withClient { try await $0.explain(query) }
                    return Dictionary(uniqueKeysWithValues: (answer.first?.exports ?? []).map { ($0.name, $0) })
                }
                try await lab.require("the kernel has what it gets") {
                    try await exports("198.51.100.0/24", "master4")["host"]?.state == .present
                }
                let rejected = try await exports("203.0.113.0/24", "master4")
                #expect(rejected["host"]?.state == .withheld)
                #expect(rejected["host"]?.destination == "kernel table 254")
                #expect(rejected["host"]?.reasons.map(\.reason) == ["rejected by the export policy"])
                #expect(rejected["host"]?.reasons.first?.place?.hasSuffix(":7") == true)
                #expect(rejected["across"]?.state == .present)
                #expect(rejected["shut"]?.state == .down)
                let narrow = try await exports("192.0.2.0/24", "master4")
                #expect(narrow["host"]?.state == .present)
                #expect(narrow["across"]?.state == .withheld)
                #expect(narrow["across"]?.reasons.map(\.path) == ["mine"])
                #expect(narrow["across"]?.reasons.first?.reason == "rejected by the export policy")
                let back = try await exports("198.51.100.0/24", "other")["across"]
                #expect(back?.destination == "master4" && back?.state == .withheld)
                let reasons = Dictionary(uniqueKeysWithValues: (back?.reasons ?? []).map { ($0.path, $0.reason) })
                #expect(reasons["mine"] == "it came from that table by this pipe")
                #expect(reasons["theirs"] == "the import policy is 'none'")
                let text = try martlet.bgpctl("explain", "192.0.2.0/24", "--table", "master4")
                #expect(text.output.contains("host to kernel table 254: present"))
            }
        }
    }
}
