/// An IPv4 address: 32 bits, kept in host byte order so that comparison is numeric.
public struct IPv4Address: Hashable, Sendable, Comparable, BitwiseCopyable {
    /// The address as a number; `192.0.2.1` is `0xC000_0201`.
    public var rawValue: UInt32

    /// Creates an address from its numeric value in host byte order.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Creates an address from its four octets, most significant first.
    @inlinable
    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        self.rawValue = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
    }

    /// `0.0.0.0`.
    public static let any = IPv4Address(rawValue: 0)

    /// Numeric order.
    @inlinable
    public static func < (lhs: IPv4Address, rhs: IPv4Address) -> Bool { lhs.rawValue < rhs.rawValue }

    /// Whether the address lies in 224.0.0.0/4 (RFC 5771).
    public var isMulticast: Bool { self.rawValue >> 28 == 0xE }

    /// Whether the address lies in 127.0.0.0/8 (RFC 1122 §3.2.1.3).
    public var isLoopback: Bool { self.rawValue >> 24 == 127 }

    /// Whether the address can be a unicast host or next hop: not 0/8, 127/8, class D or class E.
    public var isUsableNextHop: Bool {
        let first = self.rawValue >> 24
        return first != 0 && first != 127 && first < 224
    }

    /// Parses dotted-quad text.
    ///
    /// Leading zeros and missing parts are refused.
    public init?(_ text: some StringProtocol) {
        var value: UInt32 = 0
        var parts = 0
        var digits = 0
        var current: UInt32 = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if digits > 0 && current == 0 { return nil }
                current = current * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
                if current > 255 || digits > 3 { return nil }
            case UInt8(ascii: "."):
                if digits == 0 || parts == 3 { return nil }
                value = value << 8 | current
                parts += 1
                digits = 0
                current = 0
            default:
                return nil
            }
        }
        guard digits > 0, parts == 3 else { return nil }
        self.rawValue = value << 8 | current
    }
}

extension IPv4Address: CustomStringConvertible {
    /// Dotted-quad text.
    public var description: String {
        "\(self.rawValue >> 24).\(self.rawValue >> 16 & 255).\(self.rawValue >> 8 & 255).\(self.rawValue & 255)"
    }
}
