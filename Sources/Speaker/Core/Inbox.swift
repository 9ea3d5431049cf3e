internal import NIOCore
internal import Synchronization

/// A queue into an event loop: many writers, one reader, one wake-up per burst.
///
/// `execute` is called only when the queue goes from empty to non-empty; the reader takes everything that is there.
final class Inbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        /// What was taken last, emptied: its storage is used again.
        var spare: [Message] = []
        var isScheduled = false
        var isClosed = false
        // In a box: a closure that goes through a generic value as it is gains a layer of thunks each time.
        var reader: Reader?
    }

    private struct Reader: Sendable {
        let run: @Sendable () -> Void
    }

    /// Largest queue, in messages, whose storage is kept.
    private static var spareLimit: Int { 4096 }

    private let state = Mutex(State())
    private let loop: any EventLoop

    /// Creates a queue whose reader lives on `loop`.
    init(loop: any EventLoop) {
        self.loop = loop
    }

    /// Names the reader; called on `loop` whenever something waits.
    ///
    /// Messages sent before are kept.
    func setReader(_ reader: @escaping @Sendable () -> Void) {
        let pending = self.state.withLock { state in
            state.reader = Reader(run: reader)
            return state.isScheduled
        }
        if pending { self.loop.execute(reader) }
    }

    /// Forgets the reader and what waits, and whatever is sent from now on.
    func close() {
        self.state.withLock { $0 = State(isClosed: true) }
    }

    /// Adds a message.
    func send(_ message: consuming Message) {
        let message = message
        let reader = self.state.withLock { state -> Reader? in
            guard !state.isClosed else { return nil }
            state.messages.append(message)
            guard !state.isScheduled else { return nil }
            state.isScheduled = true
            return state.reader
        }
        if let reader { self.loop.execute(reader.run) }
    }

    /// Takes everything that waits.
    ///
    /// The reader calls it until it returns an empty array.
    func receive() -> [Message] {
        self.state.withLock { state in
            if state.messages.isEmpty {
                state.isScheduled = false
                return []
            }
            var messages: [Message] = []
            swap(&messages, &state.messages)
            swap(&state.messages, &state.spare)
            return messages
        }
    }

    /// Gives back an array that ``receive()`` returned, so that its storage is used again.
    func recycle(_ messages: consuming [Message]) {
        var messages = messages
        guard messages.capacity <= Self.spareLimit else { return }
        messages.removeAll(keepingCapacity: true)
        self.state.withLock { state in
            if state.messages.capacity == 0, state.messages.isEmpty {
                state.messages = messages
            } else if state.spare.capacity == 0 {
                state.spare = messages
            }
        }
    }
}
