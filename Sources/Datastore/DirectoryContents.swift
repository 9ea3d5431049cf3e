import Glibc
import IPAddressing
import Resources

/// The manifests of a directory tree and of the state directory layered over it, as last read successfully.
struct DirectoryContents: Sendable {
    static let maximumFiles = 20_000
    static let maximumObjects = 500_000
    static let maximumDepth = 4
    /// Names looked at below one root, of whatever kind: links may make a tree out of a ring.
    static let maximumEntries = 100_000
    /// Remarks kept about all files together.
    static let maximumDiagnostics = 20_000

    let directory: String
    let objectsDirectory: String
    private var files: [String: File] = [:]
    private var overflow: [DatastoreDiagnostic] = []

    private struct File: Sendable {
        var signature: Files.Signature
        var resources: [ManifestDecoder.Decoded] = []
        var diagnostics: [ManifestDiagnostic] = []
    }

    init(directory: String, objectsDirectory: String) {
        self.directory = directory
        self.objectsDirectory = objectsDirectory
    }

    /// The directories to watch, parents first.
    func directories() -> [String] {
        [self.directory, self.objectsDirectory].flatMap { root in
            var found: [String] = []
            Self.walk(root) { path, entry in
                if case .directory = entry { found.append(path) }
                return found.count < Self.maximumFiles
            }
            return found
        }
    }

    /// Brings the picture up to date.
    ///
    /// Files outside `only` are not read again. With `minimumAge`, neither are files modified within that many seconds:
    /// someone may still be writing them.
    mutating func refresh(only: Set<String>? = nil, minimumAge: Int = 0) {
        var seen: Set<String> = []
        self.overflow = []
        for root in [self.directory, self.objectsDirectory] {
            var count = 0
            let isComplete = Self.walk(root) { path, entry in
                guard case .file(let signature, let modifiedAt) = entry, Self.isManifest(path) else { return true }
                count += 1
                guard count <= Self.maximumFiles else {
                    let message = "more than \(Self.maximumFiles) manifests; the rest is not read"
                    self.overflow.append(.init(file: root, diagnostic: .init(.error, message: message)))
                    return false
                }
                seen.insert(path)
                guard self.files[path]?.signature != signature, only?.contains(path) ?? true,
                    minimumAge == 0 || modifiedAt + minimumAge <= time(nil)
                else { return true }
                self.files[path] = self.load(path, signature)
                return true
            }
            if !isComplete {
                let message = "more than \(Self.maximumEntries) entries, links followed; the rest is not read"
                self.overflow.append(.init(file: root, diagnostic: .init(.error, message: message)))
            }
        }
        self.files = self.files.filter { seen.contains($0.key) }
    }

    /// The objects that count, with the file of each, and everything there is to report.
    func merged() -> (objects: [ResourceKey: (resource: Resource, file: String)], diagnostics: [DatastoreDiagnostic]) {
        var objects: [ResourceKey: (resource: Resource, file: String)] = [:]
        var diagnostics = self.overflow
        var pools: [(network: IPPrefix, decoded: ManifestDecoder.Decoded, file: String)] = []
        // The state directory is the upper layer, so it comes first; then path order decides.
        let order = self.files.sorted {
            let (left, right) = (self.isState($0.key), self.isState($1.key))
            return left == right ? $0.key < $1.key : left
        }
        for (path, file) in order {
            let room = max(0, Self.maximumDiagnostics - diagnostics.count)
            diagnostics += file.diagnostics.prefix(room).map { DatastoreDiagnostic(file: path, diagnostic: $0) }
            for decoded in file.resources {
                let key = decoded.resource.key
                let problem: String
                if let first = objects[key] {
                    problem = "is already given by \(first.file), which wins"
                } else if objects.count >= Self.maximumObjects {
                    problem = "is one object too many: at most \(Self.maximumObjects) are read"
                } else {
                    objects[key] = (decoded.resource, path)
                    if case .ipPool(let pool) = decoded.resource { pools.append((pool.cidr, decoded, path)) }
                    continue
                }
                guard diagnostics.count < Self.maximumDiagnostics else { continue }
                let remark = ManifestDiagnostic(.error, key: key, position: decoded.position, message: problem)
                diagnostics.append(DatastoreDiagnostic(file: path, diagnostic: remark))
            }
        }
        for (later, earlier) in PoolOverlaps.find(pools.map(\.network)) {
            let (pool, other) = (pools[later], pools[earlier])
            let message =
                "cidr: \(pool.network) overlaps \(other.network) of \(other.decoded.resource.key) in \(other.file)"
            let remark = ManifestDiagnostic(
                .error,
                key: pool.decoded.resource.key,
                position: pool.decoded.position,
                message: message
            )
            diagnostics.append(DatastoreDiagnostic(file: pool.file, diagnostic: remark))
        }
        return (objects, diagnostics)
    }

    func isState(_ path: String) -> Bool { path.hasPrefix(self.objectsDirectory + "/") }

    /// Reads a file; what cannot be read or is refused stays as it was before.
    private func load(_ path: String, _ signature: Files.Signature) -> File {
        let previous = self.files[path]?.resources ?? []
        let documents: [ManifestValue]
        do {
            documents = try YAMLReader.documents(try Files.read(path))
        } catch let failure as YAMLReader.Failure {
            let remark = ManifestDiagnostic(.error, position: failure.position, message: failure.message)
            return File(signature: signature, resources: previous, diagnostics: [remark])
        } catch {
            return File(
                signature: signature,
                resources: previous,
                diagnostics: [ManifestDiagnostic(.error, message: "\(error)")]
            )
        }
        var file = File(signature: signature)
        let decoder = ManifestDecoder()
        let kept = Dictionary(previous.map { ($0.resource.key, $0) }) { first, _ in first }
        for document in documents {
            let outcome = decoder.decode(document)
            file.resources += outcome.resources
            file.diagnostics += outcome.diagnostics.prefix(max(0, Self.maximumDiagnostics - file.diagnostics.count))
            file.resources += outcome.refused.compactMap { kept[$0] }
        }
        return file
    }

    private static func isManifest(_ path: String) -> Bool {
        path.hasSuffix(".yaml") || path.hasSuffix(".yml") || path.hasSuffix(".json")
    }

    /// Visits a tree in name order, leaving out hidden names and editors' leavings; false from `visit` stops.
    ///
    /// - Returns: False when there are more than ``maximumEntries``, and the rest was not visited.
    @discardableResult
    private static func walk(_ root: String, _ visit: (String, Files.Entry) -> Bool) -> Bool {
        var entries = 0
        var isStopped = false
        func descend(_ path: String, depth: Int) {
            entries += 1
            guard entries <= Self.maximumEntries, let entry = Files.entry(path) else { return }
            guard visit(path, entry) else {
                isStopped = true
                return
            }
            guard case .directory = entry, depth < Self.maximumDepth else { return }
            for name in Files.names(in: path) where !name.hasPrefix(".") && !name.hasPrefix("#") && !name.hasSuffix("~")
            {
                guard !isStopped, entries <= Self.maximumEntries else { return }
                descend("\(path)/\(name)", depth: depth + 1)
            }
        }
        descend(root, depth: 0)
        return entries <= Self.maximumEntries
    }
}
