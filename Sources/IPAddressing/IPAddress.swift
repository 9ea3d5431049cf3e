/// An IPv4 or IPv6 address.
public enum IPAddress: Hashable, Sendable, BitwiseCopyable {
    /// An IPv4 address.
    case v4(IPv4Address)
    /// An IPv6 address.
    case v6(IPv6Address)

    /// Parses either form.
    public init?(_ text: some StringProtocol) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self = .v6(address)
        } else {
            return nil
        }
    }

    /// Whether this is an IPv4 address.
    public var isIPv4: Bool {
        if case .v4 = self { true } else { false }
    }

    /// Whether the address can be used as a unicast next hop.
    public var isUsableNextHop: Bool {
        switch self {
        case .v4(let address): address.isUsableNextHop
        case .v6(let address): address.isUsableNextHop
        }
    }

    /// Whether the address means something only together with an interface: fe80::/10.
    ///
    /// Those of 169.254.0.0/16 do not: they are found by their network, as tunnels of cloud providers have them.
    public var isLinkLocal: Bool {
        switch self {
        case .v4: false
        case .v6(let address): address.isLinkLocal
        }
    }

    /// Whether the address is `0.0.0.0` or `::`.
    public var isUnspecified: Bool {
        switch self {
        case .v4(let address): address == .any
        case .v6(let address): address == .any
        }
    }

    /// The host prefix of the address: /32 or /128.
    public var hostPrefix: IPPrefix {
        switch self {
        case .v4(let address): .v4(IPv4Prefix(address: address, length: 32))
        case .v6(let address): .v6(IPv6Prefix(address: address, length: 128))
        }
    }
}

extension IPAddress: Comparable {
    /// IPv4 before IPv6, numeric within a family.
    public static func < (lhs: IPAddress, rhs: IPAddress) -> Bool {
        switch (lhs, rhs) {
        case (.v4(let a), .v4(let b)): a < b
        case (.v6(let a), .v6(let b)): a < b
        case (.v4, .v6): true
        case (.v6, .v4): false
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The address as text, without a zone.
    public var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }
}
