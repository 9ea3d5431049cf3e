import IPAddressing

/// Decodes a Service; fields that have nothing to do with announcing its addresses are skipped in silence.
///
/// What Kubernetes would not have stored is reported and left out, because the object is not this program's to refuse.
func decodeService(_ spec: inout MapReader, status: inout MapReader?, _ metadata: ResourceMetadata) -> KubernetesService
{
    var service = KubernetesService(metadata: metadata, type: spec.nonEmpty("type") ?? "ClusterIP")
    func addresses(_ texts: [String], _ field: String) -> [IPAddress] {
        texts.filter { !$0.isEmpty && $0 != "None" }.compactMap { text in
            if let address = IPAddress(text) { return address }
            spec.warn(field, "\(text) is no address and is not announced")
            return nil
        }
    }
    let all = spec.strings("clusterIPs") ?? []
    let first = spec.nonEmpty("clusterIP")
    service.clusterIPs = addresses(all.isEmpty ? [first].compactMap(\.self) : all, "clusterIPs")
    if first == "None" { service.clusterIPs = [] }
    service.externalIPs = addresses(spec.strings("externalIPs") ?? [], "externalIPs")
    service.loadBalancerIP = addresses([spec.nonEmpty("loadBalancerIP") ?? ""], "loadBalancerIP").first
    service.isLocal = spec.nonEmpty("externalTrafficPolicy") == "Local"
    let families = spec.strings("ipFamilies") ?? []
    service.families =
        families.isEmpty ? Set(service.clusterIPs.map(\.isIPv4)) : Set(families.map { $0 == "IPv4" })
    guard var balancer = status?.map("loadBalancer") else { return service }
    for (path, element) in balancer.elements("ingress") ?? [] {
        var ingress = MapReader(element, path: path, collector: spec.collector)
        guard let text = ingress.nonEmpty("ip") else { continue }
        if let address = IPAddress(text) {
            service.ingressIPs.append(address)
        } else {
            ingress.warn("ip", "is no address and is not announced")
        }
    }
    return service
}

/// Decodes an EndpointSlice.
func decodeEndpointSlice(_ document: inout MapReader, _ metadata: ResourceMetadata) -> EndpointSlice? {
    let isIPv4: Bool? =
        switch document.nonEmpty("addressType") {
        case "IPv4": true
        case "IPv6": false
        default: nil
        }
    var slice = EndpointSlice(
        metadata: metadata,
        service: metadata.labels["kubernetes.io/service-name"],
        isIPv4: isIPv4
    )
    for (path, element) in document.elements("endpoints") ?? [] {
        var reader = MapReader(element, path: path, collector: document.collector)
        var conditions = reader.map("conditions")
        slice.endpoints.append(
            EndpointSlice.Endpoint(
                addresses: reader.strings("addresses") ?? [],
                nodeName: reader.nonEmpty("nodeName"),
                isReady: conditions?.bool("ready") ?? true
            )
        )
    }
    return slice
}
