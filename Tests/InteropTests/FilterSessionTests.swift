import BGPWire
import ControlAPI
import Glibc
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// Generated filters on generated routes, run by BIRD and Martlet on the same input of a real session each.
    @Suite("Filters beside BIRD's")
    struct FilterSessionTests {
        private static let programCount = 60
        private static let routesPerProgram = 24
        /// Few in every run, many in a long one.
        private static let seeds: ClosedRange<UInt64> = 1...(longTestsAreWanted ? 40 : 3)

        /// One session with a peer of the test's own; both daemons read this very text.
        private static func configuration(_ definitions: String, _ filter: String) -> String {
            """
            router id 10.20.0.1;
            protocol device {}
            \(definitions)
            filter judge { \(filter) }
            protocol bgp peer {
              local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
              ipv4 { import filter judge; export none; };
            }

            """
        }

        /// What both daemons made of a route, as one line.
        private static func line(
            _ prefix: String,
            _ fields: [(String, String?)]
        ) -> String {
            prefix + fields.compactMap { name, value in value.flatMap { $0.isEmpty ? nil : " \(name) \($0)" } }.joined()
        }

        private static func lines(of bird: Bird) throws -> [String] {
            var lines: [String] = []
            var prefix = ""
            var fields: [String: String] = [:]
            func flush() {
                guard !prefix.isEmpty else { return }
                lines.append(
                    Self.line(
                        prefix,
                        [
                            ("preference", fields["preference"]), ("path", fields["BGP.as_path"]),
                            ("local_pref", fields["BGP.local_pref"]), ("med", fields["BGP.med"]),
                            ("origin", fields["BGP.origin"]?.lowercased()), ("next hop", fields["BGP.next_hop"]),
                            ("communities", fields["BGP.community"].map(Self.tuples)),
                            ("large", fields["BGP.large_community"].map(Self.tuples)),
                            ("extended", fields["BGP.ext_community"].map(Self.tuples)),
                        ]
                    )
                )
                fields = [:]
            }
            for line in try bird.query("show route table master4 protocol peer all").split(separator: "\n") {
                if line.hasPrefix("\t") {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    fields[String(line[line.index(after: line.startIndex)..<colon])] = String(
                        line[line.index(after: colon)...].drop { $0 == " " }
                    )
                } else if let open = line.lastIndex(of: "("), line.contains("[peer") {
                    flush()
                    prefix = String(line.prefix { $0 != " " })
                    fields["preference"] = String(line[open...].dropFirst().prefix { $0.isNumber })
                }
            }
            flush()
            return lines.sorted()
        }

        private static func lines(of martlet: MartletProcess) async throws -> [String] {
            let routes = try await martlet.withClient { try await $0.routes(RouteQuery(table: "master4")) }
            return routes.filter { $0.source == .bgp && $0.rejected == nil }.map { route in
                Self.line(
                    route.prefix.description,
                    [
                        ("preference", String(route.preference)), ("path", route.asPathText),
                        ("local_pref", String(route.localPref ?? 100)), ("med", route.med.map { String($0) }),
                        ("origin", route.origin?.rawValue), ("next hop", route.nextHop?.description),
                        ("communities", route.communities.joined(separator: " ")),
                        ("large", route.largeCommunities.joined(separator: " ")),
                        ("extended", route.extendedCommunities.joined(separator: " ")),
                    ]
                )
            }.sorted()
        }

        /// `(1,2) (rt, 3, 4)` as `1:2 rt:3:4`, in the order given.
        private static func tuples(_ text: String) -> String {
            text.split(separator: ")").compactMap { part in
                part.firstIndex(of: "(").map { open in
                    part[part.index(after: open)...].filter { $0 != " " }.split(separator: ",").joined(separator: ":")
                }
            }.joined(separator: " ")
        }

        /// Starts both daemons on the configuration, sends both the same routes and returns what they made of them.
        private static func judge(
            _ configuration: String,
            _ routes: [(prefix: IPv4Prefix, edit: @Sendable (inout PathAttributes) -> Void)]
        ) async throws -> (bird: [String], martlet: [String]) {
            try await Lab.run { lab in
                var peers: [RawPeer] = []
                func connect(_ there: Lab.Namespace) async throws {
                    let ends = RawPeer.Ends(
                        local: IPv4Address(rawValue: 0x0A14_0002),
                        asNumber: 64513,
                        remote: IPv4Address(rawValue: 0x0A14_0001),
                        remoteAS: 64512
                    )
                    let peer = try await RawPeer.connect(ends, in: there, lab)
                    for route in routes { try peer.announce([route.prefix], edit: route.edit) }
                    // Both accept this one: it says that all before it are in.
                    try peer.announce([IPv4Prefix(address: IPv4Address(rawValue: 0xC612_0000), length: 24)])
                    peers.append(peer)
                }
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: configuration)
                try await connect(there)
                let (otherHere, otherThere) = try Interop.pair(lab)
                let bird = try await Bird.start("bird", in: otherHere, lab, configuration: configuration)
                try await connect(otherThere)
                try await lab.require("BIRD has the last route") {
                    try bird.query("show route 198.18.0.0/24").contains("[peer")
                }
                try await lab.require("Martlet has the last route") {
                    try await Self.lines(of: martlet).contains { $0.hasPrefix("198.18.0.0/24") }
                }
                let result = (bird: try Self.lines(of: bird), martlet: try await Self.lines(of: martlet))
                for peer in peers { peer.disconnect() }
                return result
            }
        }

        @Test("Random programs come to BIRD's verdicts and attributes", arguments: Self.seeds)
        func generated(seed: UInt64) async throws {
            var generator = FilterGenerator(seed: seed)
            var filter = ""
            var definitions = FilterGenerator.definitions
            var programs: [String] = []
            var routes: [(prefix: IPv4Prefix, edit: @Sendable (inout PathAttributes) -> Void)] = []
            for number in 0..<Self.programCount {
                let program = generator.program()
                programs.append(program)
                definitions += "function program\(number)() { \(program) }\n"
                filter += "if net ~ [ 10.\(number).0.0/16+ ] then program\(number)();\n"
                for index in 0..<Self.routesPerProgram {
                    routes.append(generator.route(program: UInt32(number), index: UInt32(index)))
                }
            }
            filter += "if net ~ [ 198.18.0.0/15+ ] then accept;"
            let result = try await Self.judge(Self.configuration(definitions, filter), routes)
            let (bird, martlet) = (Set(result.bird), Set(result.martlet))
            #expect(bird.count > Self.programCount * Self.routesPerProgram / 10)
            for line in bird.symmetricDifference(martlet).sorted().prefix(4) {
                let number = line.split(separator: ".").dropFirst().first.flatMap { Int($0) } ?? 0
                let program = number < programs.count ? programs[number] : ""
                Issue.record("\(bird.contains(line) ? "BIRD" : "Martlet"): \(line)\n\(program)")
            }
        }

        @Test("A route server of 300 members with IRR sets, RPKI and control communities has BIRD's table")
        func routeServer() async throws {
            let (definitions, filter) = RouteServerFixture.configuration
            let routes = (0..<3000).map { RouteServerFixture.route($0) }
            let result = try await Self.judge(Self.configuration(definitions, filter), routes)
            #expect(result.bird == result.martlet)
            #expect(result.bird.count > 300 && result.bird.count < 2900)
        }
    }
}
