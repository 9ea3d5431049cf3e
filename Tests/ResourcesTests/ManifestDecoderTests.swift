import IPAddressing
import Testing

@testable import Resources

/// A map literal for tests.
func map(_ fields: KeyValuePairs<String, ManifestValue.Content>) -> ManifestValue.Content {
    .map(fields.map { .init($0.key, ManifestValue($0.value)) })
}

func list(_ elements: ManifestValue.Content...) -> ManifestValue.Content { .array(elements.map { ManifestValue($0) }) }

func decode(_ kind: String, name: String = "x", _ spec: ManifestValue.Content) -> ManifestDecoder.Outcome {
    let metadata = map(["name": .string(name)])
    let document = map([
        "apiVersion": .string("projectcalico.org/v3"), "kind": .string(kind), "metadata": metadata, "spec": spec,
    ])
    return ManifestDecoder().decode(ManifestValue(document))
}

@Suite("Manifest decoding")
struct ManifestDecoderTests {
    @Test("A node whose bgp holds nothing that is understood is one without BGP, and can be written and read again")
    func emptyBGP() throws {
        let outcome = decode("Node", map(["bgp": map(["wrong": .string("x")])]))
        let resource = try #require(outcome.resources.first?.resource)
        #expect(ManifestDecoder().decode(resource.manifest).resources.map(\.resource) == [resource])
    }

    @Test("Remarks are bounded in length and number, however often a list repeats what is wrong")
    func boundedRemarks() {
        let spec = map(["cidr": .string("10.0.0.0/16"), String(repeating: "x", count: 100_000): .bool(true)])
        let pool = map([
            "apiVersion": .string("projectcalico.org/v3"), "kind": .string("IPPool"),
            "metadata": map(["name": .string("p")]), "spec": spec,
        ])
        let document = map([
            "apiVersion": .string("v1"), "kind": .string("List"),
            "items": .array(Array(repeating: ManifestValue(pool), count: 5000)),
        ])
        let outcome = ManifestDecoder().decode(ManifestValue(document))
        #expect(outcome.resources.count == 5000)
        #expect(outcome.diagnostics.count == 2000)
        #expect(outcome.diagnostics.allSatisfy { $0.path.utf8.count < 600 })
    }

    struct Case: CustomTestStringConvertible, Sendable {
        var kind: String
        var name = "x"
        var spec: ManifestValue.Content
        var path: String

        var testDescription: String { "\(self.kind) \(self.name) \(self.path) \(self.spec)" }
    }

    @Test(
        "An invalid field refuses the object and is named",
        arguments: [
            Case(kind: "Node", spec: map(["bgp": map([:])]), path: "spec.bgp"),
            Case(
                kind: "Node",
                spec: map(["bgp": map(["ipv4Address": .string("fd00::1")])]),
                path: "spec.bgp.ipv4Address"
            ),
            Case(kind: "Node", spec: map(["bgp": map(["asNumber": .float(1.5)])]), path: "spec.bgp.asNumber"),
            Case(kind: "Node", spec: map(["bgp": map(["asNumber": .integer(1 << 32)])]), path: "spec.bgp.asNumber"),
            Case(
                kind: "Node",
                spec: map(["bgp": map(["routeReflectorClusterID": .string("1")])]),
                path: "spec.bgp.routeReflectorClusterID"
            ),
            Case(kind: "IPPool", spec: map([:]), path: "spec.cidr"),
            Case(kind: "IPPool", spec: map(["cidr": .string("10.0.0.1/16")]), path: "spec.cidr"),
            Case(kind: "IPPool", spec: map(["cidr": .string("169.254.3.0/24")]), path: "spec.cidr"),
            Case(kind: "IPPool", spec: map(["cidr": .string("10.0.0.0/28")]), path: "spec.blockSize"),
            Case(
                kind: "IPPool",
                spec: map(["cidr": .string("10.0.0.0/16"), "blockSize": .integer(19)]),
                path: "spec.blockSize"
            ),
            Case(
                kind: "IPPool",
                spec: map([
                    "cidr": .string("10.0.0.0/16"), "ipipMode": .string("Always"), "vxlanMode": .string("Always"),
                ]),
                path: "spec.vxlanMode"
            ),
            Case(
                kind: "IPPool",
                spec: map(["cidr": .string("fd00::/64"), "ipipMode": .string("Always")]),
                path: "spec.ipipMode"
            ),
            Case(
                kind: "IPPool",
                spec: map(["cidr": .string("10.0.0.0/16"), "nodeSelector": .string("has(a) && global()")]),
                path: "spec.nodeSelector"
            ),
            Case(kind: "BGPPeer", spec: map([:]), path: "spec.peerIP"),
            Case(kind: "BGPPeer", spec: map(["peerIP": .string("0.0.0.0")]), path: "spec.peerIP"),
            Case(kind: "BGPPeer", spec: map(["peerIP": .string("[::]:179")]), path: "spec.peerIP"),
            Case(
                kind: "BGPPeer",
                spec: map(["peerIP": .string("10.0.0.1"), "peerSelector": .string("all()")]),
                path: "spec.peerSelector"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["peerIP": .string("10.0.0.1"), "node": .string("a"), "nodeSelector": .string("all()")]),
                path: "spec.nodeSelector"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["peerSelector": .string("all()"), "asNumber": .integer(1)]),
                path: "spec.asNumber"
            ),
            Case(kind: "BGPPeer", spec: map(["peerIP": .string("fd00::1%eth0")]), path: "spec.peerIP"),
            Case(kind: "BGPPeer", spec: map(["peerIP": .string("10.0.0.1:0")]), path: "spec.peerIP"),
            Case(kind: "BGPPeer", spec: map(["peerIP": .string("[10.0.0.1]:179")]), path: "spec.peerIP"),
            Case(
                kind: "BGPPeer",
                spec: map([
                    "peerIP": .string("10.0.0.1"), "keepOriginalNextHop": .bool(true), "nextHopMode": .string("Keep"),
                ]),
                path: "spec.nextHopMode"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["peerIP": .string("10.0.0.1"), "reachableBy": .string("fd00::1")]),
                path: "spec.reachableBy"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["peerSelector": .string("all()"), "reachableBy": .string("10.0.0.1")]),
                path: "spec.reachableBy"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["peerIP": .string("10.0.0.1"), "filters": list(.string("No name"))]),
                path: "spec.filters"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["localWorkloadSelector": .string("all()")]),
                path: "spec.asNumber"
            ),
            Case(
                kind: "BGPPeer",
                spec: map([
                    "localWorkloadSelector": .string("all()"), "asNumber": .integer(1), "peerIP": .string("10.0.0.1"),
                ]),
                path: "spec.peerIP"
            ),
            Case(
                kind: "BGPPeer",
                spec: map([
                    "localWorkloadSelector": .string("all()"), "asNumber": .integer(1),
                    "peerSelector": .string("all()"),
                ]),
                path: "spec.peerSelector"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "default",
                spec: map(["serviceClusterIPs": list(map(["cidr": .string("10.0.0.0/33")]))]),
                path: "spec.serviceClusterIPs[0].cidr"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "default",
                spec: map(["localWorkloadPeeringIPV4": .string("fd00::1")]),
                path: "spec.localWorkloadPeeringIPV4"
            ),
            Case(
                kind: "IPPool",
                spec: map([
                    "cidr": .string("10.0.0.0/16"), "allowedUses": list(.string("LoadBalancer"), .string("Tunnel")),
                ]),
                path: "spec.allowedUses"
            ),
            Case(
                kind: "IPPool",
                spec: map([
                    "cidr": .string("10.0.0.0/16"), "allowedUses": list(.string("LoadBalancer")),
                    "nodeSelector": .string("has(x)"),
                ]),
                path: "spec.nodeSelector"
            ),
            Case(
                kind: "IPPool",
                spec: map([
                    "cidr": .string("10.0.0.0/16"), "allowedUses": list(.string("LoadBalancer")),
                    "disableBGPExport": .bool(true),
                ]),
                path: "spec.disableBGPExport"
            ),
            Case(kind: "CalicoNodeStatus", spec: map(["classes": list(.string("BGP"))]), path: "spec.node"),
            Case(
                kind: "CalicoNodeStatus",
                spec: map(["node": .string("a"), "classes": list(.string("Weather"))]),
                path: "spec.classes[0]"
            ),
            Case(
                kind: "IPAMConfig",
                spec: map(["autoAllocateBlocks": .bool(false)]),
                path: "spec.autoAllocateBlocks"
            ),
            Case(
                kind: "IPAMBlock",
                spec: map(["cidr": .string("10.0.0.0/26"), "allocations": list(.integer(0))]),
                path: "spec.allocations"
            ),
            Case(
                kind: "FelixConfiguration",
                spec: map(["routeTableRanges": list(map(["min": .integer(9), "max": .integer(1)]))]),
                path: "spec.routeTableRanges[0]"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["peerIP": .string("10.0.0.1"), "password": map([:])]),
                path: "spec.password"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["peerSelector": .string("a =")]),
                path: "spec.peerSelector"
            ),
            Case(
                kind: "BGPPeer",
                spec: map(["peerIP": .string("10.0.0.1"), "ttlSecurity": .integer(256)]),
                path: "spec.ttlSecurity"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "node.a",
                spec: map(["asNumber": .integer(1)]),
                path: "spec.asNumber"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "default",
                spec: map([
                    "nodeToNodeMeshEnabled": .bool(false),
                    "nodeMeshPassword": map(["secretKeyRef": map(["name": .string("s"), "key": .string("k")])]),
                ]),
                path: "spec.nodeMeshPassword"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "default",
                spec: map(["communities": list(map(["name": .string("a"), "value": .string("1:2")]))]),
                path: "spec.communities"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "default",
                spec: map([
                    "prefixAdvertisements": list(
                        map(["cidr": .string("10.0.0.0/8"), "communities": list(.string("nobody"))])
                    )
                ]),
                path: "spec.prefixAdvertisements[0].communities[0]"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "default",
                spec: map(["listenPort": .integer(0)]),
                path: "spec.listenPort"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "default",
                spec: map(["ignoredInterfaces": list(.string("*"))]),
                path: "spec.ignoredInterfaces[0]"
            ),
            Case(
                kind: "WorkloadEndpoint",
                spec: map([
                    "node": .string("n"), "orchestrator": .string("o"), "endpoint": .string("e"),
                    "interfaceName": .string("cali1"), "ipNetworks": list(.string("10.0.0.0/24")),
                ]),
                path: "spec.ipNetworks"
            ),
            Case(
                kind: "WorkloadEndpoint",
                spec: map([
                    "node": .string("n"), "orchestrator": .string("o"), "endpoint": .string("e"),
                    "interfaceName": .string("../x"),
                ]),
                path: "spec.interfaceName"
            ),
            Case(
                kind: "Node",
                spec: map(["ipv4VXLANTunnelAddr": .string("fd00::1")]),
                path: "spec.ipv4VXLANTunnelAddr"
            ),
            Case(
                kind: "Node",
                spec: map(["wireguard": map(["interfaceIPv6Address": .string("10.0.0.1")])]),
                path: "spec.wireguard.interfaceIPv6Address"
            ),
            Case(
                kind: "FelixConfiguration",
                spec: map(["localSubnetL2Reachability": .string("Enabled")]),
                path: "spec.localSubnetL2Reachability"
            ),
            Case(
                kind: "FelixConfiguration",
                spec: map(["interfacePrefix": .string("cali,,tap")]),
                path: "spec.interfacePrefix"
            ),
            Case(
                kind: "FelixConfiguration",
                spec: map(["wireguardInterfaceName": .string("a name")]),
                path: "spec.wireguardInterfaceName"
            ),
            Case(
                kind: "BGPConfiguration",
                name: "default",
                spec: map(["ignoredInterfaces": list(.string("a"), .string("a"))]),
                path: "spec.ignoredInterfaces[1]"
            ),
            Case(kind: "BlockAffinity", spec: map(["cidr": .string("10.0.0.0/26")]), path: "spec.node"),
            Case(kind: "Node", name: "Upper", spec: map([:]), path: "metadata.name"),
        ]
    )
    func invalid(_ example: Case) {
        let outcome = decode(example.kind, name: example.name, example.spec)
        #expect(outcome.resources.isEmpty)
        #expect(outcome.diagnostics.contains { $0.severity == .error && $0.path == example.path })
    }

    @Test("A field that has no effect yet warns and leaves the object in force")
    func noEffect() {
        let outcome = decode(
            "BGPPeer",
            map([
                "peerIP": .string("10.0.0.1"), "failureDetectionMode": .string("None"), "restartMode": .string("x"),
                "typo": .integer(1),
            ])
        )
        #expect(outcome.resources.count == 1)
        #expect(
            outcome.diagnostics.map { "\($0.severity) \($0.path)" } == [
                "warning spec.failureDetectionMode", "warning spec.restartMode", "warning spec.typo",
            ]
        )
    }

    @Test("Fields that are read from the default configuration alone are named in that of a node")
    func fieldsOfDefault() {
        let spec = map([
            "bindMode": .string("NodeIP"), "ipv4NormalRoutePriority": .integer(7), "listenPort": .integer(1),
        ])
        let outcome = decode("BGPConfiguration", name: "node.a", spec)
        #expect(outcome.resources.count == 1)
        #expect(
            outcome.diagnostics.map { "\($0.severity) \($0.path)" } == [
                "warning spec.bindMode", "warning spec.ipv4NormalRoutePriority",
            ]
        )
    }

    @Test(
        "An owner of routes that is not known counts as none and is named",
        arguments: ["BGPConfiguration", "FelixConfiguration"]
    )
    func unknownOwner(kind: String) {
        let outcome = decode(kind, name: "default", map(["programClusterRoutes": .string("Sometimes")]))
        #expect(outcome.diagnostics.map { "\($0.severity) \($0.path)" } == ["warning spec.programClusterRoutes"])
        switch outcome.resources.first?.resource {
        case .bgpConfiguration(let value)?: #expect(value.programClusterRoutes == nil)
        case .felixConfiguration(let value)?: #expect(value.programClusterRoutes == nil)
        default: Issue.record("refused")
        }
    }

    @Test(
        "A keepalive time of nothing is none",
        arguments: [("0s", nil), ("400ms", nil), ("20s", 20)] as [(String, UInt16?)]
    )
    func keepalive(text: String, seconds: UInt16?) {
        let outcome = decode("BGPPeer", map(["peerIP": .string("10.0.0.1"), "keepaliveTime": .string(text)]))
        guard case .bgpPeer(let peer)? = outcome.resources.first?.resource else {
            Issue.record("refused: \(outcome.diagnostics)")
            return
        }
        #expect(peer.keepaliveSeconds == seconds)
    }

    @Test("What is wrong in what a node says of itself is named, and the node stays in force")
    func wrongDescription() {
        let outcome = decode(
            "Node",
            map([
                "orchRefs": list(map(["nodeName": .string("a")])),
                "addresses": list(map(["address": .string("here")]), map([:])),
                "interfaces": list(map(["name": .string("a b"), "addresses": list(.integer(1))])),
            ])
        )
        #expect(outcome.resources.count == 1)
        #expect(outcome.diagnostics.allSatisfy { $0.severity == .warning })
        #expect(
            outcome.diagnostics.map(\.path) == [
                "spec.orchRefs[0].orchestrator", "spec.addresses[0].address", "spec.addresses[1].address",
                "spec.interfaces[0].name", "spec.interfaces[0].addresses[0]",
            ]
        )
    }

    @Test("What a node says of itself is checked and taken in silence")
    func description() {
        let outcome = decode(
            "Node",
            map([
                "orchRefs": list(map(["nodeName": .string("a"), "orchestrator": .string("k8s")])),
                "addresses": list(
                    map(["address": .string("10.0.0.1/24"), "type": .string("CalicoNodeIP")]),
                    map(["address": .string("fd00::1"), "type": .string("InternalIP")])
                ),
                "interfaces": list(map(["name": .string("eth0"), "addresses": list(.string("10.0.0.1"))])),
            ])
        )
        #expect(outcome.resources.count == 1 && outcome.diagnostics.isEmpty)
    }

    @Test("An endpoint is ready unless it says that it is not")
    func readiness() {
        let document = map([
            "apiVersion": .string("discovery.k8s.io/v1"), "kind": .string("EndpointSlice"),
            "metadata": map(["name": .string("s"), "labels": map(["kubernetes.io/service-name": .string("x")])]),
            "addressType": .string("IPv4"),
            "endpoints": list(
                map(["nodeName": .string("a")]),
                map(["nodeName": .string("b"), "conditions": map([:])]),
                map(["conditions": map(["ready": .null])]),
                map(["conditions": map(["ready": .bool(false)])])
            ),
        ])
        guard
            case .endpointSlice(let slice)? = ManifestDecoder().decode(ManifestValue(document)).resources.first?
                .resource
        else {
            Issue.record("refused")
            return
        }
        #expect(slice.endpoints.map(\.isReady) == [true, true, true, false])
    }

    @Test(
        "A peer address may carry a port",
        arguments: [
            ("10.0.0.1", nil), ("10.0.0.1:1790", 1790), ("fd00::1", nil), ("[fd00::1]:179", 179),
        ] as [(String, UInt16?)]
    )
    func peerPort(_ text: String, _ port: UInt16?) {
        let outcome = decode("BGPPeer", map(["peerIP": .string(text), "asNumber": .string("1.1")]))
        guard case .bgpPeer(let peer)? = outcome.resources.first?.resource else {
            Issue.record("refused: \(outcome.diagnostics)")
            return
        }
        #expect(peer.peerPort == port)
        #expect(peer.asNumber == 65_537)
    }

    @Test("A label without quotes counts as its text unless it has a fraction")
    func labels() {
        func node(_ label: ManifestValue.Content) -> ManifestDecoder.Outcome {
            ManifestDecoder().decode(
                ManifestValue(
                    map([
                        "apiVersion": .string("projectcalico.org/v3"), "kind": .string("Node"),
                        "metadata": map(["name": .string("n"), "labels": map(["l": label])]),
                    ])
                )
            )
        }
        func expected(_ text: String) -> [Resource] {
            [.node(Node(metadata: ResourceMetadata(name: "n", labels: ["l": text])))]
        }
        #expect(node(.bool(true)).resources.map(\.resource) == expected("true"))
        #expect(node(.integer(7)).resources.map(\.resource) == expected("7"))
        #expect(node(.float(1.5)).diagnostics.map(\.path) == ["metadata.labels.l"])
    }

    @Test("Documents of other kinds are skipped with a remark, null documents silently")
    func otherKinds() {
        let other = map(["apiVersion": .string("v1"), "kind": .string("ConfigMap")])
        let outcome = ManifestDecoder().decode(ManifestValue(other))
        #expect(outcome.resources.isEmpty)
        #expect(outcome.diagnostics.map(\.severity) == [.info])
        #expect(ManifestDecoder().decode(ManifestValue(.null)).diagnostics.isEmpty)
    }

    @Test("A list yields its items, and one bad item does not spoil the others", arguments: ["List", "NodeList"])
    func lists(_ kind: String) {
        func node(_ name: String) -> ManifestValue.Content {
            map([
                "apiVersion": .string("crd.projectcalico.org/v1"), "kind": .string("Node"),
                "metadata": map(["name": .string(name)]),
            ])
        }
        let document = map([
            "apiVersion": .string(kind == "List" ? "v1" : "projectcalico.org/v3"), "kind": .string(kind),
            "items": list(node("a"), node("-"), node("b")),
        ])
        let outcome = ManifestDecoder().decode(ManifestValue(document))
        #expect(outcome.resources.map(\.resource.key.name) == ["a", "b"])
        #expect(outcome.diagnostics.map(\.path) == ["items[1].metadata.name"])
    }

    @Test("Secrets read base64 and plain values, the plain ones winning")
    func secrets() {
        let document = map([
            "apiVersion": .string("v1"), "kind": .string("Secret"), "metadata": map(["name": .string("s")]),
            "data": map(["a": .string("cGFzcw=="), "b": .string("eA==")]), "stringData": map(["b": .string("y")]),
        ])
        let outcome = ManifestDecoder().decode(ManifestValue(document))
        let metadata = ResourceMetadata(name: "s")
        let secret = Secret(metadata: metadata, values: ["a": Array("pass".utf8), "b": Array("y".utf8)])
        #expect(outcome.resources.map(\.resource) == [.secret(secret)])
    }

    @Test(
        "Durations round to whole seconds, halves up",
        arguments: [
            ("30s", 30), ("1m30s", 90), ("1h", 3600), ("1.5s", 2), ("1.4s", 1), ("500ms", 1), ("499ms", 0), ("0", 0),
            ("1h1m1s", 3661), (".5m", 30), ("", nil), ("5", nil), ("s", nil), ("-1s", nil), ("1x", nil),
            ("9999999999999999h", nil), ("99999999999999999999s", nil), ("1.s", 1), (".s", nil),
        ] as [(String, Int64?)]
    )
    func durations(_ text: String, _ seconds: Int64?) {
        #expect(wholeSeconds(duration: text) == seconds)
    }

    @Test("Base64 of any length round-trips, and malformed text is refused")
    func base64() {
        for count in 0..<64 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            #expect(decodeBase64(encodeBase64(bytes)) == bytes)
        }
        for text in ["a", "ab", "abc", "ab=", "a===", "====", "ab=c", "ab==cd", "a!bc", "ab==="] {
            #expect(decodeBase64(text) == nil, "\(text)")
        }
    }

    @Test("The canonical name of an endpoint doubles dashes inside its parts")
    func endpointName() {
        var endpoint = WorkloadEndpoint(
            metadata: ResourceMetadata(name: "x"),
            node: "a-b",
            orchestrator: "k8s",
            endpoint: "eth0",
            interfaceName: "c"
        )
        endpoint.pod = "p-1"
        #expect(endpoint.canonicalName == "a--b-k8s-p--1-eth0")
    }
}
