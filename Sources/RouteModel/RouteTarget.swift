public import BGPWire
public import IPAddressing

/// Where a route sends packets, before resolution.
///
/// Interned by the routing core: a path holds a 32-bit id.
public enum RouteTarget: Hashable, Sendable {
    /// A BGP next hop, resolved through the igp table; `interface` scopes link-local addresses (kernel index, 0 none).
    case recursive(BGPNextHop, interface: UInt32)
    /// One or more immediate next hops; never empty.
    case gateways([Gateway])
    /// Discard silently.
    case blackhole
    /// Discard with ICMP host unreachable.
    case unreachable
    /// Discard with ICMP administratively prohibited.
    case prohibit

    /// The BGP next hop if the target is recursive.
    public var bgpNextHop: BGPNextHop? {
        if case .recursive(let nextHop, _) = self { nextHop } else { nil }
    }
}

/// An immediate next hop: a neighbour's address on an interface, or the interface itself.
public struct Gateway: Hashable, Sendable {
    /// The neighbour; nil for a destination that is on the link itself.
    public var address: IPAddress?
    /// Kernel index of the interface; 0 when it is not known.
    public var interface: UInt32
    /// ECMP weight, 1 to 256.
    public var weight: UInt16
    /// Whether the neighbour counts as on link whatever the interface's prefixes say.
    public var onlink: Bool

    /// Creates a next hop.
    public init(address: IPAddress?, interface: UInt32, weight: UInt16 = 1, onlink: Bool = false) {
        self.address = address
        self.interface = interface
        self.weight = weight
        self.onlink = onlink
    }
}
