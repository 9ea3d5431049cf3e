internal import IPAddressing
internal import Resources

/// The resources as the flat keys that templates for confd know.
///
/// Keys are those of Calico's in-memory model: `/calico/bgp/v1/host/<node>/ip_addr_v4` and so on. Read with the `getv`,
/// `gets`, `ls` and `exists` filters.
public struct KeyValueView: Hashable, Sendable {
    /// Values by key.
    public let values: [String: String]

    /// Creates a view of given values.
    public init(values: [String: String]) {
        self.values = values
    }

    /// The same with more keys; a key that there is already keeps its value.
    func adding(_ values: [String: String]) -> KeyValueView {
        values.isEmpty ? self : KeyValueView(values: self.values.merging(values) { first, _ in first })
    }

    /// The keys with one of the prefixes, with `prefix` put before each of `keys` and taken off the results.
    ///
    /// `//NODENAME` in a prefix stands for `/<node>`. Without `keys` the view is empty.
    func restricted(to keys: [String], prefix: String, nodeName: String) -> KeyValueView {
        let prefix = Self.withNode(prefix, nodeName)
        let wanted = keys.map { prefix + Self.withNode($0, nodeName) }
        guard !wanted.isEmpty else { return KeyValueView(values: [:]) }
        var values: [String: String] = [:]
        for (key, value) in self.values where wanted.contains(where: { Self.key(key, isUnder: $0) }) {
            values[prefix.isEmpty ? key : String(key.dropFirst(prefix.count))] = value
        }
        return KeyValueView(values: values)
    }

    private static func withNode(_ text: String, _ nodeName: String) -> String {
        guard let range = text.firstRange(of: "//NODENAME") else { return text }
        return String(text[..<range.lowerBound]) + "/" + nodeName + String(text[range.upperBound...])
    }

    private static func key(_ key: String, isUnder prefix: String) -> Bool {
        key == prefix || key.hasPrefix(prefix.hasSuffix("/") ? prefix : prefix + "/")
    }

    /// Names directly below a key: of keys that end there, and with `directoriesOnly` of those that go on.
    func names(below key: String, directoriesOnly: Bool) -> [String] {
        let base = key.hasSuffix("/") ? key : key + "/"
        var names: Set<String> = []
        for key in self.values.keys where key.hasPrefix(base) {
            let rest = key.dropFirst(base.count)
            guard let slash = rest.firstIndex(of: "/") else {
                if !directoriesOnly { names.insert(String(rest)) }
                continue
            }
            names.insert(String(rest[..<slash]))
        }
        return names.sorted()
    }

    /// Keys that match a pattern in which `*` and `?` do not stand for `/`, sorted.
    func keys(matching pattern: String) -> [String] {
        let pattern = Array(pattern.utf8)
        return self.values.keys.filter { Self.matches(pattern, Array($0.utf8)) }.sorted()
    }

    /// Matches with one point of return, so in at most pattern times text steps.
    static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var position = 0
        var index = 0
        var star: (position: Int, index: Int)?
        while index < text.count {
            if position < pattern.count, pattern[position] == UInt8(ascii: "*") {
                star = (position, index)
                position += 1
            } else if position < pattern.count,
                pattern[position] == text[index]
                    || (pattern[position] == UInt8(ascii: "?") && text[index] != UInt8(ascii: "/"))
            {
                position += 1
                index += 1
            } else if let last = star, text[last.index] != UInt8(ascii: "/") {
                star = (last.position, last.index + 1)
                position = last.position + 1
                index = last.index + 1
            } else {
                return false
            }
        }
        return pattern[position...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

extension KeyValueView {
    /// Flattens a snapshot; passwords are not among the values.
    public init(_ snapshot: ResourceSnapshot) {
        let cluster = ClusterView(snapshot)
        var values: [String: String] = [
            "/calico/bgp/v1/global/as_num": cluster.defaultAS.description,
            "/calico/bgp/v1/global/node_mesh":
                "{\"enabled\": \(cluster.defaults?.nodeToNodeMeshEnabled ?? true)}",
            "/calico/bgp/v1/global/loglevel": (cluster.defaults?.logSeverityScreen ?? "info").lowercased(),
        ]
        if let port = cluster.defaults?.listenPort { values["/calico/bgp/v1/global/listen_port"] = "\(port)" }
        for node in cluster.nodes {
            let base = "/calico/bgp/v1/host/" + node.metadata.name
            values[base + "/ip_addr_v4"] = node.address(isIPv4: true)?.description ?? ""
            values[base + "/ip_addr_v6"] = node.address(isIPv4: false)?.description ?? ""
            if let address = node.bgp?.ipv4Address { values[base + "/network_v4"] = address.network.description }
            if let address = node.bgp?.ipv6Address { values[base + "/network_v6"] = address.network.description }
            if let number = node.bgp?.asNumber { values[base + "/as_num"] = number.description }
            values[base + "/rr_cluster_id"] = node.bgp?.routeReflectorClusterID?.description ?? ""
            values[base + "/wireguard_addr_v4"] = node.tunnels.wireguardIPv4?.description ?? ""
            values[base + "/wireguard_addr_v6"] = node.tunnels.wireguardIPv6?.description ?? ""
            if let own = cluster.configuration(of: node.metadata.name) {
                if let port = own.listenPort { values[base + "/listen_port"] = "\(port)" }
                if let level = own.logSeverityScreen { values[base + "/loglevel"] = level.lowercased() }
                Self.addAdvertisements(of: own, below: base, to: &values)
            }
        }
        if let defaults = cluster.defaults {
            Self.addAdvertisements(of: defaults, below: "/calico/bgp/v1/global", to: &values)
        }
        for filter in snapshot.filters.values {
            values["/calico/resources/v3/projectcalico.org/bgpfilters/" + filter.metadata.name] =
                Resource.bgpFilter(filter).manifest.compactJSON
        }
        for pool in snapshot.pools.values {
            let family = pool.cidr.isIPv4 ? "v4" : "v6"
            let fields: [(String, String)] = [
                ("cidr", "\"\(pool.cidr)\""), ("ipip", pool.ipipMode == .never ? "\"\"" : "\"tunl0\""),
                ("ipip_mode", Self.json(pool.ipipMode)), ("vxlan_mode", Self.json(pool.vxlanMode)),
                ("masquerade", "\(pool.natOutgoing)"), ("disabled", "\(pool.isDisabled)"),
                ("disableBGPExport", "\(pool.disableBGPExport)"),
                ("assignment_mode", pool.isAutomatic ? "\"Automatic\"" : "\"Manual\""),
                (
                    "allowed_uses",
                    "[" + pool.allowedUses.map { "\"\($0.rawValue)\"" }.sorted().joined(separator: ",") + "]"
                ),
            ]
            let object = fields.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",")
            values["/calico/v1/ipam/\(family)/pool/\(Self.dashed(pool.cidr))"] = "{\(object)}"
        }
        for affinity in snapshot.affinities.values
        where affinity.type == "host" && affinity.state != .pending && !affinity.isDeleted {
            let family = affinity.cidr.isIPv4 ? "ipv4" : "ipv6"
            values["/calico/ipam/v2/host/\(affinity.node)/\(family)/block/\(Self.dashed(affinity.cidr))"] =
                "{\"state\":\"\(affinity.state.rawValue)\"}"
        }
        self.init(values: values)
    }

    private static func addAdvertisements(
        of configuration: BGPConfiguration,
        below base: String,
        to values: inout [String: String]
    ) {
        for (isIPv4, name) in [(true, "ip_v4"), (false, "ip_v6")] {
            let entries = (configuration.prefixAdvertisements ?? []).filter { $0.cidr.isIPv4 == isIPv4 }
            guard !entries.isEmpty else { continue }
            let texts = entries.map { entry in
                let communities = entry.communities.map { "\"\($0)\"" }.joined(separator: ",")
                return "{\"cidr\":\"\(entry.cidr)\",\"communities\":[\(communities)]}"
            }
            values[base + "/prefix_advertisements/" + name] = "[" + texts.joined(separator: ",") + "]"
        }
    }

    static func dashed(_ prefix: IPPrefix) -> String { "\(prefix.address)-\(prefix.length)" }

    private static func json(_ mode: IPPool.EncapsulationMode) -> String {
        switch mode {
        case .never: "\"\""
        case .always: "\"always\""
        case .crossSubnet: "\"cross-subnet\""
        }
    }
}
