import Confd
import IPAddressing
import Resources
import Testing

@Suite("Snapshots of the resources")
struct ResourceSnapshotTests {
    private func resources() throws -> [Resource] {
        var cluster = try Cluster.nodes(2)
        cluster.configuration { $0.asNumber = 1 }
        cluster.peer("p") { $0.peerSelector = .all }
        try cluster.pool("pool", "192.168.0.0/16")
        try cluster.block("192.168.0.0/26")
        cluster.secret("s", ["k": "v"])
        let snapshot = cluster.snapshot
        return snapshot.nodes.values.map(Resource.node) + snapshot.configurations.values.map(Resource.bgpConfiguration)
            + snapshot.peers.values.map(Resource.bgpPeer) + snapshot.pools.values.map(Resource.ipPool)
            + snapshot.affinities.values.map(Resource.blockAffinity) + snapshot.secrets.values.map(Resource.secret)
    }

    @Test("Every kind that matters is taken up and can be removed by its key")
    func updateAndRemove() throws {
        let resources = try self.resources()
        var snapshot = ResourceSnapshot(resources)
        #expect(snapshot.nodes.count == 2 && snapshot.secrets.count == 1 && snapshot.affinities.count == 1)
        #expect(snapshot.peers.count == 1 && snapshot.pools.count == 1 && snapshot.configurations.count == 1)
        for resource in resources {
            let before = snapshot
            snapshot.remove(resource.key)
            #expect(snapshot != before, "\(resource.key)")
        }
        #expect(snapshot == ResourceSnapshot())
    }

    @Test("An update replaces the resource with the same key")
    func replacement() throws {
        var snapshot = ResourceSnapshot(try self.resources())
        snapshot.update(.node(Node(metadata: ResourceMetadata(name: "a"))))
        #expect(snapshot.nodes.count == 2)
        #expect(snapshot.nodes["a"]?.bgp == nil)
    }
}
