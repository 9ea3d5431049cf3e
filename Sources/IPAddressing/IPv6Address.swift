/// An IPv6 address: 128 bits as two host-order halves; comparison is numeric.
///
/// No zone: a scope is kept beside it.
public struct IPv6Address: Hashable, Sendable, Comparable, BitwiseCopyable {
    /// The first eight octets as a number.
    public var high: UInt64
    /// The last eight octets as a number.
    public var low: UInt64

    /// Creates an address from its two halves in host byte order.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// `::`.
    public static let any = IPv6Address(high: 0, low: 0)

    /// `::1`.
    public static let loopback = IPv6Address(high: 0, low: 1)

    /// Numeric order.
    @inlinable
    public static func < (lhs: IPv6Address, rhs: IPv6Address) -> Bool {
        lhs.high != rhs.high ? lhs.high < rhs.high : lhs.low < rhs.low
    }

    /// Whether the address lies in fe80::/10 (RFC 4291 §2.5.6).
    public var isLinkLocal: Bool { self.high >> 54 == 0x3FA }

    /// Whether the address lies in ff00::/8 (RFC 4291 §2.7).
    public var isMulticast: Bool { self.high >> 56 == 0xFF }

    /// Whether the address is ::1.
    public var isLoopback: Bool { self == .loopback }

    /// Whether the address is v4-mapped, ::ffff:0:0/96 (RFC 4291 §2.5.5.2).
    public var isIPv4Mapped: Bool { self.high == 0 && self.low >> 32 == 0xFFFF }

    /// Whether the address can be a unicast next hop: not ::, ::1 or multicast.
    public var isUsableNextHop: Bool { self != .any && !self.isLoopback && !self.isMulticast }

    /// Parses RFC 4291 §2.2 text, including `::` and an embedded dotted quad.
    ///
    /// A zone (`%eth0`) is refused.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 2, bytes.count <= 45 else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var index = 0
        if bytes[0] == UInt8(ascii: ":") {
            guard bytes[1] == UInt8(ascii: ":") else { return nil }
        }
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: ":") {
                guard index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: ":"), gap == nil else { return nil }
                gap = groups.count
                index += 2
                continue
            }
            let start = index
            var value: UInt32 = 0
            while index < bytes.count, let digit = hexadecimalValue(bytes[index]) {
                value = value << 4 | UInt32(digit)
                index += 1
                if index - start > 4 { return nil }
            }
            if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
                guard let quad = IPv4Address(String(decoding: bytes[start...], as: UTF8.self)) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: quad.rawValue >> 16))
                groups.append(UInt16(truncatingIfNeeded: quad.rawValue))
                index = bytes.count
                break
            }
            guard index > start else { return nil }
            groups.append(UInt16(truncatingIfNeeded: value))
            if index < bytes.count {
                guard bytes[index] == UInt8(ascii: ":") else { return nil }
                if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: ":") { continue }
                index += 1
                guard index < bytes.count else { return nil }
            }
            if groups.count > 8 { return nil }
        }
        guard gap == nil ? groups.count == 8 : groups.count < 8 else { return nil }
        if let gap {
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        self.high = groups[0..<4].reduce(0) { $0 << 16 | UInt64($1) }
        self.low = groups[4..<8].reduce(0) { $0 << 16 | UInt64($1) }
    }

    /// The eight 16-bit groups, first to last.
    var groups: [UInt16] {
        (0..<8).map { index in
            let half = index < 4 ? self.high : self.low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - (index % 4) * 16))
        }
    }
}

func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension IPv6Address: CustomStringConvertible {
    /// RFC 5952 text: lower case, longest zero run compressed, v4-mapped addresses with a dotted quad.
    public var description: String {
        if self.isIPv4Mapped {
            return "::ffff:\(IPv4Address(rawValue: UInt32(truncatingIfNeeded: self.low)))"
        }
        let groups = self.groups
        var best = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, groups[end] == 0 { end += 1 }
            if end - index > best.count { best = index..<end }
            index = max(end, index + 1)
        }
        if best.count < 2 { best = 0..<0 }
        var text = ""
        index = 0
        while index < 8 {
            if index == best.lowerBound, !best.isEmpty {
                text += "::"
                index = best.upperBound
                continue
            }
            if !text.isEmpty, !text.hasSuffix(":") { text += ":" }
            text += String(groups[index], radix: 16)
            index += 1
        }
        return text
    }
}
