public import BGPWire

/// One of a peer's connections, named by `PeerStateMachine`; never used twice.
public struct ConnectionID: Hashable, Sendable, BitwiseCopyable {
    /// Who opened it.
    public var origin: ConnectionOrigin
    /// Counts the connections of the peer.
    public var serial: UInt32
}

extension ConnectionID: CustomStringConvertible {
    /// Such as `outgoing 3`.
    public var description: String { "\(self.origin) \(self.serial)" }
}

/// Who opened a connection.
public enum ConnectionOrigin: UInt8, Hashable, Sendable, BitwiseCopyable {
    /// We did.
    case outgoing
    /// The peer did.
    case incoming
}

/// What happens to a peer.
///
/// Inputs that name a connection which is gone do nothing.
public enum PeerInput: Hashable, Sendable {
    /// Start, now or again; no effect on a peer that runs, ends the wait of one that waits.
    case start
    /// Stop until `start`; the Cease to send (6/2, 6/3, with a text by `Notification.cease`), nil to close silently,
    /// as before a restart of this speaker with graceful restart.
    case stop(Notification?)
    /// End the present session and start over soon, for 6/4 and 6/6.
    case reset(Notification)
    /// End the present session for a reason of the system, such as 6/1, 6/8 or 6/10.
    case automaticStop(Notification, PeerRestart)
    /// The interface of the peer lost its link.
    case linkDown
    /// The interface of the peer has its link.
    case linkUp
    /// The peer opened a connection; the answer is `accept` or `refuse`.
    case connectionOffered
    /// The attempt asked for by `connect` succeeded.
    case connected(ConnectionID)
    /// The connection or the attempt failed or was closed by the peer; the error number where there is one.
    case connectionFailed(ConnectionID, Int32?)
    /// A message or an error of the received stream.
    case received(ConnectionID, ReceivedMessage)
    /// A timer expired.
    case timerExpired(PeerTimer)
    /// An UPDATE was handed to the transport. Reporting one per batch is enough.
    case updateSent(ConnectionID)
    /// The transport accepted data. Reporting it once per write is enough.
    case dataAccepted(ConnectionID)
}

/// Messages and errors of the received stream, as the state machine needs them.
public enum ReceivedMessage: Hashable, Sendable {
    /// A decoded OPEN.
    case open(Open)
    /// An UPDATE that does not reset the session; process it after `deliverUpdate`. One per batch is enough.
    case update
    /// A NOTIFICATION.
    case notification(Notification)
    /// A KEEPALIVE.
    case keepalive
    /// A ROUTE-REFRESH; process it after `deliverRouteRefresh`.
    case routeRefresh
    /// A header error, with the NOTIFICATION for it (1/x).
    case headerError(Notification)
    /// An OPEN that does not decode, with the NOTIFICATION for it (2/x).
    case openError(Notification)
    /// An UPDATE or ROUTE-REFRESH that resets the session, with the NOTIFICATION for it (3/x, 7/1).
    case updateError(Notification)
}

/// A timer of a peer or of one of its connections.
public struct PeerTimer: Hashable, Sendable, BitwiseCopyable {
    /// Which timer.
    public var timer: SessionTimer
    /// The connection it belongs to; nil for connectRetry, idleHold and errorForget.
    public var connection: ConnectionID?

    /// Names a timer.
    public init(_ timer: SessionTimer, of connection: ConnectionID? = nil) {
        self.timer = timer
        self.connection = connection
    }
}

/// When a session that the system ended starts again.
public enum PeerRestart: Hashable, Sendable {
    /// After the connect delay.
    case soon
    /// After the wait for errors.
    case afterBackoff
    /// After this time, refusing connections meanwhile.
    case after(Duration)
    /// Not before `start`.
    case never
}
