import BGPWire
import ConfigLanguage
import IPAddressing
import Resources
import RouteModel
import SpeakerSettings
import Testing

@testable import Confd
@testable import Policy

/// What the filters of rendered files do with single routes; the rules are those of Calico's BIRD templates.
@Suite("Policy of rendered files")
struct PolicyTableTests {
    enum Filter: Sendable {
        case importing, toInternal, toExternal, kernel
    }

    /// In what the cluster of a rule differs.
    enum Variation: Sendable {
        case none, reflector, ownsIPIP, ownsNothing, wireguard, filtered
    }

    /// One route and what must become of it.
    struct Rule: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var filter: Filter
        var variation = Variation.none
        var prefix: String
        var source = RouteSource.kernel
        var interface: String?
        var metric: UInt32?
        var localPreference: UInt32?
        var isAccepted: Bool
        /// Values afterwards; nil is not looked at.
        var newMetric: UInt32?
        var newLocalPreference: UInt32?
        var newPreference: UInt16?
        var communities: [String] = []
        var largeCommunities: [String] = []

        init(
            _ title: String,
            _ filter: Filter,
            _ prefix: String,
            accepted: Bool,
            _ change: (inout Rule) -> Void = { _ in }
        ) {
            self.testDescription = title
            self.filter = filter
            self.prefix = prefix
            self.isAccepted = accepted
            change(&self)
        }
    }

    static let rules: [Rule] = [
        // Import.
        Rule("import: LOCAL_PREF of a usual route keeps the preference", .importing, "192.168.7.0/26", accepted: true) {
            ($0.source, $0.localPreference, $0.newPreference) = (.bgp, 2_147_482_623, 100)
        },
        Rule("import: LOCAL_PREF above it raises the preference to 200", .importing, "192.168.7.1/32", accepted: true) {
            ($0.source, $0.localPreference, $0.newPreference) = (.bgp, 2_147_482_624, 200)
        },
        Rule("import: prefixes outside of all pools are accepted", .importing, "0.0.0.0/0", accepted: true) {
            ($0.source, $0.localPreference, $0.newPreference) = (.bgp, 100, 100)
        },
        // Export: priorities.
        Rule("export: a route without metric has the usual priority", .toInternal, "192.168.9.0/26", accepted: true) {
            ($0.newMetric, $0.newLocalPreference) = (1024, 2_147_482_623)
        },
        Rule("export: LOCAL_PREF is 2147483647 minus the metric", .toInternal, "192.168.9.0/26", accepted: true) {
            ($0.metric, $0.newMetric, $0.newLocalPreference) = (512, 512, 2_147_483_135)
        },
        Rule(
            "export: the metric of a BGP route comes from its LOCAL_PREF",
            .toInternal,
            "192.168.9.0/26",
            accepted: true
        ) {
            ($0.source, $0.metric, $0.localPreference) = (.bgp, 7, 2_147_483_135)
            ($0.newMetric, $0.newLocalPreference) = (512, 2_147_483_135)
        },
        // Export: pools and interfaces.
        Rule("export: routes outside of all pools are rejected", .toExternal, "10.99.0.0/16", accepted: false),
        Rule("export: routes within a pool are accepted", .toExternal, "192.168.200.0/26", accepted: true),
        Rule("export: the whole pool is within the pool", .toExternal, "192.168.0.0/16", accepted: true),
        Rule("export: a supernet of a pool is not", .toExternal, "192.0.0.0/8", accepted: false),
        Rule("export: pools with disableBGPExport are rejected", .toExternal, "172.20.1.0/26", accepted: false),
        Rule("export: VXLAN pools are accepted", .toExternal, "172.21.1.0/26", accepted: true),
        Rule(
            "export: a VXLAN device's routes are rejected within the AS",
            .toInternal,
            "172.21.1.0/26",
            accepted: false
        ) {
            $0.interface = "vxlan.calico"
        },
        Rule(
            "export: a WireGuard device's routes are rejected within the AS",
            .toInternal,
            "192.168.9.0/26",
            accepted: false
        ) {
            $0.interface = "wireguard.cali"
        },
        Rule(
            "export: the IPIP device's routes are rejected within the AS",
            .toInternal,
            "192.168.9.0/26",
            accepted: false
        ) {
            $0.interface = "tunl0"
        },
        Rule(
            "export: a VXLAN device's routes are accepted outside the AS",
            .toExternal,
            "172.21.1.0/26",
            accepted: true
        ) {
            $0.interface = "vxlan.calico"
        },
        Rule("export: a workload's interface is no tunnel", .toInternal, "192.168.9.1/32", accepted: true) {
            $0.interface = "cali12345"
        },
        Rule("export: routes of the BPF devices are rejected", .toExternal, "192.168.9.0/26", accepted: false) {
            $0.interface = "bpfin.cali"
        },
        // Export: aggregation.
        Rule("aggregation: the block itself is accepted", .toInternal, "192.168.1.0/26", accepted: true) {
            $0.source = .static
        },
        Rule("aggregation: a workload in the block is rejected", .toInternal, "192.168.1.5/32", accepted: false),
        Rule("aggregation: a workload with a better metric is accepted", .toInternal, "192.168.1.5/32", accepted: true)
        {
            ($0.metric, $0.newLocalPreference) = (512, 2_147_483_135)
        },
        Rule("aggregation: it also holds towards other ASes", .toExternal, "192.168.1.5/32", accepted: false),
        Rule(
            "aggregation: a block that is being given back does not aggregate",
            .toInternal,
            "192.168.2.5/32",
            accepted: true
        ),
        Rule(
            "aggregation: a block of one address is announced from its own route",
            .toInternal,
            "192.168.3.1/32",
            accepted: true
        ),
        // Communities.
        Rule(
            "communities: routes within the advertised prefix get all of them",
            .toExternal,
            "192.168.4.0/26",
            accepted: true
        ) {
            $0.communities = ["65000:7"]
            $0.largeCommunities = ["65000:1:4294967295"]
        },
        // Services.
        Rule("services: a range is announced", .toExternal, "10.101.0.0/16", accepted: true) { $0.source = .static },
        Rule("services: what lies within a range is announced", .toInternal, "10.101.3.4/32", accepted: true) {
            ($0.source, $0.newLocalPreference) = (.static, 2_147_482_623)
        },
        Rule("services: routes of ranges are not written to the kernel", .kernel, "192.0.2.9/32", accepted: false) {
            $0.source = .bgp
        },
        Rule(
            "kernel: a route with a better priority than usual is preferred",
            .kernel,
            "192.168.9.1/32",
            accepted: true
        ) {
            ($0.source, $0.localPreference, $0.newMetric, $0.newPreference) = (.bgp, 2_147_483_135, 512, 200)
        },
        // Kernel.
        Rule("kernel: what is no BGP route is felix's", .kernel, "192.168.1.0/26", accepted: false) {
            $0.source = .static
        },
        Rule("kernel: a route of another node has the usual metric", .kernel, "192.168.9.0/26", accepted: true) {
            ($0.source, $0.localPreference, $0.newMetric) = (.bgp, 2_147_482_623, 1024)
        },
        Rule("kernel: a route without LOCAL_PREF has the usual metric", .kernel, "192.168.9.0/26", accepted: true) {
            ($0.source, $0.newMetric) = (.bgp, 1024)
        },
        Rule("kernel: an external route has the metric of LOCAL_PREF 100", .kernel, "10.99.0.0/16", accepted: true) {
            ($0.source, $0.localPreference, $0.newMetric) = (.bgp, 100, 2_147_483_547)
        },
        Rule("kernel: routes of VXLAN pools are felix's", .kernel, "172.21.1.0/26", accepted: false) {
            $0.source = .bgp
        },
        Rule("kernel: pools that are not exported are written", .kernel, "172.20.1.0/26", accepted: true) {
            $0.source = .bgp
        },
        Rule("kernel: routes of IPIP pools are felix's", .kernel, "172.22.1.0/26", accepted: false) {
            $0.source = .bgp
        },
        Rule(
            "kernel: routes of IPIP pools are never written, also when asked for",
            .kernel,
            "172.22.1.0/26",
            accepted: false
        ) {
            ($0.source, $0.variation) = (.bgp, .ownsIPIP)
        },
        Rule(
            "kernel: pools without encapsulation that are felix's are left to it",
            .kernel,
            "192.168.9.0/26",
            accepted: false
        ) {
            ($0.source, $0.variation) = (.bgp, .ownsNothing)
        },
        Rule("kernel: what is in no pool and no range of services is written", .kernel, "10.99.0.0/16", accepted: true)
        {
            ($0.source, $0.variation) = (.bgp, .ownsNothing)
        },
        Rule("kernel: routes to a node with WireGuard are felix's", .kernel, "192.168.9.0/26", accepted: false) {
            ($0.source, $0.variation) = (.bgp, .wireguard)
        },
        Rule("kernel: static routes to peers behind a gateway are written", .kernel, "198.18.0.1/32", accepted: true) {
            $0.source = .static
        },
        Rule(
            "export: with IPIP its own, the speaker passes on routes of the IPIP device",
            .toInternal,
            "172.22.1.0/26",
            accepted: true
        ) {
            ($0.interface, $0.variation) = ("tunl0", .ownsIPIP)
        },
        Rule(
            "export: routes of the BPF devices are rejected within the AS, too",
            .toInternal,
            "192.168.9.0/26",
            accepted: false
        ) {
            $0.interface = "bpfout.cali"
        },
        Rule("export: a BGP route of a peer within a pool is passed on", .toExternal, "192.168.9.0/26", accepted: true)
        {
            ($0.source, $0.localPreference) = (.bgp, 100)
            ($0.newMetric, $0.newLocalPreference) = (2_147_483_547, 100)
        },
        Rule("communities: nested prefixes give all of theirs", .toInternal, "192.168.4.128/26", accepted: true) {
            $0.communities = ["65000:7", "65000:8"]
            $0.largeCommunities = ["65000:1:4294967295"]
        },
        Rule(
            "services: a reflector passes on what lies in ranges of load balancers",
            .toInternal,
            "198.51.100.7/32",
            accepted: true
        ) {
            ($0.source, $0.localPreference, $0.variation) = (.bgp, 2_147_482_623, .reflector)
        },
        Rule(
            "services: a reflector passes on what lies in external ranges",
            .toInternal,
            "203.0.113.7/32",
            accepted: true
        ) {
            ($0.source, $0.localPreference, $0.variation) = (.bgp, 2_147_482_623, .reflector)
        },
        Rule(
            "services: who is no reflector does not pass on single external addresses",
            .toInternal,
            "203.0.113.7/32",
            accepted: false
        ) {
            ($0.source, $0.localPreference) = (.bgp, 2_147_482_623)
        },
        Rule("import: a BGPFilter comes before the built-in rules", .importing, "192.168.7.1/32", accepted: true) {
            ($0.source, $0.localPreference, $0.variation) = (.bgp, 2_147_482_624, .filtered)
            ($0.newPreference, $0.newLocalPreference) = (100, 2_147_482_624)
        },
        Rule(
            "import: what no BGPFilter decides goes on to the built-in rules",
            .importing,
            "192.168.8.1/32",
            accepted: true
        ) {
            ($0.source, $0.localPreference, $0.newPreference) = (.bgp, 2_147_482_624, 200)
            $0.variation = .filtered
        },
        Rule("export: LOCAL_PREF is set before a BGPFilter sees the route", .toInternal, "10.77.0.0/16", accepted: true)
        {
            ($0.metric, $0.variation, $0.newLocalPreference) = (512, .filtered, 2_147_483_135)
        },
        Rule("export: a BGPFilter may reject what a pool lets out", .toInternal, "192.168.7.0/26", accepted: false) {
            $0.variation = .filtered
        },
        Rule(
            "export: what no BGPFilter decides goes on to the built-in rules",
            .toInternal,
            "192.168.8.0/26",
            accepted: true
        ) {
            $0.variation = .filtered
        },
    ]

    private static func program(_ filter: Filter, _ settings: SpeakerSettings) throws -> FilterProgram {
        switch filter {
        case .kernel: try RenderedPolicy.kernel(settings)
        case .importing: try RenderedPolicy.session(settings, isInternal: true).importPolicy
        case .toInternal: try RenderedPolicy.session(settings, isInternal: true).exportPolicy
        case .toExternal: try RenderedPolicy.session(settings, isInternal: false).exportPolicy
        }
    }

    private static func cluster(_ variation: Variation) throws -> Cluster {
        var cluster = try Cluster.nodes(2)
        try cluster.node("c", "10.0.0.3/24", asNumber: 65_003)
        try cluster.pool("four", "192.168.0.0/16")
        try cluster.pool("hidden", "172.20.0.0/16") { $0.disableBGPExport = true }
        try cluster.pool("vxlan", "172.21.0.0/16") { $0.vxlanMode = .always }
        try cluster.pool("ipip", "172.22.0.0/16") { $0.ipipMode = .crossSubnet }
        try cluster.block("192.168.1.0/26")
        try cluster.block("192.168.2.0/26", state: .pendingDeletion)
        try cluster.block("192.168.3.1/32")
        let marked = try ["192.168.4.0/24", "192.168.4.128/25"].map(Cluster.prefix)
        let services = try ["10.101.0.0/16", "192.0.2.0/24", "203.0.113.7/32", "198.51.100.7/32"].map(Cluster.prefix)
        cluster.configuration {
            $0.serviceClusterIPs = [services[0]]
            $0.serviceExternalIPs = [services[1], services[2]]
            $0.serviceLoadBalancerIPs = [services[3]]
            $0.prefixAdvertisements = [
                .init(cidr: marked[0], communities: [.standard(65_000, 7), .large(65_000, 1, 4_294_967_295)]),
                .init(cidr: marked[1], communities: [.standard(65_000, 8)]),
            ]
        }
        try cluster.peer("behind") {
            $0.peerIP = try Cluster.address("198.18.0.1")
            $0.asNumber = 65_009
            $0.reachableBy = try Cluster.address("10.0.0.254")
        }
        switch variation {
        case .none: break
        case .reflector:
            try cluster.node("a", "10.0.0.1/24", clusterID: "10.0.0.1")
            cluster.peer("nodes") { $0.peerSelector = .all }
        case .ownsIPIP: cluster.configuration { $0.programClusterRoutes = .enabled }
        case .ownsNothing: cluster.configuration { $0.programClusterRoutes = .disabled }
        case .wireguard:
            for name in ["a", "b"] {
                try cluster.changeNode(name) { $0.tunnels.wireguardIPv4 = try Cluster.address("192.168.250.1") }
            }
        case .filtered:
            var filter = BGPFilter(metadata: ResourceMetadata(name: "f"))
            var rule = BGPFilter.Rule(.accept)
            rule.prefix = .init(.in, try Cluster.prefix("192.168.7.0/24"))
            filter.importV4 = [rule]
            var outbound = BGPFilter.Rule(.reject)
            outbound.prefix = rule.prefix
            var urgent = BGPFilter.Rule(.accept)
            urgent.priority = 512
            urgent.prefix = .init(.in, try Cluster.prefix("10.77.0.0/16"))
            filter.exportV4 = [outbound, urgent]
            cluster.snapshot.update(.bgpFilter(filter))
            try cluster.peer("b") {
                $0.peerIP = try Cluster.address("10.0.0.2")
                $0.asNumber = 64_512
                $0.filters = ["f"]
            }
        }
        return cluster
    }

    @Test("Each rule holds for the compiled filters", arguments: rules)
    func rule(rule: Rule) async throws {
        let bench = try Bench()
        try await bench.makeEngine().cycle(try Self.cluster(rule.variation).snapshot)
        let program = try Self.program(rule.filter, try RenderedPolicy.settings(bench))

        var attributes = PathAttributes()
        attributes.localPreference = rule.localPreference
        let gateway = try Cluster.address("10.0.0.2")
        var route = RouteDraft(
            prefix: try Cluster.prefix(rule.prefix),
            origin: RouteOrigin(source: rule.source, protocolName: "x"),
            attributes: attributes,
            target: rule.source == .bgp
                ? .recursive(BGPNextHop(gateway), interface: 0) : .gateways([Gateway(address: gateway, interface: 1)]),
            local: LocalAttributes(preference: 100, kernelMetric: rule.metric),
            gateway: gateway,
            interfaceName: rule.interface ?? "eth0"
        )
        let outcome = program.run(&route)
        #expect(outcome.error == nil)
        #expect(outcome.verdict == (rule.isAccepted ? .accept : .reject))
        guard rule.isAccepted else { return }
        if let metric = rule.newMetric { #expect(route.local.kernelMetric == metric) }
        if let value = rule.newLocalPreference { #expect(route.attributes.localPreference == value) }
        if let preference = rule.newPreference { #expect(route.local.preference == preference) }
        #expect(route.attributes.communities.map(\.description) == rule.communities)
        #expect(route.attributes.largeCommunities.map(\.description) == rule.largeCommunities)
    }
}
