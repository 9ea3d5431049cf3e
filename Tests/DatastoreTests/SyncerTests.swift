import Resources
import Testing

@testable import Datastore

@Suite("Syncer", .timeLimit(.minutes(1)))
struct SyncerTests {
    private let backOff = BackOff(minimum: .milliseconds(1), maximum: .milliseconds(4))

    /// Reads until the consumer holds exactly what the store does.
    private func settle(
        _ iterator: inout Syncer.AsyncIterator,
        _ consumer: inout Consumer,
        _ store: InMemoryDatastore
    ) async throws {
        let wanted = Dictionary(
            uniqueKeysWithValues: try await store.list(Set(ResourceKind.allCases)).items.map {
                ($0.resource.key, $0.resource)
            }
        )
        while consumer.objects != wanted || consumer.syncs == 0 {
            let batch = try #require(await iterator.next())
            consumer.take(batch)
        }
    }

    @Test("The first batch tells the status, every object and then that it is in sync")
    func firstBatch() async throws {
        let resource = try pool(1)
        let store = InMemoryDatastore([resource])
        var iterator = Syncer(datastore: store, backOff: self.backOff).makeAsyncIterator()
        var updates: [SyncerUpdate] = []
        while !updates.contains(.statusChanged(.inSync)) { updates += try #require(await iterator.next()) }
        #expect(updates == [.statusChanged(.resyncing), .upserted(resource), .inSync, .statusChanged(.inSync)])
    }

    @Test("Progress moves the place from which a watch resumes and ends a row of failures")
    func progress() {
        var machine = SyncerStateMachine(backOff: self.backOff)
        _ = machine.start()
        _ = machine.handle(.listed(ResourceList(items: [], revision: Revision("1"))))
        _ = machine.handle(.watchStarted)
        for _ in 0..<3 { _ = machine.handle(.watchEnded) }
        #expect(machine.handle(.watched([.progress(Revision("9"))])).updates == [.statusChanged(.inSync)])
        let (updates, step) = machine.handle(.watchEnded)
        #expect(updates.isEmpty)
        #expect(step == .watch(from: Revision("9"), after: self.backOff.minimum))
    }

    @Test("Chance takes off no more than its share of a delay")
    func jitter() {
        let delays = (0..<200).map { _ in BackOff(jitter: 0.5).jittered(.seconds(2)) }
        #expect(delays.allSatisfy { $0 >= .seconds(1) && $0 <= .seconds(2) })
        #expect(Set(delays).count > 100)
        #expect(BackOff(jitter: 0).jittered(.seconds(2)) == .seconds(2))
    }

    @Test("A deletion during a disconnect whose history is lost is told once")
    func deletionAcrossCompaction() async throws {
        let store = InMemoryDatastore([try pool(1), try pool(2)])
        var iterator = Syncer(datastore: store, backOff: self.backOff).makeAsyncIterator()
        var consumer = Consumer()
        try await self.settle(&iterator, &consumer, store)
        store.disconnectWatchers()
        try await store.delete(poolKey(1), ifRevision: nil)
        store.compact()
        try await self.settle(&iterator, &consumer, store)
        #expect(consumer.breaches.isEmpty)
        #expect(Array(consumer.objects.keys) == [poolKey(2)])
    }

    @Test("A disconnect with history replays only what was missed")
    func disconnect() async throws {
        let store = InMemoryDatastore([try pool(1)])
        var iterator = Syncer(datastore: store, backOff: self.backOff).makeAsyncIterator()
        var consumer = Consumer()
        try await self.settle(&iterator, &consumer, store)
        store.disconnectWatchers()
        let added = try pool(2)
        try await store.create(added)
        var updates: [SyncerUpdate] = []
        while !updates.contains(.upserted(added)) { updates += try #require(await iterator.next()) }
        #expect(updates == [.upserted(added)])
    }

    @Test("Failing lists are retried, reported as waiting, and end in sync")
    func failingLists() async throws {
        let store = InMemoryDatastore([try pool(1)])
        store.failNext(Array(repeating: .unavailable("down"), count: 4))
        var iterator = Syncer(datastore: store, backOff: self.backOff).makeAsyncIterator()
        var updates: [SyncerUpdate] = []
        while !updates.contains(.statusChanged(.inSync)) { updates += try #require(await iterator.next()) }
        #expect(updates.prefix(2) == [.statusChanged(.resyncing), .statusChanged(.waitingForDatastore)])
        #expect(updates.contains(.inSync))
    }

    @Test("A watch that opens again after failures is in sync at once")
    func reopenedWatch() {
        var machine = SyncerStateMachine(backOff: BackOff())
        _ = machine.start()
        _ = machine.handle(.listed(ResourceList(items: [], revision: Revision("1"))))
        _ = machine.handle(.watchStarted)
        var updates: [SyncerUpdate] = []
        for _ in 0..<4 { updates += machine.handle(.watchFailed).updates }
        #expect(updates == [.statusChanged(.waitingForDatastore)])
        #expect(machine.handle(.watchStarted).updates == [.statusChanged(.inSync)])
    }

    @Test("Only the kinds asked for are told")
    func kinds() async throws {
        let store = InMemoryDatastore([try pool(1), .node(Node(metadata: ResourceMetadata(name: "n")))])
        var iterator = Syncer(datastore: store, kinds: [.node], backOff: self.backOff).makeAsyncIterator()
        var updates: [SyncerUpdate] = []
        while !updates.contains(.inSync) { updates += try #require(await iterator.next()) }
        #expect(updates.contains { if case .upserted(.node) = $0 { true } else { false } })
        #expect(!updates.contains { if case .upserted(.ipPool) = $0 { true } else { false } })
    }

    @Test("A status change wakes no watcher")
    func statusIsSilent() async throws {
        let store = InMemoryDatastore([try pool(1)])
        let list = try await store.list([.ipPool])
        try await store.updateStatus(of: poolKey(1), to: EndpointStatus(state: .up))
        #expect(try await store.list([.ipPool]) == list)
    }

    @Test("Batches are bounded")
    func batchBound() async throws {
        let store = InMemoryDatastore(
            (0..<2500).map { .node(Node(metadata: ResourceMetadata(name: "n\($0)"))) }
        )
        var iterator = Syncer(datastore: store, backOff: self.backOff).makeAsyncIterator()
        var consumer = Consumer()
        while consumer.syncs == 0 {
            let batch = try #require(await iterator.next())
            #expect(batch.count <= Syncer.maximumBatchCount)
            consumer.take(batch)
        }
        #expect(consumer.objects.count == 2500)
    }

    @Test("Cancelling the consumer ends the iteration")
    func cancellation() async throws {
        let store = InMemoryDatastore()
        let task = Task {
            for await _ in Syncer(datastore: store) {}
            return true
        }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        #expect(await task.value)
    }

    @Test("After any sequence of changes and faults the consumer holds what the store holds", arguments: 0..<20)
    func anySequence(_ seed: UInt64) async throws {
        var generator = SplitMix(state: seed)
        let store = InMemoryDatastore()
        var iterator = Syncer(datastore: store, backOff: self.backOff).makeAsyncIterator()
        var consumer = Consumer()
        for _ in 0..<60 {
            let number = Int.random(in: 0..<6, using: &generator)
            switch Int.random(in: 0..<9, using: &generator) {
            case 0...2: _ = try? await store.create(pool(number))
            case 3: _ = try? await store.update(pool(number, disabled: .random(using: &generator)), ifRevision: nil)
            case 4: _ = try? await store.delete(poolKey(number), ifRevision: nil)
            case 5: store.disconnectWatchers()
            case 6: store.compact()
            case 7:
                store.disconnectWatchers()
                store.compact()
            default: try await self.settle(&iterator, &consumer, store)
            }
        }
        try await self.settle(&iterator, &consumer, store)
        #expect(consumer.breaches.isEmpty)
    }
}
