internal import BGPWire

// OpenSent, OpenConfirm and Established: our OPEN is out.
extension SessionStateMachine {
    mutating func handleInOpenSent(_ event: SessionEvent, _ actions: inout Actions) {
        switch event {
        case .tcpConnectionFailed(let error):
            self.cancel(.hold, &actions)
            self.dropConnection(&actions)
            self.arm(.connectRetry, self.configuration.connectRetryTime, &actions)
            actions.append(.listen)
            self.state = .active
            self.endReason = .connectionFailed(error)
        case .openReceived(let session):
            self.enterOpenConfirm(session, &actions)
        case .headerError(let notification), .openMessageError(let notification):
            self.fail(with: notification, &actions)
        case .notificationVersionErrorReceived(let notification):
            self.enterIdle(because: .notificationReceived(notification), counter: .keep, damps: false, &actions)
        case .notificationReceived(let notification):
            // §8.2.2 lists this among the events that are answered with 5/1; §6.4 and the table of §8 forbid to
            // answer a NOTIFICATION.
            self.enterIdle(because: .notificationReceived(notification), counter: .increment, damps: true, &actions)
        case .connectRetryTimerExpired, .keepaliveTimerExpired, .delayOpenTimerExpired, .idleHoldTimerExpired,
            .openReceivedWithDelayOpenTimerRunning, .keepaliveReceived, .updateReceived, .updateMessageError,
            .routeRefreshReceived, .sendHoldTimerExpired:
            self.fail(with: .finiteStateMachine(.unexpectedMessageInOpenSent), &actions)
        default:
            self.handleAfterOpen(event, &actions)
        }
    }

    mutating func handleInOpenConfirm(_ event: SessionEvent, _ actions: inout Actions) {
        switch event {
        case .keepaliveTimerExpired:
            actions.append(.send(.keepalive))
            if let session = self.negotiated { self.restart(.keepalive, session.keepaliveTime, &actions) }
        case .tcpConnectionFailed(let error):
            self.enterIdle(because: .connectionFailed(error), counter: .increment, damps: true, &actions)
        case .headerError(let notification), .openMessageError(let notification):
            self.fail(with: notification, &actions)
        case .notificationVersionErrorReceived(let notification):
            self.enterIdle(because: .notificationReceived(notification), counter: .keep, damps: false, &actions)
        case .notificationReceived(let notification):
            self.enterIdle(because: .notificationReceived(notification), counter: .increment, damps: true, &actions)
        case .keepaliveReceived:
            guard let session = self.negotiated else { break }
            self.restart(.hold, session.holdTime, &actions)
            self.restart(.sendHold, session.sendHoldTime, &actions)
            self.state = .established
            self.endReason = nil
            actions.append(.sessionEstablished(session))
        case .connectRetryTimerExpired, .delayOpenTimerExpired, .idleHoldTimerExpired, .openReceived,
            .openReceivedWithDelayOpenTimerRunning, .updateReceived, .updateMessageError, .routeRefreshReceived,
            .sendHoldTimerExpired:
            // An OPEN here is a second one on this connection: collisions arrive as `openCollisionDump`.
            self.fail(with: .finiteStateMachine(.unexpectedMessageInOpenConfirm), &actions)
        default:
            self.handleAfterOpen(event, &actions)
        }
    }

    mutating func handleInEstablished(_ event: SessionEvent, _ actions: inout Actions) {
        guard let session = self.negotiated else { return }
        switch event {
        case .updateReceived:
            self.restart(.hold, session.holdTime, &actions)
            actions.append(.deliverUpdate)
        case .keepaliveReceived:
            self.restart(.hold, session.holdTime, &actions)
        case .routeRefreshReceived:
            actions.append(.deliverRouteRefresh)
        case .updateSent:
            self.restart(.keepalive, session.keepaliveTime, &actions)
        case .dataAccepted:
            self.restart(.sendHold, session.sendHoldTime, &actions)
        case .keepaliveTimerExpired:
            actions.append(.send(.keepalive))
            self.restart(.keepalive, session.keepaliveTime, &actions)
        case .tcpConnectionFailed(let error):
            self.enterIdle(because: .connectionFailed(error), counter: .increment, damps: false, &actions)
        case .notificationVersionErrorReceived(let notification), .notificationReceived(let notification):
            self.enterIdle(because: .notificationReceived(notification), counter: .increment, damps: false, &actions)
        case .updateMessageError(let notification), .headerError(let notification):
            // §8.2.2 answers header errors with 5/3 here; §6.1 wants the error itself.
            self.fail(with: notification, &actions)
        case .sendHoldTimerExpired:
            // RFC 9687: the NOTIFICATION may be tried, the connection must not wait for it.
            self.fail(with: .sendHoldTimerExpired, silently: true, &actions)
        case .connectRetryTimerExpired, .delayOpenTimerExpired, .idleHoldTimerExpired, .openReceived,
            .openReceivedWithDelayOpenTimerRunning, .openMessageError:
            self.fail(with: .finiteStateMachine(.unexpectedMessageInEstablished), &actions)
        default:
            self.handleAfterOpen(event, &actions)
        }
    }

    /// The transitions that OpenSent, OpenConfirm and Established share.
    private mutating func handleAfterOpen(_ event: SessionEvent, _ actions: inout Actions) {
        switch event {
        case .manualStart, .automaticStart, .manualStartWithPassiveTCPEstablishment,
            .automaticStartWithPassiveTCPEstablishment, .automaticStartWithDampPeerOscillations,
            .automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment, .tcpConnectionRequestInvalid,
            .updateSent, .dataAccepted:
            break
        case .tcpConnectionValid, .tcpConnectionRequestAcknowledged, .tcpConnectionConfirmed:
            actions.append(.trackSecondConnection)
        case .manualStop(let notification):
            self.cease(notification, counter: .reset, damps: false, &actions)
        case .automaticStop(let notification):
            self.cease(notification, counter: .increment, damps: true, &actions)
        case .openCollisionDump(let notification):
            self.cease(notification, silentReason: .replaced, counter: .increment, damps: true, &actions)
        case .holdTimerExpired:
            self.fail(with: .holdTimerExpired, &actions)
        case .connectRetryTimerExpired, .keepaliveTimerExpired, .delayOpenTimerExpired, .idleHoldTimerExpired,
            .tcpConnectionFailed, .openReceived, .openReceivedWithDelayOpenTimerRunning, .headerError,
            .openMessageError, .notificationVersionErrorReceived, .notificationReceived, .keepaliveReceived,
            .updateReceived, .updateMessageError, .sendHoldTimerExpired, .routeRefreshReceived:
            break
        }
    }
}
