internal import NIOCore
internal import Synchronization

/// One event loop of sessions as the core writes to it: flushes go there whole, and the core knows how far it is.
final class SessionLoop: Sendable {
    /// One flush of a group: one buffer, and who gets which parts of it.
    struct Flush: Sendable {
        var buffer: ByteBuffer
        var deliveries: [Delivery]
    }

    /// What one session gets of a flush.
    struct Delivery: Sendable {
        var session: PeerSession
        var serial: SessionSerial
        /// Places in the buffer, ascending.
        var parts: [Range<Int>]
        var messageCount: Int
        var octets: Int { self.parts.reduce(0) { $0 + $1.count } }
    }

    let loop: any EventLoop
    private let inbox: Inbox<Flush>
    /// Deliveries the loop has not begun to write.
    private let waiting = Atomic<Int>(0)
    /// The core held something back and wants to know when the loop is through.
    private let isAwaited = Atomic<Bool>(false)

    /// A loop with more deliveries before it gets no further flush: what changes until then shares messages and writes.
    static let limit = 16

    init(loop: any EventLoop, core: Inbox<CoreMessage>) {
        self.loop = loop
        self.inbox = Inbox(loop: loop)
        self.inbox.setReader { [weak self] in self?.write(core) }
    }

    /// Hands a flush over.
    func send(_ flush: Flush) {
        self.waiting.add(flush.deliveries.count, ordering: .sequentiallyConsistent)
        self.inbox.send(flush)
    }

    /// Whether the loop takes a flush now; if not, the core is woken when it does.
    var isReady: Bool {
        if self.waiting.load(ordering: .sequentiallyConsistent) < Self.limit { return true }
        self.isAwaited.store(true, ordering: .sequentiallyConsistent)
        return self.waiting.load(ordering: .sequentiallyConsistent) < Self.limit
    }

    func close() { self.inbox.close() }

    private func write(_ core: Inbox<CoreMessage>) {
        while true {
            let flushes = self.inbox.receive()
            if flushes.isEmpty { break }
            for flush in flushes {
                for delivery in flush.deliveries {
                    delivery.session.assumeIsolated { $0.deliver(delivery, of: flush.buffer) }
                }
                self.waiting.subtract(flush.deliveries.count, ordering: .sequentiallyConsistent)
            }
            self.inbox.recycle(flushes)
        }
        if self.isAwaited.exchange(false, ordering: .sequentiallyConsistent) { core.send(.ready) }
    }
}
