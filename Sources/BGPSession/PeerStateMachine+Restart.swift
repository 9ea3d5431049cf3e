internal import BGPWire

// Starting, stopping, and what follows the end of a connection.
extension PeerStateMachine {
    /// The shortest time between the end of a connection and our next attempt.
    private static let shortestRestart = Duration.seconds(1)

    mutating func start(_ actions: inout Actions) {
        guard self.phase != .running else { return }
        self.cancelPeerTimer([.idleHold, .errorForget], &actions)
        self.backoff.forget()
        self.phase = .running
        self.dial(.manualStart, delay: self.configuration.connectDelay, &actions)
    }

    mutating func stop(_ notification: Notification?, _ actions: inout Actions) {
        self.phase = .stopped
        self.cancelPeerTimer(.all, &actions)
        self.backoff.forget()
        self.capabilityLevel = .full
        self.endAll(with: .manualStop(notification), &actions)
    }

    mutating func reset(_ notification: Notification, _ actions: inout Actions) {
        guard self.phase != .stopped else { return }
        self.stop(notification, &actions)
        self.phase = .running
        self.dial(.manualStart, delay: self.restartDelay, &actions)
    }

    mutating func automaticStop(_ notification: Notification, _ restart: PeerRestart, _ actions: inout Actions) {
        guard self.phase != .stopped else { return }
        self.phase = .stopped
        self.cancelPeerTimer(.idleHold, &actions)
        let isNegotiated = self.established?.machine.negotiated?.restartsOnNotification ?? false
        self.lastError = .notificationSent(
            isNegotiated && notification.isFinal ? .hardReset(notification) : notification
        )
        self.endAll(with: .automaticStop(notification), &actions)
        switch restart {
        case .never: self.cancelPeerTimer(.all, &actions)
        case .soon:
            self.phase = .running
            self.dial(.automaticStartWithDampPeerOscillations, delay: self.restartDelay, &actions)
        case .afterBackoff: self.wait(self.backoff.next(), admitsIncoming: self.admitsIncoming(.afterError), &actions)
        case .after(let duration): self.wait(duration, admitsIncoming: false, &actions)
        }
    }

    mutating func linkWentDown(_ actions: inout Actions) {
        guard self.isLinkUp else { return }
        self.isLinkUp = false
        for slot in [Slot.established, .incoming] { self.drop(slot, &actions) }
        self.drop(.outgoing, &actions)
        self.abandonDialing(&actions)
    }

    /// Ends a connection without a message, as nothing would arrive.
    private mutating func drop(_ slot: Slot, _ actions: inout Actions) {
        switch slot {
        case .established where self.established == nil: return
        case .incoming where self.incoming == nil: return
        default: break
        }
        guard self[slot].machine.transport != .none else { return }
        actions.append(.abort(self[slot].id))
        self.connectionFailed(slot, .tcpConnectionFailed(nil), &actions)
    }

    mutating func linkCameUp(_ actions: inout Actions) {
        guard !self.isLinkUp else { return }
        self.isLinkUp = true
        guard self.phase == .running else { return }
        self.dial(.automaticStartWithDampPeerOscillations, delay: self.configuration.connectDelay, &actions)
    }

    mutating func waitEnded(_ actions: inout Actions) {
        self.phase = .running
        self.dial(.idleHoldTimerExpired, delay: self.configuration.connectDelay, &actions)
    }

    private mutating func endAll(with event: SessionEvent, _ actions: inout Actions) {
        let isNegotiated = self.established?.machine.negotiated?.restartsOnNotification ?? false
        self.drive(.established, isNegotiated ? event.asHardReset : event, &actions)
        self.drive(.incoming, event, &actions)
        if self.outgoing.machine.state != .idle { self.drive(.outgoing, event, &actions) }
    }

    private var restartDelay: Duration { max(self.configuration.connectDelay, Self.shortestRestart) }

    /// Whether a connection is so far that dialing could only disturb it.
    private var isSettled: Bool {
        if self.established != nil { return true }
        guard let incoming = self.incoming else { return false }
        return incoming.machine.state >= .openConfirm || incoming.isPreferred
    }

    /// Starts the outgoing machine, unless it runs or there is no use for it.
    private mutating func dial(_ event: SessionEvent, delay: Duration, _ actions: inout Actions) {
        guard self.phase == .running, self.isLinkUp, !self.isSettled, self.outgoing.machine.state == .idle else {
            return
        }
        var machine = self.makeMachine()
        machine.connectRetryCounter = self.outgoing.machine.connectRetryCounter
        machine.configuration.connectDelay = delay
        // Restarts are events 6, 7 and 13, which need damping; whether to wait is decided here.
        machine.configuration.dampsPeerOscillations = true
        self.outgoing.machine = machine
        self.outgoing.isPreferred = false
        self.drive(
            .outgoing,
            self.configuration.isPassive ? event.passive : event,
            &actions
        )
    }

    /// Gives up our own attempt, or the wait for one, while another connection is further.
    mutating func abandonDialing(_ actions: inout Actions) {
        guard self.outgoing.machine.state != .idle else { return }
        self.drive(.outgoing, .openCollisionDump(.cease(.connectionCollisionResolution)), &actions)
    }

    /// Keeps an error for display; the ends of connections that lost a collision are none.
    private mutating func noteError(_ reason: SessionEndReason) {
        switch reason {
        case .abandoned, .stoppedSilently: break
        case .notificationSent(let notification), .notificationReceived(let notification):
            if notification.code != .cease
                || notification.subcode != CeaseSubcode.connectionCollisionResolution.rawValue
            {
                self.lastError = reason
            }
        case .connectionFailed, .errorNotSent, .replaced, .linkDown: self.lastError = reason
        }
    }

    private func admitsIncoming(_ recovery: Recovery) -> Bool {
        switch self.configuration.incomingDuringIdleHold {
        case .never: false
        case .afterSilence: recovery < .afterError
        case .always: true
        }
    }

    /// A connection or an attempt ended: dial again soon, wait, or leave it to the other connection.
    mutating func ended(_ reason: SessionEndReason, inConnect: Bool = false, _ actions: inout Actions) {
        self.noteError(reason)
        guard reason != .abandoned else { return }
        let own = self.retriesWithFewerCapabilities ? .soon : reason.recovery
        if case .waiting = self.phase, own == .afterError {
            self.phase = .waiting(admitsIncoming: self.admitsIncoming(own))
        }
        guard self.phase == .running, !self.isSettled else { return }
        let recovery = max(own, self.pendingRecovery)
        guard recovery == .soon else {
            if self.outgoing.machine.transport == .connected {
                self.pendingRecovery = recovery
            } else {
                self.pendingRecovery = .soon
                self.wait(self.backoff.next(), admitsIncoming: self.admitsIncoming(recovery), &actions)
                self.abandonDialing(&actions)
            }
            return
        }
        guard self.outgoing.machine.state == .idle else { return }
        if inConnect, case .connectionFailed = reason {
            // Nobody answers: the next attempt is the ConnectRetryTimer's.
            self.dial(.automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment, delay: .zero, &actions)
        } else {
            self.dial(.automaticStartWithDampPeerOscillations, delay: self.restartDelay, &actions)
        }
    }

    private mutating func wait(_ duration: Duration, admitsIncoming: Bool, _ actions: inout Actions) {
        self.phase = .waiting(admitsIncoming: admitsIncoming)
        self.counters.waits &+= 1
        self.peerTimers.formUnion([.idleHold, .errorForget])
        actions.append(.arm(PeerTimer(.idleHold), duration))
        actions.append(.arm(PeerTimer(.errorForget), duration + self.configuration.errorForgetTime))
    }
}

extension Notification {
    /// A Cease after which the session does not come back by itself, or must not find its routes kept (RFC 8538 §5).
    fileprivate var isFinal: Bool {
        guard self.code == .cease, let subcode = CeaseSubcode(rawValue: self.subcode) else { return false }
        switch subcode {
        case .maximumNumberOfPrefixesReached, .administrativeShutdown, .peerDeconfigured, .connectionRejected,
            .outOfResources:
            return true
        case .administrativeReset, .otherConfigurationChange, .connectionCollisionResolution, .hardReset, .bfdDown:
            return false
        }
    }
}

extension SessionEvent {
    /// A stop for good said in a way that a peer which keeps routes over NOTIFICATIONs understands.
    fileprivate var asHardReset: SessionEvent {
        switch self {
        case .manualStop(let notification?) where notification.isFinal: .manualStop(.hardReset(notification))
        case .automaticStop(let notification?) where notification.isFinal: .automaticStop(.hardReset(notification))
        default: self
        }
    }

    /// The start that does not dial in place of this one.
    fileprivate var passive: SessionEvent {
        switch self {
        case .manualStart: .manualStartWithPassiveTCPEstablishment
        default: .automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment
        }
    }
}
