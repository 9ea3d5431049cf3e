import Datastore
import IPAddressing
import Resources
import Testing

@testable import EtcdDatastore

@Suite("Calico's layout in etcd")
struct LayoutTests {
    @Test(
        "A kind has Calico's plural",
        arguments: [
            (ResourceKind.node, "/calico/resources/v3/projectcalico.org/nodes/"),
            (.ipPool, "/calico/resources/v3/projectcalico.org/ippools/"),
            (.bgpConfiguration, "/calico/resources/v3/projectcalico.org/bgpconfigurations/"),
            (.bgpPeer, "/calico/resources/v3/projectcalico.org/bgppeers/"),
            (.workloadEndpoint, "/calico/resources/v3/projectcalico.org/workloadendpoints/"),
            (.secret, "/calico/resources/v3/martlet/secrets/"),
        ]
    )
    func folders(_ kind: ResourceKind, _ folder: String) {
        #expect(EtcdLayout.folder(kind) == folder)
    }

    @Test("Keys of resources lead there and back")
    func keys() {
        for kind in ResourceKind.allCases where !IPAMLayout.holds(kind) {
            let key = ResourceKey(kind: kind, namespace: kind.isNamespaced ? "ns" : nil, name: "a.b-c")
            let path = EtcdLayout.key(key) ?? ""
            #expect(path.hasSuffix(kind.isNamespaced ? "/ns/a.b-c" : "/a.b-c"))
            #expect(EtcdLayout.resourceKey(path) == key)
        }
    }

    @Test(
        "Keys of others are no resources",
        arguments: [
            "", "/", "/calico", "/calico/resources/v3/projectcalico.org/nodes",
            "/calico/resources/v3/projectcalico.org/nodes/",
            "/calico/resources/v3/projectcalico.org/nodes/a/b", "/calico/resources/v3/projectcalico.org/tiers/default",
            "/calico/resources/v3/projectcalico.org/workloadendpoints/a", "/calico/ipam/v2/handle/x",
            "/calico/ipam/v2/configs", "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0",
            "/calico/ipam/v2/host/a/ipv6/block/10.0.0.0-26", "/calico/ipam/v2/host//ipv4/block/10.0.0.0-26",
            "/calico/ipam/v2/host/a/ipv4/block/10.0.0.0-99",
        ]
    )
    func foreignKeys(_ key: String) {
        #expect(EtcdLayout.resourceKey(key) == nil)
    }

    @Test(
        "An affinity is named after its node and block and lies where Calico's address management looks",
        arguments: [
            ("/calico/ipam/v2/host/node-1/ipv4/block/10.65.0.0-26", "node-1-10-65-0-0-26", "host"),
            ("/calico/ipam/v2/host/node-1/ipv6/block/fd00:1::-122", "node-1-fd00-1---122", "host"),
            ("/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.1.0.0-28", "load-balancer-10-1-0-0-28", "virtual"),
        ]
    )
    func affinities(_ path: String, _ name: String, _ type: String) throws {
        let key = ResourceKey(kind: .blockAffinity, name: name)
        #expect(EtcdLayout.resourceKey(path) == key)
        let value = #"{"state":"confirmed","deleted":false,"extra":7}"#
        let item = KeyValue(key: path, value: Array(value.utf8), revision: 5, version: 1)
        let resource = try #require(EtcdLayout.decode(item, as: key).resource)
        guard case .blockAffinity(let affinity) = resource else {
            Issue.record("\(resource)")
            return
        }
        #expect(affinity.state == .confirmed && affinity.type == type && !affinity.isDeleted)
        #expect(EtcdLayout.key(resource) == path)
        #expect(EtcdLayout.encode(resource, over: item, identity: []) == value)
        #expect(EtcdLayout.encode(resource, over: nil, identity: []) == #"{"state":"confirmed","deleted":false}"#)
    }

    @Test("An affinity with an empty value counts as one with an empty object")
    func emptyAffinity() throws {
        let path = "/calico/ipam/v2/host/a/ipv4/block/10.65.0.0-26"
        let key = try #require(EtcdLayout.resourceKey(path))
        let item = KeyValue(key: path, value: [], revision: 5, version: 1)
        guard case .blockAffinity(let affinity)? = EtcdLayout.decode(item, as: key).resource else {
            Issue.record("unreadable")
            return
        }
        #expect(affinity.state == .implicit && affinity.node == "a")
    }

    @Test("A block of addresses and the settings of their management are read and written in Calico's form")
    func addressManagement() throws {
        let path = "/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-30"
        let block = ResourceKey(kind: .ipamBlock, name: "10-65-0-0-30")
        #expect(EtcdLayout.resourceKey(path) == block)
        let stored = """
            {"cidr":"10.65.0.0/30","affinity":"host:a","allocations":[0,null,null,null],"unallocated":[1,2,3],\
            "attributes":[{"handle_id":"h","secondary":{"node":"a"}}],"deleted":false,"sequenceNumber":7}
            """
        let item = KeyValue(key: path, value: Array(stored.utf8), revision: 1, version: 1)
        let resource = try #require(EtcdLayout.decode(item, as: block).resource)
        #expect(EtcdLayout.key(resource) == path)
        let written = try JSONReader.value(Array(EtcdLayout.encode(resource, over: item, identity: []).utf8))
        let original = try JSONReader.value(Array(stored.utf8))
        for name in ["cidr", "affinity", "allocations", "unallocated", "attributes", "sequenceNumber"] {
            #expect(written[name] == original[name], "\(name)")
        }
        let settings = ResourceKey(kind: .ipamConfiguration, name: "default")
        let config = KeyValue(
            key: "/calico/ipam/v2/config",
            value: Array(#"{"strict_affinity":true,"maxBlocksPerHost":4}"#.utf8),
            revision: 1,
            version: 1
        )
        #expect(EtcdLayout.resourceKey(config.key) == settings)
        guard case .ipamConfiguration(let configuration)? = EtcdLayout.decode(config, as: settings).resource else {
            Issue.record("unreadable")
            return
        }
        #expect(configuration.strictAffinity && configuration.maxBlocksPerHost == 4)
        #expect(!configuration.autoAllocateBlocks, "false is left out there")
        let again = EtcdLayout.encode(.ipamConfiguration(configuration), over: nil, identity: [])
        let fields = try JSONReader.value(Array(again.utf8))
        #expect(fields["strict_affinity"]?.content == .bool(true))
        #expect(fields["auto_allocate_blocks"]?.content == .bool(false))
    }

    @Test("One range covers all kinds, and of one kind only that")
    func cover() throws {
        #expect(EtcdLayout.cover([]) == nil)
        let one = try #require(EtcdLayout.cover([.bgpPeer]))
        #expect(one.start == "/calico/resources/v3/projectcalico.org/bgppeers/")
        #expect(one.end == "/calico/resources/v3/projectcalico.org/bgppeers0")
        let all = try #require(EtcdLayout.cover(Set(ResourceKind.allCases)))
        for range in EtcdLayout.ranges(Set(ResourceKind.allCases)) {
            #expect(all.start <= range.start && range.end <= all.end)
        }
    }

    private static let stored = """
        {"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"a","uid":"u","creationTimestamp":"t",\
        "labels":{"x":"1"}},"spec":{"bgp":{"ipv4Address":"10.0.0.1/24","asNumber":64512,"future":{"deep":[1,2]}},\
        "ipv4VXLANTunnelAddr":"10.1.0.1","orchRefs":[{"nodeName":"a","orchestrator":"k8s"}]},"status":{"wireguardPublicKey":"k"}}
        """

    @Test("An update keeps what is not understood, changes what is, and removes what is gone")
    func update() throws {
        let path = "/calico/resources/v3/projectcalico.org/nodes/a"
        let item = KeyValue(key: path, value: Array(Self.stored.utf8), revision: 5, version: 1)
        let key = ResourceKey(kind: .node, name: "a")
        guard case .node(var node)? = EtcdLayout.decode(item, as: key).resource else {
            Issue.record("unreadable")
            return
        }
        node.metadata.labels = ["y": "2"]
        node.bgp?.ipv4Address = AddressWithLength("10.0.0.9/24")
        node.bgp?.asNumber = nil
        let text = EtcdLayout.encode(.node(node), over: item, identity: newIdentity())
        let value = try JSONReader.value(Array(text.utf8))
        let bgp = value["spec"]?["bgp"]
        #expect(value["metadata"]?["uid"]?.string == "u")
        #expect(value["metadata"]?["creationTimestamp"]?.string == "t")
        #expect(value["metadata"]?["labels"]?.compactJSON == #"{"y":"2"}"#)
        #expect(bgp?["ipv4Address"]?.string == "10.0.0.9/24")
        #expect(bgp?["asNumber"] == nil)
        #expect(bgp?["future"]?.compactJSON == #"{"deep":[1,2]}"#)
        #expect(value["spec"]?["orchRefs"]?.compactJSON == #"[{"nodeName":"a","orchestrator":"k8s"}]"#)
        #expect(value["spec"]?["ipv4VXLANTunnelAddr"]?.string == "10.1.0.1")
        #expect(value["status"]?.compactJSON == #"{"wireguardPublicKey":"k"}"#)
    }

    @Test("An object under another's key is refused")
    func otherName() {
        let path = "/calico/resources/v3/projectcalico.org/nodes/b"
        let item = KeyValue(key: path, value: Array(Self.stored.utf8), revision: 5, version: 1)
        let decoded = EtcdLayout.decode(item, as: ResourceKey(kind: .node, name: "b"))
        #expect(decoded.resource == nil && decoded.diagnostics.first?.message == "holds Node/a")
    }

    @Test("A new identity is a version 4 UUID and a time in UTC")
    func identity() {
        #expect(timestamp(1_764_000_000) == "2025-11-24T16:00:00Z")
        let uuid = randomUUID()
        #expect(uuid.count == 36 && Array(uuid)[14] == "4" && "89ab".contains(Array(uuid)[19]))
        #expect(randomUUID() != uuid)
    }

    @Test("Statuses lie where Calico's felix reports them")
    func statuses() throws {
        let key = ResourceKey(kind: .workloadEndpoint, namespace: "ns", name: "node--1-k8s-my--pod-eth0")
        let path = "/calico/felix/v2/no-region/host/node-1/workload/k8s/ns%2fmy-pod/endpoint/eth0"
        #expect(EtcdStatuses.path(key) == path)
        let calico = KeyValue(key: path, value: Array(#"{"status":"up"}"#.utf8), revision: 1, version: 1)
        let decoded = try #require(EtcdStatuses.decode(calico))
        #expect(decoded.0 == key && decoded.1 == EndpointStatus(state: .up))
        #expect(EtcdLayout.unescaped("a%2fb%2Fc%") == "a/b%2Fc%")
    }

    @Test("Revisions of another cluster or notation are told apart")
    func revisions() {
        let revision = EtcdRevision(cluster: 0xABC, number: 7)
        #expect(revision.revision.text == "abc-7")
        #expect(EtcdRevision(revision.revision) == revision)
    }
}
