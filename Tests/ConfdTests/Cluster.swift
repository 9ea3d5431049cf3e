import Confd
import IPAddressing
import Resources

/// Builds resources for tests; malformed text in a test is a failure of the test.
struct Cluster {
    var snapshot = ResourceSnapshot()

    struct Malformed: Error {
        var text: String
    }

    static func required<Value>(_ value: Value?, _ text: String) throws -> Value {
        guard let value else { throw Malformed(text: text) }
        return value
    }

    static func address(_ text: String) throws -> IPAddress { try self.required(IPAddress(text), text) }
    static func prefix(_ text: String) throws -> IPPrefix { try self.required(IPPrefix(text), text) }

    /// Makes nodes `a`, `b` and so on with 10.0.0.1/24, 10.0.0.2/24 and so on.
    static func nodes(_ count: Int) throws -> Cluster {
        var cluster = Cluster()
        for index in 0..<count {
            let name = String(UnicodeScalar(UInt8(97 + index)))
            try cluster.node(name, "10.0.0.\(index + 1)/24")
        }
        return cluster
    }

    mutating func node(
        _ name: String,
        _ ipv4: String? = nil,
        ipv6: String? = nil,
        asNumber: ASNumber? = nil,
        clusterID: String? = nil,
        labels: [String: String] = [:]
    ) throws {
        var bgp = Node.BGP()
        bgp.ipv4Address = try ipv4.map { try Self.required(AddressWithLength($0), $0) }
        bgp.ipv6Address = try ipv6.map { try Self.required(AddressWithLength($0), $0) }
        bgp.asNumber = asNumber
        bgp.routeReflectorClusterID = try clusterID.map { try Self.required(RouterID($0), $0) }
        self.snapshot.update(.node(Node(metadata: ResourceMetadata(name: name, labels: labels), bgp: bgp)))
    }

    mutating func configuration(_ name: String = "default", _ change: (inout BGPConfiguration) -> Void) {
        var value = self.snapshot.configurations[name] ?? BGPConfiguration(metadata: ResourceMetadata(name: name))
        change(&value)
        self.snapshot.update(.bgpConfiguration(value))
    }

    mutating func peer(_ name: String, _ change: (inout BGPPeer) throws -> Void) rethrows {
        var value = BGPPeer(metadata: ResourceMetadata(name: name))
        try change(&value)
        self.snapshot.update(.bgpPeer(value))
    }

    mutating func pool(_ name: String, _ cidr: String, _ change: (inout IPPool) -> Void = { _ in }) throws {
        var value = IPPool(metadata: ResourceMetadata(name: name), cidr: try Self.prefix(cidr))
        change(&value)
        self.snapshot.update(.ipPool(value))
    }

    mutating func block(
        _ cidr: String,
        node: String = "a",
        state: BlockAffinity.State = .confirmed,
        _ change: (inout BlockAffinity) -> Void = { _ in }
    ) throws {
        let name = node + "-" + cidr
        var value = BlockAffinity(
            metadata: ResourceMetadata(name: name),
            state: state,
            node: node,
            cidr: try Self.prefix(cidr)
        )
        change(&value)
        self.snapshot.update(.blockAffinity(value))
    }

    mutating func secret(_ name: String, _ values: [String: String], namespace: String = "kube-system") {
        let secret = Secret(
            metadata: ResourceMetadata(name: name, namespace: namespace),
            values: values.mapValues { Array($0.utf8) }
        )
        self.snapshot.update(.secret(secret))
    }

    func plan(_ node: String = "a", routerID: String? = nil) throws -> BGPPlan {
        try BGPPlan(self.snapshot, nodeName: node, environment: PlanEnvironment(routerID: routerID))
    }

    /// Names of the IPv4 sessions of a node.
    func names(_ node: String = "a") throws -> [String] { try self.plan(node).ipv4.sessions.map(\.name) }

    /// A session of a node by name.
    func session(_ name: String, on node: String = "a") throws -> SessionPlan {
        try Self.required(try self.plan(node).sessions.first { $0.name == name }, name)
    }

    /// Changes a node that is there.
    mutating func changeNode(_ name: String, _ change: (inout Node) throws -> Void) rethrows {
        guard var value = self.snapshot.nodes[name] else { return }
        try change(&value)
        self.snapshot.update(.node(value))
    }

    /// Changes a BGPPeer that is there.
    mutating func changePeer(_ name: String, _ change: (inout BGPPeer) throws -> Void) rethrows {
        guard var value = self.snapshot.peers[name] else { return }
        try change(&value)
        self.snapshot.update(.bgpPeer(value))
    }

    /// Removes all BGPPeers.
    mutating func removePeers() {
        for name in self.snapshot.peers.keys { self.snapshot.remove(ResourceKey(kind: .bgpPeer, name: name)) }
    }

    /// The cluster without mesh.
    mutating func disableMesh() { self.configuration { $0.nodeToNodeMeshEnabled = false } }
}
