internal import AsyncHTTPClient
internal import Datastore
internal import Logging
internal import NIOCore
import Resources
import Synchronization

/// One watch: reads the response as fast as the consumer takes batches, and ends it when its endpoint falls silent.
struct EtcdWatcher: Sendable {
    let client: EtcdClient
    let reports: EtcdReports
    let kinds: Set<ResourceKind>
    let range: EtcdLayout.KeyRange

    /// How opening went.
    private enum Opening: Sendable {
        case opened
        case historyIsGone
        case failed(EtcdError)
    }

    /// Whether the first line came, for the one who watches over it.
    private final class OpenState: Sendable {
        let isOpen = Mutex(false)
    }

    /// Ends the reading when the stream that owns it goes.
    private final class Owner: Sendable {
        private let task: Task<Void, Never>
        private let gate: BatchGate

        init(_ task: Task<Void, Never>, _ gate: BatchGate) {
            self.task = task
            self.gate = gate
        }

        func end() {
            self.task.cancel()
            self.gate.finish()
        }

        func next() async -> [WatchEvent]? { await self.gate.next() }

        deinit { self.end() }
    }

    /// Opens the watch; nil when the history does not reach back that far.
    func start(after revision: EtcdRevision) async throws(EtcdError) -> WatchStream? {
        let gate = BatchGate()
        let (openings, opening) = AsyncStream<Opening>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let task = Task {
            await self.run(after: revision, gate, opening)
        }
        let owner = Owner(task, gate)
        let outcome = await withTaskCancellationHandler {
            await openings.first { _ in true }
        } onCancel: {
            task.cancel()
        }
        switch outcome {
        case .opened?:
            return WatchStream {
                await owner.next()
            } onCancel: {
                owner.end()
            }
        case .historyIsGone?: return nil
        case .failed(let error)?: throw error
        case nil: throw .unreachable("the watch was given up")
        }
    }

    private func run(
        after revision: EtcdRevision,
        _ gate: BatchGate,
        _ opening: AsyncStream<Opening>.Continuation
    ) async {
        defer {
            opening.finish()
            gate.finish()
        }
        let state = OpenState()
        do {
            let watch = try await self.client.watch(EtcdRequests.watch(self.range, from: revision.number + 1)) {
                header throws(EtcdError) in
                guard header.cluster == revision.cluster, header.revision >= revision.number else {
                    throw .refused(code: 11, message: "compacted: the store is another one, or an older one")
                }
            }
            let outcome = await withTaskGroup(of: EtcdError?.self) { group in
                group.addTask {
                    do throws(EtcdError) {
                        try await self.read(watch.response.body, cluster: revision.cluster, gate) {
                            state.isOpen.withLock { $0 = true }
                            opening.yield(.opened)
                        }
                        return nil
                    } catch {
                        return error
                    }
                }
                group.addTask { await self.watchOver(watch.endpoint, state) }
                defer { group.cancelAll() }
                let first = await group.next() ?? nil
                // The other may wait for a consumer who does not come.
                gate.finish()
                return first
            }
            if let error = outcome {
                self.client.lost(watch.endpoint, error)
                throw error
            }
        } catch let error as EtcdError {
            opening.yield(error.isCompacted ? .historyIsGone : .failed(error))
            guard !Task.isCancelled, !error.isCompacted else { return }
            self.client.logger.info("A watch of etcd ended", metadata: ["error": "\(error)"])
        } catch {
            opening.yield(.failed(.unreachable("\(error)")))
        }
    }

    /// Returns when the endpoint does not answer any more, or has no quorum behind it.
    private func watchOver(_ endpoint: EtcdEndpoint, _ state: OpenState) async -> EtcdError? {
        let settings = self.client.settings
        guard (try? await Task.sleep(for: min(settings.requestTimeout, settings.probeInterval))) != nil else {
            return nil
        }
        guard state.isOpen.withLock({ $0 }) else { return .unreachable("\(endpoint): a watch does not begin") }
        while true {
            // Spread over half the interval: the members answer many.
            let pause = settings.probeInterval * Double.random(in: 0.5...1)
            guard (try? await Task.sleep(for: pause)) != nil else { return nil }
            do throws(EtcdError) {
                try await self.client.probe(endpoint)
            } catch {
                guard !Task.isCancelled else { return nil }
                // One lost answer may be a slow moment; two are not.
                do throws(EtcdError) {
                    try await self.client.probe(endpoint)
                } catch {
                    return error
                }
            }
        }
    }

    private func read(
        _ body: HTTPClientResponse.Body,
        cluster: UInt64,
        _ gate: BatchGate,
        onCreation: () -> Void
    ) async throws(EtcdError) {
        var lines = LineAssembler(limit: self.client.settings.maximumAnswer)
        // Events of the newest revision of a fragment, whose other events may follow: a watch resumes behind whole revisions.
        var held: [WatchAnswer.Event] = []
        var parts = body.makeAsyncIterator()
        while true {
            let part: ByteBuffer?
            do {
                part = try await parts.next()
            } catch {
                throw .unreachable("the connection of a watch broke: \(error)")
            }
            guard let part else { throw .unreachable("the connection of a watch was closed") }
            for line in try lines.take(part.readableBytesView) {
                let answer = try Self.answer(line)
                guard answer.header.cluster == cluster else {
                    throw .unreachable("a watch tells of another cluster")
                }
                if answer.isCanceled || answer.compactRevision > 0 {
                    guard answer.compactRevision == 0 else { return await gate.send([.resyncRequired]) }
                    throw .refused(code: 14, message: "the watch was canceled: \(answer.cancelReason.prefix(512))")
                }
                if answer.isCreated { onCreation() }
                held += answer.events
                if answer.events.isEmpty, !answer.isCreated, !answer.isFragment, held.isEmpty {
                    let revision = EtcdRevision(cluster: cluster, number: answer.header.revision)
                    await gate.send([.progress(revision.revision)])
                    continue
                }
                let last = held.last?.item.revision
                let complete = answer.isFragment ? held.prefix { $0.item.revision != last } : held[...]
                held.removeFirst(complete.count)
                let batch = try await self.events(complete, cluster: cluster)
                if !batch.isEmpty { await gate.send(batch) }
            }
        }
    }

    private static func answer(_ line: [UInt8]) throws(EtcdError) -> WatchAnswer {
        do {
            return try WatchAnswer(try JSONReader.value(line))
        } catch let error as JSONReader.Failure {
            throw .unreadable("\(error)")
        } catch let error as EtcdError {
            throw error
        } catch {
            throw .unreadable("\(error)")
        }
    }

    private func events(_ events: ArraySlice<WatchAnswer.Event>, cluster: UInt64) async throws(EtcdError)
        -> [WatchEvent]
    {
        var batch: [WatchEvent] = []
        var told: Int64?
        for event in events {
            let item = event.item
            guard let key = EtcdLayout.resourceKey(item.key), self.kinds.contains(key.kind) else { continue }
            let revision = EtcdRevision(cluster: cluster, number: item.revision).revision
            if event.isDeletion {
                self.reports.forget(item.key)
                batch.append(.deleted(key, revision))
                told = item.revision
                continue
            }
            guard let stored = self.reports.take(item, as: key, revision) else {
                try await self.remember(item, key, cluster)
                continue
            }
            told = item.revision
            batch.append(item.version == 1 ? .added(stored) : .modified(stored))
        }
        // What was left out still moves the place from which a watch resumes.
        if let last = events.last?.item.revision, told != last {
            batch.append(.progress(EtcdRevision(cluster: cluster, number: last).revision))
        }
        return batch
    }

    /// Finds out how an object was that turned invalid, so that a listing can still tell it.
    private func remember(_ item: KeyValue, _ key: ResourceKey, _ cluster: UInt64) async throws(EtcdError) {
        guard self.reports.lastGood(item.key) == nil, item.version > 1 else { return }
        let request = EtcdRequests.get(item.key, revision: item.revision - 1)
        do throws(EtcdError) {
            let range = try RangeAnswer(try await self.client.call("/v3/kv/range", request).answer)
            guard let before = range.items.first, let resource = EtcdLayout.decode(before, as: key).resource else {
                return
            }
            let revision = EtcdRevision(cluster: cluster, number: before.revision).revision
            self.reports.remember(item.key, StoredResource(resource: resource, revision: revision))
        } catch {
            guard error.isCompacted else { throw error }
        }
    }
}
