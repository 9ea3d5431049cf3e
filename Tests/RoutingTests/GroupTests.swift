import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

@Suite("Export groups")
struct GroupTests {
    enum Role: Sendable, CaseIterable {
        case external
        case client
        case nonClient
    }

    /// A source of the given role, number 1 to 9.
    static func source(_ core: inout RoutingCore<TestPolicy>, _ table: TableID, _ role: Role, _ number: UInt32) throws
        -> SourceID
    {
        let details = session(
            peerAS: role == .external ? 65001 : 65000,
            routerID: 100 + number,
            address: "10.0.0.\(10 + number)"
        ) {
            $0.isRouteReflectorClient = role == .client
            $0.clusterID = role == .client ? RouterID(rawValue: 1) : nil
        }
        return try present(core.addSource(peer(table, details)))
    }

    static func settings(_ table: TableID, _ role: Role, policy: TestPolicy = .acceptAll) -> ExportSettings<TestPolicy>
    {
        var key = GroupKey(
            table: table,
            session: role == .external ? .external : role == .client ? .client : .nonClient,
            localAS: ASNumber(rawValue: 65000),
            selfNextHop: BGPNextHop(address("10.0.0.1"))
        )
        if role == .client { key.clusterID = RouterID(rawValue: 1) }
        return ExportSettings(policy: policy, key: key)
    }

    static func target(_ number: UInt32) -> RouteTarget {
        .recursive(BGPNextHop(address("10.0.0.\(10 + number)")), interface: 0)
    }

    @Test(
        "Routes pass between clients, non-clients and external peers as RFC 4456 says",
        arguments: Role.allCases,
        Role.allCases
    )
    func reflection(from: Role, to: Role) throws {
        var bench = try Bench.make()
        let table = bench.table
        let sender = try Self.source(&bench.core, table, from, 1)
        let receiver = try Self.source(&bench.core, table, to, 2)
        bench.core.announce(
            sender,
            .v4(prefix4("20.0.0.0/24")),
            attributes: attributes([65009]),
            target: Self.target(1)
        )
        bench.core.join(receiver, Self.settings(table, to))
        var receivers: [SourceID: Receiver] = [:]
        try bench.core.deliver(&receivers)
        let route = receivers[receiver]?.routes[prefix4("20.0.0.0/24")]
        #expect((route != nil) == !(from == .nonClient && to == .nonClient))
        guard let route else { return }
        let isReflected = from != .external && to != .external
        #expect(route.attributes.originatorID == (isReflected ? RouterID(rawValue: 101) : nil))
        #expect(route.attributes.clusterList == (isReflected ? [RouterID(rawValue: 1)] : nil))
        #expect(route.attributes.localPreference == (to == .external ? nil : 100))
        #expect(route.nextHop == address(to == .external ? "10.0.0.1" : "10.0.0.11"))
        #expect(route.attributes.asPath?.description == (to == .external ? "65000 65009" : "65009"))
    }

    @Test("A route without a LOCAL_PREF goes to internal peers with the default of the session it came by")
    func defaultLocalPreference() throws {
        var bench = try Bench.make()
        let table = bench.table
        let details = session(peerAS: 65001, routerID: 101, address: "10.0.0.11") { $0.defaultLocalPreference = 250 }
        let sender = try present(bench.core.addSource(peer(table, details)))
        let receiver = try Self.source(&bench.core, table, .client, 2)
        let prefix = prefix4("20.0.0.0/24")
        bench.core.announce(sender, .v4(prefix), attributes: attributes([65001]), target: Self.target(1))
        bench.core.join(receiver, Self.settings(table, .client))
        var receivers: [SourceID: Receiver] = [:]
        try bench.core.deliver(&receivers)
        #expect(receivers[receiver]?.routes[prefix]?.attributes.localPreference == 250)
    }

    @Test("What a flush packed is written the same however much the core has changed since")
    func writtenLater() throws {
        var bench = try Bench.make()
        let table = bench.table
        let sender = try Self.source(&bench.core, table, .external, 1)
        let receiver = try Self.source(&bench.core, table, .client, 2)
        let prefixes = (0..<3000).map {
            NLRI(IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + UInt32($0) << 8), length: 24))
        }
        func announce(_ core: inout RoutingCore<TestPolicy>, _ path: [UInt32]) {
            for (number, nlri) in prefixes.enumerated() {
                let set = attributes(path + [UInt32(number % 50)]).bytes
                _ = core.announce(sender, attributes: set.span.bytes, target: Self.target(1), nlri: [nlri].span)
            }
        }
        announce(&bench.core, [65001])
        bench.core.join(receiver, Self.settings(table, .client))
        bench.core.settle()
        let group = try #require(bench.core.groups.first { bench.core.isPending($0) })
        let packed = bench.core.flush(group, limit: 100_000)
        let early = packed.encoded()
        #expect(early.bytes.count...(2 * early.bytes.count) ~= packed.estimatedOctets)
        announce(&bench.core, [65001, 7])
        bench.core.settle()
        _ = bench.core.flush(group, limit: 100_000)
        bench.core.flush(source: sender)
        bench.core.settle()
        _ = bench.core.flush(group, limit: 100_000)
        let late = packed.encoded()
        #expect(late.bytes == early.bytes)
        #expect(late.segments == early.segments)
        #expect(late.members == [receiver])
    }

    @Test("Prefixes with the same attributes share messages, filled to the limit")
    func packing() throws {
        var bench = try Bench.make()
        let table = bench.table
        let sender = try Self.source(&bench.core, table, .external, 1)
        let receiver = try Self.source(&bench.core, table, .client, 2)
        let set = attributes([65001]).bytes
        let other = attributes([65001, 8]).bytes
        for number in 0..<3000 {
            let nlri = [NLRI(IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + UInt32(number) << 8), length: 24))]
            let bytes = number % 2 == 0 ? set : other
            _ = bench.core.announce(sender, attributes: bytes.span.bytes, target: Self.target(1), nlri: nlri.span)
        }
        bench.core.join(receiver, Self.settings(table, .client))
        var receivers: [SourceID: Receiver] = [:]
        try bench.core.deliver(&receivers, limit: 100_000)
        // A message of 4096 holds about 1000 prefixes of 4 octets: two for each set, two for local routes, End-of-RIB.
        #expect(receivers[receiver]?.routes.count == 3002)
        #expect(receivers[receiver]?.messageCount == 2 * 2 + 2 + 1)
        #expect(receivers[receiver]?.endOfRIBCount == 1)
    }

    @Test("A member whose path becomes best is sent a withdrawal of what it held, and is skipped")
    func sourceException() throws {
        var bench = try Bench.make()
        let table = bench.table
        let clients = try (1...3).map { try Self.source(&bench.core, table, .client, $0) }
        for client in clients { bench.core.join(client, Self.settings(table, .client)) }
        var receivers: [SourceID: Receiver] = [:]
        let prefix = prefix4("20.0.0.0/24")
        bench.core.announce(
            clients[0],
            .v4(prefix),
            attributes: attributes([7], localPreference: 100),
            target: Self.target(1)
        )
        try bench.core.deliver(&receivers)
        let value1 = bench.core.groups.count
        #expect(value1 == 1)
        #expect(clients.map { receivers[$0]?.routes[prefix] != nil } == [false, true, true])
        bench.core.announce(
            clients[1],
            .v4(prefix),
            attributes: attributes([7], localPreference: 200),
            target: Self.target(2)
        )
        try bench.core.deliver(&receivers)
        #expect(clients.map { receivers[$0]?.routes[prefix] != nil } == [true, false, true])
        #expect(receivers[clients[2]]?.routes[prefix]?.attributes.localPreference == 200)
    }

    @Test("A late joiner is sent everything and an End-of-RIB, the others nothing; then it is one of the group")
    func lateJoiner() throws {
        var bench = try Bench.make()
        let table = bench.table
        let sender = try Self.source(&bench.core, table, .external, 1)
        let first = try Self.source(&bench.core, table, .client, 2)
        let second = try Self.source(&bench.core, table, .client, 3)
        var receivers: [SourceID: Receiver] = [:]
        bench.core.join(first, Self.settings(table, .client))
        bench.core.announce(
            sender,
            .v4(prefix4("20.0.0.0/24")),
            attributes: attributes([65001]),
            target: Self.target(1)
        )
        try bench.core.deliver(&receivers)
        let messages = receivers[first]?.messageCount
        bench.core.join(second, Self.settings(table, .client))
        let value2 = bench.core.groups.count
        #expect(value2 == 2)
        try bench.core.deliver(&receivers)
        #expect(receivers[first]?.messageCount == messages)
        #expect(receivers[second]?.routes == receivers[first]?.routes)
        #expect(receivers[second]?.endOfRIBCount == 1)
        let value3 = bench.core.groups.count
        #expect(value3 == 1)
        bench.core.refresh(second)
        try bench.core.deliver(&receivers)
        #expect(receivers[first]?.messageCount == messages)
        #expect(receivers[second]?.endOfRIBCount == 1)
    }

    @Test("After a change of export policy only differences are sent")
    func policyChange() throws {
        var bench = try Bench.make()
        let table = bench.table
        let sender = try Self.source(&bench.core, table, .external, 1)
        let receiver = try Self.source(&bench.core, table, .client, 2)
        var receivers: [SourceID: Receiver] = [:]
        for (index, community) in [Community(1, 1), Community(2, 2)].enumerated() {
            bench.core.announce(
                sender,
                .v4(prefix4("20.0.\(index).0/24")),
                attributes: attributes([65001], communities: [community]),
                target: Self.target(1)
            )
        }
        bench.core.join(receiver, Self.settings(table, .client))
        try bench.core.deliver(&receivers)
        let before = try #require(receivers[receiver])
        bench.core.changeExport(
            receiver,
            to: Self.settings(table, .client, policy: TestPolicy(rules: [.rejectCommunity(Community(1, 1))]))
        )
        try bench.core.deliver(&receivers)
        let after = try #require(receivers[receiver])
        #expect(after.messageCount == before.messageCount + 1)
        #expect(after.routes.count == before.routes.count - 1)
    }

    @Test("MED of a learned route is dropped towards external peers unless the export policy sets it")
    func med() throws {
        var bench = try Bench.make()
        let table = bench.table
        let sender = try Self.source(&bench.core, table, .external, 1)
        let plain = try Self.source(&bench.core, table, .external, 2)
        let setting = try Self.source(&bench.core, table, .external, 3)
        let prefix = prefix4("20.0.0.0/24")
        bench.core.announce(sender, .v4(prefix), attributes: attributes([65001], med: 5), target: Self.target(1))
        bench.core.join(plain, Self.settings(table, .external))
        bench.core.join(setting, Self.settings(table, .external, policy: TestPolicy(rules: [.setMED(7)])))
        var receivers: [SourceID: Receiver] = [:]
        try bench.core.deliver(&receivers)
        #expect(receivers[plain]?.routes[prefix]?.attributes.multiExitDiscriminator == nil)
        #expect(receivers[setting]?.routes[prefix]?.attributes.multiExitDiscriminator == 7)
    }

    @Test("A route is not sent to the owner of its next hop")
    func nextHopOwner() throws {
        var bench = try Bench.make()
        let table = bench.table
        let clients = try (1...3).map { try Self.source(&bench.core, table, .client, $0) }
        for client in clients { bench.core.join(client, Self.settings(table, .client)) }
        var receivers: [SourceID: Receiver] = [:]
        let prefix = prefix4("20.0.0.0/24")
        bench.core.announce(clients[0], .v4(prefix), attributes: attributes([7]), target: Self.target(2))
        try bench.core.deliver(&receivers)
        #expect(clients.map { receivers[$0]?.routes[prefix] != nil } == [false, false, true])
    }

    @Test("Limits: beyond the receive limit nothing is stored, beyond the import limit paths are kept as rejected")
    func limits() throws {
        var bench = try Bench.make()
        var settings = peer(bench.table, session(peerAS: 65001, routerID: 9, address: "10.0.0.9"))
        settings.receiveLimit = 3
        settings.importLimit = 2
        let source = try present(bench.core.addSource(settings))
        let results = (0..<5).map { number in
            bench.core.announce(
                source,
                .v4(prefix4("20.0.\(number).0/24")),
                attributes: attributes([65001]),
                target: Self.target(1)
            )
        }
        #expect(results.map(\.exceedsReceiveLimit) == [false, false, false, true, true])
        let value4 = bench.core.counters(source).received
        #expect(value4 == 3)
        let value5 = bench.core.counters(source).accepted
        #expect(value5 == 2)
        let value6 = bench.core.counters(source).dropped
        #expect(value6 == 2)
        let view = try present(bench.core.lookUp(.v4(prefix4("20.0.2.0/24")), in: bench.table))
        #expect(view.paths[0].rejection == .limit)
        // The same route again is taken once there is room, and not before.
        bench.core.announce(
            source,
            .v4(prefix4("20.0.2.0/24")),
            attributes: attributes([65001]),
            target: Self.target(1)
        )
        let value7 = bench.core.counters(source).accepted
        #expect(value7 == 2)
        bench.core.withdraw(source, .v4(prefix4("20.0.0.0/24")))
        bench.core.announce(
            source,
            .v4(prefix4("20.0.2.0/24")),
            attributes: attributes([65001]),
            target: Self.target(1)
        )
        let taken = try present(bench.core.lookUp(.v4(prefix4("20.0.2.0/24")), in: bench.table))
        #expect(taken.paths[0].rejection == nil && taken.paths[0].isBest)
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }
}
