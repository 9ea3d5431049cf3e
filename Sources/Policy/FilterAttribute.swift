import BGPWire
import IPAddressing
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
    /// RTD_* of the target.
    case dest
    /// Route preference.
    case preference
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

    /// Type of the attribute's value.
    public var type: FilterType {
        switch self {
        case .net: .prefix
        case .source: .enumeration(.source)
        case .proto, .ifname: .string
        case .from, .gw, .bgpNextHop: .ip
        case .dest: .enumeration(.destination)
        case .preference, .krtMetric, .krtSource, .bgpLocalPref, .bgpMED: .int
        case .bgpPath: .path
        case .bgpOrigin: .enumeration(.origin)
        case .bgpCommunity, .bgpClusterList: .clist
        case .bgpExtCommunity: .eclist
        case .bgpLargeCommunity: .lclist
        case .bgpOriginatorID: .quad
        }
    }

    /// Whether filters may assign it.
    public var isWritable: Bool {
        switch self {
        case .net, .source, .proto, .from, .gw, .ifname, .bgpOriginatorID, .bgpClusterList: false
        case .dest, .preference, .krtMetric, .krtSource, .bgpPath, .bgpNextHop, .bgpLocalPref, .bgpMED, .bgpOrigin,
            .bgpCommunity, .bgpExtCommunity, .bgpLargeCommunity:
            true
        }
    }

    /// Whether `unset()` applies: the attribute may be absent, and its absence can be made.
    public var isUnsettable: Bool {
        self.isWritable && self != .preference && self != .dest && self != .bgpNextHop
    }

    /// What reading it depends on beside the attribute set and target.
    var dependency: PolicyDependencies {
        switch self {
        case .net: .prefix
        // The default for routes without a LOCAL_PREF is the session's.
        case .source, .proto, .from, .bgpLocalPref: .origin
        case .gw, .ifname: .resolution
        default: []
        }
    }
}

extension RouteDraft {
    /// The attribute's value; `undefined` when the route lacks it.
    ///
    /// Absent lists and paths read as empty ones.
    func read(_ attribute: FilterAttribute) -> FilterValue {
        switch attribute {
        case .net:
            return .prefix(self.prefix)
        case .source:
            return switch self.origin.source {
            case .static: .enumeration(.source, FilterConstants.rtsStatic)
            case .kernel: .enumeration(.source, FilterConstants.rtsInherit)
            case .device: .enumeration(.source, FilterConstants.rtsDevice)
            case .bgp: .enumeration(.source, FilterConstants.rtsBGP)
            }
        case .proto:
            return .string(self.origin.protocolName)
        case .from:
            return .ip(self.origin.from ?? .v6(.any))
        case .gw:
            return .ip(self.gateway ?? .v6(.any))
        case .ifname:
            return .string(self.interfaceName ?? "")
        case .dest:
            return switch self.target {
            case .recursive, .gateways: .enumeration(.destination, FilterConstants.rtdUnicast)
            case .blackhole: .enumeration(.destination, FilterConstants.rtdBlackhole)
            case .unreachable: .enumeration(.destination, FilterConstants.rtdUnreachable)
            case .prohibit: .enumeration(.destination, FilterConstants.rtdProhibit)
            }
        case .preference:
            return .int(UInt32(self.local.preference))
        case .krtMetric:
            return self.local.kernelMetric.map(FilterValue.int) ?? .undefined
        case .krtSource:
            return self.local.kernelSource.map { .int(UInt32($0)) } ?? .undefined
        case .bgpPath:
            return .path(self.attributes.asPath ?? ASPath())
        case .bgpNextHop:
            return self.target.bgpNextHop.map { .ip($0.address) } ?? .undefined
        case .bgpLocalPref:
            return (self.attributes.localPreference ?? self.origin.defaultLocalPreference).map(FilterValue.int)
                ?? .undefined
        case .bgpMED:
            return self.attributes.multiExitDiscriminator.map(FilterValue.int) ?? .undefined
        case .bgpOrigin:
            return self.attributes.origin.map { .enumeration(.origin, UInt32($0.rawValue)) } ?? .undefined
        case .bgpCommunity:
            return .clist(self.attributes.communities)
        case .bgpExtCommunity:
            return .eclist(self.attributes.extendedCommunities)
        case .bgpLargeCommunity:
            return .lclist(self.attributes.largeCommunities)
        case .bgpOriginatorID:
            return self.attributes.originatorID.map { .quad($0.rawValue) } ?? .undefined
        case .bgpClusterList:
            return .clist((self.attributes.clusterList ?? []).map { Community(rawValue: $0.rawValue) })
        }
    }

    /// Assigns the attribute.
    mutating func write(_ value: FilterValue, to attribute: FilterAttribute) throws(FilterError) {
        let mismatch = FilterError.typeMismatch(
            operation: "assignment to \(attribute.rawValue)",
            types: [value.type]
        )
        switch (attribute, value) {
        case (.preference, .int(let number)):
            guard let preference = UInt16(exactly: number) else { throw .outOfRange("preference") }
            self.local.preference = preference
        case (.krtMetric, .int(let number)):
            self.local.kernelMetric = number
        case (.krtSource, .int(let number)):
            guard let source = UInt8(exactly: number) else { throw .outOfRange("krt_source") }
            self.local.kernelSource = source
        case (.dest, .enumeration(.destination, let number)):
            switch number {
            case FilterConstants.rtdBlackhole: self.target = .blackhole
            case FilterConstants.rtdUnreachable: self.target = .unreachable
            case FilterConstants.rtdProhibit: self.target = .prohibit
            default: throw .outOfRange("dest: RTD_UNICAST cannot be assigned and")
            }
        case (.bgpPath, .path(let path)):
            guard path.bytes.count <= Self.valueLimit else { throw .outOfRange("bgp_path") }
            self.attributes.asPath = path
        case (.bgpNextHop, .ip(let address)):
            self.target = .recursive(BGPNextHop(address), interface: 0)
        case (.bgpLocalPref, .int(let number)):
            self.attributes.localPreference = number
        case (.bgpMED, .int(let number)):
            self.attributes.multiExitDiscriminator = number
        case (.bgpOrigin, .enumeration(.origin, let number)):
            self.attributes.origin = UInt8(exactly: number).flatMap(Origin.init(rawValue:))
        case (.bgpCommunity, .clist(let list)):
            guard list.count <= Self.valueLimit / 4 else { throw .outOfRange("bgp_community") }
            self.attributes.communities = list
        case (.bgpExtCommunity, .eclist(let list)):
            guard list.count <= Self.valueLimit / 8 else { throw .outOfRange("bgp_ext_community") }
            self.attributes.extendedCommunities = list
        case (.bgpLargeCommunity, .lclist(let list)):
            guard list.count <= Self.valueLimit / 12 else { throw .outOfRange("bgp_large_community") }
            self.attributes.largeCommunities = list
        default:
            throw mismatch
        }
    }

    /// Removes the attribute.
    mutating func unset(_ attribute: FilterAttribute) {
        switch attribute {
        case .krtMetric: self.local.kernelMetric = nil
        case .krtSource: self.local.kernelSource = nil
        case .bgpPath: self.attributes.asPath = nil
        case .bgpLocalPref: self.attributes.localPreference = nil
        case .bgpMED: self.attributes.multiExitDiscriminator = nil
        case .bgpOrigin: self.attributes.origin = nil
        case .bgpCommunity: self.attributes.communities = []
        case .bgpExtCommunity: self.attributes.extendedCommunities = []
        case .bgpLargeCommunity: self.attributes.largeCommunities = []
        case .net, .source, .proto, .from, .gw, .ifname, .dest, .preference, .bgpNextHop, .bgpOriginatorID,
            .bgpClusterList:
            break
        }
    }

    /// Octets of one attribute's value a filter may build up to; the rest of a message must fit beside it.
    private static var valueLimit: Int { 32_768 }
}
