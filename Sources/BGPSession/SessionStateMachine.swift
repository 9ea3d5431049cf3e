public import BGPWire

/// The state machine of RFC 4271 §8 for one TCP connection, or the attempt to get one.
///
/// Every event is defined in every state. It has no clock and does no I/O: it says which timers to run and what to
/// send, and is told what happened. Where §8.2.2 and another section disagree, or the text asks for an event that
/// cannot happen (an expired timer that does not run), the deviation stands at the transition.
public struct SessionStateMachine: Hashable, Sendable {
    /// An event.
    public typealias Event = SessionEvent
    /// An action.
    public typealias Action = SessionAction
    /// The actions of one transition, in order.
    public typealias Actions = ActionList<6, SessionAction>

    /// The configuration; changes count from the next connection on.
    public var configuration: SessionConfiguration
    /// What the OPEN of the next connection offers.
    public var capabilityLevel: CapabilityLevel

    /// The state.
    public internal(set) var state: SessionState = .idle
    /// ConnectRetryCounter.
    public internal(set) var connectRetryCounter: UInt32 = 0
    /// Timers that were armed and neither cancelled nor reported as expired.
    public internal(set) var runningTimers: SessionTimers = []
    /// The connection as far as this machine knows.
    public internal(set) var transport: Transport = .none
    /// The result of the OPENs, in OpenConfirm and Established.
    public internal(set) var negotiated: NegotiatedSession?
    /// Why the machine last left its way to Established.
    public internal(set) var endReason: SessionEndReason?

    /// Creates an idle machine.
    public init(configuration: SessionConfiguration, capabilityLevel: CapabilityLevel = .full) {
        self.configuration = configuration
        self.capabilityLevel = capabilityLevel
    }

    /// States of the TCP connection.
    public enum Transport: UInt8, Hashable, Sendable {
        /// None.
        case none
        /// Our attempt is under way.
        case connecting
        /// Up.
        case connected
    }

    /// The OPEN this machine sends.
    public var localOpen: Open { self.configuration.localOpen(level: self.capabilityLevel) }

    /// Takes one event.
    public mutating func handle(_ event: SessionEvent) -> Actions {
        var actions = Actions()
        self.noteExpiry(event)
        switch self.state {
        case .idle: self.handleInIdle(event, &actions)
        case .connect: self.handleInConnect(event, &actions)
        case .active: self.handleInActive(event, &actions)
        case .openSent: self.handleInOpenSent(event, &actions)
        case .openConfirm: self.handleInOpenConfirm(event, &actions)
        case .established: self.handleInEstablished(event, &actions)
        }
        return actions
    }

    private mutating func noteExpiry(_ event: SessionEvent) {
        switch event {
        case .connectRetryTimerExpired: self.runningTimers.remove(.connectRetry)
        case .holdTimerExpired: self.runningTimers.remove(.hold)
        case .keepaliveTimerExpired: self.runningTimers.remove(.keepalive)
        case .idleHoldTimerExpired: self.runningTimers.remove(.idleHold)
        case .sendHoldTimerExpired: self.runningTimers.remove(.sendHold)
        default: break
        }
    }
}

// MARK: - Steps that several transitions share

extension SessionStateMachine {
    mutating func arm(_ timer: SessionTimer, _ duration: Duration, _ actions: inout Actions) {
        self.runningTimers.insert(SessionTimers(timer))
        actions.append(.arm(timer, duration))
    }

    mutating func cancel(_ timers: SessionTimers, _ actions: inout Actions) {
        let running = self.runningTimers.intersection(timers)
        guard !running.isEmpty else { return }
        self.runningTimers.subtract(running)
        actions.append(.cancel(running))
    }

    /// Arms a timer, or stops it when the duration is zero.
    mutating func restart(_ timer: SessionTimer, _ duration: Duration, _ actions: inout Actions) {
        if duration > .zero {
            self.arm(timer, duration, &actions)
        } else {
            self.cancel(SessionTimers(timer), &actions)
        }
    }

    /// Drops the connection or the attempt, if there is one.
    mutating func dropConnection(_ actions: inout Actions, silently: Bool = false) {
        guard self.transport != .none else { return }
        self.transport = .none
        actions.append(silently ? .dropConnectionSilently : .closeConnection)
    }

    mutating func startDialing(_ actions: inout Actions) {
        self.transport = .connecting
        actions.append(.connect)
    }

    /// What a transition to Idle does to ConnectRetryCounter.
    enum CounterChange {
        case reset
        case increment
        case keep
    }

    /// The common way to Idle: says why, stops every timer, gives up routes, resources and the connection.
    mutating func enterIdle(
        sending notification: Notification? = nil,
        because reason: SessionEndReason,
        counter: CounterChange,
        damps: Bool,
        silently: Bool = false,
        _ actions: inout Actions
    ) {
        if let notification, self.transport == .connected {
            actions.append(.send(.notification(notification)))
        }
        self.cancel(.all, &actions)
        if self.state == .established {
            actions.append(.sessionDown(reason))
        }
        actions.append(.releaseResources)
        self.dropConnection(&actions, silently: silently)
        switch counter {
        case .reset: self.connectRetryCounter = 0
        case .increment: self.connectRetryCounter &+= 1
        case .keep: break
        }
        if damps && self.configuration.dampsPeerOscillations {
            actions.append(.dampOscillations)
        }
        self.state = .idle
        self.negotiated = nil
        self.endReason = reason
    }

    /// Ends with a NOTIFICATION, one more retry, and damping: what most errors do.
    mutating func fail(with notification: Notification, silently: Bool = false, _ actions: inout Actions) {
        self.enterIdle(
            sending: notification,
            because: .notificationSent(notification),
            counter: .increment,
            damps: true,
            silently: silently,
            &actions
        )
    }

    /// Manual or automatic stop, or collision, of a machine that has sent its OPEN.
    mutating func cease(
        _ notification: Notification?,
        silentReason: SessionEndReason = .stoppedSilently,
        counter: CounterChange,
        damps: Bool,
        _ actions: inout Actions
    ) {
        self.enterIdle(
            sending: notification,
            because: notification.map { .notificationSent($0) } ?? silentReason,
            counter: counter,
            damps: damps,
            silently: notification == nil,
            &actions
        )
    }

    /// Sends our OPEN and waits for the peer's.
    mutating func enterOpenSent(_ actions: inout Actions) {
        self.cancel([.connectRetry, .delayOpen], &actions)
        actions.append(.send(.open(self.localOpen)))
        self.arm(.hold, self.configuration.startupHoldTime, &actions)
        self.state = .openSent
    }

    /// Acknowledges the peer's OPEN and waits for its KEEPALIVE.
    mutating func enterOpenConfirm(_ session: NegotiatedSession, _ actions: inout Actions) {
        self.cancel([.connectRetry, .delayOpen], &actions)
        actions.append(.send(.keepalive))
        self.restart(.keepalive, session.keepaliveTime, &actions)
        self.restart(.hold, session.holdTime, &actions)
        self.negotiated = session
        self.state = .openConfirm
    }
}
