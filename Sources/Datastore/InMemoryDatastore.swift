public import Resources
import Synchronization

/// A datastore that lives and dies with the process, with faults on demand: for tests and single-process use.
public final class InMemoryDatastore: Datastore {
    private struct State: Sendable {
        var table: ResourceTable
        var statuses: [ResourceKey: EndpointStatus] = [:]
        var failures: [DatastoreError] = []
    }

    private let state: Mutex<State>

    /// Creates a store that holds `resources`.
    public init(_ resources: [Resource] = []) {
        var generator = SystemRandomNumberGenerator()
        var table = ResourceTable(epoch: String(generator.next(), radix: 16))
        table.apply(resources.map { ($0.key, $0) })
        self.state = Mutex(State(table: table))
    }

    private func withState<Value: Sendable>(
        _ body: (inout sending State) throws(DatastoreError) -> sending Value
    ) throws(DatastoreError) -> Value {
        try self.state.withLock { state throws(DatastoreError) in
            if !state.failures.isEmpty { throw state.failures.removeFirst() }
            return try body(&state)
        }
    }

    /// Reads one object.
    public func get(_ key: ResourceKey) async throws(DatastoreError) -> StoredResource {
        try self.withState { state throws(DatastoreError) in
            guard let stored = state.table.objects[key] else { throw .doesNotExist(key) }
            return stored
        }
    }

    /// Reads all objects of `kinds`.
    public func list(_ kinds: Set<ResourceKind>) async throws(DatastoreError) -> ResourceList {
        try self.withState { $0.table.list(kinds) }
    }

    /// Stores an object that must not exist yet.
    @discardableResult
    public func create(_ resource: Resource) async throws(DatastoreError) -> StoredResource {
        try validate(resource)
        return try self.withState { state throws(DatastoreError) in
            let key = resource.key
            guard state.table.objects[key] == nil else { throw .alreadyExists(key) }
            state.table.apply([(key, resource)])
            guard let stored = state.table.objects[key] else { throw .doesNotExist(key) }
            return stored
        }
    }

    /// Replaces an object.
    @discardableResult
    public func update(_ resource: Resource, ifRevision revision: Revision?) async throws(DatastoreError)
        -> StoredResource
    {
        try validate(resource)
        return try self.withState { state throws(DatastoreError) in
            let key = resource.key
            guard let current = state.table.objects[key] else { throw .doesNotExist(key) }
            if let revision, revision != current.revision { throw .conflict(current: current) }
            state.table.apply([(key, resource)])
            return state.table.objects[key] ?? current
        }
    }

    /// Removes an object.
    @discardableResult
    public func delete(_ key: ResourceKey, ifRevision revision: Revision?) async throws(DatastoreError)
        -> StoredResource
    {
        try self.withState { state throws(DatastoreError) in
            guard let current = state.table.objects[key] else { throw .doesNotExist(key) }
            if let revision, revision != current.revision { throw .conflict(current: current) }
            state.table.apply([(key, nil)])
            return current
        }
    }

    /// Sets or clears the status of an endpoint.
    public func updateStatus(of key: ResourceKey, to status: EndpointStatus?) async throws(DatastoreError) {
        try self.withState { $0.statuses[key] = status }
    }

    /// All statuses there are.
    public func statuses() async throws(DatastoreError) -> [ResourceKey: EndpointStatus] {
        try self.withState { $0.statuses }
    }

    /// Changes to objects of `kinds` after `revision`.
    public func watch(_ kinds: Set<ResourceKind>, from revision: Revision) async throws(DatastoreError) -> WatchStream {
        try self.withState { state in
            state.table.watch(kinds, from: revision) { [weak self] id in
                self?.state.withLock { $0.table.removeWatcher(id) }
            }
        }
    }

    /// Makes the next operations fail, one error each.
    public func failNext(_ errors: [DatastoreError]) {
        self.state.withLock { $0.failures += errors }
    }

    /// Ends all watch streams, as a lost connection does.
    public func disconnectWatchers() {
        self.state.withLock { $0.table.disconnectWatchers() }
    }

    /// Forgets the history: whoever watches from an older revision has to list again.
    public func compact() {
        self.state.withLock { $0.table.forget(keeping: 0) }
    }
}

/// Refuses what would not decode to the same resource: programs are held to the rules that manifests are.
public func validate(_ resource: Resource) throws(DatastoreError) {
    let outcome = ManifestDecoder().decode(resource.manifest)
    guard outcome.resources.first?.resource.key != resource.key || outcome.resources.count != 1 else { return }
    throw .validation(outcome.diagnostics.filter { $0.severity == .error })
}
