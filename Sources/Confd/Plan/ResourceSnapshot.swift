public import IPAddressing
public import Resources

/// All resources that the plan of a node depends on, at one moment.
public struct ResourceSnapshot: Hashable, Sendable {
    /// Nodes by name.
    public private(set) var nodes: [String: Node] = [:]
    /// Pools.
    public private(set) var pools: [String: IPPool] = [:]
    /// BGP configurations by name: `default`, `node.<name>`.
    public private(set) var configurations: [String: BGPConfiguration] = [:]
    /// Peers.
    public private(set) var peers: [String: BGPPeer] = [:]
    /// Block affinities, of any node.
    public private(set) var affinities: [String: BlockAffinity] = [:]
    /// Secrets by namespace and name.
    public private(set) var secrets: [ResourceKey: Secret] = [:]
    /// BGP filters.
    public private(set) var filters: [String: BGPFilter] = [:]
    /// Kubernetes services.
    public private(set) var services: [ResourceKey: KubernetesService] = [:]
    /// Endpoint slices by service, then by their own key.
    public private(set) var slices: [ResourceKey: [ResourceKey: EndpointSlice]] = [:]
    /// Workload endpoints; those of other nodes are left out when `endpointNode` names one.
    public private(set) var endpoints: [ResourceKey: WorkloadEndpoint] = [:]
    /// Local workloads that felix found to be BGP neighbours.
    public var workloadPeers: [WorkloadPeer] = []
    /// Felix's settings by name: `default`, `node.<name>`.
    public private(set) var felix: [String: FelixConfiguration] = [:]
    /// The only node whose workload endpoints are kept; nil keeps all.
    public var endpointNode: String?
    private var sliceServices: [ResourceKey: ResourceKey] = [:]
    /// What changed last.
    private(set) var journal = ChangeJournal()

    /// The kinds that matter here.
    public static let kinds: Set<ResourceKind> = [
        .node, .ipPool, .bgpConfiguration, .bgpPeer, .bgpFilter, .blockAffinity, .secret, .service, .endpointSlice,
        .workloadEndpoint, .felixConfiguration,
    ]

    /// Creates an empty snapshot.
    public init(endpointNode: String? = nil) {
        self.endpointNode = endpointNode
    }

    /// Collects the kinds that matter here; others are skipped.
    public init(_ resources: some Sequence<Resource>) {
        for resource in resources { self.update(resource) }
    }

    /// Adds a resource or replaces the one with its key; kinds that do not matter here are skipped.
    public mutating func update(_ resource: Resource) {
        self.journal.note(resource.key)
        switch resource {
        case .node(let value): self.nodes[value.metadata.name] = value
        case .ipPool(let value): self.pools[value.metadata.name] = value
        case .bgpConfiguration(let value): self.configurations[value.metadata.name] = value
        case .bgpPeer(let value): self.peers[value.metadata.name] = value
        case .blockAffinity(let value): self.affinities[value.metadata.name] = value
        case .secret(let value): self.secrets[resource.key] = value
        case .bgpFilter(let value): self.filters[value.metadata.name] = value
        case .service(let value): self.services[resource.key] = value
        case .endpointSlice(let value):
            self.removeSlice(resource.key)
            guard let name = value.service else { return }
            let service = ResourceKey(kind: .service, namespace: resource.key.namespace, name: name)
            self.sliceServices[resource.key] = service
            self.slices[service, default: [:]][resource.key] = value
        case .workloadEndpoint(let value):
            let isWanted = self.endpointNode.map { $0 == value.node } ?? true
            self.endpoints[resource.key] = isWanted ? value : nil
        case .felixConfiguration(let value): self.felix[value.metadata.name] = value
        case .clusterInformation, .calicoNodeStatus, .ipReservation, .ipamBlock, .ipamConfiguration: break
        }
    }

    /// Where felix of a node writes the status of its endpoints.
    func endpointStatusPrefix(of node: String) -> String {
        (self.felix["node." + node]?.endpointStatusPathPrefix ?? self.felix["default"]?.endpointStatusPathPrefix)
            ?? "/var/run/calico"
    }

    private mutating func removeSlice(_ key: ResourceKey) {
        guard let service = self.sliceServices.removeValue(forKey: key) else { return }
        self.slices[service]?[key] = nil
        if self.slices[service]?.isEmpty ?? false { self.slices[service] = nil }
    }

    /// Removes the resource with a key, if it is there.
    public mutating func remove(_ key: ResourceKey) {
        self.journal.note(key)
        switch key.kind {
        case .node: self.nodes[key.name] = nil
        case .ipPool: self.pools[key.name] = nil
        case .bgpConfiguration: self.configurations[key.name] = nil
        case .bgpPeer: self.peers[key.name] = nil
        case .blockAffinity: self.affinities[key.name] = nil
        case .secret: self.secrets[key] = nil
        case .bgpFilter: self.filters[key.name] = nil
        case .service: self.services[key] = nil
        case .endpointSlice: self.removeSlice(key)
        case .workloadEndpoint: self.endpoints[key] = nil
        case .felixConfiguration: self.felix[key.name] = nil
        case .clusterInformation, .calicoNodeStatus, .ipReservation, .ipamBlock, .ipamConfiguration: break
        }
    }
}

/// What the plan takes from the process's surroundings.
public struct PlanEnvironment: Hashable, Sendable {
    /// `CALICO_ROUTER_ID`: `hash`, an identifier, or nil.
    public var routerID: String?
    /// Namespace of the Secrets that peers refer to.
    public var secretNamespace: String
    /// `CALICO_ADVERTISE_CLUSTER_IPS`: takes the place of `serviceClusterIPs`.
    public var advertisedClusterIPs: IPPrefix?
    /// `CALICO_K8S_NODE_REF`: the node's name in Kubernetes, where it differs.
    public var kubernetesNode: String?
    /// `USE_POD_CIDR`: blocks are what Kubernetes gave the node, not what IPAM did.
    public var usesPodCIDRs: Bool
    /// Whether each family has a speaker of its own, as with BIRD 1.6.
    public var separatesFamilies = false

    /// Creates an environment.
    public init(routerID: String? = nil, secretNamespace: String = "kube-system") {
        self.routerID = routerID
        self.secretNamespace = secretNamespace
        self.usesPodCIDRs = false
    }

    /// The variables that ``init(variables:)`` reads.
    public static let variableNames = [
        "CALICO_ROUTER_ID", "NAMESPACE", "CALICO_ADVERTISE_CLUSTER_IPS", "CALICO_K8S_NODE_REF", "USE_POD_CIDR",
    ]

    /// Reads the process's variables; empty ones count as absent.
    public init(variables: [String: String]) {
        let variables = variables.filter { !$0.value.isEmpty }
        self.init(
            routerID: variables["CALICO_ROUTER_ID"],
            secretNamespace: variables["NAMESPACE"] ?? "kube-system"
        )
        self.advertisedClusterIPs = variables["CALICO_ADVERTISE_CLUSTER_IPS"].flatMap { IPPrefix($0) }
        self.kubernetesNode = variables["CALICO_K8S_NODE_REF"]
        self.usesPodCIDRs = variables["USE_POD_CIDR"].map { ["true", "1", "yes"].contains($0.lowercased()) } ?? false
    }
}
