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
    /// `string`.
    case string
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
        case .string: "string"
        case .enumeration(let kind): kind.description
        case .ec: "ec"
        case .lc: "lc"
        case .path: "bgppath"
        case .mask: "bgpmask"
        case .clist: "clist"
        case .eclist: "eclist"
        case .lclist: "lclist"
        case .set(let element): "\(element) set"
        case .prefixSet: "prefix set"
        case .void: "void"
        case .any: "any"
        }
    }
}

/// Families of named constants.
public enum FilterEnumeration: Hashable, Sendable {
    /// RTS_*: how a route came to be known.
    case source
    /// ORIGIN_*.
    case origin
    /// NET_*: kind of a prefix.
    case netType
    /// RTD_*: what a route does with packets.
    case destination
}

extension FilterEnumeration: CustomStringConvertible {
    /// The family as messages name it.
    public var description: String {
        switch self {
        case .source: "enum rts"
        case .origin: "enum bgp_origin"
        case .netType: "enum nettype"
        case .destination: "enum rtd"
        }
    }
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

    /// Every constant by name.
    ///
    /// Sources of protocols that this speaker lacks are known too: they never match.
    public static let byName: [String: FilterValue] = {
        var result: [String: FilterValue] = [:]
        let sources = [
            "RTS_STATIC", "RTS_INHERIT", "RTS_DEVICE", "RTS_STATIC_DEVICE", "RTS_REDIRECT", "RTS_RIP", "RTS_OSPF",
            "RTS_OSPF_IA", "RTS_OSPF_EXT1", "RTS_OSPF_EXT2", "RTS_BGP", "RTS_PIPE", "RTS_BABEL", "RTS_RPKI",
            "RTS_PERF",
        ]
        for (index, name) in sources.enumerated() {
            result[name] = .enumeration(.source, UInt32(index) + 1)
        }
        for (index, name) in ["ORIGIN_IGP", "ORIGIN_EGP", "ORIGIN_INCOMPLETE"].enumerated() {
            result[name] = .enumeration(.origin, UInt32(index))
        }
        let nets = ["NET_IP4", "NET_IP6", "NET_VPN4", "NET_VPN6", "NET_ROA4", "NET_ROA6", "NET_FLOW4", "NET_FLOW6"]
        for (index, name) in nets.enumerated() {
            result[name] = .enumeration(.netType, UInt32(index) + 1)
        }
        for (index, name) in ["RTD_UNICAST", "RTD_BLACKHOLE", "RTD_UNREACHABLE", "RTD_PROHIBIT"].enumerated() {
            result[name] = .enumeration(.destination, UInt32(index) + 1)
        }
        return result
    }()
}
