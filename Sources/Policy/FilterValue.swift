public import BGPWire
public import IPAddressing

/// A value of the filter language.
public enum FilterValue: Hashable, Sendable {
    /// No value: an attribute that the route lacks.
    case undefined
    /// `bool`.
    case bool(Bool)
    /// `int`.
    case int(UInt32)
    /// `pair`.
    case pair(Community)
    /// `quad`.
    case quad(UInt32)
    /// `ip`.
    case ip(IPAddress)
    /// `prefix`.
    case prefix(IPPrefix)
    /// `rd`.
    case rd(UInt64)
    /// `string`.
    case string(String)
    /// `bytestring`.
    case bytestring([UInt8])
    /// A named constant.
    case enumeration(FilterEnumeration, UInt32)
    /// `ec`.
    case ec(ExtendedCommunity)
    /// `lc`.
    case lc(LargeCommunity)
    /// `bgppath`.
    case path(ASPath)
    /// `bgpmask`.
    case mask(PathMask)
    /// `clist`.
    case clist([Community])
    /// `eclist`.
    case eclist([ExtendedCommunity])
    /// `lclist`.
    case lclist([LargeCommunity])
    /// A set of ints.
    case intSet(FilterRangeSet<UInt32>)
    /// A set of pairs.
    case pairSet(FilterRangeSet<Community>)
    /// A set of quads.
    case quadSet(FilterRangeSet<UInt32>)
    /// A set of addresses.
    case ipSet(FilterRangeSet<IPAddress>)
    /// A set of named constants.
    case enumerationSet(FilterEnumeration, FilterRangeSet<UInt32>)
    /// A set of route distinguishers.
    case rdSet(FilterRangeSet<UInt64>)
    /// A set of extended communities.
    case ecSet(FilterRangeSet<ExtendedCommunity>)
    /// A set of large communities.
    case lcSet(FilterRangeSet<LargeCommunity>)
    /// A prefix set.
    case prefixSet(PrefixSet)
    /// `[ ]`: the set without elements, of any type.
    case emptySet

    /// The value's type.
    public var type: FilterType {
        switch self {
        case .undefined: .void
        case .bool: .bool
        case .int: .int
        case .pair: .pair
        case .quad: .quad
        case .ip: .ip
        case .prefix: .prefix
        case .rd: .rd
        case .string: .string
        case .bytestring: .bytestring
        case .enumeration(let kind, _): .enumeration(kind)
        case .ec: .ec
        case .lc: .lc
        case .path: .path
        case .mask: .mask
        case .clist: .clist
        case .eclist: .eclist
        case .lclist: .lclist
        case .intSet: .set(.int)
        case .pairSet: .set(.pair)
        case .quadSet: .set(.quad)
        case .ipSet: .set(.ip)
        case .enumerationSet(let kind, _): .set(.enumeration(kind))
        case .rdSet: .set(.rd)
        case .ecSet: .set(.ec)
        case .lcSet: .set(.lc)
        case .prefixSet: .prefixSet
        case .emptySet: .set(.void)
        }
    }
}

extension FilterValue {
    /// How many elements have to be looked at to read all of the value.
    public var size: Int {
        switch self {
        case .undefined, .bool, .int, .pair, .quad, .ip, .prefix, .rd, .enumeration, .ec, .lc, .emptySet: 1
        case .string(let text): text.utf8.count
        case .bytestring(let bytes): bytes.count / 4
        case .path(let path): path.bytes.count / 4
        case .mask(let mask): mask.size
        case .clist(let list): list.count
        case .eclist(let list): list.count
        case .lclist(let list): list.count
        case .intSet(let set), .quadSet(let set), .enumerationSet(_, let set): set.ranges.count
        case .pairSet(let set): set.ranges.count
        case .ipSet(let set): set.ranges.count
        case .rdSet(let set): set.ranges.count
        case .ecSet(let set): set.ranges.count
        case .lcSet(let set): set.ranges.count
        case .prefixSet(let set): set.count
        }
    }
}

/// Why a filter stopped without a verdict of its own; the route is rejected.
public enum FilterError: Error, Hashable, Sendable {
    /// The filter ended without accept or reject.
    case noVerdict
    /// An operation met values it is not defined for, such as an attribute the route lacks.
    case typeMismatch(operation: String, types: [FilterType])
    /// A value that has none was to be kept: an attribute that the route lacks.
    case noValue(String)
    /// The statement `error`.
    case raised
    /// Text that is no hexadecimal string.
    case notHexadecimal
    /// `roa_check` without prefix and AS number on a route without AS_PATH.
    case noPath
    /// Division by zero.
    case divisionByZero
    /// A value does not fit: preference over 65,535, a pair's half over 65,535, a list too long for an attribute.
    case outOfRange(String)
    /// More nested calls than ``FilterProgram/callDepthLimit``.
    case callsTooDeep
    /// More instructions than ``FilterProgram/instructionLimit``.
    case tooManyInstructions
}

extension FilterError: CustomStringConvertible {
    /// One line for logs.
    public var description: String {
        switch self {
        case .noVerdict: "filter returned neither accept nor reject"
        case .typeMismatch(let operation, let types):
            "\(operation) is not defined for \(types.map(\.description).joined(separator: " and "))"
        case .noValue(let what): "\(what) cannot take the value of an attribute that the route lacks"
        case .raised: "the filter said 'error'"
        case .notHexadecimal: "text that is not hexadecimal"
        case .noPath: "roa_check on a route without AS_PATH"
        case .divisionByZero: "division by zero"
        case .outOfRange(let what): "\(what) out of range"
        case .callsTooDeep: "function calls nested too deeply"
        case .tooManyInstructions: "filter ran too long"
        }
    }
}
