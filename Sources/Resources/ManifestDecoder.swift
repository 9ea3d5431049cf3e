import IPAddressing

/// Turns manifest documents into validated resources.
public struct ManifestDecoder: Sendable {
    /// How deep lists of resources may nest.
    private static let maximumListDepth = 4
    /// Remarks kept of one document, a list's elements included; errors go on counting.
    private static let maximumDiagnostics = 2000

    /// Creates a decoder.
    public init() {}

    /// What a document held.
    public struct Outcome: Sendable {
        /// The resources that are valid, in order of appearance.
        public var resources: [Decoded] = []
        /// Everything there is to say about the document.
        public var diagnostics: [ManifestDiagnostic] = []
        /// Keys of objects that were refused but could be told by name.
        public var refused: [ResourceKey] = []

        /// Creates an empty outcome.
        public init() {}
    }

    /// A resource and the place where its document starts.
    public struct Decoded: Hashable, Sendable {
        /// The resource.
        public var resource: Resource
        /// Where it stands.
        public var position: SourcePosition?

        /// Creates a value.
        public init(resource: Resource, position: SourcePosition?) {
            self.resource = resource
            self.position = position
        }
    }

    /// Decodes one document; a list of resources yields every element.
    public func decode(_ document: ManifestValue) -> Outcome {
        var outcome = Outcome()
        self.decode(document, path: "", depth: 0, into: &outcome)
        return outcome
    }

    private func decode(_ document: ManifestValue, path: String, depth: Int, into outcome: inout Outcome) {
        if document.isNull { return }
        let collector = DiagnosticCollector()
        defer {
            let room = max(0, Self.maximumDiagnostics - outcome.diagnostics.count)
            outcome.diagnostics += collector.diagnostics.prefix(room)
        }
        guard case .map = document.content else {
            collector.report(.error, path, document, "a manifest must be a map, not \(document.shape)")
            return
        }
        var reader = MapReader(document, path: path, collector: collector)
        guard let kind = reader.nonEmpty("kind") else {
            if !collector.hasErrors { reader.error("kind", "is missing") }
            return
        }
        guard let apiVersion = reader.nonEmpty("apiVersion") else {
            if !collector.hasErrors { reader.error("apiVersion", "is missing") }
            return
        }
        if kind == "List" || (kind.hasSuffix("List") && Self.isOurs(apiVersion)) {
            guard depth < Self.maximumListDepth else {
                reader.error("items", "nests lists deeper than \(Self.maximumListDepth) levels")
                return
            }
            for (path, item) in reader.elements("items", atMost: .max) ?? [] {
                self.decode(item, path: path, depth: depth + 1, into: &outcome)
            }
            return
        }
        guard let kind = ResourceKind(spelled: kind),
            kind.apiVersion == apiVersion || (Self.isOurs(apiVersion) && Self.isOurs(kind.apiVersion))
        else {
            collector.report(.info, path, document, "\(apiVersion) \(kind) is not used and was skipped")
            return
        }
        guard let metadata = self.metadata(&reader, kind: kind) else { return }
        let key = ResourceKey(
            kind: kind,
            namespace: kind.isNamespaced ? metadata.namespace ?? "default" : nil,
            name: metadata.name
        )
        collector.key = key
        let resource = self.resource(kind, &reader, metadata)
        if let resource, !collector.hasErrors {
            outcome.resources.append(Decoded(resource: resource, position: document.position))
        } else {
            outcome.refused.append(key)
        }
    }

    private static func isOurs(_ apiVersion: String) -> Bool {
        apiVersion == "projectcalico.org/v3" || apiVersion == "crd.projectcalico.org/v1"
    }

    private func resource(_ kind: ResourceKind, _ document: inout MapReader, _ metadata: ResourceMetadata) -> Resource?
    {
        if kind == .secret {
            let secret = decodeSecret(&document, metadata)
            document.finish(UnsupportedField.descriptive("type", "immutable"))
            return .secret(secret)
        }
        // Objects of Kubernetes have many fields more, none of which is for this program.
        if kind == .endpointSlice { return decodeEndpointSlice(&document, metadata).map { .endpointSlice($0) } }
        let empty = ManifestValue(.map([]), at: document.value.position)
        let value = document.raw("spec") ?? empty
        var spec = MapReader(value, path: document.path("spec"), collector: document.collector)
        var status = document.map("status")
        if kind == .service { return .service(decodeService(&spec, status: &status, metadata)) }
        document.finish()
        switch kind {
        case .node: return .node(decodeNode(&spec, status: &status, metadata))
        case .ipPool: return decodeIPPool(&spec, metadata).map { .ipPool($0) }
        case .bgpConfiguration: return .bgpConfiguration(decodeBGPConfiguration(&spec, metadata))
        case .bgpPeer: return .bgpPeer(decodeBGPPeer(&spec, metadata))
        case .blockAffinity: return decodeBlockAffinity(&spec, metadata).map { .blockAffinity($0) }
        case .workloadEndpoint: return decodeWorkloadEndpoint(&spec, metadata).map { .workloadEndpoint($0) }
        case .bgpFilter: return .bgpFilter(decodeBGPFilter(&spec, metadata))
        case .felixConfiguration: return .felixConfiguration(decodeFelixConfiguration(&spec, metadata))
        case .clusterInformation: return .clusterInformation(decodeClusterInformation(&spec, metadata))
        case .calicoNodeStatus:
            return decodeCalicoNodeStatus(&spec, status: &status, metadata).map { .calicoNodeStatus($0) }
        case .ipReservation: return .ipReservation(decodeIPReservation(&spec, metadata))
        case .ipamBlock: return decodeIPAMBlock(&spec, metadata).map { .ipamBlock($0) }
        case .ipamConfiguration: return .ipamConfiguration(decodeIPAMConfiguration(&spec, metadata))
        case .secret, .service, .endpointSlice: return nil
        }
    }

    private func metadata(_ document: inout MapReader, kind: ResourceKind) -> ResourceMetadata? {
        guard var reader = document.map("metadata") else {
            document.error("metadata", "is missing")
            return nil
        }
        guard let name = reader.nonEmpty("name") else {
            if !document.collector.hasErrors { reader.error("name", "is missing") }
            return nil
        }
        guard isObjectName(name) else {
            reader.error(
                "name",
                "must be at most 253 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
            )
            return nil
        }
        let namespace = reader.nonEmpty("namespace")
        if kind.isNamespaced, let namespace, !isObjectName(namespace) {
            reader.error("namespace", "is no valid name")
            return nil
        }
        return ResourceMetadata(
            name: name,
            namespace: kind.isNamespaced ? namespace : nil,
            labels: reader.stringMap("labels"),
            annotations: reader.stringMap("annotations")
        )
    }
}

/// Whether `name` is a DNS-1123 subdomain of at most 253 bytes.
func isObjectName(_ name: String) -> Bool {
    func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    guard (1...253).contains(name.utf8.count) else { return false }
    return name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { part in
        guard let first = part.first, let last = part.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && part.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
}
