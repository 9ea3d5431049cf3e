internal import BGPSession
internal import BGPWire
internal import IPAddressing

/// A configured peer within one speaker; never reused for another one.
struct PeerID: Hashable, Sendable {
    var rawValue: UInt32
}

/// One Established session of a peer; messages of a session that is over are recognised by it.
struct SessionSerial: Hashable, Sendable {
    var peer: PeerID
    var number: UInt32
}

/// What a session tells the core.
enum CoreMessage: Sendable {
    /// The peer's host takes connections.
    case reached(PeerID)
    /// The session is up.
    indirect case established(SessionSerial, EstablishedSession)
    /// The session is over; its routes go unless they are kept for a restart.
    case down(SessionSerial, SessionEndReason, keepsRoutes: Bool)
    /// The session stays down until someone enables it, because of an error.
    case disabled(PeerID, SessionEndReason)
    /// Routes, in the order of the stream.
    case routes(SessionSerial, RouteBatch)
    /// A ROUTE-REFRESH request.
    case refresh(SessionSerial, RouteRefresh)
    /// A session loop or a peer that had too much to write takes more now.
    case ready
}

/// What the core needs to know of a session that came up.
struct EstablishedSession: Sendable {
    var negotiated: NegotiatedSession
    var local: SocketEndpoint
    var remote: SocketEndpoint
}

/// What the core tells a session.
enum PeerMessage: Sendable {
    /// The core has taken in this many octets of batches.
    case processed(SessionSerial, Int)
    /// End the session with a NOTIFICATION.
    case end(SessionSerial, Notification, PeerRestart)
    /// Run the import policy of a family on your loop from now on; nil is not to.
    indirect case judge(SessionSerial, AddressFamily, ImportJudge?)
}
