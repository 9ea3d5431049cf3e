public import Datastore
internal import DeltaSync
public import Logging
public import Netlink
public import Resources
internal import Synchronization

/// How felix stands, for the control interface.
public struct FelixStatus: Hashable, Sendable {
    /// Whether the datastore has told everything and the kernel is being kept.
    public var isInSync = false
    /// Every endpoint of this node.
    public var endpoints: [ResourceKey: EndpointStatus] = [:]
    /// Wanted routes whose place another owner holds, in words.
    public var blockedRoutes: [String] = []
    /// Number of felix's routes in the kernel.
    public var routeCount = 0

    /// Creates the status before the start.
    public init() {}
}

/// Keeps this node's kernel as the datastore's resources want it.
///
/// All work is done on one thread, which owns the kernel's handle. Stopping leaves everything in the kernel: forwarding goes
/// on, and the next start adopts what is still wanted.
public final class FelixService: Sendable {
    /// How to get at the kernel.
    ///
    /// Everything but the default is for tests and for namespaces.
    public struct KernelAccess: Sendable {
        /// Opens the kernel on felix's thread.
        public var open: @Sendable () throws(NetlinkError) -> any NetlinkKernel
        /// Starts telling events to the buffer and returns what stops that.
        public var monitor: @Sendable (_ buffer: KernelEventBuffer) throws(NetlinkError) -> @Sendable () -> Void

        /// Creates a way of access.
        public init(
            open: @escaping @Sendable () throws(NetlinkError) -> any NetlinkKernel,
            monitor: @escaping @Sendable (_ buffer: KernelEventBuffer) throws(NetlinkError) -> @Sendable () -> Void
        ) {
            self.open = open
            self.monitor = monitor
        }

        /// The running kernel; `prepare` runs first on each thread and may enter a network namespace.
        public static func running(
            prepare: @escaping @Sendable () throws(NetlinkError) -> Void = {}
        ) -> KernelAccess {
            KernelAccess(
                open: { () throws(NetlinkError) in
                    try prepare()
                    return try LinuxKernel()
                },
                monitor: { buffer throws(NetlinkError) in
                    let monitor = try KernelMonitor(prepare: prepare, deliver: { buffer.append($0) })
                    return { monitor.stop() }
                }
            )
        }
    }

    /// Inputs that were not taken yet: at most one per resource.
    private struct Inbox {
        var changes: [ResourceKey: Resource?] = [:]
        var isInSync = false
        var isStopping = false
        var wantsReconciliation = false
        var isStarted = false
    }

    private let settings: FelixSettings
    private let access: KernelAccess
    private let sink: (any EndpointStatusSink)?
    private let logger: Logger
    private let inbox = Mutex(Inbox())
    private let published = Mutex(FelixStatus())
    private let wakeUp: WakeUp

    /// Creates the service; nothing happens before ``run()``.
    public init(
        settings: FelixSettings,
        access: KernelAccess = .running(),
        sink: (any EndpointStatusSink)? = nil,
        logger: Logger
    ) throws(NetlinkError) {
        self.settings = settings
        self.access = access
        self.sink = sink
        self.logger = logger
        self.wakeUp = try WakeUp()
    }

    /// How felix stands.
    public var status: FelixStatus { self.published.withLock { $0 } }

    /// Hands over steps of the resource stream; from any thread, also before ``run()``.
    public func receive(_ inputs: [SyncerUpdate]) {
        guard !inputs.isEmpty else { return }
        self.inbox.withLock { inbox in
            for input in inputs {
                switch input {
                case .upserted(let resource): inbox.changes[resource.key] = .some(resource)
                case .removed(let key): inbox.changes[key] = .some(nil)
                case .inSync: inbox.isInSync = true
                case .statusChanged: continue
                }
            }
        }
        self.wakeUp.signal()
    }

    /// Compares the whole kernel with what is wanted now, as the periodic reconciliation does; from any thread.
    public func reconcile() {
        self.inbox.withLock { $0.wantsReconciliation = true }
        self.wakeUp.signal()
    }

    /// Ends ``run()``; the kernel stays as it is.
    public func stop() {
        self.inbox.withLock { $0.isStopping = true }
        self.wakeUp.signal()
    }

    /// Works until ``stop()`` or until the task is cancelled.
    ///
    /// Throws when the kernel cannot be opened. Call it once.
    public func run() async throws {
        let isFirst = self.inbox.withLock { inbox in
            defer { inbox.isStarted = true }
            return !inbox.isStarted
        }
        guard isFirst else { throw NetlinkError(code: 114, request: "run felix a second time") }
        let result: Result<Void, NetlinkError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                do throws(NetlinkError) {
                    let thread = try OwnThread(name: "felix") {
                        do throws(NetlinkError) {
                            try self.work()
                            continuation.resume(returning: .success(()))
                        } catch {
                            continuation.resume(returning: .failure(error))
                        }
                    }
                    thread.detach()
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        } onCancel: {
            self.stop()
        }
        try result.get()
    }

    /// Works as ``run()`` does, on the resources that `updates` tells.
    public func run(following updates: some AsyncSequence<[SyncerUpdate], Never> & Sendable) async throws {
        let follower = Task {
            for await batch in updates { self.receive(batch) }
        }
        defer { follower.cancel() }
        try await self.run()
    }

    private func work() throws(NetlinkError) {
        let kernel = try self.access.open()
        let buffer = KernelEventBuffer { [wakeUp] in wakeUp.signal() }
        // Listening starts before the first dump, so that no change falls between the two.
        let stopMonitor = try self.access.monitor(buffer)
        defer { stopMonitor() }
        var calculation = EndpointCalculation(nodeName: self.settings.nodeName)
        let dataplane = Dataplane(settings: self.settings, kernel: kernel, logger: self.logger)
        let clock = ContinuousClock()
        let start = clock.now
        self.logger.info("felix runs", metadata: ["node": "\(self.settings.nodeName)"])
        while true {
            let taken = self.inbox.withLock { inbox in
                defer {
                    inbox.changes = [:]
                    inbox.wantsReconciliation = false
                }
                return inbox
            }
            let (changes, isInSync) = (taken.changes, taken.isInSync)
            if taken.isStopping { break }
            if taken.wantsReconciliation { dataplane.reconcile() }
            for (key, resource) in changes { calculation.receive(resource.map { .upserted($0) } ?? .removed(key)) }
            if isInSync && !calculation.isInSync { calculation.receive(.inSync) }
            dataplane.receive(calculation.flush())
            dataplane.handle(buffer.take())
            let deadline = dataplane.apply(now: start.duration(to: clock.now))
            self.publish(dataplane)
            let wait = deadline - start.duration(to: clock.now)
            let milliseconds = wait.components.seconds.multipliedReportingOverflow(by: 1000)
            let fraction = wait.components.attoseconds / 1_000_000_000_000_000 + 1
            self.wakeUp.wait(
                milliseconds: wait <= .zero
                    ? 0 : Int32(clamping: milliseconds.overflow ? .max : milliseconds.partialValue &+ fraction)
            )
        }
        self.logger.info("felix stops; forwarding stays in place")
    }

    private func publish(_ dataplane: Dataplane) {
        var status = FelixStatus()
        status.isInSync = dataplane.isInSync
        status.endpoints = dataplane.isInSync ? dataplane.endpointStatuses() : [:]
        status.blockedRoutes = dataplane.blockedRoutes()
        status.routeCount = dataplane.routes.observed.count
        let new = status
        let old = self.published.withLock { published in
            defer { published = new }
            return published
        }
        guard new.endpoints != old.endpoints else { return }
        for key in Set(new.endpoints.keys).union(old.endpoints.keys).sorted()
        where new.endpoints[key] != old.endpoints[key] {
            let now = new.endpoints[key]
            self.logger.info(
                "endpoint status",
                metadata: ["endpoint": "\(key)", "status": "\(now.map(\.text) ?? "gone")"]
            )
            self.sink?.endpointStatusChanged(key, now)
        }
    }
}
