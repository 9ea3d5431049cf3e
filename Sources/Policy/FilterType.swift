import BGPWire

/// Static types of the filter language, by BIRD's names.
public enum FilterType: Hashable, Sendable {
    /// `bool`.
    case bool
    /// `int`, unsigned 32 bits.
    case int
    /// `pair`: a standard community.
    case pair
    /// `quad`: a router or cluster identifier.
    case quad
    /// `ip`.
    case ip
    /// `prefix`.
    case prefix
    /// `rd`: a route distinguisher.
    case rd
    /// `string`.
    case string
    /// `bytestring`.
    case bytestring
    /// A constant set such as RTS_*.
    case enumeration(FilterEnumeration)
    /// `ec`: an extended community.
    case ec
    /// `lc`: a large community.
    case lc
    /// `bgppath`.
    case path
    /// `bgpmask`.
    case mask
    /// `clist`.
    case clist
    /// `eclist`.
    case eclist
    /// `lclist`.
    case lclist
    /// A set of `element`s other than prefixes.
    indirect case set(FilterType)
    /// `prefix set`.
    case prefixSet
    /// Nothing: what a function without `return` gives.
    case void
    /// Known only when the filter runs: what a function gives whose returns differ in type.
    case any

    /// Types with a name of one word, in the order of the documentation.
    public static let named: [FilterType] = [
        .bool, .int, .pair, .quad, .ip, .prefix, .rd, .string, .bytestring, .ec, .lc, .path, .mask, .clist, .eclist,
        .lclist,
    ]

    /// Types that `attribute` can give to a custom attribute.
    public static let ofCustomAttributes: [FilterType] = [
        .int, .quad, .ip, .string, .bytestring, .path, .clist, .eclist, .lclist,
    ]

    /// What `for` takes out of a value of this type; nil when there is nothing to go through.
    public var element: FilterType? {
        switch self {
        case .path: .int
        case .clist: .pair
        case .eclist: .ec
        case .lclist: .lc
        default: nil
        }
    }

    /// Whether values can be elements of a set that is no prefix set.
    public var isSetElement: Bool {
        switch self {
        case .int, .pair, .quad, .ip, .rd, .ec, .lc, .enumeration: true
        default: false
        }
    }

    /// What a variable without value holds, and an attribute that the route lacks.
    public var emptyValue: FilterValue {
        switch self {
        case .path: .path(.init())
        case .clist: .clist([])
        case .eclist: .eclist([])
        case .lclist: .lclist([])
        default: .undefined
        }
    }
}

extension FilterType: CustomStringConvertible {
    /// The type as configurations write it.
    public var description: String {
        switch self {
        case .bool: "bool"
        case .int: "int"
        case .pair: "pair"
        case .quad: "quad"
        case .ip: "ip"
        case .prefix: "prefix"
        case .rd: "rd"
        case .string: "string"
        case .bytestring: "bytestring"
        case .enumeration(let kind): kind.description
        case .ec: "ec"
        case .lc: "lc"
        case .path: "bgppath"
        case .mask: "bgpmask"
        case .clist: "clist"
        case .eclist: "eclist"
        case .lclist: "lclist"
        case .set(.void): "empty set"
        case .set(let element): "\(element) set"
        case .prefixSet: "prefix set"
        case .void: "void"
        case .any: "any"
        }
    }
}

/// Families of named constants.
public enum FilterEnumeration: String, Hashable, Sendable, CaseIterable {
    /// RTS_*: how a route came to be known.
    case source = "rts"
    /// ORIGIN_*.
    case origin = "bgp_origin"
    /// SCOPE_*.
    case scope
    /// RTD_*: what a route does with packets.
    case destination = "rtd"
    /// ROA_*: what `roa_check` found.
    case roa
    /// ASPA_*.
    case aspa
    /// NET_*: kind of a prefix.
    case netType = "net_type"
    /// The value of an attribute that filters can only see and remove.
    case opaque = "empty"

    /// Number by which BIRD prints values of the family.
    var code: UInt8 {
        switch self {
        case .source: 0x30
        case .origin: 0x31
        case .scope: 0x32
        case .destination: 0x33
        case .roa: 0x34
        case .aspa: 0x35
        case .netType: 0x36
        case .opaque: 0x3F
        }
    }
}

extension FilterEnumeration: CustomStringConvertible {
    /// The family as declarations and messages name it.
    public var description: String { "enum \(self.rawValue)" }
}

/// The named constants and their numbers.
public enum FilterConstants {
    /// Numbers of the RTS_* constants that routes of this speaker can have.
    static let rtsStatic: UInt32 = 1
    static let rtsInherit: UInt32 = 2
    static let rtsDevice: UInt32 = 3
    static let rtsBGP: UInt32 = 11

    static let netIPv4: UInt32 = 1
    static let netIPv6: UInt32 = 2

    static let rtdUnicast: UInt32 = 1
    static let rtdBlackhole: UInt32 = 2
    static let rtdUnreachable: UInt32 = 3
    static let rtdProhibit: UInt32 = 4

    static let scopeUniverse: UInt32 = 4
    static let scopeUndefined: UInt32 = 5

    static let roaUnknown: UInt32 = 0
    static let roaValid: UInt32 = 1
    static let roaInvalid: UInt32 = 2

    private static let families: [(FilterEnumeration, first: UInt32, prefix: String, names: [String])] = [
        // Sources of protocols that this speaker lacks are known too: they never match.
        (
            .source, 1, "RTS_",
            [
                "STATIC", "INHERIT", "DEVICE", "STATIC_DEVICE", "REDIRECT", "RIP", "OSPF", "OSPF_IA", "OSPF_EXT1",
                "OSPF_EXT2", "BGP", "PIPE", "BABEL", "RPKI", "PERF", "L3VPN", "AGGREGATED",
            ]
        ),
        (.origin, 0, "ORIGIN_", ["IGP", "EGP", "INCOMPLETE"]),
        (.scope, 0, "SCOPE_", ["HOST", "LINK", "SITE", "ORGANIZATION", "UNIVERSE", "UNDEFINED"]),
        (.destination, 1, "RTD_", ["UNICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT"]),
        (.roa, 0, "ROA_", ["UNKNOWN", "VALID", "INVALID"]),
        (.aspa, 0, "ASPA_", ["UNKNOWN", "VALID", "INVALID"]),
        (
            .netType, 1, "NET_",
            [
                "IP4", "IP6", "VPN4", "VPN6", "ROA4", "ROA6", "FLOW4", "FLOW6", "IP6_SADR", "MPLS", "ASPA", "ETH",
                "EVPN", "NEIGHBOR",
            ]
        ),
    ]

    /// Every constant by name.
    public static let byName: [String: FilterValue] = {
        var result: [String: FilterValue] = [:]
        for family in Self.families {
            for (index, name) in family.names.enumerated() {
                result[family.prefix + name] = .enumeration(family.0, family.first + UInt32(index))
            }
        }
        return result
    }()
}
