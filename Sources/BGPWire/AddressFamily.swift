/// An AFI/SAFI pair (RFC 4760).
public struct AddressFamily: Hashable, Sendable, Comparable, BitwiseCopyable {
    /// Address family identifier: 1 IPv4, 2 IPv6.
    public var afi: UInt16
    /// Subsequent address family identifier: 1 unicast.
    public var safi: UInt8

    /// Creates a pair.
    public init(afi: UInt16, safi: UInt8) {
        self.afi = afi
        self.safi = safi
    }

    /// AFI 1, SAFI 1.
    public static let ipv4Unicast = AddressFamily(afi: 1, safi: 1)
    /// AFI 2, SAFI 1.
    public static let ipv6Unicast = AddressFamily(afi: 2, safi: 1)

    /// Order by AFI, then SAFI.
    public static func < (lhs: AddressFamily, rhs: AddressFamily) -> Bool {
        (lhs.afi, lhs.safi) < (rhs.afi, rhs.safi)
    }
}

extension AddressFamily: CustomStringConvertible {
    /// `ipv4`, `ipv6`, or `afi/safi`.
    public var description: String {
        switch self {
        case .ipv4Unicast: "ipv4"
        case .ipv6Unicast: "ipv6"
        default: "\(self.afi)/\(self.safi)"
        }
    }
}
