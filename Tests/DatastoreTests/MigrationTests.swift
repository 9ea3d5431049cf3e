import Resources
import Testing

@testable import Datastore

@Suite("Migration")
struct MigrationTests {
    @Test("Everything is copied, once, and what was there equal is left alone")
    func copies() async throws {
        let source = InMemoryDatastore([try pool(1), try pool(2)])
        let target = InMemoryDatastore([try pool(2), try pool(3)])
        let report = try await Migration(from: source, to: target).run()
        #expect(report.created == [poolKey(1)] && report.unchanged == 1 && report.others == [poolKey(3)])
        #expect(try await target.list([.ipPool]).items.count == 3)
    }

    @Test("What differs in the target stops everything before anything is written, unless it may be overwritten")
    func differs() async throws {
        let source = InMemoryDatastore([try pool(1), try pool(2)])
        let target = InMemoryDatastore([try pool(2, disabled: true)])
        let migration = Migration(from: source, to: target)
        await #expect(throws: Migration.Failure.differs([poolKey(2)])) { try await migration.run() }
        #expect(try await target.list([.ipPool]).items.count == 1)
        let report = try await migration.run(isOverwriting: true)
        #expect(report.replaced == [poolKey(2)] && report.created == [poolKey(1)])
        #expect(try await target.get(poolKey(2)).resource == pool(2))
    }

    @Test("A dry run writes nothing")
    func dryRun() async throws {
        let source = InMemoryDatastore([try pool(1)])
        let target = InMemoryDatastore()
        let report = try await Migration(from: source, to: target).run(isDryRun: true)
        #expect(report.created == [poolKey(1)])
        #expect(try await target.list([.ipPool]).items.isEmpty)
    }

    @Test("Objects that would get one name are refused")
    func sameName() async throws {
        let source = InMemoryDatastore([try pool(1), try pool(2)])
        let target = InMemoryDatastore()
        let one = try pool(1)
        let migration = Migration(from: source, to: target) { _ in one }
        await #expect(throws: Migration.Failure.sameName(poolKey(1))) { try await migration.run() }
        #expect(try await target.list([.ipPool]).items.isEmpty)
    }

    @Test("A store that fails on the way is told")
    func failure() async throws {
        let source = InMemoryDatastore([try pool(1)])
        let target = InMemoryDatastore()
        source.failNext([.unavailable("gone")])
        await #expect(throws: Migration.Failure.datastore(.unavailable("gone"))) {
            try await Migration(from: source, to: target).run()
        }
    }
}
