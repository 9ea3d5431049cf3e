import BGPWire
import IPAddressing

extension FilterUnaryOperation {
    /// The operation's value, or why it has none.
    func apply(_ value: FilterValue) throws(FilterError) -> FilterValue {
        switch (self, value) {
        case (.defined, .undefined), (.defined, .path(ASPath())), (.defined, .clist([])), (.defined, .eclist([])),
            (.defined, .lclist([])):
            return .bool(false)
        case (.defined, _): return .bool(true)
        case (.not, .bool(let flag)): return .bool(!flag)
        case (.length, .prefix(let prefix)): return .int(UInt32(prefix.length))
        case (.length, .path(let path)): return .int(UInt32(clamping: path.decisionLength))
        case (.length, .clist(let list)): return .int(UInt32(clamping: list.count))
        case (.length, .eclist(let list)): return .int(UInt32(clamping: list.count))
        case (.length, .lclist(let list)): return .int(UInt32(clamping: list.count))
        case (.address, .prefix(let prefix)): return .ip(prefix.address)
        case (.netType, .prefix(let prefix)):
            return .enumeration(.netType, prefix.isIPv4 ? FilterConstants.netIPv4 : FilterConstants.netIPv6)
        case (.isIPv4, .ip(let address)): return .bool(address.isIPv4)
        case (.first, .path(let path)): return .int(path.withView { $0.firstNumber })
        case (.last, .path(let path)): return .int(path.withView { $0.lastNumber })
        case (.lastNonaggregated, .path(let path)): return .int(path.withView { $0.lastNonaggregatedNumber })
        case (.asn, .pair(let pair)): return .int(pair.rawValue >> 16)
        case (.asn, .lc(let community)): return .int(community.globalAdministrator)
        case (.data, .pair(let pair)): return .int(pair.rawValue & 0xFFFF)
        case (.data1, .lc(let community)): return .int(community.data1)
        case (.data2, .lc(let community)): return .int(community.data2)
        case (.empty, .path): return .path(ASPath())
        case (.empty, .clist): return .clist([])
        case (.empty, .eclist): return .eclist([])
        case (.empty, .lclist): return .lclist([])
        // Of an empty list both are zero, as in BIRD.
        case (.minimum, .clist(let list)): return .pair(list.min() ?? Community(rawValue: 0))
        case (.minimum, .eclist(let list)): return .ec(list.min() ?? ExtendedCommunity(rawValue: 0))
        case (.minimum, .lclist(let list)): return .lc(list.min() ?? Self.zeroLargeCommunity)
        case (.maximum, .clist(let list)): return .pair(list.max() ?? Community(rawValue: 0))
        case (.maximum, .eclist(let list)): return .ec(list.max() ?? ExtendedCommunity(rawValue: 0))
        case (.maximum, .lclist(let list)): return .lc(list.max() ?? Self.zeroLargeCommunity)
        case (.format, let value): return .string(value.formatted)
        case (.fromHex, .string(let text)):
            guard let octets = FilterValue.octets(fromHexadecimal: text) else { throw .notHexadecimal }
            return .bytestring(octets)
        default: throw .typeMismatch(operation: self.name, types: [value.type])
        }
    }

    private static let zeroLargeCommunity = LargeCommunity(globalAdministrator: 0, data1: 0, data2: 0)

    /// The operation as messages name it.
    public var name: String {
        switch self {
        case .not: "!"
        case .defined: "defined"
        case .length: ".len"
        case .address: ".ip"
        case .netType: ".type"
        case .isIPv4: ".is_v4"
        case .first: ".first"
        case .last: ".last"
        case .lastNonaggregated: ".last_nonaggregated"
        case .asn: ".asn"
        case .data: ".data"
        case .data1: ".data1"
        case .data2: ".data2"
        case .empty: ".empty"
        case .minimum: ".min"
        case .maximum: ".max"
        case .format: "format"
        case .fromHex: "from_hex"
        }
    }
}

extension FilterBinaryOperation {
    /// The operation's value, or why it has none.
    func apply(_ lhs: FilterValue, _ rhs: FilterValue) throws(FilterError) -> FilterValue {
        switch self {
        case .equal: return .bool(Self.areEqual(lhs, rhs))
        case .notEqual: return .bool(!Self.areEqual(lhs, rhs))
        case .less: return .bool(try self.compare(lhs, rhs) < 0)
        case .lessOrEqual: return .bool(try self.compare(lhs, rhs) <= 0)
        case .match: return .bool(try self.matches(lhs, rhs))
        case .notMatch: return .bool(!(try self.matches(lhs, rhs)))
        case .add, .subtract, .multiply, .divide, .pair:
            guard case .int(let a) = lhs, case .int(let b) = rhs else { throw self.mismatch(lhs, rhs) }
            return try self.compute(a, b)
        case .mask:
            guard case .ip(let address) = lhs, case .int(let length) = rhs else { throw self.mismatch(lhs, rhs) }
            return .ip(IPPrefix(address: address, length: UInt8(clamping: length)).address)
        case .prepend:
            guard case .path(var path) = lhs, case .int(let number) = rhs else { throw self.mismatch(lhs, rhs) }
            guard path.bytes.count < 0xFFF0 else { throw .outOfRange("path length") }
            path.prepend(ASNumber(rawValue: number))
            return .path(path)
        case .append:
            switch (lhs, rhs) {
            case (.string(let a), .string(let b)):
                guard a.utf8.count + b.utf8.count <= Self.textLimit else { throw .outOfRange("length of a string is") }
                return .string(a + b)
            case (.bytestring(let a), .bytestring(let b)):
                guard a.count + b.count <= Self.textLimit else { throw .outOfRange("length of a bytestring is") }
                return .bytestring(a + b)
            default: throw self.mismatch(lhs, rhs)
            }
        case .insert: return try self.insert(rhs, into: lhs)
        case .delete: return try self.keep(false, of: lhs, in: rhs)
        case .filter: return try self.keep(true, of: lhs, in: rhs)
        case .extendedCommunity(let kind): return try self.extended(kind, lhs, rhs)
        }
    }

    /// Octets of the longest text that filters make.
    private static let textLimit = 16_384

    private static func areEqual(_ lhs: FilterValue, _ rhs: FilterValue) -> Bool {
        switch (lhs, rhs) {
        case (.quad(let number), .ip(.v4(let address))), (.ip(.v4(let address)), .quad(let number)):
            number == address.rawValue
        default: lhs == rhs
        }
    }

    private func mismatch(_ lhs: FilterValue, _ rhs: FilterValue) -> FilterError {
        .typeMismatch(operation: self.name, types: [lhs.type, rhs.type])
    }

    private func compute(_ a: UInt32, _ b: UInt32) throws(FilterError) -> FilterValue {
        switch self {
        case .add: return .int(a &+ b)
        case .subtract: return .int(a &- b)
        case .multiply: return .int(a &* b)
        case .divide:
            guard b != 0 else { throw .divisionByZero }
            return .int(a / b)
        default:
            guard let high = UInt16(exactly: a), let low = UInt16(exactly: b) else {
                throw .outOfRange("half of a pair")
            }
            return .pair(Community(high, low))
        }
    }

    private func compare(_ lhs: FilterValue, _ rhs: FilterValue) throws(FilterError) -> Int {
        func order<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }
        switch (lhs, rhs) {
        // An attribute that the route lacks orders before every value, and equals another such, as in BIRD.
        case (.undefined, .undefined): return 0
        case (.undefined, _): return -1
        case (_, .undefined): return 1
        case (.bool(let a), .bool(let b)): return order(a ? 1 : 0, b ? 1 : 0)
        case (.int(let a), .int(let b)): return order(a, b)
        case (.quad(let a), .quad(let b)): return order(a, b)
        case (.pair(let a), .pair(let b)): return order(a, b)
        case (.ec(let a), .ec(let b)): return order(a, b)
        case (.lc(let a), .lc(let b)): return order(a, b)
        case (.ip(let a), .ip(let b)): return order(a.orderKey, b.orderKey)
        case (.quad(let a), .ip(.v4(let b))): return order(a, b.rawValue)
        case (.ip(.v4(let a)), .quad(let b)): return order(a.rawValue, b)
        case (.rd(let a), .rd(let b)): return order(a, b)
        case (.path(let a), .path(let b)): return Self.order(a, b)
        case (.prefix(let a), .prefix(let b)): return order(a, b)
        case (.string(let a), .string(let b)):
            return a == b ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
        case (.enumeration(let kind, let a), .enumeration(let other, let b)) where kind == other: return order(a, b)
        default: throw self.mismatch(lhs, rhs)
        }
    }

    /// Number by number, whatever the segments.
    private static func order(_ a: ASPath, _ b: ASPath) -> Int {
        let (a, b) = (a.segments.flatMap(\.numbers), b.segments.flatMap(\.numbers))
        return a == b ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1
    }

    private func matches(_ lhs: FilterValue, _ rhs: FilterValue) throws(FilterError) -> Bool {
        switch (lhs, rhs) {
        case (.prefix(let prefix), .prefixSet(let set)): return set.contains(prefix)
        case (.prefix(let prefix), .prefix(let outer)): return outer.contains(prefix)
        case (.ip(let address), .prefix(let outer)): return outer.contains(address)
        case (.int(let number), .intSet(let set)): return set.contains(number)
        case (.int(let number), .path(let path)): return path.contains(ASNumber(rawValue: number))
        case (.quad(let number), .quadSet(let set)): return set.contains(number)
        case (.ip(let address), .ipSet(let set)): return set.contains(address)
        case (.enumeration(let kind, let number), .enumerationSet(let other, let set)) where kind == other:
            return set.contains(number)
        case (.pair(let pair), .pairSet(let set)): return set.contains(pair)
        case (.ec(let community), .ecSet(let set)): return set.contains(community)
        case (.lc(let community), .lcSet(let set)): return set.contains(community)
        case (.quad(let number), .ipSet(let set)): return set.contains(.v4(IPv4Address(rawValue: number)))
        case (.rd(let number), .rdSet(let set)): return set.contains(number)
        case (.int(let number), .clist(let list)): return list.contains(Community(rawValue: number))
        case (.ip(.v4(let address)), .clist(let list)): return list.contains(Community(rawValue: address.rawValue))
        case (.clist(let list), .ipSet(let set)):
            return list.contains { set.contains(.v4(IPv4Address(rawValue: $0.rawValue))) }
        case (.pair(let pair), .clist(let list)): return list.contains(pair)
        case (.quad(let number), .clist(let list)): return list.contains(Community(rawValue: number))
        case (.ec(let community), .eclist(let list)): return list.contains(community)
        case (.lc(let community), .lclist(let list)): return list.contains(community)
        case (.clist(let list), .pairSet(let set)): return list.contains { set.contains($0) }
        case (.clist(let list), .quadSet(let set)): return list.contains { set.contains($0.rawValue) }
        case (.eclist(let list), .ecSet(let set)): return list.contains { set.contains($0) }
        case (.lclist(let list), .lcSet(let set)): return list.contains { set.contains($0) }
        case (.path(let path), .mask(let mask)): return mask.matches(path)
        case (.path(let path), .intSet(let set)): return path.withView { $0.meets(set) }
        case (.string(let text), .string(let glob)): return GlobPattern(glob).matches(text)
        case (_, .emptySet): return false
        default: throw self.mismatch(lhs, rhs)
        }
    }

    private func insert(_ added: FilterValue, into list: FilterValue) throws(FilterError) -> FilterValue {
        func union<T: Equatable>(_ list: [T], _ added: [T]) throws(FilterError) -> [T] {
            var result = list
            for element in added where !result.contains(element) { result.append(element) }
            guard result.count <= 0x4000 else { throw .outOfRange("list length") }
            return result
        }
        switch (list, added) {
        case (.clist(let list), .pair(let pair)): return .clist(try union(list, [pair]))
        case (.clist(let list), .quad(let quad)): return .clist(try union(list, [Community(rawValue: quad)]))
        case (.clist(let list), .ip(.v4(let address))):
            return .clist(try union(list, [Community(rawValue: address.rawValue)]))
        case (.clist(let list), .clist(let other)): return .clist(try union(list, other))
        case (.eclist(let list), .ec(let community)): return .eclist(try union(list, [community]))
        case (.eclist(let list), .eclist(let other)): return .eclist(try union(list, other))
        case (.lclist(let list), .lc(let community)): return .lclist(try union(list, [community]))
        case (.lclist(let list), .lclist(let other)): return .lclist(try union(list, other))
        default: throw self.mismatch(list, added)
        }
    }

    /// Elements of `list` that are (`wanted`) or are not in `set`.
    private func keep(_ wanted: Bool, of list: FilterValue, in set: FilterValue) throws(FilterError) -> FilterValue {
        switch (list, set) {
        case (.path(let path), .intSet(let set)): return .path(Self.filter(path) { set.contains($0) == wanted })
        case (.path(let path), .int(let number)): return .path(Self.filter(path) { ($0 == number) == wanted })
        case (.path, .emptySet): return wanted ? .path(ASPath()) : list
        case (.clist(let list), .pair(let pair)): return .clist(list.filter { ($0 == pair) == wanted })
        case (.clist(let list), .quad(let quad)): return .clist(list.filter { ($0.rawValue == quad) == wanted })
        case (.clist(let list), .ip(.v4(let address))):
            return .clist(list.filter { ($0.rawValue == address.rawValue) == wanted })
        case (.clist(let list), .ipSet(let set)):
            return .clist(list.filter { set.contains(.v4(IPv4Address(rawValue: $0.rawValue))) == wanted })
        case (.clist(let list), .clist(let other)): return .clist(list.filter { other.contains($0) == wanted })
        case (.clist(let list), .pairSet(let set)): return .clist(list.filter { set.contains($0) == wanted })
        case (.clist(let list), .quadSet(let set)): return .clist(list.filter { set.contains($0.rawValue) == wanted })
        case (.eclist(let list), .ec(let other)): return .eclist(list.filter { ($0 == other) == wanted })
        case (.eclist(let list), .eclist(let other)): return .eclist(list.filter { other.contains($0) == wanted })
        case (.eclist(let list), .ecSet(let set)): return .eclist(list.filter { set.contains($0) == wanted })
        case (.lclist(let list), .lc(let other)): return .lclist(list.filter { ($0 == other) == wanted })
        case (.lclist(let list), .lclist(let other)): return .lclist(list.filter { other.contains($0) == wanted })
        case (.lclist(let list), .lcSet(let set)): return .lclist(list.filter { set.contains($0) == wanted })
        case (.clist, .emptySet): return wanted ? .clist([]) : list
        case (.eclist, .emptySet): return wanted ? .eclist([]) : list
        case (.lclist, .emptySet): return wanted ? .lclist([]) : list
        default: throw self.mismatch(list, set)
        }
    }

    private static func filter(_ path: ASPath, _ test: (UInt32) -> Bool) -> ASPath {
        ASPath(
            segments: path.segments.map { segment in
                ASPath.Segment(kind: segment.kind, numbers: segment.numbers.filter { test($0.rawValue) })
            }
        )
    }

    /// Encodes by the key: an address or quad gives the IPv4 form, a large AS number the four-octet form (RFC 5668).
    private func extended(_ kind: FilterCommunityKind, _ key: FilterValue, _ value: FilterValue) throws(FilterError)
        -> FilterValue
    {
        guard case .int(let low) = value else { throw self.mismatch(key, value) }
        let number: UInt32
        let isAddress: Bool
        switch key {
        case .int(let asn): (number, isAddress) = (asn, false)
        case .quad(let quad): (number, isAddress) = (quad, true)
        case .ip(.v4(let address)): (number, isAddress) = (address.rawValue, true)
        default: throw self.mismatch(key, value)
        }
        let type: UInt16
        switch kind {
        case .generic: return .ec(ExtendedCommunity(rawValue: UInt64(number) << 32 | UInt64(low)))
        case .routeTarget: type = 0x0002
        case .routeOrigin: type = 0x0003
        case .unknown(let high): type = high
        }
        let form: UInt16 = isAddress ? 0x0100 : number > 0xFFFF ? 0x0200 : 0
        let head = UInt64(type | form) << 48
        if form == 0 { return .ec(ExtendedCommunity(rawValue: head | UInt64(number) << 32 | UInt64(low))) }
        guard low <= 0xFFFF else { throw .outOfRange("value of an extended community") }
        return .ec(ExtendedCommunity(rawValue: head | UInt64(number) << 16 | UInt64(low)))
    }

    /// The operation as messages name it.
    public var name: String {
        switch self {
        case .equal: "="
        case .notEqual: "!="
        case .less: "<"
        case .lessOrEqual: "<="
        case .add: "+"
        case .subtract: "-"
        case .multiply: "*"
        case .divide: "/"
        case .match: "~"
        case .notMatch: "!~"
        case .mask: ".mask"
        case .prepend: ".prepend"
        case .append: "++"
        case .insert: ".add"
        case .delete: ".delete"
        case .filter: ".filter"
        case .pair: "pair constructor"
        case .extendedCommunity: "extended community constructor"
        }
    }
}

extension IPAddress {
    /// The address as BIRD compares it: IPv4 as IPv4-mapped IPv6.
    var orderKey: UInt128 {
        switch self {
        case .v4(let address): 0xFFFF << 32 | UInt128(address.rawValue)
        case .v6(let address): address.bits
        }
    }
}
