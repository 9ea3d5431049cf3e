public import IPAddressing
public import Resources

/// Everything the speaker of one node is to do, as values; templates only print it.
///
/// A pure function of the resources, the node's name and the environment. IPv4 and IPv6 are planned apart, as two
/// speakers would be, and then printed for one.
public struct BGPPlan: Hashable, Sendable {
    /// The node's name.
    public var nodeName: String
    /// Router id of the one speaker, for both families.
    public var routerID: RouterID
    /// The node's AS.
    public var localAS: ASNumber
    /// How much protocols tell in the log.
    public var logLevel: LogLevel
    /// Patterns of the interfaces whose networks become direct routes; the first match decides.
    public var directInterfaces: [DirectInterface]
    /// IPv4.
    public var ipv4: FamilyPlan
    /// IPv6.
    public var ipv6: FamilyPlan
    /// What was left out, in a stable order.
    public var diagnostics: [PlanDiagnostic]

    /// Sessions of both families, IPv4 first, each sorted by name.
    public var sessions: [SessionPlan] { self.ipv4.sessions + self.ipv6.sessions }

    /// The three levels that a speaker knows.
    public enum LogLevel: String, Hashable, Sendable {
        /// Nothing is traced.
        case none
        /// States of device and direct; states, routes, filters and events of sessions.
        case info
        /// Everything.
        case debug
    }

    /// One element of the direct protocol's interface list.
    public struct DirectInterface: Hashable, Sendable {
        /// Shell-like pattern.
        public var pattern: String
        /// Whether a match leaves the interface out.
        public var isExcluded: Bool

        /// Creates an element.
        public init(pattern: String, isExcluded: Bool) {
            self.pattern = pattern
            self.isExcluded = isExcluded
        }
    }
}

/// The plan of one family.
public struct FamilyPlan: Hashable, Sendable {
    /// Whether this is IPv4.
    public var isIPv4: Bool
    /// The node's own address; nil leaves out all sessions of the family.
    public var nodeAddress: IPAddress?
    /// Port on which sessions are accepted.
    public var listenPort: UInt16
    /// The only address on which sessions are accepted (`bindMode: NodeIP`); nil is any.
    public var listenAddress: IPAddress?
    /// Kernel metric of normal workload routes; LOCAL_PREF is 2147483647 minus the metric.
    public var normalPriority: UInt32
    /// Sessions, sorted by name.
    public var sessions: [SessionPlan]
    /// Pools, sorted by prefix.
    public var pools: [PoolPlan]
    /// Blackholes of this node's blocks, announced by the static protocol; the kernel never gets them from here.
    public var blockStatics: [IPPrefix]
    /// Host routes to peers behind a gateway (`reachableBy`); these do go to the kernel.
    public var peerStatics: [PeerStatic]
    /// Blocks that are announced instead of what lies inside them.
    public var aggregates: [IPPrefix]
    /// Communities set on routes inside prefixes.
    public var advertisements: [BGPConfiguration.PrefixAdvertisement]
    /// The subnet of the node's own address.
    public var network: IPPrefix?
    /// Prefixes of services, announced by the static protocol; routes inside them are announced too.
    public var serviceStatics: [IPPrefix]
    /// Ranges of services; the kernel never gets their routes from here.
    public var serviceRanges: [IPPrefix]
    /// Ranges in which a route reflector passes on what it learns of other nodes' services.
    public var reflectedServices: [IPPrefix]
    /// Addresses of nodes to which felix makes WireGuard routes.
    public var wireguardPeers: [IPAddress]
    /// Whether routes through the IPIP device are of the speaker's own making.
    public var ownsIPIP: Bool
    /// Functions of all BGPFilters with rules for the family, by name of the filter, import first.
    public var filters: [FilterFunction]

    /// LOCAL_PREF above which a received route beats what the node knows itself.
    public var localPreferenceThreshold: UInt32 { 2_147_483_647 - self.normalPriority }

    /// A host route to a peer.
    public struct PeerStatic: Hashable, Sendable {
        /// The peer as /32 or /128.
        public var prefix: IPPrefix
        /// Where to send its packets.
        public var gateway: IPAddress

        /// Creates a route.
        public init(prefix: IPPrefix, gateway: IPAddress) {
            self.prefix = prefix
            self.gateway = gateway
        }
    }
}

/// What a pool means for export and for the kernel.
public struct PoolPlan: Hashable, Sendable {
    /// The pool's prefix.
    public var prefix: IPPrefix
    /// Whether its routes are announced.
    public var isExported: Bool
    /// What the kernel export does with BGP routes inside the pool.
    public var kernel: KernelAction

    /// Creates a pool plan.
    public init(prefix: IPPrefix, isExported: Bool, kernel: KernelAction) {
        self.prefix = prefix
        self.isExported = isExported
        self.kernel = kernel
    }

    /// Actions of the kernel export.
    public enum KernelAction: String, Hashable, Sendable {
        /// The speaker writes the routes.
        case accept
        /// Felix writes them.
        case reject
        /// The speaker is asked to write the routes through the IPIP device.
        case tunnel
        /// The same, but without tunnel to nodes in its own subnet.
        case tunnelAcrossSubnets = "tunnel_across_subnets"
        /// Nothing is said about the pool: the node has no address of the family.
        case unspecified
    }
}
