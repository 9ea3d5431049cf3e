/// A four-octet autonomous system number (RFC 6793).
public struct ASNumber: RawRepresentable, Hashable, Sendable, Comparable, BitwiseCopyable, ExpressibleByIntegerLiteral {
    /// The number.
    public var rawValue: UInt32

    /// Creates a number.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Creates a number from a literal.
    @inlinable
    public init(integerLiteral value: UInt32) {
        self.rawValue = value
    }

    /// AS_TRANS, 23456: stands for a four-octet number towards two-octet speakers (RFC 6793 §4.1).
    public static let transition: ASNumber = 23_456

    /// Whether the number fits in two octets.
    public var isTwoOctet: Bool { self.rawValue <= 0xFFFF }

    /// Whether the number is for private use (RFC 6996).
    public var isPrivate: Bool {
        (64_512...65_534).contains(self.rawValue) || (4_200_000_000...4_294_967_294).contains(self.rawValue)
    }

    /// Numeric order.
    @inlinable
    public static func < (lhs: ASNumber, rhs: ASNumber) -> Bool { lhs.rawValue < rhs.rawValue }

    /// Parses asplain (`65551`) or asdot+ (`1.15`) text (RFC 5396).
    public init?(_ text: some StringProtocol) {
        func decimal(_ digits: some StringProtocol) -> UInt32? {
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
            else { return nil }
            return UInt32(digits)
        }
        if let dot = text.firstIndex(of: ".") {
            guard let high = decimal(text[..<dot]), let low = decimal(text[text.index(after: dot)...]),
                high <= 0xFFFF, low <= 0xFFFF
            else { return nil }
            self.rawValue = high << 16 | low
        } else {
            guard let value = decimal(text) else { return nil }
            self.rawValue = value
        }
    }
}

extension ASNumber: CustomStringConvertible {
    /// asplain text.
    public var description: String { String(self.rawValue) }
}
