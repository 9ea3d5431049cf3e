import IPAddressing
import Resources
import Testing

@testable import Confd

@Suite("Services in a plan")
struct PlanServiceTests {
    private static let exclusion = "node.kubernetes.io/exclude-from-external-load-balancers"

    /// A cluster with a service that has an address of every sort, and one endpoint.
    private func cluster(
        endpointOn node: String? = "a",
        isReady: Bool = true,
        _ change: (inout KubernetesService) throws -> Void = { _ in },
        configuration: (inout BGPConfiguration) throws -> Void = { _ in }
    ) throws -> Cluster {
        var cluster = try Cluster.nodes(2)
        var defaults = BGPConfiguration(metadata: ResourceMetadata(name: "default"))
        defaults.serviceClusterIPs = [try Cluster.prefix("10.101.0.0/16")]
        defaults.serviceExternalIPs = [try Cluster.prefix("192.0.2.0/24")]
        defaults.serviceLoadBalancerIPs = [try Cluster.prefix("198.51.100.0/24")]
        try configuration(&defaults)
        cluster.snapshot.update(.bgpConfiguration(defaults))
        var service = KubernetesService(metadata: ResourceMetadata(name: "s"), type: "LoadBalancer")
        service.isLocal = true
        service.families = [true]
        service.clusterIPs = [try Cluster.address("10.101.0.1")]
        service.externalIPs = [try Cluster.address("192.0.2.1"), try Cluster.address("203.0.113.1")]
        service.ingressIPs = [try Cluster.address("198.51.100.1"), try Cluster.address("203.0.113.2")]
        try change(&service)
        cluster.snapshot.update(.service(service))
        if let node { cluster.snapshot.update(.endpointSlice(self.slice(on: node, isReady: isReady))) }
        return cluster
    }

    private func slice(_ name: String = "s-1", on node: String, isReady: Bool = true, isIPv4: Bool = true)
        -> EndpointSlice
    {
        var slice = EndpointSlice(metadata: ResourceMetadata(name: name), service: "s", isIPv4: isIPv4)
        slice.endpoints = [.init(nodeName: node, isReady: isReady)]
        return slice
    }

    private func announced(_ cluster: Cluster, _ node: String = "a") throws -> [String] {
        try cluster.plan(node).ipv4.serviceStatics.map(\.description)
    }

    private let ranges = ["10.101.0.0/16", "192.0.2.0/24", "198.51.100.0/24"]
    private let all = [
        "10.101.0.0/16", "10.101.0.1/32", "192.0.2.0/24", "192.0.2.1/32", "198.51.100.0/24", "198.51.100.1/32",
    ]

    @Test("Every node announces the ranges, and the kernel gets none of their routes")
    func rangesAlone() throws {
        let cluster = try self.cluster(endpointOn: nil)
        #expect(try self.announced(cluster) == self.ranges)
        #expect(try cluster.plan().ipv4.serviceRanges.map(\.description) == self.ranges)
    }

    @Test("A service with local policy is announced by the nodes that have a ready endpoint of it")
    func local() throws {
        let cluster = try self.cluster()
        #expect(try self.announced(cluster) == self.all)
        #expect(try self.announced(cluster, "b") == self.ranges)
        #expect(try cluster.plan().ipv4.serviceRanges.map(\.description) == self.ranges)
        #expect(try self.announced(try self.cluster(isReady: false)) == self.ranges)
    }

    @Test("Addresses outside of the configured ranges are not announced, cluster addresses included")
    func outside() throws {
        let cluster = try self.cluster { $0.clusterIPs = [try Cluster.address("10.99.0.1")] }
        #expect(try self.announced(cluster) == self.all.filter { $0 != "10.101.0.1/32" })
    }

    @Test("Endpoints count in the families of the service only")
    func families() throws {
        var cluster = try self.cluster(endpointOn: nil)
        cluster.snapshot.update(.endpointSlice(self.slice(on: "a", isIPv4: false)))
        #expect(try self.announced(cluster) == self.ranges)
    }

    @Test("A service without slices is withdrawn, whatever came before")
    func withdrawn() throws {
        var cluster = try self.cluster()
        cluster.snapshot.remove(ResourceKey(kind: .endpointSlice, namespace: "default", name: "s-1"))
        #expect(try self.announced(cluster) == self.ranges)
    }

    @Test("One of several slices is enough")
    func slices() throws {
        var cluster = try self.cluster(endpointOn: "b")
        cluster.snapshot.update(.endpointSlice(self.slice("s-2", on: "a")))
        #expect(try self.announced(cluster) == self.all)
        cluster.snapshot.update(.endpointSlice(self.slice("s-2", on: "b")))
        #expect(try self.announced(cluster) == self.ranges)
    }

    @Test("A slice of another namespace's service does not count")
    func namespaces() throws {
        var cluster = try self.cluster(endpointOn: nil)
        var slice = self.slice(on: "a")
        slice.metadata.namespace = "other"
        cluster.snapshot.update(.endpointSlice(slice))
        #expect(try self.announced(cluster) == self.ranges)
    }

    @Test("With cluster policy the ranges are enough")
    func clusterPolicy() throws {
        #expect(try self.announced(try self.cluster { $0.isLocal = false }) == self.ranges)
    }

    @Test("With cluster policy and without aggregation of load balancers, any ready endpoint anywhere is enough")
    func noAggregation() throws {
        let balancers = try self.cluster(
            endpointOn: "b",
            { $0.isLocal = false },
            configuration: { $0.aggregatesLoadBalancers = false }
        )
        #expect(try self.announced(balancers) == self.all.filter { $0 != "198.51.100.0/24" })
        #expect(try balancers.plan().ipv4.serviceRanges.map(\.description) == ["10.101.0.0/16", "192.0.2.0/24"])
        let idle = try self.cluster(
            endpointOn: "b",
            isReady: false,
            { $0.isLocal = false },
            configuration: { $0.aggregatesLoadBalancers = false }
        )
        #expect(try self.announced(idle) == ["10.101.0.0/16", "192.0.2.0/24"])
    }

    @Test("An address that is itself an entry is announced with cluster policy, endpoints or not")
    func namedAlone() throws {
        let external = try self.cluster(
            endpointOn: nil,
            { $0.isLocal = false },
            configuration: { $0.serviceExternalIPs = [try Cluster.prefix("192.0.2.1/32")] }
        )
        #expect(
            try self.announced(external) == [
                "10.101.0.0/16", "10.101.0.1/32", "192.0.2.1/32", "198.51.100.0/24", "198.51.100.1/32",
            ]
        )
        let balancer = try self.cluster(
            endpointOn: nil,
            { $0.isLocal = false },
            configuration: { $0.serviceLoadBalancerIPs = [try Cluster.prefix("198.51.100.1/32")] }
        )
        #expect(try self.announced(balancer).contains("198.51.100.1/32"))
        // With local policy the endpoints still decide, and the entry alone announces nothing.
        let local = try self.cluster(
            endpointOn: nil,
            configuration: { $0.serviceExternalIPs = [try Cluster.prefix("192.0.2.1/32")] }
        )
        #expect(try self.announced(local) == ["10.101.0.0/16", "198.51.100.0/24"])
    }

    @Test("Types other than ClusterIP, NodePort and LoadBalancer, and headless services, are not announced")
    func types() throws {
        #expect(try self.announced(try self.cluster { $0.type = "ExternalName" }) == self.ranges)
        #expect(try self.announced(try self.cluster { $0.clusterIPs = [] }) == self.ranges)
        #expect(try self.announced(try self.cluster { $0.type = "NodePort" }) == self.all)
    }

    @Test("A node with the label of exclusion announces no services, but keeps their routes out of the kernel")
    func excluded() throws {
        var cluster = try self.cluster()
        try cluster.node("a", "10.0.0.1/24", labels: [Self.exclusion: "true"])
        #expect(try self.announced(cluster).isEmpty)
        #expect(try cluster.plan().ipv4.serviceRanges.map(\.description) == self.ranges)
        try cluster.node("a", "10.0.0.1/24", labels: [Self.exclusion: "false"])
        #expect(try self.announced(cluster) == self.all)
    }

    @Test("CALICO_ADVERTISE_CLUSTER_IPS takes the place of serviceClusterIPs, CALICO_K8S_NODE_REF of the node's name")
    func environment() throws {
        let cluster = try self.cluster(endpointOn: "k8s-a")
        let environment = PlanEnvironment(variables: [
            "CALICO_ADVERTISE_CLUSTER_IPS": "10.96.0.0/12", "CALICO_K8S_NODE_REF": "k8s-a",
        ])
        let plan = try BGPPlan(cluster.snapshot, nodeName: "a", environment: environment)
        #expect(
            plan.ipv4.serviceStatics.map(\.description) == [
                "10.96.0.0/12", "10.101.0.1/32", "192.0.2.0/24", "192.0.2.1/32", "198.51.100.0/24", "198.51.100.1/32",
            ]
        )
    }

    @Test("A route reflector passes on load balancers' and external addresses, in this order, and no cluster addresses")
    func reflector() throws {
        var cluster = try self.cluster()
        #expect(try cluster.plan().ipv4.reflectedServices.isEmpty)
        try cluster.node("a", "10.0.0.1/24", clusterID: "10.0.0.1")
        #expect(
            try cluster.plan().ipv4.reflectedServices.map(\.description) == ["198.51.100.0/24", "192.0.2.0/24"]
        )
    }
}
