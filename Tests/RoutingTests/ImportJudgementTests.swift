import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

/// What a policy that ran before the core says has the same effect as the policy in the core.
@Suite("Import judgements")
struct ImportJudgementTests {
    static let policy = TestPolicy(rules: [
        .rejectCommunity(Community(rawValue: 666)), .addCommunity(Community(rawValue: 9)), .setMED(7),
    ])

    /// A core with one peer; announces two prefixes with `set`, judged outside or in the core.
    private static func announce(_ set: PathAttributes, isJudged: Bool, limit: UInt32? = nil) throws -> [PathView] {
        let box = RoutingCoreBox()
        let table = try present(box.core.addTable("one", family: .ipv4Unicast))
        let session = session(peerAS: 65001, routerID: 2, address: "192.0.2.2")
        var settings = peer(table, session, policy: self.policy)
        settings.importLimit = limit
        let source = try present(box.core.addSource(settings))
        let target = RouteTarget.recursive(BGPNextHop(address("192.0.2.2")), interface: 0)
        var judgement: ImportJudgement?
        var changed = PathAttributes()
        if isJudged {
            var draft = RouteDraft(
                prefix: .v4(prefix4("20.0.0.0/24")),
                origin: settings.origin,
                attributes: set,
                target: target,
                local: LocalAttributes(preference: settings.preference)
            )
            if self.policy.evaluate(&draft) == .reject {
                judgement = ImportJudgement(.rejected)
            } else {
                changed = draft.attributes
                judgement = ImportJudgement(.changed, attributesHash: changed.hash(seed: 0))
            }
        }
        let nlri = [NLRI(prefix4("20.0.0.0/24")), NLRI(prefix4("20.0.1.0/24"))]
        _ = box.core.announce(
            source,
            attributes: set.bytes.span.bytes,
            target: target,
            nlri: nlri.span,
            judgement: judgement,
            accepted: changed.bytes.span.bytes
        )
        #expect(box.core.checkInvariants().isEmpty)
        return box.core.walk(table, limit: 10).elements.flatMap(\.paths)
    }

    @Test(
        "A judged route is what the core makes of it itself",
        arguments: [
            attributes([65001, 65002]), attributes([65001], communities: [Community(rawValue: 666)]),
            // A loop is the core's to find, whatever the policy says.
            attributes([65001, 65000]),
        ]
    )
    func equality(_ set: PathAttributes) throws {
        let judged = try Self.announce(set, isJudged: true)
        #expect(judged.count == 2)
        #expect(judged == (try Self.announce(set, isJudged: false)))
    }

    @Test("A route accepted as received shares its set with what was received")
    func unchanged() throws {
        let box = RoutingCoreBox()
        let table = try present(box.core.addTable("one", family: .ipv4Unicast))
        let source = try present(
            box.core.addSource(
                peer(table, session(peerAS: 65001, routerID: 2, address: "192.0.2.2"), policy: Self.policy)
            )
        )
        let nlri = [NLRI(prefix4("20.0.0.0/24"))]
        _ = box.core.announce(
            source,
            attributes: attributes([65001]).bytes.span.bytes,
            target: .recursive(BGPNextHop(address("192.0.2.2")), interface: 0),
            nlri: nlri.span,
            judgement: ImportJudgement(.accepted)
        )
        #expect(box.core.attributeSetCount == 1)
        #expect(box.core.counters(source).accepted == 1)
        box.core.withdraw(source, nlri: nlri.span)
        #expect(box.core.attributeSetCount == 0)
        #expect(box.core.checkInvariants().isEmpty)
    }

    @Test("The import limit holds for judged routes")
    func limit() throws {
        let judged = try Self.announce(attributes([65001]), isJudged: true, limit: 1)
        #expect(judged.map(\.rejection) == [nil, .limit])
    }
}
