import Foundation
import IPAddressing
import Resources
import Synchronization
import Testing

@testable import Confd

/// The rendered files of example clusters: kept as golden files and read by BIRD.
///
/// `MARTLET_UPDATE_GOLDEN=1` writes the golden files anew.
@Suite("Rendered configuration")
struct RenderingTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var name: String
        var cluster: @Sendable () throws -> Cluster
        var testDescription: String { self.name }
    }

    static let examples = [
        Example(name: "mesh") {
            var cluster = Cluster()
            try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64")
            try cluster.node("b", "10.0.0.2/24", ipv6: "2001:db8::2/64", asNumber: 65_002)
            try cluster.node("c", "10.0.0.3/24")
            try cluster.pool("four", "192.168.0.0/16")
            try cluster.pool("hidden", "172.20.0.0/16") { $0.disableBGPExport = true }
            try cluster.pool("vxlan", "172.21.0.0/16") { $0.vxlanMode = .crossSubnet }
            try cluster.pool("six", "2001:db8:1::/48")
            try cluster.block("192.168.1.0/26")
            try cluster.block("192.168.2.0/26", state: .pendingDeletion)
            try cluster.block("192.168.3.1/32")
            try cluster.block("2001:db8:1::/122")
            return cluster
        },
        Example(name: "families") {
            var cluster = try Cluster.nodes(1)
            try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64")
            try cluster.node("b", "10.0.0.2/24", ipv6: "2001:db8::2/64")
            try cluster.node("c", "10.0.0.3/24")
            cluster.configuration { $0.meshCarriesBothFamilies = true }
            var filter = BGPFilter(metadata: ResourceMetadata(name: "f"))
            filter.importV6 = [.init(.accept)]
            filter.exportV4 = [.init(.reject)]
            cluster.snapshot.update(.bgpFilter(filter))
            try cluster.peer("tor") {
                $0.peerIP = try Cluster.address("2001:db8::ffff")
                $0.asNumber = 65_010
                $0.nextHopMode = .self
                $0.filters = ["f"]
                $0.maximumPrefixes = 500
                $0.carriesBothFamilies = true
            }
            return cluster
        },
        Example(name: "explicit") {
            var cluster = Cluster()
            cluster.disableMesh()
            cluster.configuration {
                $0.logSeverityScreen = "Debug"
                $0.listenPort = 1179
                $0.bindMode = .nodeIP
                $0.ignoredInterfaces = ["docker0"]
                $0.ipv4NormalRoutePriority = 2000
            }
            try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64", clusterID: "10.9.9.9")
            try cluster.node("b", "10.0.0.2/24")
            try cluster.peer("tor") {
                $0.peerIP = try Cluster.address("192.0.2.1")
                $0.peerPort = 1790
                $0.asNumber = 4_200_000_000
                $0.ttlSecurity = 2
                $0.keepaliveSeconds = 20
                $0.numAllowedLocalASNumbers = 1
                $0.localASNumber = 65_100
                $0.nextHopMode = .self
                $0.password = .init(name: "bgp", key: "tor")
                $0.reachableBy = try Cluster.address("10.0.0.254")
            }
            try cluster.peer("tor6") {
                $0.peerIP = try Cluster.address("2001:db8::ffff")
                $0.asNumber = 65_010
                $0.keepOriginalNextHop = true
                $0.sourceAddress = .none
            }
            cluster.peer("nodes") { $0.peerSelector = .all }
            cluster.secret("bgp", ["tor": "it's a {{ secret }} {% # 'word'"])
            return cluster
        },
        Example(name: "communities") {
            var cluster = try Cluster.nodes(2)
            let prefix = try Cluster.prefix("192.168.0.0/16")
            cluster.configuration {
                $0.logSeverityScreen = "Error"
                $0.prefixAdvertisements = [
                    .init(cidr: prefix, communities: [.standard(65_000, 7), .large(65_000, 1, 4_294_967_295)])
                ]
            }
            try cluster.peer("tor") {
                $0.peerIP = try Cluster.address("192.0.2.1")
                $0.sourceAddress = .none
            }
            return cluster
        },
        Example(name: "filters") {
            var cluster = try Cluster.nodes(2)
            cluster.disableMesh()
            try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64")
            var filter = BGPFilter(metadata: ResourceMetadata(name: "every-field"))
            var rule = BGPFilter.Rule(.accept)
            rule.prefix = .init(.in, try Cluster.prefix("10.0.0.0/8"), lengths: .init(minimum: 16, maximum: 24))
            rule.isFromRemotePeers = true
            rule.interface = "eth*"
            rule.peerType = .external
            rule.community = .standard(65_000, 1)
            rule.pathPrefix = [65_000, 65_001]
            rule.priority = 512
            rule.operations = [
                .addCommunity(.large(1, 2, 3)), .prependASPath([64_512, 64_513]), .setPriority(1024),
            ]
            var other = BGPFilter.Rule(.reject)
            other.prefix = .init(.notIn, try Cluster.prefix("10.0.0.0/8"))
            filter.importV4 = [rule, other]
            rule.prefix = .init(.equal, try Cluster.prefix("10.0.0.0/8"))
            rule.peerType = nil
            rule.community = .large(65_000, 1, 2)
            filter.exportV4 = [rule, BGPFilter.Rule(.reject)]
            cluster.snapshot.update(.bgpFilter(filter))
            let name = "a-name-that-is-longer-than-the-names-of-functions-may-be"
            var long = BGPFilter(metadata: ResourceMetadata(name: name))
            long.exportV6 = [BGPFilter.Rule(.accept)]
            cluster.snapshot.update(.bgpFilter(long))
            for (peer, address) in [("four", "192.0.2.1"), ("six", "2001:db8::ffff")] {
                try cluster.peer(peer) {
                    $0.peerIP = try Cluster.address(address)
                    $0.asNumber = 65_000
                    $0.filters = ["every-field", name, "gone"]
                    $0.maxRestartSeconds = 20
                    $0.holdSeconds = 90
                    $0.maximumPrefixes = 1000
                }
            }
            return cluster
        },
        Example(name: "services") {
            var cluster = try Cluster.nodes(2)
            try cluster.node("a", "10.0.0.1/24", clusterID: "10.9.9.9")
            cluster.peer("nodes") { $0.peerSelector = .all }
            let ranges = try ["10.101.0.0/16", "192.0.2.0/24", "198.51.100.0/24"].map(Cluster.prefix)
            cluster.configuration {
                $0.programClusterRoutes = .disabled
                $0.nodeMeshMaxRestartSeconds = 10
                $0.serviceClusterIPs = [ranges[0]]
                $0.serviceExternalIPs = [ranges[1]]
                $0.serviceLoadBalancerIPs = [ranges[2]]
            }
            var service = KubernetesService(metadata: ResourceMetadata(name: "s"))
            service.isLocal = true
            service.families = [true]
            service.clusterIPs = [try Cluster.address("10.101.0.7")]
            cluster.snapshot.update(.service(service))
            var slice = EndpointSlice(metadata: ResourceMetadata(name: "s-1"), service: "s", isIPv4: true)
            slice.endpoints = [.init(nodeName: "a")]
            cluster.snapshot.update(.endpointSlice(slice))
            for name in ["a", "b"] {
                try cluster.changeNode(name) { $0.tunnels.wireguardIPv4 = try Cluster.address("192.168.0.1") }
            }
            try cluster.pool("four", "192.168.0.0/16")
            return cluster
        },
        Example(name: "empty") {
            var cluster = Cluster()
            try cluster.node("a")
            return cluster
        },
    ]

    static let goldenDirectory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/golden/confd").path

    /// Renders an example into a directory of its own.
    private func render(_ example: Example) async throws -> Bench {
        let bench = try Bench()
        try await bench.makeEngine().cycle(try example.cluster().snapshot)
        return bench
    }

    @Test("Example clusters render as the golden files say", arguments: examples)
    func golden(example: Example) async throws {
        let rendered = try await self.render(example).directory.files(below: "out")
        let directory = Self.goldenDirectory + "/" + example.name
        if ProcessInfo.processInfo.environment["MARTLET_UPDATE_GOLDEN"] == "1" {
            try? FileManager.default.removeItem(atPath: directory)
            for (name, text) in rendered {
                let path = directory + "/" + name
                let folder = (path as NSString).deletingLastPathComponent
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try text.write(toFile: path, atomically: false, encoding: .utf8)
            }
        }
        var golden: [String: String] = [:]
        for case let name as String in FileManager.default.enumerator(atPath: directory) ?? .init()
        where name.hasSuffix(".conf") {
            golden[name] = try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
        }
        #expect(rendered.keys.sorted() == golden.keys.sorted())
        for name in rendered.keys.sorted() { #expect(rendered[name] == golden[name], "\(example.name)/\(name)") }
    }

    @Test("BIRD accepts what example clusters render", arguments: examples)
    func acceptedByBIRD(example: Example) async throws {
        let bench = try await self.render(example)
        let file = bench.directory.path + "/out/speaker.conf"
        let outcome = await CommandRunner.run("/usr/sbin/bird -p -c \(file) 2>&1", timeout: .seconds(20))
        #expect(outcome.failure == nil, "\(outcome.output)")
    }

    @Test("Example clusters render for BIRD 1.6 as the golden files say, and it accepts them", arguments: examples)
    func bird1(example: Example) async throws {
        var bench = try Bench()
        bench.settings.templates.target = .bird1
        bench.settings.syncsOnly = true
        try await bench.makeEngine().cycle(try example.cluster().snapshot)
        let rendered = try bench.directory.files(below: "out")
        let directory = Self.goldenDirectory + "/../bird1/" + example.name
        if ProcessInfo.processInfo.environment["MARTLET_UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            for (name, text) in rendered {
                try text.write(toFile: directory + "/" + name, atomically: false, encoding: .utf8)
            }
        }
        let files = ["bird", "bird6"].flatMap { ["\($0).cfg", "\($0)_aggr.cfg", "\($0)_ipam.cfg"] }
        #expect(rendered.keys.sorted() == files.sorted())
        for name in files {
            let golden = try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
            #expect(rendered[name] == golden, "\(example.name)/\(name)")
        }
        let programs = try Self.bird1Programs()
        for name in ["bird", "bird6"] {
            let command = "\(programs)/\(name) -p -c \(bench.directory.path)/out/\(name).cfg 2>&1"
            let outcome = await CommandRunner.run(command, timeout: .seconds(20))
            #expect(outcome.failure == nil, "\(outcome.output)")
        }
    }

    /// Where `Scripts/deps` unpacks BIRD 1.6.
    static func bird1Programs() throws -> String {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../.build/bird1/usr/sbin").standardizedFileURL.path
        guard FileManager.default.isExecutableFile(atPath: path + "/bird6") else {
            throw Refused(description: "BIRD 1.6 is not at \(path); run Scripts/deps test")
        }
        return path
    }

    @Test("BIRD accepts a mesh of 300 nodes and refuses a broken fragment in it")
    func largeMesh() async throws {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/16", ipv6: "2001:db8::1/64")
        for index in 2...300 {
            try cluster.node("n\(index)", "10.0.\(index / 250).\(index % 250 + 2)/16", ipv6: "2001:db8::\(index)/64")
        }
        let bench = try Bench()
        try await bench.makeEngine().cycle(cluster.snapshot)
        let file = bench.directory.path + "/out/speaker.conf"
        let accepted = await CommandRunner.run("/usr/sbin/bird -p -c \(file) 2>&1", timeout: .seconds(60))
        #expect(accepted.failure == nil, "\(accepted.output)")
        try bench.directory.write("out/peers/zz.conf", "nonsense;\n")
        let refused = await CommandRunner.run("/usr/sbin/bird -p -c \(file) 2>&1", timeout: .seconds(60))
        #expect(refused.failure == "exit status 1")
    }

    @Test("A password stands in its fragment as it is, and nowhere else")
    func password() async throws {
        let example = try #require(Self.examples.first { $0.name == "explicit" })
        let bench = try await self.render(example)
        let holders = try bench.directory.files(below: "out").filter { $0.value.contains("secret") }
        #expect(holders.keys.sorted() == ["peers/Global_192_0_2_1_port_1790.conf"])
        #expect(holders.values.allSatisfy { $0.contains("password \"it's a {{ secret }} {% # 'word'\";") })
    }

    @Test("Names of resources cannot break out of comments and strings")
    func hostileNames() async throws {
        var cluster = Cluster()
        try cluster.node("a\n}; router id 6.6.6.6; #\"", "10.0.0.1/24")
        try cluster.peer("x\"; disabled; \n") { $0.peerIP = try Cluster.address("192.0.2.1") }
        var bench = try Bench()
        bench.settings.nodeName = "a\n}; router id 6.6.6.6; #\""
        try await bench.makeEngine().cycle(cluster.snapshot)
        let file = bench.directory.path + "/out/speaker.conf"
        let outcome = await CommandRunner.run("/usr/sbin/bird -p -c \(file) 2>&1", timeout: .seconds(20))
        #expect(outcome.failure == nil, "\(outcome.output)")
        for text in try bench.directory.files(below: "out").values {
            #expect(!text.split(separator: "\n").contains { $0.hasPrefix("}; router") || $0 == "disabled;" })
        }
    }

    @Test("The embedded templates are those of the Templates directory")
    func embedded() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Templates").path
        #expect(try TemplateSource(usesEmbedded: false, directory: root).load() == .embedded)
        #expect(TemplateBundle.embedded.files.count == 6)
    }
}
