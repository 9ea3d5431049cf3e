/// States of a session (RFC 4271 §8.2.2), ordered by progress.
public enum SessionState: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    /// Refuses connections and holds no resources.
    case idle
    /// Listens for a connection of the peer, and waits for the ConnectRetryTimer if it may dial.
    case active
    /// Waits for its own connection attempt.
    case connect
    /// Sent an OPEN, waits for the peer's.
    case openSent
    /// Has the peer's OPEN, waits for a KEEPALIVE.
    case openConfirm
    /// Exchanges routes.
    case established

    /// Order by progress towards `established`.
    public static func < (lhs: SessionState, rhs: SessionState) -> Bool { lhs.rawValue < rhs.rawValue }
}

extension SessionState: CustomStringConvertible {
    /// The RFC's spelling.
    public var description: String {
        switch self {
        case .idle: "Idle"
        case .active: "Active"
        case .connect: "Connect"
        case .openSent: "OpenSent"
        case .openConfirm: "OpenConfirm"
        case .established: "Established"
        }
    }
}
