internal import Synchronization

/// A bounded queue between a ``KernelMonitor`` and its consumer.
///
/// When the consumer lags by more than the capacity, all queued events give way to one ``KernelEvent/overrun``.
public final class KernelEventBuffer: Sendable {
    private struct State {
        var events: [KernelEvent] = []
        var isOverrun = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let wake: @Sendable () -> Void

    /// Creates a buffer; `wake` is called, on the appending thread, whenever it turns from empty to non-empty.
    public init(capacity: Int = 65_536, wake: @escaping @Sendable () -> Void) {
        self.capacity = max(capacity, 1)
        self.wake = wake
    }

    /// Adds events; give it to a monitor as `deliver`.
    public func append(_ events: [KernelEvent]) {
        guard !events.isEmpty else { return }
        let wasEmpty = self.state.withLock { state in
            let wasEmpty = state.events.isEmpty && !state.isOverrun
            // After an overrun everything will be dumped again: what happened before that dump need not be kept.
            if state.isOverrun { return wasEmpty }
            if events.contains(.overrun) || state.events.count + events.count > self.capacity {
                state.events = []
                state.isOverrun = true
            } else {
                state.events += events
            }
            return wasEmpty
        }
        if wasEmpty { self.wake() }
    }

    /// Takes everything that is queued.
    public func take() -> [KernelEvent] {
        self.state.withLock { state in
            let events = state.isOverrun ? [.overrun] : state.events
            state.events = []
            state.isOverrun = false
            return events
        }
    }
}
