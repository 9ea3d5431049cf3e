/// The waits after repeated errors: the first, then doubling up to the largest.
public struct RestartBackoff: Hashable, Sendable {
    /// First and largest wait.
    public var range: ClosedRange<Duration>
    private var last: Duration?

    /// Creates a back-off without errors.
    public init(range: ClosedRange<Duration>) {
        self.range = range
    }

    /// The wait after one more error.
    public mutating func next() -> Duration {
        let wait = self.last.map { $0 > self.range.upperBound / 2 ? self.range.upperBound : $0 * 2 }
        let result = max(self.range.lowerBound, min(wait ?? self.range.lowerBound, self.range.upperBound))
        self.last = result
        return result
    }

    /// Forgets all errors.
    public mutating func forget() {
        self.last = nil
    }
}
