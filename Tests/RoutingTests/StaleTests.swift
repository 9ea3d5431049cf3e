import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

@Suite("Stale routes")
struct StaleTests {
    private let prefixes = (0..<4).map { IPv4Prefix(address: IPv4Address(20, 0, UInt8($0), 0), length: 24) }

    private func announce(
        _ bench: inout Bench,
        _ source: SourceID,
        _ prefixes: ArraySlice<IPv4Prefix>,
        _ communities: [Community] = []
    ) {
        for prefix in prefixes {
            bench.core.announce(
                source,
                .v4(prefix),
                attributes: attributes([65001], communities: communities),
                target: GroupTests.target(1)
            )
        }
    }

    private func routes(_ receivers: [SourceID: Receiver], _ member: SourceID) -> [IPv4Prefix: Receiver.Route] {
        // Without the networks of the bench.
        (receivers[member]?.routes ?? [:]).filter { self.prefixes.contains($0.key) }
    }

    @Test("Stale routes stay best and announced; the sweep takes those that were not announced again")
    func sweep() throws {
        var bench = try Bench.make()
        let sender = try GroupTests.source(&bench.core, bench.table, .external, 1)
        let receiver = try GroupTests.source(&bench.core, bench.table, .client, 2)
        bench.core.join(receiver, GroupTests.settings(bench.table, .client))
        self.announce(&bench, sender, self.prefixes[...])
        var receivers: [SourceID: Receiver] = [:]
        try bench.core.deliver(&receivers)
        let before = self.routes(receivers, receiver)
        #expect(before.count == 4)

        bench.core.markStale(sender)
        try bench.core.deliver(&receivers)
        #expect(bench.core.counters(sender).stale == 4 && bench.core.counters(sender).best == 4)
        #expect(self.routes(receivers, receiver) == before)

        self.announce(&bench, sender, self.prefixes[..<3])
        #expect(bench.core.counters(sender).stale == 1)
        bench.core.withdraw(sender, .v4(self.prefixes[2]))
        bench.core.removeStale(sender)
        bench.core.settle()
        try bench.core.deliver(&receivers)
        #expect(Set(self.routes(receivers, receiver).keys) == Set(self.prefixes[..<2]))
        #expect(bench.core.counters(sender).stale == 0)
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("A sweep with nothing left to remove looks at no destination")
    func emptySweep() throws {
        var bench = try Bench.make()
        let sender = try GroupTests.source(&bench.core, bench.table, .external, 1)
        self.announce(&bench, sender, self.prefixes[...])
        bench.core.settle()
        bench.core.markStale(sender)
        self.announce(&bench, sender, self.prefixes[...])
        bench.core.removeStale(sender)
        let hasWork = bench.core.hasWork
        #expect(!hasWork)
        #expect(bench.core.counters(sender).received == 4)
    }

    @Test("The sweep of a large table is done in slices")
    func slices() throws {
        var bench = try Bench.make()
        let sender = try GroupTests.source(&bench.core, bench.table, .external, 1)
        let many = (0..<5000).map {
            IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + UInt32($0) << 8), length: 24)
        }
        self.announce(&bench, sender, many[...])
        bench.core.settle()
        bench.core.markStale(sender)
        bench.core.removeStale(sender)
        var left: [UInt32] = []
        while bench.core.work(1000), left.count < 100 { left.append(bench.core.counters(sender).received) }
        #expect(left.count >= 4)
        #expect(zip(left, left.dropFirst()).allSatisfy { $0 >= $1 && $0 - $1 <= 1100 })
        #expect(bench.core.counters(sender).received == 0)
    }

    @Test("After the restart time a stale route gets LLGR_STALE and loses against all others (RFC 9494 §4.2, §4.3)")
    func aging() throws {
        var bench = try Bench.make()
        let sender = try GroupTests.source(&bench.core, bench.table, .external, 1)
        let rival = try GroupTests.source(&bench.core, bench.table, .external, 2)
        self.announce(&bench, sender, self.prefixes[...])
        bench.core.announce(
            rival,
            .v4(self.prefixes[0]),
            attributes: attributes([65001, 65002, 65003]),
            target: GroupTests.target(2)
        )
        bench.core.markStale(sender)
        bench.core.settle()
        #expect(bench.core.counters(rival).best == 0)
        bench.core.ageStale(sender)
        bench.core.settle()
        #expect(bench.core.counters(rival).best == 1 && bench.core.counters(sender).best == 3)
        let view = try present(bench.core.lookUp(.v4(self.prefixes[0]), in: bench.table))
        let aged = try present(view.paths.first { $0.source == sender })
        #expect(aged.isStale && aged.isLongLivedStale && aged.reason == .longLivedStale)
        #expect(aged.accepted?.attributes.communities == [.longLivedStale])
        #expect(aged.received.attributes.communities.isEmpty)

        // Announced again as it was, it is an ordinary route again.
        self.announce(&bench, sender, self.prefixes[...])
        bench.core.removeStale(sender)
        bench.core.settle()
        let fresh = try present(bench.core.lookUp(.v4(self.prefixes[0]), in: bench.table))
        #expect(fresh.paths.first { $0.isBest }?.source == sender)
        #expect(fresh.paths.allSatisfy { !$0.isStale && !$0.isLongLivedStale })
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }

    @Test("A route with NO_LLGR, sent so or made so by policy, goes at the end of the restart time (RFC 9494 §4.2)")
    func forbidden() throws {
        var bench = try Bench.make()
        let plain = try GroupTests.source(&bench.core, bench.table, .external, 1)
        self.announce(&bench, plain, self.prefixes[..<2], [.noLongLivedStale])
        self.announce(&bench, plain, self.prefixes[2...])
        let details = session(peerAS: 65001, routerID: 102, address: "10.0.0.12")
        let policy = TestPolicy(rules: [.addCommunity(.noLongLivedStale)])
        let judged = try present(bench.core.addSource(peer(bench.table, details, policy: policy)))
        self.announce(&bench, judged, self.prefixes[...])
        for source in [plain, judged] {
            bench.core.markStale(source)
            bench.core.ageStale(source)
        }
        bench.core.settle()
        #expect(bench.core.counters(plain).received == 2)
        #expect(bench.core.counters(judged).received == 0)
    }

    @Test(
        "LLGR_STALE routes go to peers with the capability; internal ones without get NO_EXPORT and LOCAL_PREF 0",
        arguments: [GroupTests.Role.external, .client, .nonClient],
        [true, false]
    )
    func export(role: GroupTests.Role, isCapable: Bool) throws {
        var bench = try Bench.make()
        let sender = try GroupTests.source(&bench.core, bench.table, .external, 1)
        let receiver = try GroupTests.source(&bench.core, bench.table, role, 2)
        var settings = GroupTests.settings(bench.table, role)
        settings.key.takesLongLivedStale = isCapable
        bench.core.join(receiver, settings)
        self.announce(&bench, sender, self.prefixes[..<1], [Community(1, 1)])
        var receivers: [SourceID: Receiver] = [:]
        try bench.core.deliver(&receivers)
        #expect(self.routes(receivers, receiver).count == 1)
        bench.core.markStale(sender)
        bench.core.ageStale(sender)
        bench.core.settle()
        try bench.core.deliver(&receivers)
        let route = self.routes(receivers, receiver)[self.prefixes[0]]
        guard isCapable || role != .external else {
            #expect(route == nil)
            return
        }
        let marks: [Community] = [Community(1, 1), .longLivedStale]
        #expect(route?.attributes.communities == (isCapable ? marks : marks + [.noExport]))
        #expect(route?.attributes.localPreference == (role == .external ? nil : isCapable ? 100 : 0))
    }

    @Test("What was stale before a second mark can be swept alone, and the rest stays stale (RFC 4724 §4.2)")
    func consecutive() throws {
        var bench = try Bench.make()
        let sender = try GroupTests.source(&bench.core, bench.table, .external, 1)
        self.announce(&bench, sender, self.prefixes[...])
        bench.core.markStale(sender)
        self.announce(&bench, sender, self.prefixes[..<2])
        bench.core.removeStale(sender)
        bench.core.markStale(sender)
        bench.core.settle()
        #expect(bench.core.counters(sender).received == 2 && bench.core.counters(sender).stale == 2)
        let violations = bench.core.checkInvariants()
        #expect(violations.isEmpty)
    }
}
