public import IPAddressing

/// A cluster node.
public struct Node: Hashable, Sendable {
    /// Name and labels.
    public var metadata: ResourceMetadata
    /// `spec.bgp`; nil when the node does no BGP.
    public var bgp: BGP?
    /// Addresses of the node's tunnel devices.
    public var tunnels: Tunnels
    /// `status.podCIDRs`: what a cluster without IPAM of its own gave the node.
    public var podCIDRs: [IPPrefix]

    /// Creates a node.
    public init(metadata: ResourceMetadata, bgp: BGP? = nil) {
        self.metadata = metadata
        self.bgp = bgp
        self.tunnels = Tunnels()
        self.podCIDRs = []
    }

    /// Addresses and keys of tunnel devices, as felix of the node made them.
    public struct Tunnels: Hashable, Sendable {
        /// `bgp.ipv4IPIPTunnelAddr`.
        public var ipip: IPAddress?
        /// `ipv4VXLANTunnelAddr`.
        public var vxlanIPv4: IPAddress?
        /// `ipv6VXLANTunnelAddr`.
        public var vxlanIPv6: IPAddress?
        /// `vxlanTunnelMACAddr`.
        public var vxlanMACv4: MACAddress?
        /// `vxlanTunnelMACAddrV6`.
        public var vxlanMACv6: MACAddress?
        /// `wireguard.interfaceIPv4Address`.
        public var wireguardIPv4: IPAddress?
        /// `wireguard.interfaceIPv6Address`.
        public var wireguardIPv6: IPAddress?
        /// `status.wireguardPublicKey`.
        public var wireguardKey: String?
        /// `status.wireguardPublicKeyV6`.
        public var wireguardKeyV6: String?

        /// Creates a value without addresses.
        public init() {}
    }

    /// `spec.bgp`.
    public struct BGP: Hashable, Sendable {
        /// `ipv4Address`: the node's address with the length of its subnet.
        public var ipv4Address: AddressWithLength?
        /// `ipv6Address`.
        public var ipv6Address: AddressWithLength?
        /// `asNumber`.
        public var asNumber: ASNumber?
        /// `routeReflectorClusterID`.
        public var routeReflectorClusterID: RouterID?

        /// Creates a value.
        public init(
            ipv4Address: AddressWithLength? = nil,
            ipv6Address: AddressWithLength? = nil,
            asNumber: ASNumber? = nil,
            routeReflectorClusterID: RouterID? = nil
        ) {
            self.ipv4Address = ipv4Address
            self.ipv6Address = ipv6Address
            self.asNumber = asNumber
            self.routeReflectorClusterID = routeReflectorClusterID
        }
    }
}

/// A range that workload addresses come from.
public struct IPPool: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `cidr`.
    public var cidr: IPPrefix
    /// `ipipMode`.
    public var ipipMode: EncapsulationMode
    /// `vxlanMode`.
    public var vxlanMode: EncapsulationMode
    /// `natOutgoing`.
    public var natOutgoing: Bool
    /// `disabled`.
    public var isDisabled: Bool
    /// `disableBGPExport`.
    public var disableBGPExport: Bool
    /// `blockSize`: 26 for IPv4, 122 for IPv6.
    public var blockSize: UInt8
    /// `nodeSelector`: nodes that take addresses from the pool; all when absent.
    public var nodeSelector: Selector?
    /// `namespaceSelector`: namespaces that take addresses from the pool; all when absent.
    public var namespaceSelector: Selector?
    /// `assignmentMode` is not `Manual`.
    public var isAutomatic: Bool
    /// `allowedUses`; workloads and tunnels when absent.
    public var allowedUses: Set<Use>

    /// Creates a pool with defaults.
    public init(metadata: ResourceMetadata, cidr: IPPrefix) {
        self.metadata = metadata
        self.cidr = cidr
        self.ipipMode = .never
        self.vxlanMode = .never
        self.natOutgoing = false
        self.isDisabled = false
        self.disableBGPExport = false
        self.blockSize = cidr.isIPv4 ? 26 : 122
        self.isAutomatic = true
        self.allowedUses = [.workload, .tunnel]
    }

    /// Values of `allowedUses`.
    public enum Use: String, Hashable, Sendable, CaseIterable {
        /// Workloads.
        case workload = "Workload"
        /// Tunnel devices of nodes.
        case tunnel = "Tunnel"
        /// Services of type LoadBalancer; excludes the others.
        case loadBalancer = "LoadBalancer"
    }

    /// Values of `ipipMode` and `vxlanMode`.
    public enum EncapsulationMode: String, Hashable, Sendable {
        /// Default.
        case never = "Never"
        /// Every remote block.
        case always = "Always"
        /// Only blocks of nodes in other subnets.
        case crossSubnet = "CrossSubnet"
    }
}

/// Cluster-wide (`default`) or per-node (`node.<name>`) BGP settings.
///
/// Nil fields were not given.
public struct BGPConfiguration: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `logSeverityScreen` as given.
    public var logSeverityScreen: String?
    /// `nodeToNodeMeshEnabled`; true when absent.
    public var nodeToNodeMeshEnabled: Bool?
    /// Annotation `martlet.dev/families: both` of `default`: one session of the mesh carries the routes of both families.
    public var meshCarriesBothFamilies = false
    /// `asNumber`; 64512 when absent.
    public var asNumber: ASNumber?
    /// `listenPort`.
    public var listenPort: UInt16?
    /// `nodeMeshPassword`.
    public var nodeMeshPassword: SecretKeyReference?
    /// `bindMode`.
    public var bindMode: BindMode?
    /// `ignoredInterfaces`.
    public var ignoredInterfaces: [String]
    /// `communities`.
    public var communities: [NamedCommunity]
    /// `prefixAdvertisements`.
    public var prefixAdvertisements: [PrefixAdvertisement]?
    /// `programClusterRoutes`.
    public var programClusterRoutes: ProgramClusterRoutes?
    /// `ipv4NormalRoutePriority`; 1024 when absent.
    public var ipv4NormalRoutePriority: UInt32?
    /// `ipv6NormalRoutePriority`; 1024 when absent.
    public var ipv6NormalRoutePriority: UInt32?
    /// `serviceClusterIPs`, without entries that have no prefix.
    public var serviceClusterIPs: [IPPrefix]
    /// `serviceExternalIPs`.
    public var serviceExternalIPs: [IPPrefix]
    /// `serviceLoadBalancerIPs`.
    public var serviceLoadBalancerIPs: [IPPrefix]
    /// `serviceLoadBalancerAggregation` is not `Disabled`; nil when absent.
    public var aggregatesLoadBalancers: Bool?
    /// `nodeMeshMaxRestartTime` in whole seconds.
    public var nodeMeshMaxRestartSeconds: UInt16?
    /// `localWorkloadPeeringIPV4`: what workloads see as their neighbour.
    public var localWorkloadPeeringIPv4: IPAddress?
    /// `localWorkloadPeeringIPV6`.
    public var localWorkloadPeeringIPv6: IPAddress?

    /// Creates a configuration in which nothing is given.
    public init(metadata: ResourceMetadata) {
        self.metadata = metadata
        self.ignoredInterfaces = []
        self.communities = []
        self.serviceClusterIPs = []
        self.serviceExternalIPs = []
        self.serviceLoadBalancerIPs = []
    }

    /// Values of `bindMode`.
    public enum BindMode: String, Hashable, Sendable {
        /// Listen on every address.
        case none = "None"
        /// Listen on the node's BGP address only.
        case nodeIP = "NodeIP"
    }

    /// Values of `programClusterRoutes`.
    public enum ProgramClusterRoutes: String, Hashable, Sendable, CaseIterable {
        /// No class.
        case disabled = "Disabled"
        /// No-encapsulation pools; the default.
        case enabledNoEncapOnly = "EnabledNoEncapOnly"
        /// IPIP pools.
        case enabledIPIPOnly = "EnabledIPIPOnly"
        /// Both.
        case enabled = "Enabled"
    }

    /// One entry of `communities`.
    public struct NamedCommunity: Hashable, Sendable {
        /// Name used by advertisements.
        public var name: String
        /// `aa:nn` or `aa:nn:mm`.
        public var value: CommunityValue

        /// Creates an entry.
        public init(name: String, value: CommunityValue) {
            self.name = name
            self.value = value
        }
    }

    /// A standard or large community.
    public enum CommunityValue: Hashable, Sendable {
        /// `aa:nn`.
        case standard(UInt16, UInt16)
        /// `aa:nn:mm`.
        case large(UInt32, UInt32, UInt32)
    }

    /// One entry of `prefixAdvertisements`; names are resolved on validation.
    public struct PrefixAdvertisement: Hashable, Sendable {
        /// Routes inside this prefix.
        public var cidr: IPPrefix
        /// Get these communities.
        public var communities: [CommunityValue]

        /// Creates an entry.
        public init(cidr: IPPrefix, communities: [CommunityValue]) {
            self.cidr = cidr
            self.communities = communities
        }
    }
}

/// A key of a Secret in the daemon's own namespace.
public struct SecretKeyReference: Hashable, Sendable {
    /// Name of the Secret.
    public var name: String
    /// Key in it.
    public var key: String

    /// Creates a reference.
    public init(name: String, key: String) {
        self.name = name
        self.key = key
    }
}

/// A set of BGP sessions.
public struct BGPPeer: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `node`: one local node.
    public var node: String?
    /// `nodeSelector`: local nodes by label.
    ///
    /// Both absent means every node.
    public var nodeSelector: Selector?
    /// `peerIP` without its port.
    public var peerIP: IPAddress?
    /// Port of `peerIP`, where given.
    public var peerPort: UInt16?
    /// `peerSelector`: remote nodes by label.
    public var peerSelector: Selector?
    /// `asNumber`.
    public var asNumber: ASNumber?
    /// `localASNumber`.
    public var localASNumber: ASNumber?
    /// `keepOriginalNextHop`.
    public var keepOriginalNextHop: Bool
    /// `nextHopMode`.
    public var nextHopMode: NextHopMode?
    /// `password.secretKeyRef`.
    public var password: SecretKeyReference?
    /// `sourceAddress`; UseNodeIP when absent.
    public var sourceAddress: SourceAddress
    /// `keepaliveTime` in whole seconds.
    public var keepaliveSeconds: UInt16?
    /// `numAllowedLocalASNumbers`.
    public var numAllowedLocalASNumbers: UInt32?
    /// `ttlSecurity`: GTSM hop count, nil or 0 is off.
    public var ttlSecurity: UInt8?
    /// `reachableBy`.
    public var reachableBy: IPAddress?
    /// `reversePeering`; Auto when absent.
    public var reversePeering: ReversePeering
    /// `maxRestartTime` in whole seconds.
    public var maxRestartSeconds: UInt16?
    /// `filters`: names of BGPFilters, in the order in which they are asked.
    public var filters: [String]
    /// `localWorkloadSelector`: the neighbours are workloads of the node.
    public var localWorkloadSelector: Selector?
    /// Annotation `martlet.dev/hold-time` in whole seconds; 240 when absent.
    public var holdSeconds: UInt16?
    /// Annotation `martlet.dev/max-prefixes`: the session ends when the neighbour sends more.
    public var maximumPrefixes: UInt32?
    /// Annotation `martlet.dev/families: both`: one session carries the routes of both families.
    public var carriesBothFamilies = false

    /// Creates a peer with defaults.
    public init(metadata: ResourceMetadata) {
        self.metadata = metadata
        self.keepOriginalNextHop = false
        self.sourceAddress = .useNodeIP
        self.reversePeering = .auto
        self.filters = []
    }

    /// Values of `nextHopMode`.
    public enum NextHopMode: String, Hashable, Sendable {
        /// The protocol's default.
        case auto = "Auto"
        /// next hop self.
        case `self` = "Self"
        /// next hop keep.
        case keep = "Keep"
    }

    /// Values of `sourceAddress`.
    public enum SourceAddress: String, Hashable, Sendable {
        /// The node's address of the family.
        case useNodeIP = "UseNodeIP"
        /// The kernel chooses.
        case none = "None"
    }

    /// Values of `reversePeering`.
    public enum ReversePeering: String, Hashable, Sendable {
        /// Nodes on the other side get the mirror image.
        case auto = "Auto"
        /// They do not.
        case manual = "Manual"
    }
}

/// A block of addresses that belongs to a node.
public struct BlockAffinity: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `state`.
    public var state: State
    /// `node`.
    public var node: String
    /// `type`; `host` unless given.
    public var type: String
    /// `cidr`.
    public var cidr: IPPrefix
    /// `deleted`.
    public var isDeleted: Bool

    /// Creates an affinity.
    public init(metadata: ResourceMetadata, state: State, node: String, type: String = "host", cidr: IPPrefix) {
        self.metadata = metadata
        self.state = state
        self.node = node
        self.type = type
        self.cidr = cidr
        self.isDeleted = false
    }

    /// Values of `state`.
    public enum State: String, Hashable, Sendable {
        /// Legacy: counts as confirmed.
        case implicit = ""
        /// Claimed.
        case confirmed = "confirmed"
        /// Being claimed.
        case pending = "pending"
        /// Being released.
        case pendingDeletion = "pendingDeletion"
    }
}

/// A workload's interface on its node.
public struct WorkloadEndpoint: Hashable, Sendable {
    /// Name, namespace, labels.
    public var metadata: ResourceMetadata
    /// `node`.
    public var node: String
    /// `orchestrator`.
    public var orchestrator: String
    /// `workload`.
    public var workload: String?
    /// `pod`.
    public var pod: String?
    /// `containerID`.
    public var containerID: String?
    /// `endpoint`.
    public var endpoint: String
    /// `interfaceName`: the host side.
    public var interfaceName: String
    /// `mac` of the workload's side, six octets.
    public var mac: MACAddress?
    /// `ipNetworks`: host prefixes only.
    public var ipNetworks: [IPPrefix]
    /// `profiles`.
    public var profiles: [String]
    /// `allowSpoofedSourcePrefixes`.
    public var allowSpoofedSourcePrefixes: [IPPrefix]

    /// Creates an endpoint.
    public init(
        metadata: ResourceMetadata,
        node: String,
        orchestrator: String,
        endpoint: String,
        interfaceName: String,
        mac: MACAddress? = nil,
        ipNetworks: [IPPrefix] = []
    ) {
        self.metadata = metadata
        self.node = node
        self.orchestrator = orchestrator
        self.endpoint = endpoint
        self.interfaceName = interfaceName
        self.mac = mac
        self.ipNetworks = ipNetworks
        self.profiles = []
        self.allowSpoofedSourcePrefixes = []
    }
}

/// A Kubernetes Secret: values decoded from base64 (`data`) or taken as they are (`stringData`).
///
/// Never printed.
public struct Secret: Hashable, Sendable {
    /// Name and namespace.
    public var metadata: ResourceMetadata
    /// Values by key.
    public var values: [String: [UInt8]]

    /// Creates a secret.
    public init(metadata: ResourceMetadata, values: [String: [UInt8]]) {
        self.metadata = metadata
        self.values = values
    }
}
