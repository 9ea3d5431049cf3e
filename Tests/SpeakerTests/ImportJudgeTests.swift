import BGPWire
import IPAddressing
import Policy
import RouteModel
import Routing
import Testing

@testable import Speaker

@Suite("Import policies on session loops")
struct ImportJudgeTests {
    private static func batch(_ body: [FilterStatement], _ prefixes: [String]) throws -> RouteBatch {
        let judge = ImportJudge(
            program: FilterProgram(body),
            generation: 3,
            origin: RouteOrigin(source: .bgp, protocolName: "peer"),
            preference: 100,
            interface: 0,
            hashSeed: 5
        )
        var set = PathAttributes()
        set.origin = .igp
        set.asPath = ASPath(sequence: [65001])
        var batch = RouteBatch()
        batch.attributes = set.bytes
        batch.ipv4 = try prefixes.map { NLRI(try #require(IPPrefix($0).flatMap { IPv4Prefix($0) })) }
        let nextHop = BGPNextHop(try address("192.0.2.1"))
        let segment = RouteBatch.Segment(
            kind: .announce,
            isIPv4: true,
            attributes: 0..<set.bytes.count,
            nextHop: nextHop,
            nlri: 0..<prefixes.count
        )
        judge.judge(segment, set, nextHop, &batch)
        return batch
    }

    private static let isLong = FilterExpression.binary(
        .less,
        .constant(.int(24)),
        .unary(.length, .attribute(.net))
    )
    private static let prefixes = ["10.0.0.0/24", "10.0.1.0/25", "10.0.1.128/25", "10.0.2.0/24"]

    @Test("A policy that does not read the prefix judges an UPDATE's routes together")
    func shared() throws {
        let batch = try Self.batch([.set(.bgpMED, .constant(.int(7))), .accept], Self.prefixes)
        #expect(batch.segments.count == 1)
        #expect(batch.segments[0].judgement == .changed(0))
        var set = PathAttributes(canonical: Array(batch.attributes[batch.changes[0].attributes]))
        #expect(set.multiExitDiscriminator == 7)
        #expect(batch.changes[0].judgement.attributesHash == set.hash(seed: 5))
        #expect(batch.changes[0].judgement.target == nil && batch.changes[0].judgement.local == nil)
        set.multiExitDiscriminator = nil
        #expect(set.bytes == Array(batch.attributes[batch.segments[0].attributes]))
    }

    @Test("A policy that reads the prefix splits an UPDATE where its verdict changes")
    func split() throws {
        let reject = FilterBranch(condition: Self.isLong, body: [.reject])
        let batch = try Self.batch([.conditional([reject], otherwise: []), .accept], Self.prefixes)
        #expect(batch.segments.map(\.nlri) == [0..<1, 1..<3, 3..<4])
        #expect(batch.segments.map(\.judgement) == [.accepted, .rejected, .accepted])
        #expect(batch.changes.isEmpty)
    }

    @Test("Equal changes of neighbouring routes are written once")
    func equalChanges() throws {
        let change = FilterBranch(condition: Self.isLong, body: [.set(.bgpMED, .constant(.int(7)))])
        let batch = try Self.batch([.conditional([change], otherwise: []), .accept], Self.prefixes)
        #expect(batch.segments.map(\.judgement) == [.accepted, .changed(0), .accepted])
        #expect(batch.changes.count == 1)
    }

    @Test("What an UPDATE's changes may take is bounded; the core judges the rest")
    func bounded() throws {
        let long = (0..<900 as Range<UInt32>).map { Community(rawValue: $0) }
        let values = FilterExpression.constant(.clist(long))
        // Every route's MED is its length, so neighbours with other lengths have sets of their own.
        let batch = try Self.batch(
            [.set(.bgpCommunity, values), .set(.bgpMED, .unary(.length, .attribute(.net))), .accept],
            (0..<100).map { "10.0.\($0).0/\(24 + $0 % 2)" }
        )
        #expect(batch.segments.contains { $0.judgement == .open }, "\(batch.segments.map(\.judgement))")
        #expect(batch.attributes.count < 1 << 20)
        #expect(batch.segments.flatMap(\.nlri).count == 100)
    }

    @Test("Constant policies and those that read what resolution says stay in the core")
    func eligibility() {
        #expect(!ImportJudge.canJudge(.acceptAll))
        let readsGateway = FilterProgram(accepting: .unary(.defined, .attribute(.gw)))
        #expect(!ImportJudge.canJudge(readsGateway))
        #expect(ImportJudge.canJudge(FilterProgram(accepting: Self.isLong)))
    }
}
