import IPAddressing

extension BGPFilter {
    var specManifest: ManifestValue {
        func manifest(_ rules: [Rule]) -> ManifestValue {
            rules.isEmpty ? ManifestValue(.null) : ManifestValue(.array(rules.map(\.manifest)))
        }
        return ManifestValue(fields: [
            ("importV4", manifest(self.importV4)), ("exportV4", manifest(self.exportV4)),
            ("importV6", manifest(self.importV6)), ("exportV6", manifest(self.exportV6)),
        ])
    }
}

extension BGPFilter.Rule {
    fileprivate var manifest: ManifestValue {
        let lengths = self.prefix?.lengths.map {
            ManifestValue(fields: [("min", .number($0.minimum)), ("max", .number($0.maximum))])
        }
        let communities = self.community.map { ManifestValue(fields: [("values", .list([$0]))]) }
        let operations = ManifestValue(.array(self.operations.map(\.manifest)))
        return ManifestValue(fields: [
            ("cidr", .optional(self.prefix.map { $0.spelling ?? $0.cidr.description })),
            ("matchOperator", .optional(self.prefix?.matchOperator.rawValue)),
            ("prefixLength", lengths ?? ManifestValue(.null)),
            ("source", .optional(self.isFromRemotePeers ? "RemotePeers" : nil)),
            ("interface", .optional(self.interface)), ("peerType", .optional(self.peerType?.rawValue)),
            ("communities", communities ?? ManifestValue(.null)),
            ("asPathPrefix", .numbers(self.pathPrefix.map(\.rawValue))), ("priority", .number(self.priority)),
            ("action", .text(self.action.rawValue)),
            ("operations", self.operations.isEmpty ? ManifestValue(.null) : operations),
        ])
    }
}

extension BGPFilter.Operation {
    fileprivate var manifest: ManifestValue {
        switch self {
        case .addCommunity(let value):
            ManifestValue(fields: [("addCommunity", ManifestValue(fields: [("value", .text(value))]))])
        case .prependASPath(let path):
            ManifestValue(fields: [
                ("prependASPath", ManifestValue(fields: [("prefix", .numbers(path.map(\.rawValue)))]))
            ])
        case .setPriority(let value):
            ManifestValue(fields: [("setPriority", ManifestValue(fields: [("value", .number(value))]))])
        }
    }
}

extension ManifestValue {
    static func numbers(_ values: [some BinaryInteger]) -> ManifestValue {
        values.isEmpty ? Self(.null) : Self(.array(values.map { .number($0) }))
    }

    static func strings(_ values: [String: String]) -> ManifestValue {
        values.isEmpty ? Self(.null) : Self(fields: values.sorted { $0.key < $1.key }.map { ($0.key, .text($0.value)) })
    }
}

extension KubernetesService {
    var specManifest: ManifestValue {
        ManifestValue(fields: [
            ("type", .text(self.type)), ("clusterIP", .optional(self.clusterIPs.first)),
            ("clusterIPs", .list(self.clusterIPs)), ("externalIPs", .list(self.externalIPs)),
            ("loadBalancerIP", .optional(self.loadBalancerIP)),
            ("externalTrafficPolicy", .optional(self.isLocal ? "Local" : nil)),
            ("ipFamilies", .list(self.families.sorted { $0 && !$1 }.map { $0 ? "IPv4" : "IPv6" })),
        ])
    }

    var statusManifest: ManifestValue {
        guard !self.ingressIPs.isEmpty else { return ManifestValue(.null) }
        let ingress = ManifestValue(.array(self.ingressIPs.map { ManifestValue(fields: [("ip", .text($0))]) }))
        return ManifestValue(fields: [("loadBalancer", ManifestValue(fields: [("ingress", ingress)]))])
    }
}

extension EndpointSlice {
    var fieldManifests: [(String, ManifestValue)] {
        let endpoints = self.endpoints.map { endpoint in
            ManifestValue(fields: [
                ("addresses", .list(endpoint.addresses)), ("nodeName", .optional(endpoint.nodeName)),
                ("conditions", ManifestValue(fields: [("ready", .flag(endpoint.isReady))])),
            ])
        }
        return [
            ("addressType", .text(self.isIPv4.map { $0 ? "IPv4" : "IPv6" } ?? "FQDN")),
            ("endpoints", ManifestValue(.array(endpoints))),
        ]
    }
}

extension IPReservation {
    var specManifest: ManifestValue { ManifestValue(fields: [("reservedCIDRs", .list(self.reservedCIDRs))]) }
}

extension IPAMBlock {
    var specManifest: ManifestValue {
        let attributes = self.attributes.map {
            ManifestValue(fields: [("handle_id", .optional($0.handle)), ("secondary", .strings($0.secondary))])
        }
        return ManifestValue(fields: [
            ("cidr", .text(self.cidr)), ("affinity", .optional(self.affinity)),
            ("allocations", ManifestValue(.array(self.allocations.map { .number($0) }))),
            ("unallocated", ManifestValue(.array(self.unallocated.map { .number($0) }))),
            ("attributes", ManifestValue(.array(attributes))), ("sequenceNumber", .number(self.sequenceNumber)),
            ("deleted", .flag(self.isDeleted)),
        ])
    }
}

extension IPAMConfiguration {
    var specManifest: ManifestValue {
        ManifestValue(fields: [
            ("strictAffinity", .flag(self.strictAffinity)), ("maxBlocksPerHost", .number(self.maxBlocksPerHost)),
            ("autoAllocateBlocks", .flag(self.autoAllocateBlocks)),
            ("kubeVirtVMAddressPersistence", .optional(self.keepsVMAddresses ? nil : "Disabled")),
            ("ipCooldownSeconds", .number(self.cooldownSeconds)),
        ])
    }
}

extension ClusterInformation {
    var specManifest: ManifestValue {
        ManifestValue(fields: [
            ("clusterGUID", .optional(self.clusterGUID)), ("clusterType", .optional(self.clusterType)),
            ("calicoVersion", .optional(self.calicoVersion)), ("variant", .optional(self.variant)),
            ("datastoreReady", .flag(self.datastoreReady)),
        ])
    }
}

extension FelixConfiguration {
    var specManifest: ManifestValue {
        func enabled(_ value: Bool?) -> ManifestValue { .optional(value.map { $0 ? "Enabled" : "Disabled" }) }
        func seconds(_ value: UInt32?) -> ManifestValue { .optional(value.map { "\($0)s" }) }
        let ranges = self.routeTableRanges.map {
            ManifestValue(fields: [("min", .number($0.lowerBound)), ("max", .number($0.upperBound))])
        }
        return ManifestValue(fields: [
            ("programClusterRoutes", .optional(self.programClusterRoutes?.rawValue)),
            ("ipv4NormalRoutePriority", .number(self.ipv4NormalRoutePriority)),
            ("ipv6NormalRoutePriority", .number(self.ipv6NormalRoutePriority)),
            ("ipv4ElevatedRoutePriority", .number(self.ipv4ElevatedRoutePriority)),
            ("ipv6ElevatedRoutePriority", .number(self.ipv6ElevatedRoutePriority)),
            ("liveMigrationRouteConvergenceTime", seconds(self.liveMigrationRouteConvergenceSeconds)),
            ("deviceRouteProtocol", .number(self.deviceRouteProtocol)),
            ("deviceRouteSourceAddress", .optional(self.deviceRouteSourceAddress)),
            ("deviceRouteSourceAddressIPv6", .optional(self.deviceRouteSourceAddressIPv6)),
            ("removeExternalRoutes", .flag(self.removeExternalRoutes)),
            ("routeSource", .optional(self.routeSource?.rawValue)),
            ("routeSyncDisabled", .flag(self.routeSyncDisabled)),
            ("routeRefreshInterval", seconds(self.routeRefreshSeconds)),
            ("routeTableRanges", ranges.isEmpty ? ManifestValue(.null) : ManifestValue(.array(ranges))),
            ("ipipEnabled", .flag(self.ipipEnabled)), ("vxlanEnabled", .flag(self.vxlanEnabled)),
            ("vxlanPort", .number(self.vxlanPort)), ("vxlanVNI", .number(self.vxlanVNI)),
            ("wireguardEnabled", .flag(self.wireguardEnabled)),
            ("wireguardEnabledV6", .flag(self.wireguardEnabledV6)),
            ("wireguardHostEncryptionEnabled", .flag(self.wireguardHostEncryptionEnabled)),
            ("wireguardListeningPort", .number(self.wireguardListeningPort)),
            ("wireguardListeningPortV6", .number(self.wireguardListeningPortV6)),
            ("wireguardRoutingRulePriority", .number(self.wireguardRoutingRulePriority)),
            ("wireguardInterfaceName", .optional(self.wireguardInterfaceName)),
            ("wireguardInterfaceNameV6", .optional(self.wireguardInterfaceNameV6)),
            ("serviceLoopPrevention", .optional(self.serviceLoopPrevention?.rawValue)),
            ("endpointStatusPathPrefix", .optional(self.endpointStatusPathPrefix)),
            ("interfacePrefix", .optional(self.interfacePrefix)), ("floatingIPs", enabled(self.floatingIPs)),
            ("localSubnetL2Reachability", .optional(self.localSubnetL2Reachability?.rawValue)),
            ("externalNodesList", .list(self.externalNodes)),
        ])
    }
}

extension CalicoNodeStatus {
    var specManifest: ManifestValue {
        ManifestValue(fields: [
            ("node", .text(self.node)),
            ("classes", .list(Class.allCases.filter(self.classes.contains).map(\.rawValue))),
            ("updatePeriodSeconds", .number(self.updatePeriodSeconds)),
        ])
    }
}

extension CalicoNodeStatus.Report? {
    /// The report as `status`; null without one.
    var manifest: ManifestValue {
        guard let report = self else { return ManifestValue(.null) }
        let agent = ManifestValue(fields: [
            ("birdV4", report.agentV4?.manifest ?? ManifestValue(.null)),
            ("birdV6", report.agentV6?.manifest ?? ManifestValue(.null)),
        ])
        var bgp = ManifestValue(.null)
        if report.peersV4 != nil || report.peersV6 != nil {
            let (four, six) = (report.peersV4 ?? [], report.peersV6 ?? [])
            func count(_ peers: [CalicoNodeStatus.Peer], _ isUp: Bool) -> ManifestValue {
                .number(peers.count { ($0.state == "Established") == isUp })
            }
            bgp = ManifestValue(fields: [
                ("numberEstablishedV4", count(four, true)), ("numberNotEstablishedV4", count(four, false)),
                ("numberEstablishedV6", count(six, true)), ("numberNotEstablishedV6", count(six, false)),
                ("peersV4", ManifestValue(.array(four.map(\.manifest)))),
                ("peersV6", ManifestValue(.array(six.map(\.manifest)))),
            ])
        }
        var routes = ManifestValue(.null)
        if report.routesV4 != nil || report.routesV6 != nil {
            routes = ManifestValue(fields: [
                ("routesV4", ManifestValue(.array((report.routesV4 ?? []).map(\.manifest)))),
                ("routesV6", ManifestValue(.array((report.routesV6 ?? []).map(\.manifest)))),
            ])
        }
        return ManifestValue(fields: [
            ("lastUpdated", .optional(report.lastUpdated)), ("agent", agent.nullIfEmpty), ("bgp", bgp),
            ("routes", routes),
        ])
    }
}

extension CalicoNodeStatus.Agent {
    fileprivate var manifest: ManifestValue {
        ManifestValue(fields: [
            ("state", .text(self.isReady ? "Ready" : "NotReady")), ("version", .optional(self.version)),
            ("routerID", .optional(self.routerID)), ("lastBootTime", .optional(self.lastBootTime)),
            ("lastReconfigurationTime", .optional(self.lastReconfigurationTime)),
        ])
    }
}

extension CalicoNodeStatus.Peer {
    fileprivate var manifest: ManifestValue {
        ManifestValue(fields: [
            ("peerIP", .text(self.peerIP)), ("type", .text(self.type)), ("state", .text(self.state)),
            ("since", .optional(self.since)),
        ])
    }
}

extension CalicoNodeStatus.Route {
    fileprivate var manifest: ManifestValue {
        ManifestValue(fields: [
            ("type", .text(self.type)), ("destination", .text(self.destination)), ("gateway", .text(self.gateway)),
            ("interface", .text(self.interface)),
            (
                "learnedFrom",
                ManifestValue(fields: [("sourceType", .text(self.sourceType)), ("peerIP", .optional(self.peerIP))])
            ),
        ])
    }
}
