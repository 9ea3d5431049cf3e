internal import IPAddressing
internal import Resources

extension BGPPlan {
    /// Plans the speaker of a node.
    ///
    /// - Throws: `PlanError.nodeUnknown` while the node's own resource is missing.
    public init(
        _ snapshot: ResourceSnapshot,
        nodeName: String,
        environment: PlanEnvironment = PlanEnvironment()
    ) throws(PlanError) {
        guard let local = snapshot.nodes[nodeName] else { throw .nodeUnknown(nodeName) }
        let cluster = ClusterView(snapshot)
        let ownConfiguration = cluster.configuration(of: nodeName)
        var diagnostics = Self.configurationDiagnostics(cluster, local: local, environment)
        let maker = RecordMaker(
            cluster: cluster,
            local: local,
            separatesFamilies: environment.separatesFamilies
        )
        let expansion = PeerExpansion(maker)
        diagnostics += expansion.diagnostics
        let services = ServicePlanner(snapshot, local: local, environment: environment)

        self.nodeName = nodeName
        self.localAS = cluster.asNumber(of: local)
        self.routerID = RouterID.planned(
            environment: environment.routerID,
            nodeName: nodeName,
            ipv4: local.address(isIPv4: true)
        ) { diagnostics.append(PlanDiagnostic(resource: nil, reason: $0)) }
        self.logLevel = LogLevel(
            severity: ownConfiguration?.logSeverityScreen ?? cluster.defaults?.logSeverityScreen
        )
        self.directInterfaces = Self.directInterfaces(
            ignoring: (cluster.defaults?.ignoredInterfaces ?? []).filter(Self.isInterfacePattern)
        )
        self.ipv4 = Self.family(
            isIPv4: true,
            cluster: cluster,
            local: local,
            environment: environment,
            records: expansion.records,
            services: services,
            diagnostics: &diagnostics
        )
        self.ipv6 = Self.family(
            isIPv4: false,
            cluster: cluster,
            local: local,
            environment: environment,
            records: expansion.records,
            services: services,
            diagnostics: &diagnostics
        )
        self.diagnostics = diagnostics
    }

    private static func family(
        isIPv4: Bool,
        cluster: ClusterView,
        local: Node,
        environment: PlanEnvironment,
        records: [PeerRecord],
        services: ServicePlanner,
        diagnostics: inout [PlanDiagnostic]
    ) -> FamilyPlan {
        let ownAddress = local.address(isIPv4: isIPv4)
        let bindMode = cluster.defaults?.bindMode ?? .none
        let own = cluster.configuration(of: local.metadata.name)
        let given = isIPv4 ? cluster.defaults?.ipv4NormalRoutePriority : cluster.defaults?.ipv6NormalRoutePriority
        // The node's own list, even an empty one, replaces the default list, but each family by itself.
        let isOwnFamily: (BGPConfiguration.PrefixAdvertisement) -> Bool = { $0.cidr.isIPv4 == isIPv4 }
        let ownAdvertisements = own?.prefixAdvertisements?.filter(isOwnFamily) ?? []
        let advertisements =
            ownAdvertisements.isEmpty
            ? cluster.defaults?.prefixAdvertisements?.filter(isOwnFamily) ?? [] : ownAdvertisements
        var family = FamilyPlan(
            isIPv4: isIPv4,
            nodeAddress: ownAddress,
            listenPort: cluster.listenPort(of: local),
            listenAddress: bindMode == .nodeIP ? ownAddress : nil,
            normalPriority: Self.priority(given),
            sessions: [],
            pools: Self.pools(cluster, isIPv4: isIPv4, hasAddress: ownAddress != nil),
            blockStatics: [],
            peerStatics: [],
            aggregates: [],
            advertisements: advertisements.sorted { $0.cidr < $1.cidr },
            network: (isIPv4 ? local.bgp?.ipv4Address : local.bgp?.ipv6Address)?.network,
            serviceStatics: services.announced.filter { $0.isIPv4 == isIPv4 },
            serviceRanges: services.ranges.filter { $0.isIPv4 == isIPv4 },
            reflectedServices: [],
            wireguardPeers: Self.wireguardPeers(cluster, local: local, isIPv4: isIPv4),
            ownsIPIP: Self.ownsIPIP(cluster),
            filters: cluster.snapshot.filters.values.sorted { $0.metadata.name < $1.metadata.name }.flatMap { filter in
                BGPFilter.Direction.allCases.compactMap { FilterFunction(filter, $0, isIPv4: isIPv4) }
            }
        )
        if local.bgp?.routeReflectorClusterID != nil {
            let ranges = (cluster.defaults?.serviceLoadBalancerIPs ?? []) + (cluster.defaults?.serviceExternalIPs ?? [])
            family.reflectedServices = ranges.filter { $0.isIPv4 == isIPv4 }
        }
        Self.addBlocks(cluster.snapshot.affinities.values, local: local, environment: environment, to: &family)
        guard let ownAddress else { return family }
        var planner = SessionPlanner(
            cluster: cluster,
            local: local,
            environment: environment,
            ownAddress: ownAddress,
            listenPort: family.listenPort,
            listenAddress: family.listenAddress
        )
        planner.addExplicit(records)
        planner.addMesh()
        // Stable, so that of equal names the one found first stays first.
        family.sessions = planner.sessions.enumerated()
            .sorted { ($0.element.name, $0.offset) < ($1.element.name, $1.offset) }.map(\.element)
        family.peerStatics = planner.peerStatics
        diagnostics += planner.diagnostics
        return family
    }

    /// Pools of a family; of several with one prefix the first by name counts.
    ///
    /// `disabled` makes no difference: what was allocated before is still routed.
    private static func pools(_ cluster: ClusterView, isIPv4: Bool, hasAddress: Bool) -> [PoolPlan] {
        let mode = cluster.defaults?.programClusterRoutes ?? .enabledNoEncapOnly
        let ownsIPIP = Self.ownsIPIP(cluster)
        var seen: Set<IPPrefix> = []
        return cluster.snapshot.pools.values.sorted { $0.metadata.name < $1.metadata.name }
            .filter { $0.cidr.isIPv4 == isIPv4 && seen.insert($0.cidr).inserted }
            .map { pool in
                let action: PoolPlan.KernelAction
                if isIPv4, !hasAddress {
                    action = .unspecified
                } else if pool.vxlanMode != .never {
                    action = .reject
                } else if pool.ipipMode != .never {
                    action = !ownsIPIP ? .reject : pool.ipipMode == .always ? .tunnel : .tunnelAcrossSubnets
                } else {
                    action = mode == .enabled || mode == .enabledNoEncapOnly ? .accept : .reject
                }
                return PoolPlan(prefix: pool.cidr, isExported: !pool.disableBGPExport, kernel: action)
            }
            .sorted { $0.prefix < $1.prefix }
    }

    /// The priority that holds for what is given.
    private static func priority(_ given: UInt32?) -> UInt32 {
        given.flatMap { (1...2_147_483_646).contains($0) ? $0 : nil } ?? 1024
    }

    /// Whether the speaker is asked to write the routes of IPIP pools.
    private static func ownsIPIP(_ cluster: ClusterView) -> Bool {
        let mode = cluster.defaults?.programClusterRoutes
        return mode == .enabled || mode == .enabledIPIPOnly
    }

    /// BGP addresses of the other nodes with WireGuard, when this node has it too.
    static func wireguardPeers(_ cluster: ClusterView, local: Node, isIPv4: Bool) -> [IPAddress] {
        func hasWireguard(_ node: Node) -> Bool {
            (isIPv4 ? node.tunnels.wireguardIPv4 : node.tunnels.wireguardIPv6) != nil
        }
        guard hasWireguard(local) else { return [] }
        return cluster.nodes.filter { $0.metadata.name != local.metadata.name && hasWireguard($0) }
            .compactMap { $0.address(isIPv4: isIPv4) }.sorted()
    }

    /// Blocks of the node: all but pending ones are announced, confirmed ones also hide what lies inside them.
    ///
    /// Single-address blocks need no static route: felix's own route to the workload is announced.
    static func addBlocks(
        _ affinities: some Sequence<BlockAffinity>,
        local: Node,
        environment: PlanEnvironment,
        to family: inout FamilyPlan
    ) {
        let node = local.metadata.name
        if environment.usesPodCIDRs {
            let blocks = Set(local.podCIDRs.filter { $0.isIPv4 == family.isIPv4 }).sorted()
            family.blockStatics = blocks.filter { !$0.isHost }
            family.aggregates = blocks
            return
        }
        var statics: Set<IPPrefix> = []
        var aggregates: Set<IPPrefix> = []
        for affinity in affinities
        where affinity.node == node && affinity.type == "host" && !affinity.isDeleted && affinity.state != .pending
            && affinity.cidr.isIPv4 == family.isIPv4
        {
            if !affinity.cidr.isHost { statics.insert(affinity.cidr) }
            if affinity.state != .pendingDeletion { aggregates.insert(affinity.cidr) }
        }
        family.blockStatics = statics.sorted()
        family.aggregates = aggregates.sorted()
    }

    static func configurationDiagnostics(
        _ cluster: ClusterView,
        local: Node,
        _ environment: PlanEnvironment
    ) -> [PlanDiagnostic] {
        var diagnostics: [PlanDiagnostic] = []
        if environment.separatesFamilies {
            var keys = cluster.snapshot.peers.values.filter(\.carriesBothFamilies).map(\.key)
            keys.sort { $0.name < $1.name }
            if cluster.defaults?.meshCarriesBothFamilies ?? false {
                keys.append(ResourceKey(kind: .bgpConfiguration, name: "default"))
            }
            diagnostics += keys.map { PlanDiagnostic(resource: $0, reason: .familiesSeparated) }
        }
        for name in cluster.snapshot.configurations.keys.sorted() where name != "default" && !name.hasPrefix("node.") {
            let key = ResourceKey(kind: .bgpConfiguration, name: name)
            diagnostics.append(PlanDiagnostic(resource: key, reason: .unknownConfigurationName))
        }
        if local.bgp?.asNumber?.rawValue == 0 {
            let key = ResourceKey(kind: .node, name: local.metadata.name)
            diagnostics.append(PlanDiagnostic(resource: key, reason: .zeroASNumber))
        }
        diagnostics += Self.ownerDiagnostics(cluster, node: local.metadata.name)
        guard let defaults = cluster.defaults else { return diagnostics }
        let key = ResourceKey(kind: .bgpConfiguration, name: "default")
        if defaults.asNumber?.rawValue == 0 {
            diagnostics.append(PlanDiagnostic(resource: key, reason: .zeroASNumber))
        }
        for case let priority? in [defaults.ipv4NormalRoutePriority, defaults.ipv6NormalRoutePriority]
        where !(1...2_147_483_646).contains(priority) {
            diagnostics.append(PlanDiagnostic(resource: key, reason: .priorityOutOfRange(priority)))
        }
        for pattern in defaults.ignoredInterfaces where !Self.isInterfacePattern(pattern) {
            diagnostics.append(PlanDiagnostic(resource: key, reason: .malformedInterfacePattern(pattern)))
        }
        if defaults.programClusterRoutes == .enabled || defaults.programClusterRoutes == .enabledIPIPOnly,
            cluster.snapshot.pools.values.contains(where: { $0.ipipMode != .never })
        {
            diagnostics.append(PlanDiagnostic(resource: key, reason: .encapsulatedRoutesNotProgrammed))
        }
        return diagnostics
    }

    /// Where BGPConfiguration and FelixConfiguration must agree and do not: on who writes which routes, and on priorities.
    private static func ownerDiagnostics(_ cluster: ClusterView, node: String) -> [PlanDiagnostic] {
        let felix = cluster.snapshot.felix["node." + node] ?? cluster.snapshot.felix["default"]
        let ofFelix = felix?.programClusterRoutes ?? .enabledIPIPOnly
        let ofSpeaker = cluster.defaults?.programClusterRoutes ?? .enabledNoEncapOnly
        var reasons: [PlanDiagnostic.Reason] = []
        let pools = cluster.snapshot.pools.values
        for (hasPools, isIPIP, owner) in [
            (pools.contains { $0.ipipMode == .never && $0.vxlanMode == .never }, false, .enabledNoEncapOnly),
            (pools.contains { $0.ipipMode != .never }, true, .enabledIPIPOnly),
        ] as [(Bool, Bool, BGPConfiguration.ProgramClusterRoutes)] where hasPools {
            let felixOwns = ofFelix == .enabled || ofFelix == owner
            let speakerOwns = ofSpeaker == .enabled || ofSpeaker == owner
            if felixOwns == speakerOwns {
                reasons.append(.routeOwnersDisagree(isIPIP: isIPIP, isOwnedTwice: felixOwns))
            } else if felixOwns, !isIPIP {
                reasons.append(.unencapsulatedRoutesNotProgrammed)
            }
        }
        for (isIPv4, one, other) in [
            (true, cluster.defaults?.ipv4NormalRoutePriority, felix?.ipv4NormalRoutePriority),
            (false, cluster.defaults?.ipv6NormalRoutePriority, felix?.ipv6NormalRoutePriority),
        ] where Self.priority(one) != Self.priority(other) {
            let reason = PlanDiagnostic.Reason.prioritiesDiffer(
                isIPv4: isIPv4,
                speaker: Self.priority(one),
                felix: Self.priority(other)
            )
            reasons.append(reason)
        }
        let key =
            cluster.defaults == nil ? felix.map { ResourceKey(kind: .felixConfiguration, name: $0.metadata.name) } : nil
        return reasons.map {
            PlanDiagnostic(resource: key ?? ResourceKey(kind: .bgpConfiguration, name: "default"), reason: $0)
        }
    }

    /// Workload interfaces and the one that kube-proxy puts every cluster IP on give no direct routes.
    private static func directInterfaces(ignoring patterns: [String]) -> [DirectInterface] {
        (patterns + ["cali*", "kube-ipvs*"]).map { DirectInterface(pattern: $0, isExcluded: true) }
            + [DirectInterface(pattern: "*", isExcluded: false)]
    }

    private static func isInterfacePattern(_ text: String) -> Bool {
        text != "*" && (1...15).contains(text.utf8.count)
            && text.utf8.allSatisfy { octet in
                switch octet {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "*"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension BGPPlan.LogLevel {
    /// Maps `logSeverityScreen`: absent is info; Trace means Debug; what is less than Info says nothing.
    init(severity: String?) {
        switch (severity ?? "info").lowercased() {
        case "debug", "trace": self = .debug
        case "info": self = .info
        default: self = .none
        }
    }
}
