/// The kinds of `projectcalico.org/v3` resources that are understood.
public enum ResourceKind: String, Hashable, Sendable, CaseIterable {
    /// Cluster scope.
    case node = "Node"
    /// Cluster scope.
    case ipPool = "IPPool"
    /// Cluster scope.
    case bgpConfiguration = "BGPConfiguration"
    /// Cluster scope.
    case bgpPeer = "BGPPeer"
    /// Cluster scope.
    case blockAffinity = "BlockAffinity"
    /// Namespaced.
    case workloadEndpoint = "WorkloadEndpoint"
    /// Namespaced; core Kubernetes kind, holds session passwords.
    case secret = "Secret"

    /// Whether objects of the kind live in a namespace.
    public var isNamespaced: Bool { self == .workloadEndpoint || self == .secret }
}

/// What identifies a resource.
public struct ResourceKey: Hashable, Sendable, Comparable {
    /// Kind.
    public var kind: ResourceKind
    /// Namespace of a namespaced kind, else nil.
    public var namespace: String?
    /// Name.
    public var name: String

    /// Creates a key.
    public init(kind: ResourceKind, namespace: String? = nil, name: String) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    /// By kind, namespace, name.
    public static func < (lhs: ResourceKey, rhs: ResourceKey) -> Bool {
        (lhs.kind.rawValue, lhs.namespace ?? "", lhs.name) < (rhs.kind.rawValue, rhs.namespace ?? "", rhs.name)
    }
}

extension ResourceKey: CustomStringConvertible {
    /// `Kind/namespace/name` or `Kind/name`.
    public var description: String {
        [self.kind.rawValue, self.namespace, self.name].compactMap(\.self).joined(separator: "/")
    }
}

/// The metadata that is used; the rest of a manifest's metadata is kept by the datastore, not here.
public struct ResourceMetadata: Hashable, Sendable {
    /// Name.
    public var name: String
    /// Namespace where the kind has one.
    public var namespace: String?
    /// Labels.
    public var labels: [String: String]
    /// Annotations.
    public var annotations: [String: String]

    /// Creates metadata.
    public init(
        name: String,
        namespace: String? = nil,
        labels: [String: String] = [:],
        annotations: [String: String] = [:]
    ) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
        self.annotations = annotations
    }
}

/// A validated resource.
public enum Resource: Hashable, Sendable {
    /// Node.
    case node(Node)
    /// IPPool.
    case ipPool(IPPool)
    /// BGPConfiguration.
    case bgpConfiguration(BGPConfiguration)
    /// BGPPeer.
    case bgpPeer(BGPPeer)
    /// BlockAffinity.
    case blockAffinity(BlockAffinity)
    /// WorkloadEndpoint.
    case workloadEndpoint(WorkloadEndpoint)
    /// Secret.
    case secret(Secret)

    /// Its key.
    public var key: ResourceKey {
        let (kind, metadata): (ResourceKind, ResourceMetadata) =
            switch self {
            case .node(let value): (.node, value.metadata)
            case .ipPool(let value): (.ipPool, value.metadata)
            case .bgpConfiguration(let value): (.bgpConfiguration, value.metadata)
            case .bgpPeer(let value): (.bgpPeer, value.metadata)
            case .blockAffinity(let value): (.blockAffinity, value.metadata)
            case .workloadEndpoint(let value): (.workloadEndpoint, value.metadata)
            case .secret(let value): (.secret, value.metadata)
            }
        return ResourceKey(
            kind: kind,
            namespace: kind.isNamespaced ? metadata.namespace ?? "default" : nil,
            name: metadata.name
        )
    }
}
