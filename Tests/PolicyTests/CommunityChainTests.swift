import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Policy

@Suite("Tests for one community after the other")
struct CommunityChainTests {
    typealias Generator = PrefixTableTests.Generator

    /// What stands behind a test.
    private enum Action: CaseIterable {
        case mark, remove, add, reject

        func statements(_ community: Community) -> [FilterStatement] {
            func edit(_ attribute: FilterAttribute, _ operation: FilterBinaryOperation, _ value: FilterValue)
                -> FilterStatement
            {
                .set(attribute, .binary(operation, .attribute(attribute), .constant(value)))
            }
            return switch self {
            case .mark: [edit(.bgpLargeCommunity, .insert, .lc(Self.mark(community)))]
            case .remove: [edit(.bgpCommunity, .delete, .pair(community))]
            case .add: [edit(.bgpCommunity, .insert, .pair(Self.next(community)))]
            case .reject: [.reject]
            }
        }

        static func mark(_ community: Community) -> LargeCommunity {
            LargeCommunity(globalAdministrator: 1, data1: community.rawValue, data2: 0)
        }

        /// One that a later test asks for.
        static func next(_ community: Community) -> Community { Community(rawValue: community.rawValue &+ 3) }
    }

    private static func run(
        _ tests: [(Community, Action)],
        _ communities: [Community]
    ) -> (verdict: PolicyVerdict, communities: [Community], marks: [LargeCommunity]) {
        var (communities, marks): ([Community], [LargeCommunity]) = (communities, [])
        for (community, action) in tests where communities.contains(community) {
            switch action {
            case .mark: if !marks.contains(Action.mark(community)) { marks.append(Action.mark(community)) }
            case .remove: communities.removeAll { $0 == community }
            case .add: if !communities.contains(Action.next(community)) { communities.append(Action.next(community)) }
            case .reject: return (.reject, communities, marks)
            }
        }
        return (.accept, communities, marks)
    }

    @Test("Any number of them does what they say in turn", arguments: 1...8 as ClosedRange<UInt64>)
    func agreement(seed: UInt64) throws {
        var generator = Generator(state: seed)
        for count in [1, 3, 4, 5, 63, 64, 65, 130, 200] {
            let tests = (0..<count).map { _ in
                (
                    Community(0, UInt16.random(in: 0..<60, using: &generator)),
                    Int.random(in: 0..<40, using: &generator) == 0
                        ? Action.reject : [Action.mark, .remove, .add].randomElement(using: &generator) ?? .mark
                )
            }
            let body = tests.map { community, action in
                FilterStatement.conditional(
                    [
                        FilterBranch(
                            condition: .binary(.match, .constant(.pair(community)), .attribute(.bgpCommunity)),
                            body: action.statements(community)
                        )
                    ],
                    otherwise: []
                )
            }
            let program = FilterProgram(body + [.accept])
            #expect(program == FilterProgram(body + [.accept]))
            #expect(program.storage.chains.isEmpty == (count < 4))
            for size in [0, 1, 3, 10, 59] {
                let communities = Array(
                    Set((0..<size).map { _ in Community(0, UInt16.random(in: 0..<60, using: &generator)) })
                )
                var attributes = PathAttributes()
                attributes.origin = .igp
                attributes.communities = communities
                var draft = RouteDraft(
                    prefix: try #require(IPPrefix("10.0.0.0/8")),
                    origin: RouteOrigin(source: .bgp, protocolName: "p"),
                    attributes: attributes,
                    target: .blackhole,
                    local: LocalAttributes(preference: 100)
                )
                let expected = Self.run(tests, communities)
                let outcome = program.run(&draft)
                #expect(outcome.verdict == expected.verdict && outcome.error == nil)
                #expect(draft.attributes.communities == expected.communities)
                #expect(draft.attributes.largeCommunities == expected.marks)
            }
        }
    }

    @Test("Programs with other communities, or other ends, are not equal")
    func equality() {
        func program(_ last: UInt16, _ end: FilterStatement) -> FilterProgram {
            FilterProgram(
                [1, 2, 3, 4, last].map { number in
                    .conditional(
                        [
                            FilterBranch(
                                condition: .binary(
                                    .match,
                                    .constant(.pair(Community(0, number))),
                                    .attribute(.bgpCommunity)
                                ),
                                body: [.reject]
                            )
                        ],
                        otherwise: []
                    )
                } + [end]
            )
        }
        #expect(program(5, .accept) == program(5, .accept))
        #expect(program(5, .accept).hashValue == program(5, .accept).hashValue)
        #expect(program(5, .accept) != program(6, .accept))
        #expect(program(5, .accept) != program(5, .raise))
        #expect(program(5, .accept).storage.chains.count == 1)
    }
}
