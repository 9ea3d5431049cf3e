/// Who installed a kernel route: `rtm_protocol`.
public struct RouteProtocol: RawRepresentable, Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
    /// The number, 0 to 255.
    public var rawValue: UInt8

    /// Creates a protocol from its number.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Installed by an ICMP redirect.
    public static let redirect = RouteProtocol(rawValue: 1)
    /// Installed by the kernel itself.
    public static let kernel = RouteProtocol(rawValue: 2)
    /// Installed by a program that names no protocol.
    public static let boot = RouteProtocol(rawValue: 3)
    /// Installed by the administrator.
    public static let `static` = RouteProtocol(rawValue: 4)
    /// BIRD's routes.
    public static let bird = RouteProtocol(rawValue: 12)
    /// Routes of Calico's felix, and of this one.
    public static let felix = RouteProtocol(rawValue: 80)

    /// The number in decimal.
    public var description: String { String(self.rawValue) }
}

/// How far a destination is: `rtm_scope` and `ifa_scope`.
public struct RouteScope: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The number: the larger, the nearer.
    public var rawValue: UInt8

    /// Creates a scope from its number.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Behind a gateway.
    public static let universe = RouteScope(rawValue: 0)
    /// Directly on a link.
    public static let link = RouteScope(rawValue: 253)
    /// The host itself.
    public static let host = RouteScope(rawValue: 254)
    /// Nowhere; matches any scope when deleting.
    public static let nowhere = RouteScope(rawValue: 255)
}

/// What the kernel does with matching packets: `rtm_type`.
public struct RouteType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The number.
    public var rawValue: UInt8

    /// Creates a type from its number.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Forward to a next hop.
    public static let unicast = RouteType(rawValue: 1)
    /// Deliver here.
    public static let local = RouteType(rawValue: 2)
    /// Send as broadcast.
    public static let broadcast = RouteType(rawValue: 3)
    /// Deliver here, anycast.
    public static let anycast = RouteType(rawValue: 4)
    /// Send as multicast.
    public static let multicast = RouteType(rawValue: 5)
    /// Drop silently.
    public static let blackhole = RouteType(rawValue: 6)
    /// Drop with ICMP host unreachable.
    public static let unreachable = RouteType(rawValue: 7)
    /// Drop with ICMP administratively prohibited.
    public static let prohibit = RouteType(rawValue: 8)
    /// Go on with the next policy rule.
    public static let `throw` = RouteType(rawValue: 9)

    /// Whether routes of the type carry no next hops.
    public var isSpecial: Bool { (6...9).contains(self.rawValue) }

    /// `ip route`'s word, or the number.
    public var name: String {
        switch self.rawValue {
        case 1: "unicast"
        case 2: "local"
        case 3: "broadcast"
        case 4: "anycast"
        case 5: "multicast"
        case 6: "blackhole"
        case 7: "unreachable"
        case 8: "prohibit"
        case 9: "throw"
        default: "type \(self.rawValue)"
        }
    }
}
