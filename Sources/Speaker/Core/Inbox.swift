internal import NIOCore
internal import Synchronization

/// A queue into an event loop: many writers, one reader, one wake-up per burst.
///
/// `execute` is called only when the queue goes from empty to non-empty; the reader takes everything that is there.
final class Inbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isScheduled = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let loop: any EventLoop
    private let drain: Mutex<(@Sendable () -> Void)?>

    /// Creates a queue whose reader lives on `loop`.
    init(loop: any EventLoop) {
        self.loop = loop
        self.drain = Mutex(nil)
    }

    /// Names the reader; called on `loop` whenever something waits.
    ///
    /// Messages sent before are kept.
    func setReader(_ reader: @escaping @Sendable () -> Void) {
        self.drain.withLock { $0 = reader }
        let pending = self.state.withLock { $0.isScheduled }
        if pending { self.loop.execute(reader) }
    }

    /// Forgets the reader and what waits, and whatever is sent from now on.
    func close() {
        self.drain.withLock { $0 = nil }
        self.state.withLock { $0 = State(isClosed: true) }
    }

    /// Adds a message.
    func send(_ message: consuming Message) {
        let message = message
        let schedule = self.state.withLock { state -> Bool in
            guard !state.isClosed else { return false }
            state.messages.append(message)
            guard !state.isScheduled else { return false }
            state.isScheduled = true
            return true
        }
        guard schedule, let reader = self.drain.withLock({ $0 }) else { return }
        self.loop.execute(reader)
    }

    /// Takes everything that waits.
    ///
    /// The reader calls it until it returns an empty array.
    func receive() -> [Message] {
        self.state.withLock { state in
            let messages = state.messages
            state.messages = []
            if messages.isEmpty { state.isScheduled = false }
            return messages
        }
    }
}
