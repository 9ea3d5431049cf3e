/// How long to wait after a number of failures in a row: doubling, up to a limit.
public struct Backoff: Hashable, Sendable {
    /// After the first failure.
    public var initial: Duration
    /// Never longer than this.
    public var maximum: Duration

    /// Creates a rule.
    public init(initial: Duration = .milliseconds(200), maximum: Duration = .seconds(30)) {
        self.initial = initial
        self.maximum = maximum
    }

    /// The wait after `failures` failures in a row.
    public func delay(afterFailures failures: Int) -> Duration {
        guard failures > 0 else { return .zero }
        var delay = min(self.initial, self.maximum)
        for _ in 1..<max(failures, 1) {
            if delay >= self.maximum || delay == .zero { break }
            delay = min(delay * 2, self.maximum)
        }
        return delay
    }
}
