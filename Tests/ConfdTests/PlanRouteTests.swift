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

    @Test(
        "Pools without encapsulation are the speaker's as programClusterRoutes says, others never",
        arguments: [
            (nil, PoolPlan.KernelAction.accept), (.enabledNoEncapOnly, .accept), (.enabled, .accept),
            (.enabledIPIPOnly, .reject), (.disabled, .reject),
        ] as [(BGPConfiguration.ProgramClusterRoutes?, PoolPlan.KernelAction)]
    )
    func kernelProgramming(mode: BGPConfiguration.ProgramClusterRoutes?, plain: PoolPlan.KernelAction) throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.programClusterRoutes = mode }
        try cluster.pool("a", "192.168.0.0/24")
        try cluster.pool("b", "192.168.1.0/24") { $0.vxlanMode = .crossSubnet }
        try cluster.pool("c", "192.168.2.0/24") { $0.ipipMode = .always }
        #expect(try cluster.plan().ipv4.pools.map(\.kernel) == [plain, .reject, .reject])
    }

    @Test("IPIP routes asked of the speaker are reported")
    func encapsulatedRoutes() throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.programClusterRoutes = .enabled }
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
