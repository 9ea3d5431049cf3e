public import Netlink

/// The protocol number of every route that felix writes: what carries it in the main table is felix's, and only that.
public let felixRouteProtocol = RouteProtocol.felix

/// Settings of felix on one node.
public struct FelixSettings: Hashable, Sendable {
    /// This node's name in the datastore.
    public var nodeName: String
    /// How often everything is compared with the kernel even without a hint that something changed.
    public var reconcileInterval: Duration
    /// Routing table for workload routes and blackholes; 254 is main.
    public var table: UInt32
    /// Beginnings of workload interface names; an endpoint with another interface is refused.
    public var interfacePrefixes: [String]
    /// Whether the host-wide forwarding sysctls are set at start.
    public var enablesForwarding: Bool

    /// Creates settings with defaults.
    public init(
        nodeName: String,
        reconcileInterval: Duration = .seconds(90),
        table: UInt32 = 254,
        interfacePrefixes: [String] = ["cali"],
        enablesForwarding: Bool = true
    ) {
        self.nodeName = nodeName
        self.reconcileInterval = reconcileInterval
        self.table = table
        self.interfacePrefixes = interfacePrefixes
        self.enablesForwarding = enablesForwarding
    }
}
