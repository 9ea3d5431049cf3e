import IPAddressing
import Resources

/// Where Calico keeps what in etcd v3, and in which form.
///
/// Resources lie whole below their kind's plural. Block affinities lie in the form of its address management, below their node.
/// Core kinds, which Calico never stores in etcd, have a group of their own beside Calico's.
enum EtcdLayout {
    static let resources = "/calico/resources/v3/projectcalico.org/"
    static let coreResources = "/calico/resources/v3/martlet/"
    static let statuses = "/calico/felix/v2/no-region/host/"
    static let migrationLock = "/martlet/v1/migration"

    /// Keys from `start` on and before `end`.
    struct KeyRange: Hashable, Sendable {
        var start: String
        var end: String

        init(start: String, end: String) {
            self.start = start
            self.end = end
        }

        /// All keys that begin with `prefix`, which ends in a slash.
        init(prefix: String) {
            self.init(start: prefix, end: prefix.dropLast() + "0")
        }
    }

    /// The plural that names a kind in keys.
    static func plural(_ kind: ResourceKind) -> String {
        let name = kind.rawValue.lowercased()
        if name.hasSuffix("y") { return name.dropLast() + "ies" }
        return name + (name.hasSuffix("s") ? "es" : "s")
    }

    static func folder(_ kind: ResourceKind) -> String {
        (self.isCore(kind) ? self.coreResources : self.resources) + self.plural(kind) + "/"
    }

    /// Kinds of Kubernetes itself.
    static func isCore(_ kind: ResourceKind) -> Bool { ["Secret", "Service", "EndpointSlice"].contains(kind.rawValue) }

    /// What has to be listed for `kinds`, in order of keys.
    static func ranges(_ kinds: Set<ResourceKind>) -> [KeyRange] {
        kinds.flatMap { IPAMLayout.holds($0) ? IPAMLayout.ranges($0) : [KeyRange(prefix: self.folder($0))] }
            .sorted { $0.start < $1.start }
    }

    /// One range that covers all of `kinds`, so that one watch tells their changes in order.
    static func cover(_ kinds: Set<ResourceKind>) -> KeyRange? {
        let ranges = self.ranges(kinds)
        guard let start = ranges.map(\.start).min(), let end = ranges.map(\.end).max() else { return nil }
        return KeyRange(start: start, end: end)
    }

    private static let kinds = Dictionary(
        uniqueKeysWithValues: ResourceKind.allCases.filter { !IPAMLayout.holds($0) }.map { (folder($0), $0) }
    )

    /// What a stored key is called among resources; nil for keys of others.
    static func resourceKey(_ key: String) -> ResourceKey? {
        if let place = IPAMLayout.place(key) { return IPAMLayout.resourceKey(place) }
        // "", calico, resources, v3, group, plural, [namespace,] name
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 7, let kind = self.kinds[parts[0...5].joined(separator: "/") + "/"],
            parts.count == (kind.isNamespaced ? 8 : 7), parts[6...].allSatisfy({ !$0.isEmpty })
        else { return nil }
        return ResourceKey(
            kind: kind,
            namespace: kind.isNamespaced ? String(parts[6]) : nil,
            name: String(parts[parts.count - 1])
        )
    }

    /// Where an object is stored; nil when it cannot be told from its key alone.
    static func key(_ key: ResourceKey) -> String? {
        guard !IPAMLayout.holds(key.kind) else { return nil }
        let parts = [key.kind.isNamespaced ? key.namespace ?? "default" : nil, key.name].compactMap(\.self)
        return self.folder(key.kind) + parts.map { self.escaped($0) }.joined(separator: "/")
    }

    /// Where a resource is stored; nil when it says too little of that.
    static func key(_ resource: Resource) -> String? {
        guard IPAMLayout.holds(resource.key.kind) else { return self.key(resource.key) }
        return resource.manifest["spec"].flatMap { IPAMLayout.key(resource.key.kind, $0) }
    }

    static func escaped(_ name: String) -> String {
        name.split(separator: "/", omittingEmptySubsequences: false).joined(separator: "%2f")
    }

    static func unescaped(_ name: Substring) -> String {
        var result = ""
        var rest = name
        while let index = rest.firstIndex(of: "%") {
            result += rest[..<index]
            if rest[index...].hasPrefix("%2f") {
                result += "/"
                rest = rest[index...].dropFirst(3)
            } else {
                result += "%"
                rest = rest[index...].dropFirst()
            }
        }
        return result + rest
    }

    /// What reading a stored value came to.
    struct Decoded {
        var resource: Resource?
        var diagnostics: [ManifestDiagnostic]
    }

    /// Reads the value of a key that ``resourceKey(_:)`` knows.
    static func decode(_ item: KeyValue, as expected: ResourceKey) -> Decoded {
        func refuse(_ message: String) -> Decoded {
            Decoded(resource: nil, diagnostics: [ManifestDiagnostic(.error, key: expected, message: message)])
        }
        guard let manifest = self.manifest(item) else { return refuse("is no JSON object") }
        let outcome = ManifestDecoder().decode(manifest)
        guard let resource = outcome.resources.first?.resource, outcome.resources.count == 1 else {
            let errors = outcome.diagnostics.filter { $0.severity == .error }
            return errors.isEmpty
                ? refuse("holds something else") : Decoded(resource: nil, diagnostics: outcome.diagnostics)
        }
        guard resource.key == expected else { return refuse("holds \(resource.key)") }
        return Decoded(resource: resource, diagnostics: outcome.diagnostics)
    }

    /// The stored value as a manifest, in the form that files have.
    static func manifest(_ item: KeyValue) -> ManifestValue? {
        guard let place = IPAMLayout.place(item.key) else { return try? JSONReader.value(item.value) }
        guard case .map(let fields)? = self.ipamValue(item)?.content else { return nil }
        return IPAMLayout.manifest(place, fields)
    }

    /// Calico takes an empty value for an empty object.
    private static func ipamValue(_ item: KeyValue) -> ManifestValue? {
        item.value.isEmpty ? ManifestValue(.map([])) : try? JSONReader.value(item.value)
    }

    /// The value to store for a resource over what is stored already.
    ///
    /// Fields of the stored object that are not understood here are kept: a newer Calico may have written them.
    static func encode(_ resource: Resource, over current: KeyValue?, identity: [ManifestValue.Field]) -> String {
        let manifest = current.flatMap { self.manifest($0) }.map { resource.manifest(over: $0) } ?? resource.manifest
        guard IPAMLayout.holds(resource.key.kind) else { return manifest.addingMetadata(identity).compactJSON }
        return IPAMLayout.value(resource.key.kind, manifest["spec"] ?? ManifestValue(.map([]))).compactJSON
    }
}

extension ManifestValue {
    /// The manifest with fields added to its metadata where it lacks them.
    fileprivate func addingMetadata(_ fields: [Field]) -> ManifestValue {
        guard case .map(let own) = self.content else { return self }
        return ManifestValue(
            .map(
                own.map { field in
                    guard field.key == "metadata", case .map(let metadata) = field.value.content else { return field }
                    let missing = fields.filter { candidate in !metadata.contains { $0.key == candidate.key } }
                    return Field(field.key, ManifestValue(.map(metadata + missing)))
                }
            )
        )
    }
}
