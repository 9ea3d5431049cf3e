import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// What can only be judged when a protocol's block, or the whole configuration, is complete.
extension Parser {
    /// Checks an instance and adds it to the settings.
    mutating func finish(_ draft: ProtocolDraft, name: String, at location: Location) {
        var common = CommonSettings(name: name)
        common.isDisabled = draft.isDisabled
        common.description = draft.description
        common.debug = draft.debug
        common.routerID = draft.routerID
        do throws(SyntaxError) {
            guard self.settings.protocols.count < Self.protocolLimit else {
                throw self.fail(location, "more than \(Self.protocolLimit) protocols")
            }
            switch draft.kind {
            case .bgp: try self.finishBGP(draft, common, at: location)
            case .kernel: try self.finishKernel(draft, common, at: location)
            case .static: try self.finishStatic(draft, common, at: location)
            case .direct:
                self.settings.protocols.append(
                    .direct(
                        DirectSettings(
                            common: common,
                            channels: draft.channels.map { $0.settings(of: .direct) },
                            interfaces: draft.interfaces
                        )
                    )
                )
            case .device:
                let isSecond = self.settings.protocols.contains { if case .device = $0 { true } else { false } }
                guard !isSecond else { throw self.fail(location, "there is another device protocol") }
                self.settings.protocols.append(
                    .device(DeviceSettings(common: common, scanTime: draft.scanTime ?? 10))
                )
            case .pipe: try self.finishPipe(draft, common, at: location)
            }
        } catch {
            self.report(error)
        }
    }

    private mutating func finishKernel(_ draft: ProtocolDraft, _ common: CommonSettings, at location: Location)
        throws(SyntaxError)
    {
        guard let channel = draft.channels.first else {
            throw self.fail(location, "a kernel protocol needs a channel: ipv4 or ipv6")
        }
        var kernel = KernelSettings(common: common, channel: channel.settings(of: .kernel))
        kernel.learns = draft.learns
        kernel.learnsKernelRoutes = draft.learnsKernelRoutes
        kernel.persists = draft.persists
        kernel.scanTime = draft.scanTime ?? 60
        kernel.mergePaths = draft.mergePaths
        kernel.kernelTable = draft.kernelTable
        // BIRD 1.6 leaves the metric to the kernel and to filters.
        let metric = draft.metric ?? (self.dialect == .bird2 ? 32 : 0)
        kernel.metric = metric == 0 ? nil : metric
        for case .kernel(let other) in self.settings.protocols {
            if other.channel.table == kernel.channel.table {
                throw self.fail(
                    channel.location,
                    "kernel protocol '\(other.common.name)' is connected to table '\(other.channel.table)' already"
                )
            }
            if other.kernelTable == kernel.kernelTable, other.channel.family == kernel.channel.family {
                throw self.fail(
                    location,
                    "kernel protocol '\(other.common.name)' has kernel table \(kernel.kernelTable) of that family already"
                )
            }
        }
        self.settings.protocols.append(.kernel(kernel))
    }

    private mutating func finishStatic(_ draft: ProtocolDraft, _ common: CommonSettings, at location: Location)
        throws(SyntaxError)
    {
        if draft.originTable != nil { return try self.finishAuthorizations(draft, common, at: location) }
        guard let channel = draft.channels.first else {
            throw self.fail(location, "a static protocol needs a channel: ipv4 or ipv6")
        }
        // Routes of a template are those of each instance.
        try self.charge(16 * draft.routes.count, at: location)
        let isIPv4 = channel.family == .ipv4Unicast
        var routes: [StaticRouteSettings] = []
        var destinations: [IPPrefix: Int] = [:]
        for (route, place) in zip(draft.routes, draft.routeLocations) {
            if route.prefix.isIPv4 != isIPv4 {
                self.report(.error, place, "\(route.prefix) does not fit the \(channel.family) channel")
            }
            if case .recursive(let address) = route.target, address.isIPv4 != isIPv4 {
                self.report(.error, place, "\(address) is of the other family than \(route.prefix)")
            }
            if case .via(let hops) = route.target, !isIPv4,
                let hop = hops.first(where: { $0.address?.isIPv4 == true }), let address = hop.address
            {
                self.report(.error, place, "IPv6 routes cannot go via the IPv4 address \(address)")
            }
            if let earlier = destinations[route.prefix] {
                self.report(.warning, place, "\(route.prefix) occurs twice: the later route replaces the earlier")
                routes[earlier] = route
            } else {
                destinations[route.prefix] = routes.count
                routes.append(route)
            }
        }
        if let igpTable = draft.igpTable, igpTable.family != channel.family {
            throw self.fail(location, "igp table '\(igpTable.name)' is of the other family")
        }
        var settings = StaticSettings(
            common: common,
            channel: channel.settings(of: .static),
            routes: routes
        )
        settings.igpTable = draft.igpTable?.name
        self.settings.protocols.append(.static(settings))
    }

    private mutating func finishBGP(_ draft: ProtocolDraft, _ common: CommonSettings, at location: Location)
        throws(SyntaxError)
    {
        let bgp = draft.bgp
        guard let localAS = bgp.localAS else {
            throw self.fail(location, "the local AS number is missing: 'local as N'")
        }
        guard let neighborAddress = bgp.neighborAddress, let place = bgp.neighborLocation else {
            throw self.fail(location, "the neighbour's address is missing: 'neighbor IP as N'")
        }
        let neighborAS: ASNumber?
        let isInternal: Bool
        switch bgp.peerType {
        case .number(let number): (neighborAS, isInternal) = (number, number == localAS)
        case .internal: (neighborAS, isInternal) = (localAS, true)
        case .external: (neighborAS, isInternal) = (nil, false)
        case nil: throw self.fail(place, "the neighbour's AS is missing: 'as N', 'internal' or 'external'")
        }
        var settings = BGPSettings(
            common: common,
            localAS: localAS,
            neighborAddress: neighborAddress,
            neighborAS: neighborAS,
            isInternal: isInternal
        )
        try self.checkReach(bgp, &settings, neighborAddress, place)
        if bgp.isClient, !isInternal {
            throw self.fail(bgp.clientLocation ?? location, "only internal neighbours can be route reflector clients")
        }
        if bgp.enforcesFirstAS, isInternal {
            throw self.fail(bgp.enforceLocation ?? location, "'enforce first as' is about external neighbours")
        }
        if bgp.isServed, isInternal {
            throw self.fail(bgp.servedLocation ?? location, "only external neighbours can be route server clients")
        }
        if bgp.restart.mode == .off, let place = bgp.longLivedLocation, bgp.restart.longLivedMode != .off {
            throw self.fail(place, "'long lived graceful restart' needs 'graceful restart', which is off (RFC 9494)")
        }
        try self.checkRules(bgp, isInternal: isInternal, at: location)
        if bgp.authenticates ?? (bgp.password != nil) != (bgp.password != nil) {
            throw self.fail(
                bgp.authenticationLocation ?? location,
                bgp.password == nil
                    ? "'authentication md5' needs a password" : "there is a password: write 'authentication md5'"
            )
        }
        Self.copyOptions(bgp, to: &settings)
        for channel in draft.channels {
            let isDirect = settings.multihopTTL == nil
            if channel.gateway == .direct, !isDirect {
                throw self.fail(
                    channel.gatewayLocation ?? channel.location,
                    "'gateway direct' needs a neighbour on the link, this session is multihop"
                )
            }
            if !isInternal, self.dialect == .bird2 {
                // RFC 8212: nothing is exchanged with another AS unless someone said what.
                for (policy, word) in [(channel.importPolicy, "import"), (channel.exportPolicy, "export")]
                where policy == nil {
                    self.report(
                        .error,
                        channel.location,
                        "a session with another AS needs an explicit \(word) policy (RFC 8212)"
                    )
                }
            }
            if channel.addPathsCount != nil, !channel.addPathsSend {
                throw self.fail(
                    channel.addPathsLocation ?? channel.location,
                    "'add paths best' limits what is sent: it needs 'add paths tx' or 'add paths on'"
                )
            }
            if channel.requiresExtendedNextHop && !channel.extendedNextHop
                || channel.requiresAddPaths && !channel.addPathsReceive && !channel.addPathsSend
            {
                throw self.fail(
                    channel.requirementLocation ?? channel.location,
                    "what is required of the neighbour must be enabled here, too"
                )
            }
            let limits = channel.longLivedStaleLimits
            if let least = limits.least, let most = limits.most, least > most {
                throw self.fail(channel.location, "'min long lived stale time' is longer than 'max …'")
            }
            let settled = Self.channelSettings(channel)
            if settled.isSecondary {
                self.sortedTables.append((settled.channel.table, channel.secondaryLocation ?? channel.location))
            }
            settings.channels.append(settled)
        }
        if settings.channels.isEmpty {
            self.report(.warning, location, "the session has no channel, so it carries no routes")
        }
        self.settings.protocols.append(.bgp(settings))
    }

    private func checkReach(
        _ bgp: BGPDraft,
        _ settings: inout BGPSettings,
        _ neighbor: IPAddress,
        _ place: Location
    ) throws(SyntaxError) {
        switch bgp.multihop {
        case .direct: settings.multihopTTL = nil
        case .ttl(let ttl): settings.multihopTTL = ttl
        case nil: break
        }
        let isLinkLocal = neighbor.isLinkLocal && !neighbor.isIPv4
        if isLinkLocal, bgp.interfaceName == nil {
            throw self.fail(place, "a link-local address needs an interface, as in \(neighbor)%eth0")
        }
        if settings.multihopTTL != nil, isLinkLocal || bgp.interfaceName != nil {
            throw self.fail(
                bgp.multihopLocation ?? place,
                "a multihop session cannot be bound to a link; internal sessions are multihop unless 'direct' is given"
            )
        }
        if let local = bgp.localAddress, local.isIPv4 != neighbor.isIPv4 {
            throw self.fail(
                bgp.localAddressLocation ?? place,
                "\(local) and the neighbour's \(neighbor) are of different families"
            )
        }
        if bgp.bindsStrictly {
            guard let local = bgp.localAddress else {
                throw self.fail(
                    bgp.strictLocation ?? place,
                    "'strict bind' needs the session's own address: 'local IP'"
                )
            }
            guard !local.isLinkLocal else {
                throw self.fail(bgp.strictLocation ?? place, "'strict bind' to a link-local address is not supported")
            }
        }
        if neighbor.isUnspecified {
            throw self.fail(place, "\(neighbor) is not a neighbour's address")
        }
    }

    private static func copyOptions(_ bgp: BGPDraft, to settings: inout BGPSettings) {
        settings.localAddress = bgp.localAddress
        settings.localPort = bgp.localPort ?? 179
        settings.listenAddress = bgp.bindsStrictly ? bgp.localAddress : nil
        settings.interfaceName = bgp.interfaceName
        settings.neighborPort = bgp.neighborPort ?? 179
        settings.ttlSecurity = bgp.ttlSecurity
        settings.isPassive = bgp.isPassive
        settings.password = bgp.password
        settings.isRouteReflectorClient = bgp.isClient
        settings.clusterID = bgp.clusterID
        settings.isRouteServerClient = bgp.isServed
        settings.allowedLocalAS = bgp.allowedLocalAS
        settings.interpretsCommunities = bgp.interpretsCommunities
        settings.enforcesFirstAS = bgp.enforcesFirstAS
        settings.defaultLocalPreference = bgp.defaultLocalPreference
        settings.defaultMED = bgp.defaultMED
        settings.deterministicMED = bgp.deterministicMED
        settings.comparesMEDAlways = bgp.comparesMEDAlways
        settings.prefersOlder = bgp.prefersOlder
        settings.comparesPathLength = bgp.comparesPathLength
        settings.comparesIGPMetric = bgp.comparesIGPMetric
        settings.routeRefresh = bgp.routeRefresh
        settings.extendedMessages = bgp.extendedMessages
        settings.attributeLimit = Int(bgp.attributeLimit) << 20
        settings.disablesAfterError = bgp.disablesAfterError
        settings.disablingCeases = bgp.disablingCeases
        settings.timers = bgp.timers
        settings.restart = bgp.restart
        // One needs the other.
        if bgp.restart.mode == .off { settings.restart.longLivedMode = .off }
        settings.rules = bgp.rules
    }

    private static func channelSettings(_ draft: ChannelDraft) -> BGPChannelSettings {
        var channel = BGPChannelSettings(channel: draft.settings(of: .bgp))
        channel.nextHopSelf = draft.nextHopSelf
        channel.nextHopKeep = draft.nextHopKeep
        channel.nextHopAddress = draft.nextHopAddress
        channel.gateway = draft.gateway
        channel.igpTable = draft.igpTable
        channel.extendedNextHop = draft.extendedNextHop
        channel.isMandatory = draft.isMandatory
        channel.cost = draft.cost
        channel.preferredNextHop = draft.preferredNextHop
        channel.requiresExtendedNextHop = draft.requiresExtendedNextHop
        channel.requiresAddPaths = draft.requiresAddPaths
        channel.aigp = draft.aigp
        channel.isSecondary = draft.isSecondary
        channel.addPathsReceive = draft.addPathsReceive
        channel.addPathsSend = draft.addPathsSend
        channel.addPathsCount = draft.addPathsCount
        channel.restarts = draft.restarts
        channel.restartsLongLived = draft.restartsLongLived
        channel.longLivedStaleTime = draft.longLivedStaleTime
        (channel.minimumStaleTime, channel.maximumStaleTime) = draft.longLivedStaleLimits
        return channel
    }

    /// Reports `secondary` channels of tables that are not sorted.
    mutating func checkSortedTables() {
        for (name, location) in self.sortedTables
        where !self.settings.tables.contains(where: { $0.name == name && $0.isSorted }) {
            self.report(
                .error,
                location,
                "'secondary' needs a sorted table, as in: table \(name) sorted;"
            )
        }
    }
}
