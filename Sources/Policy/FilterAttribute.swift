import RouteModel

/// A property of a route that filters can name.
public enum FilterAttribute: String, Hashable, Sendable, CaseIterable {
    /// Destination.
    case net
    /// RTS_* of the source.
    case source
    /// Name of the protocol instance.
    case proto
    /// Neighbour that sent the route.
    case from
    /// Resolved gateway.
    case gw
    /// Resolved outgoing interface.
    case ifname
    /// Kernel index of that interface.
    case ifindex
    /// ECMP weight of the first next hop.
    case weight
    /// Whether the first next hop is reached whatever the interface's prefixes say.
    case onlink
    /// SCOPE_*, for filters alone.
    case scope
    /// RTD_* of the target.
    case dest
    /// Route preference.
    case preference
    /// Metric that the route lends to next hops which resolve through it.
    case igpMetric = "igp_metric"
    /// Kernel metric.
    case krtMetric = "krt_metric"
    /// Kernel protocol number.
    case krtSource = "krt_source"
    /// AS_PATH.
    case bgpPath = "bgp_path"
    /// NEXT_HOP.
    case bgpNextHop = "bgp_next_hop"
    /// LOCAL_PREF.
    case bgpLocalPref = "bgp_local_pref"
    /// MULTI_EXIT_DISC.
    case bgpMED = "bgp_med"
    /// ORIGIN.
    case bgpOrigin = "bgp_origin"
    /// COMMUNITIES.
    case bgpCommunity = "bgp_community"
    /// EXTENDED COMMUNITIES.
    case bgpExtCommunity = "bgp_ext_community"
    /// LARGE_COMMUNITY.
    case bgpLargeCommunity = "bgp_large_community"
    /// ORIGINATOR_ID.
    case bgpOriginatorID = "bgp_originator_id"
    /// CLUSTER_LIST.
    case bgpClusterList = "bgp_cluster_list"
    /// ATOMIC_AGGREGATE.
    case bgpAtomicAggregate = "bgp_atomic_aggr"
    /// AGGREGATOR.
    case bgpAggregator = "bgp_aggregator"
    /// AIGP.
    case bgpAIGP = "bgp_aigp"
    /// ONLY_TO_CUSTOMER.
    case bgpOnlyToCustomer = "bgp_otc"

    /// Type of the attribute's value.
    public var type: FilterType {
        switch self {
        case .net: .prefix
        case .source: .enumeration(.source)
        case .scope: .enumeration(.scope)
        case .dest: .enumeration(.destination)
        case .proto, .ifname: .string
        case .from, .gw, .bgpNextHop: .ip
        case .onlink: .bool
        case .ifindex, .weight, .preference, .igpMetric, .krtMetric, .krtSource, .bgpLocalPref, .bgpMED,
            .bgpOnlyToCustomer:
            .int
        case .bgpPath: .path
        case .bgpOrigin: .enumeration(.origin)
        case .bgpCommunity, .bgpClusterList: .clist
        case .bgpExtCommunity: .eclist
        case .bgpLargeCommunity: .lclist
        case .bgpOriginatorID: .quad
        case .bgpAtomicAggregate, .bgpAggregator, .bgpAIGP: .enumeration(.opaque)
        }
    }

    /// Whether filters may assign it.
    public var isWritable: Bool {
        switch self {
        case .net, .source, .proto, .from, .gw, .ifname, .ifindex, .weight, .onlink, .bgpAtomicAggregate,
            .bgpAggregator, .bgpAIGP:
            false
        default: true
        }
    }

    /// Whether `unset()` applies: the attribute may be absent, and its absence can be made.
    public var isUnsettable: Bool {
        switch self {
        case .net, .source, .proto, .from, .gw, .ifname, .ifindex, .weight, .onlink, .scope, .dest, .preference,
            .bgpNextHop:
            false
        default: true
        }
    }

    /// What to do instead of assigning an attribute that cannot be assigned.
    public var advice: String? {
        switch self {
        case .gw, .ifname, .ifindex, .onlink, .weight:
            "the way out follows from 'bgp_next_hop', or from the routes of 'protocol static'"
        case .bgpAtomicAggregate, .bgpAggregator, .bgpAIGP: "it can be tested with 'defined' and removed with 'unset'"
        default: nil
        }
    }

    /// What reading it depends on beside the attribute set and target.
    var dependency: PolicyDependencies {
        switch self {
        case .net: .prefix
        // The default for routes without a LOCAL_PREF is the session's.
        case .source, .proto, .from, .bgpLocalPref: .origin
        case .gw, .ifname, .ifindex: .resolution
        default: []
        }
    }
}
