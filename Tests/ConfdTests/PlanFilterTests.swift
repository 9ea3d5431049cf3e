import IPAddressing
import Resources
import RouteModel
import SpeakerSettings
import Testing

@testable import Confd

@Suite("Filters of sessions")
struct PlanFilterTests {
    private func filter(_ name: String, _ change: (inout BGPFilter) -> Void) -> BGPFilter {
        var filter = BGPFilter(metadata: ResourceMetadata(name: name))
        change(&filter)
        return filter
    }

    private func cluster(_ filters: [String], _ known: [BGPFilter]) throws -> Cluster {
        var cluster = try Cluster.nodes(1)
        for filter in known { cluster.snapshot.update(.bgpFilter(filter)) }
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.asNumber = 65_000
            $0.filters = filters
        }
        try cluster.peer("q") {
            $0.peerIP = try Cluster.address("2001:db8::1")
            $0.filters = filters
        }
        try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::9/64")
        return cluster
    }

    @Test("Filters are asked in the order of the peer, each where it has rules for the direction and family")
    func order() throws {
        let cluster = try self.cluster(
            ["z", "a", "m"],
            [
                self.filter("a") { $0.importV4 = [.init(.accept)] },
                self.filter("m") { $0.exportV6 = [.init(.accept)] },
                self.filter("z") {
                    var rule = BGPFilter.Rule(.reject)
                    rule.peerType = .internal
                    $0.importV4 = [rule]
                    $0.exportV4 = [.init(.accept)]
                },
            ]
        )
        let four = try cluster.session("Global_192_0_2_1")
        #expect(
            four.importFilters == [
                .function("bgp_z_importFilterV4", takesPeerType: true),
                .function("bgp_a_importFilterV4", takesPeerType: false),
            ]
        )
        #expect(four.exportFilters == [.function("bgp_z_exportFilterV4", takesPeerType: false)])
        let six = try cluster.session("Global_2001_db8__1")
        #expect(six.importFilters.isEmpty)
        #expect(six.exportFilters == [.function("bgp_m_exportFilterV6", takesPeerType: false)])
        #expect(try cluster.plan().diagnostics.isEmpty)
    }

    @Test("A filter that is missing fails closed at its place, both ways, and is named")
    func missing() throws {
        let cluster = try self.cluster(["a", "gone"], [self.filter("a") { $0.importV4 = [.init(.accept)] }])
        let session = try cluster.session("Global_192_0_2_1")
        #expect(
            session.importFilters == [.function("bgp_a_importFilterV4", takesPeerType: false), .missing("gone")]
        )
        #expect(session.exportFilters == [.missing("gone")])
        #expect(
            try cluster.plan().diagnostics.map(\.description) == [
                "BGPPeer/p: session Global_192_0_2_1: there is no BGPFilter gone; routes that no filter before it decides"
                    + " are rejected",
                "BGPPeer/q: session Global_2001_db8__1: there is no BGPFilter gone; routes that no filter before it"
                    + " decides are rejected",
            ]
        )
    }

    @Test("A session whose filter is missing rejects everything that no filter before it accepted")
    func missingRendered() async throws {
        var cluster = try self.cluster(["gone"], [])
        try cluster.pool("all", "192.168.0.0/16")
        let bench = try Bench()
        try await bench.makeEngine().cycle(cluster.snapshot)
        let settings = try RenderedPolicy.settings(bench)
        let channel = try RenderedPolicy.session(settings, isInternal: false)
        let route = try RenderedPolicy.route("192.168.0.0/26", .bgp)
        #expect(RenderedPolicy.verdict(channel.importPolicy, route) == .reject)
        #expect(RenderedPolicy.verdict(channel.exportPolicy, route) == .reject)
    }

    @Test("A name that makes the function's too long for BIRD is cut to 28 letters and gets 16 digits of its SHA-256")
    func longNames() {
        func name(_ count: Int) -> String {
            FilterFunction.name(String(repeating: "x", count: count), .import, isIPv4: true)
        }
        #expect(name(45) == "bgp_" + String(repeating: "x", count: 45) + "_importFilterV4")
        // sha256sum of 46 letters x begins with these digits.
        #expect(
            name(46) == "bgp_" + String(repeating: "x", count: 28) + "_" + Self.hash + "_importFilterV4"
        )
        #expect(name(46).utf8.count == 64 && name(200).utf8.count == 64)
        #expect(FilterFunction.name("a'b", .export, isIPv4: false).utf8.allSatisfy { $0 != UInt8(ascii: "'") })
    }

    private static let hash = "404E0D6B65BC5EAC"

    @Test("Only functions of filters that a session asks are rendered for the speaker")
    func unused() async throws {
        let cluster = try self.cluster(
            ["a"],
            [self.filter("a") { $0.importV4 = [.init(.accept)] }, self.filter("b") { $0.importV4 = [.init(.accept)] }]
        )
        let bench = try Bench()
        try await bench.makeEngine().cycle(cluster.snapshot)
        let text = try bench.directory.read("out/ipv4.conf")
        #expect(text.contains("'bgp_a_importFilterV4'") && !text.contains("bgp_b_"))
    }

    @Test("Filters hold on sessions of the mirror, too, and not in the mesh")
    func mirror() throws {
        var cluster = try Cluster.nodes(2)
        cluster.snapshot.update(.bgpFilter(self.filter("a") { $0.exportV4 = [.init(.accept)] }))
        try cluster.peer("p") {
            $0.node = "b"
            $0.peerIP = try Cluster.address("10.0.0.1")
            $0.filters = ["a"]
        }
        #expect(try cluster.session("Node_10_0_0_2").exportFilters.count == 1)
        cluster.removePeers()
        #expect(try cluster.session("Mesh_10_0_0_2").exportFilters.isEmpty)
    }
}
