public import IPAddressing
public import Resources

/// What the dataplane has to do for one workload of this node.
public struct LocalEndpoint: Hashable, Sendable {
    /// The WorkloadEndpoint.
    public var key: ResourceKey
    /// The host side of the workload's link.
    public var interfaceName: String
    /// Hardware address of the workload's side.
    public var mac: MACAddress?
    /// Addresses that lead to this workload, sorted.
    public var addresses: [IPAddress]
    /// Addresses that it claims but another endpoint of this node holds, sorted.
    public var contested: [IPAddress]
    /// Whether it may send from foreign addresses, which forbids the reverse path check.
    public var allowsSpoofing: Bool

    /// Creates an endpoint.
    public init(
        key: ResourceKey,
        interfaceName: String,
        mac: MACAddress? = nil,
        addresses: [IPAddress] = [],
        contested: [IPAddress] = [],
        allowsSpoofing: Bool = false
    ) {
        self.key = key
        self.interfaceName = interfaceName
        self.mac = mac
        self.addresses = addresses
        self.contested = contested
        self.allowsSpoofing = allowsSpoofing
    }
}

/// Metrics of workload routes.
public struct RoutePriorities: Hashable, Sendable {
    /// IPv4.
    public var v4: UInt32
    /// IPv6.
    public var v6: UInt32

    /// Creates metrics; 1024 unless given.
    public init(v4: UInt32 = 1024, v6: UInt32 = 1024) {
        self.v4 = v4
        self.v6 = v6
    }
}

/// What the calculation tells the dataplane, in an order in which it may be applied.
public enum CalculationUpdate: Hashable, Sendable {
    /// Metrics of workload routes; told first, and again when they change.
    case priorities(RoutePriorities)
    /// An endpoint is gone.
    case endpointRemoved(ResourceKey)
    /// A block is no longer this node's.
    case blockRemoved(IPPrefix)
    /// A block is this node's: what is not a workload in it is dropped.
    case blockAdded(IPPrefix)
    /// An endpoint is new or changed.
    case endpointUpdated(LocalEndpoint)
    /// The first complete picture has been told.
    case inSync
}
