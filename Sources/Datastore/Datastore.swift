public import Resources

/// A store of resources with revisions and change notification.
///
/// Revisions grow with every change of an object, statuses have none: writing one wakes no watcher.
public protocol Datastore: Sendable {
    /// Reads one object.
    ///
    /// - Throws: ``DatastoreError/doesNotExist(_:)`` or ``DatastoreError/unavailable(_:)``.
    func get(_ key: ResourceKey) async throws(DatastoreError) -> StoredResource

    /// Reads all objects of `kinds` in key order, with the revision from which ``watch(_:from:)`` continues.
    func list(_ kinds: Set<ResourceKind>) async throws(DatastoreError) -> ResourceList

    /// Stores an object that must not exist yet.
    ///
    /// - Throws: ``DatastoreError/alreadyExists(_:)``, ``DatastoreError/validation(_:)``.
    @discardableResult
    func create(_ resource: Resource) async throws(DatastoreError) -> StoredResource

    /// Replaces an object; given a revision, only if it still has that one.
    ///
    /// - Throws: ``DatastoreError/doesNotExist(_:)``, ``DatastoreError/conflict(current:)``,
    ///   ``DatastoreError/readOnly(_:source:)``.
    @discardableResult
    func update(_ resource: Resource, ifRevision revision: Revision?) async throws(DatastoreError) -> StoredResource

    /// Removes an object and returns what was removed; given a revision, only if it still has that one.
    @discardableResult
    func delete(_ key: ResourceKey, ifRevision revision: Revision?) async throws(DatastoreError) -> StoredResource

    /// Sets the status of an endpoint, or clears it with nil; the endpoint need not exist.
    func updateStatus(of key: ResourceKey, to status: EndpointStatus?) async throws(DatastoreError)

    /// All statuses there are.
    func statuses() async throws(DatastoreError) -> [ResourceKey: EndpointStatus]

    /// Changes to objects of `kinds` after `revision`, in order.
    ///
    /// The stream ends when the connection is lost; the caller then watches again from the last revision it saw.
    func watch(_ kinds: Set<ResourceKind>, from revision: Revision) async throws(DatastoreError) -> WatchStream
}

/// A datastore whose contents can be wrong in a way that people have to be told.
public protocol DiagnosedDatastore: Datastore {
    /// Everything there is to report, as it is now.
    func diagnostics() -> [DatastoreDiagnostic]

    /// The reports now and after each change of them; a slow reader gets the newest.
    func diagnosticChanges() -> AsyncStream<[DatastoreDiagnostic]>
}

/// Batches of changes from ``Datastore/watch(_:from:)``.
public typealias WatchStream = AsyncStream<[WatchEvent]>

/// A point in a datastore's history; only the datastore that issued it can read it.
public struct Revision: Hashable, Sendable {
    /// The backend's own notation.
    public let text: String

    /// Creates a revision from the backend's notation.
    public init(_ text: String) {
        self.text = text
    }
}

/// An object and the revision of its last change.
public struct StoredResource: Hashable, Sendable {
    /// The object.
    public var resource: Resource
    /// Its revision.
    public var revision: Revision

    /// Creates a value.
    public init(resource: Resource, revision: Revision) {
        self.resource = resource
        self.revision = revision
    }
}

/// What ``Datastore/list(_:)`` returns.
public struct ResourceList: Hashable, Sendable {
    /// The objects in key order.
    public var items: [StoredResource]
    /// The revision of the whole list.
    public var revision: Revision

    /// Creates a list.
    public init(items: [StoredResource], revision: Revision) {
        self.items = items
        self.revision = revision
    }
}

/// One change.
public enum WatchEvent: Hashable, Sendable {
    /// An object appeared.
    case added(StoredResource)
    /// An object changed.
    case modified(StoredResource)
    /// An object vanished, at this revision.
    case deleted(ResourceKey, Revision)
    /// Nothing changed up to this revision: from here a watch goes on after a disconnect.
    case progress(Revision)
    /// The history does not reach back to the asked revision: list again.
    case resyncRequired
}

/// What can go wrong with a datastore.
public enum DatastoreError: Error, Hashable, Sendable {
    /// The key is taken.
    case alreadyExists(ResourceKey)
    /// There is no such object.
    case doesNotExist(ResourceKey)
    /// The object has changed since the given revision.
    case conflict(current: StoredResource)
    /// The object belongs to someone who must not be overwritten; the source says who.
    case readOnly(ResourceKey, source: String)
    /// The object is not valid.
    case validation([ManifestDiagnostic])
    /// The store cannot be reached or written now; trying again may help.
    case unavailable(String)
}

extension DatastoreError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .alreadyExists(let key): "\(key) already exists"
        case .doesNotExist(let key): "\(key) does not exist"
        case .conflict(let current): "\(current.resource.key) was changed by someone else"
        case .readOnly(let key, let source): "\(key) comes from \(source), which is not rewritten"
        case .validation(let diagnostics): diagnostics.map(\.description).joined(separator: "; ")
        case .unavailable(let cause): "datastore unavailable: \(cause)"
        }
    }
}
