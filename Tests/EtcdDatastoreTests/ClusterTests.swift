import Datastore
import Foundation
import Resources
import Synchronization
import TestSupport
import Testing

@testable import EtcdDatastore

extension LiveEtcd {
    @Suite("Several members, and cuts")
    struct ClusterTests {
        /// Writes ever newer versions of a pool until told to end; returns the last one that was acknowledged.
        private static func writer(_ store: EtcdDatastore, _ number: Int, until isOver: @escaping @Sendable () -> Bool)
            async throws -> Int
        {
            var current = try await store.create(pool(number, version: 1))
            while !isOver() {
                do {
                    let next = (version(current.resource) ?? 0) + 1
                    current = try await store.update(pool(number, version: next), ifRevision: current.revision)
                } catch DatastoreError.unavailable {
                    // It may have been done or not: what stands there decides.
                    try await Task.sleep(for: .milliseconds(50))
                    if let stored = try? await store.get(poolKey(number)) { current = stored }
                }
                try await Task.sleep(for: .milliseconds(5))
            }
            return version(current.resource) ?? 0
        }

        @Test("When the leader is killed, every acknowledged change is told once and in order")
        func leaderKilled() async throws {
            let etcd = try await Etcd.start(members: 3)
            defer { etcd.close() }
            try await withStore(shortSettings(etcd.endpoints)) { store in
                let follower = Follower(store)
                let isOver = Flag()
                async let first = Self.writer(store, 1) { isOver.isSet }
                async let second = Self.writer(store, 2) { isOver.isSet }
                try await follower.waits(for: "the first changes") { ($0.versions[poolKey(2)]?.count ?? 0) > 20 }
                let leader = try #require(try etcd.leader())
                leader.kill()
                let seen = follower.state.versions[poolKey(1)]?.count ?? 0
                try await follower.waits(for: "changes after the election") {
                    ($0.versions[poolKey(1)]?.count ?? 0) > seen + 50
                }
                try leader.start()
                try await Task.sleep(for: .milliseconds(500))
                isOver.set()
                let last = try await [1: first, 2: second]
                let state = try await follower.waits(for: "the last changes") { state in
                    last.allSatisfy { number, version in state.versions[poolKey(number)]?.last == version }
                }
                #expect(state.breaches.isEmpty)
                for (number, version) in last {
                    #expect(state.versions[poolKey(number)] == Array(1...version), "pool \(number)")
                }
            }
        }

        @Test("Without a quorum nobody is told to be in sync, with it again everybody is")
        func quorumLost() async throws {
            let etcd = try await Etcd.start(members: 3)
            defer { etcd.close() }
            try await withStore(shortSettings(etcd.endpoints)) { store in
                try await store.create(pool(1, version: 1))
                let follower = Follower(store)
                try await follower.waits(for: "the first listing") { $0.status == .inSync }
                etcd.members[0].kill()
                etcd.members[1].kill()
                let lost = try await follower.waits(for: "the loss") { $0.status == .waitingForDatastore }
                #expect(lost.objects.count == 1, "what was told stays valid")
                await #expect(throws: DatastoreError.self) { try await store.list([.ipPool]) }
                #expect(follower.state.status == .waitingForDatastore)
                try etcd.members[0].start()
                try await follower.waits(for: "the return") { $0.status == .inSync }
                try await store.update(pool(1, version: 2), ifRevision: nil)
                let state = try await follower.waits(for: "the change") { version($0.objects[poolKey(1)]) == 2 }
                #expect(state.breaches.isEmpty && state.versions[poolKey(1)] == [1, 2])
            }
        }

        @Test("A cut network is noticed though nothing is refused, and what happened meanwhile is told afterwards")
        func networkCut() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            let port = try #require(EtcdEndpoint(etcd.endpoints[0])?.port)
            let link = try CuttableLink(to: port)
            defer { link.close() }
            try await withStore(shortSettings(["http://127.0.0.1:\(link.port)"])) { store in
                try await withStore(shortSettings(etcd.endpoints)) { direct in
                    for number in 1...3 { try await direct.create(pool(number, version: 1)) }
                    let follower = Follower(store)
                    try await follower.waits(for: "the first listing") { $0.status == .inSync }
                    link.cut(true)
                    try await follower.waits(for: "the cut") { $0.status == .waitingForDatastore }
                    try await direct.update(pool(1, version: 2), ifRevision: nil)
                    try await direct.update(pool(1, version: 3), ifRevision: nil)
                    try await direct.delete(poolKey(2), ifRevision: nil)
                    #expect(follower.state.objects.count == 3)
                    link.cut(false)
                    let state = try await follower.waits(for: "the changes") {
                        $0.status == .inSync && version($0.objects[poolKey(1)]) == 3 && $0.objects.count == 2
                    }
                    #expect(state.breaches.isEmpty)
                }
            }
        }

        @Test("A watch leaves a member that froze for one that lives, and repeats nothing")
        func frozenMember() async throws {
            let etcd = try await Etcd.start(members: 3)
            defer { etcd.close() }
            let leader = try #require(try etcd.leader())
            let followers = etcd.members.filter { $0.name != leader.name }
            // The first endpoint is the one that will freeze; the order is by chance, so both are tried until it is.
            try await withStore(shortSettings(followers.map(\.clientURL))) { store in
                try await store.create(pool(1, version: 1))
                let follower = Follower(store)
                try await follower.waits(for: "the first listing") { $0.status == .inSync }
                for (index, frozen) in followers.enumerated() {
                    frozen.freeze(true)
                    defer { frozen.freeze(false) }
                    var current = try await store.update(pool(1, version: 2 * index + 2), ifRevision: nil)
                    current = try await store.update(pool(1, version: 2 * index + 3), ifRevision: current.revision)
                    try await follower.waits(for: "the changes") { version($0.objects[poolKey(1)]) == 2 * index + 3 }
                    frozen.freeze(false)
                    try await Task.sleep(for: .seconds(1))
                }
                #expect(follower.state.versions[poolKey(1)] == [1, 2, 3, 4, 5])
                #expect(follower.state.breaches.isEmpty)
            }
        }

        @Test("Members are found by SRV records")
        func discovery() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            let port = try #require(EtcdEndpoint(etcd.endpoints[0])?.port)
            let server = try NameServer { question in
                let isSecure = String(decoding: question[12...], as: UTF8.self).contains("-ssl")
                let record: [UInt8] =
                    [0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 17, 0, 0, 0, 0, UInt8(port >> 8), UInt8(port & 0xFF)]
                    + [9] + Array("localhost".utf8) + [0]
                let head: [UInt8] = [question[0], question[1], 0x81, 0x80, 0, 1, 0, isSecure ? 0 : 1, 0, 0, 0, 0]
                return head + question[12...] + (isSecure ? [] : record)
            }
            defer { server.close() }
            var settings = shortSettings([])
            settings.discoveryDomain = "cluster.example"
            settings.nameServer = "127.0.0.1"
            settings.nameServerPort = server.port
            try await withStore(settings) { store in
                try await store.create(pool(1, version: 1))
                #expect(try etcd.value("/calico/resources/v3/projectcalico.org/ippools/pool-1") != nil)
            }
        }

        @Test("Two migrations exclude each other, and one copies and checks everything")
        func migration() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            let source = InMemoryDatastore(try (1...30).map { try pool($0, version: $0) })
            try await withStore(shortSettings(etcd.endpoints)) { store in
                try await store.withMigrationLock(holder: "first") {
                    await #expect(throws: DatastoreError.unavailable("another migration is under way, by first")) {
                        try await store.withMigrationLock(holder: "second") {}
                    }
                    let report = try await Migration(from: source, to: store).run()
                    #expect(report.created.count == 30 && report.unchanged == 0)
                }
                try await store.withMigrationLock(holder: "third") {
                    let again = try await Migration(from: source, to: store).run()
                    #expect(again.created.isEmpty && again.unchanged == 30)
                }
                let back = InMemoryDatastore()
                let report = try await Migration(from: store, to: back).run()
                #expect(report.created.count == 30)
                #expect(
                    try await back.list([.ipPool]).items.map(\.resource) == source.list([.ipPool]).items.map(\.resource)
                )
            }
        }
    }
}

/// A flag that tasks share.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { self.value.withLock { $0 } }

    func set() { self.value.withLock { $0 = true } }
}
