public import IPAddressing

/// A Service of Kubernetes, as far as its addresses are announced.
public struct KubernetesService: Hashable, Sendable {
    /// Name and namespace.
    public var metadata: ResourceMetadata
    /// `type`; `ClusterIP` unless given.
    public var type: String
    /// `clusterIPs`, or `clusterIP` alone; without `None`.
    public var clusterIPs: [IPAddress]
    /// `externalIPs`.
    public var externalIPs: [IPAddress]
    /// `loadBalancerIP`: the address that was asked for.
    public var loadBalancerIP: IPAddress?
    /// `status.loadBalancer.ingress[].ip`.
    public var ingressIPs: [IPAddress]
    /// Whether `externalTrafficPolicy` is `Local`.
    public var isLocal: Bool
    /// `ipFamilies`, else the families of the cluster IPs; true is IPv4.
    public var families: Set<Bool>

    /// Creates a service without addresses.
    public init(metadata: ResourceMetadata, type: String = "ClusterIP") {
        self.metadata = metadata
        self.type = type
        self.clusterIPs = []
        self.externalIPs = []
        self.ingressIPs = []
        self.isLocal = false
        self.families = []
    }
}

/// Some of the endpoints of a Kubernetes Service.
public struct EndpointSlice: Hashable, Sendable {
    /// Name and namespace.
    public var metadata: ResourceMetadata
    /// The service in the same namespace, from the label `kubernetes.io/service-name`.
    public var service: String?
    /// Whether `addressType` is `IPv4`; nil when it is neither that nor `IPv6`.
    public var isIPv4: Bool?
    /// `endpoints`.
    public var endpoints: [Endpoint]

    /// Creates a slice without endpoints.
    public init(metadata: ResourceMetadata, service: String?, isIPv4: Bool?) {
        self.metadata = metadata
        self.service = service
        self.isIPv4 = isIPv4
        self.endpoints = []
    }

    /// One endpoint.
    public struct Endpoint: Hashable, Sendable {
        /// `addresses`.
        public var addresses: [String]
        /// `nodeName`.
        public var nodeName: String?
        /// `conditions.ready`; absent means ready.
        public var isReady: Bool

        /// Creates an endpoint.
        public init(addresses: [String] = [], nodeName: String?, isReady: Bool = true) {
            self.addresses = addresses
            self.nodeName = nodeName
            self.isReady = isReady
        }
    }
}
