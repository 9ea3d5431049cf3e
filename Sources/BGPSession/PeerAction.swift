/// What a peer asks its surroundings to do, in order.
public enum PeerAction: Hashable, Sendable {
    /// Start a TCP connection to the peer under this name.
    case connect(ConnectionID)
    /// Keep the offered connection under this name.
    case accept(ConnectionID)
    /// Close the offered connection.
    case refuse(RefusalReason)
    /// Send a message.
    case send(ConnectionID, SessionMessage)
    /// Close the connection or the attempt, after what was sent is out; nothing it still reports counts.
    case close(ConnectionID)
    /// Close the connection or the attempt at once, without waiting for what was sent.
    case abort(ConnectionID)
    /// Start or restart a timer; apply `SessionTimer.delay(_:random:)` to the duration.
    case arm(PeerTimer, Duration)
    /// Stop timers of a connection, or of the peer.
    case cancel(SessionTimers, of: ConnectionID?)
    /// The session is up on this connection.
    indirect case established(ConnectionID, NegotiatedSession)
    /// The session is over: its routes go, or become stale when `keepsRoutes` says so.
    case down(ConnectionID, SessionEndReason, keepsRoutes: Bool)
    /// Process the UPDATE just reported.
    case deliverUpdate(ConnectionID)
    /// Process the ROUTE-REFRESH just reported.
    case deliverRouteRefresh(ConnectionID)
    /// The peer's state changed, for display.
    case stateChanged(from: SessionState, to: SessionState)
}

/// Why an offered connection is refused.
public enum RefusalReason: UInt8, Hashable, Sendable {
    /// The peer is stopped.
    case stopped
    /// The peer waits after an error.
    case waiting
    /// The peer's interface has no link.
    case linkDown
}
