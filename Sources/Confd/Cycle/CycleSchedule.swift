/// When the next cycle runs: bursts of changes become one cycle, and what failed is tried again at its time.
///
/// A value without a clock: instants are durations since any fixed moment.
public struct CycleSchedule: Hashable, Sendable {
    /// Delays.
    public struct Settings: Hashable, Sendable {
        /// Quiet time that ends a burst.
        public var quietTime: Duration = .milliseconds(100)
        /// Longest time from the first change of a burst to its cycle.
        public var longestDelay: Duration = .seconds(1)
        /// First wait after a failure; doubles each time.
        public var firstBackOff: Duration = .milliseconds(250)
        /// Longest wait after a failure.
        public var longestBackOff: Duration = .seconds(5)

        /// Creates the defaults.
        public init() {}
    }

    private let settings: Settings
    private var firstChange: Duration?
    private var lastChange: Duration?
    private var retryAt: Duration?

    /// Creates a schedule with nothing to do.
    public init(settings: Settings = Settings()) {
        self.settings = settings
    }

    /// When the next cycle is due; nil when there is nothing to do.
    ///
    /// A change does not wait for the end of a back-off: it may be what repairs the failure.
    public var deadline: Duration? {
        guard let first = self.firstChange, let last = self.lastChange else { return self.retryAt }
        return min(
            last + self.settings.quietTime,
            first + self.settings.longestDelay,
            self.retryAt ?? .seconds(1 << 40)
        )
    }

    /// Notes that the input changed.
    public mutating func changed(at now: Duration) {
        self.firstChange = self.firstChange ?? now
        self.lastChange = now
    }

    /// Whether a cycle is due; if so the changes so far count as taken.
    public mutating func begin(at now: Duration) -> Bool {
        guard let deadline = self.deadline, now >= deadline else { return false }
        self.firstChange = nil
        self.lastChange = nil
        self.retryAt = nil
        return true
    }

    /// Notes when something that failed is to be tried again; nil when nothing has.
    public mutating func retry(at instant: Duration?) {
        self.retryAt = instant
    }
}
