public import IPAddressing

/// A local workload that a BGPPeer with `localWorkloadSelector` is about.
public struct WorkloadPeer: Hashable, Sendable {
    /// Name of the BGPPeer.
    public var peerName: String
    /// The workload's addresses, in its own order.
    public var addresses: [IPAddress]

    /// Creates a value.
    public init(peerName: String, addresses: [IPAddress]) {
        self.peerName = peerName
        self.addresses = addresses
    }

    /// The first address of a family.
    func address(isIPv4: Bool) -> IPAddress? { self.addresses.first { $0.isIPv4 == isIPv4 } }
}
