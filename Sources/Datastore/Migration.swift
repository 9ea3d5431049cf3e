public import Resources

/// Copies all resources of one datastore into another and checks that they arrived.
///
/// Statuses are not copied: who reports them does it again. Nothing is removed from either side.
public struct Migration: Sendable {
    private let source: any Datastore
    private let target: any Datastore
    private let rename: @Sendable (Resource) -> Resource

    /// Creates a migration; `rename` gives a resource the name it must have in the target.
    public init(
        from source: any Datastore,
        to target: any Datastore,
        rename: @escaping @Sendable (Resource) -> Resource = { $0 }
    ) {
        self.source = source
        self.target = target
        self.rename = rename
    }

    /// What there is to do, or was done.
    public struct Report: Hashable, Sendable {
        /// Objects that the target lacked.
        public var created: [ResourceKey] = []
        /// Objects that were otherwise in the target and were overwritten.
        public var replaced: [ResourceKey] = []
        /// Objects that were there already, equal.
        public var unchanged = 0
        /// Objects of the target that the source does not have; they stay.
        public var others: [ResourceKey] = []
        /// Objects that have another name in the target.
        public var renamed: [ResourceKey: ResourceKey] = [:]
    }

    /// Why a migration did not happen or cannot be vouched for.
    public enum Failure: Error, Hashable, CustomStringConvertible {
        /// The target holds other objects under these keys.
        case differs([ResourceKey])
        /// Two objects of the source have one name in the target.
        case sameName(ResourceKey)
        /// The source changed meanwhile: these objects are not what was copied.
        case sourceChanged([ResourceKey])
        /// These objects did not arrive as they were sent.
        case mismatch([ResourceKey])
        /// A datastore failed.
        case datastore(DatastoreError)

        /// One line for people.
        public var description: String {
            func list(_ keys: [ResourceKey]) -> String {
                keys.prefix(10).map(\.description).joined(separator: ", ") + (keys.count > 10 ? " and others" : "")
            }
            return switch self {
            case .differs(let keys): "the target already holds other contents of \(list(keys))"
            case .sameName(let key): "several objects would be called \(key) in the target"
            case .sourceChanged(let keys): "the source changed while it was copied: \(list(keys))"
            case .mismatch(let keys): "the target does not hold what was copied: \(list(keys))"
            case .datastore(let error): "\(error)"
            }
        }
    }

    /// Copies, then compares both sides; a dry run only says what would be done.
    ///
    /// Without `isOverwriting`, objects of the target that are otherwise stop everything before anything was written.
    public func run(isOverwriting: Bool = false, isDryRun: Bool = false) async throws(Failure) -> Report {
        var report = Report()
        let wanted = try await self.wanted(&report.renamed)
        let present = try await Self.objects(self.target)
        var differing: [ResourceKey] = []
        for (key, resource) in wanted.sorted(by: { $0.key < $1.key }) {
            switch present[key]?.resource {
            case nil: report.created.append(key)
            case resource?: report.unchanged += 1
            default: differing.append(key)
            }
        }
        report.others = present.keys.filter { wanted[$0] == nil }.sorted()
        guard isOverwriting || differing.isEmpty else { throw .differs(differing) }
        report.replaced = differing
        if isDryRun { return report }
        do {
            for key in report.created { if let resource = wanted[key] { try await self.target.create(resource) } }
            for key in differing {
                guard let resource = wanted[key], let current = present[key] else { continue }
                try await self.target.update(resource, ifRevision: current.revision)
            }
        } catch {
            throw .datastore(error)
        }
        var renamed: [ResourceKey: ResourceKey] = [:]
        let now = try await self.wanted(&renamed)
        let changed = Set(now.keys).union(wanted.keys).filter { now[$0] != wanted[$0] }
        guard changed.isEmpty else { throw .sourceChanged(changed.sorted()) }
        let arrived = try await Self.objects(self.target)
        let wrong = wanted.filter { arrived[$0.key]?.resource != $0.value }.keys
        guard wrong.isEmpty else { throw .mismatch(wrong.sorted()) }
        return report
    }

    private func wanted(_ renamed: inout [ResourceKey: ResourceKey]) async throws(Failure) -> [ResourceKey: Resource] {
        var wanted: [ResourceKey: Resource] = [:]
        for (key, stored) in try await Self.objects(self.source) {
            let resource = self.rename(stored.resource)
            if resource.key != key { renamed[key] = resource.key }
            guard wanted.updateValue(resource, forKey: resource.key) == nil else { throw .sameName(resource.key) }
        }
        return wanted
    }

    private static func objects(_ store: any Datastore) async throws(Failure) -> [ResourceKey: StoredResource] {
        do {
            let list = try await store.list(Set(ResourceKind.allCases))
            return Dictionary(list.items.map { ($0.resource.key, $0) }) { $1 }
        } catch {
            throw .datastore(error)
        }
    }
}

extension DirectoryDatastore {
    /// Runs `body` while no other migration uses the state directory.
    public func withMigrationLock<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        let lock = try await FileLock("\(self.stateDirectory)/migration.lock")
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        lock.release()
        return try outcome.get()
    }
}
