import Datastore
import Foundation
import IPAddressing
import Resources
import TestSupport
import Testing

@testable import EtcdDatastore

/// All tests with a running etcd, one after the other: their times must hold.
@Suite("Running etcd", .serialized, .timeLimit(.minutes(2)))
enum LiveEtcd {}

extension LiveEtcd {
    @Suite("One member")
    struct SingleMemberTests {
        @Test("What Calico's tools stored is read, and an update keeps what only they understand")
        func sharedStore() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            let key = "/calico/resources/v3/projectcalico.org/nodes/a"
            try etcd.put(
                key,
                """
                {"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"a","uid":"u-1",\
                "creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"bgp":{"ipv4Address":"10.0.0.1/24",\
                "ipv4IPIPTunnelAddr":"10.65.0.1"},"orchRefs":[{"nodeName":"a","orchestrator":"k8s"}]}}
                """
            )
            try etcd.put("/calico/ipam/v2/host/a/ipv4/block/10.65.0.0-26", #"{"state":"confirmed","deleted":false}"#)
            try etcd.put("/calico/ipam/v2/handle/x", #"{"block":{}}"#)
            try await withStore(shortSettings(etcd.endpoints)) { store in
                let list = try await store.list(Set(ResourceKind.allCases))
                #expect(list.items.map(\.resource.key.description) == ["BlockAffinity/a-10-65-0-0-26", "Node/a"])
                guard case .node(var node)? = list.items.last?.resource else { return }
                node.bgp?.ipv4Address = AddressWithLength("10.0.0.2/24")
                try await store.update(.node(node), ifRevision: list.items.last?.revision)
                let stored = try JSONReader.value(Array(try #require(try etcd.value(key)).utf8))
                #expect(stored["spec"]?["bgp"]?["ipv4Address"]?.string == "10.0.0.2/24")
                #expect(stored["spec"]?["bgp"]?["ipv4IPIPTunnelAddr"]?.string == "10.65.0.1")
                #expect(stored["spec"]?["orchRefs"] != nil)
                #expect(stored["metadata"]?["uid"]?.string == "u-1")
                let affinity = list.items[0]
                #expect(try await store.get(affinity.resource.key) == affinity)
                try await store.delete(affinity.resource.key, ifRevision: affinity.revision)
                #expect(try etcd.value("/calico/ipam/v2/host/a/ipv4/block/10.65.0.0-26") == nil)
                #expect(try etcd.value("/calico/ipam/v2/handle/x") != nil)
            }
        }

        @Test("What is written lies where and as Calico's tools expect it")
        func written() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            try await withStore(shortSettings(etcd.endpoints)) { store in
                try await store.create(pool(1, version: 1))
                let text = try #require(try etcd.value("/calico/resources/v3/projectcalico.org/ippools/pool-1"))
                let stored = try JSONReader.value(Array(text.utf8))
                #expect(stored["apiVersion"]?.string == "projectcalico.org/v3" && stored["kind"]?.string == "IPPool")
                #expect(stored["metadata"]?["name"]?.string == "pool-1")
                #expect(stored["metadata"]?["uid"]?.string?.count == 36)
                #expect(stored["metadata"]?["creationTimestamp"]?.string?.hasSuffix("Z") == true)
                #expect(stored["spec"]?["cidr"]?.string == "10.1.0.0/16")
                let affinity = BlockAffinity(
                    metadata: ResourceMetadata(name: "mine"),
                    state: .confirmed,
                    node: "a",
                    cidr: try #require(IPPrefix("10.65.0.0/26"))
                )
                await #expect(throws: DatastoreError.self) { try await store.create(.blockAffinity(affinity)) }
                try await store.create(EtcdDatastore.renamed(.blockAffinity(affinity)))
                #expect(
                    try etcd.value("/calico/ipam/v2/host/a/ipv4/block/10.65.0.0-26")
                        == #"{"state":"confirmed","deleted":false}"#
                )
            }
        }

        @Test("An object that turns invalid counts as it was, in a watch and in a listing, and is reported")
        func invalidObject() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            try await withStore(shortSettings(etcd.endpoints)) { store in
                let good = try await store.create(pool(1, version: 1))
                let follower = Follower(store)
                try await follower.waits(for: "the first listing") { $0.status == .inSync }
                let path = "/calico/resources/v3/projectcalico.org/ippools/pool-1"
                try etcd.put(
                    path,
                    #"{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-1"},"spec":{"cidr":"nonsense"}}"#
                )
                try etcd.put("/calico/resources/v3/projectcalico.org/ippools/pool-3", "no json")
                try await store.create(pool(2, version: 1))
                let state = try await follower.waits(for: "the other pool") { $0.objects[poolKey(2)] != nil }
                #expect(state.objects[poolKey(1)] == good.resource)
                #expect(
                    store.diagnostics().map(\.file) == [
                        "etcd:\(path)", "etcd:/calico/resources/v3/projectcalico.org/ippools/pool-3",
                    ]
                )
                let listed = try await store.list([.ipPool])
                #expect(listed.items.first == good)
                await #expect(throws: DatastoreError.self) { try await store.get(poolKey(1)) }
                try etcd.check("del", path)
                try await follower.waits(for: "the removal") { $0.objects[poolKey(1)] == nil }
                #expect(store.diagnostics().count == 1)
                #expect(follower.state.breaches.isEmpty)
            }
        }

        @Test("A store that Calico's migration has closed is not used")
        func notReady() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            let key = "/calico/resources/v3/projectcalico.org/clusterinformations/default"
            try etcd.put(key, #"{"spec":{"datastoreReady":false}}"#)
            try await withStore(shortSettings(etcd.endpoints)) { store in
                await #expect(throws: DatastoreError.self) { try await store.list([.ipPool]) }
                try etcd.put(key, #"{"spec":{"datastoreReady":true}}"#)
                _ = try await store.list([.ipPool])
            }
        }

        @Test("A listing reads page by page at one moment, smaller pages where objects are large")
        func pages() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            var settings = shortSettings(etcd.endpoints)
            settings.pageSize = 7
            settings.maximumAnswer = 20_000
            let padding = String(repeating: "x", count: 5_000)
            try await withStore(settings) { store in
                for number in 0..<20 { try await store.create(pool(number, version: 1, padding: padding)) }
                let list = try await store.list([.ipPool])
                #expect(Set(list.items.map(\.resource.key)) == Set((0..<20).map { poolKey($0) }))
            }
            settings.maximumAnswer = 2_000
            try await withStore(settings) { store in
                await #expect(throws: DatastoreError.self) { try await store.list([.ipPool]) }
            }
        }

        @Test("History forgotten under a slow consumer costs a listing and no change")
        func compactionUnderSlowWatcher() async throws {
            let etcd = try await Etcd.start(arguments: ["--quota-backend-bytes", "1073741824"])
            defer { etcd.close() }
            try await withStore(shortSettings(etcd.endpoints)) { store in
                for number in 0..<20 { try await store.create(pool(number, version: 0)) }
                let backOff = BackOff(minimum: .milliseconds(10), maximum: .milliseconds(50))
                var iterator = Syncer(datastore: store, kinds: [.ipPool], backOff: backOff).makeAsyncIterator()
                var updates: [SyncerUpdate] = []
                while updates.last != .statusChanged(.inSync) { updates += try #require(await iterator.next()) }
                let slow = try await store.watch([.ipPool], from: try await store.list([.ipPool]).revision)
                // More is written than all buffers on the way to the watch hold.
                try await Self.write(store, count: 6000)
                for number in 0..<5 { try await store.delete(poolKey(number), ifRevision: nil) }
                try etcd.compact()
                var last: Int64 = 0
                var told = 0
                var end: WatchEvent?
                for await batch in slow {
                    for event in batch {
                        end = event
                        guard case .modified(let stored) = event else { continue }
                        let number = try #require(EtcdRevision(stored.revision)).number
                        #expect(number > last)
                        last = number
                        told += 1
                    }
                }
                #expect(end == .resyncRequired && told < 6000, "\(told) of 6000 changes were told")
                var breaches: [String] = []
                var statuses: [SyncStatus] = []
                let wanted = Set(try await store.list([.ipPool]).items.map(\.resource))
                var held: [ResourceKey: Resource] = [:]
                for case .upserted(let resource) in updates { held[resource.key] = resource }
                while Set(held.values) != wanted {
                    for update in try #require(await iterator.next()) {
                        switch update {
                        case .upserted(let resource):
                            if held.updateValue(resource, forKey: resource.key) == resource { breaches.append("twice") }
                        case .removed(let key):
                            if held.removeValue(forKey: key) == nil { breaches.append("removed twice") }
                        case .statusChanged(let status): statuses.append(status)
                        case .inSync: break
                        }
                    }
                }
                #expect(breaches.isEmpty)
                #expect(statuses.contains(.resyncing), "the history must have been forgotten under the watch")
            }
        }

        /// Writes versions of pools 0 to 19, 10 KiB each, several at a time.
        private static func write(_ store: EtcdDatastore, count: Int) async throws {
            let padding = String(repeating: "x", count: 10_000)
            let folder = "/calico/resources/v3/projectcalico.org/ippools/pool-"
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<8 {
                    group.addTask {
                        for version in stride(from: lane + 1, through: count, by: 8) {
                            let number = version % 20
                            let text = try pool(number, version: version, padding: padding).manifest.compactJSON
                            _ = try await store.client.call("/v3/kv/put", EtcdRequests.put("\(folder)\(number)", text))
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        @Test("A full store refuses writes and says so, keeps telling what it holds, and gets what it is owed")
        func noSpace() async throws {
            let etcd = try await Etcd.start(arguments: ["--quota-backend-bytes", "4194304"])
            defer { etcd.close() }
            try await withStore(shortSettings(etcd.endpoints)) { store in
                try await store.create(pool(1, version: 1))
                let follower = Follower(store)
                try await follower.waits(for: "the first listing") { $0.status == .inSync }
                let ballast = String(repeating: "b", count: 400_000)
                var isFull = false
                for number in 0..<40 where !isFull {
                    isFull = try etcd.run(["put", "/ballast/\(number)"], input: ballast).code != 0
                }
                #expect(isFull)
                do {
                    try await store.create(pool(2, version: 1))
                    Issue.record("a full store took a write")
                } catch let error as DatastoreError {
                    #expect("\(error)".contains("space exceeded"))
                }
                let key = ResourceKey(kind: .workloadEndpoint, namespace: "ns", name: "a-k8s-w-eth0")
                let status = EndpointStatus(state: .up)
                await #expect(throws: DatastoreError.self) { try await store.updateStatus(of: key, to: status) }
                #expect(try await store.list([.ipPool]).items.count == 1)
                #expect(follower.state.statuses.filter { $0 == .waitingForDatastore }.isEmpty)
                try etcd.check("del", "--prefix", "/ballast/")
                try etcd.compact()
                try etcd.check("defrag")
                try etcd.check("alarm", "disarm")
                #expect(try await eventually { try await store.statuses() == [key: status] })
                try await store.create(pool(2, version: 1))
                let state = try await follower.waits(for: "the new pool") { $0.objects.count == 2 }
                #expect(state.breaches.isEmpty)
            }
        }

        @Test("Another store behind the same address is read anew")
        func replacedStore() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            try await withStore(shortSettings(etcd.endpoints)) { store in
                for number in 1...9 { try await store.create(pool(number, version: 1)) }
                let follower = Follower(store)
                try await follower.waits(for: "the first listing") { $0.objects.count == 9 && $0.status == .inSync }
                let member = etcd.members[0]
                member.kill()
                try FileManager.default.removeItem(atPath: "\(etcd.folder)/\(member.name)")
                try member.start()
                let state = try await follower.waits(for: "an empty store") {
                    $0.objects.isEmpty && $0.status == .inSync
                }
                #expect(state.breaches.isEmpty)
                try await store.create(pool(1, version: 1))
                try await follower.waits(for: "the new store's pool") { $0.objects.count == 1 }
            }
        }

        @Test("Statuses vanish with the process, and are written anew when their lease was lost")
        func leases() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            let key = ResourceKey(kind: .workloadEndpoint, namespace: "ns", name: "a-k8s-w-eth0")
            let path = "/calico/felix/v2/no-region/host/a/workload/k8s/ns%2fw/endpoint/eth0"
            try await withStore(shortSettings(etcd.endpoints)) { store in
                try await store.updateStatus(of: key, to: EndpointStatus(state: .up))
                #expect(try etcd.value(path)?.hasPrefix(#"{"status":"up""#) == true)
                let lease = try #require(
                    try etcd.check("lease", "list").split(separator: "\n").last.map { String($0) }
                )
                // Longer than the lease lives: it was kept alive.
                try await Task.sleep(for: .seconds(3))
                #expect(try etcd.value(path) != nil)
                try etcd.check("lease", "revoke", lease)
                #expect(
                    try await eventually(timeout: .seconds(10)) {
                        let isGone = try !etcd.check("lease", "list").contains(lease)
                        return try isGone && etcd.value(path) != nil
                    }
                )
            }
            #expect(try await eventually(timeout: .seconds(10)) { try etcd.value(path) == nil })
        }
    }
}
