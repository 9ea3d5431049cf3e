/// Timers of a session and its peer; the caller owns the clock and reports expiry.
public enum SessionTimer: UInt8, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// ConnectRetryTimer: the next connection attempt. One per peer.
    case connectRetry
    /// HoldTimer: the peer must be heard before it expires. One per connection.
    case hold
    /// KeepaliveTimer: the next KEEPALIVE to send. One per connection.
    case keepalive
    /// DelayOpenTimer: our OPEN waits for it. One per connection.
    case delayOpen
    /// IdleHoldTimer: no new start before it expires. One per peer.
    case idleHold
    /// SendHoldTimer (RFC 9687): the transport must accept data before it expires. One per connection.
    case sendHold
    /// Errors are forgotten when it expires. One per peer.
    case errorForget

    /// Whether RFC 4271 §10 asks for jitter on this timer.
    public var isJittered: Bool { self == .connectRetry || self == .keepalive }

    /// The delay to use for a nominal one: 75 to 100 percent of it for jittered timers, by a random number.
    ///
    /// KEEPALIVEs keep at least one second between them (RFC 4271 §4.4).
    public func delay(_ nominal: Duration, random: UInt16) -> Duration {
        guard self.isJittered else { return nominal }
        let parts = 196_608 + Int64(random)
        let delay = nominal * parts / 262_143
        return self == .keepalive ? max(delay, min(nominal, .seconds(1))) : delay
    }
}

/// A set of timers.
public struct SessionTimers: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// One bit per `SessionTimer.rawValue`.
    public var rawValue: UInt8

    /// Creates a set from bits.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Creates a set of one timer.
    public init(_ timer: SessionTimer) {
        self.rawValue = 1 << timer.rawValue
    }

    /// ConnectRetryTimer.
    public static let connectRetry = SessionTimers(.connectRetry)
    /// HoldTimer.
    public static let hold = SessionTimers(.hold)
    /// KeepaliveTimer.
    public static let keepalive = SessionTimers(.keepalive)
    /// DelayOpenTimer.
    public static let delayOpen = SessionTimers(.delayOpen)
    /// IdleHoldTimer.
    public static let idleHold = SessionTimers(.idleHold)
    /// SendHoldTimer.
    public static let sendHold = SessionTimers(.sendHold)
    /// The timer after which errors are forgotten.
    public static let errorForget = SessionTimers(.errorForget)
    /// Every timer.
    public static let all = SessionTimers(rawValue: 0x7F)

    /// Whether the timer is in the set.
    public func contains(_ timer: SessionTimer) -> Bool { self.rawValue & (1 << timer.rawValue) != 0 }

    /// The timers of the set.
    public var timers: [SessionTimer] { SessionTimer.allCases.filter { self.contains($0) } }
}
