internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import NIOCore
internal import Netlink
internal import RouteModel
internal import Routing
internal import SpeakerSettings

extension SpeakerCore {
    func snapshot() -> SpeakerSnapshot {
        SpeakerSnapshot(
            routerID: self.routerID,
            isStarted: self.isStarted,
            startTime: self.startTime,
            uptime: .nanoseconds((NIODeadline.now() - self.startedAt).nanoseconds),
            tables: self.routing.tables.filter { !self.connectedTables.values.contains($0) }.map { table in
                let counters = self.routing.counters(table)
                return .init(
                    name: self.routing.name(of: table),
                    family: table.family,
                    destinations: counters.destinations,
                    paths: counters.paths
                )
            },
            protocols: self.settings.protocols.map(self.instance),
            refusedConnections: self.registry.refusedCount
        )
    }

    private func instance(_ settings: ProtocolSettings) -> SpeakerSnapshot.Instance {
        let name = settings.common.name
        var state = settings.common.isDisabled ? "down" : "up"
        let kind: String
        let tables: [String]
        var detail = ""
        switch settings {
        case .bgp(let settings):
            kind = "bgp"
            tables = settings.channels.map(\.channel.table)
            let entry = self.peersByName[name].flatMap { self.peers[$0] }
            state = entry?.isDisabled ?? true ? "down" : entry?.up == nil ? "start" : "up"
            detail = entry?.up == nil ? "" : "Established"
        case .kernel(let settings):
            kind = "kernel"
            tables = [settings.channel.table]
            if let report = self.kernels[name]?.report {
                detail = "\(report.wanted) wanted, \(report.blocked) blocked, \(report.refused) refused"
            }
        case .static(let settings):
            kind = "static"
            tables = [settings.channel.table]
            detail = "\(self.statics[name]?.announced.count ?? 0) of \(settings.routes.count) routes active"
        case .direct(let settings):
            kind = "direct"
            tables = settings.channels.map(\.table)
        case .device:
            kind = "device"
            tables = []
            detail = "\(self.interfaces.links.count) interfaces"
        case .pipe(let settings):
            kind = "pipe"
            tables = [settings.channel.table, settings.peerTable]
            if let pipe = self.pipes[name] {
                let counts = (
                    self.routing.mirroredCount(pipe.import.consumer), self.routing.mirroredCount(pipe.export.consumer)
                )
                detail = "\(counts.0) imported, \(counts.1) exported"
            }
        }
        return .init(
            name: name,
            kind: kind,
            state: state,
            tables: tables,
            detail: detail,
            since: self.since[name] ?? self.startTime
        )
    }

    func interfaceSnapshots() -> [InterfaceSnapshot] {
        self.interfaces.links.values.sorted { $0.index < $1.index }.map { link in
            InterfaceSnapshot(
                name: link.name,
                index: link.index,
                isUp: link.isOperUp,
                mtu: link.mtu,
                addresses: (self.interfaces.addresses[link.index] ?? []).map(\.address)
            )
        }
    }

    // MARK: - Neighbours

    func peerSnapshots(named name: String?) async throws(ControlFailure) -> [PeerSnapshot] {
        var result: [PeerSnapshot] = []
        for case .bgp(let settings) in self.settings.protocols where name == nil || settings.common.name == name {
            guard let id = self.peersByName[settings.common.name], let session = self.peers[id]?.session else {
                continue
            }
            var snapshot = await session.snapshot()
            guard let entry = self.peers[id] else { continue }
            snapshot.isDisabled = entry.isDisabled
            snapshot.isDisabledByError = entry.isDisabled && entry.isDisabledByError
            snapshot.isLinkUp = entry.isLinkUp
            snapshot.attributeOctets = self.attributeCharge(entry)
            snapshot.channels = settings.channels.map { channel in
                self.channelSnapshot(channel, entry)
            }
            snapshot.negotiatedBefore = entry.kept?.established.negotiated
            result.append(snapshot)
        }
        if let name, result.isEmpty { throw self.unknownNeighbor(name) }
        return result
    }

    private func channelSnapshot(_ settings: BGPChannelSettings, _ entry: PeerEntry) -> PeerSnapshot.Channel {
        let family = settings.channel.family
        let channel = entry.up?.channels[family]
        var snapshot = PeerSnapshot.Channel(
            family: settings.channel.family,
            table: settings.channel.table,
            isNegotiated: channel != nil,
            received: 0,
            accepted: 0,
            best: 0,
            exported: 0
        )
        let kept = entry.kept?.channels[family]
        guard let source = channel?.source ?? kept?.source else { return snapshot }
        let counters = self.routing.counters(source)
        snapshot.received = UInt64(counters.received)
        snapshot.accepted = UInt64(counters.accepted)
        snapshot.best = UInt64(counters.best)
        snapshot.exported = UInt64(max(0, self.routing.exportedCount(to: source)))
        snapshot.stale = UInt64(counters.stale)
        snapshot.dropped = counters.dropped
        snapshot.hasEndOfRIB = channel?.hasEndOfRIB ?? false
        if let stale = channel?.stale ?? kept?.stale {
            let phase: PeerSnapshot.Channel.Phase =
                switch stale.phase {
                case .restart: .restart
                case .longLived: .longLived
                case .synchronizing: .synchronizing
                }
            snapshot.wait = .init(
                phase: phase,
                left: .nanoseconds(max(0, (stale.deadline - NIODeadline.now()).nanoseconds))
            )
        }
        return snapshot
    }

    /// Starts, stops, restarts or refreshes a neighbour.
    func perform(_ action: Speaker.NeighborAction, on name: String, _ message: String?) async throws(ControlFailure)
        -> String
    {
        guard let id = self.peersByName[name], let entry = self.peers[id] else { throw self.unknownNeighbor(name) }
        switch action {
        case .up:
            guard entry.isDisabled else { return "\(name) is enabled already" }
            self.peers[id]?.isDisabled = false
            self.peers[id]?.isDisabledByError = false
            self.startPeer(id)
            return "\(name) is enabled"
        case .down:
            guard !entry.isDisabled else { return "\(name) is disabled already" }
            self.peers[id]?.isDisabled = true
            self.drop(entry.kept)
            self.peers[id]?.kept = nil
            self.scheduleRun()
            await entry.session.stop(.cease(.administrativeShutdown, communication: message))
            return "\(name) is disabled"
        case .restart:
            guard !entry.isDisabled else { throw .notPossible("\(name) is disabled") }
            await entry.session.reset(.cease(.administrativeReset, communication: message))
            return "\(name) restarts"
        case .refreshIn:
            guard let up = entry.up else { throw .notPossible("\(name) is not established") }
            for family in up.channels.keys where !(await entry.session.requestRefresh(family)) {
                throw .notPossible("\(name) does not support route refresh")
            }
            return "\(name) was asked for its routes"
        case .refreshOut:
            guard let up = entry.up else { throw .notPossible("\(name) is not established") }
            let marks = up.established.negotiated.enhancedRouteRefresh
            for channel in up.channels.values where channel.export != nil {
                self.routing.refresh(channel.source, marks: marks)
            }
            self.scheduleRun()
            return "\(name) is sent its routes again"
        }
    }

    // MARK: - Routes

    /// A slice of what a query selects: at most about `limit` destinations are looked at.
    func routes(_ selection: RouteSelection, from position: RouteSlice.Position?, limit: Int) throws(ControlFailure)
        -> RouteSlice
    {
        switch selection.neighbor {
        case .exported(let name): return try self.exported(name, selection, position, limit)
        case .received(let name):
            let sources = try self.channels(of: name)
            return try self.walk(selection, position, limit) { table in
                sources.first { $0.key == table.family }?.value
            }
        case nil: return try self.walk(selection, position, limit) { _ in nil }
        }
    }

    /// The failure of a query for a neighbour that there is not.
    func unknownNeighbor(_ name: String) -> ControlFailure {
        var known: [String: IPAddress] = [:]
        for (name, id) in self.peersByName { known[name] = self.peers[id]?.settings.neighborAddress }
        return .unknownNeighbor(name, known: known)
    }

    /// The failure of a query for a table that there is not.
    func unknownTable(_ name: String) -> ControlFailure {
        var known: [String] = []
        for table in self.routing.tables where !self.connectedTables.values.contains(table) {
            known.append(self.routing.name(of: table))
        }
        return .unknownTable(name, known: known)
    }

    private func channels(of name: String) throws(ControlFailure) -> [AddressFamily: SourceID] {
        guard let id = self.peersByName[name], let entry = self.peers[id] else { throw self.unknownNeighbor(name) }
        return entry.up?.channels.mapValues(\.source) ?? entry.kept?.channels.mapValues(\.source) ?? [:]
    }

    func selectedTables(_ selection: RouteSelection) throws(ControlFailure) -> [TableID] {
        var tables = self.routing.tables.filter { !self.connectedTables.values.contains($0) }
        if let name = selection.table {
            guard let table = self.routing.table(named: name) else { throw self.unknownTable(name) }
            tables = [table]
        }
        return tables.filter { table in
            if let family = selection.family, family != table.family { return false }
            switch selection.destination {
            case .all: return true
            case .prefix(let prefix): return prefix.isIPv4 == table.isIPv4
            case .longestMatch(let address): return address.isIPv4 == table.isIPv4
            }
        }
    }

    private func walk(
        _ selection: RouteSelection,
        _ position: RouteSlice.Position?,
        _ limit: Int,
        _ source: (TableID) -> SourceID?
    ) throws(ControlFailure) -> RouteSlice {
        let tables = try self.selectedTables(selection)
        let stage = position?.stage ?? 0
        guard stage < tables.count else { return RouteSlice(routes: [], next: nil) }
        let table = tables[stage]
        let only = source(table)
        if selection.neighbor != nil, only == nil {
            return RouteSlice(routes: [], next: .init(stage: stage + 1, offset: 0))
        }
        var found: [DestinationView] = []
        var next: RouteSlice.Position? = stage + 1 < tables.count ? .init(stage: stage + 1, offset: 0) : nil
        switch selection.destination {
        case .prefix(let prefix):
            if let view = self.routing.lookUp(prefix, in: table) { found = [view] }
        case .longestMatch(let address):
            if let view = self.routing.longestMatch(address, in: table) { found = [view] }
        case .all:
            let slice = self.routing.walk(table, from: position?.offset ?? 0, limit: limit, source: only)
            found = slice.elements
            if let offset = slice.next { next = .init(stage: stage, offset: offset) }
        }
        let name = self.routing.name(of: table)
        var routes: [RouteSnapshot] = []
        for destination in found {
            for path in destination.paths where only == nil || path.source == only {
                routes.append(self.route(destination.prefix, path, name, asReceived: selection.neighbor != nil))
            }
        }
        return RouteSlice(routes: routes, next: next)
    }

    func route(_ prefix: IPPrefix, _ path: PathView, _ table: String, asReceived: Bool) -> RouteSnapshot {
        let form = asReceived ? path.received : path.accepted ?? path.received
        var discard: String?
        switch path.resolved.kind {
        case .blackhole: discard = "blackhole"
        case .unreachable: discard = "unreachable"
        case .prohibit: discard = "prohibit"
        case .gateways, .unresolvable: break
        }
        var rejection = path.rejection.map(\.text)
        if rejection == nil, path.resolved.kind == .unresolvable {
            rejection = self.isOwnNextHop(form.target) ? "next hop is this host" : "next hop unreachable"
        }
        return RouteSnapshot(
            prefix: prefix,
            table: table,
            origin: path.origin,
            isBest: path.isBest,
            attributes: form.attributes,
            target: form.target,
            local: form.local,
            gateways: path.resolved.gateways,
            interface: path.resolved.gateways.first.flatMap { self.interfaces.name(of: $0.interface) },
            discard: discard,
            rejection: rejection,
            isStale: path.isStale,
            isLongLivedStale: path.isLongLivedStale,
            pathID: path.pathID
        )
    }

    /// Whether the next hop is an address of this host, where packets would loop (RFC 4271 §5.1.3).
    func isOwnNextHop(_ target: RouteTarget) -> Bool {
        guard case .recursive(let nextHop, _) = target else { return false }
        return self.interfaces.isLocal(nextHop.address)
    }

    private func exported(
        _ name: String,
        _ selection: RouteSelection,
        _ position: RouteSlice.Position?,
        _ limit: Int
    ) throws(ControlFailure) -> RouteSlice {
        let members = try self.channels(of: name).sorted { $0.key < $1.key }
            .filter { selection.family == nil || selection.family == $0.key }
        let stage = position?.stage ?? 0
        guard stage < members.count else { return RouteSlice(routes: [], next: nil) }
        let member = members[stage].value
        let slice = self.routing.exported(to: member, from: position?.offset ?? 0, limit: limit)
        var next: RouteSlice.Position? = stage + 1 < members.count ? .init(stage: stage + 1, offset: 0) : nil
        if let offset = slice.next { next = .init(stage: stage, offset: offset) }
        let table =
            self.peersByName[name].flatMap { self.peers[$0] }?
            .settings.channels.first { $0.channel.family == members[stage].key }?.channel.table ?? ""
        let routes = slice.elements.compactMap { view -> RouteSnapshot? in
            switch selection.destination {
            case .all: break
            case .prefix(let prefix): guard view.prefix == prefix else { return nil }
            case .longestMatch(let address): guard view.prefix.contains(address) else { return nil }
            }
            return RouteSnapshot(
                prefix: view.prefix,
                table: table,
                origin: self.routing.origin(of: view.source) ?? RouteOrigin(source: .bgp, protocolName: ""),
                isBest: view.isBest,
                attributes: view.attributes,
                target: .recursive(view.nextHop, interface: 0),
                local: LocalAttributes(preference: view.preference),
                gateways: [],
                interface: nil,
                discard: nil,
                rejection: nil,
                pathID: view.pathID ?? 0
            )
        }
        return RouteSlice(routes: routes, next: next)
    }
}

extension RejectReason {
    /// Words for people.
    var text: String {
        switch self {
        case .filtered: "rejected by import policy"
        case .asLoop: "own AS in AS_PATH"
        case .originatorLoop: "ORIGINATOR_ID is this router"
        case .clusterLoop: "own cluster in CLUSTER_LIST"
        case .invalidNextHop: "invalid next hop"
        case .limit: "over the import limit"
        case .attributesTooLong: "attributes too long"
        case .routeLeak: "route leak by OTC"
        }
    }
}

extension PeerSession {
    /// What of a destination came and never reached the core.
    func unusedRoutes(_ destination: RouteSelection.Destination) -> [UnusedRoutes.Entry] {
        self.unused.latest(destination)
    }

    /// How long timers still run: those of the peer and of the connection that is furthest.
    private func timersLeft() -> [SessionTimer: Duration] {
        let state = self.machine.state
        let now = NIODeadline.now()
        var left: [SessionTimer: Duration] = [:]
        for (timer, running) in self.timers {
            if let id = timer.connection, self.machine.state(of: id) != state { continue }
            left[timer.timer] = .nanoseconds(max(0, (running.deadline - now).nanoseconds))
        }
        return left
    }

    /// What this loop knows of the peer.
    func snapshot() -> PeerSnapshot {
        func counts(_ counts: MessageCounters.Counts) -> PeerSnapshot.MessageCounts {
            .init(
                open: counts.open,
                update: counts.update,
                notification: counts.notification,
                keepalive: counts.keepalive,
                routeRefresh: counts.routeRefresh
            )
        }
        var snapshot = PeerSnapshot(settings: self.settings, state: self.machine.state)
        snapshot.isDisabled = self.machine.isStopped
        snapshot.isWaiting = self.machine.isWaiting
        snapshot.isLinkUp = self.machine.isLinkUp
        snapshot.lastError = self.machine.lastError
        snapshot.lastErrorTime = self.machine.lastError == nil ? nil : self.lastErrorTime
        snapshot.lastSent = self.lastSent
        snapshot.lastReceived = self.lastReceived
        snapshot.negotiated = self.machine.negotiated
        if let id = self.machine.establishedConnection, let address = self.connections[id]?.channel?.localAddress {
            snapshot.local = SocketEndpoint(address)
        }
        snapshot.establishedTime = self.establishedTime
        if let start = self.establishedAt {
            snapshot.uptime = .nanoseconds((NIODeadline.now() - start).nanoseconds)
        }
        snapshot.establishedCount = self.machine.counters.established
        snapshot.sent = counts(self.counters.sent)
        snapshot.received = counts(self.counters.received)
        snapshot.updateErrors = self.counters.errors
        snapshot.timers = self.timersLeft()
        return snapshot
    }
}
