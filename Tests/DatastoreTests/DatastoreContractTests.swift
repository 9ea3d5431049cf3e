import EtcdDatastore
import IPAddressing
import Logging
import Resources
import TestSupport
import Testing

@testable import Datastore

/// The backends that promise the contract.
enum Backend: String, CaseIterable, Sendable {
    case memory
    case directory
    case etcd

    /// A store of its own and what must outlive it.
    func make() async throws -> (store: any Datastore, keep: AnyObject?) {
        switch self {
        case .memory: return (InMemoryDatastore(), nil)
        case .directory:
            let directory = try TemporaryDirectory()
            let store = try DirectoryDatastore(directory: directory.path, stateDirectory: "\(directory.path)/.state")
            return (store, directory)
        case .etcd:
            let etcd = try await Etcd.start()
            let settings = EtcdSettings(endpoints: etcd.endpoints.compactMap { EtcdEndpoint($0) })
            return (try EtcdDatastore(settings: settings, logger: Logger(label: "test")), etcd)
        }
    }
}

@Suite("Every datastore", .timeLimit(.minutes(1)))
struct DatastoreContractTests {
    @Test("What was created is read back and listed", arguments: Backend.allCases)
    func create(_ backend: Backend) async throws {
        let (store, keep) = try await backend.make()
        defer { withExtendedLifetime(keep) {} }
        let created = try await store.create(pool(1))
        #expect(try await store.get(poolKey(1)) == created)
        #expect(try await store.list([.ipPool]).items == [created])
        #expect(try await store.list([.node]).items == [])
    }

    @Test("Creating a taken key fails", arguments: Backend.allCases)
    func alreadyExists(_ backend: Backend) async throws {
        let (store, keep) = try await backend.make()
        defer { withExtendedLifetime(keep) {} }
        try await store.create(pool(1))
        await #expect(throws: DatastoreError.alreadyExists(poolKey(1))) { try await store.create(pool(1)) }
    }

    @Test("Reading, updating and deleting what is absent fails", arguments: Backend.allCases)
    func doesNotExist(_ backend: Backend) async throws {
        let (store, keep) = try await backend.make()
        defer { withExtendedLifetime(keep) {} }
        let error = DatastoreError.doesNotExist(poolKey(1))
        await #expect(throws: error) { try await store.get(poolKey(1)) }
        await #expect(throws: error) { try await store.update(pool(1), ifRevision: nil) }
        await #expect(throws: error) { try await store.delete(poolKey(1), ifRevision: nil) }
    }

    @Test("An update or deletion with a stale revision fails and tells the current object", arguments: Backend.allCases)
    func conflict(_ backend: Backend) async throws {
        let (store, keep) = try await backend.make()
        defer { withExtendedLifetime(keep) {} }
        let first = try await store.create(pool(1))
        let second = try await store.update(pool(1, disabled: true), ifRevision: first.revision)
        #expect(second.revision != first.revision)
        let error = DatastoreError.conflict(current: second)
        await #expect(throws: error) { try await store.update(pool(1), ifRevision: first.revision) }
        await #expect(throws: error) { try await store.delete(poolKey(1), ifRevision: first.revision) }
        #expect(try await store.delete(poolKey(1), ifRevision: second.revision) == second)
        #expect(try await store.list([.ipPool]).items.isEmpty)
    }

    @Test("An invalid object is refused", arguments: Backend.allCases)
    func validation(_ backend: Backend) async throws {
        let (store, keep) = try await backend.make()
        defer { withExtendedLifetime(keep) {} }
        var invalid = IPPool(metadata: ResourceMetadata(name: "../x"), cidr: try #require(IPPrefix("10.0.0.0/16")))
        await #expect(throws: DatastoreError.self) { try await store.create(.ipPool(invalid)) }
        invalid.metadata.name = "x"
        invalid.blockSize = 3
        await #expect(throws: DatastoreError.self) { try await store.create(.ipPool(invalid)) }
        #expect(try await store.list([.ipPool]).items.isEmpty)
    }

    @Test("A watch tells every change after its revision in order", arguments: Backend.allCases)
    func watch(_ backend: Backend) async throws {
        let (store, keep) = try await backend.make()
        defer { withExtendedLifetime(keep) {} }
        let revision = try await store.list([.ipPool]).revision
        let added = try await store.create(pool(1))
        var events = try await store.watch([.ipPool], from: revision).makeAsyncIterator()
        let modified = try await store.update(pool(1, disabled: true), ifRevision: nil)
        try await store.create(.node(Node(metadata: ResourceMetadata(name: "other"))))
        try await store.delete(poolKey(1), ifRevision: nil)
        var seen: [WatchEvent] = []
        while seen.count < 3 { seen += try #require(await events.next()) }
        #expect(seen.prefix(2) == [.added(added), .modified(modified)])
        guard case .deleted(poolKey(1), _)? = seen.last else {
            Issue.record("the last event is \(String(describing: seen.last))")
            return
        }
    }

    @Test("A watch from a revision that is not the store's own requires a new listing", arguments: Backend.allCases)
    func foreignRevision(_ backend: Backend) async throws {
        let (store, keep) = try await backend.make()
        defer { withExtendedLifetime(keep) {} }
        for text in ["", "0", "x-1", "é"] {
            var events = try await store.watch([.ipPool], from: Revision(text)).makeAsyncIterator()
            #expect(await events.next() == [.resyncRequired])
            #expect(await events.next() == nil)
        }
    }

    @Test("Statuses are kept by key, cleared with nil, and wake no watcher", arguments: Backend.allCases)
    func statuses(_ backend: Backend) async throws {
        let (store, keep) = try await backend.make()
        defer { withExtendedLifetime(keep) {} }
        let key = ResourceKey(kind: .workloadEndpoint, namespace: "ns", name: "w")
        let revision = try await store.list([.workloadEndpoint]).revision
        let status = EndpointStatus(state: .error, cause: "a \"quoted\"\u{85}\u{2028} cause\n\u{1}é")
        var events = try await store.watch([.workloadEndpoint, .ipPool], from: revision).makeAsyncIterator()
        try await store.updateStatus(of: key, to: status)
        #expect(try await store.statuses() == [key: status])
        try await store.updateStatus(of: key, to: nil)
        #expect(try await store.statuses() == [:])
        let added = try await store.create(pool(1))
        #expect(await events.next() == [.added(added)])
    }
}
