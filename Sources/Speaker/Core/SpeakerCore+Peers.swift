internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import Netlink
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

/// A configured BGP peer as the core sees it.
struct PeerEntry {
    var settings: BGPSettings
    let session: PeerSession
    var remote: SocketEndpoint
    /// Index of the named interface when `remote` was made, else 0.
    var scope: UInt32 = 0
    var isDisabled: Bool
    var isLinkUp = true
    var up: Up?
    /// Octets handed to the session that the transport does not have yet.
    var pending = 0

    /// A session that is Established.
    struct Up {
        var serial: SessionSerial
        var established: EstablishedSession
        var channels: [AddressFamily: Channel] = [:]
    }

    /// A family of an Established session.
    struct Channel {
        var source: SourceID
        var hasEndOfRIB = false
        var isOverLimit = false
        /// Ends a refresh whose end the peer never marks.
        var refreshTimeout: Scheduled<Void>?
        /// Nil where nothing can be sent: there is no address to name as next hop.
        var export: ExportSettings<FilterProgram>?
    }

    func session(_ serial: SessionSerial) -> Up? {
        self.up.flatMap { $0.serial == serial ? $0 : nil }
    }
}

extension SpeakerCore {
    /// Above this many octets a peer does not read fast enough: it gets a group of its own and waits.
    private static let pendingLimit = 4 << 20

    // MARK: - Life of a peer

    func addPeer(_ settings: BGPSettings) {
        let id = PeerID(rawValue: self.nextPeer)
        self.nextPeer &+= 1
        let transport = self.transport(settings)
        let session = PeerSession(
            id: id,
            loop: self.sessionLoops.next(),
            settings: settings,
            configuration: self.sessionConfiguration(settings),
            transport: transport,
            core: self.inbox,
            logger: self.logger
        )
        session.activate()
        self.peers[id] = PeerEntry(
            settings: settings,
            session: session,
            remote: transport.remote,
            scope: settings.interfaceName.flatMap { self.interfaces.index(named: $0) } ?? 0,
            isDisabled: settings.common.isDisabled
        )
        self.peersByName[settings.common.name] = id
        self.registry.insert(session, for: transport.remote)
        if self.isStarted { self.startPeer(id) }
    }

    /// Starts a peer that is not disabled, or tells it at once that it has no link.
    func startPeer(_ id: PeerID) {
        guard let entry = self.peers[id], !entry.isDisabled else { return }
        let isLinkUp = self.isReachable(entry)
        self.peers[id]?.isLinkUp = isLinkUp
        let session = entry.session
        session.loop.execute {
            session.assumeIsolated {
                if !isLinkUp { $0.setLink(up: false) }
                $0.start()
            }
        }
    }

    func removePeer(_ name: String, _ notification: Notification) {
        guard let id = self.peersByName.removeValue(forKey: name), let entry = self.peers.removeValue(forKey: id) else {
            return
        }
        self.registry.remove(entry.session, for: entry.remote)
        self.dropChannels(entry)
        let session = entry.session
        session.loop.execute {
            session.assumeIsolated { $0.stop(notification) }
            session.inbox.close()
        }
    }

    private func dropChannels(_ entry: PeerEntry) {
        for timeout in entry.up?.channels.values.compactMap(\.refreshTimeout) ?? [] { timeout.cancel() }
        for channel in entry.up?.channels.values.map(\.source) ?? [] {
            self.peersBySource[channel] = nil
            self.routing.leave(channel)
            self.routing.removeSource(channel)
        }
    }

    /// Whether the peer's link and our own address are there, as far as the session depends on them.
    func isReachable(_ entry: PeerEntry) -> Bool {
        let settings = entry.settings
        if let local = settings.localAddress, !local.isLinkLocal {
            // The address must be on the host; without its link a single-hop session is pointless as well.
            guard self.interfaces.isLocal(local) else { return false }
        }
        guard settings.multihopTTL == nil else { return true }
        if let name = settings.interfaceName {
            return self.interfaces.index(named: name).map { self.interfaces.isUp($0) } ?? false
        }
        return self.interfaces.interface(reaching: settings.neighborAddress) != nil
    }

    /// Follows interfaces of link-local peers that came after the configuration or came back with another index.
    private func updatePeerScopes() {
        var hasChanged = false
        for (id, entry) in self.peers {
            let (settings, session) = (entry.settings, entry.session)
            guard settings.neighborAddress.isLinkLocal || settings.localAddress?.isLinkLocal == true,
                let name = settings.interfaceName, let index = self.interfaces.index(named: name),
                entry.scope != index
            else { continue }
            let transport = self.transport(settings)
            self.registry.remove(session, for: entry.remote)
            self.registry.insert(session, for: transport.remote)
            self.peers[id]?.remote = transport.remote
            self.peers[id]?.scope = index
            hasChanged = true
            let configuration = self.sessionConfiguration(settings)
            session.loop.execute {
                session.assumeIsolated { $0.update(settings, configuration: configuration, transport: transport) }
            }
        }
        if hasChanged { self.updateListeners() }
    }

    /// Tells peers about links and addresses that came or went.
    func updatePeerLinks() {
        self.updatePeerScopes()
        for (id, entry) in self.peers where !entry.isDisabled {
            let isLinkUp = self.isReachable(entry)
            guard isLinkUp != entry.isLinkUp else { continue }
            self.peers[id]?.isLinkUp = isLinkUp
            self.logger.info(
                isLinkUp ? "Peer has a link" : "Peer has no link",
                metadata: ["peer": "\(entry.settings.common.name)"]
            )
            let session = entry.session
            session.loop.execute { session.assumeIsolated { $0.setLink(up: isLinkUp) } }
        }
    }

    // MARK: - What a session is made of

    func transport(_ settings: BGPSettings) -> PeerSession.TransportSettings {
        let scope = settings.interfaceName.flatMap { self.interfaces.index(named: $0) } ?? 0
        var options = SessionSocketOptions()
        options.password = settings.password.map { Array($0.utf8) } ?? []
        if settings.ttlSecurity {
            options.outgoingTTL = 255
            options.minimumTTL = UInt8(256 - Int(max(settings.multihopTTL ?? 1, 1)))
        } else {
            options.outgoingTTL = settings.multihopTTL ?? 1
        }
        let isLinkLocal = settings.neighborAddress.isLinkLocal
        return PeerSession.TransportSettings(
            remote: SocketEndpoint(
                address: settings.neighborAddress,
                scope: isLinkLocal ? scope : 0,
                port: settings.neighborPort
            ),
            local: settings.localAddress.map {
                SocketEndpoint(address: $0, scope: $0.isLinkLocal ? scope : 0, port: 0)
            },
            options: options
        )
    }

    func sessionConfiguration(_ settings: BGPSettings) -> SessionConfiguration {
        let remote: SessionConfiguration.RemoteAS =
            if let number = settings.neighborAS { .exactly(number) } else if settings.isInternal { .internal } else {
                .external
            }
        var configuration = SessionConfiguration(
            localAS: settings.localAS,
            remoteAS: remote,
            localIdentifier: settings.common.routerID ?? self.routerID
        )
        let timers = settings.timers
        configuration.holdTime = timers.hold
        configuration.startupHoldTime = .seconds(timers.startupHold)
        configuration.keepaliveTime = timers.keepalive
        configuration.sendHoldTime = timers.sendHold.map { .seconds($0) }
        configuration.connectRetryTime = .seconds(timers.connectRetry)
        configuration.connectDelay = .seconds(timers.connectDelay)
        configuration.idleHoldTime =
            .seconds(timers.errorWait.lowerBound) ... .seconds(timers.errorWait.upperBound)
        configuration.errorForgetTime = .seconds(timers.errorForget)
        configuration.families = settings.channels.map { channel in
            var family = SessionConfiguration.Family(channel.channel.family)
            family.isMandatory = channel.isMandatory
            family.extendedNextHop = channel.extendedNextHop
            return family
        }
        configuration.routeRefresh = settings.routeRefresh
        configuration.enhancedRouteRefresh = settings.routeRefresh
        configuration.extendedMessage = settings.extendedMessages
        configuration.isPassive = settings.isPassive
        return configuration
    }

    /// Opens and closes listening sockets so that every peer can connect, with its MD5 key and from its distance.
    func updateListeners() {
        guard let listeners = self.listeners else { return }
        var wanted: [SocketEndpoint: Listeners.Expected] = [:]
        for entry in self.peers.values {
            let any: IPAddress = entry.remote.address.isIPv4 ? .v4(.any) : .v6(.any)
            let local = SocketEndpoint(address: any, port: entry.settings.localPort)
            var neighbor = entry.remote
            neighbor.port = 0
            wanted[local, default: Listeners.Expected()].add(neighbor, self.transport(entry.settings).options)
        }
        for (local, error) in listeners.update(wanted) {
            self.logger.error("Cannot listen", metadata: ["address": "\(local)", "error": "\(error)"])
        }
    }

    // MARK: - Sessions

    func sessionIsUp(_ serial: SessionSerial, _ established: EstablishedSession) {
        guard var entry = self.peers[serial.peer] else { return }
        self.dropChannels(entry)
        entry.up = PeerEntry.Up(serial: serial, established: established)
        entry.pending = 0
        for channel in entry.settings.channels {
            let family = channel.channel.family
            guard established.negotiated.parameters(of: family) != nil,
                let settings = self.sourceSettings(entry.settings, channel, established),
                let source = self.routing.addSource(settings)
            else { continue }
            let export = self.exportSettings(entry.settings, channel, established, settings.table)
            entry.up?.channels[family] = PeerEntry.Channel(source: source, export: export)
            self.peersBySource[source] = serial.peer
            if let export {
                self.routing.join(source, export)
            } else {
                self.logger.error(
                    "No address to name as next hop: nothing is sent",
                    metadata: ["peer": "\(entry.settings.common.name)", "family": "\(family)"]
                )
            }
        }
        self.peers[serial.peer] = entry
    }

    func sessionIsDown(_ serial: SessionSerial) {
        guard let entry = self.peers[serial.peer], entry.session(serial) != nil else { return }
        self.dropChannels(entry)
        self.peers[serial.peer]?.up = nil
        self.peers[serial.peer]?.pending = 0
    }

    func refresh(_ refresh: RouteRefresh, _ serial: SessionSerial) {
        guard let channel = self.peers[serial.peer]?.session(serial)?.channels[refresh.family], channel.export != nil
        else { return }
        self.routing.refresh(channel.source)
    }

    private func interface(of address: IPAddress) -> UInt32 {
        self.interfaces.addresses.first { $0.value.contains { $0.address.address == address } }?.key ?? 0
    }

    func sourceSettings(
        _ settings: BGPSettings,
        _ channel: BGPChannelSettings,
        _ established: EstablishedSession
    ) -> SourceSettings<FilterProgram>? {
        guard let table = self.routing.table(named: channel.channel.table) else { return nil }
        let negotiated = established.negotiated
        var session = BGPSourceSettings(
            localAS: settings.localAS,
            localRouterID: settings.common.routerID ?? self.routerID,
            peerAS: negotiated.peerAS,
            peerRouterID: negotiated.peerIdentifier,
            peerAddress: settings.neighborAddress
        )
        session.interface = settings.multihopTTL == nil ? self.interface(of: established.local.address) : 0
        session.isRouteReflectorClient = settings.isRouteReflectorClient
        session.clusterID = settings.clusterID ?? settings.common.routerID ?? self.routerID
        session.allowedLocalAS = settings.allowedLocalAS
        session.defaultLocalPreference = settings.defaultLocalPreference
        session.defaultMED = settings.defaultMED
        session.decision = []
        if settings.comparesPathLength { session.decision.insert(.pathLength) }
        if settings.comparesIGPMetric { session.decision.insert(.igpMetric) }
        if settings.comparesMEDAlways { session.decision.insert(.alwaysCompareMED) }
        if settings.prefersOlder { session.decision.insert(.preferOlder) }
        var source = SourceSettings(
            origin: RouteOrigin(
                source: .bgp,
                protocolName: settings.common.name,
                from: settings.neighborAddress,
                isInternal: negotiated.isInternal,
                defaultLocalPreference: settings.defaultLocalPreference
            ),
            table: table,
            importPolicy: channel.channel.importPolicy,
            preference: channel.channel.preference,
            session: session
        )
        let isIPv4 = channel.channel.family == .ipv4Unicast
        let igp = channel.igpTable.flatMap { self.routing.table(named: $0) } ?? table
        let isDirect = channel.gateway.map { $0 == .direct } ?? (settings.multihopTTL == nil)
        source.resolution =
            isDirect
            ? Resolution(
                mode: .direct,
                ipv4Table: self.connectedTables[.ipv4Unicast],
                ipv6Table: self.connectedTables[.ipv6Unicast]
            )
            : Resolution(
                mode: .recursive,
                ipv4Table: isIPv4 ? igp : self.routing.table(named: "master4"),
                ipv6Table: isIPv4 ? self.routing.table(named: "master6") : igp
            )
        source.receiveLimit = channel.channel.receiveLimit.flatMap { $0.action == .block ? $0.count : nil }
        source.importLimit = channel.channel.importLimit.flatMap { $0.action == .block ? $0.count : nil }
        return source
    }

    /// What a peer is sent; nil when there is no own address of the family to name as next hop.
    func exportSettings(
        _ settings: BGPSettings,
        _ channel: BGPChannelSettings,
        _ established: EstablishedSession,
        _ table: TableID
    ) -> ExportSettings<FilterProgram>? {
        let negotiated = established.negotiated
        guard let selfNextHop = self.selfNextHop(settings, channel, established) else { return nil }
        let session: GroupKey.Session =
            !negotiated.isInternal ? .external : settings.isRouteReflectorClient ? .client : .nonClient
        var key = GroupKey(table: table, session: session, localAS: settings.localAS, selfNextHop: selfNextHop)
        if session == .client { key.clusterID = settings.clusterID ?? settings.common.routerID ?? self.routerID }
        key.encoding = UpdateEncoding(
            maximumLength: negotiated.maximumMessageLength,
            hasFourOctetAS: negotiated.fourOctetAS
        )
        key.allowsExtendedNextHop = negotiated.parameters(of: channel.channel.family)?.extendedNextHop ?? false
        key.nextHopSelf = channel.nextHopSelf.groupSelection
        key.nextHopKeep = channel.nextHopKeep.groupSelection
        key.interface = settings.multihopTTL == nil ? self.interface(of: established.local.address) : 0
        key.interpretsCommunities = settings.interpretsCommunities
        key.defaultLocalPreference = settings.defaultLocalPreference
        return ExportSettings(policy: channel.channel.exportPolicy, key: key)
    }

    /// Our own address as this peer's next hop: configured, the session's, or one of the same interface.
    private func selfNextHop(
        _ settings: BGPSettings,
        _ channel: BGPChannelSettings,
        _ established: EstablishedSession
    ) -> BGPNextHop? {
        let isIPv4 = channel.channel.family == .ipv4Unicast
        let local = established.local.address
        let interface = self.interface(of: local)
        let addresses = (self.interfaces.addresses[interface] ?? []).map(\.address.address)
        let linkLocal = addresses.lazy.compactMap { address -> IPv6Address? in
            if case .v6(let value) = address, value.isLinkLocal { value } else { nil }
        }.first
        let isShared = settings.multihopTTL == nil
        if let address = channel.nextHopAddress { return BGPNextHop(address) }
        let extendedNextHop = established.negotiated.parameters(of: channel.channel.family)?.extendedNextHop ?? false
        if local.isIPv4 == isIPv4 || extendedNextHop {
            if local.isLinkLocal {
                let global = addresses.first { !$0.isIPv4 && !$0.isLinkLocal }
                return BGPNextHop(global ?? local, linkLocal: linkLocal)
            }
            return BGPNextHop(local, linkLocal: isShared && !local.isIPv4 ? linkLocal : nil)
        }
        let other = addresses.filter { $0.isIPv4 == isIPv4 && !$0.isLinkLocal }.min()
        return other.map { BGPNextHop($0, linkLocal: isShared && !isIPv4 ? linkLocal : nil) }
    }

    // MARK: - Routes in

    func ingest(_ batch: RouteBatch, _ serial: SessionSerial) {
        guard let entry = self.peers[serial.peer], let up = entry.session(serial) else { return }
        let (session, common) = (entry.session, entry.settings.common)
        let isTraced = !common.debug.isEmpty
        let interface = up.established.remote.scope
        for segment in batch.segments {
            let family: AddressFamily = segment.isIPv4 ? .ipv4Unicast : .ipv6Unicast
            guard let channel = up.channels[family] else { continue }
            switch segment.kind {
            case .announce:
                self.announce(segment, batch, channel.source, interface, serial, family)
                if isTraced { self.traceRoutes(segment, batch, channel.source, common) }
            case .withdraw:
                self.withdraw(segment, batch, channel.source)
                if isTraced { self.traceRoutes(segment, batch, channel.source, common) }
            case .endOfRIB:
                self.peers[serial.peer]?.up?.channels[family]?.hasEndOfRIB = true
                self.sweepIfComplete()
            case .beginningOfRefresh: self.beginRefresh(channel.source, serial, family)
            case .endOfRefresh: self.endRefresh(channel.source, serial, family)
            }
        }
        session.inbox.send(.processed(serial, batch.size))
    }

    /// Marks what the peer is about to announce again; the wait for the end is bounded (RFC 7313 §4).
    private func beginRefresh(_ source: SourceID, _ serial: SessionSerial, _ family: AddressFamily) {
        self.routing.markStale(source)
        self.peers[serial.peer]?.up?.channels[family]?.refreshTimeout?.cancel()
        self.peers[serial.peer]?.up?.channels[family]?.refreshTimeout = self.loop.scheduleTask(in: .minutes(5)) {
            [weak self] in
            self?.assumeIsolated { core in
                guard core.peers[serial.peer]?.session(serial) != nil else { return }
                core.endRefresh(source, serial, family)
                core.scheduleRun()
            }
        }
    }

    private func endRefresh(_ source: SourceID, _ serial: SessionSerial, _ family: AddressFamily) {
        // An end without a beginning means nothing.
        guard let timeout = self.peers[serial.peer]?.up?.channels[family]?.refreshTimeout else { return }
        timeout.cancel()
        self.peers[serial.peer]?.up?.channels[family]?.refreshTimeout = nil
        self.routing.removeStale(source)
    }

    private func withdraw(_ segment: RouteBatch.Segment, _ batch: RouteBatch, _ source: SourceID) {
        if segment.isIPv4 {
            self.routing.withdraw(source, nlri: batch.ipv4.span.extracting(segment.nlri))
        } else {
            self.routing.withdraw(source, nlri: batch.ipv6.span.extracting(segment.nlri))
        }
    }

    private func announce(
        _ segment: RouteBatch.Segment,
        _ batch: RouteBatch,
        _ source: SourceID,
        _ scope: UInt32,
        _ serial: SessionSerial,
        _ family: AddressFamily
    ) {
        guard let nextHop = segment.nextHop else { return }
        // A next hop that is this host would loop: such routes are as good as withdrawn (RFC 4271 §5.1.3).
        guard !self.interfaces.isLocal(nextHop.address) else {
            self.withdraw(segment, batch, source)
            return
        }
        let isScoped = nextHop.address.isLinkLocal || nextHop.linkLocal != nil
        let sessionInterface = scope != 0 ? scope : self.peers[serial.peer]?.singleHopInterface ?? 0
        let target = RouteTarget.recursive(nextHop, interface: isScoped ? sessionInterface : 0)
        let attributes = batch.attributes.span.bytes.extracting(segment.attributes)
        let result =
            segment.isIPv4
            ? self.routing.announce(
                source,
                attributes: attributes,
                hash: segment.attributesHash,
                target: target,
                nlri: batch.ipv4.span.extracting(segment.nlri)
            )
            : self.routing.announce(
                source,
                attributes: attributes,
                hash: segment.attributesHash,
                target: target,
                nlri: batch.ipv6.span.extracting(segment.nlri)
            )
        self.enforceLimits(source, serial, family, result)
    }

    /// Acts on `import limit` and `receive limit`.
    private func enforceLimits(
        _ source: SourceID,
        _ serial: SessionSerial,
        _ family: AddressFamily,
        _ result: IngestResult
    ) {
        guard let entry = self.peers[serial.peer],
            let channel = entry.settings.channels.first(where: { $0.channel.family == family })?.channel,
            channel.receiveLimit != nil || channel.importLimit != nil
        else { return }
        let counters = self.routing.counters(source)
        var exceeded: LimitSettings?
        if let limit = channel.receiveLimit, counters.received > limit.count || result.exceedsReceiveLimit {
            exceeded = limit
        }
        if let limit = channel.importLimit,
            limit.action == .block ? result.isAtImportLimit : counters.accepted > limit.count
        {
            exceeded = exceeded ?? limit
        }
        guard let exceeded, entry.up?.channels[family]?.isOverLimit == false else { return }
        self.peers[serial.peer]?.up?.channels[family]?.isOverLimit = true
        self.logger.warning(
            "Route limit reached",
            metadata: [
                "peer": "\(entry.settings.common.name)", "family": "\(family)", "limit": "\(exceeded.count)",
                "action": "\(exceeded.action.rawValue)",
            ]
        )
        guard exceeded.action == .restart || exceeded.action == .disable else { return }
        var notification = Notification.cease(.maximumNumberOfPrefixesReached)
        notification.data =
            [UInt8(family.afi >> 8), UInt8(family.afi & 255), family.safi]
            + stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: exceeded.count >> UInt32($0)) }
        entry.session.inbox.send(.end(serial, notification, exceeded.action == .restart ? .afterBackoff : .never))
    }

    // MARK: - Routes out

    /// Sends what groups are owed, a slice each.
    ///
    /// Returns whether more is due that can be sent.
    func flushGroups() -> Bool {
        var isMoreDue = false
        for group in self.routing.groups where self.routing.isPending(group) {
            let members = self.routing.members(of: group)
            let slow = members.filter { member in
                self.peersBySource[member].flatMap { self.peers[$0]?.pending }.map { $0 > Self.pendingLimit } ?? false
            }
            if slow.count == members.count { continue }
            for member in slow { self.routing.separate(member) }
            let output = self.routing.flush(group, limit: 8192)
            for item in output.items { self.send(item, to: output.members) }
            if !output.isDrained { isMoreDue = true }
        }
        return isMoreDue
    }

    private func send(_ item: GroupItem, to members: [SourceID]) {
        // One buffer for everyone: NIO shares its storage between the sessions' write queues.
        let buffer = ByteBuffer(bytes: item.bytes)
        for member in members where item.audience.includes(member) {
            guard let id = self.peersBySource[member], let up = self.peers[id]?.up else { continue }
            self.peers[id]?.pending += buffer.readableBytes
            self.peers[id]?.session.inbox.send(.write(up.serial, buffer))
        }
    }
}

extension PeerEntry {
    /// Interface of a session to a link-local neighbour or with a named interface; 0 when it is not known.
    var singleHopInterface: UInt32 { self.remote.scope }
}

extension BGPChannelSettings.Selection {
    /// The routing core's word for it.
    var groupSelection: GroupKey.NextHopSelection {
        switch self {
        case .never: .never
        case .always: .always
        case .fromInternal: .fromInternal
        case .fromExternal: .fromExternal
        }
    }
}
