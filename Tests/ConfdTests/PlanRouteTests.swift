import Confd
import IPAddressing
import Resources
import Testing

@Suite("Pools, blocks and communities of a plan")
struct PlanRouteTests {
    @Test("A pool with disableBGPExport is not exported, a disabled pool is")
    func poolExport() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.pool("a", "192.168.0.0/24") { $0.disableBGPExport = true }
        try cluster.pool("b", "192.168.1.0/24") { $0.isDisabled = true }
        let pools = try cluster.plan().ipv4.pools
        #expect(pools.map(\.isExported) == [false, true])
    }

    typealias Action = PoolPlan.KernelAction

    @Test(
        "programClusterRoutes says whose the routes of a pool are; those of VXLAN pools are always felix's",
        arguments: [
            (nil, .accept, .reject, .reject), (.enabledNoEncapOnly, .accept, .reject, .reject),
            (.enabled, .accept, .tunnel, .tunnelAcrossSubnets),
            (.enabledIPIPOnly, .reject, .tunnel, .tunnelAcrossSubnets), (.disabled, .reject, .reject, .reject),
        ] as [(BGPConfiguration.ProgramClusterRoutes?, Action, Action, Action)]
    )
    func kernelProgramming(
        mode: BGPConfiguration.ProgramClusterRoutes?,
        plain: Action,
        ipip: Action,
        crossSubnet: Action
    ) throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.programClusterRoutes = mode }
        try cluster.pool("a", "192.168.0.0/24")
        try cluster.pool("b", "192.168.1.0/24") { $0.vxlanMode = .crossSubnet }
        try cluster.pool("c", "192.168.2.0/24") { $0.ipipMode = .always }
        try cluster.pool("d", "192.168.3.0/24") { $0.ipipMode = .crossSubnet }
        let plan = try cluster.plan().ipv4
        #expect(plan.pools.map(\.kernel) == [plain, .reject, ipip, crossSubnet])
        // Routes through the tunnel are felix's to announce unless the speaker made them.
        #expect(plan.ownsIPIP == (ipip == .tunnel))
        #expect(plan.network == (try Cluster.prefix("10.0.0.0/24")))
    }

    @Test("Without an IPv4 address nothing is said about IPv4 pools in the kernel, but about IPv6 pools")
    func noAddress() throws {
        var cluster = Cluster()
        try cluster.node("a")
        try cluster.pool("a", "192.168.0.0/24") { $0.ipipMode = .always }
        try cluster.pool("b", "2001:db8::/64") { $0.vxlanMode = .always }
        let plan = try cluster.plan()
        #expect(plan.ipv4.pools.map(\.kernel) == [.unspecified])
        #expect(plan.ipv6.pools.map(\.kernel) == [.reject])
    }

    @Test("Between nodes that both have WireGuard routes are felix's, family by family")
    func wireguard() throws {
        var cluster = Cluster()
        let address = try Cluster.address("192.168.0.1")
        for (index, name) in ["a", "b", "c"].enumerated() {
            try cluster.node(name, "10.0.0.\(index + 1)/24", ipv6: "fd00::\(index + 1)/64")
            if name != "c" { cluster.changeNode(name) { $0.tunnels.wireguardIPv4 = address } }
        }
        #expect(try cluster.plan().ipv4.wireguardPeers == [try Cluster.address("10.0.0.2")])
        #expect(try cluster.plan().ipv6.wireguardPeers.isEmpty)
        #expect(try cluster.plan("c").ipv4.wireguardPeers.isEmpty)
    }

    @Test("With pod CIDRs of Kubernetes the blocks are those, and affinities do not count")
    func podCIDRs() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.block("192.168.1.0/26")
        try cluster.changeNode("a") {
            $0.podCIDRs = [try Cluster.prefix("10.1.0.0/24"), try Cluster.prefix("fd01::/64")]
        }
        var environment = PlanEnvironment()
        environment.usesPodCIDRs = true
        let plan = try BGPPlan(cluster.snapshot, nodeName: "a", environment: environment)
        #expect(plan.ipv4.aggregates == [try Cluster.prefix("10.1.0.0/24")])
        #expect(plan.ipv6.blockStatics == [try Cluster.prefix("fd01::/64")])
    }

    @Test("IPIP routes asked of the speaker are reported")
    func encapsulatedRoutes() throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.programClusterRoutes = .enabled }
        var felix = FelixConfiguration(metadata: ResourceMetadata(name: "default"))
        felix.programClusterRoutes = .disabled
        cluster.snapshot.update(.felixConfiguration(felix))
        try cluster.pool("c", "192.168.2.0/24") { $0.ipipMode = .always }
        #expect(try cluster.plan().diagnostics.map(\.reason) == [.encapsulatedRoutesNotProgrammed])
    }

    @Test("Of two pools with one prefix the one with the lesser name counts")
    func duplicatePools() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.pool("z", "192.168.0.0/24")
        try cluster.pool("y", "192.168.0.0/24") { $0.disableBGPExport = true }
        #expect(try cluster.plan().ipv4.pools.map(\.isExported) == [false])
    }

    @Test("Pools stand in the plan of their family only")
    func poolFamilies() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.pool("z", "192.168.0.0/24")
        try cluster.pool("y", "2001:db8::/64")
        let plan = try cluster.plan()
        #expect(plan.ipv4.pools.map { "\($0.prefix)" } == ["192.168.0.0/24"])
        #expect(plan.ipv6.pools.map { "\($0.prefix)" } == ["2001:db8::/64"])
    }

    @Test(
        "A block's state says whether it is announced and whether it hides what lies inside",
        arguments: [
            (.confirmed, true, true), (.implicit, true, true), (.pendingDeletion, true, false),
            (.pending, false, false),
        ] as [(BlockAffinity.State, Bool, Bool)]
    )
    func blockStates(state: BlockAffinity.State, isStatic: Bool, aggregates: Bool) throws {
        var cluster = try Cluster.nodes(1)
        try cluster.block("192.168.0.0/26", state: state)
        let plan = try cluster.plan()
        #expect(plan.ipv4.blockStatics.isEmpty == !isStatic)
        #expect(plan.ipv4.aggregates.isEmpty == !aggregates)
    }

    @Test("A block of one address has no static route but is announced")
    func hostBlock() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.block("192.168.0.1/32")
        try cluster.block("2001:db8::1/128")
        let plan = try cluster.plan()
        #expect(plan.ipv4.blockStatics.isEmpty && plan.ipv6.blockStatics.isEmpty)
        #expect(plan.ipv4.aggregates.count == 1 && plan.ipv6.aggregates.count == 1)
    }

    @Test("Blocks of other nodes, deleted ones and those of other affinity types are left out")
    func foreignBlocks() throws {
        var cluster = try Cluster.nodes(2)
        try cluster.block("192.168.0.0/26", node: "b")
        try cluster.block("192.168.1.0/26") { $0.isDeleted = true }
        try cluster.block("192.168.2.0/26") { $0.type = "virtual" }
        let plan = try cluster.plan()
        #expect(plan.ipv4.blockStatics.isEmpty && plan.ipv4.aggregates.isEmpty)
    }

    @Test("The normal priority is the configured one of the family and sets the LOCAL_PREF threshold")
    func priorities() throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.ipv6NormalRoutePriority = 2000 }
        let plan = try cluster.plan()
        #expect(plan.ipv4.normalPriority == 1024 && plan.ipv6.normalPriority == 2000)
        #expect(plan.ipv4.localPreferenceThreshold == 2_147_482_623)
    }

    @Test("A priority out of range is reported and 1024 holds", arguments: [0, 2_147_483_647, .max] as [UInt32])
    func priorityRange(value: UInt32) throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.ipv4NormalRoutePriority = value }
        let plan = try cluster.plan()
        #expect(plan.ipv4.normalPriority == 1024)
        #expect(plan.diagnostics.map(\.reason) == [.priorityOutOfRange(value)])
    }

    @Test("The node's advertisements replace the default ones, each family by itself")
    func advertisements() throws {
        var cluster = try Cluster.nodes(1)
        let four = try Cluster.prefix("192.168.0.0/16")
        let six = try Cluster.prefix("2001:db8::/32")
        cluster.configuration {
            $0.prefixAdvertisements = [
                BGPConfiguration.PrefixAdvertisement(cidr: four, communities: [.standard(1, 1)]),
                BGPConfiguration.PrefixAdvertisement(cidr: six, communities: [.standard(1, 2)]),
            ]
        }
        cluster.configuration("node.a") {
            $0.prefixAdvertisements = [
                BGPConfiguration.PrefixAdvertisement(cidr: four, communities: [.large(1, 2, 3)])
            ]
        }
        let plan = try cluster.plan()
        #expect(plan.ipv4.advertisements.map(\.communities) == [[.large(1, 2, 3)]])
        #expect(plan.ipv6.advertisements.map(\.communities) == [[.standard(1, 2)]])
    }
}
