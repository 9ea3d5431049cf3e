public import IPAddressing
internal import Resources

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

extension ClusterView {
    /// The workloads of the node that a peer is about, by their first addresses.
    ///
    /// They are those that felix found, and those of this node's endpoints that the selector picks.
    func workloads(of peer: BGPPeer, on node: String) -> [WorkloadPeer] {
        let name = peer.metadata.name
        var found = self.snapshot.workloadPeers.filter { $0.peerName == name }
        if let selector = peer.localWorkloadSelector {
            for endpoint in self.snapshot.endpoints.values where endpoint.node == node {
                var labels = endpoint.metadata.labels
                labels["projectcalico.org/namespace"] = endpoint.metadata.namespace ?? "default"
                labels["projectcalico.org/orchestrator"] = endpoint.orchestrator
                guard selector.matches(labels) else { continue }
                found.append(WorkloadPeer(peerName: name, addresses: endpoint.ipNetworks.map(\.address)))
            }
        }
        return found
    }
}
