import Confd
import IPAddressing
import Resources
import Testing

@Suite("Attributes of sessions")
struct PlanAttributeTests {
    /// A cluster of one node with a peer at 192.0.2.1 in AS 65010.
    private func session(_ change: (inout BGPPeer) throws -> Void) throws -> SessionPlan {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.asNumber = 65_010
            try change(&$0)
        }
        return try cluster.session("Global_192_0_2_1")
    }

    @Test("The source address is the node's own unless the peer leaves it to the kernel")
    func sourceAddress() throws {
        #expect(try self.session { _ in }.sourceAddress?.description == "10.0.0.1")
        #expect(try self.session { $0.sourceAddress = .none }.sourceAddress == nil)
    }

    @Test("A session is internal when the remote AS is the local AS of the session")
    func internalSession() throws {
        #expect(try self.session { _ in }.isInternal == false)
        #expect(try self.session { $0.asNumber = 64_512 }.isInternal)
        #expect(try self.session { $0.localASNumber = 65_010 }.isInternal)
        #expect(
            try self.session {
                $0.asNumber = 64_512
                $0.localASNumber = 1
            }.isInternal == false
        )
    }

    @Test("A peer without AS is in the cluster's default AS")
    func absentAS() throws {
        #expect(try self.session { $0.asNumber = nil }.peerAS == 64_512)
    }

    @Test(
        "nextHopMode decides over keepOriginalNextHop, which counts on eBGP only",
        arguments: [
            (nil, false, 65_010, .standard), (nil, true, 65_010, .keep), (nil, true, 64_512, .standard),
            (.auto, true, 65_010, .keep), (.self, true, 65_010, .self), (.keep, false, 64_512, .keep),
        ] as [(BGPPeer.NextHopMode?, Bool, UInt32, SessionPlan.NextHop)]
    )
    func nextHop(mode: BGPPeer.NextHopMode?, keeps: Bool, asNumber: UInt32, expected: SessionPlan.NextHop) throws {
        let session = try self.session {
            $0.nextHopMode = mode
            $0.keepOriginalNextHop = keeps
            $0.asNumber = ASNumber(rawValue: asNumber)
        }
        #expect(session.nextHop == expected)
    }

    @Test("TTL security has the given hops and 0 is off")
    func ttlSecurity() throws {
        #expect(try self.session { $0.ttlSecurity = 2 }.ttlSecurityHops == 2)
        #expect(try self.session { $0.ttlSecurity = 0 }.ttlSecurityHops == nil)
    }

    @Test("The keepalive time is taken below the hold time and otherwise reported")
    func keepalive() throws {
        #expect(try self.session { $0.keepaliveSeconds = 30 }.keepaliveSeconds == 30)
        var cluster = try Cluster.nodes(1)
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.keepaliveSeconds = 240
        }
        let plan = try cluster.plan()
        #expect(plan.sessions.map(\.keepaliveSeconds) == [nil])
        #expect(plan.diagnostics.map(\.reason) == [.keepaliveOutOfRange(240)])
    }

    @Test("The number of allowed local ASes holds for peers by address and by selector")
    func allowedLocalAS() throws {
        #expect(try self.session { $0.numAllowedLocalASNumbers = 2 }.allowedLocalAS == 2)
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        cluster.peer("p") {
            $0.node = "a"
            $0.peerSelector = .all
            $0.numAllowedLocalASNumbers = 3
        }
        #expect(try cluster.session("Node_10_0_0_2").allowedLocalAS == 3)
        #expect(try cluster.session("Node_10_0_0_1", on: "b").allowedLocalAS == 0)
    }

    @Test("The local AS holds for peers by address and by selector")
    func localAS() throws {
        #expect(try self.session { $0.localASNumber = 65_002 }.localAS == 65_002)
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        cluster.peer("p") {
            $0.node = "a"
            $0.peerSelector = .all
            $0.localASNumber = 65_002
        }
        #expect(try cluster.session("Node_10_0_0_2").localAS == 65_002)
    }

    @Test("With families: both there is one session over IPv4 where both ends have both families, else one in each")
    func bothFamilies() throws {
        var cluster = Cluster()
        cluster.disableMesh()
        try cluster.node("a", "10.0.0.1/24", ipv6: "fd00::1/64")
        try cluster.node("b", "10.0.0.2/24", ipv6: "fd00::2/64")
        try cluster.node("c", nil, ipv6: "fd00::3/64")
        cluster.peer("p") {
            $0.nodeSelector = .all
            $0.peerSelector = .all
            $0.carriesBothFamilies = true
        }
        #expect(try cluster.plan().sessions.map(\.name) == ["Node_10_0_0_2", "Node_fd00__3"])
        #expect(try cluster.session("Node_10_0_0_2").otherFamily?.address == Cluster.address("fd00::1"))
        #expect(try cluster.session("Node_10_0_0_1", on: "b").otherFamily?.address == Cluster.address("fd00::2"))
        #expect(try cluster.session("Node_fd00__3").otherFamily == nil)
        var environment = PlanEnvironment()
        environment.separatesFamilies = true
        let plan = try BGPPlan(cluster.snapshot, nodeName: "a", environment: environment)
        #expect(plan.sessions.map(\.name) == ["Node_10_0_0_2", "Node_fd00__2", "Node_fd00__3"])
        #expect(plan.diagnostics.map(\.reason) == [.familiesSeparated])
    }

    @Test("A peer given by address carries both families over that address, and the node mirrors it so")
    func bothFamiliesByAddress() throws {
        var cluster = Cluster()
        cluster.disableMesh()
        try cluster.node("a", "10.0.0.1/24", ipv6: "fd00::1/64")
        try cluster.node("b", "10.0.0.2/24", ipv6: "fd00::2/64")
        try cluster.peer("p") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("fd00::2")
            $0.asNumber = 64_512
            $0.carriesBothFamilies = true
        }
        #expect(try cluster.session("Node_fd00__2").otherFamily?.address == Cluster.address("10.0.0.1"))
        #expect(try cluster.session("Node_fd00__1", on: "b").otherFamily?.address == Cluster.address("10.0.0.2"))
    }

    @Test("The mesh has one session for both families where its configuration says so")
    func meshWithBothFamilies() throws {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/24", ipv6: "fd00::1/64")
        try cluster.node("b", "10.0.0.2/24", ipv6: "fd00::2/64")
        try cluster.node("c", nil, ipv6: "fd00::3/64")
        cluster.configuration { $0.meshCarriesBothFamilies = true }
        #expect(try cluster.plan().sessions.map(\.name) == ["Mesh_10_0_0_2", "Mesh_fd00__3"])
        #expect(try cluster.session("Mesh_10_0_0_2").otherFamily?.address == Cluster.address("fd00::1"))
    }

    @Test("A global session with a node given by address waits on one side, all others on neither")
    func passive() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        for number in 1...2 {
            try cluster.peer("to-\(number)") {
                $0.peerIP = try Cluster.address("10.0.0.\(number)")
                $0.asNumber = 64_512
            }
        }
        #expect(try cluster.session("Global_10_0_0_2").isPassive)
        #expect(try cluster.session("Global_10_0_0_1", on: "b").isPassive == false)
        cluster.removePeers()
        cluster.peer("all") { $0.peerSelector = .all }
        #expect(try cluster.session("Global_10_0_0_2").isPassive == false)
        cluster.peer("all") {
            $0.nodeSelector = .all
            $0.peerSelector = .all
        }
        #expect(try cluster.session("Node_10_0_0_2").isPassive == false)
        #expect(try self.session { _ in }.isPassive == false)
    }

    @Test(
        "A route reflector's internal peers are clients unless they have the same cluster id",
        arguments: [(nil, "1.1.1.1"), ("1.1.1.1", nil), ("2.2.2.2", "1.1.1.1")] as [(String?, String?)]
    )
    func reflectorClients(remote: String?, client: String?) throws {
        var cluster = Cluster()
        cluster.disableMesh()
        try cluster.node("a", "10.0.0.1/24", clusterID: "1.1.1.1")
        try cluster.node("b", "10.0.0.2/24", clusterID: remote)
        cluster.peer("all") { $0.peerSelector = .all }
        #expect(try cluster.session("Global_10_0_0_2").clusterID?.description == client)
    }

    @Test("A route reflector's external peer is no client")
    func externalPeerIsNoClient() throws {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/24", clusterID: "1.1.1.1")
        try cluster.peer("tor") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.asNumber = 65_010
        }
        #expect(try cluster.session("Global_192_0_2_1").clusterID == nil)
        try cluster.peer("tor") { $0.peerIP = try Cluster.address("192.0.2.1") }
        #expect(try cluster.session("Global_192_0_2_1").clusterID?.description == "1.1.1.1")
    }

    @Test("A peer's password comes from the Secret in the daemon's namespace")
    func password() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.password = SecretKeyReference(name: "bgp", key: "tor")
        }
        cluster.secret("bgp", ["tor": "wrong"], namespace: "other")
        cluster.secret("bgp", ["tor": "right"], namespace: "here")
        let environment = PlanEnvironment(variables: ["NAMESPACE": "here"])
        let plan = try BGPPlan(cluster.snapshot, nodeName: "a", environment: environment)
        #expect(plan.sessions.map(\.password) == ["right"])
    }

    @Test("A session whose Secret or key is missing is not made, and others are")
    func missingPassword() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.password = SecretKeyReference(name: "bgp", key: "tor")
        }
        try cluster.peer("q") { $0.peerIP = try Cluster.address("192.0.2.2") }
        cluster.secret("bgp", ["other": "x"])
        let plan = try cluster.plan()
        #expect(plan.sessions.map(\.name) == ["Global_192_0_2_2"])
        let reason = PlanDiagnostic.Reason.missingSecret(
            session: "Global_192_0_2_1",
            secret: "kube-system/bgp",
            key: "tor"
        )
        #expect(plan.diagnostics.map(\.reason) == [reason])
    }

    @Test(
        "A password that a file cannot hold is refused and not shown",
        arguments: ["", "a\"b", "line\n", String(repeating: "x", count: 81)]
    )
    func unusablePassword(password: String) throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.password = SecretKeyReference(name: "bgp", key: "tor")
        }
        cluster.secret("bgp", ["tor": password])
        let plan = try cluster.plan()
        #expect(plan.sessions.isEmpty)
        #expect(plan.diagnostics.count == 1)
        #expect(password.isEmpty || plan.diagnostics.allSatisfy { !"\($0)".contains(password) })
    }

    @Test("reachableBy gives a host route to the peer through the gateway")
    func reachableBy() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("p") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.reachableBy = try Cluster.address("10.0.0.254")
        }
        let statics = try cluster.plan().ipv4.peerStatics
        #expect(statics.map { "\($0.prefix) \($0.gateway)" } == ["192.0.2.1/32 10.0.0.254"])
    }
}
