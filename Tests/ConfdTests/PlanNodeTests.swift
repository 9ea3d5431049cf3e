import Confd
import IPAddressing
import Resources
import Testing

@Suite("Plan of the node itself")
struct PlanNodeTests {
    @Test("There is no plan for a node that is not known yet")
    func unknownNode() throws {
        #expect(throws: PlanError.nodeUnknown("z")) { try Cluster.nodes(1).plan("z") }
    }

    @Test("The router id is the node's IPv4 address")
    func routerIDFromAddress() throws {
        #expect(try Cluster.nodes(1).plan().routerID.description == "10.0.0.1")
    }

    @Test("A router id from the environment is used as it is")
    func routerIDFromEnvironment() throws {
        #expect(try Cluster.nodes(1).plan(routerID: "1.2.3.4").routerID.description == "1.2.3.4")
    }

    @Test(
        "hash makes the router id from the SHA-256 of the node's name, with the first octet at most 223",
        arguments: [("kube-master", "25.79.212.8"), ("node-4", nil), ("node-7", nil), ("x", nil)]
    )
    func routerIDFromHash(name: String, expected: String?) throws {
        var cluster = Cluster()
        try cluster.node(name, "10.0.0.1/24")
        let identifier = try cluster.plan(name, routerID: "hash").routerID
        if let expected { #expect(identifier.description == expected) }
        #expect(identifier.rawValue >> 24 <= 223)
        #expect(identifier.description != "10.0.0.1")
    }

    @Test("A first octet above 223 is reduced by 32")
    func hashAbove223() throws {
        // SHA-256 of "node-5" begins with e3… or the like for some index: the rule is checked on all that do.
        var reduced = 0
        for index in 0..<64 {
            let name = "node-\(index)"
            let digest = ContentDigest(of: name).description
            let first = try Cluster.required(UInt32(digest.prefix(2), radix: 16), digest)
            var cluster = Cluster()
            try cluster.node(name, "10.0.0.1/24")
            let octet = try cluster.plan(name, routerID: "hash").routerID.rawValue >> 24
            #expect(octet == (first > 223 ? first - 32 : first))
            if first > 223 { reduced += 1 }
        }
        #expect(reduced > 0)
    }

    @Test("A node without IPv4 address and without environment gets the hashed router id")
    func routerIDOfIPv6OnlyNode() throws {
        var cluster = Cluster()
        try cluster.node("kube-master", ipv6: "2001:db8::1/64")
        #expect(try cluster.plan("kube-master").routerID.description == "25.79.212.8")
    }

    @Test(
        "A router id in the environment that is none is reported and the automatic rule holds",
        arguments: ["x", "0.0.0.0"]
    )
    func malformedRouterID(text: String) throws {
        let plan = try Cluster.nodes(1).plan(routerID: text)
        #expect(plan.routerID.description == "10.0.0.1")
        #expect(plan.diagnostics == [PlanDiagnostic(resource: nil, reason: .malformedRouterID(text))])
    }

    @Test("The AS is the node's own, else the default configuration's, else 64512")
    func asNumber() throws {
        var cluster = try Cluster.nodes(1)
        #expect(try cluster.plan().localAS == 64_512)
        cluster.configuration { $0.asNumber = 65_000 }
        #expect(try cluster.plan().localAS == 65_000)
        try cluster.node("a", "10.0.0.1/24", asNumber: 65_001)
        #expect(try cluster.plan().localAS == 65_001)
    }

    @Test("AS 0 is reported and the default holds")
    func zeroASNumber() throws {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/24", asNumber: 0)
        let plan = try cluster.plan()
        #expect(plan.localAS == 64_512)
        #expect(plan.diagnostics.map(\.reason) == [.zeroASNumber])
    }

    @Test("The listen port is the node's own, else the default configuration's, else 179")
    func listenPort() throws {
        var cluster = try Cluster.nodes(1)
        #expect(try cluster.plan().ipv4.listenPort == 179)
        cluster.configuration { $0.listenPort = 178 }
        #expect(try cluster.plan().ipv4.listenPort == 178)
        cluster.configuration("node.a") { $0.listenPort = 177 }
        #expect(try cluster.plan().ipv6.listenPort == 177)
    }

    @Test("bindMode NodeIP binds each family's sessions to the node's address of the family")
    func bindMode() throws {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64")
        try cluster.node("b", "10.0.0.2/24", ipv6: "2001:db8::2/64")
        #expect(try cluster.plan().ipv4.listenAddress == nil)
        cluster.configuration { $0.bindMode = .nodeIP }
        let plan = try cluster.plan()
        #expect(plan.ipv4.listenAddress?.description == "10.0.0.1")
        #expect(plan.ipv6.listenAddress?.description == "2001:db8::1")
        #expect(plan.sessions.count == 2 && plan.sessions.allSatisfy { $0.bindsStrictly })
    }

    @Test(
        "logSeverityScreen gives one of three levels, the node's own first",
        arguments: [
            ("Debug", BGPPlan.LogLevel.debug), ("trace", .debug), ("INFO", .info), ("Warning", .none),
            ("Fatal", .none), (nil, .info),
        ] as [(String?, BGPPlan.LogLevel)]
    )
    func logLevel(severity: String?, level: BGPPlan.LogLevel) throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.logSeverityScreen = severity }
        #expect(try cluster.plan().logLevel == level)
        cluster.configuration("node.a") { $0.logSeverityScreen = "error" }
        #expect(try cluster.plan().logLevel == .none)
    }

    @Test("Direct routes leave out ignored interfaces first, then workloads and kube-ipvs, and take the rest")
    func directInterfaces() throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.ignoredInterfaces = ["docker0", "br-*"] }
        let interfaces = try cluster.plan().directInterfaces
        #expect(interfaces.map(\.pattern) == ["docker0", "br-*", "cali*", "kube-ipvs*", "*"])
        #expect(interfaces.map(\.isExcluded) == [true, true, true, true, false])
    }

    @Test(
        "An ignored interface that would break the file is reported and skipped",
        arguments: ["*", "a\"b", "", "0123456789abcdef"]
    )
    func malformedInterface(pattern: String) throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration { $0.ignoredInterfaces = [pattern] }
        let plan = try cluster.plan()
        #expect(plan.directInterfaces.count == 3)
        #expect(plan.diagnostics.map(\.reason) == [.malformedInterfacePattern(pattern)])
    }

    @Test("A configuration with a name without meaning is reported")
    func unknownConfiguration() throws {
        var cluster = try Cluster.nodes(1)
        cluster.configuration("other") { $0.asNumber = 1 }
        let plan = try cluster.plan()
        #expect(plan.localAS == 64_512)
        #expect(plan.diagnostics.map(\.reason) == [.unknownConfigurationName])
    }

    @Test("A family in which the node has no address has no sessions, but keeps its pools and blocks")
    func familyWithoutAddress() throws {
        var cluster = try Cluster.nodes(2)
        try cluster.node("b", "10.0.0.2/24", ipv6: "2001:db8::2/64")
        try cluster.pool("six", "2001:db8:1::/48")
        try cluster.block("2001:db8:1::/122")
        let plan = try cluster.plan()
        #expect(plan.ipv6.sessions.isEmpty)
        #expect(plan.ipv6.pools.count == 1)
        #expect(plan.ipv6.blockStatics.count == 1)
    }
}
