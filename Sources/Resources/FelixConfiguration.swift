public import IPAddressing

/// The part of felix's settings that concerns routes.
///
/// Nil fields were not given. `default` holds for the cluster, `node.<name>` for one node.
public struct FelixConfiguration: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `programClusterRoutes`; `EnabledIPIPOnly` when absent.
    public var programClusterRoutes: BGPConfiguration.ProgramClusterRoutes?
    /// `ipv4NormalRoutePriority`; 1024 when absent.
    public var ipv4NormalRoutePriority: UInt32?
    /// `ipv6NormalRoutePriority`; 1024 when absent.
    public var ipv6NormalRoutePriority: UInt32?
    /// `ipv4ElevatedRoutePriority`; 512 when absent.
    public var ipv4ElevatedRoutePriority: UInt32?
    /// `ipv6ElevatedRoutePriority`; 512 when absent.
    public var ipv6ElevatedRoutePriority: UInt32?
    /// `liveMigrationRouteConvergenceTime` in seconds; 30 when absent.
    public var liveMigrationRouteConvergenceSeconds: UInt32?
    /// `deviceRouteProtocol`.
    public var deviceRouteProtocol: UInt8?
    /// `deviceRouteSourceAddress`.
    public var deviceRouteSourceAddress: IPAddress?
    /// `deviceRouteSourceAddressIPv6`.
    public var deviceRouteSourceAddressIPv6: IPAddress?
    /// `removeExternalRoutes`; true when absent.
    public var removeExternalRoutes: Bool?
    /// `routeSource`.
    public var routeSource: RouteSource?
    /// `routeSyncDisabled`.
    public var routeSyncDisabled: Bool?
    /// `routeRefreshInterval` in seconds; 90 when absent.
    public var routeRefreshSeconds: UInt32?
    /// `routeTableRanges`.
    public var routeTableRanges: [ClosedRange<UInt32>]
    /// `ipipEnabled`; by the pools when absent.
    public var ipipEnabled: Bool?
    /// `vxlanEnabled`; by the pools when absent.
    public var vxlanEnabled: Bool?
    /// `vxlanPort`; 4789 when absent.
    public var vxlanPort: UInt16?
    /// `vxlanVNI`; 4096 when absent.
    public var vxlanVNI: UInt32?
    /// `wireguardEnabled`.
    public var wireguardEnabled: Bool?
    /// `wireguardEnabledV6`.
    public var wireguardEnabledV6: Bool?
    /// `wireguardHostEncryptionEnabled`.
    public var wireguardHostEncryptionEnabled: Bool?
    /// `wireguardListeningPort`; 51820 when absent.
    public var wireguardListeningPort: UInt16?
    /// `wireguardListeningPortV6`; 51821 when absent.
    public var wireguardListeningPortV6: UInt16?
    /// `wireguardRoutingRulePriority`; 99 when absent.
    public var wireguardRoutingRulePriority: UInt32?
    /// `wireguardInterfaceName`; `wireguard.cali` when absent.
    public var wireguardInterfaceName: String?
    /// `wireguardInterfaceNameV6`; `wg-v6.cali` when absent.
    public var wireguardInterfaceNameV6: String?
    /// `serviceLoopPrevention`.
    public var serviceLoopPrevention: ServiceLoopPrevention?
    /// `endpointStatusPathPrefix`; `/var/run/calico` when absent.
    public var endpointStatusPathPrefix: String?
    /// `interfacePrefix`; `cali` when absent.
    public var interfacePrefix: String?
    /// `floatingIPs` is `Enabled`.
    public var floatingIPs: Bool?
    /// `localSubnetL2Reachability`; `Disabled` when absent.
    public var localSubnetL2Reachability: LocalSubnetReachability?
    /// `externalNodesList`.
    public var externalNodes: [IPPrefix]

    /// Creates settings in which nothing is given.
    public init(metadata: ResourceMetadata) {
        self.metadata = metadata
        self.routeTableRanges = []
        self.externalNodes = []
    }

    /// Values of `routeSource`.
    public enum RouteSource: String, Hashable, Sendable {
        /// Blocks.
        case calicoIPAM = "CalicoIPAM"
        /// Workloads.
        case workloadIPs = "WorkloadIPs"
    }

    /// Values of `localSubnetL2Reachability`.
    public enum LocalSubnetReachability: String, Hashable, Sendable {
        /// Not announced.
        case disabled = "Disabled"
        /// Answered for workloads and load balancers.
        case podsAndLoadBalancers = "PodsAndLoadBalancers"
    }

    /// Values of `serviceLoopPrevention`.
    public enum ServiceLoopPrevention: String, Hashable, Sendable {
        /// Default.
        case drop = "Drop"
        /// With an error to the sender.
        case reject = "Reject"
        /// Not at all.
        case disabled = "Disabled"
    }
}
