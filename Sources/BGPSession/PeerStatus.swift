/// Counters of a peer since it was made.
public struct PeerCounters: Hashable, Sendable {
    /// How often a session came up.
    public var established: UInt64 = 0
    /// How often a session that was up ended.
    public var down: UInt64 = 0
    /// Changes of the peer's state.
    public var stateChanges: UInt64 = 0
    /// Connection attempts of ours.
    public var attempts: UInt64 = 0
    /// Connections of the peer that were kept.
    public var accepted: UInt64 = 0
    /// Connections of the peer that were refused.
    public var refused: UInt64 = 0
    /// Collisions that were resolved.
    public var collisions: UInt64 = 0
    /// Waits after errors.
    public var waits: UInt64 = 0
}

/// How a peer goes on after a connection ended; later cases win over earlier ones.
enum Recovery: UInt8, Comparable {
    /// As if nothing happened: the connect delay.
    case soon
    /// Wait, but the peer may come by itself.
    case afterSilence
    /// Wait.
    case afterError

    static func < (lhs: Recovery, rhs: Recovery) -> Bool { lhs.rawValue < rhs.rawValue }
}
