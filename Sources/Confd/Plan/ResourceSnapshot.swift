public import Resources

/// All resources that the plan of a node depends on, at one moment.
public struct ResourceSnapshot: Hashable, Sendable {
    /// Nodes by name.
    public var nodes: [String: Node] = [:]
    /// Pools.
    public var pools: [String: IPPool] = [:]
    /// BGP configurations by name: `default`, `node.<name>`.
    public var configurations: [String: BGPConfiguration] = [:]
    /// Peers.
    public var peers: [String: BGPPeer] = [:]
    /// Block affinities, of any node.
    public var affinities: [String: BlockAffinity] = [:]
    /// Secrets by namespace and name.
    public var secrets: [ResourceKey: Secret] = [:]

    /// Creates an empty snapshot.
    public init() {}

    /// Collects the kinds that matter here; others are skipped.
    public init(_ resources: some Sequence<Resource>) {
        for resource in resources { self.update(resource) }
    }

    /// Adds a resource or replaces the one with its key; kinds that do not matter here are skipped.
    public mutating func update(_ resource: Resource) {
        switch resource {
        case .node(let value): self.nodes[value.metadata.name] = value
        case .ipPool(let value): self.pools[value.metadata.name] = value
        case .bgpConfiguration(let value): self.configurations[value.metadata.name] = value
        case .bgpPeer(let value): self.peers[value.metadata.name] = value
        case .blockAffinity(let value): self.affinities[value.metadata.name] = value
        case .secret(let value): self.secrets[resource.key] = value
        case .workloadEndpoint: break
        }
    }

    /// Removes the resource with a key, if it is there.
    public mutating func remove(_ key: ResourceKey) {
        switch key.kind {
        case .node: self.nodes[key.name] = nil
        case .ipPool: self.pools[key.name] = nil
        case .bgpConfiguration: self.configurations[key.name] = nil
        case .bgpPeer: self.peers[key.name] = nil
        case .blockAffinity: self.affinities[key.name] = nil
        case .secret: self.secrets[key] = nil
        case .workloadEndpoint: break
        }
    }
}

/// What the plan takes from the process's surroundings.
public struct PlanEnvironment: Hashable, Sendable {
    /// `CALICO_ROUTER_ID`: `hash`, an identifier, or nil.
    public var routerID: String?
    /// Namespace of the Secrets that peers refer to.
    public var secretNamespace: String

    /// Creates an environment.
    public init(routerID: String? = nil, secretNamespace: String = "kube-system") {
        self.routerID = routerID
        self.secretNamespace = secretNamespace
    }

    /// Reads `CALICO_ROUTER_ID` and `NAMESPACE` (kube-system when absent).
    public init(variables: [String: String]) {
        let identifier = variables["CALICO_ROUTER_ID"] ?? ""
        let namespace = variables["NAMESPACE"] ?? ""
        self.init(
            routerID: identifier.isEmpty ? nil : identifier,
            secretNamespace: namespace.isEmpty ? "kube-system" : namespace
        )
    }
}
