/// One configured peer: its connections, at most one of them Established, and when to try again.
///
/// There are up to two connections at a time: the one we dial and the one the peer opened, or an Established one and
/// a newer one of the peer. Each has a `SessionStateMachine`; this machine owns what is between them: collisions
/// (RFC 4271 §6.8), restarts, waits after errors, and which capabilities to offer. Inputs in, actions out, no clock.
public struct PeerStateMachine: Hashable, Sendable {
    /// The actions of one input, in order.
    public typealias Actions = ActionList<20, PeerAction>

    /// One connection.
    struct Connection: Hashable, Sendable {
        var id: ConnectionID
        var machine: SessionStateMachine
        /// It won a collision before its OPEN came.
        var isPreferred = false
        /// The transport reported its end: there is nothing left to close.
        var hasFailed = false
    }

    /// Whether the peer is to have a session.
    enum Phase: Hashable, Sendable {
        case stopped
        case waiting(admitsIncoming: Bool)
        case running
    }

    /// The configuration; change it with `reconfigure(_:)`.
    public private(set) var configuration: SessionConfiguration
    /// What the next OPEN offers, lowered while the peer refuses capabilities.
    public internal(set) var capabilityLevel = CapabilityLevel.full
    /// The last error, kept until the next one.
    public internal(set) var lastError: SessionEndReason?
    /// Counters.
    public internal(set) var counters = PeerCounters()
    /// Whether the peer's interface has its link.
    public internal(set) var isLinkUp = true

    var phase = Phase.stopped
    var backoff: RestartBackoff
    var peerTimers: SessionTimers = []
    var serial: UInt32 = 0
    /// The peer just refused our capabilities and there are fewer to try.
    var retriesWithFewerCapabilities = false
    /// What connections that ended ask for, while the outgoing one still has its own end to come.
    var pendingRecovery = Recovery.soon
    var outgoing: Connection
    var incoming: Connection?
    var established: Connection?

    /// Creates a stopped peer.
    public init(configuration: SessionConfiguration) {
        self.configuration = configuration
        self.backoff = RestartBackoff(range: configuration.idleHoldTime)
        self.outgoing = Connection(
            id: ConnectionID(origin: .outgoing, serial: 0),
            machine: SessionStateMachine(configuration: configuration)
        )
    }

    /// Uses another configuration from the next connection on; `reset` ends the present session where that is wanted.
    public mutating func reconfigure(_ configuration: SessionConfiguration) {
        self.configuration = configuration
        self.backoff.range = configuration.idleHoldTime
        self.capabilityLevel = .full
        if self.outgoing.machine.transport == .none { self.outgoing.machine.configuration = configuration }
    }

    /// The state of the connection that is furthest.
    public var state: SessionState {
        max(
            self.established?.machine.state ?? .idle,
            max(self.outgoing.machine.state, self.incoming?.machine.state ?? .idle)
        )
    }

    /// What the Established session negotiated.
    public var negotiated: NegotiatedSession? { self.established?.machine.negotiated }

    /// The Established connection.
    public var establishedConnection: ConnectionID? { self.established?.id }

    /// Whether the peer was stopped, or not started yet.
    public var isStopped: Bool { self.phase == .stopped }

    /// Whether the peer waits after an error.
    public var isWaiting: Bool {
        if case .waiting = self.phase { return true }
        return false
    }

    /// ConnectRetryCounter of the connections that dial.
    public var connectRetryCounter: UInt32 { self.outgoing.machine.connectRetryCounter }

    /// The state of a connection; nil when it is gone.
    public func state(of connection: ConnectionID) -> SessionState? {
        self.slot(of: connection).map { self[$0].machine.state }
    }

    /// The OPEN that was received on a connection which is in OpenConfirm or Established.
    public func negotiated(on connection: ConnectionID) -> NegotiatedSession? {
        self.slot(of: connection).flatMap { self[$0].machine.negotiated }
    }

    /// Takes one input.
    public mutating func handle(_ input: PeerInput) -> Actions {
        var actions = Actions()
        let before = self.state
        self.take(input, &actions)
        let after = self.state
        if after != before {
            self.counters.stateChanges &+= 1
            actions.append(.stateChanged(from: before, to: after))
        }
        return actions
    }

    private mutating func take(_ input: PeerInput, _ actions: inout Actions) {
        switch input {
        case .start: self.start(&actions)
        case .stop(let notification): self.stop(notification, &actions)
        case .reset(let notification): self.reset(notification, &actions)
        case .automaticStop(let notification, let restart): self.automaticStop(notification, restart, &actions)
        case .linkDown: self.linkWentDown(&actions)
        case .linkUp: self.linkCameUp(&actions)
        case .connectionOffered: self.connectionWasOffered(&actions)
        case .connected(let id):
            guard let slot = self.slot(of: id), self[slot].machine.transport == .connecting else { break }
            self.drive(slot, .tcpConnectionRequestAcknowledged, &actions)
        case .connectionFailed(let id, let error):
            guard let slot = self.slot(of: id), self[slot].machine.transport != .none else { break }
            self.connectionFailed(slot, .tcpConnectionFailed(error), &actions)
        case .received(let id, let message):
            guard let slot = self.slot(of: id), self[slot].machine.transport == .connected else { break }
            self.received(message, on: slot, &actions)
        case .timerExpired(let timer): self.timerExpired(timer, &actions)
        case .updateSent(let id):
            if let slot = self.slot(of: id) { self.drive(slot, .updateSent, &actions) }
        case .dataAccepted(let id):
            if let slot = self.slot(of: id) { self.drive(slot, .dataAccepted, &actions) }
        }
    }

    private mutating func received(_ message: ReceivedMessage, on slot: Slot, _ actions: inout Actions) {
        switch message {
        case .open(let open): self.openReceived(open, on: slot, &actions)
        case .update: self.drive(slot, .updateReceived, &actions)
        case .notification(let notification):
            self.notificationReceived(notification, on: slot, &actions)
        case .keepalive: self.keepaliveReceived(on: slot, &actions)
        case .routeRefresh: self.drive(slot, .routeRefreshReceived, &actions)
        case .headerError(let notification): self.drive(slot, .headerError(notification), &actions)
        case .openError(let notification): self.drive(slot, .openMessageError(notification), &actions)
        case .updateError(let notification): self.drive(slot, .updateMessageError(notification), &actions)
        }
    }

    private mutating func timerExpired(_ timer: PeerTimer, _ actions: inout Actions) {
        if let id = timer.connection {
            guard let slot = self.slot(of: id), self[slot].machine.runningTimers.contains(timer.timer) else { return }
            switch timer.timer {
            case .hold: self.drive(slot, .holdTimerExpired, &actions)
            case .keepalive: self.drive(slot, .keepaliveTimerExpired, &actions)
            case .delayOpen: self.drive(slot, .delayOpenTimerExpired, &actions)
            case .sendHold: self.drive(slot, .sendHoldTimerExpired, &actions)
            case .connectRetry, .idleHold, .errorForget: break
            }
            return
        }
        switch timer.timer {
        case .connectRetry:
            guard self.outgoing.machine.runningTimers.contains(.connectRetry), !self.configuration.isPassive else {
                return
            }
            self.drive(.outgoing, .connectRetryTimerExpired, &actions)
        case .idleHold:
            guard self.peerTimers.contains(.idleHold) else { return }
            self.peerTimers.remove(.idleHold)
            self.waitEnded(&actions)
        case .errorForget:
            guard self.peerTimers.contains(.errorForget) else { return }
            self.peerTimers.remove(.errorForget)
            self.backoff.forget()
        case .hold, .keepalive, .delayOpen, .sendHold: break
        }
    }
}
