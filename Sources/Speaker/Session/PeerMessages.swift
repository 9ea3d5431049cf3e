internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import NIOCore

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
    /// The session is up.
    indirect case established(SessionSerial, EstablishedSession)
    /// The session is over.
    case down(SessionSerial, SessionEndReason)
    /// Routes, in the order of the stream.
    case routes(SessionSerial, RouteBatch)
    /// A ROUTE-REFRESH request.
    case refresh(SessionSerial, RouteRefresh)
    /// This many octets given to `PeerMessage.write` are with the transport.
    case written(SessionSerial, Int)
}

/// What the core needs to know of a session that came up.
struct EstablishedSession: Sendable {
    var negotiated: NegotiatedSession
    var local: SocketEndpoint
    var remote: SocketEndpoint
}

/// What the core tells a session.
enum PeerMessage: Sendable {
    /// Send these octets: whole messages.
    case write(SessionSerial, ByteBuffer)
    /// The core has taken in this many octets of batches.
    case processed(SessionSerial, Int)
    /// End the session with a NOTIFICATION.
    case end(SessionSerial, Notification, PeerRestart)
}
