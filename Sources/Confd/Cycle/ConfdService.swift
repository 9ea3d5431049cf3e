public import Logging
internal import Synchronization

/// Follows the resources and runs cycles.
///
/// `Snapshots` gives the whole set of resources anew after each change, the first one when it is complete.
public struct ConfdService<Snapshots: AsyncSequence & Sendable>: Sendable where Snapshots.Element == ResourceSnapshot {
    private let snapshots: Snapshots
    private let engine: ConfdEngine
    private let schedule: CycleSchedule.Settings
    private let interval: Duration?
    private let watches: Bool
    private let logger: Logger
    private let progress = Progress()
    private let orders: (stream: AsyncStream<Event>, continuation: AsyncStream<Event>.Continuation)

    /// Creates a service.
    public init(snapshots: Snapshots, settings: ConfdSettings, hooks: ConfdHooks, logger: Logger) {
        self.snapshots = snapshots
        self.engine = ConfdEngine(settings: settings, hooks: hooks, logger: logger)
        self.schedule = settings.schedule
        self.interval = settings.interval
        self.watches = settings.watches
        self.logger = logger
        self.orders = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(64))
    }

    /// Why the files in place are not what the resources ask for; nil when they are.
    public var pendingReason: String? { self.progress.reason.withLock { $0 } }

    /// What was planned last, whether or not its files could be put in place.
    public func plan() async -> BGPPlan? { await self.engine.lastPlan }

    /// How cycles and template resources have fared.
    public func statistics() async -> ConfdStatistics { await self.engine.statistics }

    /// Statistics as text for Prometheus, with whether files are as they should be.
    public func prometheusText() async -> String {
        await self.engine.statistics.prometheusText
            + "# HELP martlet_confd_pending Whether the files in place are not what the resources ask for.\n"
            + "# TYPE martlet_confd_pending gauge\nmartlet_confd_pending \(self.pendingReason == nil ? 0 : 1)\n"
    }

    /// Renders again although no resource changed: templates may have.
    public func refresh() {
        self.orders.continuation.yield(.ordered)
    }

    /// Runs one cycle on the first snapshot, as `--onetime` does.
    ///
    /// - Returns: nil when the sequence ended without one.
    /// - Throws: what made the cycle fail.
    @discardableResult
    public func runOnce() async throws -> CycleReport? {
        for try await snapshot in self.snapshots { return try await self.engine.cycle(snapshot) }
        return nil
    }

    /// Runs until the sequence ends or the task is cancelled; a failed cycle is logged and tried again.
    ///
    /// Call it once.
    ///
    /// Changes that came just before the end of the sequence still get their cycle.
    ///
    /// - Throws: what the sequence throws.
    public func run() async throws {
        let latest = LatestSnapshot()
        let (events, continuation) = self.orders
        let clock = ContinuousClock()
        let start = self.engine.start
        try await withThrowingTaskGroup(of: Void.self) { group in
            let snapshots = self.snapshots
            group.addTask {
                defer { continuation.finish() }
                for try await snapshot in snapshots {
                    latest.value.withLock { $0 = snapshot }
                    continuation.yield(.changed)
                }
            }
            var schedule = CycleSchedule(settings: self.schedule)
            var isFirst = true
            var triesAll = true
            var lastCycle: Duration?
            var timer: Task<Void, Never>?
            defer { timer?.cancel() }
            for await event in events {
                // An order before the first snapshot is fulfilled by the cycle that this brings.
                let now = start.duration(to: clock.now)
                if event == .changed && (self.watches || isFirst)
                    || (event == .ordered && latest.value.withLock { $0 != nil })
                {
                    isFirst = false
                    if event == .ordered { triesAll = true }
                    schedule.changed(at: now)
                }
                let interval = await self.period()
                if let interval, let last = lastCycle, now >= last + interval { schedule.changed(at: now) }
                if schedule.begin(at: start.duration(to: clock.now)), let snapshot = latest.value.withLock({ $0 }) {
                    lastCycle = start.duration(to: clock.now)
                    schedule.retry(at: await self.cycle(snapshot, triesAll: triesAll))
                    triesAll = false
                }
                timer?.cancel()
                let periodic = await self.period().flatMap { period in lastCycle.map { $0 + period } }
                guard let deadline = [schedule.deadline, periodic].compactMap(\.self).min() else { continue }
                timer = Task {
                    guard (try? await clock.sleep(until: start.advanced(by: deadline))) != nil else { return }
                    continuation.yield(.timer)
                }
            }
            if schedule.deadline != nil, !Task.isCancelled, let snapshot = latest.value.withLock({ $0 }) {
                _ = await self.cycle(snapshot, triesAll: true)
            }
            try await group.waitForAll()
        }
    }

    /// How long it may be from one cycle to the next: the set interval, or that of a template resource if it is shorter.
    private func period() async -> Duration? {
        let ofResource = await self.engine.shortestInterval.map { Duration.seconds(Int64($0)) }
        return [self.interval, ofResource].compactMap(\.self).min()
    }

    private enum Event: Sendable {
        case changed
        case ordered
        case timer
    }

    /// Runs one cycle.
    ///
    /// - Returns: when something that failed is to be tried again.
    private func cycle(_ snapshot: ResourceSnapshot, triesAll: Bool) async -> Duration? {
        let (report, errors) = await self.engine.attempt(snapshot, triesAll: triesAll)
        let reason = await self.engine.pendingReason
        self.progress.reason.withLock { $0 = reason }
        for error in errors { self.logger.error("configuration not rendered", metadata: ["reason": "\(error)"]) }
        if !report.isUnchanged || !report.reloads.isEmpty {
            self.logger.info(
                "configuration rendered",
                metadata: [
                    "created": "\(report.created.count)", "modified": "\(report.modified.count)",
                    "deleted": "\(report.deleted.count)", "reloads": "\(report.reloads.joined(separator: ", "))",
                ]
            )
        }
        return await self.engine.nextRetry
    }
}

/// The newest snapshot; older ones are of no interest.
private final class LatestSnapshot: Sendable {
    let value = Mutex<ResourceSnapshot?>(nil)
}

/// How the last cycle went.
private final class Progress: Sendable {
    let reason = Mutex<String?>(
        "the datastore was not read yet; what an earlier run rendered stays in force"
    )
}
