import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

/// Two paths that differ in one step; the first has to win for the given reason.
struct Duel: Sendable, CustomTestStringConvertible {
    var reason: DecisionReason
    var winner: Contender
    var loser: Contender
    var testDescription: String { "\(self.reason)" }
}

struct Contender: Sendable {
    var path: [UInt32] = [65001, 7]
    var origin = Origin.igp
    var med: UInt32?
    var localPreference: UInt32?
    var communities: [Community] = []
    var originatorID: UInt32?
    var clusterList: [UInt32]?
    var isInternal = false
    var preference: UInt16 = 100
    var routerID: UInt32 = 10
    var address = "10.0.0.10"
    var nextHop = "10.0.0.10"
    var aigp: UInt64?
}

private let duels: [Duel] = [
    Duel(
        reason: .preference,
        winner: Contender(localPreference: 1, preference: 101),
        loser: Contender(localPreference: 200)
    ),
    Duel(
        reason: .longLivedStale,
        winner: Contender(localPreference: 1),
        loser: Contender(localPreference: 200, communities: [.longLivedStale])
    ),
    Duel(reason: .localPreference, winner: Contender(path: [65001, 7, 8], localPreference: 101), loser: Contender()),
    Duel(reason: .asPathLength, winner: Contender(path: [65001], origin: .egp), loser: Contender()),
    Duel(reason: .localPreference, winner: Contender(localPreference: 101), loser: Contender(aigp: 1)),
    Duel(reason: .aigp, winner: Contender(path: [65001, 7, 8], aigp: .max), loser: Contender()),
    Duel(reason: .aigp, winner: Contender(path: [65001, 7, 8], aigp: 9), loser: Contender(aigp: 10)),
    // The distance to the next hop counts: what is behind the static route is farther away than a connected network.
    Duel(
        reason: .aigp,
        winner: Contender(path: [65001, 7, 8], isInternal: true, aigp: 10),
        loser: Contender(isInternal: true, nextHop: "10.9.0.1", aigp: 10)
    ),
    Duel(reason: .origin, winner: Contender(med: 9), loser: Contender(origin: .egp)),
    Duel(reason: .multiExitDiscriminator, winner: Contender(isInternal: true), loser: Contender(med: 1)),
    Duel(reason: .external, winner: Contender(routerID: 99), loser: Contender(isInternal: true)),
    Duel(
        reason: .igpMetric,
        winner: Contender(isInternal: true, routerID: 99),
        loser: Contender(isInternal: true, nextHop: "10.9.0.1")
    ),
    Duel(reason: .routerID, winner: Contender(address: "10.0.0.99"), loser: Contender(routerID: 11)),
    Duel(
        reason: .routerID,
        winner: Contender(originatorID: 9, clusterList: [5, 6], isInternal: true, routerID: 99),
        loser: Contender(isInternal: true)
    ),
    Duel(
        reason: .clusterListLength,
        winner: Contender(originatorID: 9, clusterList: [5], isInternal: true, address: "10.0.0.99"),
        loser: Contender(originatorID: 9, clusterList: [5, 6], isInternal: true)
    ),
    Duel(reason: .peerAddress, winner: Contender(), loser: Contender(address: "10.0.0.11")),
    Duel(reason: .unresolvable, winner: Contender(localPreference: 1), loser: Contender(nextHop: "192.0.2.1")),
]

@Suite("Decision process")
struct DecisionTests {
    @Test("Each step decides in both orders of arrival", arguments: duels, [false, true])
    func step(duel: Duel, isReversed: Bool) throws {
        var bench = try Bench.make()
        let prefix = prefix4("20.0.0.0/24")
        let contenders = isReversed ? [duel.loser, duel.winner] : [duel.winner, duel.loser]
        for contender in contenders { try bench.announce(contender, prefix) }
        let view = try present(bench.core.lookUp(.v4(prefix), in: bench.table))
        let best = try present(view.paths.first { $0.isBest })
        let other = try present(view.paths.first { !$0.isBest })
        #expect(best.origin.protocolName == bench.name(isReversed ? 1 : 0))
        #expect(other.reason == duel.reason)
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("A missing MED is the best one, and MED counts only within one neighbour AS")
    func otherNeighborAS() throws {
        var bench = try Bench.make()
        let prefix = prefix4("20.0.0.0/24")
        try bench.announce(Contender(path: [65001, 7], med: 50, routerID: 10), prefix)
        try bench.announce(Contender(path: [65002, 7], med: 1, routerID: 11), prefix)
        let view = try present(bench.core.lookUp(.v4(prefix), in: bench.table))
        #expect(view.paths.first { $0.isBest }?.origin.protocolName == bench.name(0))
    }

    @Test("With always-compare-med it counts across neighbour ASes")
    func alwaysCompareMED() throws {
        var bench = try Bench.make()
        bench.options.insert(.alwaysCompareMED)
        let prefix = prefix4("20.0.0.0/24")
        try bench.announce(Contender(path: [65001, 7], med: 50, routerID: 10), prefix)
        try bench.announce(Contender(path: [65002, 7], med: 1, routerID: 11), prefix)
        let view = try present(bench.core.lookUp(.v4(prefix), in: bench.table))
        #expect(view.paths.first { $0.isBest }?.origin.protocolName == bench.name(1))
    }

    @Test("With prefer-older the external path that was best stays, whatever its router id")
    func preferOlder() throws {
        var bench = try Bench.make()
        bench.options.insert(.preferOlder)
        let prefix = prefix4("20.0.0.0/24")
        try bench.announce(Contender(routerID: 99), prefix)
        try bench.announce(Contender(routerID: 10), prefix)
        let view = try present(bench.core.lookUp(.v4(prefix), in: bench.table))
        #expect(view.paths.first { $0.isBest }?.origin.protocolName == bench.name(0))
        #expect(view.paths.first { !$0.isBest }?.reason == .older)
    }

    @Test(
        "A looped path is kept in Adj-RIB-In with its reason and is never best",
        arguments: [
            (attributes([65001, 65000]), RejectReason.asLoop),
            (attributes([65001], originatorID: 1), RejectReason.originatorLoop),
            (attributes([65001], clusterList: [5, 1]), RejectReason.clusterLoop),
        ]
    )
    func loops(set: PathAttributes, reason: RejectReason) throws {
        var bench = try Bench.make()
        let prefix = prefix4("20.0.0.0/24")
        let source = try present(
            bench.core.addSource(peer(bench.table, session(peerAS: 65000, routerID: 9, address: "10.0.0.9")))
        )
        bench.core.announce(
            source,
            .v4(prefix),
            attributes: set,
            target: .recursive(BGPNextHop(address("10.0.0.9")), interface: 0)
        )
        let view = try present(bench.core.lookUp(.v4(prefix), in: bench.table))
        #expect(view.paths.map(\.rejection) == [reason])
        #expect(!view.paths[0].isBest)
        let value2 = bench.core.counters(source).received
        #expect(value2 == 1)
        let value3 = bench.core.counters(source).accepted
        #expect(value3 == 0)
    }

    @Test("allow local as admits that many own numbers")
    func allowLocalAS() throws {
        var bench = try Bench.make()
        let details = session(peerAS: 65001, routerID: 9, address: "10.0.0.9") { $0.allowedLocalAS = 1 }
        let source = try present(bench.core.addSource(peer(bench.table, details)))
        let target = RouteTarget.recursive(BGPNextHop(address("10.0.0.9")), interface: 0)
        bench.core.announce(
            source,
            .v4(prefix4("20.0.0.0/24")),
            attributes: attributes([65001, 65000]),
            target: target
        )
        let value4 = bench.core.counters(source).accepted
        #expect(value4 == 1)
        bench.core.announce(
            source,
            .v4(prefix4("20.0.1.0/24")),
            attributes: attributes([65001, 65000, 65000]),
            target: target
        )
        let value5 = bench.core.counters(source).accepted
        #expect(value5 == 1)
    }

    @Test("An interface that goes down makes next hops over it unusable at once, and best paths follow")
    func interfaceDown() throws {
        var bench = try Bench.make()
        let prefix = prefix4("20.0.0.0/24")
        try bench.announce(Contender(localPreference: 200, nextHop: "10.0.0.10"), prefix)
        try bench.announce(Contender(routerID: 11, nextHop: "10.9.0.1"), prefix)
        let target = RouteTarget.recursive(BGPNextHop(address("10.0.0.10")), interface: 0)
        let value6 = bench.core.resolution(of: target, for: bench.sources[0])?.kind
        #expect(value6 == .gateways)
        bench.core.setInterface(1, name: "eth0", isUp: false)
        let value7 = bench.core.resolution(of: target, for: bench.sources[0])?.kind
        #expect(value7 == .unresolvable)
        bench.core.settle()
        let view = try present(bench.core.lookUp(.v4(prefix), in: bench.table))
        #expect(view.paths.first { $0.isBest }?.origin.protocolName == bench.name(1))
        bench.core.setInterface(1, name: "eth0", isUp: true)
        bench.core.settle()
        let again = try present(bench.core.lookUp(.v4(prefix), in: bench.table))
        #expect(again.paths.first { $0.isBest }?.origin.protocolName == bench.name(0))
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("RFC 4271 §5.1.3: a next hop is no use while it is an address of the host, and best paths follow")
    func ownAddress() throws {
        var bench = try Bench.make()
        let prefix = prefix4("20.0.0.0/24")
        try bench.announce(Contender(localPreference: 200, nextHop: "10.0.0.10"), prefix)
        try bench.announce(Contender(routerID: 11, nextHop: "10.9.0.1"), prefix)
        let before = try bench.best(prefix)
        #expect(before == bench.name(0))
        bench.core.setOwnAddresses([address("10.0.0.1"), address("10.0.0.10")])
        let during = try bench.best(prefix)
        #expect(during == bench.name(1))
        // A route that comes in meanwhile is no better.
        try bench.announce(Contender(localPreference: 300, nextHop: "10.0.0.10"), prefix)
        let still = try bench.best(prefix)
        #expect(still == bench.name(1))
        bench.core.setOwnAddresses([address("10.0.0.1")])
        let after = try bench.best(prefix)
        #expect(after == bench.name(2))
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("In direct mode a next hop has to be on a connected network")
    func directMode() throws {
        var bench = try Bench.make()
        var settings = peer(bench.table, session(peerAS: 65001, routerID: 9, address: "10.0.0.9"))
        settings.resolution.mode = .direct
        let source = try present(bench.core.addSource(settings))
        let near = RouteTarget.recursive(BGPNextHop(address("10.0.0.9")), interface: 0)
        let far = RouteTarget.recursive(BGPNextHop(address("10.9.0.9")), interface: 0)
        bench.core.announce(source, .v4(prefix4("20.0.0.0/24")), attributes: attributes([65001]), target: near)
        bench.core.announce(source, .v4(prefix4("20.0.1.0/24")), attributes: attributes([65001]), target: far)
        let value9 = bench.core.resolution(of: near, for: source)?.gateways
        #expect(value9 == [Gateway(address: address("10.0.0.9"), interface: 1)])
        let value10 = bench.core.resolution(of: far, for: source)?.kind
        #expect(value10 == .unresolvable)
        let value11 = bench.core.counters(source).best
        #expect(value11 == 1)
    }

    @Test("Paths of equal cost are merged into one route with several gateways")
    func mergedPaths() throws {
        var bench = try Bench.make()
        var settings = ConsumerSettings(table: bench.table, policy: TestPolicy(rules: [.setKernelMetric(77)]))
        settings.mergePaths = 4
        let consumer = bench.core.addConsumer(settings)
        let prefix = prefix4("20.0.0.0/24")
        try bench.announce(Contender(routerID: 10, nextHop: "10.0.0.10"), prefix)
        try bench.announce(Contender(routerID: 11, nextHop: "10.0.0.11"), prefix)
        var last: RouteChange?
        while bench.core.isPending(consumer) {
            for change in bench.core.drain(consumer, limit: 10) where change.prefix == .v4(prefix) { last = change }
        }
        let route = try present(last?.route)
        #expect(route.resolved.gateways.map(\.address) == [address("10.0.0.10"), address("10.0.0.11")])
        #expect(route.local.kernelMetric == 77)
    }
}

/// A core with a connected network on interface 1 and a static route behind it.
struct Bench: ~Copyable {
    var core = RoutingCore<TestPolicy>()
    let table: TableID
    var sources: [SourceID] = []
    var options: DecisionOptions = [.pathLength, .igpMetric]

    static func make() throws -> Bench {
        var core = RoutingCore<TestPolicy>()
        let table = try present(core.addTable("master4", family: .ipv4Unicast))
        let device = try present(core.addSource(local(table, .device, preference: 240)))
        let fixed = try present(core.addSource(local(table, .static, preference: 200)))
        core.announce(device, .v4(prefix4("10.0.0.0/24")), target: .gateways([Gateway(address: nil, interface: 1)]))
        core.announce(
            fixed,
            .v4(prefix4("10.9.0.0/24")),
            target: .gateways([Gateway(address: address("192.0.2.1"), interface: 2)]),
            local: LocalAttributes(preference: 200, igpMetric: 30)
        )
        return Bench(core: core, table: table)
    }

    init(core: consuming RoutingCore<TestPolicy>, table: TableID) {
        self.core = core
        self.table = table
    }

    func name(_ index: Int) -> String { "contender\(index)" }

    /// The source of the best route once all work is done.
    mutating func best(_ prefix: IPv4Prefix) throws -> String? {
        self.core.settle()
        let view = try present(self.core.lookUp(.v4(prefix), in: self.table))
        return view.paths.first { $0.isBest }?.origin.protocolName
    }

    mutating func announce(_ contender: Contender, _ prefix: IPv4Prefix) throws {
        var details = session(
            peerAS: contender.isInternal ? 65000 : contender.path[0],
            routerID: contender.routerID,
            address: contender.address
        )
        details.decision = self.options
        var settings = peer(self.table, details)
        settings.origin.protocolName = self.name(self.sources.count)
        settings.preference = contender.preference
        let source = try present(self.core.addSource(settings))
        self.sources.append(source)
        var set = attributes(
            contender.path,
            origin: contender.origin,
            med: contender.med,
            localPreference: contender.localPreference,
            communities: contender.communities,
            originatorID: contender.originatorID,
            clusterList: contender.clusterList
        )
        if let metric = contender.aigp {
            let octets = (0..<8).map { UInt8(truncatingIfNeeded: metric >> UInt64(56 - $0 * 8)) }
            set.set(.aigp, flags: .optional, value: [1, 0, 11] + octets)
        }
        self.core.announce(
            source,
            .v4(prefix),
            attributes: set,
            target: .recursive(BGPNextHop(address(contender.nextHop)), interface: 0)
        )
    }
}
