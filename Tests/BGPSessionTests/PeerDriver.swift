import BGPSession
import BGPWire
import Testing

/// A peer machine with the timers that run, driven by hand.
struct PeerDriver {
    var peer: PeerStateMachine
    var timers: [PeerTimer: Duration] = [:]
    var last: [PeerAction] = []
    var mostActions = 0

    init(_ configuration: SessionConfiguration) {
        self.peer = PeerStateMachine(configuration: configuration)
    }

    /// Gives one input and keeps the books on timers.
    @discardableResult
    mutating func give(_ input: PeerInput) -> [PeerAction] {
        if case .timerExpired(let timer) = input { self.timers[timer] = nil }
        self.last = self.peer.handle(input).array
        self.mostActions = max(self.mostActions, self.last.count)
        for action in self.last {
            switch action {
            case .arm(let timer, let duration): self.timers[timer] = duration
            case .cancel(let timers, let connection):
                for timer in timers.timers { self.timers[PeerTimer(timer, of: connection)] = nil }
            default: break
            }
        }
        return self.last
    }

    /// The messages of the last input.
    var sent: [SessionMessage] {
        self.last.compactMap { action in
            if case .send(_, let message) = action { message } else { nil }
        }
    }

    /// The NOTIFICATION of the last input.
    var notification: Notification? {
        for case .notification(let notification) in self.sent { return notification }
        return nil
    }

    /// The connection that the last input dialed.
    var dialed: ConnectionID? {
        for case .connect(let id) in self.last { return id }
        return nil
    }

    /// Offers a connection of the peer; nil when it was refused.
    mutating func offer() -> ConnectionID? {
        for case .accept(let id) in self.give(.connectionOffered) { return id }
        return nil
    }

    /// Offers a connection that must be kept.
    mutating func accept() throws -> ConnectionID {
        let id = self.offer()
        return try #require(id)
    }

    /// Offers a connection and checks whether it is kept.
    mutating func expectAdmission(_ expected: Bool) {
        let isAdmitted = self.offer() != nil
        #expect(isAdmitted == expected)
    }

    /// Starts and connects.
    mutating func startAndConnect() throws -> ConnectionID {
        self.give(.start)
        let id = try #require(self.dialed)
        self.give(.connected(id))
        return id
    }

    /// Takes a connection in OpenSent to Established.
    mutating func establish(_ id: ConnectionID, _ open: Open = sampleOpen()) {
        self.give(.received(id, .open(open)))
        self.give(.received(id, .keepalive))
    }
}
