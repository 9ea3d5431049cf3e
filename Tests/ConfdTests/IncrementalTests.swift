import IPAddressing
import Resources
import Testing

@testable import Confd

/// The files after any sequence of changes are those that a new program would write.
@Suite("Incremental rendering")
struct IncrementalTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var value = self.state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    private static func change(_ cluster: inout Cluster, _ random: inout Generator) throws {
        let number = Int.random(in: 2...6, using: &random)
        let isRemoved = Int.random(in: 0..<3, using: &random) == 0
        let other = Int.random(in: 0..<3, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0:
            if isRemoved {
                cluster.snapshot.remove(ResourceKey(kind: .node, name: "n\(number)"))
                return
            }
            try cluster.node(
                "n\(number)",
                "10.0.0.\(number)/24",
                ipv6: other == 0 ? "fd00::\(number)/64" : nil,
                asNumber: other == 1 ? 65_000 : nil,
                clusterID: other == 2 ? "10.9.9.\(number)" : nil,
                labels: ["rack": "r\(other)"]
            )
        case 1:
            let name = "p\(number)"
            if isRemoved {
                cluster.snapshot.remove(ResourceKey(kind: .bgpPeer, name: name))
                return
            }
            try cluster.peer(name) {
                if other == 0 {
                    $0.peerSelector = try Selector(parsing: "rack == 'r\(number % 3)'")
                } else {
                    $0.peerIP = try Cluster.address("10.0.0.\(number)")
                    $0.asNumber = 65_000
                }
                if other == 1 { $0.nodeSelector = try Selector(parsing: "rack == 'r0'") }
                $0.filters = ["f\(number)"]
                $0.carriesBothFamilies = number % 2 == 0
                if other == 2 { $0.password = .init(name: "s", key: "k\(number)") }
            }
        case 2:
            if isRemoved {
                cluster.snapshot.remove(ResourceKey(kind: .bgpFilter, name: "f\(number)"))
                return
            }
            var filter = BGPFilter(metadata: ResourceMetadata(name: "f\(number)"))
            var rule = BGPFilter.Rule(.accept)
            rule.priority = UInt32(number)
            rule.peerType = other == 0 ? .internal : nil
            filter.importV4 = [rule]
            if other == 1 { filter.exportV6 = [rule] }
            cluster.snapshot.update(.bgpFilter(filter))
        case 3:
            if isRemoved {
                cluster.snapshot.remove(ResourceKey(kind: .ipPool, name: "q\(number)"))
                return
            }
            try cluster.pool("q\(number)", "192.168.\(number).0/24") {
                $0.disableBGPExport = other == 0
                $0.vxlanMode = other == 1 ? .always : .never
            }
        case 4:
            if isRemoved {
                cluster.snapshot.remove(ResourceKey(kind: .blockAffinity, name: "n1-192.168.\(number).0/26"))
                return
            }
            try cluster.block("192.168.\(number).0/26", node: "n1", state: other == 0 ? .pending : .confirmed)
        case 5:
            let range = try Cluster.prefix("10.101.0.0/16")
            cluster.configuration {
                $0.nodeToNodeMeshEnabled = other != 0
                $0.meshCarriesBothFamilies = number % 2 == 0
                $0.listenPort = other == 1 ? 1790 : nil
                $0.serviceClusterIPs = isRemoved ? [] : [range]
            }
        case 6:
            let key = ResourceKey(kind: .service, namespace: "default", name: "s\(number)")
            if isRemoved {
                cluster.snapshot.remove(key)
                return
            }
            var service = KubernetesService(metadata: ResourceMetadata(name: "s\(number)"))
            service.isLocal = other != 0
            service.clusterIPs = [try Cluster.address("10.101.0.\(number)")]
            service.families = [true]
            cluster.snapshot.update(.service(service))
        case 7:
            let key = ResourceKey(kind: .endpointSlice, namespace: "default", name: "e\(number)")
            if isRemoved {
                cluster.snapshot.remove(key)
                return
            }
            let metadata = ResourceMetadata(name: "e\(number)")
            var slice = EndpointSlice(metadata: metadata, service: "s\(number - other)", isIPv4: true)
            slice.endpoints = [.init(nodeName: other == 0 ? "n2" : "n1")]
            cluster.snapshot.update(.endpointSlice(slice))
        case 8:
            if isRemoved {
                cluster.snapshot.remove(ResourceKey(kind: .secret, namespace: "kube-system", name: "s"))
                return
            }
            cluster.secret("s", ["k\(number)": "password \(other)"])
        default:
            cluster.configuration("node.n1") { $0.logSeverityScreen = ["Debug", "Info", "Error"][other] }
        }
    }

    @Test("After each change the files are those of a program that knows only the last state", arguments: [1, 2, 3])
    func equalToFresh(seed: UInt64) async throws {
        var random = Generator(state: seed)
        var cluster = Cluster()
        try cluster.node("n1", "10.0.0.1/24", ipv6: "fd00::1/64", labels: ["rack": "r0"])
        var bench = try Bench()
        bench.settings.nodeName = "n1"
        let engine = bench.makeEngine()
        for step in 0..<120 {
            try Self.change(&cluster, &random)
            try await engine.cycle(cluster.snapshot)
            guard step % 4 == 3 else { continue }
            var fresh = try Bench()
            fresh.settings.nodeName = "n1"
            try await fresh.makeEngine().cycle(cluster.snapshot)
            #expect(
                try bench.directory.files(below: "out") == (try fresh.directory.files(below: "out")),
                "seed \(seed), step \(step)"
            )
        }
    }

    @Test("After each change the plan is the one that is made of the last state alone", arguments: 1...12)
    func planEqualsFresh(seed: UInt64) throws {
        var random = Generator(state: seed &* 7919)
        var cluster = Cluster()
        try cluster.node("n1", "10.0.0.1/24", ipv6: "fd00::1/64", labels: ["rack": "r0"])
        var planner = IncrementalPlanner(nodeName: "n1", environment: PlanEnvironment())
        var steps = 0
        for step in 0..<300 {
            // Mostly what changes in a running cluster: nodes, blocks and services.
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                if Int.random(in: 0..<4, using: &random) == 0 {
                    try Self.change(&cluster, &random)
                } else {
                    try Self.changeOften(&cluster, &random)
                }
            }
            if Int.random(in: 0..<40, using: &random) == 0 {
                cluster.snapshot.remove(ResourceKey(kind: .node, name: "n1"))
                #expect(throws: PlanError.nodeUnknown("n1")) { try planner.plan(cluster.snapshot) }
                try cluster.node("n1", "10.0.0.1/24", ipv6: "fd00::1/64", labels: ["rack": "r\(step % 3)"])
            }
            let plan = try planner.plan(cluster.snapshot)
            let fresh = try cluster.plan("n1")
            #expect(plan == fresh, "seed \(seed), step \(step)")
            guard plan == fresh else { return }
            steps += 1
        }
        #expect(planner.freshCount < steps * 3 / 4, "the planner hardly ever followed changes")
    }

    @Test(
        "Changes of other nodes, blocks and services do not make the plan anew, nor do those that it does not depend on"
    )
    func follows() throws {
        var cluster = try Cluster.nodes(3)
        var planner = IncrementalPlanner(nodeName: "a", environment: PlanEnvironment())
        _ = try planner.plan(cluster.snapshot)
        try cluster.node("c", "10.0.0.77/24")
        try cluster.block("192.168.1.0/26", node: "a")
        cluster.snapshot.update(.service(KubernetesService(metadata: ResourceMetadata(name: "s"))))
        cluster.snapshot.update(.felixConfiguration(FelixConfiguration(metadata: ResourceMetadata(name: "default"))))
        let plan = try planner.plan(cluster.snapshot)
        #expect(plan == (try cluster.plan()))
        #expect(plan.ipv4.sessions.map(\.name) == ["Mesh_10_0_0_2", "Mesh_10_0_0_77"])
        #expect(plan.ipv4.blockStatics.count == 1)
        #expect(planner.freshCount == 1)
        cluster.disableMesh()
        #expect(try planner.plan(cluster.snapshot).sessions.isEmpty)
        #expect(planner.freshCount == 2)
    }

    @Test("Two snapshots that began as one and changed differently are not taken for states of one")
    func branches() throws {
        let cluster = try Cluster.nodes(3)
        var (one, other) = (cluster, cluster)
        one.snapshot.remove(ResourceKey(kind: .node, name: "b"))
        other.snapshot.remove(ResourceKey(kind: .node, name: "c"))
        var planner = IncrementalPlanner(nodeName: "a", environment: PlanEnvironment())
        for snapshot in [cluster.snapshot, one.snapshot, other.snapshot, cluster.snapshot, one.snapshot] {
            #expect(
                try planner.plan(snapshot)
                    == BGPPlan(snapshot, nodeName: "a", environment: PlanEnvironment())
            )
        }
    }

    private static func changeOften(_ cluster: inout Cluster, _ random: inout Generator) throws {
        let number = Int.random(in: 2...9, using: &random)
        let other = Int.random(in: 0..<4, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
            if Int.random(in: 0..<4, using: &random) == 0 {
                cluster.snapshot.remove(ResourceKey(kind: .node, name: "n\(number)"))
                return
            }
            // Addresses are shared now and then, also with the node itself.
            try cluster.node(
                "n\(number)",
                other == 3 ? nil : "10.0.0.\(Int.random(in: 1...6, using: &random))/24",
                ipv6: other == 0 ? "fd00::\(Int.random(in: 1...6, using: &random))/64" : nil,
                asNumber: other == 1 ? 65_000 : nil,
                clusterID: other == 2 && number % 2 == 0 ? "10.9.9.\(number)" : nil,
                labels: ["rack": "r\(Int.random(in: 0..<3, using: &random))"]
            )
        case 2:
            let owner = other == 0 ? "n2" : "n1"
            var affinity = BlockAffinity(
                metadata: ResourceMetadata(name: "b\(number)"),
                state: .confirmed,
                node: owner,
                cidr: try Cluster.prefix("192.168.\(number).0/26")
            )
            affinity.isDeleted = other == 1
            cluster.snapshot.update(.blockAffinity(affinity))
        default:
            var service = KubernetesService(metadata: ResourceMetadata(name: "s\(number)"))
            service.isLocal = other != 0
            service.clusterIPs = [try Cluster.address("10.101.0.\(number)")]
            service.families = [true]
            cluster.snapshot.update(.service(service))
        }
    }
}
