public import BGPWire

/// What a session asks its surroundings to do, in order.
public enum SessionAction: Hashable, Sendable {
    /// Start a TCP connection to the peer.
    case connect
    /// Accept connections of the peer until `releaseResources`.
    case listen
    /// Refuse the connection request just reported (event 15).
    case rejectConnectionRequest
    /// Another connection of this peer is to be followed until its OPEN (§6.8).
    case trackSecondConnection
    /// Send a message.
    case send(SessionMessage)
    /// Start or restart a timer.
    case arm(SessionTimer, Duration)
    /// Stop running timers.
    case cancel(SessionTimers)
    /// Close the connection or the attempt, after what was sent is out.
    case closeConnection
    /// Close the connection at once, without waiting for what was sent.
    case dropConnectionSilently
    /// Release what the session holds; stop listening.
    case releaseResources
    /// Peer oscillation damping applies.
    case dampOscillations
    /// The session is up.
    indirect case sessionEstablished(NegotiatedSession)
    /// The session was up and is over: its routes go (or become stale, see `NegotiatedSession.keepsRoutes(after:)`).
    case sessionDown(SessionEndReason)
    /// Process the UPDATE just reported.
    case deliverUpdate
    /// Process the ROUTE-REFRESH just reported.
    case deliverRouteRefresh
}

/// Messages that a session sends by itself.
public enum SessionMessage: Hashable, Sendable {
    /// OPEN.
    case open(Open)
    /// KEEPALIVE.
    case keepalive
    /// NOTIFICATION; nothing may be sent after it.
    case notification(Notification)
}
