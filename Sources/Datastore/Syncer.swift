public import Resources

/// The objects of a datastore as an ordered stream of changes that survives disconnects.
///
/// Iterating lists, then watches; each iteration is independent, so several consumers each take one. The consumer sets
/// the pace: nothing is read ahead of it but what the backend's own bounded buffer holds. Iteration ends only when the
/// consuming task is cancelled.
public struct Syncer: AsyncSequence, Sendable {
    /// Updates in order, at most ``maximumBatchCount`` at a time.
    public typealias Element = [SyncerUpdate]
    /// Iteration does not throw.
    public typealias Failure = Never

    /// Largest batch.
    public static let maximumBatchCount = 1000

    private let datastore: any Datastore
    private let kinds: Set<ResourceKind>
    private let backOff: BackOff

    /// Creates a syncer of `kinds`.
    public init(
        datastore: any Datastore,
        kinds: Set<ResourceKind> = Set(ResourceKind.allCases),
        backOff: BackOff = BackOff()
    ) {
        self.datastore = datastore
        self.kinds = kinds
        self.backOff = backOff
    }

    /// Starts from an empty picture.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(datastore: self.datastore, kinds: self.kinds, backOff: self.backOff)
    }

    /// One consumer's place in the stream.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let datastore: any Datastore
        private let kinds: Set<ResourceKind>
        private var machine: SyncerStateMachine
        private var step: SyncerStateMachine.Step?
        private var pending: ArraySlice<SyncerUpdate> = []
        private var watch: WatchStream.AsyncIterator?
        private let backOff: BackOff

        init(datastore: any Datastore, kinds: Set<ResourceKind>, backOff: BackOff) {
            self.datastore = datastore
            self.kinds = kinds
            self.backOff = backOff
            self.machine = SyncerStateMachine(backOff: backOff)
        }

        /// The next batch, never empty; nil once the task is cancelled.
        public mutating func next() async -> [SyncerUpdate]? {
            while self.pending.isEmpty {
                guard !Task.isCancelled else { return nil }
                guard let step = self.step else {
                    self.take(self.machine.start())
                    continue
                }
                guard let event = await self.perform(step) else { return nil }
                self.take(self.machine.handle(event))
            }
            let batch = self.pending.prefix(Syncer.maximumBatchCount)
            self.pending = self.pending.dropFirst(batch.count)
            return Array(batch)
        }

        private mutating func take(_ result: (updates: [SyncerUpdate], step: SyncerStateMachine.Step)) {
            self.pending = result.updates[...]
            self.step = result.step
        }

        /// Does one step; nil when the task was cancelled meanwhile.
        private mutating func perform(_ step: SyncerStateMachine.Step) async -> SyncerStateMachine.Event? {
            switch step {
            case .list(let delay):
                self.watch = nil
                guard await self.sleep(delay) else { return nil }
                do {
                    return .listed(try await self.datastore.list(self.kinds))
                } catch {
                    return .listFailed
                }
            case .watch(let revision, let delay):
                self.watch = nil
                guard await self.sleep(delay) else { return nil }
                do {
                    self.watch = try await self.datastore.watch(self.kinds, from: revision).makeAsyncIterator()
                    return .watchStarted
                } catch {
                    return .watchFailed
                }
            case .receive:
                if let events = await self.watch?.next(isolation: #isolation) { return .watched(events) }
                return Task.isCancelled ? nil : .watchEnded
            }
        }

        private func sleep(_ delay: Duration) async -> Bool {
            guard delay > .zero else { return true }
            return (try? await Task.sleep(for: self.backOff.jittered(delay))) != nil
        }
    }
}
