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
    /// 25, IPv6 extended communities (RFC 5701).
    public static let ipv6ExtendedCommunities = PathAttributeType(rawValue: 25)
    /// 26, AIGP (RFC 7311).
    public static let aigp = PathAttributeType(rawValue: 26)
    /// 32, LARGE_COMMUNITY (RFC 8092).
    public static let largeCommunities = PathAttributeType(rawValue: 32)
    /// 35, OTC (RFC 9234).
    public static let onlyToCustomer = PathAttributeType(rawValue: 35)
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
