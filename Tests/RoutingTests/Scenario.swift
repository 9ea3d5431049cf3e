import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// A core and a naive model side by side, changed at random in the same way.
struct Scenario: ~Copyable {
    var core: RoutingCore<TestPolicy>
    var model = NaiveModel()
    var random: SeededGenerator
    let table: TableID
    let device: SourceID
    let fixed: SourceID
    var peers: [SourceID] = []
    var members: [SourceID: ExportSettings<TestPolicy>] = [:]
    var receivers: [SourceID: Receiver] = [:]
    /// Whether routes may carry MED: without any, paths are ranked two at a time.
    let hasMED: Bool
    /// What members may take.
    let views: [ExportView]
    /// Identifiers on the wire, for as long as the path lives.
    var wireIDs: [WirePath: UInt32] = [:]
    var kernel: ConsumerID
    var kernelRoutes: [IPPrefix: SourceID] = [:]

    init(
        _ core: consuming RoutingCore<TestPolicy>,
        _ random: SeededGenerator,
        _ table: TableID,
        _ device: SourceID,
        _ fixed: SourceID
    ) {
        self.core = core
        self.random = random
        self.hasMED = Int.random(in: 0..<3, using: &self.random) != 0
        self.views = Self.palettes[Int.random(in: 0..<Self.palettes.count, using: &self.random)]
        self.table = table
        self.device = device
        self.fixed = fixed
        self.kernel = self.core.addConsumer(ConsumerSettings(table: table, policy: .acceptAll))
        self.model.sources[device] = local(table, .device, preference: 240)
        self.model.sources[fixed] = local(table, .static, preference: 200)
    }

    static func make(_ random: SeededGenerator) throws -> Scenario {
        var core = RoutingCore<TestPolicy>()
        let table = try present(core.addTable("master4", family: .ipv4Unicast))
        let device = try present(core.addSource(local(table, .device, preference: 240)))
        let fixed = try present(core.addSource(local(table, .static, preference: 200)))
        var scenario = Scenario(core, random, table, device, fixed)
        for _ in 0..<5 { try scenario.addPeer() }
        for index in 0..<3 { scenario.setLink(UInt8(index), isPresent: true) }
        return scenario
    }

    mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self.random) }

    mutating func settings(_ number: Int) -> SourceSettings<TestPolicy> {
        let isInternal = number % 2 == 0
        let details = session(
            peerAS: isInternal ? 65000 : 65001 + UInt32(number % 3),
            routerID: 100 + UInt32(number),
            address: "10.0.\(number % 3).\(10 + number)"
        ) {
            $0.isRouteReflectorClient = isInternal && number % 4 == 0
            $0.clusterID = isInternal && number % 4 == 0 ? RouterID(rawValue: 1) : nil
        }
        return peer(self.table, details, policy: self.importPolicy())
    }

    mutating func importPolicy() -> TestPolicy {
        [
            .acceptAll, TestPolicy(rules: [.rejectCommunity(Community(1, 1))]),
            TestPolicy(rules: [.rejectOddThirdOctet]),
            TestPolicy(rules: [.setLocalPreference(150)]), TestPolicy(rules: [.addCommunity(Community(2, 2))]),
        ][self.pick(5)]
    }

    mutating func exportPolicy() -> TestPolicy {
        [
            .acceptAll, .acceptAll, TestPolicy(rules: [.rejectCommunity(Community(2, 2))]),
            TestPolicy(rules: [.setMED(7)]), TestPolicy(rules: [.rejectOddThirdOctet, .addCommunity(Community(3, 3))]),
            .rejectAll,
        ][self.pick(6)]
    }

    func exportSettings(_ source: SourceID, _ policy: TestPolicy) -> ExportSettings<TestPolicy> {
        let details = self.model.sources[source]?.session
        let isInternal = self.model.sources[source]?.origin.isInternal ?? false
        let isClient = details?.isRouteReflectorClient ?? false
        var key = GroupKey(
            table: self.table,
            session: isInternal
                ? isClient ? .client : .nonClient : self.isServed(source) ? .routeServerClient : .external,
            localAS: ASNumber(rawValue: 65000),
            selfNextHop: BGPNextHop(address("10.0.0.1"))
        )
        key.clusterID = details?.clusterID
        return ExportSettings(policy: policy, key: key)
    }

    mutating func addPeer() throws {
        let number = (0..<12).first { number in
            !self.peers.contains { self.model.sources[$0]?.session?.peerRouterID.rawValue == 100 + UInt32(number) }
        }
        guard let number, self.peers.count < 8 else { return }
        let settings = self.settings(number)
        let source = try present(self.core.addSource(settings))
        self.model.sources[source] = settings
        self.peers.append(source)
        try self.join(source)
    }

    mutating func join(_ source: SourceID) throws {
        var settings = self.exportSettings(source, self.exportPolicy())
        settings.key.view = self.views[self.pick(self.views.count)]
        self.core.join(source, settings)
        self.members[source] = settings
        self.receivers[source] = Receiver()
        self.receivers[source]?.receivesPathIDs = settings.key.view.sendsPathIDs
    }

    mutating func removePeer() {
        guard self.peers.count > 2 else { return }
        let source = self.peers.remove(at: self.pick(self.peers.count))
        self.core.removeSource(source)
        self.model.flush(source)
        self.model.sources[source] = nil
        self.members[source] = nil
        self.receivers[source] = nil
        // The id is free only when the routes are gone.
        self.core.settle()
    }

    mutating func setLink(_ number: UInt8, isPresent: Bool) {
        let prefix = prefix4("10.0.\(number).0/24")
        let target = RouteTarget.gateways([Gateway(address: nil, interface: UInt32(number) + 1)])
        if isPresent {
            self.core.announce(self.device, .v4(prefix), target: target)
            let route = NaiveModel.Route(
                source: self.device,
                received: PathAttributes(),
                target: target,
                local: LocalAttributes(preference: 240)
            )
            self.model.announce(self.device, prefix, route)
        } else {
            self.core.withdraw(self.device, .v4(prefix))
            self.model.withdraw(self.device, prefix)
        }
    }

    mutating func setStatic() {
        let prefix = prefix4("10.0.\(self.pick(3)).\(self.pick(2) * 128)/25")
        if self.pick(2) == 0 {
            self.core.withdraw(self.fixed, .v4(prefix))
            return self.model.withdraw(self.fixed, prefix)
        }
        let target: RouteTarget =
            self.pick(4) == 0 ? .blackhole : .gateways([Gateway(address: address("192.0.2.1"), interface: 9)])
        let local = LocalAttributes(preference: 200, igpMetric: UInt32(self.pick(3)))
        self.core.announce(self.fixed, .v4(prefix), target: target, local: local)
        let route = NaiveModel.Route(source: self.fixed, received: PathAttributes(), target: target, local: local)
        self.model.announce(self.fixed, prefix, route)
    }

    mutating func randomPrefix() -> IPv4Prefix {
        // Now and then a route to a next hop itself, which must not disturb resolution.
        if self.pick(20) == 0 { return prefix4("10.0.\(self.pick(3)).\(10 + self.pick(12))/32") }
        return prefix4("20.0.\(self.pick(40)).0/\(20 + self.pick(5))")
    }

    mutating func announce() {
        let source = self.peers[self.pick(self.peers.count)]
        guard let settings = self.model.sources[source], let details = settings.session else { return }
        let isInternal = settings.origin.isInternal
        var path = (0..<self.pick(3)).map { _ in 65001 + UInt32(self.pick(4)) }
        if !isInternal { path.insert(details.peerAS.rawValue, at: 0) }
        if self.pick(15) == 0 { path.append(65000) }
        let communities = [Community(1, 1), Community(2, 2), .noExport, .noAdvertise]
        let set = attributes(
            path,
            origin: self.pick(4) == 0 ? .egp : .igp,
            med: self.hasMED && self.pick(2) == 0 ? UInt32(self.pick(3)) : nil,
            localPreference: isInternal ? 100 + UInt32(self.pick(2)) : nil,
            communities: self.pick(3) == 0 ? [communities[self.pick(4)]] : [],
            originatorID: isInternal && self.pick(4) == 0 ? UInt32(1 + self.pick(4)) : nil,
            clusterList: isInternal && self.pick(4) == 0 ? [UInt32(1 + self.pick(9)), 55] : nil
        )
        let owner = self.pick(4) == 0 ? self.pick(12) : Int(details.peerRouterID.rawValue) - 100
        let target = RouteTarget.recursive(BGPNextHop(address("10.0.\(owner % 3).\(10 + owner)")), interface: 0)
        let prefixes = Set((0..<1 + self.pick(6)).map { _ in self.randomPrefix() })
        let pathID = self.pathID(source)
        let nlri = prefixes.map { NLRI($0, pathID: pathID) }
        let bytes = set.bytes
        if self.pick(2) == 0 {
            // Reading ahead changes nothing, whatever it is given.
            self.core.warm(source, nlri: nlri.span)
            let hashes = [set.hash(seed: 0), UInt64(self.pick(9))]
            self.core.warm(source, hashes: hashes.span)
        }
        _ = self.core.announce(source, attributes: bytes.span.bytes, target: target, nlri: nlri.span)
        for prefix in prefixes {
            let route = NaiveModel.Route(
                source: source,
                received: set,
                target: target,
                local: LocalAttributes(preference: 100),
                pathID: pathID
            )
            self.model.announce(source, prefix, route)
        }
    }

    mutating func step() throws {
        switch self.pick(100) {
        case 0..<55: self.announce()
        case 55..<70:
            let source = self.peers[self.pick(self.peers.count)]
            let prefixes = Set((0..<4).map { _ in self.randomPrefix() })
            let pathID = self.pathID(source)
            let nlri = prefixes.map { NLRI($0, pathID: pathID) }
            self.core.withdraw(source, nlri: nlri.span)
            for prefix in prefixes { self.model.withdraw(source, prefix, pathID) }
        case 70..<72: try self.addPeer()
        case 72..<74: self.removePeer()
        case 74..<77: self.setLink(UInt8(self.pick(3)), isPresent: self.pick(3) > 0)
        case 77..<80: self.setStatic()
        case 80..<83:
            let source = self.peers[self.pick(self.peers.count)]
            guard var settings = self.model.sources[source] else { return }
            settings.importPolicy = self.importPolicy()
            self.core.changeSource(source, to: settings)
            self.model.sources[source] = settings
        case 83..<87:
            let source = self.peers[self.pick(self.peers.count)]
            var settings = self.exportSettings(source, self.exportPolicy())
            settings.key.view = self.changedView(source)
            self.core.changeExport(source, to: settings)
            self.members[source] = settings
        case 87..<89: self.core.refresh(self.peers[self.pick(self.peers.count)])
        case 89..<91: self.core.separate(self.peers[self.pick(self.peers.count)])
        case 91..<93:
            // The session starts again: routes gone, membership fresh.
            let source = self.peers[self.pick(self.peers.count)]
            self.core.leave(source)
            self.core.flush(source: source)
            self.model.flush(source)
            try self.join(source)
        case 93..<94:
            let source = self.peers[self.pick(self.peers.count)]
            self.core.markStale(source)
            self.announce()
            let views = self.core.walk(self.table, limit: .max, source: source).elements
            self.core.removeStale(source)
            for view in views {
                guard let prefix = IPv4Prefix(view.prefix) else { continue }
                for path in view.paths where path.isStale { self.model.withdraw(source, prefix, path.pathID) }
            }
        case 94..<95: _ = self.core.work(1 + self.pick(20))
        case 95..<96: _ = self.core.trim(1 + self.pick(8))
        default:
            // Some groups are served a little, others not at all: slow members.
            let groups = self.core.groups
            let group = groups[self.pick(groups.count)]
            try self.core.deliver(group, &self.receivers, limit: 1 + self.pick(30))
        }
    }

    mutating func compare(_ step: Int) throws {
        if self.pick(3) == 0 { _ = self.core.trim(1 + self.pick(8)) }
        try self.core.deliver(&self.receivers, limit: 1 + self.pick(200))
        let violations = self.core.checkInvariants()
        try ensure(violations.isEmpty, "after step \(step): \(violations)")
        for (member, settings) in self.members {
            try self.compareView(of: member, settings, "step \(step), member \(member.rawValue)")
        }
        while self.core.isPending(self.kernel) {
            for change in self.core.drain(self.kernel, limit: 1 + self.pick(50)) {
                let isHeld = self.kernelRoutes[change.prefix] != nil
                try ensure(change.wasAnnounced == isHeld, "kernel \(change.prefix): announced before or not")
                self.kernelRoutes[change.prefix] = change.route?.source
            }
        }
        for prefix in self.model.routes.keys {
            let source = self.kernelRoutes[.v4(prefix)]
            try ensure(source == self.model.best(prefix)?.source, "step \(step), kernel \(prefix)")
        }
    }
}
