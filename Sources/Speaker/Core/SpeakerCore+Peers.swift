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
    /// Index of the session's loop.
    let loop: Int
    var remote: SocketEndpoint
    /// Index of the named interface when `remote` was made, else 0.
    var scope: UInt32 = 0
    var isDisabled: Bool
    /// Whether an error or a limit disabled it, not someone.
    var isDisabledByError = false
    /// The latest of its routes that limits left out.
    var unused = UnusedRoutes()
    var isLinkUp = true
    var up: Up?
    /// What is kept of the last session while the neighbour restarts.
    var kept: KeptRoutes?
    /// Whether there was a session in this run: what the neighbour knows of this speaker is of this run, then.
    var wasUp = false
    /// Whether it took a connection or opened one.
    var wasReached = false

    /// A session that is Established.
    struct Up {
        var serial: SessionSerial
        var established: EstablishedSession
        var since = NIODeadline.now()
        var channels: [AddressFamily: Channel] = [:]
        /// The charge for attribute sets at which it is looked at again; nil is the configured limit.
        var nextChargeCheck: Int?
        /// Whether a review of the charge is under way.
        var isChargeReviewed = false
    }

    /// A family of an Established session.
    struct Channel {
        var source: SourceID
        /// What the routing core knows of the source.
        var settings: SourceSettings<FilterProgram>
        /// What the neighbour, back from a restart, has not announced again yet.
        var stale: StaleRoutes?
        /// The time as a last resort ended before the End-of-RIB: nothing is kept once more (RFC 9494 §4.2).
        var isRetentionOver = false
        /// Generation of the session's judge for the present import policy; 0 none.
        var judge: UInt32 = 0
        var hasEndOfRIB = false
        var isOverLimit = false
        var isNearLimit = false
        var isOverPaths = false
        var isOwnNextHopSeen = false
        var isOverExportLimit = false
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
    // MARK: - Life of a peer

    func addPeer(_ settings: BGPSettings) {
        let id = PeerID(rawValue: self.nextPeer)
        self.nextPeer &+= 1
        let transport = self.transport(settings)
        let loop = self.nextLoop
        self.nextLoop = (loop + 1) % self.sessionLoops.count
        let session = PeerSession(
            id: id,
            loop: self.sessionLoops[loop].loop,
            settings: settings,
            configuration: self.sessionConfiguration(settings),
            transport: transport,
            core: self.inbox,
            hashSeed: self.hashSeed,
            logger: self.logger
        )
        session.activate()
        self.peers[id] = PeerEntry(
            settings: settings,
            session: session,
            loop: loop,
            remote: transport.remote,
            scope: settings.interfaceName.flatMap { self.interfaces.index(named: $0) } ?? 0,
            isDisabled: settings.common.isDisabled,
            wasUp: self.returningPeers.remove(settings.common.name) != nil
        )
        self.peersByName[settings.common.name] = id
        self.noteExportLimit(id)
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

    /// A session that an error ended stays down, as its configuration wants it.
    func peerIsDisabled(_ id: PeerID, _ reason: SessionEndReason) {
        guard let name = self.peers[id]?.settings.common.name else { return }
        self.peers[id]?.isDisabled = true
        self.peers[id]?.isDisabledByError = true
        // There is nobody to wait for.
        self.drop(self.peers[id]?.kept)
        self.peers[id]?.kept = nil
        self.logger.warning(
            "Disabled after an error, until it is enabled again",
            metadata: ["peer": "\(name)", "reason": "\(reason.words)"]
        )
    }

    func removePeer(_ name: String, _ notification: Notification) {
        guard let id = self.peersByName.removeValue(forKey: name), let entry = self.peers.removeValue(forKey: id) else {
            return
        }
        self.registry.remove(entry.session, for: entry.remote)
        self.dropChannels(entry)
        if notification == .cease(.otherConfigurationChange), entry.wasUp { self.returningPeers.insert(name) }
        let session = entry.session
        session.loop.execute {
            session.assumeIsolated { $0.stop(notification) }
            session.inbox.close()
        }
    }

    private func dropChannels(_ entry: PeerEntry) {
        for channel in entry.up?.channels.values.map(\.self) ?? [] {
            self.leave(channel)
            channel.stale?.timer.cancel()
            self.routing.removeSource(channel.source)
        }
        self.drop(entry.kept)
    }

    /// Ends what is sent to a channel's neighbour.
    func leave(_ channel: PeerEntry.Channel) {
        channel.refreshTimeout?.cancel()
        self.outlets[Int(channel.source.rawValue)] = nil
        self.routing.leave(channel.source)
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
            localAS: settings.announcedAS,
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
            family.addPathReceive = channel.addPathsReceive
            family.addPathSend = channel.addPathsSend
            family.requiresExtendedNextHop = channel.requiresExtendedNextHop
            family.requiresAddPath = channel.requiresAddPaths
            return family
        }
        configuration.routeRefresh = settings.routeRefresh
        let rules = settings.rules
        configuration.enhancedRouteRefresh = settings.routeRefresh && rules.enhancedRouteRefresh
        configuration.minimumHoldTime = rules.minimumHoldTime
        configuration.minimumKeepaliveTime = rules.minimumKeepaliveTime
        configuration.role = rules.role
        configuration.requiresRole = rules.requiresRole
        let requirements: [(BGPRules.Requirements, SessionConfiguration.RequiredCapability)] = [
            (.routeRefresh, .routeRefresh), (.enhancedRouteRefresh, .enhancedRouteRefresh),
            (.fourOctetAS, .fourOctetAS), (.extendedMessages, .extendedMessage),
            (.gracefulRestart, .gracefulRestart), (.longLivedGracefulRestart, .longLivedGracefulRestart),
        ]
        configuration.required = Set(requirements.filter { rules.required.contains($0.0) }.map(\.1))
        configuration.extendedMessage = settings.extendedMessages
        configuration.isPassive = settings.isPassive
        self.setRestart(settings, &configuration)
        return configuration
    }

    /// Opens and closes listening sockets so that every peer can connect, with its MD5 key and from its distance.
    func updateListeners() {
        guard let listeners = self.listeners else { return }
        for (local, error) in listeners.update(self.expectedNeighbors(self.peers.values.map(\.settings))) {
            self.logger.error("Cannot listen", metadata: ["address": "\(local)", "error": "\(error)"])
        }
    }

    /// Where to listen for sessions, and what the sockets must know of their neighbours.
    func expectedNeighbors(_ sessions: [BGPSettings]) -> [SocketEndpoint: Listeners.Expected] {
        var expected: [SocketEndpoint: Listeners.Expected] = [:]
        func everywhere(_ settings: BGPSettings) -> SocketEndpoint {
            SocketEndpoint(address: settings.neighborAddress.isIPv4 ? .v4(.any) : .v6(.any), port: settings.localPort)
        }
        // A socket for all addresses leaves no room for another at the same port: it serves the strict ones too, and
        // their connections to other addresses are reset.
        let open = Set(sessions.filter { $0.listenAddress == nil }.map(everywhere))
        for settings in sessions {
            let transport = self.transport(settings)
            var local = everywhere(settings)
            if let address = settings.listenAddress, !open.contains(local) { local.address = address }
            var neighbor = transport.remote
            neighbor.port = 0
            expected[local, default: Listeners.Expected()].add(neighbor, transport.options)
        }
        return expected
    }

    // MARK: - Sessions

    func sessionIsUp(_ serial: SessionSerial, _ established: EstablishedSession) {
        guard var entry = self.peers[serial.peer] else { return }
        var kept = entry.kept
        entry.kept = nil
        self.dropChannels(entry)
        entry.up = PeerEntry.Up(serial: serial, established: established)
        for channel in entry.settings.channels {
            let family = channel.channel.family
            guard established.negotiated.parameters(of: family) != nil,
                let settings = self.sourceSettings(entry.settings, channel, established),
                var running = self.resume(family, settings, &kept, established)
                    ?? self.routing.addSource(settings).map({ PeerEntry.Channel(source: $0, settings: settings) })
            else { continue }
            let source = running.source
            let export = self.exportSettings(entry.settings, channel, established, settings.table)
            running.export = export
            entry.up?.channels[family] = running
            let missing = Int(source.rawValue) + 1 - self.outlets.count
            if missing > 0 { self.outlets.append(contentsOf: repeatElement(nil, count: missing)) }
            self.outlets[Int(source.rawValue)] = Outlet(session: entry.session, serial: serial, loop: entry.loop)
            if let export {
                self.routing.join(source, export)
            } else {
                self.logger.error(
                    "No address to name as next hop: nothing is sent",
                    metadata: ["peer": "\(entry.settings.common.name)", "family": "\(family)"]
                )
            }
        }
        self.drop(kept)
        self.peers[serial.peer] = entry
        for family in entry.up?.channels.keys.map(\.self) ?? [] { self.giveJudge(serial.peer, family) }
        self.noteFirstSession(serial.peer)
    }

    /// Has the session run the channel's import policy from now on, if it can.
    ///
    /// Whenever anything the policy reads beside the route changed, this makes earlier judgements void.
    func giveJudge(_ id: PeerID, _ family: AddressFamily) {
        guard let entry = self.peers[id], let up = entry.up, let channel = up.channels[family],
            let settings = entry.settings.channels.first(where: { $0.channel.family == family }),
            let source = self.sourceSettings(entry.settings, settings, up.established)
        else { return }
        var judge: ImportJudge?
        if ImportJudge.canJudge(source.importPolicy) {
            self.judgeCount = self.judgeCount == .max ? 1 : self.judgeCount + 1
            judge = ImportJudge(
                program: source.importPolicy,
                generation: self.judgeCount,
                origin: source.origin,
                preference: source.preference,
                interface: self.linkLocalInterface(entry, up),
                honorsGracefulShutdown: source.session?.honorsGracefulShutdown ?? false && !source.origin.isInternal
                    && source.session?.isConfederationMember == false,
                hashSeed: self.hashSeed
            )
        }
        guard judge != nil || channel.judge != 0 else { return }
        self.peers[id]?.up?.channels[family]?.judge = judge?.generation ?? 0
        entry.session.inbox.send(.judge(up.serial, family, judge))
    }

    /// Interface of a session's link-local next hops.
    func linkLocalInterface(_ entry: PeerEntry, _ up: PeerEntry.Up) -> UInt32 {
        let scope = up.established.remote.scope
        return scope != 0 ? scope : entry.singleHopInterface
    }

    func sessionIsDown(_ serial: SessionSerial, keepsRoutes: Bool) {
        guard var entry = self.peers[serial.peer], let up = entry.session(serial) else { return }
        if keepsRoutes, !entry.isDisabled {
            entry.kept = self.keep(up, of: serial.peer, entry.settings)
        } else {
            self.dropChannels(entry)
        }
        entry.up = nil
        self.peers[serial.peer] = entry
    }

    func refresh(_ refresh: RouteRefresh, _ serial: SessionSerial) {
        guard let channel = self.peers[serial.peer]?.session(serial)?.channels[refresh.family], channel.export != nil
        else { return }
        let marks = self.peers[serial.peer]?.up?.established.negotiated.enhancedRouteRefresh ?? false
        self.routing.refresh(channel.source, marks: marks)
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
        session.loopClusterID = settings.clusterID
        // Others than clients are in no cluster of this reflector's: their routes get that of the receivers alone.
        if settings.isRouteReflectorClient {
            session.clusterID = settings.clusterID ?? settings.common.routerID ?? self.routerID
        }
        session.allowedLocalAS = settings.allowedLocalAS
        session.defaultLocalPreference = settings.defaultLocalPreference
        session.defaultMED = settings.defaultMED
        session.confederationID = settings.rules.confederation
        session.isConfederationMember = settings.rules.isConfederationMember
        session.role = negotiated.isInternal ? nil : settings.rules.role
        session.honorsGracefulShutdown = settings.rules.honorsGracefulShutdown
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
        source.resolution.cost = channel.cost
        source.resolution.prefersLinkLocal = channel.preferredNextHop.map { $0 == .local }
        if channel.addPathsReceive { source.pathLimit = settings.rules.maximumPaths }
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
            if negotiated.isInternal {
                settings.isRouteReflectorClient ? .client : .nonClient
            } else if settings.rules.isConfederationMember {
                .confederationMember
            } else {
                settings.isRouteServerClient ? .routeServerClient : .external
            }
        let parameters = negotiated.parameters(of: channel.channel.family)
        var key = GroupKey(table: table, session: session, localAS: settings.announcedAS, selfNextHop: selfNextHop)
        let isOutside = session == .external || session == .routeServerClient
        key.stripsConfederation = isOutside && settings.rules.confederation != nil
        key.overriddenAS = isOutside && settings.rules.overridesAS ? negotiated.peerAS : nil
        key.role = isOutside ? settings.rules.role : nil
        key.sendsLocalPreference = settings.rules.allowsLocalPreference
        key.sendsMED = settings.rules.sendsMED
        switch settings.aigp(channel, isInternal: negotiated.isInternal) {
        case .off: break
        case .on: key.aigp = .on
        case .originate: key.aigp = .originate
        }
        if session == .client { key.clusterID = settings.clusterID ?? settings.common.routerID ?? self.routerID }
        key.encoding = UpdateEncoding(
            maximumLength: negotiated.maximumMessageLength,
            hasFourOctetAS: negotiated.fourOctetAS
        )
        if parameters?.addPathSend ?? false {
            key.view = channel.addPathsCount.map { .bestPaths($0) } ?? .allPaths
        } else if channel.isSecondary {
            key.view = .firstAccepted
        }
        key.allowsExtendedNextHop = parameters?.extendedNextHop ?? false
        key.nextHopSelf = channel.nextHopSelf.groupSelection
        key.nextHopKeep = channel.nextHopKeep.groupSelection
        key.interface = settings.multihopTTL == nil ? self.interface(of: established.local.address) : 0
        if key.interface != 0 {
            key.network = self.interfaces.addresses[key.interface]?.lazy.map(\.address.network)
                .first { $0.contains(settings.neighborAddress) && !settings.neighborAddress.isLinkLocal }
        }
        key.interpretsCommunities = settings.interpretsCommunities
        key.takesLongLivedStale = negotiated.longLivedGracefulRestart != nil
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
}

extension BGPSettings {
    /// The AS of this end as the neighbour knows it: the confederation's, unless the neighbour is in it (RFC 5065 §4).
    var announcedAS: ASNumber {
        let isInside = self.isInternal || self.rules.isConfederationMember
        return isInside ? self.localAS : self.rules.confederation ?? self.localAS
    }

    /// What a channel does with AIGP: by default it is on inside the own AS or confederation (RFC 7311 §3.2).
    func aigp(_ channel: BGPChannelSettings, isInternal: Bool) -> BGPChannelSettings.AIGPUse {
        channel.aigp ?? (isInternal || self.rules.isConfederationMember ? .on : .off)
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
