import IPAddressing
import Resources

/// Calico's address management in etcd: values in a form of their own, which says nothing that the key says already.
enum IPAMLayout {
    static let root = "/calico/ipam/v2/"
    /// Types of block affinity that have a folder.
    private static let affinityTypes = ["host", "virtual"]
    /// Kinds that lie here, by name: not all need be understood.
    private static let affinityKind = "BlockAffinity"
    private static let blockKind = "IPAMBlock"
    private static let configurationKind = "IPAMConfiguration"

    /// What a key holds.
    enum Place: Hashable {
        case affinity(type: String, node: String, cidr: IPPrefix)
        case block(IPPrefix)
        case configuration
    }

    /// Whether objects of a kind lie here.
    static func holds(_ kind: ResourceKind) -> Bool {
        [self.affinityKind, self.blockKind, self.configurationKind].contains(kind.rawValue)
    }

    static func ranges(_ kind: ResourceKind) -> [EtcdLayout.KeyRange] {
        switch kind.rawValue {
        case self.affinityKind: self.affinityTypes.map { EtcdLayout.KeyRange(prefix: "\(self.root)\($0)/") }
        case self.blockKind: [EtcdLayout.KeyRange(prefix: "\(self.root)assignment/")]
        default: [EtcdLayout.KeyRange(start: "\(self.root)config", end: "\(self.root)config\u{0}")]
        }
    }

    static func place(_ key: String) -> Place? {
        guard key.hasPrefix(self.root) else { return nil }
        let parts = key.dropFirst(self.root.count).split(separator: "/", omittingEmptySubsequences: false)
        switch parts.count {
        case 1 where parts[0] == "config": return .configuration
        case 4 where parts[0] == "assignment" && parts[2] == "block":
            return self.prefix(parts[3], family: parts[1]).map { .block($0) }
        case 5 where self.affinityTypes.contains(String(parts[0])) && !parts[1].isEmpty && parts[3] == "block":
            return self.prefix(parts[4], family: parts[2]).map {
                .affinity(type: String(parts[0]), node: String(parts[1]), cidr: $0)
            }
        default: return nil
        }
    }

    /// `10.0.0.0-26` below `ipv4` as a prefix.
    private static func prefix(_ text: Substring, family: Substring) -> IPPrefix? {
        guard let dash = text.lastIndex(of: "-"),
            let cidr = IPPrefix("\(text[..<dash])/\(text[text.index(after: dash)...])"),
            family == (cidr.isIPv4 ? "ipv4" : "ipv6")
        else { return nil }
        return cidr
    }

    /// The key under which resources know a place; nil for kinds that are not understood.
    static func resourceKey(_ place: Place) -> ResourceKey? {
        let (kind, name) =
            switch place {
            case .affinity(_, let node, let cidr): (self.affinityKind, self.affinityName(node: node, cidr: cidr))
            case .block(let cidr): (self.blockKind, self.dashed(cidr))
            case .configuration: (self.configurationKind, "default")
            }
        return ResourceKind(rawValue: kind).map { ResourceKey(kind: $0, name: name) }
    }

    /// The name under which Calico shows the affinity of a block.
    static func affinityName(node: String, cidr: IPPrefix) -> String { "\(node)-\(self.dashed(cidr))" }

    private static func dashed(_ cidr: IPPrefix) -> String {
        String(cidr.description.map { ".:/".contains($0) ? "-" : $0 })
    }

    /// Where a resource of these kinds lies, by its spec; nil when that is incomplete.
    static func key(_ kind: ResourceKind, _ spec: ManifestValue) -> String? {
        guard kind.rawValue != self.configurationKind else { return "\(self.root)config" }
        guard let cidr = spec["cidr"]?.string.flatMap({ IPPrefix($0) }) else { return nil }
        let block = String(cidr.description.map { $0 == "/" ? "-" : $0 })
        let tail = "\(cidr.isIPv4 ? "ipv4" : "ipv6")/block/\(block)"
        guard kind.rawValue == self.affinityKind else { return "\(self.root)assignment/\(tail)" }
        guard let node = spec["node"]?.string else { return nil }
        return "\(self.root)\(spec["type"]?.string ?? "host")/\(EtcdLayout.escaped(node))/\(tail)"
    }

    /// The stored value as a manifest.
    static func manifest(_ place: Place, _ stored: [ManifestValue.Field]) -> ManifestValue? {
        guard let key = self.resourceKey(place) else { return nil }
        func text(_ name: String, _ value: some CustomStringConvertible) -> ManifestValue.Field {
            ManifestValue.Field(name, ManifestValue(.string(value.description)))
        }
        let spec: [ManifestValue.Field]
        switch place {
        case .affinity(let type, let node, let cidr):
            spec =
                [text("node", node), text("type", type), text("cidr", cidr)]
                + stored.filter { !self.said.contains($0.key) }
        case .block(let cidr):
            spec = [text("cidr", cidr)] + stored.filter { $0.key != "cidr" }
        case .configuration:
            // False is left out there, whatever an absent field means in a manifest.
            func flag(_ name: String, _ storedName: String) -> ManifestValue.Field {
                let value = stored.first { $0.key == storedName }?.value
                return ManifestValue.Field(name, value ?? ManifestValue(.bool(false)))
            }
            spec =
                [flag("strictAffinity", "strict_affinity"), flag("autoAllocateBlocks", "auto_allocate_blocks")]
                + stored.filter { !["strict_affinity", "auto_allocate_blocks"].contains($0.key) }
        }
        return ManifestValue(
            .map([
                text("apiVersion", "projectcalico.org/v3"), text("kind", key.kind.rawValue),
                ManifestValue.Field("metadata", ManifestValue(.map([text("name", key.name)]))),
                ManifestValue.Field("spec", ManifestValue(.map(spec))),
            ])
        )
    }

    /// Fields of an affinity that its key says.
    private static let said = ["node", "type", "cidr"]

    /// The value to store for a spec.
    static func value(_ kind: ResourceKind, _ spec: ManifestValue) -> ManifestValue {
        guard case .map(var fields) = spec.content else { return ManifestValue(.map([])) }
        switch kind.rawValue {
        case self.affinityKind:
            fields.removeAll { self.said.contains($0.key) }
            let defaults: [(String, ManifestValue.Content)] = [("state", .string("")), ("deleted", .bool(false))]
            for (name, value) in defaults
            where !fields.contains(where: { $0.key == name }) {
                fields.append(ManifestValue.Field(name, ManifestValue(value)))
            }
        case self.configurationKind:
            let names = ["strictAffinity": "strict_affinity", "autoAllocateBlocks": "auto_allocate_blocks"]
            fields = fields.map { ManifestValue.Field(names[$0.key] ?? $0.key, $0.value) }
        default: break
        }
        return ManifestValue(.map(fields))
    }
}
