import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// Tables, peers and what is configured of them.
extension Scenario {
    // MARK: Addresses

    /// The address of peer `number`, on one of three networks.
    static func address(_ number: Int, isIPv4: Bool) -> IPAddress {
        isIPv4
            ? .v4(IPv4Address(10, 0, UInt8(number % 3), UInt8(10 + number)))
            : .v6(IPv6Address(high: 0x2001_0DB8_0000_0000 | UInt64(number % 3), low: UInt64(10 + number)))
    }

    /// A part of network `number`.
    static func network(_ number: Int, isIPv4: Bool, length: UInt8, part: Int = 0) -> IPPrefix {
        isIPv4
            ? .v4(IPv4Prefix(address: IPv4Address(10, 0, UInt8(number), UInt8(part)), length: length))
            : .v6(
                IPv6Prefix(
                    address: IPv6Address(high: 0x2001_0DB8_0000_0000 | UInt64(number), low: UInt64(part)),
                    length: length
                )
            )
    }

    // MARK: Tables

    mutating func addRealm(_ name: String, isIPv4: Bool) throws {
        let family: AddressFamily = isIPv4 ? .ipv4Unicast : .ipv6Unicast
        let table = try present(self.core.addTable(name, family: family))
        let isFirst = !self.realms.contains { $0.isIPv4 == isIPv4 }
        let usesMain = !isFirst && self.pick(2) == 0
        let realm = Realm(
            name: name,
            table: table,
            device: try self.addLocal(.device, 240, table, usesMain: usesMain),
            fixed: try self.addLocal(.static, 200, table, usesMain: usesMain),
            learned: try self.addLocal(.kernel, 10, table, usesMain: usesMain),
            usesMain: usesMain
        )
        self.realms.append(realm)
    }

    private mutating func addLocal(_ kind: RouteSource, _ preference: UInt16, _ table: TableID, usesMain: Bool) throws
        -> SourceID
    {
        var settings = local(table, kind, preference: preference)
        self.resolve(&settings, table: usesMain ? nil : table)
        let source = try present(self.core.addSource(settings))
        self.model.sources[source] = settings
        return source
    }

    /// Sets the igp tables: `table`, or the first one, for its own family, the first one for the other.
    func resolve(_ settings: inout SourceSettings<TestPolicy>, table: TableID?) {
        let tables = self.realms.map(\.table) + [settings.table]
        let own = table ?? tables.first { $0.isIPv4 == settings.table.isIPv4 }
        settings.resolution.ipv4Table = settings.table.isIPv4 ? own : nil
        settings.resolution.ipv6Table = settings.table.isIPv4 ? tables.first { !$0.isIPv4 } : own
    }

    /// Takes a table down with all that uses it, and puts a new one in its place.
    mutating func replaceTable() throws {
        guard self.realms.count > 1, self.pick(2) == 0 else { return }
        // Not one that others resolve through.
        guard
            let index = self.realms.indices.first(where: { index in
                self.realms[..<index].contains { $0.isIPv4 == self.realms[index].isIPv4 }
            })
        else { return }
        let realm = self.realms.remove(at: index)
        for peer in self.peers where self.model.sources[peer]?.table == realm.table { self.remove(peer) }
        for source in [realm.device, realm.fixed, realm.learned] {
            self.core.removeSource(source)
            self.model.flush(source)
            self.model.sources[source] = nil
        }
        for consumer in self.consumers where consumer.settings.table == realm.table {
            self.core.removeConsumer(consumer.id)
        }
        self.consumers.removeAll { $0.settings.table == realm.table }
        self.model.tables[realm.table] = nil
        try ensure(self.core.removeTable(realm.table), "\(realm.name) is in use")
        if self.pick(2) == 0 { self.core.settle() }
        try self.addRealm(realm.name, isIPv4: realm.isIPv4)
        guard let fresh = self.realms.last else { return }
        for _ in 0..<3 { try self.addPeer(fresh) }
        for number in 0..<3 { self.setLink(fresh, number, isPresent: true) }
        self.addConsumer(fresh)
        self.note(.tableReplacement)
    }

    // MARK: Peers

    func peers(of realm: Realm) -> [SourceID] { self.peers.filter { self.model.sources[$0]?.table == realm.table } }

    mutating func addPeer(_ realm: Realm) throws {
        let taken = self.peers(of: realm).compactMap { self.number(of: $0) }
        guard taken.count < 7, self.peers.count < 12, let number = (0..<12).first(where: { !taken.contains($0) }) else {
            return
        }
        let settings = self.settings(number, realm)
        let source = try present(self.core.addSource(settings))
        self.model.sources[source] = settings
        self.peers.append(source)
        try self.join(source)
        self.note(.peerUp)
    }

    /// The number a peer's addresses are made of.
    func number(of peer: SourceID) -> Int? {
        self.model.sources[peer]?.session.map { Int($0.peerRouterID.rawValue) - 100 }
    }

    mutating func settings(_ number: Int, _ realm: Realm) -> SourceSettings<TestPolicy> {
        let isInternal = number % 2 == 0
        var details = BGPSourceSettings(
            localAS: ASNumber(rawValue: 65000),
            localRouterID: RouterID(rawValue: 1),
            peerAS: ASNumber(rawValue: isInternal ? 65000 : 65001 + UInt32(number % 3)),
            peerRouterID: RouterID(rawValue: 100 + UInt32(number)),
            peerAddress: Self.address(number, isIPv4: realm.isIPv4)
        )
        details.confederationID = self.confederation
        details.isConfederationMember = self.confederation != nil && number % 4 == 1
        if !isInternal, !details.isConfederationMember {
            details.role = self.pick(of: [nil, nil, .provider, .customer, .peer, .routeServer, .routeServerClient])
        }
        details.honorsGracefulShutdown = self.pick(2) == 0
        details.isRouteReflectorClient = isInternal && number % 4 == 0
        let cluster = RouterID(rawValue: UInt32(1 + self.pick(2)))
        details.clusterID = details.isRouteReflectorClient ? cluster : nil
        details.loopClusterID = self.pick(4) == 0 ? cluster : nil
        details.interface = !isInternal && self.pick(2) == 0 ? UInt32(number % 3) + 1 : 0
        details.allowedLocalAS = self.pick(8) == 0 ? 1 : 0
        details.defaultLocalPreference = self.pick(6) == 0 ? 120 : 100
        details.defaultMED = self.hasMED && self.pick(8) == 0 ? 2 : 0
        details.decision =
            self.decision
            ?? self.pick(of: [[.pathLength, .igpMetric], .pathLength, .igpMetric, [.pathLength, .alwaysCompareMED]])
        var settings = peer(realm.table, details, policy: self.importPolicy())
        self.resolve(&settings, table: realm.usesMain ? nil : realm.table)
        if self.pick(6) == 0 { settings.resolution.mode = .direct }
        if self.pick(12) == 0 { settings.receiveLimit = UInt32(5 + self.pick(20)) }
        return settings
    }

    mutating func importPolicy() -> TestPolicy {
        self.pick(of: [
            .acceptAll, .acceptAll, .rejectAll, TestPolicy(rules: [.rejectCommunity(Community(1, 1))]),
            TestPolicy(rules: [.rejectOddThirdOctet]), TestPolicy(rules: [.setLocalPreference(150)]),
            TestPolicy(rules: [.addCommunity(Community(2, 2))]),
            TestPolicy(rules: [.rejectOddThirdOctet, .addCommunity(.noLongLivedStale)]),
            TestPolicy(rules: [.rejectOddThirdOctet, .setMED(1), .setKernelMetric(7)]),
        ])
    }

    mutating func exportPolicy(_ table: TableID) -> TestPolicy {
        self.pick(of: [
            .acceptAll, .acceptAll, TestPolicy(rules: [.rejectCommunity(Community(2, 2))]),
            TestPolicy(rules: [.setMED(7)]), TestPolicy(rules: [.rejectOddThirdOctet, .addCommunity(Community(3, 3))]),
            .rejectAll, TestPolicy(rules: [.rejectInterface("eth2")]), TestPolicy(rules: [.rejectProtocol("peer102")]),
            TestPolicy(rules: [.setNextHop(Self.address(11, isIPv4: table.isIPv4))]),
        ])
    }

    /// What a peer is sent: most have the usual settings, so that groups have several members.
    mutating func exportSettings(_ source: SourceID) throws -> ExportSettings<TestPolicy> {
        let settings = try present(self.model.sources[source])
        let details = try present(settings.session)
        let isInternal = settings.origin.isInternal
        let own: BGPNextHop =
            settings.table.isIPv4
            ? BGPNextHop(.v4(IPv4Address(10, 0, 0, 1)))
            : BGPNextHop(.v6(IPv6Address(high: 0x2001_0DB8_0000_0000, low: 1)))
        var key = GroupKey(
            table: settings.table,
            session: self.session(source, details, isInternal: isInternal),
            localAS: ASNumber(rawValue: 65000),
            selfNextHop: own
        )
        key.clusterID = details.clusterID
        if !key.isInterior {
            key.localAS = self.confederation ?? key.localAS
            key.stripsConfederation = self.confederation != nil
            key.role = details.role
            if key.session == .external, self.pick(6) == 0 { key.overriddenAS = details.peerAS }
            key.sendsLocalPreference = self.pick(8) == 0
        }
        if self.hasAIGP { key.aigp = self.pick(of: [.off, .on, .on, .originate]) }
        key.view = self.pick(of: self.views)
        if self.pick(3) == 0 {
            key.interface = details.interface
            // What two-octet neighbours make of confederation segments before an AS4_PATH is their matter.
            key.encoding.hasFourOctetAS = self.confederation != nil || self.pick(4) != 0
            key.allowsExtendedNextHop = settings.table.isIPv4 && self.pick(2) == 0
        }
        self.vary(&key)
        return ExportSettings(policy: self.exportPolicy(settings.table), key: key)
    }

    private func session(_ source: SourceID, _ details: BGPSourceSettings, isInternal: Bool) -> GroupKey.Session {
        if isInternal { return details.isRouteReflectorClient ? .client : .nonClient }
        if details.isConfederationMember { return .confederationMember }
        return self.number(of: source) == 3 || self.number(of: source) == 7 ? .routeServerClient : .external
    }

    /// Draws what may change while a session is up.
    mutating func vary(_ key: inout GroupKey) {
        guard self.pick(4) == 0 else { return }
        // Whether there are path identifiers was negotiated.
        let views = self.views.filter(\.sendsPathIDs)
        if key.view.sendsPathIDs { key.view = self.pick(of: views) }
        key.nextHopSelf = self.pick(of: [.never, .always, .fromInternal, .fromExternal])
        key.nextHopKeep = self.pick(of: [.never, .never, .always, .fromInternal, .fromExternal])
        key.interpretsCommunities = self.pick(3) != 0
        key.takesLongLivedStale = self.pick(2) != 0
        key.defaultLocalPreference = self.pick(3) == 0 ? 130 : 100
    }

    mutating func join(_ source: SourceID) throws {
        let settings = try self.exportSettings(source)
        self.core.join(source, settings)
        self.members[source] = settings
        self.receivers[source] = Receiver(
            hasFourOctetAS: settings.key.encoding.hasFourOctetAS,
            receivesPathIDs: settings.key.view.sendsPathIDs
        )
    }

    mutating func removePeer() {
        guard self.peers.count > 2 else { return }
        self.remove(self.pick(of: self.peers))
        // Now and then the id is free at once, else when the work is done.
        if self.pick(2) == 0 { self.core.settle() }
        self.note(.peerDown)
    }

    mutating func remove(_ source: SourceID) {
        self.peers.removeAll { $0 == source }
        self.core.removeSource(source)
        self.model.flush(source)
        self.model.sources[source] = nil
        self.members[source] = nil
        self.receivers[source] = nil
        self.marks[source] = nil
        self.stalled.remove(source)
    }

    // MARK: Changes

    mutating func changeImport() {
        let source = self.pick(of: self.peers)
        guard var settings = self.model.sources[source] else { return }
        settings.importPolicy = self.importPolicy()
        if self.pick(4) == 0 { settings.preference = self.pick(of: [100, 100, 90, 200]) }
        // Which of two policies saw a route that one of them forbids to keep depends on how far the work is.
        if self.marks[source] != nil { self.core.finishTask(source) }
        self.core.changeSource(source, to: settings)
        self.model.sources[source] = settings
        self.model.removeForbidden(source)
        self.note(.importChange)
    }

    mutating func changeExport() {
        let source = self.pick(of: self.peers)
        guard var settings = self.members[source] else { return }
        settings.policy = self.exportPolicy(settings.key.table)
        self.vary(&settings.key)
        // Neighbours with one policy change together when a configuration is read again.
        let same = self.pick(3) == 0 ? self.members.filter { $0.value == self.members[source] }.keys.sorted() : [source]
        for member in same {
            self.core.changeExport(member, to: settings)
            self.members[member] = settings
            self.note(.exportChange)
        }
    }

    mutating func refresh() {
        let peer = self.pick(of: self.peers)
        self.core.refresh(peer, marks: self.pick(2) == 0)
        self.note(.refresh)
    }

    mutating func separate() {
        self.core.separate(self.pick(of: self.peers))
        self.note(.separation)
    }

    /// A member stops to read: it leaves its group and is sent nothing.
    mutating func stall() {
        let source = self.pick(of: self.peers)
        self.core.separate(source)
        self.stalled.insert(source)
        self.note(.stall)
    }

    mutating func recover() {
        guard let source = self.stalled.sorted().first else { return }
        self.stalled.remove(source)
        self.note(.recovery)
    }

    func isStalled(_ group: GroupID) -> Bool { self.core.members(of: group).contains { self.stalled.contains($0) } }

    /// The session of a peer starts again: routes gone, membership fresh.
    mutating func restart() throws {
        let source = self.pick(of: self.peers)
        self.core.leave(source)
        self.core.flush(source: source)
        if self.pick(2) == 0 { self.core.finishTask(source) }
        self.model.flush(source)
        self.marks[source] = nil
        self.stalled.remove(source)
        try self.join(source)
        self.note(.restart)
    }

    /// The peer restarts or refreshes: what it does not announce again is to go.
    mutating func markStale() {
        let source = self.pick(of: self.peers)
        self.core.markStale(source)
        self.model.markStale(source)
        self.marks[source, default: 0] += 1
        self.note(.staleMark)
        // The core sweeps by itself after some more.
        if self.marks[source, default: 0] > 10 { self.removeStale(source) }
    }

    /// The peer stays away: what is stale becomes a last resort.
    mutating func ageStale() {
        guard let source = self.marks.keys.sorted().last else { return }
        self.core.ageStale(source)
        if self.pick(2) == 0 { self.core.finishTask(source) }
        self.model.ageStale(source)
        self.note(.staleAging)
    }

    mutating func removeStale() {
        guard let source = self.marks.keys.sorted().first else { return }
        self.removeStale(source)
    }

    private mutating func removeStale(_ source: SourceID) {
        self.core.removeStale(source)
        if self.pick(2) == 0 { self.core.finishTask(source) }
        self.model.remove(source) { $0.isStale }
        self.marks[source] = nil
        self.note(.staleRemoval)
    }
}
