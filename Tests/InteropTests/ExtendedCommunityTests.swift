import ControlAPI
import TestSupport
import Testing

extension Interop {
    /// Extended communities (RFC 4360) of filters.
    @Suite("Extended communities")
    struct ExtendedCommunityTests {
        private let mark = "bgp_ext_community.add((rt, 64512, 7)); bgp_ext_community.add((ro, 10.9.8.7, 5));"

        private func learned(_ martlet: MartletProcess) async throws -> [String] {
            _ = try await Interop.routes(of: martlet, count: 1)
            let routes = try await martlet.withClient { try await $0.routes(RouteQuery(table: "master4")) }
            return routes.filter { $0.source == .bgp && $0.rejected == nil }.flatMap(\.extendedCommunities).sorted()
        }

        @Test("Those that a filter adds arrive at BIRD, and BIRD's arrive here")
        func bird() async throws {
            let filter = "filter mark { \(self.mark) accept; }\n"
            let session = SimpleSession()
            func marked(_ text: String) -> String { filter + text.replacing("export all", with: "export filter mark") }
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: marked(session.martlet)
                )
                let bird = try await Bird.start("bird", in: there, lab, configuration: marked(session.bird))
                try await lab.require("BIRD shows them") {
                    try bird.query("show route \(session.routes[0]) all")
                        .contains("BGP.ext_community: (rt, 64512, 7) (ro, 10.9.8.7, 5)")
                }
                let learned = try await self.learned(martlet)
                #expect(learned == ["ro:10.9.8.7:5", "rt:64512:7"])
            }
        }

        @Test("Those that a filter adds arrive at FRR, FRR's arrive here, and a filter here can delete some")
        func frr() async throws {
            let session = SimpleSession()
            let own =
                "filter mark { \(self.mark) accept; }\n"
                + "filter less { bgp_ext_community.delete([(ro, 64513, *)]); accept; }\n"
                + session.martlet.replacing("export all", with: "export filter mark")
                .replacing("import all", with: "import filter less")
            let other =
                session.frr.replacing(
                    "network \(session.routes[1])",
                    with: "network \(session.routes[1]) route-map MARK"
                )
                + "route-map MARK permit 10\n set extcommunity rt 64513:9\n set extcommunity soo 64513:8\n"
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: own)
                let frr = try await FRR.start("frr", in: there, lab, configuration: other)
                try await lab.require("FRR shows them") {
                    let text = try frr.run("show bgp ipv4 unicast \(session.routes[0])")
                    return text.contains("Extended Community: RT:64512:7 SoO:10.9.8.7:5")
                }
                let learned = try await self.learned(martlet)
                #expect(learned == ["rt:64513:9"])
            }
        }
    }
}
