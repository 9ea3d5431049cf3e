import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

@Suite("Views of export groups")
struct ViewTests {
    static let prefix = prefix4("20.0.0.0/24")

    /// Clients 1 to `count`, all members with the same view.
    static func clients(
        _ bench: inout Bench,
        _ count: UInt32,
        _ view: ExportView,
        _ receivers: inout [SourceID: Receiver],
        policy: TestPolicy = .acceptAll
    ) throws -> [SourceID] {
        let table = bench.table
        let clients = try (1...count).map { try GroupTests.source(&bench.core, table, .client, $0) }
        for client in clients {
            bench.core.join(client, Self.settings(table, view, policy: policy))
            receivers[client] = Receiver()
            receivers[client]?.receivesPathIDs = view.sendsPathIDs
        }
        return clients
    }

    static func settings(_ table: TableID, _ view: ExportView, policy: TestPolicy = .acceptAll)
        -> ExportSettings<TestPolicy>
    {
        var settings = GroupTests.settings(table, .client, policy: policy)
        settings.key.view = view
        return settings
    }

    static func announce(
        _ bench: inout Bench,
        _ source: SourceID,
        _ number: UInt32,
        preference: UInt32,
        communities: [Community] = [],
        pathID: UInt32 = 0
    ) {
        let set = attributes([7], localPreference: preference, communities: communities).bytes
        let nlri = [NLRI(Self.prefix, pathID: pathID)]
        _ = bench.core.announce(source, attributes: set.span.bytes, target: GroupTests.target(number), nlri: nlri.span)
    }

    /// LOCAL_PREF of what a receiver holds, ascending.
    static func held(_ receiver: Receiver?) -> [UInt32] {
        let routes = receiver.map {
            Array(($0.paths[Self.prefix] ?? [:]).values) + ($0.routes[Self.prefix].map { [$0] } ?? [])
        }
        return (routes ?? []).compactMap(\.attributes.localPreference).sorted()
    }

    @Test("All paths go to every member but the one they came from, each under an identifier that it keeps")
    func allPaths() throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let clients = try Self.clients(&bench, 3, .allPaths, &receivers)
        for (index, client) in clients.enumerated() {
            Self.announce(&bench, client, UInt32(index) + 1, preference: 100 + UInt32(index))
        }
        try bench.core.deliver(&receivers)
        let groups = bench.core.groups.count
        #expect(groups == 1)
        #expect(clients.map { Self.held(receivers[$0]) } == [[101, 102], [100, 102], [100, 101]])
        let before = try #require(receivers[clients[2]]?.paths[Self.prefix])
        let worst = try #require(before.first { $0.value.attributes.localPreference == 100 }?.key)
        let counts = clients.map { receivers[$0]?.messageCount ?? 0 }

        // A path that is not the best one changes.
        Self.announce(&bench, clients[0], 1, preference: 99)
        try bench.core.deliver(&receivers)
        #expect(receivers[clients[2]]?.paths[Self.prefix]?[worst]?.attributes.localPreference == 99)
        #expect(receivers[clients[2]]?.paths[Self.prefix]?.count == 2)
        #expect(zip(clients, counts).map { (receivers[$0]?.messageCount ?? 0) - $1 } == [0, 1, 1])

        // It goes; the others stay.
        bench.core.withdraw(clients[0], .v4(Self.prefix))
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[101, 102], [102], [101]])
        #expect(receivers[clients[2]]?.paths[Self.prefix]?[worst] == nil)
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("Paths that one neighbour sent under identifiers of its own are all sent on, under others")
    func received() throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let clients = try Self.clients(&bench, 2, .allPaths, &receivers)
        for (index, pathID) in [0, 1, UInt32.max].enumerated() {
            Self.announce(&bench, clients[0], 1, preference: 100 + UInt32(index), pathID: pathID)
        }
        try bench.core.deliver(&receivers)
        #expect(Self.held(receivers[clients[1]]) == [100, 101, 102])
        #expect(Self.held(receivers[clients[0]]) == [])
        let views = bench.core.exported(to: clients[1], limit: .max).elements.filter { $0.prefix == .v4(Self.prefix) }
        #expect(
            Set(views.compactMap(\.pathID)) == Set(receivers[clients[1]]?.paths[Self.prefix]?.keys.map { $0 } ?? [])
        )
        #expect(views.filter(\.isBest).map(\.attributes.localPreference) == [102])
        bench.core.flush(source: clients[0])
        try bench.core.deliver(&receivers)
        #expect(Self.held(receivers[clients[1]]) == [])
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("The best N are counted among what the policy accepts, and a better one takes the place of the last")
    func bestPaths() throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let policy = TestPolicy(rules: [.rejectCommunity(Community(1, 1))])
        let clients = try Self.clients(&bench, 5, .bestPaths(2), &receivers, policy: policy)
        Self.announce(&bench, clients[0], 1, preference: 100)
        Self.announce(&bench, clients[1], 2, preference: 110)
        Self.announce(&bench, clients[2], 3, preference: 130, communities: [Community(1, 1)])
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[110], [100], [100, 110], [100, 110], [100, 110]])
        Self.announce(&bench, clients[3], 4, preference: 120)
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[110, 120], [120], [110, 120], [110], [110, 120]])
        // The number may change while the session lasts.
        for client in clients {
            bench.core.changeExport(client, to: Self.settings(bench.table, .allPaths, policy: policy))
        }
        try bench.core.deliver(&receivers)
        let groups = bench.core.groups.count
        #expect(groups == 1)
        #expect(Self.held(receivers[clients[4]]) == [100, 110, 120])
    }

    @Test("Who owns the best path gets the next one, the others the best, and all share one group")
    func firstAccepted() throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let clients = try Self.clients(&bench, 3, .firstAccepted, &receivers)
        Self.announce(&bench, clients[0], 1, preference: 120)
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[], [120], [120]])
        Self.announce(&bench, clients[1], 2, preference: 110)
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[110], [120], [120]])
        let groups = bench.core.groups.count
        #expect(groups == 1)

        // A path that nobody takes makes no message.
        let counts = clients.map { receivers[$0]?.messageCount ?? 0 }
        Self.announce(&bench, clients[2], 3, preference: 100)
        try bench.core.deliver(&receivers)
        #expect(zip(clients, counts).allSatisfy { receivers[$0]?.messageCount == $1 })

        // The best one changes hands.
        Self.announce(&bench, clients[2], 3, preference: 130)
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[130], [130], [120]])
        bench.core.withdraw(clients[0], .v4(Self.prefix))
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[130], [130], [110]])
        bench.core.withdraw(clients[1], .v4(Self.prefix))
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[130], [130], []])
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("A best path that the policy rejects hides no other one")
    func pathHiding() throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let policy = TestPolicy(rules: [.rejectCommunity(Community(1, 1))])
        let clients = try Self.clients(&bench, 4, .firstAccepted, &receivers, policy: policy)
        let plain = try GroupTests.source(&bench.core, bench.table, .client, 5)
        bench.core.join(plain, GroupTests.settings(bench.table, .client, policy: policy))
        Self.announce(&bench, clients[0], 1, preference: 120, communities: [Community(1, 1)])
        Self.announce(&bench, clients[1], 2, preference: 110)
        Self.announce(&bench, clients[2], 3, preference: 100)
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[110], [100], [110], [110]])
        #expect(Self.held(receivers[plain]) == [])
    }

    @Test("A path whose next hop is a member is not that member's first choice")
    func nextHopOwner() throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let clients = try Self.clients(&bench, 4, .firstAccepted, &receivers)
        Self.announce(&bench, clients[0], 2, preference: 120)
        Self.announce(&bench, clients[2], 3, preference: 110)
        try bench.core.deliver(&receivers)
        #expect(clients.map { Self.held(receivers[$0]) } == [[110], [110], [120], [120]])
    }

    @Test(
        "A refresh sends everything again, a policy change only differences",
        arguments: [ExportView.allPaths, .bestPaths(2), .firstAccepted]
    )
    func refreshAndPolicy(_ view: ExportView) throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let clients = try Self.clients(&bench, 3, view, &receivers)
        Self.announce(&bench, clients[0], 1, preference: 120, communities: [Community(1, 1)])
        Self.announce(&bench, clients[1], 2, preference: 110)
        try bench.core.deliver(&receivers)
        let before = receivers
        bench.core.refresh(clients[2])
        try bench.core.deliver(&receivers)
        #expect(receivers[clients[0]]?.messageCount == before[clients[0]]?.messageCount)
        #expect((receivers[clients[2]]?.messageCount ?? 0) > (before[clients[2]]?.messageCount ?? 0))
        #expect(Self.held(receivers[clients[2]]) == Self.held(before[clients[2]]))

        let count = receivers[clients[2]]?.messageCount ?? 0
        let same = TestPolicy(rules: [.rejectCommunity(Community(9, 9))])
        for client in clients { bench.core.changeExport(client, to: Self.settings(bench.table, view, policy: same)) }
        try bench.core.deliver(&receivers)
        #expect(receivers[clients[2]]?.messageCount == count)

        let policy = TestPolicy(rules: [.rejectCommunity(Community(1, 1))])
        for client in clients { bench.core.changeExport(client, to: Self.settings(bench.table, view, policy: policy)) }
        let walking = bench.core.groups.count
        #expect(walking == 1)
        try bench.core.deliver(&receivers)
        let groups = bench.core.groups.count
        #expect(groups == 1)
        #expect(clients.map { Self.held(receivers[$0]) } == [[110], [], [110]])
        #expect(receivers[clients[2]]?.messageCount == count + 1)
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("Prefixes with identifiers share messages by attribute set, filled to the limit")
    func packing() throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let clients = try Self.clients(&bench, 3, .allPaths, &receivers)
        let set = attributes([65001], localPreference: 100).bytes
        for client in clients.prefix(2) {
            for number in 0..<3000 {
                let address = IPv4Address(rawValue: 0x1400_0000 + UInt32(number) << 8)
                let nlri = [NLRI(IPv4Prefix(address: address, length: 24))]
                _ = bench.core.announce(
                    client,
                    attributes: set.span.bytes,
                    target: GroupTests.target(9),
                    nlri: nlri.span
                )
            }
        }
        try bench.core.deliver(&receivers, limit: 100_000)
        // ORIGINATOR_ID tells the two sources apart. 8 octets a prefix: about 500 in a message of 4096.
        let receiver = try #require(receivers[clients[2]])
        #expect(receiver.paths.values.map(\.count).filter { $0 == 2 }.count == 3000)
        #expect((12...18).contains(receiver.messageCount))
    }

    @Test("Thousands of paths of one destination with different MED are put in order and sent")
    func manyPaths() throws {
        var bench = try Bench.make()
        var receivers: [SourceID: Receiver] = [:]
        let clients = try Self.clients(&bench, 2, .bestPaths(3), &receivers)
        for pathID in 0..<4000 as Range<UInt32> {
            let set = attributes([100 + pathID % 50, 7], med: 4000 - pathID, localPreference: 100).bytes
            let nlri = [NLRI(Self.prefix, pathID: pathID)]
            _ = bench.core.announce(
                clients[0],
                attributes: set.span.bytes,
                target: GroupTests.target(1),
                nlri: nlri.span
            )
        }
        try bench.core.deliver(&receivers)
        let held = receivers[clients[1]]?.paths[Self.prefix]?.values.compactMap(\.attributes.multiExitDiscriminator)
        // Identifiers decide between neighbour ASes. The first winner's AS has the lowest ones, also when it comes to
        // its next best path.
        #expect(held?.sorted() == [50, 100, 150])
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("A route-server client gets AS_PATH, MED and next hop as they came (RFC 7947 §2.2)")
    func routeServer() throws {
        var bench = try Bench.make()
        let table = bench.table
        let sender = try GroupTests.source(&bench.core, table, .external, 1)
        let receiver = try GroupTests.source(&bench.core, table, .external, 2)
        var settings = GroupTests.settings(table, .external)
        settings.key.session = .routeServerClient
        bench.core.join(receiver, settings)
        var receivers: [SourceID: Receiver] = [:]
        bench.core.announce(
            sender,
            .v4(Self.prefix),
            attributes: attributes([65001, 8], med: 5, communities: [Community(7, 7)]),
            target: GroupTests.target(1)
        )
        try bench.core.deliver(&receivers)
        let route = try #require(receivers[receiver]?.routes[Self.prefix])
        #expect(route.attributes.asPath?.description == "65001 8")
        #expect(route.attributes.multiExitDiscriminator == 5)
        #expect(route.attributes.communities == [Community(7, 7)])
        #expect(route.attributes.localPreference == nil)
        #expect(route.nextHop == address("10.0.0.11"))
        // A local route has no path to keep.
        let own = try #require(receivers[receiver]?.routes[prefix4("10.9.0.0/24")])
        #expect(own.attributes.asPath?.description == "")
    }
}
