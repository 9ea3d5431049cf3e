import IPAddressing

// Fields that exist in the resource model and are not honoured, with what is done about each.
private let peerFields = UnsupportedField.noEffect("failureDetectionMode", "restartMode", "birdGatewayMode")

/// Fields that only the object named `default` may give.
private let defaultOnlyFields = [
    "nodeToNodeMeshEnabled", "asNumber", "serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs",
    "nodeMeshPassword", "nodeMeshMaxRestartTime",
]

/// Fields that are read from the object named `default` alone, though any may give them.
private let readFromDefaultFields = [
    "bindMode", "ignoredInterfaces", "localWorkloadPeeringIPV4", "localWorkloadPeeringIPV6", "programClusterRoutes",
    "ipv4NormalRoutePriority", "ipv6NormalRoutePriority", "serviceLoadBalancerAggregation",
]

/// Decodes `spec` of a BGPConfiguration.
func decodeBGPConfiguration(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> BGPConfiguration {
    var configuration = BGPConfiguration(metadata: metadata)
    if metadata.name.hasPrefix("node.") {
        for name in defaultOnlyFields where spec.has(name) {
            spec.error(name, "may only be given in the object named default")
        }
        for name in readFromDefaultFields where spec.has(name) {
            spec.warn(name, "is read from the object named default and has no effect here")
        }
    } else if metadata.name != "default" {
        let message = "the object has no effect: only default and node.<name> are read"
        spec.collector.report(.warning, "metadata.name", spec.value, message)
    }
    for (name, text) in metadata.annotations where name.hasPrefix("martlet.dev/") {
        let path = "metadata.annotations.\(name)"
        if name != familiesAnnotation || metadata.name != "default" {
            spec.collector.report(.warning, path, spec.value, "is not a known annotation here and has no effect")
        } else if text == "both" {
            configuration.meshCarriesBothFamilies = true
        } else {
            spec.collector.report(.error, path, spec.value, "must be both")
        }
    }
    configuration.logSeverityScreen = spec.nonEmpty("logSeverityScreen")
    if let severity = configuration.logSeverityScreen,
        !["trace", "debug", "info", "warning", "error", "fatal"].contains(severity.lowercased())
    {
        spec.error("logSeverityScreen", "must be one of Trace, Debug, Info, Warning, Error, Fatal")
    }
    configuration.nodeToNodeMeshEnabled = spec.bool("nodeToNodeMeshEnabled")
    configuration.asNumber = spec.asNumber("asNumber")
    configuration.listenPort = spec.integer("listenPort", in: 1...65_535).map { UInt16(clamping: $0) }
    configuration.nodeMeshPassword = password("nodeMeshPassword", &spec)
    if configuration.nodeToNodeMeshEnabled == false {
        for name in ["nodeMeshPassword", "nodeMeshMaxRestartTime"] where spec.has(name) {
            spec.error(name, "must not be given when nodeToNodeMeshEnabled is false")
        }
    }
    configuration.bindMode = spec.enumeration("bindMode", [BGPConfiguration.BindMode.none, .nodeIP])
    for (path, element) in spec.elements("ignoredInterfaces") ?? [] {
        guard let name = element.string, name != "*", isInterfaceName(name, allowingGlob: true) else {
            let message = "must be 1 to 15 letters, digits, '_', '-', '.' and '*', and not '*' alone"
            spec.collector.report(.error, path, element, message)
            continue
        }
        guard !configuration.ignoredInterfaces.contains(name) else {
            spec.collector.report(.error, path, element, "is given twice")
            continue
        }
        configuration.ignoredInterfaces.append(name)
    }
    decodeCommunities(&spec, into: &configuration)
    configuration.programClusterRoutes = spec.routeOwner("programClusterRoutes")
    let priorities: ClosedRange<Int64> = 1...2_147_483_646
    configuration.ipv4NormalRoutePriority = spec.integer("ipv4NormalRoutePriority", in: priorities)
        .map { UInt32(clamping: $0) }
    configuration.ipv6NormalRoutePriority = spec.integer("ipv6NormalRoutePriority", in: priorities)
        .map { UInt32(clamping: $0) }
    configuration.nodeMeshMaxRestartSeconds = spec.seconds("nodeMeshMaxRestartTime", in: 0...4095)
        .map { UInt16(clamping: $0) }
    decodeServices(&spec, into: &configuration)
    configuration.localWorkloadPeeringIPv4 = peering("localWorkloadPeeringIPV4", isIPv4: true, &spec)
    configuration.localWorkloadPeeringIPv6 = peering("localWorkloadPeeringIPV6", isIPv4: false, &spec)
    spec.finish()
    return configuration
}

private func decodeServices(_ spec: inout MapReader, into configuration: inout BGPConfiguration) {
    func prefixes(_ name: String) -> [IPPrefix] {
        (spec.elements(name) ?? []).compactMap { path, element in
            var entry = MapReader(element, path: path, collector: spec.collector)
            let text = entry.nonEmpty("cidr")
            entry.finish()
            // An entry without prefix asks for nothing.
            guard let text else { return nil }
            guard let prefix = IPPrefix(text) else {
                entry.error("cidr", "must be a prefix")
                return nil
            }
            return prefix
        }
    }
    configuration.serviceClusterIPs = prefixes("serviceClusterIPs")
    configuration.serviceExternalIPs = prefixes("serviceExternalIPs")
    configuration.serviceLoadBalancerIPs = prefixes("serviceLoadBalancerIPs")
    configuration.aggregatesLoadBalancers = spec.enumeration(
        "serviceLoadBalancerAggregation",
        [EnabledState.enabled, .disabled]
    ).map { $0 == .enabled }
}

private func peering(_ name: String, isIPv4: Bool, _ spec: inout MapReader) -> IPAddress? {
    guard let address = spec.address(name) else { return nil }
    if address.isIPv4 != isIPv4 { spec.error(name, "must be an \(isIPv4 ? "IPv4" : "IPv6") address") }
    return address
}

private func decodeCommunities(_ spec: inout MapReader, into configuration: inout BGPConfiguration) {
    for (path, element) in spec.elements("communities", atMost: 500) ?? [] {
        var entry = MapReader(element, path: path, collector: spec.collector)
        let name = entry.nonEmpty("name")
        let text = entry.nonEmpty("value")
        entry.finish()
        guard let name, let text else {
            spec.collector.report(.error, path, element, "needs a name and a value")
            continue
        }
        guard let value = BGPConfiguration.CommunityValue(text) else {
            entry.error("value", "must be aa:nn with 16-bit parts or aa:nn:mm with 32-bit parts")
            continue
        }
        configuration.communities.append(.init(name: name, value: value))
    }
    let names = Dictionary(configuration.communities.map { ($0.name, $0.value) }) { first, _ in first }
    if let elements = spec.elements("prefixAdvertisements", atMost: 500) {
        var advertisements: [BGPConfiguration.PrefixAdvertisement] = []
        for (path, element) in elements {
            var entry = MapReader(element, path: path, collector: spec.collector)
            guard let text = entry.nonEmpty("cidr"), let cidr = IPPrefix(text) else {
                spec.collector.report(.error, "\(path).cidr", element, "must be a prefix")
                continue
            }
            var values: [BGPConfiguration.CommunityValue] = []
            for (path, element) in entry.elements("communities", atMost: 50) ?? [] {
                guard let text = element.string,
                    let value = names[text] ?? BGPConfiguration.CommunityValue(text)
                else {
                    let message = "must be a community or the name of one in spec.communities"
                    spec.collector.report(.error, path, element, message)
                    continue
                }
                values.append(value)
            }
            entry.finish()
            advertisements.append(.init(cidr: cidr, communities: values))
        }
        configuration.prefixAdvertisements = advertisements
    }
    if !configuration.communities.isEmpty, configuration.prefixAdvertisements?.isEmpty ?? true {
        spec.error("communities", "has no effect without prefixAdvertisements")
    }
}

extension BGPConfiguration.CommunityValue {
    /// Parses `aa:nn` with 16-bit parts or `aa:nn:mm` with 32-bit parts.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count),
            parts.allSatisfy({ part in
                !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            })
        else { return nil }
        if parts.count == 2 {
            guard let first = UInt16(parts[0]), let second = UInt16(parts[1]) else { return nil }
            self = .standard(first, second)
        } else {
            guard let first = UInt32(parts[0]), let second = UInt32(parts[1]), let third = UInt32(parts[2]) else {
                return nil
            }
            self = .large(first, second, third)
        }
    }
}

extension BGPConfiguration.CommunityValue: CustomStringConvertible {
    /// The parts joined by colons.
    public var description: String {
        switch self {
        case .standard(let first, let second): "\(first):\(second)"
        case .large(let first, let second, let third): "\(first):\(second):\(third)"
        }
    }
}

/// A password that is asked for but cannot be told refuses the object: a session must not come up without it.
private func password(_ field: String, _ spec: inout MapReader) -> SecretKeyReference? {
    guard var holder = spec.map(field) else { return nil }
    var reference: SecretKeyReference?
    if var reader = holder.map("secretKeyRef") {
        if let name = reader.nonEmpty("name"), let key = reader.nonEmpty("key") {
            reference = SecretKeyReference(name: name, key: key)
        }
        _ = reader.raw("optional")
        reader.finish()
    }
    holder.finish()
    if reference == nil { spec.error(field, "needs secretKeyRef with name and key") }
    return reference
}

/// Decodes `spec` of a BGPPeer.
func decodeBGPPeer(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> BGPPeer {
    var peer = BGPPeer(metadata: metadata)
    peer.node = spec.nonEmpty("node")
    peer.nodeSelector = spec.selector("nodeSelector")
    if peer.node != nil, peer.nodeSelector != nil { spec.error("nodeSelector", "excludes node") }
    decodePeerIP(&spec, into: &peer)
    peer.peerSelector = spec.selector("peerSelector")
    if spec.nonEmpty("peerIP") != nil, spec.nonEmpty("peerSelector") != nil {
        spec.error("peerSelector", "excludes peerIP")
    } else if spec.nonEmpty("peerIP") == nil, spec.nonEmpty("peerSelector") == nil, !spec.has("localWorkloadSelector") {
        spec.error("peerIP", "is missing; one of peerIP and peerSelector must be given")
    }
    peer.asNumber = spec.asNumber("asNumber")
    if let number = peer.asNumber, number.rawValue != 0, peer.peerSelector != nil {
        spec.error("asNumber", "must not be given with peerSelector: the peers' own numbers are used")
    }
    if peer.asNumber?.rawValue == 0 { peer.asNumber = nil }
    peer.localASNumber = spec.asNumber("localASNumber")
    peer.keepOriginalNextHop = spec.bool("keepOriginalNextHop") ?? false
    peer.nextHopMode = spec.enumeration("nextHopMode", [BGPPeer.NextHopMode.auto, .`self`, .keep])
    if peer.keepOriginalNextHop, peer.nextHopMode != nil { spec.error("nextHopMode", "excludes keepOriginalNextHop") }
    peer.password = password("password", &spec)
    peer.sourceAddress = spec.enumeration("sourceAddress", [BGPPeer.SourceAddress.useNodeIP, .none]) ?? .useNodeIP
    peer.keepaliveSeconds = spec.seconds("keepaliveTime", in: 0...65_535)
        .flatMap { $0 == 0 ? nil : UInt16(clamping: $0) }
    peer.numAllowedLocalASNumbers = spec.integer("numAllowedLocalASNumbers", in: 0...Int64(Int32.max))
        .map { UInt32(clamping: $0) }
    peer.ttlSecurity = spec.integer("ttlSecurity", in: 0...255).map { UInt8(clamping: $0) }
    peer.reachableBy = spec.address("reachableBy")
    if let gateway = peer.reachableBy {
        if let address = peer.peerIP {
            if address.isIPv4 != gateway.isIPv4 { spec.error("reachableBy", "must be of the family of peerIP") }
            if gateway.isUnspecified { spec.error("reachableBy", "is the unspecified address") }
        } else {
            spec.error("reachableBy", "needs peerIP")
        }
    }
    peer.reversePeering = spec.enumeration("reversePeering", [BGPPeer.ReversePeering.auto, .manual]) ?? .auto
    peer.maxRestartSeconds = spec.seconds("maxRestartTime", in: 0...4095).map { UInt16(clamping: $0) }
    peer.filters = spec.strings("filters", atMost: 1000) ?? []
    for (index, name) in peer.filters.enumerated() where !isObjectName(name) {
        spec.error("filters", "element \(index) is no name of a BGPFilter")
    }
    peer.localWorkloadSelector = spec.selector("localWorkloadSelector")
    if spec.nonEmpty("localWorkloadSelector") != nil {
        for name in ["peerIP", "peerSelector"] where spec.nonEmpty(name) != nil {
            spec.error(name, "must not be given with localWorkloadSelector")
        }
        if peer.asNumber == nil { spec.error("asNumber", "is missing; localWorkloadSelector needs it") }
    }
    decodeAnnotations(&spec, metadata, into: &peer)
    spec.finish(peerFields)
    return peer
}

/// Asks for one session with the routes of both families.
private let familiesAnnotation = "martlet.dev/families"

/// Reads what Martlet's own annotations say about a peer.
private func decodeAnnotations(_ spec: inout MapReader, _ metadata: ResourceMetadata, into peer: inout BGPPeer) {
    func refuse(_ name: String, _ message: String) {
        spec.collector.report(.error, "metadata.annotations.\(name)", spec.value, message)
    }
    for (name, text) in metadata.annotations where name.hasPrefix("martlet.dev/") {
        switch name {
        case "martlet.dev/hold-time":
            guard let seconds = wholeSeconds(duration: text), (3...65_535).contains(seconds) else {
                refuse(name, "must be a duration from 3s to 65535s")
                continue
            }
            peer.holdSeconds = UInt16(clamping: seconds)
        case "martlet.dev/max-prefixes":
            guard let number = UInt32(text), number > 0 else {
                refuse(name, "must be a number from 1 to 4294967295")
                continue
            }
            peer.maximumPrefixes = number
        case familiesAnnotation:
            guard text == "both" else {
                refuse(name, "must be both")
                continue
            }
            peer.carriesBothFamilies = true
        default:
            let message = "is not a known annotation and has no effect"
            spec.collector.report(.warning, "metadata.annotations.\(name)", spec.value, message)
        }
    }
}

/// Reads `address`, `v4:port` or `[v6]:port`.
private func decodePeerIP(_ spec: inout MapReader, into peer: inout BGPPeer) {
    guard let text = spec.nonEmpty("peerIP") else { return }
    if let address = IPAddress(text) {
        peer.peerIP = address
    } else if let colon = text.lastIndex(of: ":") {
        let digits = text[text.index(after: colon)...]
        let host = text[..<colon]
        let isBracketed = host.first == "[" && host.last == "]"
        let isDecimal = digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        if isDecimal, let port = UInt16(digits), port > 0,
            let address = IPAddress(isBracketed ? host.dropFirst().dropLast() : host),
            address.isIPv4 != isBracketed
        {
            peer.peerIP = address
            peer.peerPort = port
        }
    }
    guard let address = peer.peerIP else {
        spec.error("peerIP", "must be an address, v4:port or [v6]:port, without a zone")
        return
    }
    if address.isUnspecified {
        spec.error("peerIP", "is the unspecified address")
    } else if isMulticast(address) {
        spec.warn("peerIP", "is a multicast address; there can be no session with it")
    }
}

private func isMulticast(_ address: IPAddress) -> Bool {
    switch address {
    case .v4(let address): address.isMulticast
    case .v6(let address): address.isMulticast
    }
}
