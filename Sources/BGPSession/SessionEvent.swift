public import BGPWire

/// Events of a session: RFC 4271 §8.1 by number, RFC 9687, and three that carry what later standards added.
public enum SessionEvent: Hashable, Sendable {
    /// Event 1.
    case manualStart
    /// Event 2; the Cease to send, nil to close without a NOTIFICATION.
    case manualStop(Notification?)
    /// Event 3.
    case automaticStart
    /// Event 4.
    case manualStartWithPassiveTCPEstablishment
    /// Event 5.
    case automaticStartWithPassiveTCPEstablishment
    /// Event 6.
    case automaticStartWithDampPeerOscillations
    /// Event 7.
    case automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment
    /// Event 8; the Cease to send, nil to close without a NOTIFICATION.
    case automaticStop(Notification?)
    /// Event 9.
    case connectRetryTimerExpired
    /// Event 10.
    case holdTimerExpired
    /// Event 11.
    case keepaliveTimerExpired
    /// Event 12.
    case delayOpenTimerExpired
    /// Event 13.
    case idleHoldTimerExpired
    /// Event 14: a connection request of the peer.
    case tcpConnectionValid
    /// Event 15: a connection request from a wrong address or port.
    case tcpConnectionRequestInvalid
    /// Event 16: our connection attempt succeeded.
    case tcpConnectionRequestAcknowledged
    /// Event 17: the peer's connection is up.
    case tcpConnectionConfirmed
    /// Event 18: the connection or the attempt failed or was closed; the error number where there is one.
    case tcpConnectionFailed(Int32?)
    /// Event 19: an OPEN that passed the checks, and what it negotiates.
    indirect case openReceived(NegotiatedSession)
    /// Event 20: the same while the DelayOpenTimer runs.
    indirect case openReceivedWithDelayOpenTimerRunning(NegotiatedSession)
    /// Event 21; the NOTIFICATION to send.
    case headerError(Notification)
    /// Event 22; the NOTIFICATION to send.
    case openMessageError(Notification)
    /// Event 23: this connection lost a collision; the Cease to send, nil when its peer restarted and is not there.
    case openCollisionDump(Notification?)
    /// Event 24: NOTIFICATION 2/1.
    case notificationVersionErrorReceived(Notification)
    /// Event 25: any other NOTIFICATION.
    case notificationReceived(Notification)
    /// Event 26.
    case keepaliveReceived
    /// Event 27.
    case updateReceived
    /// Event 28; the NOTIFICATION to send. Also used for the errors of RFC 7313 (7/1).
    case updateMessageError(Notification)
    /// Event 29 (RFC 9687).
    case sendHoldTimerExpired
    /// A ROUTE-REFRESH (RFC 2918); unexpected wherever an UPDATE is.
    case routeRefreshReceived
    /// We sent an UPDATE: restarts the KeepaliveTimer.
    case updateSent
    /// The transport accepted data we had to send: restarts the SendHoldTimer.
    case dataAccepted

    /// The event's number in RFC 4271 §8.1 and RFC 9687; nil for the last three.
    public var number: Int? {
        switch self {
        case .manualStart: 1
        case .manualStop: 2
        case .automaticStart: 3
        case .manualStartWithPassiveTCPEstablishment: 4
        case .automaticStartWithPassiveTCPEstablishment: 5
        case .automaticStartWithDampPeerOscillations: 6
        case .automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment: 7
        case .automaticStop: 8
        case .connectRetryTimerExpired: 9
        case .holdTimerExpired: 10
        case .keepaliveTimerExpired: 11
        case .delayOpenTimerExpired: 12
        case .idleHoldTimerExpired: 13
        case .tcpConnectionValid: 14
        case .tcpConnectionRequestInvalid: 15
        case .tcpConnectionRequestAcknowledged: 16
        case .tcpConnectionConfirmed: 17
        case .tcpConnectionFailed: 18
        case .openReceived: 19
        case .openReceivedWithDelayOpenTimerRunning: 20
        case .headerError: 21
        case .openMessageError: 22
        case .openCollisionDump: 23
        case .notificationVersionErrorReceived: 24
        case .notificationReceived: 25
        case .keepaliveReceived: 26
        case .updateReceived: 27
        case .updateMessageError: 28
        case .sendHoldTimerExpired: 29
        case .routeRefreshReceived, .updateSent, .dataAccepted: nil
        }
    }
}
