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

    /// One route and what must become of it.
    struct Rule: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var filter: Filter
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
    ]

    private static func program(_ filter: Filter, _ settings: SpeakerSettings) throws -> FilterProgram {
        switch filter {
        case .kernel: try RenderedPolicy.kernel(settings)
        case .importing: try RenderedPolicy.session(settings, isInternal: true).importPolicy
        case .toInternal: try RenderedPolicy.session(settings, isInternal: true).exportPolicy
        case .toExternal: try RenderedPolicy.session(settings, isInternal: false).exportPolicy
        }
    }

    private static func cluster() throws -> Cluster {
        var cluster = try Cluster.nodes(2)
        try cluster.node("c", "10.0.0.3/24", asNumber: 65_003)
        try cluster.pool("four", "192.168.0.0/16")
        try cluster.pool("hidden", "172.20.0.0/16") { $0.disableBGPExport = true }
        try cluster.pool("vxlan", "172.21.0.0/16") { $0.vxlanMode = .always }
        try cluster.block("192.168.1.0/26")
        try cluster.block("192.168.2.0/26", state: .pendingDeletion)
        try cluster.block("192.168.3.1/32")
        let marked = try Cluster.prefix("192.168.4.0/24")
        let services = try ["10.101.0.0/16", "192.0.2.0/24"].map(Cluster.prefix)
        cluster.configuration {
            $0.serviceClusterIPs = [services[0]]
            $0.serviceExternalIPs = [services[1]]
            $0.prefixAdvertisements = [
                .init(cidr: marked, communities: [.standard(65_000, 7), .large(65_000, 1, 4_294_967_295)])
            ]
        }
        return cluster
    }

    @Test("Each rule holds for the compiled filters", arguments: rules)
    func rule(rule: Rule) async throws {
        let bench = try Bench()
        try await bench.makeEngine().cycle(try Self.cluster().snapshot)
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
