import IPAddressing
import Resources
import Testing

@testable import Confd

/// Rules of peerings, services and owners of routes that stand between others.
@Suite("Further rules of a plan")
struct PlanRuleTests {
    // MARK: Mesh

    @Test("A mesh session has the mesh's restart time, the node's own source address, no TTL security and no filters")
    func meshSession() throws {
        var cluster = try Cluster.nodes(2)
        cluster.configuration { $0.nodeMeshMaxRestartSeconds = 45 }
        let session = try cluster.session("Mesh_10_0_0_2")
        #expect(session.restartSeconds == 45)
        #expect(session.sourceAddress?.description == "10.0.0.1")
        #expect(session.ttlSecurityHops == nil)
        #expect(session.importFilters.isEmpty && session.exportFilters.isEmpty)
        #expect(session.clusterID == nil && session.nextHop == .standard && session.keepaliveSeconds == nil)
        cluster.configuration { $0.nodeMeshMaxRestartSeconds = nil }
        #expect(try cluster.session("Mesh_10_0_0_2").restartSeconds == nil)
    }

    @Test("The mesh uses the default listen port of nodes that have none of their own")
    func meshPort() throws {
        var cluster = try Cluster.nodes(3)
        cluster.configuration { $0.listenPort = 1790 }
        cluster.configuration("node.b") { $0.listenPort = 1791 }
        #expect(try cluster.session("Mesh_10_0_0_2").peerPort == 1791)
        #expect(try cluster.session("Mesh_10_0_0_3").peerPort == 1790)
    }

    @Test("Nodes with one address have no session with each other")
    func sameAddress() throws {
        var cluster = try Cluster.nodes(2)
        try cluster.node("b", "10.0.0.1/24")
        #expect(try cluster.names() == [])
    }

    // MARK: Mirrors

    @Test("A peer by address is mirrored in its own family only, one by selector in both")
    func mirroredFamilies() throws {
        var cluster = Cluster()
        cluster.disableMesh()
        try cluster.node("a", "10.0.0.1/24", ipv6: "fd00::1/64")
        try cluster.node("b", "10.0.0.2/24", ipv6: "fd00::2/64", labels: ["rr": ""])
        try cluster.peer("p") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("fd00::2")
            $0.asNumber = 64_512
        }
        #expect(try cluster.plan("b").sessions.map(\.name) == ["Node_fd00__1"])
        try cluster.peer("p") {
            $0.node = "a"
            $0.peerIP = nil
            $0.asNumber = nil
            $0.peerSelector = try Selector(parsing: "has(rr)")
        }
        #expect(try cluster.plan("b").sessions.map(\.name) == ["Node_10_0_0_1", "Node_fd00__1"])
    }

    @Test("A peer by selector needs an address of the family at both ends")
    func commonFamilies() throws {
        var cluster = Cluster()
        cluster.disableMesh()
        try cluster.node("a", "10.0.0.1/24")
        try cluster.node("b", "10.0.0.2/24", ipv6: "fd00::2/64")
        try cluster.node("c", ipv6: "fd00::3/64")
        cluster.peer("all") { $0.peerSelector = .all }
        #expect(try cluster.plan("a").sessions.map(\.name) == ["Global_10_0_0_2"])
        #expect(try cluster.plan("b").sessions.map(\.name) == ["Global_10_0_0_1", "Global_fd00__3"])
    }

    @Test("The mirror of a peer is for the one node, the nodes with the labels, or all nodes that it is written for")
    func mirroredNodes() throws {
        func names(_ change: (inout BGPPeer) throws -> Void) throws -> [String] {
            var cluster = try Cluster.nodes(2)
            cluster.disableMesh()
            try cluster.node("c", "10.0.0.3/24", labels: ["rack": "1"])
            try cluster.node("rr", "10.0.0.9/24", labels: ["rr": ""])
            try cluster.peer("p") {
                $0.peerSelector = try Selector(parsing: "has(rr)")
                try change(&$0)
            }
            return try cluster.names("rr")
        }
        #expect(try names { $0.node = "b" } == ["Node_10_0_0_2"])
        #expect(try names { $0.nodeSelector = try Selector(parsing: "rack == '1'") } == ["Node_10_0_0_3"])
        #expect(try names { _ in } == ["Node_10_0_0_1", "Node_10_0_0_2", "Node_10_0_0_3"])
    }

    @Test("A mirror has the peer's password, TTL security, next hop, filters, keepalive and restart time, no local AS")
    func mirroredAttributes() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        cluster.secret("s", ["k": "word"])
        try cluster.peer("p") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.asNumber = 64_512
            $0.password = .init(name: "s", key: "k")
            $0.ttlSecurity = 3
            $0.nextHopMode = .self
            $0.keepaliveSeconds = 20
            $0.maxRestartSeconds = 30
            $0.sourceAddress = .none
            $0.numAllowedLocalASNumbers = 4
            $0.reachableBy = try Cluster.address("10.0.0.254")
            $0.filters = ["gone"]
        }
        let session = try cluster.session("Node_10_0_0_1", on: "b")
        #expect(session.password == "word" && session.ttlSecurityHops == 3 && session.nextHop == .self)
        #expect(session.keepaliveSeconds == 20 && session.restartSeconds == 30 && session.sourceAddress == nil)
        #expect(session.importFilters == [.missing("gone")] && session.exportFilters == [.missing("gone")])
        #expect(session.allowedLocalAS == 0 && !session.namesLocalAS)
        // The gateway is one of the other side's network.
        #expect(try cluster.plan("b").ipv4.peerStatics.isEmpty)
    }

    @Test("A peer's port is compared with the node's own listen port before the default one")
    func ownPortBeforeDefault() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        cluster.configuration { $0.listenPort = 1000 }
        cluster.configuration("node.b") { $0.listenPort = 1790 }
        try cluster.peer("p") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.peerPort = 1790
            $0.asNumber = 64_512
        }
        #expect(try cluster.names("b") == ["Node_10_0_0_1_port_1000"])
        cluster.changePeer("p") { $0.peerPort = 1000 }
        #expect(try cluster.names("b") == [])
    }

    @Test("An address that a node no longer has is no node's, in either family", arguments: [true, false])
    func formerAddress(isIPv4: Bool) throws {
        var cluster = Cluster()
        cluster.disableMesh()
        try cluster.node("a", "10.0.0.1/24", ipv6: "fd00::1/64")
        try cluster.node("b", "10.0.0.2/24", ipv6: "fd00::2/64")
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address(isIPv4 ? "10.0.0.2" : "fd00::2")
            $0.asNumber = 64_512
        }
        var planner = IncrementalPlanner(nodeName: "a", environment: PlanEnvironment())
        // The greater text waits for nobody: this side waits, because the other is a node.
        #expect(try planner.plan(cluster.snapshot).sessions.map(\.isPassive) == [true])
        try cluster.node("b", "10.0.0.8/24", ipv6: "fd00::8/64")
        #expect(try planner.plan(cluster.snapshot).sessions.map(\.isPassive) == [false])
        #expect(try cluster.plan().sessions.map(\.isPassive) == [false])
    }

    // MARK: Services

    @Test("An address that two services have is announced once, and stays while one of them has it")
    func sharedAddress() throws {
        var cluster = try Cluster.nodes(1)
        let range = try Cluster.prefix("192.0.2.0/24")
        cluster.configuration { $0.serviceExternalIPs = [range] }
        for name in ["one", "two"] {
            var service = KubernetesService(metadata: ResourceMetadata(name: name))
            service.isLocal = true
            service.families = [true]
            service.clusterIPs = [try Cluster.address("10.101.0.1")]
            service.externalIPs = [try Cluster.address("192.0.2.1")]
            cluster.snapshot.update(.service(service))
            var slice = EndpointSlice(metadata: ResourceMetadata(name: name + "-1"), service: name, isIPv4: true)
            slice.endpoints = [.init(nodeName: "a")]
            cluster.snapshot.update(.endpointSlice(slice))
        }
        let both = ["192.0.2.0/24", "192.0.2.1/32"]
        #expect(try cluster.plan().ipv4.serviceStatics.map(\.description) == both)
        cluster.snapshot.remove(ResourceKey(kind: .service, namespace: "default", name: "one"))
        #expect(try cluster.plan().ipv4.serviceStatics.map(\.description) == both)
        cluster.snapshot.remove(ResourceKey(kind: .service, namespace: "default", name: "two"))
        #expect(try cluster.plan().ipv4.serviceStatics.map(\.description) == ["192.0.2.0/24"])
    }

    @Test("Entries for single addresses are no ranges: they are neither announced always nor kept from the kernel")
    func singleAddresses() throws {
        var cluster = try Cluster.nodes(1)
        let (external, balancer) = (try Cluster.prefix("192.0.2.1/32"), try Cluster.prefix("198.51.100.1/32"))
        let own = try Cluster.prefix("10.101.0.1/32")
        cluster.configuration {
            $0.serviceExternalIPs = [external]
            $0.serviceLoadBalancerIPs = [balancer]
            $0.serviceClusterIPs = [own]
        }
        let plan = try cluster.plan().ipv4
        #expect(plan.serviceStatics == [own] && plan.serviceRanges == [own])
    }

    @Test("Without aggregation ranges of load balancers are no routes, with it they are")
    func balancerAggregation() throws {
        var cluster = try Cluster.nodes(1)
        let range = try Cluster.prefix("198.51.100.0/24")
        cluster.configuration { $0.serviceLoadBalancerIPs = [range] }
        #expect(try cluster.plan().ipv4.serviceStatics == [range])
        cluster.configuration { $0.aggregatesLoadBalancers = false }
        #expect(try cluster.plan().ipv4.serviceStatics.isEmpty)
        #expect(try cluster.plan().ipv4.serviceRanges.isEmpty)
    }

    // MARK: Owners

    typealias Mode = BGPConfiguration.ProgramClusterRoutes

    @Test(
        "Where BGPConfiguration and FelixConfiguration leave routes to both or to nobody, the plan says so",
        arguments: [
            (nil, nil, [], []), (.enabled, .disabled, [.unencapsulatedRoutesNotProgrammed], []),
            (.disabled, .enabled, [], [.encapsulatedRoutesNotProgrammed]),
            (
                .enabledNoEncapOnly, .enabledIPIPOnly, [.unencapsulatedRoutesNotProgrammed],
                [.encapsulatedRoutesNotProgrammed]
            ),
            (nil, .disabled, [.routeOwnersDisagree(isIPIP: false, isOwnedTwice: false)], []),
            (
                nil, .enabled, [],
                [
                    .routeOwnersDisagree(isIPIP: true, isOwnedTwice: true), .encapsulatedRoutesNotProgrammed,
                ]
            ),
            (
                .disabled, nil, [], [.routeOwnersDisagree(isIPIP: true, isOwnedTwice: false)]
            ),
            (.enabled, nil, [.routeOwnersDisagree(isIPIP: false, isOwnedTwice: true)], []),
        ] as [(Mode?, Mode?, [PlanDiagnostic.Reason], [PlanDiagnostic.Reason])]
    )
    func owners(
        felix: Mode?,
        speaker: Mode?,
        plain: [PlanDiagnostic.Reason],
        ipip: [PlanDiagnostic.Reason]
    ) throws {
        for (isIPIP, expected) in [(false, plain), (true, ipip)] {
            var cluster = try Cluster.nodes(1)
            cluster.configuration { $0.programClusterRoutes = speaker }
            var configuration = FelixConfiguration(metadata: ResourceMetadata(name: "default"))
            configuration.programClusterRoutes = felix
            cluster.snapshot.update(.felixConfiguration(configuration))
            #expect(try cluster.plan().diagnostics.isEmpty)
            try cluster.pool("p", "192.168.0.0/16") { $0.ipipMode = isIPIP ? .always : .never }
            #expect(try cluster.plan().diagnostics.map(\.reason) == expected)
        }
    }

    @Test("Route priorities that are not felix's are reported, and a changed FelixConfiguration is noticed")
    func priorities() throws {
        var cluster = try Cluster.nodes(2)
        cluster.configuration { $0.ipv4NormalRoutePriority = 2000 }
        var planner = IncrementalPlanner(nodeName: "a", environment: PlanEnvironment())
        let reason = PlanDiagnostic.Reason.prioritiesDiffer(isIPv4: true, speaker: 2000, felix: 1024)
        #expect(try planner.plan(cluster.snapshot).diagnostics.map(\.reason) == [reason])
        // The first change after a fresh plan makes the parts, the later ones change them.
        try cluster.node("b", "10.0.0.7/24")
        _ = try planner.plan(cluster.snapshot)
        var felix = FelixConfiguration(metadata: ResourceMetadata(name: "node.a"))
        felix.ipv4NormalRoutePriority = 2000
        cluster.snapshot.update(.felixConfiguration(felix))
        #expect(try planner.plan(cluster.snapshot).diagnostics.isEmpty)
        felix.ipv6NormalRoutePriority = 7
        cluster.snapshot.update(.felixConfiguration(felix))
        #expect(
            try planner.plan(cluster.snapshot).diagnostics.map(\.reason) == [
                .prioritiesDiffer(isIPv4: false, speaker: 1024, felix: 7)
            ]
        )
        #expect(planner.freshCount == 1)
    }

    // MARK: Names of filters

    @Test("A name of 45 letters fits, one of 46 is cut")
    func filterNames() {
        let fitting = String(repeating: "a", count: 45)
        #expect(FilterFunction.name(fitting, .import, isIPv4: true) == "bgp_\(fitting)_importFilterV4")
        let cut = FilterFunction.name(fitting + "a", .export, isIPv4: false)
        #expect(cut.utf8.count == 64 && cut.hasPrefix("bgp_" + String(repeating: "a", count: 28) + "_"))
        #expect(cut.hasSuffix("_exportFilterV6"))
    }
}
