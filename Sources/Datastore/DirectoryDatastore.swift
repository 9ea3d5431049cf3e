public import Resources
import Synchronization

/// A remark about what a datastore holds.
public struct DatastoreDiagnostic: Hashable, Sendable, CustomStringConvertible {
    /// The file's path, or the key where there are no files.
    public var file: String
    /// What there is to say.
    public var diagnostic: ManifestDiagnostic

    /// Creates a remark.
    public init(file: String, diagnostic: ManifestDiagnostic) {
        self.file = file
        self.diagnostic = diagnostic
    }

    /// `file:line:column: severity: …`.
    public var description: String {
        self.diagnostic.position == nil ? "\(self.file): \(self.diagnostic)" : "\(self.file):\(self.diagnostic)"
    }
}

/// A directory of manifests as a datastore.
///
/// The directory is only read. Objects and statuses that programs write live as JSON files in the state directory and
/// lie over the manifests; several processes may share both. A file that cannot be read leaves its objects as they were.
public final class DirectoryDatastore: DiagnosedDatastore {
    private struct State: Sendable {
        var contents: DirectoryContents
        var table: ResourceTable
        var diagnostics: [DatastoreDiagnostic] = []
        var sources: [ResourceKey: String] = [:]
        var listeners: [UInt64: AsyncStream<[DatastoreDiagnostic]>.Continuation] = [:]
        var nextListener: UInt64 = 0
    }

    private let state: Mutex<State>
    let stateDirectory: String
    private let watcher = Mutex<DirectoryWatcher?>(nil)

    /// Reads `directory` and keeps up with it.
    ///
    /// - Parameters:
    ///   - directory: holds the manifests (`*.yaml`, `*.yml`, `*.json`), up to four levels deep.
    ///   - stateDirectory: holds what programs write; created when absent.
    ///   - pollInterval: how often to look for changes that no notification told.
    ///   - isWatching: false reads once and sees only its own writes.
    /// - Throws: ``DatastoreError/unavailable(_:)`` when a directory cannot be used.
    public init(
        directory: String,
        stateDirectory: String,
        pollInterval: Duration = .seconds(30),
        isWatching: Bool = true
    ) throws(DatastoreError) {
        guard case .directory? = Files.entry(directory) else {
            throw .unavailable("\(directory) is no directory that can be read")
        }
        let objects = "\(stateDirectory)/objects"
        do {
            try Files.makeDirectories(objects)
        } catch {
            throw .unavailable("\(error)")
        }
        var generator = SystemRandomNumberGenerator()
        self.stateDirectory = stateDirectory
        self.state = Mutex(
            State(
                contents: DirectoryContents(directory: directory, objectsDirectory: objects),
                table: ResourceTable(epoch: String(generator.next(), radix: 16))
            )
        )
        guard isWatching else {
            self.refresh()
            return
        }
        let milliseconds = Int32(max(1, min(86_400_000, pollInterval / .milliseconds(1))))
        let watcher = DirectoryWatcher(pollMilliseconds: milliseconds) { [weak self] change in
            switch change {
            case .entries(let paths): self?.refresh(only: paths)
            case .everything: self?.refresh()
            case .poll: self?.refresh(minimumAge: 2)
            }
        }
        guard let watcher else { throw .unavailable("cannot watch \(directory)") }
        self.watcher.withLock { $0 = watcher }
        self.refresh()
    }

    private func refresh(only: Set<String>? = nil, minimumAge: Int = 0) {
        self.state.withLock { state in
            // Watches come before reading, so that no change falls between the two.
            if only == nil, let watcher = self.watcher.withLock({ $0 }) {
                for directory in state.contents.directories() { watcher.add(directory) }
            }
            Self.refresh(&state, only: only, minimumAge: minimumAge)
        }
    }

    private static func refresh(_ state: inout State, only: Set<String>?, minimumAge: Int = 0) {
        state.contents.refresh(only: only, minimumAge: minimumAge)
        let (objects, diagnostics) = state.contents.merged()
        let vanished = state.table.objects.keys.filter { objects[$0] == nil }.sorted()
        let present = objects.sorted { $0.key < $1.key }
        state.table.apply(vanished.map { ($0, nil) } + present.map { ($0.key, $0.value.resource) })
        state.sources = objects.mapValues(\.file)
        guard diagnostics != state.diagnostics else { return }
        state.diagnostics = diagnostics
        for listener in state.listeners.values { listener.yield(diagnostics) }
    }

    /// Everything there is to report about the files, as they are now.
    public func diagnostics() -> [DatastoreDiagnostic] { self.state.withLock { $0.diagnostics } }

    /// The reports now and after each change of them; a slow reader gets the newest.
    public func diagnosticChanges() -> AsyncStream<[DatastoreDiagnostic]> {
        let (stream, continuation) = AsyncStream<[DatastoreDiagnostic]>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = self.state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = continuation
            continuation.yield(state.diagnostics)
            return state.nextListener
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.listeners[id] = nil }
        }
        return stream
    }

    /// Reads one object.
    public func get(_ key: ResourceKey) async throws(DatastoreError) -> StoredResource {
        guard let stored = self.state.withLock({ $0.table.objects[key] }) else { throw .doesNotExist(key) }
        return stored
    }

    /// Reads all objects of `kinds`.
    public func list(_ kinds: Set<ResourceKind>) async throws(DatastoreError) -> ResourceList {
        self.state.withLock { $0.table.list(kinds) }
    }

    /// Stores an object in the state directory.
    @discardableResult
    public func create(_ resource: Resource) async throws(DatastoreError) -> StoredResource {
        try validate(resource)
        let key = resource.key
        return try await self.change(key) { current throws(DatastoreError) in
            if current != nil { throw .alreadyExists(key) }
            return resource
        }
    }

    /// Replaces an object of the state directory.
    @discardableResult
    public func update(_ resource: Resource, ifRevision revision: Revision?) async throws(DatastoreError)
        -> StoredResource
    {
        try validate(resource)
        let key = resource.key
        return try await self.change(key) { current throws(DatastoreError) in
            guard let current else { throw .doesNotExist(key) }
            if let revision, revision != current.revision { throw .conflict(current: current) }
            return resource
        }
    }

    /// Removes an object of the state directory.
    @discardableResult
    public func delete(_ key: ResourceKey, ifRevision revision: Revision?) async throws(DatastoreError)
        -> StoredResource
    {
        try await self.change(key) { current throws(DatastoreError) in
            guard let current else { throw .doesNotExist(key) }
            if let revision, revision != current.revision { throw .conflict(current: current) }
            return nil
        }
    }

    /// Decides on the newest state under the lock that all processes share; returns the object after it, or before removal.
    private func change(
        _ key: ResourceKey,
        _ decide: (StoredResource?) throws(DatastoreError) -> Resource?
    ) async throws(DatastoreError) -> StoredResource {
        let path = try self.path("objects", key)
        let lock = try await FileLock("\(self.stateDirectory)/lock")
        let outcome = Result { () throws(DatastoreError) in try self.decide(key, path, decide) }
        lock.release()
        return try outcome.get()
    }

    private func decide(
        _ key: ResourceKey,
        _ path: String,
        _ decide: (StoredResource?) throws(DatastoreError) -> Resource?
    ) throws(DatastoreError) -> StoredResource {
        try self.state.withLock { state throws(DatastoreError) in
            Self.refresh(&state, only: [path])
            let current = state.table.objects[key]
            let wanted = try decide(current)
            if let source = state.sources[key], !state.contents.isState(source) {
                throw .readOnly(key, source: source)
            }
            do {
                if let wanted {
                    // Fields of no known name that the file had are kept.
                    let former = (try? Files.read(path)).flatMap { try? YAMLReader.documents($0).first }
                    let manifest = former.map { wanted.manifest(over: $0) } ?? wanted.manifest
                    try Files.replace(path, with: manifest.jsonText)
                } else {
                    try Files.remove(path)
                }
            } catch {
                throw .unavailable("\(error)")
            }
            Self.refresh(&state, only: [path])
            guard let result = wanted == nil ? current : state.table.objects[key] else { throw .doesNotExist(key) }
            return result
        }
    }

    /// Sets or clears the status of an endpoint in the state directory.
    public func updateStatus(of key: ResourceKey, to status: EndpointStatus?) async throws(DatastoreError) {
        let path = try self.path("status", key)
        do {
            if let status {
                try Files.replace(path, with: status.manifest.jsonText)
            } else {
                try Files.remove(path)
            }
        } catch {
            throw .unavailable("\(error)")
        }
    }

    /// All statuses in the state directory, whichever process wrote them.
    public func statuses() async throws(DatastoreError) -> [ResourceKey: EndpointStatus] {
        var statuses: [ResourceKey: EndpointStatus] = [:]
        let root = "\(self.stateDirectory)/status"
        func take(_ directory: String, _ kind: ResourceKind, _ namespace: String?) {
            for name in Files.names(in: directory) where name.hasSuffix(".json") && !name.hasPrefix(".") {
                guard let bytes = try? Files.read("\(directory)/\(name)"),
                    let document = try? YAMLReader.documents(bytes).first,
                    let status = EndpointStatus(document)
                else { continue }
                statuses[ResourceKey(kind: kind, namespace: namespace, name: String(name.dropLast(5)))] = status
            }
        }
        for kind in ResourceKind.allCases {
            let directory = "\(root)/\(kind.rawValue)"
            guard kind.isNamespaced else {
                take(directory, kind, nil)
                continue
            }
            for namespace in Files.names(in: directory) where !namespace.hasPrefix(".") {
                take("\(directory)/\(namespace)", kind, namespace)
            }
        }
        return statuses
    }

    /// Changes to objects of `kinds` after `revision`.
    public func watch(_ kinds: Set<ResourceKind>, from revision: Revision) async throws(DatastoreError) -> WatchStream {
        self.state.withLock { state in
            state.table.watch(kinds, from: revision) { [weak self] id in
                self?.state.withLock { $0.table.removeWatcher(id) }
            }
        }
    }

    /// Where the state directory keeps `key`; a name that could lead elsewhere is refused.
    private func path(_ area: String, _ key: ResourceKey) throws(DatastoreError) -> String {
        let namespace = key.kind.isNamespaced ? key.namespace ?? "default" : nil
        let parts = [namespace, key.name].compactMap(\.self)
        guard
            parts.allSatisfy({
                !$0.isEmpty && $0.utf8.count <= 253 && !$0.hasPrefix(".") && !$0.utf8.contains(UInt8(ascii: "/"))
                    && !$0.utf8.contains(0)
            })
        else { throw .validation([ManifestDiagnostic(.error, key: key, message: "is no valid name")]) }
        return ([self.stateDirectory, area, key.kind.rawValue] + parts).joined(separator: "/") + ".json"
    }
}
