import IPAddressing

// Fields that exist in the resource model and are not honoured, with what is done about each.
private let endpointFields =
    UnsupportedField.descriptive("serviceAccountName", "generateName", "ipv4Gateway", "ipv6Gateway", "ports")
    + UnsupportedField.noEffect("ipNATs", "qosControls")

/// Decodes `spec` of a Node.
func decodeNode(_ spec: inout MapReader, status: inout MapReader?, _ metadata: ResourceMetadata) -> Node {
    var node = Node(metadata: metadata)
    decodeTunnels(&spec, status: &status, into: &node)
    if var bgp = spec.map("bgp") {
        if case .map(let fields) = bgp.value.content, fields.allSatisfy({ $0.value.isNull }) {
            spec.error("bgp", "must not be empty; leave it out for a node without BGP")
        }
        func address(_ name: String, isIPv4: Bool) -> AddressWithLength? {
            guard let text = bgp.nonEmpty(name) else { return nil }
            guard let address = AddressWithLength(text), address.address.isIPv4 == isIPv4 else {
                bgp.error(name, "must be an \(isIPv4 ? "IPv4" : "IPv6") address, with or without /length")
                return nil
            }
            guard address.address.isUsableNextHop else {
                bgp.error(name, "is no unicast address")
                return nil
            }
            return address
        }
        var value = Node.BGP()
        value.ipv4Address = address("ipv4Address", isIPv4: true)
        value.ipv6Address = address("ipv6Address", isIPv4: false)
        value.asNumber = bgp.asNumber("asNumber")
        if let text = bgp.nonEmpty("routeReflectorClusterID") {
            value.routeReflectorClusterID = RouterID(text)
            if value.routeReflectorClusterID == nil {
                bgp.error("routeReflectorClusterID", "must be four octets such as 10.0.0.1")
            }
        }
        node.tunnels.ipip = bgp.address("ipv4IPIPTunnelAddr", isIPv4: true)
        bgp.finish()
        // What holds nothing that is understood cannot be told from a node without BGP.
        node.bgp = value == Node.BGP() ? nil : value
    }
    checkDescription(&spec)
    spec.finish()
    return node
}

/// Checks what a node says of itself and nothing here depends on; that is no reason to do without the node.
private func checkDescription(_ spec: inout MapReader) {
    func elements(_ name: String, _ check: (inout MapReader) -> Void) {
        for (path, element) in spec.elements(name) ?? [] {
            var reader = MapReader(element, path: path, collector: spec.collector)
            check(&reader)
            reader.finish()
        }
    }
    func checkAddress(_ text: String, _ path: String, _ value: ManifestValue) {
        guard AddressWithLength(text) == nil else { return }
        spec.collector.report(.warning, path, value, "must be an address, with or without /length")
    }
    elements("orchRefs") { reader in
        if reader.nonEmpty("orchestrator") == nil { reader.warn("orchestrator", "is missing") }
        _ = reader.string("nodeName")
    }
    elements("addresses") { reader in
        if let text = reader.nonEmpty("address") {
            checkAddress(text, reader.path("address"), reader.value)
        } else if !reader.has("address") {
            reader.warn("address", "is missing")
        }
        if let type = reader.nonEmpty("type"), !["CalicoNodeIP", "InternalIP", "ExternalIP"].contains(type) {
            reader.warn("type", "\(type) is none of CalicoNodeIP, InternalIP, ExternalIP")
        }
    }
    elements("interfaces") { reader in
        if let name = reader.nonEmpty("name"), !isInterfaceName(name) {
            reader.warn("name", "must be 1 to 15 letters, digits, '_', '-' and '.'")
        }
        for (path, element) in reader.elements("addresses") ?? [] {
            checkAddress(element.string ?? "", path, element)
        }
    }
}

private func decodeTunnels(_ spec: inout MapReader, status: inout MapReader?, into node: inout Node) {
    func mac(_ name: String) -> MACAddress? {
        guard let text = spec.nonEmpty(name) else { return nil }
        if let address = MACAddress(text) { return address }
        spec.error(name, "must be six octets such as 02:00:00:00:00:01")
        return nil
    }
    node.tunnels.vxlanIPv4 = spec.address("ipv4VXLANTunnelAddr", isIPv4: true)
    node.tunnels.vxlanIPv6 = spec.address("ipv6VXLANTunnelAddr", isIPv4: false)
    node.tunnels.vxlanMACv4 = mac("vxlanTunnelMACAddr")
    node.tunnels.vxlanMACv6 = mac("vxlanTunnelMACAddrV6")
    if var wireguard = spec.map("wireguard") {
        node.tunnels.wireguardIPv4 = wireguard.address("interfaceIPv4Address", isIPv4: true)
        node.tunnels.wireguardIPv6 = wireguard.address("interfaceIPv6Address", isIPv4: false)
        wireguard.finish()
    }
    node.podCIDRs = status?.prefixes("podCIDRs") ?? []
    node.tunnels.wireguardKey = status?.nonEmpty("wireguardPublicKey")
    node.tunnels.wireguardKeyV6 = status?.nonEmpty("wireguardPublicKeyV6")
}

/// Decodes `spec` of an IPPool.
func decodeIPPool(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> IPPool? {
    guard let cidr = spec.prefix("cidr") else {
        if !spec.has("cidr") || spec.nonEmpty("cidr") == nil { spec.error("cidr", "is missing") }
        return nil
    }
    var pool = IPPool(metadata: metadata, cidr: cidr)
    let modes: [IPPool.EncapsulationMode] = [.never, .always, .crossSubnet]
    pool.ipipMode = spec.enumeration("ipipMode", modes) ?? .never
    pool.vxlanMode = spec.enumeration("vxlanMode", modes) ?? .never
    pool.natOutgoing = spec.bool("natOutgoing") ?? false
    pool.isDisabled = spec.bool("disabled") ?? false
    pool.disableBGPExport = spec.bool("disableBGPExport") ?? false
    if pool.ipipMode != .never, pool.vxlanMode != .never {
        spec.error("vxlanMode", "excludes ipipMode; one of them must be Never")
    }
    if pool.ipipMode != .never, !cidr.isIPv4 { spec.error("ipipMode", "must be Never for an IPv6 pool") }
    for reserved in ["169.254.0.0/16", "fe80::/10"].compactMap({ IPPrefix($0) })
    where reserved.contains(cidr) || cidr.contains(reserved) {
        spec.error("cidr", "overlaps the link-local range \(reserved)")
    }
    let sizes: ClosedRange<Int64> = cidr.isIPv4 ? 20...32 : 116...128
    let size = spec.integer("blockSize", in: 0...128).flatMap { $0 == 0 ? nil : $0 } ?? Int64(pool.blockSize)
    if !sizes.contains(size) {
        spec.error("blockSize", "must lie between \(sizes.lowerBound) and \(sizes.upperBound)")
    } else if size < Int64(cidr.length) {
        spec.error("blockSize", "\(size) is shorter than the pool's own prefix length \(cidr.length)")
    }
    pool.blockSize = UInt8(clamping: size)
    pool.nodeSelector = spec.selector("nodeSelector")
    pool.namespaceSelector = spec.selector("namespaceSelector")
    for (name, selector) in [("nodeSelector", pool.nodeSelector), ("namespaceSelector", pool.namespaceSelector)]
    where selector?.namesGlobal ?? false {
        spec.error(name, "may not hold global()")
    }
    pool.isAutomatic = spec.enumeration("assignmentMode", [AssignmentMode.automatic, .manual]) != .manual
    decodeUses(&spec, into: &pool)
    spec.finish()
    return pool
}

private enum AssignmentMode: String {
    case automatic = "Automatic"
    case manual = "Manual"
}

private func decodeUses(_ spec: inout MapReader, into pool: inout IPPool) {
    let elements = spec.elements("allowedUses") ?? []
    guard !elements.isEmpty else { return }
    pool.allowedUses = []
    for (path, element) in elements {
        guard let use = element.string.flatMap({ IPPool.Use(rawValue: $0) }) else {
            spec.collector.report(.error, path, element, "must be one of Workload, Tunnel, LoadBalancer")
            continue
        }
        pool.allowedUses.insert(use)
    }
    guard pool.allowedUses.contains(.loadBalancer) else { return }
    if pool.allowedUses.count > 1 { spec.error("allowedUses", "LoadBalancer excludes the other uses") }
    if pool.ipipMode != .never { spec.error("ipipMode", "must be Never for a pool of load balancers") }
    if pool.vxlanMode != .never { spec.error("vxlanMode", "must be Never for a pool of load balancers") }
    if pool.disableBGPExport { spec.error("disableBGPExport", "must be false for a pool of load balancers") }
    if let selector = pool.nodeSelector, selector != .all {
        spec.error("nodeSelector", "must be all() for a pool of load balancers")
    }
}

/// Decodes `spec` of a BlockAffinity.
func decodeBlockAffinity(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> BlockAffinity? {
    typealias State = BlockAffinity.State
    let state = spec.enumeration("state", [State.confirmed, .pending, .pendingDeletion]) ?? .implicit
    let node = spec.nonEmpty("node")
    if node == nil, !spec.collector.hasErrors { spec.error("node", "is missing") }
    let cidr = spec.prefix("cidr")
    if cidr == nil, !spec.collector.hasErrors { spec.error("cidr", "is missing") }
    let type = spec.nonEmpty("type") ?? "host"
    var isDeleted = false
    if let value = spec.raw("deleted") {
        switch value.content {
        case .bool(let flag): isDeleted = flag
        case .string("true"): isDeleted = true
        case .string("false"), .string(""): isDeleted = false
        default: spec.error("deleted", "must be true or false")
        }
    }
    spec.finish()
    guard let node, let cidr else { return nil }
    var affinity = BlockAffinity(metadata: metadata, state: state, node: node, type: type, cidr: cidr)
    affinity.isDeleted = isDeleted
    return affinity
}

/// Decodes `spec` of a WorkloadEndpoint.
func decodeWorkloadEndpoint(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> WorkloadEndpoint? {
    func required(_ name: String) -> String {
        let text = spec.string(name) ?? ""
        if text.isEmpty, !spec.has(name) || text == spec.raw(name)?.string { spec.error(name, "is missing") }
        return text
    }
    var endpoint = WorkloadEndpoint(
        metadata: metadata,
        node: required("node"),
        orchestrator: required("orchestrator"),
        endpoint: required("endpoint"),
        interfaceName: required("interfaceName")
    )
    if !endpoint.interfaceName.isEmpty, !isInterfaceName(endpoint.interfaceName) {
        spec.error("interfaceName", "must be 1 to 15 letters, digits, '_', '-' and '.'")
    }
    endpoint.workload = spec.nonEmpty("workload")
    endpoint.pod = spec.nonEmpty("pod")
    endpoint.containerID = spec.nonEmpty("containerID")
    if let text = spec.nonEmpty("mac") {
        endpoint.mac = MACAddress(text)
        if endpoint.mac == nil { spec.error("mac", "must be six octets such as 02:00:00:00:00:01") }
    }
    endpoint.ipNetworks = spec.prefixes("ipNetworks") ?? []
    for (index, network) in endpoint.ipNetworks.enumerated() where !network.isHost {
        spec.error("ipNetworks", "element \(index), \(network), must be a single address (/32 or /128)")
    }
    endpoint.profiles = spec.strings("profiles") ?? []
    endpoint.allowSpoofedSourcePrefixes = spec.prefixes("allowSpoofedSourcePrefixes") ?? []
    spec.finish(endpointFields)
    return endpoint
}

/// Whether the kernel takes `name` for a link and every file path and log line can show it.
func isInterfaceName(_ name: String, allowingGlob: Bool = false) -> Bool {
    (1...15).contains(name.utf8.count) && name != "." && name != ".."
        && name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            case UInt8(ascii: "*"): allowingGlob
            default: false
            }
        }
}

/// Decodes `data` and `stringData` of a Secret; the latter wins, as in Kubernetes.
func decodeSecret(_ document: inout MapReader, _ metadata: ResourceMetadata) -> Secret {
    var secret = Secret(metadata: metadata, values: [:])
    for (key, text) in document.stringMap("data") {
        guard let bytes = decodeBase64(text) else {
            document.error("data", "the value of \(key) is not base64")
            continue
        }
        secret.values[key] = bytes
    }
    for (key, text) in document.stringMap("stringData") { secret.values[key] = Array(text.utf8) }
    return secret
}
