internal import IPAddressing
internal import Netlink
internal import Synchronization

/// What one `protocol kernel` does on the threads of the kernel and of its monitor: compare, write, look at events.
///
/// Its tables grow with the routes and are compared as a whole at each dump; the core, which serves peers, never waits
/// for that. It hands over orders, one turn at a time, and is told what came of them.
final class KernelWriter: Sendable {
    let name: String
    /// Distinguishes it from a later one of the same name.
    let number: UInt32
    let filter: RouteFilter
    /// Locked while in use, not while the kernel works: events are judged meanwhile.
    private let state = Mutex(State())

    private struct State {
        var installed = InstalledRoutes()
        /// Nothing is written before the first dump.
        var isScanned = false
    }

    /// Prefixes written in a turn.
    private static var batch: Int { 8192 }
    /// Refusals of a turn that are reported with the kernel's words.
    private static var refusalLimit: Int { 8 }

    init(name: String, number: UInt32, filter: RouteFilter) {
        self.name = name
        self.number = number
        self.filter = filter
    }

    /// What is to be done in a turn.
    struct Orders: Sendable {
        var changes: [Change] = []
        /// Dump the table first.
        var scans = false
        /// From now on own routes that are not wanted go.
        var sweeps = false
        /// Try again what was refused.
        var retries = false
        /// Report the routes of others with a dump.
        var learns = false
        /// Routes of the kernel itself too.
        var learnsKernelRoutes = false
        /// Report every write.
        var isTraced = false

        var isEmpty: Bool { self.changes.isEmpty && !self.scans && !self.sweeps && !self.retries }
    }

    /// What is wanted for a prefix from now on.
    struct Change: Sendable {
        var prefix: IPPrefix
        var route: KernelRoute?
    }

    /// What came of a turn, and how things stand after it.
    struct Report: Sendable {
        var wanted = 0
        /// Own routes that a dump of this turn found.
        var found = 0
        var blocked = 0
        var refused = 0
        var memory = 0
        /// Another turn is due, orders or not.
        var hasWork = false
        /// Routes of others, after a dump.
        var foreign: [KernelRoute]?
        var operations: [RouteOperation] = []
        var refusals: [NetlinkError] = []
        var writeError: NetlinkError?
        var scanError: NetlinkError?
    }

    /// What events mean.
    struct Verdict: Sendable {
        var name: String
        var number: UInt32
        /// The kernel has something else than what is believed.
        var needsScan = false
        /// A route that was in the way is gone.
        var hasWork = false
    }

    /// How a prefix stands; nil while the kernel's thread is at work on the picture, which nobody who asks waits for.
    func standing(of prefix: IPPrefix) -> InstalledRoutes.Standing? {
        self.state.withLockIfAvailable { $0.installed.standing(of: prefix) }
    }

    // MARK: The kernel's thread

    /// One dump where ordered, one batch of writes.
    func turn(_ orders: Orders, _ kernel: any NetlinkKernel) -> Report {
        var report = Report()
        if orders.scans {
            do throws(NetlinkError) {
                let routes = try kernel.routes(self.filter)
                let own = routes.filter { $0.protocolNumber == .speaker }
                report.found = own.count
                if orders.learns {
                    report.foreign = routes.filter {
                        LearnedRoutes.isForeign($0, own: .speaker, withKernel: orders.learnsKernelRoutes)
                    }
                }
                self.state.withLock { state in
                    state.installed.observe(own)
                    state.isScanned = true
                }
            } catch {
                report.scanError = error
            }
        }
        let operations = self.state.withLock { state -> [RouteOperation] in
            for change in orders.changes { state.installed.want(change.route, for: change.prefix) }
            if orders.retries { state.installed.retryFailed() }
            if orders.sweeps { state.installed.sweep() }
            return state.isScanned ? state.installed.operations(limit: Self.batch) : []
        }
        do throws(NetlinkError) {
            let failures = try self.apply(operations, kernel)
            report.refusals = failures.prefix(Self.refusalLimit).map(\.error)
        } catch {
            report.writeError = error
        }
        if orders.isTraced { report.operations = operations }
        self.state.withLock { state in
            report.wanted = state.installed.wantedCount
            report.blocked = state.installed.blocked.count
            report.refused = state.installed.failed.count
            report.memory = state.installed.memory
            report.hasWork = state.isScanned && state.installed.hasWork
        }
        return report
    }

    private func apply(_ operations: [RouteOperation], _ kernel: any NetlinkKernel) throws(NetlinkError)
        -> [OperationFailure]
    {
        guard !operations.isEmpty else { return [] }
        let failures = try kernel.apply(operations)
        self.state.withLock { $0.installed.complete(operations, failures: failures) }
        return failures
    }

    /// Removes every own route: the end of the protocol instance.
    func releaseEverything(_ kernel: any NetlinkKernel) {
        self.state.withLock { $0.installed.releaseAll() }
        while self.state.withLock({ $0.installed.hasWork }) {
            let operations = self.state.withLock { $0.installed.operations(limit: Self.batch) }
            _ = try? self.apply(operations, kernel)
        }
    }

    // MARK: The monitor's thread

    /// What events mean for own routes.
    ///
    /// Events lag behind writes, so they only tell that it is time for another dump.
    fileprivate func judge(_ events: [KernelEvent]) -> Verdict? {
        var verdict = Verdict(name: self.name, number: self.number)
        self.state.withLock { state in
            for event in events {
                let (route, isRemoved): (KernelRoute, Bool)
                switch event {
                case .routeChanged(let changed): (route, isRemoved) = (changed, false)
                case .routeRemoved(let removed): (route, isRemoved) = (removed, true)
                default: continue
                }
                guard self.filter.matches(route) else { continue }
                if route.protocolNumber == .speaker {
                    if state.installed.isContradicted(by: route, isRemoved: isRemoved) { verdict.needsScan = true }
                } else if isRemoved {
                    state.installed.foreignLeft(route.key)
                } else if state.installed.isUsurped(route.key) {
                    verdict.needsScan = true
                }
            }
            verdict.hasWork = state.isScanned && state.installed.hasWork
        }
        return verdict.needsScan || verdict.hasWork ? verdict : nil
    }
}

/// The writers that the monitor's thread shows events to.
final class KernelWriters: Sendable {
    private let writers = Mutex<[KernelWriter]>([])

    func add(_ writer: KernelWriter) {
        self.writers.withLock { $0.append(writer) }
    }

    func remove(_ writer: KernelWriter) {
        self.writers.withLock { $0.removeAll { $0 === writer } }
    }

    /// What events mean for own routes of every instance; nothing where nothing is due.
    func judge(_ events: [KernelEvent]) -> [KernelWriter.Verdict] {
        self.writers.withLock { $0 }.compactMap { $0.judge(events) }
    }
}

extension KernelEvent {
    /// Whether it is about a route of the speaker.
    var isOwnRoute: Bool {
        switch self {
        case .routeChanged(let route), .routeRemoved(let route): route.protocolNumber == .speaker
        default: false
        }
    }
}
