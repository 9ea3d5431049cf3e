internal import NIOCore
internal import Routing
internal import Synchronization

/// One event loop of sessions as the core writes to it: flushes go there whole, and the core knows how far it is.
final class SessionLoop: Sendable {
    /// One flush of a group, and the members that live on the loop, in the group's order.
    struct Flush: Sendable {
        var output: SharedOutput
        var recipients: [Recipient]
    }

    /// A session that gets part of a flush, or nothing of it.
    struct Recipient: Sendable {
        /// Place in the members of the group.
        var position: Int
        var session: PeerSession
        var serial: SessionSerial
        /// Octets that were counted as under way to it.
        var expected: Int
    }

    /// What one session gets of a flush; without parts it is nothing.
    struct Delivery: Sendable {
        var serial: SessionSerial
        /// Places in the buffer, ascending.
        var parts: [Range<Int>]
        var messageCount: Int
        /// Octets that were counted as under way.
        var expected: Int
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
        self.waiting.add(flush.recipients.count, ordering: .sequentiallyConsistent)
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
                self.write(flush)
                self.waiting.subtract(flush.recipients.count, ordering: .sequentiallyConsistent)
            }
            self.inbox.recycle(flushes)
        }
        if self.isAwaited.exchange(false, ordering: .sequentiallyConsistent) { core.send(.ready) }
    }

    private func write(_ flush: Flush) {
        let messages = flush.output.messages
        var next = messages.deliveries.startIndex
        for recipient in flush.recipients {
            while next < messages.deliveries.endIndex, messages.deliveries[next].position < recipient.position {
                next += 1
            }
            var parts: [Range<Int>] = []
            var messageCount = 0
            if next < messages.deliveries.endIndex, messages.deliveries[next].position == recipient.position {
                (parts, messageCount) = (messages.deliveries[next].parts, messages.deliveries[next].messageCount)
            }
            let delivery = Delivery(
                serial: recipient.serial,
                parts: parts,
                messageCount: messageCount,
                expected: recipient.expected
            )
            recipient.session.assumeIsolated { $0.deliver(delivery, of: messages.buffer) }
        }
    }
}
