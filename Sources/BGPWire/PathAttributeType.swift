/// Path attribute type codes (IANA "BGP Path Attributes").
public struct PathAttributeType: RawRepresentable, Hashable, Sendable, Comparable, BitwiseCopyable {
    /// The type octet.
    public var rawValue: UInt8

    /// Creates a code, known or not.
    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Numeric order, the order of attributes in a canonical set.
    @inlinable
    public static func < (lhs: PathAttributeType, rhs: PathAttributeType) -> Bool { lhs.rawValue < rhs.rawValue }

    /// 0, which the registry reserves: attributes that never leave this host.
    ///
    /// Nothing received has it, and nothing sent.
    public static let local = PathAttributeType(rawValue: 0)
    /// 1, ORIGIN.
    public static let origin = PathAttributeType(rawValue: 1)
    /// 2, AS_PATH.
    public static let asPath = PathAttributeType(rawValue: 2)
    /// 3, NEXT_HOP.
    public static let nextHop = PathAttributeType(rawValue: 3)
    /// 4, MULTI_EXIT_DISC.
    public static let multiExitDiscriminator = PathAttributeType(rawValue: 4)
    /// 5, LOCAL_PREF.
    public static let localPreference = PathAttributeType(rawValue: 5)
    /// 6, ATOMIC_AGGREGATE.
    public static let atomicAggregate = PathAttributeType(rawValue: 6)
    /// 7, AGGREGATOR.
    public static let aggregator = PathAttributeType(rawValue: 7)
    /// 8, COMMUNITIES (RFC 1997).
    public static let communities = PathAttributeType(rawValue: 8)
    /// 9, ORIGINATOR_ID (RFC 4456).
    public static let originatorID = PathAttributeType(rawValue: 9)
    /// 10, CLUSTER_LIST (RFC 4456).
    public static let clusterList = PathAttributeType(rawValue: 10)
    /// 14, MP_REACH_NLRI (RFC 4760).
    public static let mpReachNLRI = PathAttributeType(rawValue: 14)
    /// 15, MP_UNREACH_NLRI (RFC 4760).
    public static let mpUnreachNLRI = PathAttributeType(rawValue: 15)
    /// 16, EXTENDED COMMUNITIES (RFC 4360).
    public static let extendedCommunities = PathAttributeType(rawValue: 16)
    /// 17, AS4_PATH (RFC 6793).
    public static let as4Path = PathAttributeType(rawValue: 17)
    /// 18, AS4_AGGREGATOR (RFC 6793).
    public static let as4Aggregator = PathAttributeType(rawValue: 18)
    /// 22, PMSI_TUNNEL (RFC 6514).
    public static let pmsiTunnel = PathAttributeType(rawValue: 22)
    /// 23, Tunnel Encapsulation (RFC 9012).
    public static let tunnelEncapsulation = PathAttributeType(rawValue: 23)
    /// 24, Traffic Engineering (RFC 5543).
    public static let trafficEngineering = PathAttributeType(rawValue: 24)
    /// 25, IPv6 extended communities (RFC 5701).
    public static let ipv6ExtendedCommunities = PathAttributeType(rawValue: 25)
    /// 26, AIGP (RFC 7311).
    public static let aigp = PathAttributeType(rawValue: 26)
    /// 29, BGP-LS (RFC 9552).
    public static let linkState = PathAttributeType(rawValue: 29)
    /// 32, LARGE_COMMUNITY (RFC 8092).
    public static let largeCommunities = PathAttributeType(rawValue: 32)
    /// 35, OTC (RFC 9234).
    public static let onlyToCustomer = PathAttributeType(rawValue: 35)
    /// 40, BGP Prefix-SID (RFC 8669).
    public static let prefixSID = PathAttributeType(rawValue: 40)
}

extension PathAttributeType: CustomStringConvertible {
    /// The registered name, or `attribute` and the number.
    public var description: String {
        switch self {
        case .local: "LOCAL"
        case .origin: "ORIGIN"
        case .asPath: "AS_PATH"
        case .nextHop: "NEXT_HOP"
        case .multiExitDiscriminator: "MULTI_EXIT_DISC"
        case .localPreference: "LOCAL_PREF"
        case .atomicAggregate: "ATOMIC_AGGREGATE"
        case .aggregator: "AGGREGATOR"
        case .communities: "COMMUNITIES"
        case .originatorID: "ORIGINATOR_ID"
        case .clusterList: "CLUSTER_LIST"
        case .mpReachNLRI: "MP_REACH_NLRI"
        case .mpUnreachNLRI: "MP_UNREACH_NLRI"
        case .extendedCommunities: "EXTENDED_COMMUNITIES"
        case .as4Path: "AS4_PATH"
        case .as4Aggregator: "AS4_AGGREGATOR"
        case .pmsiTunnel: "PMSI_TUNNEL"
        case .tunnelEncapsulation: "TUNNEL_ENCAPSULATION"
        case .trafficEngineering: "TRAFFIC_ENGINEERING"
        case .ipv6ExtendedCommunities: "IPV6_EXTENDED_COMMUNITIES"
        case .aigp: "AIGP"
        case .linkState: "BGP_LS"
        case .largeCommunities: "LARGE_COMMUNITY"
        case .onlyToCustomer: "ONLY_TO_CUSTOMER"
        case .prefixSID: "PREFIX_SID"
        default: "attribute \(self.rawValue)"
        }
    }
}

/// Attribute flag bits (RFC 4271 §4.3).
public struct PathAttributeFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// The flag octet.
    public var rawValue: UInt8

    /// Creates a value from the octet.
    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// 0x80.
    public static let optional = PathAttributeFlags(rawValue: 0x80)
    /// 0x40.
    public static let transitive = PathAttributeFlags(rawValue: 0x40)
    /// 0x20.
    public static let partial = PathAttributeFlags(rawValue: 0x20)
    /// 0x10.
    public static let extendedLength = PathAttributeFlags(rawValue: 0x10)
}

/// ORIGIN values (RFC 4271 §5.1.1), ordered by preference.
public enum Origin: UInt8, Hashable, Sendable {
    /// 0.
    case igp = 0
    /// 1.
    case egp = 1
    /// 2.
    case incomplete = 2
}
