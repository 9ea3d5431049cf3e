internal import IPAddressing
internal import Resources

/// What is announced of the cluster's services.
struct ServicePlanner {
    /// Prefixes announced by this node, sorted: whole ranges, and single addresses of services it may serve alone.
    private(set) var announced: [IPPrefix] = []
    /// Ranges whose routes the kernel never gets, sorted.
    private(set) var ranges: [IPPrefix] = []

    /// Label of nodes that announce no services.
    private static let exclusionLabel = "node.kubernetes.io/exclude-from-external-load-balancers"

    init(_ snapshot: ResourceSnapshot, local: Node, environment: PlanEnvironment) {
        let defaults = snapshot.configurations["default"]
        let clusterRanges = environment.advertisedClusterIPs.map { [$0] } ?? defaults?.serviceClusterIPs ?? []
        let external = defaults?.serviceExternalIPs ?? []
        let balancers = defaults?.serviceLoadBalancerIPs ?? []
        guard !clusterRanges.isEmpty || !external.isEmpty || !balancers.isEmpty else { return }
        let isAggregated = defaults?.aggregatesLoadBalancers ?? true
        // An entry for one address asks for that address to be announced when a service has it, not always.
        var ranges = Set(clusterRanges)
        ranges.formUnion(external.filter { !$0.isHost })
        if isAggregated { ranges.formUnion(balancers.filter { !$0.isHost }) }
        self.ranges = ranges.sorted()
        guard local.metadata.labels[Self.exclusionLabel] != "true" else { return }

        let decision = Decision(
            nodeName: environment.kubernetesNode ?? local.metadata.name,
            external: external,
            balancers: balancers,
            isAggregated: isAggregated
        )
        var announced = ranges
        for (key, service) in snapshot.services {
            let slices = snapshot.slices[key]?.values.map(\.self) ?? []
            guard decision.announces(service, slices) else { continue }
            for address in service.clusterIPs where clusterRanges.contains(where: { $0.contains(address) }) {
                announced.insert(address.hostPrefix)
            }
            for address in service.externalIPs where external.contains(where: { $0.contains(address) }) {
                announced.insert(address.hostPrefix)
            }
            for address in service.ingressIPs where balancers.contains(where: { $0.contains(address) }) {
                announced.insert(address.hostPrefix)
            }
        }
        self.announced = announced.sorted()
    }

    private struct Decision {
        let nodeName: String
        let external: [IPPrefix]
        let balancers: [IPPrefix]
        let isAggregated: Bool

        /// Whether this node announces the addresses of a service one by one.
        ///
        /// A service without endpoints is not announced, nor is one whose slices were all removed.
        func announces(_ service: KubernetesService, _ slices: [EndpointSlice]) -> Bool {
            guard ["ClusterIP", "NodePort", "LoadBalancer"].contains(service.type), !service.clusterIPs.isEmpty else {
                return false
            }
            if !service.isLocal {
                if self.isNamedAlone(service) { return true }
                if self.isAggregated { return false }
            }
            return slices.contains { slice in
                guard let isIPv4 = slice.isIPv4, service.families.contains(isIPv4) else { return false }
                return slice.endpoints.contains {
                    $0.isReady && (!service.isLocal || $0.nodeName == self.nodeName)
                }
            }
        }

        /// Whether one of the service's addresses is itself an entry of the configuration.
        private func isNamedAlone(_ service: KubernetesService) -> Bool {
            let balancers = service.ingressIPs + [service.loadBalancerIP].compactMap(\.self)
            return (service.type == "LoadBalancer" && balancers.contains { self.balancers.contains($0.hostPrefix) })
                || service.externalIPs.contains { self.external.contains($0.hostPrefix) }
        }
    }
}
