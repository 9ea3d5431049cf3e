import IPAddressing

/// The state of an endpoint's data path, as its node reports it.
public struct EndpointStatus: Hashable, Sendable {
    /// How it stands.
    public var state: State
    /// Why, where that is worth a sentence.
    public var cause: String?

    /// Creates a status.
    public init(state: State, cause: String? = nil) {
        self.state = state
        self.cause = cause
    }

    /// How an endpoint stands.
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// Interface present, routes programmed.
        case up
        /// Interface absent or down.
        case down
        /// Programming failed.
        case error
    }

    /// The status as a manifest tree.
    public var manifest: ManifestValue {
        ManifestValue(fields: [("state", .text(self.state.rawValue)), ("cause", .optional(self.cause))])
    }

    /// Reads what ``manifest`` wrote; nil for any other shape.
    public init?(_ manifest: ManifestValue) {
        guard let state = manifest["state"]?.string.flatMap({ State(rawValue: $0) }) else { return nil }
        self.init(state: state, cause: manifest["cause"]?.string)
    }
}

extension ManifestValue {
    /// A map of the fields that are not null.
    init(fields: [(String, ManifestValue)]) {
        self.init(.map(fields.filter { !$0.1.isNull }.map { Field($0.0, $0.1) }))
    }

    static func text(_ value: some CustomStringConvertible) -> ManifestValue { Self(.string(value.description)) }

    static func optional(_ value: (some CustomStringConvertible)?) -> ManifestValue {
        value.map { Self(.string($0.description)) } ?? Self(.null)
    }

    static func number(_ value: (some BinaryInteger)?) -> ManifestValue {
        value.map { Self(.integer(Int64(clamping: $0))) } ?? Self(.null)
    }

    static func flag(_ value: Bool?) -> ManifestValue { value.map { Self(.bool($0)) } ?? Self(.null) }

    /// Null in place of a map without fields.
    var nullIfEmpty: ManifestValue { self.content == .map([]) ? Self(.null) : self }

    static func list(_ values: [some CustomStringConvertible]) -> ManifestValue {
        values.isEmpty ? Self(.null) : Self(.array(values.map { .text($0) }))
    }
}

extension Resource {
    /// The resource as a manifest that decodes to an equal resource.
    public var manifest: ManifestValue {
        let body: (ResourceMetadata, [(String, ManifestValue)]) =
            switch self {
            case .node(let value):
                (value.metadata, [("spec", value.specManifest), ("status", value.statusManifest)])
            case .ipPool(let value): (value.metadata, [("spec", value.specManifest)])
            case .bgpConfiguration(let value): (value.metadata, [("spec", value.specManifest)])
            case .bgpPeer(let value): (value.metadata, [("spec", value.specManifest)])
            case .blockAffinity(let value): (value.metadata, [("spec", value.specManifest)])
            case .workloadEndpoint(let value): (value.metadata, [("spec", value.specManifest)])
            case .bgpFilter(let value): (value.metadata, [("spec", value.specManifest)])
            case .felixConfiguration(let value): (value.metadata, [("spec", value.specManifest)])
            case .clusterInformation(let value): (value.metadata, [("spec", value.specManifest)])
            case .calicoNodeStatus(let value):
                (value.metadata, [("spec", value.specManifest), ("status", value.status.manifest)])
            case .ipReservation(let value): (value.metadata, [("spec", value.specManifest)])
            case .ipamBlock(let value): (value.metadata, [("spec", value.specManifest)])
            case .ipamConfiguration(let value): (value.metadata, [("spec", value.specManifest)])
            case .service(let value):
                (value.metadata, [("spec", value.specManifest), ("status", value.statusManifest)])
            case .endpointSlice(let value): (value.metadata, value.fieldManifests)
            case .secret(let value):
                (
                    value.metadata,
                    [
                        (
                            "data",
                            ManifestValue(
                                fields: value.values.sorted { $0.key < $1.key }
                                    .map { ($0.key, .text(encodeBase64($0.value))) }
                            )
                        )
                    ]
                )
            }
        let kind = self.key.kind
        return ManifestValue(
            fields: [
                ("apiVersion", .text(kind.apiVersion)),
                ("kind", .text(kind.rawValue)),
                ("metadata", body.0.manifest),
            ] + body.1
        )
    }
}

extension ResourceMetadata {
    fileprivate var manifest: ManifestValue {
        func map(_ values: [String: String]) -> ManifestValue {
            values.isEmpty
                ? ManifestValue(.null)
                : ManifestValue(fields: values.sorted { $0.key < $1.key }.map { ($0.key, .text($0.value)) })
        }
        return ManifestValue(fields: [
            ("name", .text(self.name)), ("namespace", .optional(self.namespace)), ("labels", map(self.labels)),
            ("annotations", map(self.annotations)),
        ])
    }
}

extension Node {
    fileprivate var specManifest: ManifestValue {
        let bgp = ManifestValue(fields: [
            ("ipv4Address", .optional(self.bgp?.ipv4Address)), ("ipv6Address", .optional(self.bgp?.ipv6Address)),
            ("asNumber", .number(self.bgp?.asNumber?.rawValue)),
            ("routeReflectorClusterID", .optional(self.bgp?.routeReflectorClusterID)),
            ("ipv4IPIPTunnelAddr", .optional(self.tunnels.ipip)),
        ])
        let wireguard = ManifestValue(fields: [
            ("interfaceIPv4Address", .optional(self.tunnels.wireguardIPv4)),
            ("interfaceIPv6Address", .optional(self.tunnels.wireguardIPv6)),
        ])
        return ManifestValue(fields: [
            ("bgp", bgp.nullIfEmpty), ("ipv4VXLANTunnelAddr", .optional(self.tunnels.vxlanIPv4)),
            ("ipv6VXLANTunnelAddr", .optional(self.tunnels.vxlanIPv6)),
            ("vxlanTunnelMACAddr", .optional(self.tunnels.vxlanMACv4)),
            ("vxlanTunnelMACAddrV6", .optional(self.tunnels.vxlanMACv6)), ("wireguard", wireguard.nullIfEmpty),
        ])
    }

    fileprivate var statusManifest: ManifestValue {
        ManifestValue(fields: [
            ("podCIDRs", .list(self.podCIDRs)), ("wireguardPublicKey", .optional(self.tunnels.wireguardKey)),
            ("wireguardPublicKeyV6", .optional(self.tunnels.wireguardKeyV6)),
        ]).nullIfEmpty
    }
}

extension IPPool {
    fileprivate var specManifest: ManifestValue {
        ManifestValue(fields: [
            ("cidr", .text(self.cidr)), ("ipipMode", .text(self.ipipMode.rawValue)),
            ("vxlanMode", .text(self.vxlanMode.rawValue)), ("natOutgoing", .flag(self.natOutgoing)),
            ("disabled", .flag(self.isDisabled)), ("disableBGPExport", .flag(self.disableBGPExport)),
            ("blockSize", .number(self.blockSize)), ("nodeSelector", .optional(self.nodeSelector)),
            ("namespaceSelector", .optional(self.namespaceSelector)),
            ("assignmentMode", .optional(self.isAutomatic ? nil : "Manual")),
            (
                "allowedUses",
                self.allowedUses == [.workload, .tunnel]
                    ? ManifestValue(.null)
                    : .list(IPPool.Use.allCases.filter(self.allowedUses.contains).map(\.rawValue))
            ),
        ])
    }
}

extension SecretKeyReference {
    fileprivate var manifest: ManifestValue {
        ManifestValue(fields: [
            ("secretKeyRef", ManifestValue(fields: [("name", .text(self.name)), ("key", .text(self.key))]))
        ])
    }
}

extension BGPConfiguration {
    fileprivate var specManifest: ManifestValue {
        let named = self.communities.map {
            ManifestValue(fields: [("name", .text($0.name)), ("value", .text($0.value))])
        }
        let advertisements = self.prefixAdvertisements?.map {
            ManifestValue(fields: [("cidr", .text($0.cidr)), ("communities", .list($0.communities))])
        }
        return ManifestValue(fields: [
            ("logSeverityScreen", .optional(self.logSeverityScreen)),
            ("nodeToNodeMeshEnabled", .flag(self.nodeToNodeMeshEnabled)),
            ("asNumber", .number(self.asNumber?.rawValue)), ("listenPort", .number(self.listenPort)),
            ("nodeMeshPassword", self.nodeMeshPassword?.manifest ?? ManifestValue(.null)),
            ("bindMode", .optional(self.bindMode?.rawValue)), ("ignoredInterfaces", .list(self.ignoredInterfaces)),
            ("communities", named.isEmpty ? ManifestValue(.null) : ManifestValue(.array(named))),
            ("prefixAdvertisements", advertisements.map { ManifestValue(.array($0)) } ?? ManifestValue(.null)),
            ("programClusterRoutes", .optional(self.programClusterRoutes?.rawValue)),
            ("ipv4NormalRoutePriority", .number(self.ipv4NormalRoutePriority)),
            ("ipv6NormalRoutePriority", .number(self.ipv6NormalRoutePriority)),
            ("serviceClusterIPs", Self.manifest(self.serviceClusterIPs)),
            ("serviceExternalIPs", Self.manifest(self.serviceExternalIPs)),
            ("serviceLoadBalancerIPs", Self.manifest(self.serviceLoadBalancerIPs)),
            (
                "serviceLoadBalancerAggregation",
                .optional(self.aggregatesLoadBalancers.map { $0 ? "Enabled" : "Disabled" })
            ), ("nodeMeshMaxRestartTime", .optional(self.nodeMeshMaxRestartSeconds.map { "\($0)s" })),
            ("localWorkloadPeeringIPV4", .optional(self.localWorkloadPeeringIPv4)),
            ("localWorkloadPeeringIPV6", .optional(self.localWorkloadPeeringIPv6)),
        ])
    }
}

extension BGPConfiguration {
    private static func manifest(_ prefixes: [IPPrefix]) -> ManifestValue {
        guard !prefixes.isEmpty else { return ManifestValue(.null) }
        return ManifestValue(.array(prefixes.map { ManifestValue(fields: [("cidr", .text($0))]) }))
    }
}

extension BGPPeer {
    fileprivate var specManifest: ManifestValue {
        let peerIP = self.peerIP.map { address in
            guard let port = self.peerPort else { return address.description }
            return address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        }
        return ManifestValue(fields: [
            ("node", .optional(self.node)), ("nodeSelector", .optional(self.nodeSelector)),
            ("peerIP", .optional(peerIP)), ("peerSelector", .optional(self.peerSelector)),
            ("asNumber", .number(self.asNumber?.rawValue)),
            ("localASNumber", .number(self.localASNumber?.rawValue)),
            ("keepOriginalNextHop", .flag(self.keepOriginalNextHop ? true : nil)),
            ("nextHopMode", .optional(self.nextHopMode?.rawValue)),
            ("password", self.password?.manifest ?? ManifestValue(.null)),
            ("sourceAddress", .text(self.sourceAddress.rawValue)),
            ("keepaliveTime", .optional(self.keepaliveSeconds.map { "\($0)s" })),
            ("numAllowedLocalASNumbers", .number(self.numAllowedLocalASNumbers)),
            ("ttlSecurity", .number(self.ttlSecurity)), ("reachableBy", .optional(self.reachableBy)),
            ("reversePeering", .text(self.reversePeering.rawValue)),
            ("maxRestartTime", .optional(self.maxRestartSeconds.map { "\($0)s" })),
            ("filters", .list(self.filters)), ("localWorkloadSelector", .optional(self.localWorkloadSelector)),
        ])
    }
}

extension BlockAffinity {
    fileprivate var specManifest: ManifestValue {
        ManifestValue(fields: [
            ("state", .text(self.state.rawValue)), ("node", .text(self.node)), ("type", .text(self.type)),
            ("cidr", .text(self.cidr)), ("deleted", .flag(self.isDeleted ? true : nil)),
        ])
    }
}

extension WorkloadEndpoint {
    fileprivate var specManifest: ManifestValue {
        ManifestValue(fields: [
            ("node", .text(self.node)), ("orchestrator", .text(self.orchestrator)),
            ("workload", .optional(self.workload)), ("pod", .optional(self.pod)),
            ("containerID", .optional(self.containerID)), ("endpoint", .text(self.endpoint)),
            ("interfaceName", .text(self.interfaceName)), ("mac", .optional(self.mac)),
            ("ipNetworks", .list(self.ipNetworks)), ("profiles", .list(self.profiles)),
            ("allowSpoofedSourcePrefixes", .list(self.allowSpoofedSourcePrefixes)),
        ])
    }

    /// The name the resource model gives an endpoint: `node-orchestrator-workload-endpoint`, each `-` in a part doubled.
    ///
    /// The third part is the pod for orchestrator `k8s`, the container for `cni`, else the workload.
    public var canonicalName: String {
        let workload =
            switch self.orchestrator {
            case "k8s": self.pod
            case "cni": self.containerID
            default: self.workload
            }
        return [self.node, self.orchestrator, workload ?? "", self.endpoint]
            .map { $0.split(separator: "-", omittingEmptySubsequences: false).joined(separator: "--") }
            .joined(separator: "-")
    }
}
