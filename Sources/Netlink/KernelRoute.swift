public import IPAddressing

/// What makes a route unique in the kernel: no two routes of a table share one key.
///
/// The protocol is not part of it: a `replace` with this key overwrites whoever's route is there.
public struct RouteKey: Hashable, Sendable {
    /// Destination.
    public var prefix: IPPrefix
    /// Routing table; 254 is main.
    public var table: UInt32
    /// Priority, lower wins.
    ///
    /// IPv6 routes never have 0.
    public var metric: UInt32
    /// Type of service; 0 unless somebody uses it.
    public var typeOfService: UInt8

    /// Creates a key; an absent or zero metric becomes the family's default (0 for IPv4, 1024 for IPv6).
    public init(prefix: IPPrefix, table: UInt32 = 254, metric: UInt32? = nil, typeOfService: UInt8 = 0) {
        self.prefix = prefix
        self.table = table
        self.metric = RouteKey.effectiveMetric(metric, prefix)
        self.typeOfService = typeOfService
    }

    static func effectiveMetric(_ metric: UInt32?, _ prefix: IPPrefix) -> UInt32 {
        let metric = metric ?? 0
        return metric == 0 && !prefix.isIPv4 ? 1024 : metric
    }
}

extension RouteKey: CustomStringConvertible {
    /// `prefix [table n] [metric n]` text.
    public var description: String {
        var text = self.prefix.description
        if self.typeOfService != 0 { text += " tos \(self.typeOfService)" }
        if self.table != 254 { text += " table \(self.table)" }
        if self.metric != 0 { text += " metric \(self.metric)" }
        return text
    }
}

/// One leg of a route.
public struct KernelNextHop: Hashable, Sendable {
    /// The gateway; nil when the destination is on the link.
    ///
    /// An IPv4 route may have an IPv6 gateway (RFC 5549).
    public var gateway: IPAddress?
    /// Interface index; 0 lets the kernel find the link of the gateway.
    public var interface: UInt32
    /// Share among several legs, 1 to 256.
    public var weight: UInt16
    /// Whether the gateway counts as on the link even if no address covers it.
    public var isOnLink: Bool

    /// Creates a leg; `weight` is clamped to 1...256.
    public init(gateway: IPAddress? = nil, interface: UInt32 = 0, weight: UInt16 = 1, isOnLink: Bool = false) {
        self.gateway = gateway
        self.interface = interface
        self.weight = min(max(weight, 1), 256)
        self.isOnLink = isOnLink
    }
}

extension KernelNextHop: CustomStringConvertible {
    /// `via address dev #n [weight n] [onlink]` text.
    public var description: String {
        var words: [String] = []
        if let gateway = self.gateway { words.append("via \(gateway)") }
        if self.interface != 0 { words.append("dev #\(self.interface)") }
        if self.weight != 1 { words.append("weight \(self.weight)") }
        if self.isOnLink { words.append("onlink") }
        return words.joined(separator: " ")
    }
}

/// A route as the kernel has it.
public struct KernelRoute: Hashable, Sendable {
    /// Identity in the kernel.
    public var key: RouteKey
    /// Who installed it.
    public var protocolNumber: RouteProtocol
    /// Distance of the destination; the kernel ignores it for IPv6 and reports universe.
    public var scope: RouteScope
    /// What happens to packets.
    public var type: RouteType
    /// The legs; empty for blackhole, unreachable, prohibit and throw.
    public var nextHops: [KernelNextHop]
    /// Source address for packets that the host itself sends.
    public var preferredSource: IPAddress?

    /// Creates a route; an absent metric is the family's default, an absent scope follows from the next hops.
    public init(
        prefix: IPPrefix,
        table: UInt32 = 254,
        protocolNumber: RouteProtocol,
        metric: UInt32? = nil,
        scope: RouteScope? = nil,
        type: RouteType = .unicast,
        nextHops: [KernelNextHop] = [],
        preferredSource: IPAddress? = nil
    ) {
        self.key = RouteKey(prefix: prefix, table: table, metric: metric)
        self.protocolNumber = protocolNumber
        let isDirect = type == .unicast && !nextHops.isEmpty && nextHops.allSatisfy { $0.gateway == nil }
        self.scope = !prefix.isIPv4 ? .universe : scope ?? (isDirect ? .link : .universe)
        self.type = type
        self.nextHops = type.isSpecial ? [] : nextHops
        self.preferredSource = preferredSource
    }

    /// Destination.
    public var prefix: IPPrefix { self.key.prefix }
    /// Routing table.
    public var table: UInt32 { self.key.table }
    /// Priority.
    public var metric: UInt32 { self.key.metric }
}

extension KernelRoute: CustomStringConvertible {
    /// Text in the manner of `ip route`.
    public var description: String {
        var words: [String] = self.type == .unicast ? [] : [self.type.name]
        words.append(self.key.description)
        words.append("proto \(self.protocolNumber)")
        if self.scope == .link { words.append("scope link") }
        words += self.nextHops.map(\.description)
        if let source = self.preferredSource { words.append("src \(source)") }
        return words.joined(separator: " ")
    }
}
