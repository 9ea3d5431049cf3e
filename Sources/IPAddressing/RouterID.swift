/// A BGP Identifier or cluster identifier: 32 bits, written as a dotted quad, unique within the AS (RFC 6286).
public struct RouterID: RawRepresentable, Hashable, Sendable, Comparable, BitwiseCopyable {
    /// The identifier as a number in host byte order.
    public var rawValue: UInt32

    /// Creates an identifier.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Creates an identifier with the bits of an address.
    public init(_ address: IPv4Address) {
        self.rawValue = address.rawValue
    }

    /// Parses dotted-quad text.
    public init?(_ text: some StringProtocol) {
        guard let address = IPv4Address(text) else { return nil }
        self.rawValue = address.rawValue
    }

    /// Numeric order, as decisions and collision handling compare it.
    @inlinable
    public static func < (lhs: RouterID, rhs: RouterID) -> Bool { lhs.rawValue < rhs.rawValue }
}

extension RouterID: CustomStringConvertible {
    /// Dotted-quad text.
    public var description: String { IPv4Address(rawValue: self.rawValue).description }
}
