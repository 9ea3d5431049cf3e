public import BGPWire

/// Why a session or a connection attempt ended.
public enum SessionEndReason: Hashable, Sendable {
    /// The transport failed or was closed; the error number where there is one.
    case connectionFailed(Int32?)
    /// We ended it with a NOTIFICATION.
    case notificationSent(Notification)
    /// The peer ended it with a NOTIFICATION.
    case notificationReceived(Notification)
    /// We ended it before our OPEN because of this error, without sending it.
    case errorNotSent(Notification)
    /// We ended it on purpose without a NOTIFICATION.
    case stoppedSilently
    /// A newer connection of a peer that restarted took its place (RFC 4724 §5).
    case replaced
    /// The interface of the peer went down.
    case linkDown
    /// It was given up for another connection before an OPEN was sent.
    case abandoned
}

extension SessionEndReason: CustomStringConvertible {
    /// One line of text: what happened, by whom, and the peer's words if it sent any.
    public var description: String {
        switch self {
        case .connectionFailed(let number?): "connection failed (error \(number))"
        case .connectionFailed(nil): "connection closed by the peer"
        case .notificationSent(let notification): "sent: \(notification)"
        case .notificationReceived(let notification): "received: \(notification)"
        case .errorNotSent(let notification): "error before OPEN: \(notification)"
        case .stoppedSilently: "closed without a NOTIFICATION"
        case .replaced: "replaced by a new connection of the restarted peer"
        case .linkDown: "link down"
        case .abandoned: "given up for another connection"
        }
    }
}
