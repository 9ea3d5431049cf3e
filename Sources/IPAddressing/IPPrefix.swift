/// What the two address families have in common, so that tables and tries are written once.
public protocol IPPrefixProtocol: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable {
    /// The address type of the family.
    associatedtype Address: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable
    /// The network address; host bits are zero.
    var address: Address { get }
    /// Prefix length in bits.
    var length: UInt8 { get }
    /// Creates a prefix; host bits of `address` are cleared and `length` is clamped to `maximumLength`.
    init(address: Address, length: UInt8)
    /// 32 or 128.
    static var maximumLength: UInt8 { get }
    /// Whether the family is IPv4.
    static var isIPv4: Bool { get }
    /// Whether `address` lies in this prefix.
    func contains(_ address: Address) -> Bool
    /// Whether `other` is equal to or more specific than this prefix.
    func contains(_ other: Self) -> Bool
    /// This prefix cut to `length` bits, or itself when it is shorter already.
    func truncated(to length: UInt8) -> Self
    /// The bit at `index`, 0 being the most significant; `false` past the end.
    func bit(_ index: UInt8) -> Bool
    /// Octet `index` of the address, 0 being the first; 0 past the end.
    func octet(_ index: Int) -> UInt8
    /// The prefix without its family's type.
    var erased: IPPrefix { get }
    /// The prefix if `erased` is of this family.
    init?(_ erased: IPPrefix)
    /// A hash of address and length for open addressing, well mixed with `seed`, which keeps strangers from making
    /// it collide.
    func tableHash(seed: UInt64) -> UInt64
}

/// An IPv4 prefix with host bits zero: eight bytes.
public struct IPv4Prefix: IPPrefixProtocol {
    /// The network address.
    public let address: IPv4Address
    /// Length, 0 to 32.
    public let length: UInt8

    /// Creates a prefix; host bits are cleared and the length is clamped to 32.
    @inlinable
    public init(address: IPv4Address, length: UInt8) {
        let length = min(length, 32)
        self.address = IPv4Address(rawValue: address.rawValue & Self.mask(length))
        self.length = length
    }

    @inlinable
    static func mask(_ length: UInt8) -> UInt32 { length == 0 ? 0 : ~0 << (32 - UInt32(length)) }

    /// 32.
    @inlinable
    public static var maximumLength: UInt8 { 32 }

    /// True.
    @inlinable
    public static var isIPv4: Bool { true }

    /// Whether `address` lies in this prefix.
    @inlinable
    public func contains(_ address: IPv4Address) -> Bool {
        address.rawValue & Self.mask(self.length) == self.address.rawValue
    }

    /// Whether `other` is equal to or more specific than this prefix.
    @inlinable
    public func contains(_ other: IPv4Prefix) -> Bool {
        other.length >= self.length && self.contains(other.address)
    }

    /// This prefix cut to `length` bits.
    @inlinable
    public func truncated(to length: UInt8) -> IPv4Prefix {
        IPv4Prefix(address: self.address, length: min(length, self.length))
    }

    /// The bit at `index` from the top.
    @inlinable
    public func bit(_ index: UInt8) -> Bool {
        index < 32 && self.address.rawValue >> (31 - UInt32(index)) & 1 == 1
    }

    /// Octet `index` of the address.
    @inlinable
    public func octet(_ index: Int) -> UInt8 {
        index >= 0 && index < 4 ? UInt8(truncatingIfNeeded: self.address.rawValue &>> UInt32(24 &- 8 &* index)) : 0
    }

    /// As an ``IPPrefix``.
    @inlinable
    public var erased: IPPrefix { .v4(self) }

    /// The IPv4 prefix in `erased`, if it is one.
    @inlinable
    public init?(_ erased: IPPrefix) {
        guard case .v4(let prefix) = erased else { return nil }
        self = prefix
    }

    /// Mixed hash of address and length.
    @inlinable
    public func tableHash(seed: UInt64) -> UInt64 {
        mixBits((UInt64(self.address.rawValue) << 8 | UInt64(self.length)) ^ seed)
    }

    /// Address order, then shorter first.
    @inlinable
    public static func < (lhs: IPv4Prefix, rhs: IPv4Prefix) -> Bool {
        lhs.address != rhs.address ? lhs.address < rhs.address : lhs.length < rhs.length
    }

    /// `address/length` text.
    public var description: String { "\(self.address)/\(self.length)" }
}

/// An IPv6 prefix with host bits zero.
public struct IPv6Prefix: IPPrefixProtocol {
    /// The network address.
    public let address: IPv6Address
    /// Length, 0 to 128.
    public let length: UInt8

    /// Creates a prefix; host bits are cleared and the length is clamped to 128.
    @inlinable
    public init(address: IPv6Address, length: UInt8) {
        let length = min(length, 128)
        self.address = Self.masked(address, length)
        self.length = length
    }

    @inlinable
    static func masked(_ address: IPv6Address, _ length: UInt8) -> IPv6Address {
        let high: UInt64 = length == 0 ? 0 : length >= 64 ? ~0 : ~0 << (64 - UInt64(length))
        let low: UInt64 = length <= 64 ? 0 : length >= 128 ? ~0 : ~0 << (128 - UInt64(length))
        return IPv6Address(high: address.high & high, low: address.low & low)
    }

    /// 128.
    @inlinable
    public static var maximumLength: UInt8 { 128 }

    /// False.
    @inlinable
    public static var isIPv4: Bool { false }

    /// Whether `address` lies in this prefix.
    @inlinable
    public func contains(_ address: IPv6Address) -> Bool { Self.masked(address, self.length) == self.address }

    /// Whether `other` is equal to or more specific than this prefix.
    @inlinable
    public func contains(_ other: IPv6Prefix) -> Bool {
        other.length >= self.length && self.contains(other.address)
    }

    /// This prefix cut to `length` bits.
    @inlinable
    public func truncated(to length: UInt8) -> IPv6Prefix {
        IPv6Prefix(address: self.address, length: min(length, self.length))
    }

    /// The bit at `index` from the top.
    @inlinable
    public func bit(_ index: UInt8) -> Bool {
        guard index < 128 else { return false }
        let half = index < 64 ? self.address.high : self.address.low
        return half >> (63 - UInt64(index & 63)) & 1 == 1
    }

    /// Octet `index` of the address.
    @inlinable
    public func octet(_ index: Int) -> UInt8 {
        guard index >= 0 && index < 16 else { return 0 }
        let half = index < 8 ? self.address.high : self.address.low
        return UInt8(truncatingIfNeeded: half &>> UInt64(56 &- 8 &* (index & 7)))
    }

    /// As an ``IPPrefix``.
    @inlinable
    public var erased: IPPrefix { .v6(self) }

    /// The IPv6 prefix in `erased`, if it is one.
    @inlinable
    public init?(_ erased: IPPrefix) {
        guard case .v6(let prefix) = erased else { return nil }
        self = prefix
    }

    /// Mixed hash of address and length.
    @inlinable
    public func tableHash(seed: UInt64) -> UInt64 {
        mixBits(self.address.high ^ mixBits((self.address.low &+ UInt64(self.length)) ^ seed))
    }

    /// Address order, then shorter first.
    @inlinable
    public static func < (lhs: IPv6Prefix, rhs: IPv6Prefix) -> Bool {
        lhs.address != rhs.address ? lhs.address < rhs.address : lhs.length < rhs.length
    }

    /// `address/length` text.
    public var description: String { "\(self.address)/\(self.length)" }
}

/// The 64-bit finaliser of MurmurHash3: every input bit reaches every output bit.
@inlinable
public func mixBits(_ value: UInt64) -> UInt64 {
    var value = value
    value ^= value >> 33
    value = value &* 0xFF51_AFD7_ED55_8CCD
    value ^= value >> 33
    value = value &* 0xC4CE_B9FE_1A85_EC53
    value ^= value >> 33
    return value
}

/// An IPv4 or IPv6 prefix.
public enum IPPrefix: Hashable, Sendable, BitwiseCopyable {
    /// An IPv4 prefix.
    case v4(IPv4Prefix)
    /// An IPv6 prefix.
    case v6(IPv6Prefix)

    /// Creates the prefix of `length` bits around `address`; host bits are cleared.
    public init(address: IPAddress, length: UInt8) {
        switch address {
        case .v4(let address): self = .v4(IPv4Prefix(address: address, length: length))
        case .v6(let address): self = .v6(IPv6Prefix(address: address, length: length))
        }
    }

    /// Parses `address/length`.
    ///
    /// Host bits may be set and are cleared; use ``init(strict:)`` to refuse them.
    public init?(_ text: some StringProtocol) {
        guard let (address, length) = parseAddressAndLength(text) else { return nil }
        self.init(address: address, length: length)
    }

    /// Parses `address/length` and refuses text with host bits set.
    public init?(strict text: some StringProtocol) {
        guard let (address, length) = parseAddressAndLength(text) else { return nil }
        self.init(address: address, length: length)
        guard self.address == address else { return nil }
    }

    /// The network address.
    public var address: IPAddress {
        switch self {
        case .v4(let prefix): .v4(prefix.address)
        case .v6(let prefix): .v6(prefix.address)
        }
    }

    /// Length in bits.
    public var length: UInt8 {
        switch self {
        case .v4(let prefix): prefix.length
        case .v6(let prefix): prefix.length
        }
    }

    /// Whether this is an IPv4 prefix.
    public var isIPv4: Bool {
        if case .v4 = self { true } else { false }
    }

    /// Whether the prefix is a host route: /32 or /128.
    public var isHost: Bool { self.length == (self.isIPv4 ? 32 : 128) }

    /// Whether `address` is of this family and lies in the prefix.
    public func contains(_ address: IPAddress) -> Bool {
        switch (self, address) {
        case (.v4(let prefix), .v4(let address)): prefix.contains(address)
        case (.v6(let prefix), .v6(let address)): prefix.contains(address)
        default: false
        }
    }

    /// Whether `other` is of this family and equal to or more specific than this prefix.
    public func contains(_ other: IPPrefix) -> Bool {
        switch (self, other) {
        case (.v4(let prefix), .v4(let other)): prefix.contains(other)
        case (.v6(let prefix), .v6(let other)): prefix.contains(other)
        default: false
        }
    }
}

/// Splits `address/length`; nil when either part is malformed or the length exceeds the family's.
func parseAddressAndLength(_ text: some StringProtocol) -> (IPAddress, UInt8)? {
    guard let slash = text.firstIndex(of: "/") else { return nil }
    let digits = text[text.index(after: slash)...]
    guard let address = IPAddress(text[..<slash]), !digits.isEmpty, digits.utf8.count <= 3 else { return nil }
    guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    guard digits.utf8.first != UInt8(ascii: "0") || digits.utf8.count == 1 else { return nil }
    guard let length = UInt8(digits), length <= (address.isIPv4 ? 32 : 128) else { return nil }
    return (address, length)
}

extension IPPrefix: Comparable {
    /// IPv4 before IPv6; address order, then shorter first.
    public static func < (lhs: IPPrefix, rhs: IPPrefix) -> Bool {
        switch (lhs, rhs) {
        case (.v4(let a), .v4(let b)): a < b
        case (.v6(let a), .v6(let b)): a < b
        case (.v4, .v6): true
        case (.v6, .v4): false
        }
    }
}

extension IPPrefix: CustomStringConvertible {
    /// `address/length` text.
    public var description: String {
        switch self {
        case .v4(let prefix): prefix.description
        case .v6(let prefix): prefix.description
        }
    }
}
