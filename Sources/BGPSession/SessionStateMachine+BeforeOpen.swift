internal import BGPWire

// Idle, Connect and Active: before our OPEN is out.
extension SessionStateMachine {
    mutating func handleInIdle(_ event: SessionEvent, _ actions: inout Actions) {
        switch event {
        case .manualStart, .automaticStart:
            self.connectRetryCounter = 0
            self.start(passively: false, &actions)
        case .manualStartWithPassiveTCPEstablishment, .automaticStartWithPassiveTCPEstablishment:
            self.connectRetryCounter = 0
            self.start(passively: true, &actions)
        // §8.2.2 leaves these three open. With damping they start and keep the counter; without they are ignored.
        case .automaticStartWithDampPeerOscillations:
            if self.configuration.dampsPeerOscillations { self.start(passively: false, &actions) }
        case .automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment:
            if self.configuration.dampsPeerOscillations { self.start(passively: true, &actions) }
        case .idleHoldTimerExpired:
            if self.configuration.dampsPeerOscillations {
                self.start(passively: self.configuration.isPassive, &actions)
            }
        case .tcpConnectionValid, .tcpConnectionRequestInvalid, .tcpConnectionConfirmed:
            actions.append(.rejectConnectionRequest)
        case .manualStop, .automaticStop, .connectRetryTimerExpired, .holdTimerExpired, .keepaliveTimerExpired,
            .delayOpenTimerExpired, .tcpConnectionRequestAcknowledged, .tcpConnectionFailed, .openReceived,
            .openReceivedWithDelayOpenTimerRunning, .headerError, .openMessageError, .openCollisionDump,
            .notificationVersionErrorReceived, .notificationReceived, .keepaliveReceived, .updateReceived,
            .updateMessageError, .sendHoldTimerExpired, .routeRefreshReceived, .updateSent, .dataAccepted:
            break
        }
    }

    private mutating func start(passively: Bool, _ actions: inout Actions) {
        self.endReason = nil
        actions.append(.listen)
        if passively {
            self.arm(.connectRetry, self.configuration.connectRetryTime, &actions)
            self.state = .active
        } else if self.configuration.connectDelay > .zero {
            // The first attempt waits: Active is the state in which the ConnectRetryTimer leads to one.
            self.arm(.connectRetry, self.configuration.connectDelay, &actions)
            self.state = .active
        } else {
            self.arm(.connectRetry, self.configuration.connectRetryTime, &actions)
            self.startDialing(&actions)
            self.state = .connect
        }
    }

    mutating func handleInConnect(_ event: SessionEvent, _ actions: inout Actions) {
        switch event {
        case .manualStop:
            // Nobody is told: there is no OPEN before the NOTIFICATION.
            self.enterIdle(because: .stoppedSilently, counter: .reset, damps: false, &actions)
        case .connectRetryTimerExpired:
            self.dropConnection(&actions)
            self.cancel(.delayOpen, &actions)
            self.arm(.connectRetry, self.configuration.connectRetryTime, &actions)
            self.startDialing(&actions)
            actions.append(.listen)
        case .tcpConnectionFailed(let error):
            if self.runningTimers.contains(.delayOpen) {
                self.transport = .none
                self.cancel(.delayOpen, &actions)
                self.arm(.connectRetry, self.configuration.connectRetryTime, &actions)
                actions.append(.listen)
                self.state = .active
                self.endReason = .connectionFailed(error)
            } else {
                self.enterIdle(because: .connectionFailed(error), counter: .keep, damps: false, &actions)
            }
        default:
            self.handleInConnectOrActive(event, &actions)
        }
    }

    mutating func handleInActive(_ event: SessionEvent, _ actions: inout Actions) {
        switch event {
        case .manualStop(let notification):
            let mayNotify =
                self.configuration.sendsNotificationWithoutOpen && self.runningTimers.contains(.delayOpen)
            let sent = mayNotify ? notification : nil
            self.enterIdle(
                sending: sent,
                because: sent.map { .notificationSent($0) } ?? .stoppedSilently,
                counter: .reset,
                damps: false,
                &actions
            )
        case .connectRetryTimerExpired:
            self.arm(.connectRetry, self.configuration.connectRetryTime, &actions)
            // With DelayOpen the timer does not run while there is a connection; never make a second one here.
            if self.transport == .none { self.startDialing(&actions) }
            actions.append(.listen)
            self.state = .connect
        case .tcpConnectionFailed(let error):
            self.transport = .none
            // §8.2.2 restarts the ConnectRetryTimer on the way to Idle, where its expiry means nothing: it stops.
            self.enterIdle(because: .connectionFailed(error), counter: .increment, damps: true, &actions)
        default:
            self.handleInConnectOrActive(event, &actions)
        }
    }

    /// The transitions that Connect and Active share.
    private mutating func handleInConnectOrActive(_ event: SessionEvent, _ actions: inout Actions) {
        switch event {
        case .manualStart, .automaticStart, .manualStartWithPassiveTCPEstablishment,
            .automaticStartWithPassiveTCPEstablishment, .automaticStartWithDampPeerOscillations,
            .automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment, .tcpConnectionValid:
            break
        case .tcpConnectionRequestInvalid:
            actions.append(.rejectConnectionRequest)
        case .tcpConnectionRequestAcknowledged, .tcpConnectionConfirmed:
            guard self.transport != .connected else {
                actions.append(.trackSecondConnection)
                break
            }
            self.transport = .connected
            if let delay = self.configuration.delayOpenTime {
                self.cancel(.connectRetry, &actions)
                self.arm(.delayOpen, delay, &actions)
            } else {
                self.enterOpenSent(&actions)
            }
        case .delayOpenTimerExpired:
            // Only a running timer can expire; without one there is no connection to send an OPEN on.
            guard self.runningTimers.contains(.delayOpen), self.transport == .connected else { break }
            self.runningTimers.remove(.delayOpen)
            self.enterOpenSent(&actions)
        case .openReceivedWithDelayOpenTimerRunning(let session) where self.transport == .connected:
            self.cancel([.connectRetry, .delayOpen], &actions)
            actions.append(.send(.open(self.localOpen)))
            self.enterOpenConfirm(session, &actions)
        case .headerError(let notification), .openMessageError(let notification):
            let notifies = self.configuration.sendsNotificationWithoutOpen && self.transport == .connected
            self.enterIdle(
                sending: notifies ? notification : nil,
                because: notifies ? .notificationSent(notification) : .errorNotSent(notification),
                counter: .increment,
                damps: true,
                &actions
            )
        case .notificationVersionErrorReceived(let notification):
            let isDelaying = self.runningTimers.contains(.delayOpen)
            self.enterIdle(
                because: .notificationReceived(notification),
                counter: isDelaying ? .keep : .increment,
                damps: !isDelaying,
                &actions
            )
        case .notificationReceived(let notification):
            self.enterIdle(
                because: .notificationReceived(notification),
                counter: .increment,
                damps: true,
                &actions
            )
        case .automaticStop:
            self.enterIdle(because: .stoppedSilently, counter: .increment, damps: true, &actions)
        case .openCollisionDump:
            self.enterIdle(because: .abandoned, counter: .increment, damps: true, &actions)
        case .updateMessageError(let notification):
            self.enterIdle(because: .errorNotSent(notification), counter: .increment, damps: true, &actions)
        case .holdTimerExpired, .keepaliveTimerExpired, .idleHoldTimerExpired, .openReceived,
            .openReceivedWithDelayOpenTimerRunning, .keepaliveReceived, .updateReceived, .routeRefreshReceived,
            .sendHoldTimerExpired:
            self.enterIdle(
                because: .errorNotSent(.finiteStateMachine(.unspecified)),
                counter: .increment,
                damps: true,
                &actions
            )
        case .manualStop, .connectRetryTimerExpired, .tcpConnectionFailed, .updateSent, .dataAccepted:
            break
        }
    }
}
