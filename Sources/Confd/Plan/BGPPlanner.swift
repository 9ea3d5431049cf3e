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
        var diagnostics = Self.configurationDiagnostics(cluster, local: local)
        let expansion = PeerExpansion(cluster: cluster, local: local)
        diagnostics += expansion.diagnostics

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
            diagnostics: &diagnostics
        )
        self.ipv6 = Self.family(
            isIPv4: false,
            cluster: cluster,
            local: local,
            environment: environment,
            records: expansion.records,
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
            normalPriority: given.flatMap { (1...2_147_483_646).contains($0) ? $0 : nil } ?? 1024,
            sessions: [],
            pools: Self.pools(cluster, isIPv4: isIPv4),
            blockStatics: [],
            peerStatics: [],
            aggregates: [],
            advertisements: advertisements.sorted { $0.cidr < $1.cidr }
        )
        Self.addBlocks(cluster, node: local.metadata.name, to: &family)
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
        family.sessions = planner.sessions.sorted { $0.name < $1.name }
        family.peerStatics = planner.peerStatics
        diagnostics += planner.diagnostics
        return family
    }

    /// Pools of a family; of several with one prefix the first by name counts.
    ///
    /// `disabled` makes no difference: what was allocated before is still routed.
    private static func pools(_ cluster: ClusterView, isIPv4: Bool) -> [PoolPlan] {
        let mode = cluster.defaults?.programClusterRoutes ?? .enabledNoEncapOnly
        var seen: Set<IPPrefix> = []
        return cluster.snapshot.pools.values.sorted { $0.metadata.name < $1.metadata.name }
            .filter { $0.cidr.isIPv4 == isIPv4 && seen.insert($0.cidr).inserted }
            .map { pool in
                // Routes of encapsulated pools are felix's in every mode: the speaker has no tunnel routes.
                let isEncapsulated = pool.vxlanMode != .never || pool.ipipMode != .never
                let isOwned = !isEncapsulated && (mode == .enabled || mode == .enabledNoEncapOnly)
                return PoolPlan(
                    prefix: pool.cidr,
                    isExported: !pool.disableBGPExport,
                    kernel: isOwned ? .accept : .reject
                )
            }
            .sorted { $0.prefix < $1.prefix }
    }

    /// Blocks of the node: all but pending ones are announced, confirmed ones also hide what lies inside them.
    ///
    /// Single-address blocks need no static route: felix's own route to the workload is announced.
    private static func addBlocks(_ cluster: ClusterView, node: String, to family: inout FamilyPlan) {
        var statics: Set<IPPrefix> = []
        var aggregates: Set<IPPrefix> = []
        for affinity in cluster.snapshot.affinities.values
        where affinity.node == node && affinity.type == "host" && !affinity.isDeleted && affinity.state != .pending
            && affinity.cidr.isIPv4 == family.isIPv4
        {
            if !affinity.cidr.isHost { statics.insert(affinity.cidr) }
            if affinity.state != .pendingDeletion { aggregates.insert(affinity.cidr) }
        }
        family.blockStatics = statics.sorted()
        family.aggregates = aggregates.sorted()
    }

    private static func configurationDiagnostics(_ cluster: ClusterView, local: Node) -> [PlanDiagnostic] {
        var diagnostics: [PlanDiagnostic] = []
        for name in cluster.snapshot.configurations.keys.sorted() where name != "default" && !name.hasPrefix("node.") {
            let key = ResourceKey(kind: .bgpConfiguration, name: name)
            diagnostics.append(PlanDiagnostic(resource: key, reason: .unknownConfigurationName))
        }
        if local.bgp?.asNumber?.rawValue == 0 {
            let key = ResourceKey(kind: .node, name: local.metadata.name)
            diagnostics.append(PlanDiagnostic(resource: key, reason: .zeroASNumber))
        }
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
