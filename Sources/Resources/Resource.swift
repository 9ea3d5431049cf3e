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
    /// Cluster scope.
    case bgpFilter = "BGPFilter"
    /// Cluster scope.
    case felixConfiguration = "FelixConfiguration"
    /// Cluster scope.
    case clusterInformation = "ClusterInformation"
    /// Cluster scope.
    case calicoNodeStatus = "CalicoNodeStatus"
    /// Cluster scope.
    case ipReservation = "IPReservation"
    /// Cluster scope.
    case ipamBlock = "IPAMBlock"
    /// Cluster scope; also written `IPAMConfig`.
    case ipamConfiguration = "IPAMConfiguration"
    /// Namespaced; core Kubernetes kind.
    case service = "Service"
    /// Namespaced; Kubernetes kind of the group `discovery.k8s.io`.
    case endpointSlice = "EndpointSlice"

    /// Reads the name of a kind, in any of its spellings.
    init?(spelled name: String) {
        self.init(rawValue: name == "IPAMConfig" ? "IPAMConfiguration" : name)
    }

    /// Whether objects of the kind live in a namespace.
    public var isNamespaced: Bool {
        switch self {
        case .workloadEndpoint, .secret, .service, .endpointSlice: true
        default: false
        }
    }

    /// `apiVersion` of the kind's manifests.
    public var apiVersion: String {
        switch self {
        case .secret, .service: "v1"
        case .endpointSlice: "discovery.k8s.io/v1"
        default: "projectcalico.org/v3"
        }
    }
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
    /// BGPFilter.
    case bgpFilter(BGPFilter)
    /// FelixConfiguration.
    case felixConfiguration(FelixConfiguration)
    /// ClusterInformation.
    case clusterInformation(ClusterInformation)
    /// CalicoNodeStatus.
    case calicoNodeStatus(CalicoNodeStatus)
    /// IPReservation.
    case ipReservation(IPReservation)
    /// IPAMBlock.
    case ipamBlock(IPAMBlock)
    /// IPAMConfiguration.
    case ipamConfiguration(IPAMConfiguration)
    /// Service.
    case service(KubernetesService)
    /// EndpointSlice.
    case endpointSlice(EndpointSlice)

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
            case .bgpFilter(let value): (.bgpFilter, value.metadata)
            case .felixConfiguration(let value): (.felixConfiguration, value.metadata)
            case .clusterInformation(let value): (.clusterInformation, value.metadata)
            case .calicoNodeStatus(let value): (.calicoNodeStatus, value.metadata)
            case .ipReservation(let value): (.ipReservation, value.metadata)
            case .ipamBlock(let value): (.ipamBlock, value.metadata)
            case .ipamConfiguration(let value): (.ipamConfiguration, value.metadata)
            case .service(let value): (.service, value.metadata)
            case .endpointSlice(let value): (.endpointSlice, value.metadata)
            }
        return ResourceKey(
            kind: kind,
            namespace: kind.isNamespaced ? metadata.namespace ?? "default" : nil,
            name: metadata.name
        )
    }
}
