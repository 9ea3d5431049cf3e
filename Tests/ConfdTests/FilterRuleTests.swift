import BGPWire
import IPAddressing
import Resources
import RouteModel
import SpeakerSettings
import Testing

@testable import Confd
@testable import Policy

/// What each field of a BGPFilter's rule does with single routes, as compiled from the rendered files.
@Suite("Rules of BGPFilter")
struct FilterRuleTests {
    typealias Rule = BGPFilter.Rule

    /// A route that goes through a filter of one rule; what the rule does not accept is rejected by a second one.
    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var rule: @Sendable (inout Rule) throws -> Void
        var prefix = "10.1.0.0/16"
        var source = RouteSource.bgp
        var interface: String?
        var path: [ASNumber] = []
        var localPreference: UInt32? = 100
        var community: Community?
        var largeCommunity: LargeCommunity?
        var toInternal = false
        var matches: Bool

        init(
            _ title: String,
            matches: Bool,
            _ change: (inout Example) -> Void = { _ in },
            rule: @escaping @Sendable (inout Rule) throws -> Void
        ) {
            self.testDescription = title
            self.matches = matches
            self.rule = rule
            change(&self)
        }
    }

    private static func prefix(
        _ matchOperator: BGPFilter.MatchOperator,
        _ minimum: UInt8? = nil,
        _ maximum: UInt8? = nil
    ) -> @Sendable (inout Rule) throws -> Void {
        { rule in
            let lengths = minimum == nil && maximum == nil ? nil : (minimum, maximum)
            rule.prefix = .init(
                matchOperator,
                try Cluster.prefix("10.0.0.0/8"),
                lengths: lengths.map { .init(minimum: $0.0, maximum: $0.1) }
            )
        }
    }

    static let examples: [Example] = [
        Example("no condition: every route", matches: true) { _ in },
        Example("Equal: the prefix itself", matches: true, { $0.prefix = "10.0.0.0/8" }, rule: prefix(.equal)),
        Example("Equal: not what lies inside", matches: false, rule: prefix(.equal)),
        Example(
            "NotEqual: not the prefix itself",
            matches: false,
            { $0.prefix = "10.0.0.0/8" },
            rule: prefix(.notEqual)
        ),
        Example("NotEqual: what lies inside", matches: true, rule: prefix(.notEqual)),
        Example("In: the prefix itself", matches: true, { $0.prefix = "10.0.0.0/8" }, rule: prefix(.in)),
        Example("In: what lies inside", matches: true, rule: prefix(.in)),
        Example("In: not what lies around", matches: false, { $0.prefix = "10.0.0.0/7" }, rule: prefix(.in)),
        Example("NotIn: not what lies inside", matches: false, rule: prefix(.notIn)),
        Example("NotIn: what lies outside", matches: true, { $0.prefix = "11.0.0.0/8" }, rule: prefix(.notIn)),
        Example("prefixLength: within both bounds", matches: true, rule: prefix(.in, 16, 24)),
        Example("prefixLength: below the minimum", matches: false, rule: prefix(.in, 17, 24)),
        Example("prefixLength: above the maximum", matches: false, rule: prefix(.in, nil, 15)),
        Example("prefixLength: the minimum alone", matches: true, rule: prefix(.in, 16)),
        Example("prefixLength: a minimum below the prefix's own is that", matches: true, rule: prefix(.in, 1, 16)),
        Example(
            "prefixLength: bounds that exclude each other match nothing",
            matches: false,
            rule: prefix(.in, nil, 7)
        ),
        Example("prefixLength: NotIn such bounds is everything", matches: true, rule: prefix(.notIn, nil, 7)),
        Example("prefixLength: NotIn is what is outside of the bounds", matches: true, rule: prefix(.notIn, 17, 24)),
        Example("prefixLength: Equal asks as In does", matches: true, rule: prefix(.equal, 16, 16)),
        Example("source: a BGP route", matches: true) { $0.isFromRemotePeers = true },
        Example(
            "source: not a kernel route",
            matches: false,
            { $0.source = .kernel },
            rule: { $0.isFromRemotePeers = true }
        ),
        Example("interface: a pattern", matches: true, { $0.interface = "eth1" }, rule: { $0.interface = "eth*" }),
        Example("interface: another one", matches: false, { $0.interface = "tunl0" }, rule: { $0.interface = "eth*" }),
        Example("peerType: eBGP on a session to another AS", matches: true) { $0.peerType = .external },
        Example("peerType: iBGP on a session to another AS", matches: false) { $0.peerType = .internal },
        Example(
            "peerType: iBGP within the AS",
            matches: true,
            { $0.toInternal = true },
            rule: { $0.peerType = .internal }
        ),
        Example(
            "peerType: eBGP within the AS",
            matches: false,
            { $0.toInternal = true },
            rule: { $0.peerType = .external }
        ),
        Example(
            "communities: a standard one",
            matches: true,
            { $0.community = Community(1, 2) },
            rule: {
                $0.community = .standard(1, 2)
            }
        ),
        Example(
            "communities: another one",
            matches: false,
            { $0.community = Community(1, 3) },
            rule: {
                $0.community = .standard(1, 2)
            }
        ),
        Example("communities: a route without any", matches: false) { $0.community = .standard(1, 2) },
        Example(
            "communities: a large one",
            matches: true,
            { $0.largeCommunity = LargeCommunity(globalAdministrator: 1, data1: 2, data2: 3) },
            rule: { $0.community = .large(1, 2, 3) }
        ),
        Example(
            "communities: no large one",
            matches: false,
            { $0.community = Community(1, 2) },
            rule: {
                $0.community = .large(1, 2, 3)
            }
        ),
        Example(
            "asPathPrefix: the path itself",
            matches: true,
            { $0.path = [1, 2] },
            rule: { $0.pathPrefix = [1, 2] }
        ),
        Example(
            "asPathPrefix: a longer path",
            matches: true,
            { $0.path = [1, 2, 3] },
            rule: { $0.pathPrefix = [1, 2] }
        ),
        Example("asPathPrefix: one number", matches: true, { $0.path = [1, 2, 3] }, rule: { $0.pathPrefix = [1] }),
        Example(
            "asPathPrefix: not in the middle",
            matches: false,
            { $0.path = [3, 1, 2] },
            rule: { $0.pathPrefix = [1, 2] }
        ),
        Example("asPathPrefix: not an empty path", matches: false) { $0.pathPrefix = [1] },
        Example(
            "priority: 2147483647 minus LOCAL_PREF",
            matches: true,
            { $0.localPreference = 2_147_483_135 },
            rule: {
                $0.priority = 512
            }
        ),
        Example(
            "priority: another one",
            matches: false,
            { $0.localPreference = 2_147_483_134 },
            rule: { $0.priority = 512 }
        ),
        Example(
            "conditions hold together",
            matches: false,
            { $0.path = [1] },
            rule: {
                $0.pathPrefix = [1]
                $0.peerType = .internal
            }
        ),
    ]

    private static func run(
        _ rule: Rule,
        _ direction: BGPFilter.Direction,
        _ example: Example
    ) async throws -> (verdict: PolicyVerdict, route: RouteDraft) {
        var cluster = try Cluster.nodes(1)
        cluster.disableMesh()
        try cluster.pool("all", "0.0.0.0/0")
        var filter = BGPFilter(metadata: ResourceMetadata(name: "f"))
        let rules = [rule, Rule(.reject)]
        if direction == .import { filter.importV4 = rules } else { filter.exportV4 = rules }
        cluster.snapshot.update(.bgpFilter(filter))
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.asNumber = example.toInternal ? 64_512 : 65_000
            $0.filters = ["f"]
        }
        let bench = try Bench()
        try await bench.makeEngine().cycle(cluster.snapshot)
        let settings = try RenderedPolicy.settings(bench)
        let channel = try RenderedPolicy.session(settings, isInternal: example.toInternal)
        var attributes = PathAttributes()
        attributes.localPreference = example.localPreference
        if !example.path.isEmpty { attributes.asPath = ASPath(sequence: example.path) }
        attributes.communities = [example.community].compactMap(\.self)
        attributes.largeCommunities = [example.largeCommunity].compactMap(\.self)
        var route = try RenderedPolicy.route(
            example.prefix,
            example.source,
            interface: example.interface ?? "eth0",
            attributes
        )
        let outcome = (direction == .import ? channel.importPolicy : channel.exportPolicy).run(&route)
        #expect(outcome.error == nil)
        return (outcome.verdict, route)
    }

    @Test("A rule is about the routes that its fields name", arguments: examples)
    func conditions(example: Example) async throws {
        var rule = Rule(.accept)
        try example.rule(&rule)
        for direction in BGPFilter.Direction.allCases {
            // On export LOCAL_PREF of a route from elsewhere is made from its metric first.
            let outcome = try await Self.run(rule, direction, example)
            #expect(outcome.verdict == (example.matches ? .accept : .reject), "\(direction)")
        }
    }

    @Test("Operations are done in their order before the route is accepted")
    func operations() async throws {
        var rule = Rule(.accept)
        rule.operations = [
            .addCommunity(.standard(1, 2)), .addCommunity(.large(1, 2, 3)), .prependASPath([7, 8]),
            .prependASPath([9]), .setPriority(100),
        ]
        let example = Example("", matches: true, { $0.path = [65_000] }, rule: { _ in })
        for direction in BGPFilter.Direction.allCases {
            let (verdict, route) = try await Self.run(rule, direction, example)
            #expect(verdict == .accept)
            #expect(route.attributes.asPath == ASPath(sequence: [9, 7, 8, 65_000]))
            #expect(route.attributes.communities.map(\.description) == ["1:2"])
            #expect(route.attributes.largeCommunities.map(\.description) == ["1:2:3"])
            #expect(route.attributes.localPreference == 2_147_483_547)
        }
    }

    @Test("A rule with Reject rejects, and the rules after it are not asked")
    func reject() async throws {
        let example = Example("", matches: true) { _ in }
        let outcome = try await Self.run(Rule(.reject), .import, example)
        #expect(outcome.verdict == .reject)
    }
}
