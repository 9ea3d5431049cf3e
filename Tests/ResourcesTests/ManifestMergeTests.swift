import IPAddressing
import Testing

@testable import Resources

@Suite("Manifests written back")
struct ManifestMergeTests {
    private func document(
        _ kind: String,
        apiVersion: String = "projectcalico.org/v3",
        _ fields: KeyValuePairs<String, ManifestValue.Content>
    ) -> ManifestValue {
        let head: [ManifestValue.Field] = [
            .init("apiVersion", ManifestValue(.string(apiVersion))), .init("kind", ManifestValue(.string(kind))),
            .init("metadata", ManifestValue(map(["name": .string("x"), "uid": .string("17")]))),
        ]
        return ManifestValue(.map(head + fields.map { .init($0.key, ManifestValue($0.value)) }))
    }

    @Test("Fields of no known name stay when another field changes")
    func unknownFields() throws {
        let original = self.document(
            "BGPPeer",
            [
                "spec": map([
                    "peerIP": .string("10.0.0.1"), "asNumber": .string("1.1"), "future": map(["a": .integer(1)]),
                    "filters": list(.string("f")),
                ]),
                "status": map(["conditions": list()]),
            ]
        )
        guard case .bgpPeer(var peer)? = ManifestDecoder().decode(original).resources.first?.resource else {
            Issue.record("refused")
            return
        }
        peer.ttlSecurity = 1
        peer.filters = []
        let written = Resource.bgpPeer(peer).manifest(over: original)
        let spec = try #require(written["spec"])
        #expect(spec["future"] == ManifestValue(map(["a": .integer(1)])))
        #expect(spec["asNumber"] == ManifestValue(.string("1.1")))
        #expect(spec["ttlSecurity"] == ManifestValue(.integer(1)))
        #expect(spec["filters"] == nil)
        #expect(written["metadata"]?["uid"] == ManifestValue(.string("17")))
        #expect(written["status"]?["conditions"] == ManifestValue(list()))
        #expect(ManifestDecoder().decode(written).resources.map(\.resource) == [.bgpPeer(peer)])
    }

    @Test("An unchanged resource is written as it was read")
    func unchanged() throws {
        let original = self.document("IPPool", ["spec": map(["cidr": .string("10.0.0.0/16"), "odd": .bool(true)])])
        let resource = try #require(ManifestDecoder().decode(original).resources.first?.resource)
        #expect(resource.manifest(over: original) == original)
    }

    @Test("A manifest of another object is replaced")
    func otherObject() throws {
        let original = self.document("IPPool", ["spec": map(["cidr": .string("10.0.0.0/16"), "odd": .bool(true)])])
        let node = Resource.node(Node(metadata: ResourceMetadata(name: "x")))
        #expect(node.manifest(over: original) == node.manifest)
    }

    static let samples: [(kind: String, apiVersion: String, fields: KeyValuePairs<String, ManifestValue.Content>)] = [
        (
            "Node", "projectcalico.org/v3",
            [
                "spec": map([
                    "bgp": map([
                        "ipv4Address": .string("10.0.0.1/24"), "ipv4IPIPTunnelAddr": .string("192.168.0.1"),
                    ]),
                    "ipv4VXLANTunnelAddr": .string("192.168.0.2"), "ipv6VXLANTunnelAddr": .string("fd00::2"),
                    "vxlanTunnelMACAddr": .string("66:00:00:00:00:01"),
                    "vxlanTunnelMACAddrV6": .string("66:00:00:00:00:02"),
                    "wireguard": map([
                        "interfaceIPv4Address": .string("192.168.0.3"), "interfaceIPv6Address": .string("fd00::3"),
                    ]),
                ]),
                "status": map(["podCIDRs": list(.string("10.1.0.0/24")), "wireguardPublicKey": .string("k=")]),
            ]
        ),
        (
            "IPPool", "projectcalico.org/v3",
            [
                "spec": map([
                    "cidr": .string("10.0.0.0/16"), "nodeSelector": .string("has(a)"),
                    "namespaceSelector": .string("has(b)"), "assignmentMode": .string("Manual"),
                    "allowedUses": list(.string("Tunnel")),
                ])
            ]
        ),
        (
            "BGPFilter", "projectcalico.org/v3",
            [
                "spec": map([
                    "importV4": list(
                        map([
                            "action": .string("Accept"), "cidr": .string("10.0.0.0/8"),
                            "matchOperator": .string("Equal"), "prefixLength": map(["max": .integer(9)]),
                            "communities": map(["values": list(.string("1:2"))]), "priority": .integer(7),
                            "asPathPrefix": list(.integer(1)), "peerType": .string("eBGP"),
                            "interface": .string("e*"), "source": .string("RemotePeers"),
                            "operations": list(map(["prependASPath": map(["prefix": list(.integer(3))])])),
                        ])
                    ),
                    "exportV4": list(map(["action": .string("Reject")])),
                    "importV6": list(map(["action": .string("Reject")])),
                    "exportV6": list(map(["action": .string("Reject")])),
                ])
            ]
        ),
        (
            "FelixConfiguration", "projectcalico.org/v3",
            [
                "spec": map([
                    "programClusterRoutes": .string("Enabled"), "ipv4NormalRoutePriority": .integer(1),
                    "ipv6NormalRoutePriority": .integer(2), "ipv4ElevatedRoutePriority": .integer(3),
                    "ipv6ElevatedRoutePriority": .integer(4), "liveMigrationRouteConvergenceTime": .string("1m0s"),
                    "deviceRouteProtocol": .integer(80), "deviceRouteSourceAddress": .string("10.0.0.1"),
                    "deviceRouteSourceAddressIPv6": .string("fd00::1"), "removeExternalRoutes": .bool(false),
                    "routeSource": .string("WorkloadIPs"), "routeSyncDisabled": .bool(true),
                    "routeRefreshInterval": .string("30s"),
                    "routeTableRanges": list(map(["min": .integer(1), "max": .integer(250)])),
                    "ipipEnabled": .bool(true), "vxlanEnabled": .bool(false), "vxlanPort": .integer(4789),
                    "vxlanVNI": .integer(4096), "wireguardEnabled": .bool(true), "wireguardEnabledV6": .bool(true),
                    "serviceLoopPrevention": .string("Reject"), "endpointStatusPathPrefix": .string("/run/x"),
                    "interfacePrefix": .string("tap"), "floatingIPs": .string("Enabled"),
                    "wireguardHostEncryptionEnabled": .bool(true), "wireguardListeningPort": .integer(51820),
                    "wireguardListeningPortV6": .integer(51821), "wireguardRoutingRulePriority": .integer(99),
                    "wireguardInterfaceName": .string("wg0"), "wireguardInterfaceNameV6": .string("wg1"),
                    "localSubnetL2Reachability": .string("PodsAndLoadBalancers"),
                    "externalNodesList": list(.string("10.0.0.9/32")),
                ])
            ]
        ),
        (
            "ClusterInformation", "projectcalico.org/v3",
            [
                "spec": map([
                    "clusterGUID": .string("g"), "clusterType": .string("k8s,bgp"), "calicoVersion": .string("v3.32"),
                    "variant": .string("Calico"), "datastoreReady": .bool(false),
                ])
            ]
        ),
        (
            "CalicoNodeStatus", "projectcalico.org/v3",
            [
                "spec": map([
                    "node": .string("a"), "classes": list(.string("Agent"), .string("BGP"), .string("Routes")),
                    "updatePeriodSeconds": .integer(5),
                ]),
                "status": map([
                    "lastUpdated": .string("2026-01-01T00:00:00Z"),
                    "agent": map([
                        "birdV4": map([
                            "state": .string("Ready"), "version": .string("1"), "routerID": .string("10.0.0.1"),
                            "lastBootTime": .string("t"), "lastReconfigurationTime": .string("u"),
                        ])
                    ]),
                    "bgp": map([
                        "numberEstablishedV4": .integer(1), "numberNotEstablishedV4": .integer(0),
                        "numberEstablishedV6": .integer(0), "numberNotEstablishedV6": .integer(0),
                        "peersV4": list(
                            map([
                                "peerIP": .string("10.0.0.2"), "type": .string("NodeMesh"),
                                "state": .string("Established"), "since": .string("v"),
                            ])
                        ), "peersV6": list(),
                    ]),
                    "routes": map([
                        "routesV4": list(
                            map([
                                "type": .string("FIB"), "destination": .string("10.1.0.0/26"),
                                "gateway": .string("10.0.0.2"), "interface": .string("eth0"),
                                "learnedFrom": map([
                                    "sourceType": .string("NodeMesh"), "peerIP": .string("10.0.0.2"),
                                ]),
                            ])
                        ), "routesV6": list(),
                    ]),
                ]),
            ]
        ),
        (
            "IPReservation", "projectcalico.org/v3",
            ["spec": map(["reservedCIDRs": list(.string("10.0.0.0/24"), .string("fd00::/64"))])]
        ),
        (
            "IPAMBlock", "crd.projectcalico.org/v1",
            [
                "spec": map([
                    "cidr": .string("10.0.0.0/30"), "affinity": .string("host:a"),
                    "allocations": list(.integer(0), .null, .null, .integer(0)),
                    "unallocated": list(.integer(1), .integer(2)),
                    "attributes": list(
                        map(["handle_id": .string("h"), "secondary": map(["pod": .string("p")])])
                    ), "sequenceNumber": .integer(9), "deleted": .bool(false),
                ])
            ]
        ),
        (
            "IPAMConfig", "crd.projectcalico.org/v1",
            [
                "spec": map([
                    "strictAffinity": .bool(true), "maxBlocksPerHost": .integer(4), "autoAllocateBlocks": .bool(false),
                    "kubeVirtVMAddressPersistence": .string("Disabled"), "ipCooldownSeconds": .integer(60),
                ])
            ]
        ),
        (
            "Service", "v1",
            [
                "spec": map([
                    "type": .string("LoadBalancer"), "clusterIPs": list(.string("10.0.0.1"), .string("fd00::1")),
                    "externalIPs": list(.string("192.0.2.1")), "loadBalancerIP": .string("192.0.2.2"),
                    "externalTrafficPolicy": .string("Local"), "ipFamilies": list(.string("IPv4"), .string("IPv6")),
                ]),
                "status": map(["loadBalancer": map(["ingress": list(map(["ip": .string("192.0.2.2")]))])]),
            ]
        ),
        (
            "EndpointSlice", "discovery.k8s.io/v1",
            [
                "addressType": .string("IPv4"),
                "endpoints": list(
                    map([
                        "addresses": list(.string("10.1.0.1")), "nodeName": .string("a"),
                        "conditions": map(["ready": .bool(false)]),
                    ])
                ),
            ]
        ),
        (
            "BGPConfiguration", "projectcalico.org/v3", ["spec": map(["listenPort": .integer(1790)])]
        ),
    ]

    @Test("What is read of every kind can be written and read again, without a remark", arguments: samples.indices)
    func roundTrip(_ index: Int) throws {
        let sample = Self.samples[index]
        let document = self.document(sample.kind, apiVersion: sample.apiVersion, sample.fields)
        let outcome = ManifestDecoder().decode(document)
        let named = sample.kind == "BGPConfiguration" ? 1 : 0
        #expect(outcome.diagnostics.count == named, "\(outcome.diagnostics)")
        let resource = try #require(outcome.resources.first?.resource)
        #expect(resource.key.kind == ResourceKind(spelled: sample.kind))
        let again = ManifestDecoder().decode(resource.manifest)
        #expect(again.resources.map(\.resource) == [resource])
        #expect(again.diagnostics.count == named, "\(again.diagnostics)")
    }

    @Test("A peer's own annotations are read, a wrong or unknown one is named")
    func annotations() throws {
        func peer(_ annotations: KeyValuePairs<String, ManifestValue.Content>) -> ManifestDecoder.Outcome {
            ManifestDecoder().decode(
                ManifestValue(
                    map([
                        "apiVersion": .string("projectcalico.org/v3"), "kind": .string("BGPPeer"),
                        "metadata": map(["name": .string("x"), "annotations": map(annotations)]),
                        "spec": map(["peerIP": .string("10.0.0.1")]),
                    ])
                )
            )
        }
        let good = peer(["martlet.dev/hold-time": .string("1m30s"), "martlet.dev/max-prefixes": .string("1000")])
        guard case .bgpPeer(let read)? = good.resources.first?.resource else {
            Issue.record("refused: \(good.diagnostics)")
            return
        }
        #expect(read.holdSeconds == 90 && read.maximumPrefixes == 1000 && !read.carriesBothFamilies)
        if case .bgpPeer(let both)? = peer(["martlet.dev/families": .string("both")]).resources.first?.resource {
            #expect(both.carriesBothFamilies)
        } else {
            Issue.record("refused")
        }
        for (name, text) in [
            ("hold-time", "2s"), ("hold-time", "x"), ("max-prefixes", "0"), ("max-prefixes", "-1"),
            ("families", "ipv4"),
        ] {
            let bad = peer(["martlet.dev/\(name)": .string(text)])
            #expect(bad.resources.isEmpty)
            #expect(bad.diagnostics.map(\.path) == ["metadata.annotations.martlet.dev/\(name)"])
        }
        #expect(peer(["martlet.dev/hold": .string("9s")]).diagnostics.map(\.severity) == [.warning])
    }
}
