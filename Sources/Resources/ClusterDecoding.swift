import IPAddressing

/// Decodes `spec` of an IPReservation.
func decodeIPReservation(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> IPReservation {
    let reserved = spec.prefixes("reservedCIDRs") ?? []
    spec.finish()
    return IPReservation(metadata: metadata, reservedCIDRs: reserved)
}

/// Decodes `spec` of an IPAMBlock.
func decodeIPAMBlock(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> IPAMBlock? {
    guard let cidr = spec.prefix("cidr") else {
        if !spec.has("cidr") { spec.error("cidr", "is missing") }
        return nil
    }
    var block = IPAMBlock(metadata: metadata, cidr: cidr, affinity: spec.nonEmpty("affinity"))
    for (path, element) in spec.elements("allocations") ?? [] {
        switch element.content {
        case .null: block.allocations.append(nil)
        case .integer(let index) where (0..<10_000).contains(index): block.allocations.append(Int(index))
        default: spec.collector.report(.error, path, element, "must be the index of an attribute, or null")
        }
    }
    for (path, element) in spec.elements("unallocated") ?? [] {
        guard case .integer(let ordinal) = element.content, (0..<10_000).contains(ordinal) else {
            spec.collector.report(.error, path, element, "must be an ordinal in the block")
            continue
        }
        block.unallocated.append(Int(ordinal))
    }
    for (path, element) in spec.elements("attributes") ?? [] {
        var reader = MapReader(element, path: path, collector: spec.collector)
        let handle = reader.nonEmpty("handle_id")
        block.attributes.append(IPAMBlock.Attribute(handle: handle, secondary: reader.stringMap("secondary")))
        for name in ["alternateOwnerAttrs", "releasedAt"] { _ = reader.raw(name) }
        reader.finish()
    }
    for index in block.allocations.compactMap(\.self) where index >= block.attributes.count {
        spec.error("allocations", "refers to attribute \(index), which there is not")
    }
    block.sequenceNumber = UInt64(clamping: spec.integer("sequenceNumber", in: 0...Int64.max) ?? 0)
    block.isDeleted = spec.bool("deleted") ?? false
    spec.finish(UnsupportedField.descriptive("sequenceNumberForAllocation", "affinityClaimTime", "strictAffinity"))
    return block
}

/// Decodes `spec` of an IPAMConfiguration.
func decodeIPAMConfiguration(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> IPAMConfiguration {
    var configuration = IPAMConfiguration(metadata: metadata)
    configuration.strictAffinity = spec.bool("strictAffinity") ?? false
    configuration.maxBlocksPerHost = UInt32(
        clamping: spec.integer("maxBlocksPerHost", in: 0...Int64(Int32.max)) ?? 0
    )
    configuration.autoAllocateBlocks = spec.bool("autoAllocateBlocks") ?? true
    if !configuration.autoAllocateBlocks, !configuration.strictAffinity, spec.has("autoAllocateBlocks") {
        spec.error("autoAllocateBlocks", "may only be false with strictAffinity")
    }
    configuration.keepsVMAddresses =
        spec.enumeration("kubeVirtVMAddressPersistence", [EnabledState.enabled, .disabled]) != .disabled
    configuration.cooldownSeconds = spec.integer("ipCooldownSeconds", in: 0...1200).map { UInt16(clamping: $0) }
    spec.finish()
    return configuration
}

/// Decodes `spec` of a ClusterInformation.
func decodeClusterInformation(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> ClusterInformation {
    var information = ClusterInformation(metadata: metadata)
    information.clusterGUID = spec.nonEmpty("clusterGUID")
    information.clusterType = spec.nonEmpty("clusterType")
    information.calicoVersion = spec.nonEmpty("calicoVersion")
    information.variant = spec.nonEmpty("variant")
    information.datastoreReady = spec.bool("datastoreReady")
    spec.finish()
    return information
}

/// Two words that some fields use in place of a truth value.
enum EnabledState: String {
    case enabled = "Enabled"
    case disabled = "Disabled"
}

/// Decodes the routing part of `spec` of a FelixConfiguration; the rest is for policy and is skipped.
func decodeFelixConfiguration(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> FelixConfiguration {
    var felix = FelixConfiguration(metadata: metadata)
    let priorities: ClosedRange<Int64> = 1...2_147_483_646
    func number<Value: FixedWidthInteger>(_ name: String, _ range: ClosedRange<Int64>) -> Value? {
        spec.integer(name, in: range).map { Value(clamping: $0) }
    }
    func seconds(_ name: String) -> UInt32? {
        spec.seconds(name, in: 0...Int64(Int32.max)).map { UInt32(clamping: $0) }
    }
    func isEnabled(_ name: String) -> Bool? {
        spec.enumeration(name, [EnabledState.enabled, .disabled]).map { $0 == .enabled }
    }
    felix.programClusterRoutes = spec.routeOwner("programClusterRoutes")
    felix.ipv4NormalRoutePriority = number("ipv4NormalRoutePriority", priorities)
    felix.ipv6NormalRoutePriority = number("ipv6NormalRoutePriority", priorities)
    felix.ipv4ElevatedRoutePriority = number("ipv4ElevatedRoutePriority", priorities)
    felix.ipv6ElevatedRoutePriority = number("ipv6ElevatedRoutePriority", priorities)
    felix.liveMigrationRouteConvergenceSeconds = seconds("liveMigrationRouteConvergenceTime")
    felix.deviceRouteProtocol = number("deviceRouteProtocol", 0...255)
    felix.deviceRouteSourceAddress = spec.address("deviceRouteSourceAddress", isIPv4: true)
    felix.deviceRouteSourceAddressIPv6 = spec.address("deviceRouteSourceAddressIPv6", isIPv4: false)
    felix.removeExternalRoutes = spec.bool("removeExternalRoutes")
    felix.routeSource = spec.enumeration("routeSource", [FelixConfiguration.RouteSource.calicoIPAM, .workloadIPs])
    felix.routeSyncDisabled = spec.bool("routeSyncDisabled")
    felix.routeRefreshSeconds = seconds("routeRefreshInterval")
    for (path, element) in spec.elements("routeTableRanges") ?? [] {
        var range = MapReader(element, path: path, collector: spec.collector)
        let least = range.integer("min", in: 1...Int64(UInt32.max)) ?? 0
        let most = range.integer("max", in: 1...Int64(UInt32.max)) ?? 0
        range.finish()
        guard least > 0, most >= least else {
            spec.collector.report(.error, path, element, "needs min and max, min being the lesser")
            continue
        }
        felix.routeTableRanges.append(UInt32(clamping: least)...UInt32(clamping: most))
    }
    felix.ipipEnabled = spec.bool("ipipEnabled")
    felix.vxlanEnabled = spec.bool("vxlanEnabled")
    felix.vxlanPort = number("vxlanPort", 1...65_535)
    felix.vxlanVNI = number("vxlanVNI", 1...16_777_215)
    felix.wireguardEnabled = spec.bool("wireguardEnabled")
    felix.wireguardEnabledV6 = spec.bool("wireguardEnabledV6")
    felix.wireguardHostEncryptionEnabled = spec.bool("wireguardHostEncryptionEnabled")
    felix.wireguardListeningPort = number("wireguardListeningPort", 1...65_535)
    felix.wireguardListeningPortV6 = number("wireguardListeningPortV6", 1...65_535)
    felix.wireguardRoutingRulePriority = number("wireguardRoutingRulePriority", 0...32_766)
    func interface(_ name: String) -> String? {
        guard let text = spec.nonEmpty(name) else { return nil }
        if !isInterfaceName(text) { spec.error(name, "must be 1 to 15 letters, digits, '_', '-' and '.'") }
        return text
    }
    felix.wireguardInterfaceName = interface("wireguardInterfaceName")
    felix.wireguardInterfaceNameV6 = interface("wireguardInterfaceNameV6")
    felix.serviceLoopPrevention = spec.enumeration(
        "serviceLoopPrevention",
        [FelixConfiguration.ServiceLoopPrevention.drop, .reject, .disabled]
    )
    felix.endpointStatusPathPrefix = spec.nonEmpty("endpointStatusPathPrefix")
    felix.interfacePrefix = spec.nonEmpty("interfacePrefix")
    if let prefixes = felix.interfacePrefix,
        !prefixes.split(separator: ",", omittingEmptySubsequences: false).allSatisfy({
            isInterfaceName(String($0)) && !$0.contains(".")
        })
    {
        spec.error("interfacePrefix", "must be one or more beginnings of interface names with commas between them")
    }
    felix.floatingIPs = isEnabled("floatingIPs")
    felix.localSubnetL2Reachability = spec.enumeration(
        "localSubnetL2Reachability",
        [FelixConfiguration.LocalSubnetReachability.disabled, .podsAndLoadBalancers]
    )
    felix.externalNodes = spec.prefixes("externalNodesList") ?? []
    spec.finish()
    return felix
}

/// Decodes a CalicoNodeStatus.
func decodeCalicoNodeStatus(
    _ spec: inout MapReader,
    status: inout MapReader?,
    _ metadata: ResourceMetadata
) -> CalicoNodeStatus? {
    let node = spec.nonEmpty("node")
    if node == nil { spec.error("node", "is missing") }
    var classes: Set<CalicoNodeStatus.Class> = []
    for (path, element) in spec.elements("classes") ?? [] {
        guard let value = element.string.flatMap({ CalicoNodeStatus.Class(rawValue: $0) }) else {
            spec.collector.report(.error, path, element, "must be one of Agent, BGP, Routes")
            continue
        }
        classes.insert(value)
    }
    let period = spec.integer("updatePeriodSeconds", in: 0...86_400) ?? 10
    spec.finish()
    guard let node else { return nil }
    var result = CalicoNodeStatus(
        metadata: metadata,
        node: node,
        classes: classes,
        updatePeriodSeconds: UInt32(clamping: period)
    )
    if var reader = status { result.status = decodeNodeStatusReport(&reader) }
    return result
}

private func decodeNodeStatusReport(_ reader: inout MapReader) -> CalicoNodeStatus.Report {
    var report = CalicoNodeStatus.Report()
    report.lastUpdated = reader.nonEmpty("lastUpdated")
    if var agent = reader.map("agent") {
        report.agentV4 = decodeAgent("birdV4", &agent)
        report.agentV6 = decodeAgent("birdV6", &agent)
    }
    if var bgp = reader.map("bgp") {
        report.peersV4 = decodePeers("peersV4", &bgp)
        report.peersV6 = decodePeers("peersV6", &bgp)
    }
    if var routes = reader.map("routes") {
        report.routesV4 = decodeRoutes("routesV4", &routes)
        report.routesV6 = decodeRoutes("routesV6", &routes)
    }
    return report
}

private func decodeAgent(_ name: String, _ holder: inout MapReader) -> CalicoNodeStatus.Agent? {
    guard var reader = holder.map(name) else { return nil }
    var agent = CalicoNodeStatus.Agent(isReady: reader.nonEmpty("state") == "Ready")
    agent.version = reader.nonEmpty("version")
    agent.routerID = reader.nonEmpty("routerID")
    agent.lastBootTime = reader.nonEmpty("lastBootTime")
    agent.lastReconfigurationTime = reader.nonEmpty("lastReconfigurationTime")
    return agent
}

private func decodePeers(_ name: String, _ holder: inout MapReader) -> [CalicoNodeStatus.Peer] {
    (holder.elements(name, atMost: 100_000) ?? []).map { path, element in
        var reader = MapReader(element, path: path, collector: holder.collector)
        return CalicoNodeStatus.Peer(
            peerIP: reader.nonEmpty("peerIP") ?? "",
            type: reader.nonEmpty("type") ?? "",
            state: reader.nonEmpty("state") ?? "",
            since: reader.nonEmpty("since")
        )
    }
}

private func decodeRoutes(_ name: String, _ holder: inout MapReader) -> [CalicoNodeStatus.Route] {
    (holder.elements(name, atMost: 1_000_000) ?? []).map { path, element in
        var reader = MapReader(element, path: path, collector: holder.collector)
        var origin = reader.map("learnedFrom")
        var route = CalicoNodeStatus.Route(
            type: reader.nonEmpty("type") ?? "",
            destination: reader.nonEmpty("destination") ?? "",
            gateway: reader.nonEmpty("gateway") ?? "",
            interface: reader.nonEmpty("interface") ?? "",
            sourceType: origin?.nonEmpty("sourceType") ?? ""
        )
        route.peerIP = origin?.nonEmpty("peerIP")
        return route
    }
}
