public import Datastore
public import Logging
public import Resources
import Synchronization

/// An etcd v3 cluster as a datastore, in the layout of Calico, so that both can share it.
///
/// It is reached by etcd's JSON gateway. Writes are compare-and-swap; fields of stored objects that are not understood are kept.
/// An object that turns invalid counts as it was before, and is reported.
public final class EtcdDatastore: DiagnosedDatastore {
    let client: EtcdClient
    private let statusKeeper: EtcdStatuses
    private let reports = EtcdReports()

    /// Creates a client of the store; nothing is asked yet, ``close()`` must be called at the end.
    ///
    /// - Throws: ``DatastoreError/unavailable(_:)`` when the settings cannot work: no endpoint, a certificate that cannot be read.
    public init(settings: EtcdSettings, logger: Logger) throws(DatastoreError) {
        guard !settings.endpoints.isEmpty || settings.discoveryDomain != nil else {
            throw .unavailable("neither endpoints nor a domain to discover them in is given")
        }
        do {
            self.client = try EtcdClient(settings: settings, logger: logger)
        } catch {
            throw DatastoreError(error)
        }
        self.statusKeeper = EtcdStatuses(client: self.client)
    }

    /// Ends watches and the upkeep of statuses; they expire unless another process takes them over.
    public func close() async {
        self.statusKeeper.stop()
        await self.client.close()
    }

    /// Everything there is to report about stored objects, as it is now.
    public func diagnostics() -> [DatastoreDiagnostic] { self.reports.current }

    /// The reports now and after each change of them; a slow reader gets the newest.
    public func diagnosticChanges() -> AsyncStream<[DatastoreDiagnostic]> { self.reports.changes() }

    /// The resource under the name it has in etcd: that of a block or its affinity follows from what it says.
    public static func renamed(_ resource: Resource) -> Resource {
        guard let path = EtcdLayout.key(resource), let key = EtcdLayout.resourceKey(path), key != resource.key else {
            return resource
        }
        var item = KeyValue(key: path, value: [], revision: 0, version: 0)
        item.value = Array(EtcdLayout.encode(resource, over: nil, identity: []).utf8)
        return EtcdLayout.decode(item, as: key).resource ?? resource
    }

    /// Reads everything anew and tells all there is to say about it, also what has no effect here.
    public func remarks() async throws(DatastoreError) -> [DatastoreDiagnostic] {
        var remarks: [DatastoreDiagnostic] = []
        var header: AnswerHeader?
        do {
            for range in EtcdLayout.ranges(Set(ResourceKind.allCases)) {
                try await self.forEach(in: range, header: &header) { item, _ in
                    guard let key = EtcdLayout.resourceKey(item.key) else { return }
                    let file = "etcd:\(item.key)"
                    remarks += EtcdLayout.decode(item, as: key).diagnostics
                        .map { DatastoreDiagnostic(file: file, diagnostic: $0) }
                }
            }
        } catch {
            throw DatastoreError(error)
        }
        return remarks
    }

    // MARK: Reading

    /// Reads one object.
    public func get(_ key: ResourceKey) async throws(DatastoreError) -> StoredResource {
        let (item, cluster) = try await self.read(key)
        guard let item else { throw .doesNotExist(key) }
        return try self.stored(item, key, cluster)
    }

    /// Reads all objects of `kinds` as they were at one moment, in pages.
    public func list(_ kinds: Set<ResourceKind>) async throws(DatastoreError) -> ResourceList {
        for _ in 0..<3 {
            do throws(EtcdError) {
                return try await self.listOnce(kinds)
            } catch {
                // History was forgotten while pages were read; a new moment is as good.
                guard error.isCompacted else { throw DatastoreError(error) }
            }
        }
        throw .unavailable("history is forgotten faster than it can be read")
    }

    private func listOnce(_ kinds: Set<ResourceKind>) async throws(EtcdError) -> ResourceList {
        let ready = try await self.checkReady()
        var header: AnswerHeader? = nil
        var items: [StoredResource] = []
        var listed: Set<String> = []
        for range in EtcdLayout.ranges(kinds) {
            try await self.forEach(in: range, header: &header) { item, header in
                guard let key = EtcdLayout.resourceKey(item.key), kinds.contains(key.kind) else { return }
                listed.insert(item.key)
                let revision = EtcdRevision(cluster: header.cluster, number: item.revision).revision
                let stored = self.reports.take(item, as: key, revision) ?? self.reports.lastGood(item.key)
                if let stored { items.append(stored) }
            }
        }
        self.reports.keep { key in
            listed.contains(key) || EtcdLayout.resourceKey(key).map { !kinds.contains($0.kind) } ?? false
        }
        let end = header ?? ready
        items.sort { $0.resource.key < $1.resource.key }
        return ResourceList(
            items: items,
            revision: EtcdRevision(cluster: end.cluster, number: end.revision).revision
        )
    }

    /// Calico closes a store while it is migrated: nobody is to act on what it holds then.
    private func checkReady() async throws(EtcdError) -> AnswerHeader {
        let key = EtcdLayout.resources + "clusterinformations/default"
        let answer = try RangeAnswer(try await self.client.call("/v3/kv/range", EtcdRequests.get(key)).answer)
        if let item = answer.items.first, let information = try? JSONReader.value(item.value),
            case .bool(false)? = information["spec"]?["datastoreReady"]?.content
        {
            throw .unreachable("ClusterInformation says that the datastore is not ready: a migration is under way")
        }
        return answer.header
    }

    /// Calls `body` for each key of a range; all ranges that share a `header` are read at its revision.
    func forEach(
        in range: EtcdLayout.KeyRange,
        header: inout AnswerHeader?,
        _ body: (KeyValue, AnswerHeader) -> Void
    ) async throws(EtcdError) {
        var last: String?
        var limit = max(1, self.client.settings.pageSize)
        while true {
            let request = EtcdRequests.range(range, after: last, revision: header?.revision, limit: limit)
            let page: RangeAnswer
            do throws(EtcdError) {
                page = try RangeAnswer(try await self.client.call("/v3/kv/range", request).answer)
            } catch {
                // Objects are larger than expected: fewer at once.
                guard case .oversized = error, limit > 1 else { throw error }
                limit = max(1, limit / 8)
                continue
            }
            let moment = header ?? page.header
            guard page.header.cluster == moment.cluster else {
                throw .unreachable("the endpoints belong to different clusters")
            }
            header = moment
            for item in page.items { body(item, moment) }
            guard page.hasMore, let next = page.items.last?.key, next > (last ?? "") else { return }
            last = next
        }
    }

    /// The stored form of one object, and the cluster it is in.
    private func read(_ key: ResourceKey) async throws(DatastoreError) -> (KeyValue?, UInt64) {
        do {
            if let path = EtcdLayout.key(key) {
                let answer = try await self.client.call("/v3/kv/range", EtcdRequests.get(path)).answer
                let range = try RangeAnswer(answer)
                return (range.items.first, range.header.cluster)
            }
            // The name of an affinity does not say where node and block part.
            var header: AnswerHeader?
            var found: KeyValue?
            for range in EtcdLayout.ranges([key.kind]) {
                try await self.forEach(in: range, header: &header) { item, _ in
                    if EtcdLayout.resourceKey(item.key) == key { found = item }
                }
            }
            return (found, header?.cluster ?? 0)
        } catch {
            throw DatastoreError(error)
        }
    }

    private func stored(_ item: KeyValue, _ key: ResourceKey, _ cluster: UInt64) throws(DatastoreError)
        -> StoredResource
    {
        let decoded = EtcdLayout.decode(item, as: key)
        guard let resource = decoded.resource else { throw .validation(decoded.diagnostics) }
        return StoredResource(
            resource: resource,
            revision: EtcdRevision(cluster: cluster, number: item.revision).revision
        )
    }

    // MARK: Writing

    /// Stores an object that must not exist yet.
    @discardableResult
    public func create(_ resource: Resource) async throws(DatastoreError) -> StoredResource {
        let key = try self.checked(resource)
        // The identity is new, so an equal value is this write, done by a try whose answer was lost.
        let value = EtcdLayout.encode(resource, over: nil, identity: newIdentity())
        let (answer, _) = try await self.transaction(EtcdRequests.create(key, value))
        if answer.succeeded { return try self.written(key, value, resource.key, answer.header) }
        guard let current = answer.ranges.first?.items.first, current.value == Array(value.utf8),
            !IPAMLayout.holds(resource.key.kind)
        else { throw .alreadyExists(resource.key) }
        return try self.stored(current, resource.key, answer.header.cluster)
    }

    /// Replaces an object.
    @discardableResult
    public func update(_ resource: Resource, ifRevision revision: Revision?) async throws(DatastoreError)
        -> StoredResource
    {
        let path = try self.checked(resource)
        let key = resource.key
        var attempted: String?
        for _ in 0..<Self.maximumConflicts {
            let (current, cluster) = try await self.read(key)
            guard let current else { throw .doesNotExist(key) }
            if let attempted, current.value == Array(attempted.utf8) {
                return try self.stored(current, key, cluster)
            }
            if let revision, EtcdRevision(revision) != EtcdRevision(cluster: cluster, number: current.revision) {
                throw .conflict(current: try self.stored(current, key, cluster))
            }
            let value = EtcdLayout.encode(resource, over: current, identity: newIdentity())
            let request = EtcdRequests.update(path, value, ifRevision: current.revision)
            let (answer, isRepeated) = try await self.transaction(request)
            if answer.succeeded { return try self.written(path, value, key, answer.header) }
            // An earlier try whose answer was lost may be what stands there now.
            if isRepeated { attempted = value }
        }
        throw .unavailable("\(key) changes too often")
    }

    /// Removes an object.
    @discardableResult
    public func delete(_ key: ResourceKey, ifRevision revision: Revision?) async throws(DatastoreError)
        -> StoredResource
    {
        var removed: StoredResource?
        for _ in 0..<Self.maximumConflicts {
            let (current, cluster) = try await self.read(key)
            guard let current else {
                if let removed { return removed }
                throw .doesNotExist(key)
            }
            if let revision, EtcdRevision(revision) != EtcdRevision(cluster: cluster, number: current.revision) {
                throw .conflict(current: try self.stored(current, key, cluster))
            }
            let request = EtcdRequests.delete(current.key, ifRevision: current.revision)
            let (answer, isRepeated) = try await self.transaction(request)
            if answer.succeeded { return try self.stored(current, key, cluster) }
            if isRepeated { removed = try self.stored(current, key, cluster) }
        }
        throw .unavailable("\(key) changes too often")
    }

    /// Tries of a write that others get in the way of.
    private static let maximumConflicts = 16

    private func checked(_ resource: Resource) throws(DatastoreError) -> String {
        try validate(resource)
        guard let key = EtcdLayout.key(resource), let name = EtcdLayout.resourceKey(key) else {
            throw .validation([ManifestDiagnostic(.error, key: resource.key, message: "has no place in etcd")])
        }
        guard name == resource.key else {
            let message = "must be called \(name.name) in etcd"
            throw .validation([ManifestDiagnostic(.error, key: resource.key, message: message)])
        }
        return key
    }

    private func transaction(_ body: String) async throws(DatastoreError) -> (TransactionAnswer, Bool) {
        do {
            let (answer, isRepeated) = try await self.client.call("/v3/kv/txn", body)
            return (try TransactionAnswer(answer), isRepeated)
        } catch {
            throw DatastoreError(error)
        }
    }

    private func written(_ path: String, _ value: String, _ key: ResourceKey, _ header: AnswerHeader)
        throws(DatastoreError) -> StoredResource
    {
        try self.stored(
            KeyValue(key: path, value: Array(value.utf8), revision: header.revision, version: 1),
            key,
            header.cluster
        )
    }

    // MARK: Statuses

    /// Sets or clears the status of an endpoint; it expires with this process, and what cannot be written now is written later.
    public func updateStatus(of key: ResourceKey, to status: EndpointStatus?) async throws(DatastoreError) {
        do {
            try await self.statusKeeper.set(key, to: status)
        } catch {
            throw DatastoreError(error)
        }
    }

    /// All statuses there are, Calico's own included.
    public func statuses() async throws(DatastoreError) -> [ResourceKey: EndpointStatus] {
        var header: AnswerHeader?
        var statuses: [ResourceKey: EndpointStatus] = [:]
        do {
            try await self.forEach(in: EtcdLayout.KeyRange(prefix: EtcdLayout.statuses), header: &header) { item, _ in
                if let (key, status) = EtcdStatuses.decode(item) { statuses[key] = status }
            }
        } catch {
            throw DatastoreError(error)
        }
        return statuses
    }

    // MARK: Watching

    /// Changes to objects of `kinds` after `revision`.
    public func watch(_ kinds: Set<ResourceKind>, from revision: Revision) async throws(DatastoreError) -> WatchStream {
        guard let from = EtcdRevision(revision), from.number < .max, let range = EtcdLayout.cover(kinds) else {
            return Self.resync()
        }
        do {
            let watcher = EtcdWatcher(client: self.client, reports: self.reports, kinds: kinds, range: range)
            guard let stream = try await watcher.start(after: from) else { return Self.resync() }
            return stream
        } catch {
            throw DatastoreError(error)
        }
    }

    private static func resync() -> WatchStream {
        let (stream, continuation) = WatchStream.makeStream()
        continuation.yield([.resyncRequired])
        continuation.finish()
        return stream
    }
}

/// A revision of a store, with the cluster it belongs to: another cluster's numbers mean nothing here.
struct EtcdRevision: Hashable, Sendable {
    var cluster: UInt64
    var number: Int64

    init(cluster: UInt64, number: Int64) {
        self.cluster = cluster
        self.number = number
    }

    init?(_ revision: Revision) {
        let parts = revision.text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let cluster = UInt64(parts[0], radix: 16), let number = Int64(parts[1]), number >= 0
        else { return nil }
        self.init(cluster: cluster, number: number)
    }

    var revision: Revision { Revision("\(String(self.cluster, radix: 16))-\(self.number)") }
}

extension DatastoreError {
    init(_ error: EtcdError) {
        self = .unavailable(error.description)
    }
}
