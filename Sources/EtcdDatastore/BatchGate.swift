internal import Datastore
import Synchronization

/// Hands batches from one producer to one consumer, who sets the pace: one batch waits at most.
final class BatchGate: Sendable {
    private struct State {
        var batch: [WatchEvent]?
        var isFinished = false
        var producer: CheckedContinuation<Void, Never>?
        var consumer: CheckedContinuation<[WatchEvent]?, Never>?
    }

    private let state = Mutex(State())

    /// Offers a batch; returns when it was taken or nobody will take it any more.
    func send(_ batch: [WatchEvent]) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let consumer = self.state.withLock { state -> CheckedContinuation<[WatchEvent]?, Never>?? in
                if state.isFinished { return .some(nil) }
                if let consumer = state.consumer.take() { return consumer }
                state.batch = batch
                state.producer = continuation
                return nil
            }
            guard let consumer else { return }
            consumer?.resume(returning: batch)
            continuation.resume()
        }
    }

    /// The next batch; nil after the end.
    func next() async -> [WatchEvent]? {
        await withCheckedContinuation { (continuation: CheckedContinuation<[WatchEvent]?, Never>) in
            typealias Outcome = (batch: [WatchEvent]?, producer: CheckedContinuation<Void, Never>?)
            let outcome = self.state.withLock { state -> Outcome? in
                if let batch = state.batch.take() { return (batch, state.producer.take()) }
                if state.isFinished { return (nil, nil) }
                state.consumer = continuation
                return nil
            }
            guard let outcome else { return }
            continuation.resume(returning: outcome.batch)
            outcome.producer?.resume()
        }
    }

    /// Ends it: a batch that waits can still be taken.
    func finish() {
        let waiting = self.state.withLock { state in
            state.isFinished = true
            return (state.producer.take(), state.consumer.take())
        }
        waiting.0?.resume()
        waiting.1?.resume(returning: nil)
    }
}
