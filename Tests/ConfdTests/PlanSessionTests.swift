import Confd
import IPAddressing
import Resources
import Testing

@Suite("Which sessions a node has")
struct PlanSessionTests {
    @Test("The mesh has a session with every other node, named by its address, sorted")
    func mesh() throws {
        #expect(try Cluster.nodes(3).names("b") == ["Mesh_10_0_0_1", "Mesh_10_0_0_3"])
    }

    @Test("The mesh exists in each family in which both nodes have an address")
    func meshPerFamily() throws {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64")
        try cluster.node("b", ipv6: "2001:db8::2/64")
        try cluster.node("c", "10.0.0.3/24")
        let plan = try cluster.plan()
        #expect(plan.ipv4.sessions.map(\.name) == ["Mesh_10_0_0_3"])
        #expect(plan.ipv6.sessions.map(\.name) == ["Mesh_2001_db8__2"])
    }

    @Test("A disabled mesh has no sessions")
    func meshDisabled() throws {
        var cluster = try Cluster.nodes(3)
        cluster.disableMesh()
        #expect(try cluster.names() == [])
    }

    @Test("A node with a cluster id is in no mesh, seen from either side")
    func meshLeavesOutReflectors() throws {
        var cluster = try Cluster.nodes(3)
        try cluster.node("c", "10.0.0.3/24", clusterID: "1.1.1.1")
        #expect(try cluster.names("a") == ["Mesh_10_0_0_2"])
        #expect(try cluster.names("c") == [])
    }

    @Test("A mesh session uses the other node's port and AS; an absent AS is the cluster's default, not this node's")
    func meshAttributes() throws {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/24", asNumber: 65_001)
        try cluster.node("b", "10.0.0.2/24")
        cluster.configuration { $0.asNumber = 65_100 }
        cluster.configuration("node.b") { $0.listenPort = 1790 }
        let session = try cluster.session("Mesh_10_0_0_2")
        #expect(session.peerPort == 1790)
        #expect(session.peerAS == 65_100)
        #expect(session.localAS == 65_001)
        #expect(session.sourceAddress?.description == "10.0.0.1")
    }

    @Test("The mesh side with the lesser address text waits, compared as text")
    func meshPassive() throws {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.9/24")
        try cluster.node("b", "10.0.0.10/24")
        // "10.0.0.9" > "10.0.0.10" as text.
        #expect(try cluster.session("Mesh_10_0_0_10").isPassive == false)
        #expect(try cluster.session("Mesh_10_0_0_9", on: "b").isPassive)
    }

    @Test("The mesh password is taken from the Secret")
    func meshPassword() throws {
        var cluster = try Cluster.nodes(2)
        cluster.configuration { $0.nodeMeshPassword = SecretKeyReference(name: "bgp", key: "mesh") }
        cluster.secret("bgp", ["mesh": "s3cret word"])
        #expect(try cluster.session("Mesh_10_0_0_2").password == "s3cret word")
    }

    @Test("A mesh whose Secret is missing has no sessions and says so")
    func meshPasswordMissing() throws {
        var cluster = try Cluster.nodes(2)
        cluster.configuration { $0.nodeMeshPassword = SecretKeyReference(name: "bgp", key: "mesh") }
        let plan = try cluster.plan()
        #expect(plan.sessions.isEmpty)
        #expect(
            plan.diagnostics.map(\.reason) == [
                .missingSecret(session: "Mesh_10_0_0_2", secret: "kube-system/bgp", key: "mesh")
            ]
        )
    }

    @Test("A peer without node and nodeSelector is a global session on every node")
    func globalPeer() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        try cluster.peer("tor") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.asNumber = 65_010
        }
        #expect(try cluster.names("a") == ["Global_192_0_2_1"])
        #expect(try cluster.names("b") == ["Global_192_0_2_1"])
    }

    @Test("A peer with node or nodeSelector is a session of those nodes only")
    func nodePeer() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        try cluster.node("c", "10.0.0.3/24", labels: ["rack": "1"])
        try cluster.peer("byname") {
            $0.node = "b"
            $0.peerIP = try Cluster.address("192.0.2.1")
        }
        try cluster.peer("bylabel") {
            $0.nodeSelector = try Selector(parsing: "rack == '1'")
            $0.peerIP = try Cluster.address("192.0.2.2")
        }
        #expect(try cluster.names("a") == [])
        #expect(try cluster.names("b") == ["Node_192_0_2_1"])
        #expect(try cluster.names("c") == ["Node_192_0_2_2"])
    }

    @Test("A port shows in the name and makes a session of its own")
    func portInName() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("one") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.peerPort = 1790
        }
        try cluster.peer("two") { $0.peerIP = try Cluster.address("192.0.2.1") }
        #expect(try cluster.names() == ["Global_192_0_2_1", "Global_192_0_2_1_port_1790"])
    }

    @Test("Port 179 and no port are the same session with the same name")
    func defaultPort() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("one") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.peerPort = 179
        }
        try cluster.peer("two") { $0.peerIP = try Cluster.address("192.0.2.1") }
        let plan = try cluster.plan()
        #expect(plan.ipv4.sessions.map(\.name) == ["Global_192_0_2_1"])
        #expect(plan.diagnostics.map(\.reason) == [.duplicateSession(name: "Global_192_0_2_1")])
    }

    @Test("Of two peers that give one session the one with the lesser name wins")
    func duplicateByName() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("zz") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.asNumber = 2
        }
        try cluster.peer("aa") {
            $0.peerIP = try Cluster.address("192.0.2.1")
            $0.asNumber = 1
        }
        let session = try cluster.session("Global_192_0_2_1")
        #expect(session.peerAS == 1 && session.resource == "aa")
    }

    @Test("A global peer hides a node peer with the same address and port")
    func globalHidesNode() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("aa") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("192.0.2.1")
        }
        try cluster.peer("zz") { $0.peerIP = try Cluster.address("192.0.2.1") }
        #expect(try cluster.names() == ["Global_192_0_2_1"])
    }

    @Test("A node has no session with itself")
    func noSelfSession() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        cluster.peer("all") { $0.peerSelector = .all }
        #expect(try cluster.names("a") == ["Global_10_0_0_2"])
    }

    @Test("A peer by selector has a session with each matching node in each common family")
    func peerSelector() throws {
        var cluster = Cluster()
        cluster.disableMesh()
        try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64")
        try cluster.node("b", "10.0.0.2/24", ipv6: "2001:db8::2/64", asNumber: 65_002, labels: ["rr": "true"])
        try cluster.peer("rr") {
            $0.node = "a"
            $0.peerSelector = try Selector(parsing: "has(rr)")
        }
        let plan = try cluster.plan()
        #expect(plan.sessions.map(\.name) == ["Node_10_0_0_2", "Node_2001_db8__2"])
        #expect(plan.sessions.allSatisfy { $0.peerAS == 65_002 })
    }

    @Test("The other side of a peer by selector gets the mirror image")
    func reverseOfSelector() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        try cluster.node("rr", "10.0.0.9/24", labels: ["rr": "true"])
        try cluster.peer("rr") {
            $0.nodeSelector = try Selector(parsing: "!has(rr)")
            $0.peerSelector = try Selector(parsing: "has(rr)")
        }
        #expect(try cluster.names("a") == ["Node_10_0_0_9"])
        #expect(try cluster.names("rr") == ["Node_10_0_0_1", "Node_10_0_0_2"])
    }

    @Test("A node that owns the address of a peer with its AS gets the mirror image")
    func reverseOfAddress() throws {
        var cluster = try Cluster.nodes(3)
        cluster.disableMesh()
        try cluster.peer("b") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.asNumber = 64_512
        }
        #expect(try cluster.names("b") == ["Node_10_0_0_1"])
        #expect(try cluster.names("c") == [])
    }

    @Test("There is no mirror image when the AS or the port is not the node's")
    func reverseNeedsASAndPort() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        try cluster.peer("b") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.asNumber = 1
        }
        #expect(try cluster.names("b") == [])
        try cluster.peer("b") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.peerPort = 5
        }
        #expect(try cluster.names("b") == [])
        cluster.configuration { $0.listenPort = 7 }
        cluster.configuration("node.b") { $0.listenPort = 5 }
        #expect(try cluster.names("b") == ["Node_10_0_0_1_port_7"])
    }

    @Test("reversePeering Manual makes no mirror image")
    func reverseManual() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        try cluster.peer("b") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.reversePeering = .manual
        }
        #expect(try cluster.names("b") == [])
    }

    @Test("What is written for a node wins over the mirror image of another node's peer, without complaint")
    func forwardBeatsReverse() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        try cluster.peer("aa") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.ttlSecurity = 3
        }
        try cluster.peer("bb") {
            $0.node = "b"
            $0.peerIP = try Cluster.address("10.0.0.1")
            $0.ttlSecurity = 5
        }
        let plan = try cluster.plan("b")
        #expect(plan.sessions.map(\.ttlSecurityHops) == [5])
        #expect(plan.diagnostics.isEmpty)
    }

    @Test("The mirror image expects the local AS that the peer prescribes for the other side")
    func reverseOfLocalAS() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        try cluster.peer("b") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.localASNumber = 65_099
        }
        #expect(try cluster.session("Node_10_0_0_2").localAS == 65_099)
        #expect(try cluster.session("Node_10_0_0_1", on: "b").peerAS == 65_099)
    }

    @Test("A BGPPeer's session takes the place of the mesh session with the same address and port")
    func explicitReplacesMesh() throws {
        var cluster = try Cluster.nodes(3)
        try cluster.peer("b") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
        }
        #expect(try cluster.names("a") == ["Mesh_10_0_0_3", "Node_10_0_0_2"])
        #expect(try cluster.names("b") == ["Mesh_10_0_0_3", "Node_10_0_0_1"])
    }

    @Test("A peer's port that is not given is the listen port of the node it points at")
    func portOfNode() throws {
        var cluster = try Cluster.nodes(2)
        cluster.disableMesh()
        cluster.configuration("node.b") { $0.listenPort = 1790 }
        try cluster.peer("b") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
        }
        #expect(try cluster.names("a") == ["Node_10_0_0_2_port_1790"])
        try cluster.peer("b") {
            $0.node = "a"
            $0.peerIP = try Cluster.address("10.0.0.2")
            $0.asNumber = 1
        }
        #expect(try cluster.names("a") == ["Node_10_0_0_2"])
    }

    @Test("Malformed peers are skipped and reported, the others stay")
    func malformedPeers() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.peer("good") { $0.peerIP = try Cluster.address("192.0.2.1") }
        cluster.peer("none") { _ in }
        try cluster.peer("both") {
            $0.peerIP = try Cluster.address("192.0.2.2")
            $0.peerSelector = .all
        }
        try cluster.peer("sides") {
            $0.peerIP = try Cluster.address("192.0.2.2")
            $0.node = "a"
            $0.nodeSelector = .all
        }
        try cluster.peer("nowhere") { $0.peerIP = try Cluster.address("0.0.0.0") }
        try cluster.peer("scoped") { $0.peerIP = try Cluster.address("fe80::1") }
        try cluster.peer("via") {
            $0.peerIP = try Cluster.address("192.0.2.3")
            $0.reachableBy = try Cluster.address("fd00::1")
        }
        cluster.peer("as") {
            $0.peerSelector = .all
            $0.asNumber = 1
        }
        let plan = try cluster.plan()
        #expect(plan.sessions.map(\.name) == ["Global_192_0_2_1"])
        #expect(
            plan.diagnostics.map { "\($0.resource?.name ?? "") \($0.reason)" }
                == [
                    ("as", PlanDiagnostic.Reason.asNumberWithPeerSelector),
                    ("both", .peerNeedsOneOfAddressAndSelector),
                    ("none", .peerNeedsOneOfAddressAndSelector),
                    ("nowhere", .unusablePeerAddress("0.0.0.0")),
                    ("scoped", .linkLocalPeerAddress("fe80::1")),
                    ("sides", .peerHasNodeAndNodeSelector),
                    ("via", .reachableByMismatch),
                ].map { "\($0.0) \($0.1)" }
        )
    }
}
