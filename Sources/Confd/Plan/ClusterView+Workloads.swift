internal import IPAddressing
internal import Resources

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
