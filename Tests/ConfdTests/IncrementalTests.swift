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
                cluster.snapshot.nodes["n\(number)"] = nil
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
                cluster.snapshot.peers[name] = nil
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
                if other == 2 { $0.password = .init(name: "s", key: "k\(number)") }
            }
        case 2:
            if isRemoved {
                cluster.snapshot.filters["f\(number)"] = nil
                return
            }
            var filter = BGPFilter(metadata: ResourceMetadata(name: "f\(number)"))
            var rule = BGPFilter.Rule(.accept)
            rule.priority = UInt32(number)
            rule.peerType = other == 0 ? .internal : nil
            filter.importV4 = [rule]
            if other == 1 { filter.exportV6 = [rule] }
            cluster.snapshot.filters["f\(number)"] = filter
        case 3:
            if isRemoved {
                cluster.snapshot.pools["q\(number)"] = nil
                return
            }
            try cluster.pool("q\(number)", "192.168.\(number).0/24") {
                $0.disableBGPExport = other == 0
                $0.vxlanMode = other == 1 ? .always : .never
            }
        case 4:
            if isRemoved {
                cluster.snapshot.affinities["n1-192.168.\(number).0/26"] = nil
                return
            }
            try cluster.block("192.168.\(number).0/26", node: "n1", state: other == 0 ? .pending : .confirmed)
        case 5:
            let range = try Cluster.prefix("10.101.0.0/16")
            cluster.configuration {
                $0.nodeToNodeMeshEnabled = other != 0
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
                cluster.snapshot.secrets = [:]
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
}
