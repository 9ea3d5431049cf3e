import IPAddressing
import Resources
import Testing

@testable import Confd

@Suite("Local workloads as neighbours")
struct PlanWorkloadTests {
    private func cluster() throws -> Cluster {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64")
        try cluster.peer("vms") {
            $0.localWorkloadSelector = try Selector(parsing: "role == 'router'")
            $0.asNumber = 65_100
            $0.localASNumber = 65_200
            $0.filters = ["f"]
        }
        var filter = BGPFilter(metadata: ResourceMetadata(name: "f"))
        filter.importV4 = [.init(.reject)]
        cluster.snapshot.update(.bgpFilter(filter))
        return cluster
    }

    private func endpoint(_ name: String, on node: String, _ networks: [String], role: String) throws -> Resource {
        var endpoint = WorkloadEndpoint(
            metadata: ResourceMetadata(name: name, labels: ["role": role]),
            node: node,
            orchestrator: "k8s",
            endpoint: "eth0",
            interfaceName: "cali1"
        )
        endpoint.ipNetworks = try networks.map(Cluster.prefix)
        return .workloadEndpoint(endpoint)
    }

    @Test("The first address of each family of each workload that the selector picks is a passive neighbour")
    func selector() throws {
        var cluster = try self.cluster()
        let networks = ["192.168.1.5/32", "192.168.1.6/32", "fd00::5/128"]
        cluster.snapshot.update(try self.endpoint("one", on: "a", networks, role: "router"))
        cluster.snapshot.update(try self.endpoint("two", on: "a", ["192.168.1.7/32"], role: "web"))
        cluster.snapshot.update(try self.endpoint("three", on: "b", ["192.168.2.7/32"], role: "router"))
        let plan = try cluster.plan()
        #expect(plan.sessions.map(\.name) == ["Local_Workload_192_168_1_5", "Local_Workload_fd00__5"])
        let session = try #require(plan.sessions.first)
        #expect(session.isPassive && session.sourceAddress == nil)
        #expect(session.localAS == 65_200 && session.peerAS == 65_100 && !session.isInternal)
        #expect(session.importFilters == [.function("bgp_f_importFilterV4", takesPeerType: false)])
        #expect(try cluster.plan("b").sessions.map(\.name) == ["Local_Workload_192_168_2_7"])
    }

    @Test("What felix says about an endpoint makes it a neighbour, too")
    func statusFiles() async throws {
        let cluster = try self.cluster()
        var bench = try Bench()
        bench.settings.endpointStatusPrefix = bench.directory.path + "/run"
        try bench.directory.write(
            "run/endpoint-status/k8s one eth0",
            """
            {"ifaceName":"cali1","mac":"02:00:00:00:00:01","ipv4Nets":["192.168.1.9/32"],"ipv6Nets":["fd00::9/128"],
             "bgpPeerName":"vms"}
            """
        )
        try bench.directory.write("run/endpoint-status/two", #"{"ipv4Nets":["192.168.1.8/32"]}"#)
        try bench.directory.write("run/endpoint-status/three", "{")
        let engine = bench.makeEngine()
        try await engine.cycle(cluster.snapshot)
        let names = try bench.directory.files(below: "out/peers").keys.sorted()
        #expect(names == ["Local_Workload_192_168_1_9.conf", "Local_Workload_fd00__9.conf"])
        try bench.directory.write("run/endpoint-status/k8s one eth0", "{}")
        try await engine.cycle(cluster.snapshot)
        #expect(try bench.directory.files(below: "out/peers").isEmpty)
    }

    @Test("A password holds for workloads, too: without the secret there is no session")
    func password() throws {
        var cluster = try self.cluster()
        cluster.snapshot.update(try self.endpoint("one", on: "a", ["192.168.1.5/32"], role: "router"))
        cluster.changePeer("vms") { $0.password = .init(name: "s", key: "k") }
        #expect(try cluster.plan().sessions.isEmpty)
        cluster.secret("s", ["k": "secret"])
        #expect(try cluster.plan().sessions.map(\.password) == ["secret"])
    }

    @Test("Workloads do not make the mirror of a peer, and a selector beside peerIP makes it unusable")
    func mirror() throws {
        var cluster = try self.cluster()
        cluster.snapshot.update(try self.endpoint("one", on: "a", ["10.0.0.2/32"], role: "router"))
        #expect(try cluster.plan("b").sessions.isEmpty)
        try cluster.changePeer("vms") { $0.peerIP = try Cluster.address("10.0.0.9") }
        #expect(try cluster.plan().diagnostics.map(\.reason) == [.unusableWorkloadPeer])
    }
}
