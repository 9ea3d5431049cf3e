internal import BGPWire
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import Netlink
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

/// A `protocol kernel` that runs.
final class KernelInstance {
    var settings: KernelSettings
    var source: SourceID
    var consumer: ConsumerID
    var learned = LearnedRoutes()
    /// Compares and writes, on the kernel's thread.
    let writer: KernelWriter
    /// What the writer is told next time.
    var orders = KernelWriter.Orders()
    /// What it said last.
    var report = KernelWriter.Report()
    /// The writer is at work.
    var isBusy = false
    /// Own routes that are not wanted are left alone for now.
    var keepsStale = true
    /// How often the removal of those was put off.
    var sweepDelays = 0
    var isScanScheduled = false
    var scanTask: RepeatedTask?
    /// Distinguishes an instance from a later one of the same name.
    let number: UInt32

    init(settings: KernelSettings, source: SourceID, consumer: ConsumerID, number: UInt32) {
        self.settings = settings
        self.source = source
        self.consumer = consumer
        self.number = number
        self.writer = KernelWriter(
            name: settings.common.name,
            number: number,
            filter: RouteFilter(
                family: settings.channel.family == .ipv4Unicast ? .v4 : .v6,
                table: settings.kernelTable
            )
        )
        // Own routes of a former run are known before anything is written.
        self.orders.scans = true
    }

    var isIPv4: Bool { self.settings.channel.family == .ipv4Unicast }
}

extension RouteProtocol {
    /// Routes of the speaker.
    ///
    /// Beside felix's 80; not 12, so that a BIRD on the same host keeps its own.
    static let speaker = RouteProtocol(rawValue: 81)
}

extension SpeakerCore {
    func addKernel(_ settings: KernelSettings) {
        guard !settings.common.isDisabled, let table = self.routing.table(named: settings.channel.table),
            let source = self.routing.addSource(
                Self.localSource(.kernel, settings.common.name, table, settings.channel)
            )
        else { return }
        let consumer = self.routing.addConsumer(self.consumerSettings(settings, table, source))
        self.nextPeer &+= 1
        let name = settings.common.name
        let instance = KernelInstance(settings: settings, source: source, consumer: consumer, number: self.nextPeer)
        self.kernels[name] = instance
        self.kernelWriters.add(instance.writer)
        self.scheduleKernelScan(name)
        let time = TimeAmount(self.options.staleRouteTime)
        let number = instance.number
        self.loop.scheduleTask(in: time) { [weak self] in
            self?.assumeIsolated { core in
                core.sweep(name, number)
            }
        }
        if self.isStarted { self.requestScan(name) }
    }

    /// Dumps the table from time to time, in case an event was lost.
    func scheduleKernelScan(_ name: String) {
        guard let settings = self.kernels[name]?.settings else { return }
        self.kernels[name]?.scanTask?.cancel()
        self.kernels[name]?.scanTask = self.loop.scheduleRepeatedTask(
            initialDelay: Self.seconds(settings.scanTime),
            delay: Self.seconds(settings.scanTime)
        ) { [weak self] _ in
            self?.assumeIsolated { $0.requestScan(name) }
        }
    }

    func consumerSettings(
        _ settings: KernelSettings,
        _ table: TableID,
        _ source: SourceID
    ) -> ConsumerSettings<FilterProgram> {
        var consumer = ConsumerSettings(table: table, policy: settings.channel.exportPolicy)
        consumer.mergePaths = Int(settings.mergePaths ?? 1)
        consumer.excludedSource = source
        return consumer
    }

    func removeKernel(_ name: String) {
        guard let instance = self.kernels.removeValue(forKey: name) else { return }
        instance.scanTask?.cancel()
        self.kernelWriters.remove(instance.writer)
        self.routing.removeConsumer(instance.consumer)
        self.routing.removeSource(instance.source)
        // The routes were this instance's: they go with it. The thread works in order, so nothing overtakes this.
        let writer = instance.writer
        self.kernelThread?.submit { kernel in writer.releaseEverything(kernel) }
    }

    // MARK: - Kernel to table

    /// The dump before anything else happens: own routes of a former run are known before the first decision.
    func firstScan(_ name: String) async {
        guard let instance = self.kernels[name], let thread = self.kernelThread, !instance.isBusy else { return }
        let orders = self.takeOrders(instance)
        let writer = instance.writer
        let report = try? await thread.perform { kernel in writer.turn(orders, kernel) }
        self.take(report ?? instance.report, name, instance.number)
    }

    /// Asks for a dump soon; several requests make one.
    func requestScan(_ name: String, after delay: TimeAmount = .milliseconds(20)) {
        guard let instance = self.kernels[name], !instance.isScanScheduled else { return }
        instance.isScanScheduled = true
        let number = instance.number
        self.loop.scheduleTask(in: delay) { [weak self] in
            self?.assumeIsolated { core in
                guard let instance = core.kernels[name], instance.number == number, !core.isStopping else { return }
                instance.isScanScheduled = false
                instance.orders.scans = true
                core.trace(instance.settings.common, .events, "Scanning routes")
                core.scheduleRun()
            }
        }
    }

    private func importRoute(_ name: String, _ prefix: IPPrefix) {
        guard let instance = self.kernels[name] else { return }
        guard let route = instance.learned.best(prefix) else {
            self.routing.withdraw(instance.source, prefix)
            self.traceRoute(instance.settings.common, prefix, nil)
            return
        }
        self.traceRoute(instance.settings.common, prefix, route.learnedTarget)
        var attributes = PathAttributes()
        attributes.kernelPreferredSource = route.preferredSource
        self.routing.announce(
            instance.source,
            prefix,
            attributes: attributes,
            target: route.learnedTarget,
            local: LocalAttributes(
                preference: instance.settings.channel.preference,
                kernelMetric: route.metric,
                kernelSource: route.protocolNumber.rawValue
            )
        )
    }

    /// Follows routes of others that a protocol learns.
    func takeRouteEvents(_ events: [KernelEvent], interfacesChanged: Bool) {
        for (name, instance) in self.kernels {
            // With a link the kernel drops IPv4 routes without a word: look again, and retry what it refused before.
            if interfacesChanged {
                instance.orders.retries = true
                self.requestScan(name)
            }
            guard instance.settings.learns else { continue }
            for event in events {
                let (route, isRemoved): (KernelRoute, Bool)
                switch event {
                case .routeChanged(let changed): (route, isRemoved) = (changed, false)
                case .routeRemoved(let removed): (route, isRemoved) = (removed, true)
                default: continue
                }
                guard instance.writer.filter.matches(route), route.protocolNumber != .speaker else { continue }
                let isForeign = LearnedRoutes.isForeign(
                    route,
                    own: .speaker,
                    withKernel: instance.settings.learnsKernelRoutes
                )
                let prefix =
                    isRemoved || !isForeign ? instance.learned.remove(route.key) : instance.learned.insert(route)
                self.importRoute(name, prefix)
            }
        }
    }

    /// Acts on what the monitor's events mean for own routes.
    func take(_ verdicts: [KernelWriter.Verdict]) {
        for verdict in verdicts {
            guard let instance = self.kernels[verdict.name], instance.number == verdict.number else { continue }
            if verdict.needsScan { self.requestScan(verdict.name) }
            if verdict.hasWork { instance.report.hasWork = true }
        }
    }

    // MARK: - Table to kernel

    /// Changes taken at a go: peers are served between two.
    private static var drainSlice: Int { 256 }
    /// Changes that wait for the writer; with more the cursor stands still.
    private static var drainLimit: Int { 8192 }

    /// Takes changes for the kernel and has them written.
    ///
    /// Returns whether more is due.
    func drainKernels() -> Bool {
        var isMoreDue = false
        for instance in self.kernels.values {
            if self.routing.isPending(instance.consumer), !self.isDeferred(instance.settings.channel.family),
                instance.orders.changes.count < Self.drainLimit
            {
                if self.drain(instance) { isMoreDue = true }
            }
            self.write(instance)
        }
        return isMoreDue
    }

    private func drain(_ instance: KernelInstance) -> Bool {
        let limit = self.pace.allowance(of: Self.drainSlice)
        guard limit > 0 else {
            self.resumeKernels()
            return false
        }
        let changes = self.routing.drain(instance.consumer, limit: limit)
        for change in changes {
            let route = change.route.flatMap { self.kernelRoute(change.prefix, $0, instance.settings) }
            instance.orders.changes.append(.init(prefix: change.prefix, route: route))
        }
        self.pace.spend(changes.count)
        return self.routing.isPending(instance.consumer)
    }

    /// Goes on when peers may have left some time.
    private func resumeKernels() {
        guard !self.pace.isResuming else { return }
        self.pace.isResuming = true
        self.loop.scheduleTask(in: ConsumerPace.window) { [weak self] in
            self?.assumeIsolated { core in
                core.pace.isResuming = false
                core.scheduleRun()
            }
        }
    }

    private func kernelRoute(_ prefix: IPPrefix, _ route: ExportedRoute, _ settings: KernelSettings) -> KernelRoute? {
        // Networks of interfaces are the kernel's own business.
        guard route.origin.source != .device else { return nil }
        let type: RouteType
        switch route.resolved.kind {
        case .gateways: type = .unicast
        case .blackhole: type = .blackhole
        case .unreachable: type = .unreachable
        case .prohibit: type = .prohibit
        case .unresolvable: return nil
        }
        let nextHops = route.resolved.gateways.map {
            KernelNextHop(gateway: $0.address, interface: $0.interface, weight: $0.weight, isOnLink: $0.onlink)
        }
        guard type != .unicast || !nextHops.isEmpty else { return nil }
        return KernelRoute(
            prefix: prefix,
            table: settings.kernelTable,
            protocolNumber: .speaker,
            metric: settings.metric ?? route.local.kernelMetric,
            type: type,
            nextHops: nextHops,
            preferredSource: type == .unicast ? route.attributes.kernelPreferredSource : nil
        )
    }

    private func takeOrders(_ instance: KernelInstance) -> KernelWriter.Orders {
        instance.isBusy = true
        var orders = KernelWriter.Orders()
        swap(&orders, &instance.orders)
        orders.learns = instance.settings.learns
        orders.learnsKernelRoutes = instance.settings.learnsKernelRoutes
        orders.isTraced = instance.settings.common.debug.contains(.routes)
        return orders
    }

    private func write(_ instance: KernelInstance) {
        guard !instance.isBusy, instance.report.hasWork || !instance.orders.isEmpty else { return }
        let orders = self.takeOrders(instance)
        let (name, number, writer) = (instance.settings.common.name, instance.number, instance.writer)
        self.kernelThread?.submit { [weak self] kernel in
            let report = writer.turn(orders, kernel)
            self?.loop.execute {
                self?.assumeIsolated { core in
                    core.take(report, name, number)
                    core.scheduleRun()
                }
            }
        }
    }

    private func take(_ report: KernelWriter.Report, _ name: String, _ number: UInt32) {
        guard let instance = self.kernels[name], instance.number == number else { return }
        instance.isBusy = false
        instance.report = report
        if report.wanted > 0 || report.found > 0 { self.noteKernelRoutes(instance.settings.channel.family) }
        for operation in report.operations {
            self.trace(instance.settings.common, .routes, "Writing", ["operation": "\(operation)"])
        }
        for error in report.refusals {
            self.logger.warning("Kernel refused a route", metadata: ["protocol": "\(name)", "error": "\(error)"])
        }
        if let error = report.writeError {
            self.logger.error("Cannot write kernel routes", metadata: ["protocol": "\(name)", "error": "\(error)"])
            self.requestScan(name)
        }
        if let error = report.scanError {
            self.logger.error("Cannot read kernel routes", metadata: ["protocol": "\(name)", "error": "\(error)"])
            self.requestScan(name, after: .seconds(1))
        }
        guard let foreign = report.foreign, instance.settings.learns else { return }
        for prefix in instance.learned.replace(foreign) { self.importRoute(name, prefix) }
    }

    /// Removes every own route; for the end.
    func releaseEverything(_ name: String) async {
        guard let thread = self.kernelThread, let writer = self.kernels[name]?.writer else { return }
        try? await thread.perform { kernel in writer.releaseEverything(kernel) }
    }

    // MARK: - Sweeping

    /// Own routes of a former run that nobody wants go once every peer of the family said End-of-RIB.
    func sweepIfComplete() {
        for (name, instance) in self.kernels where instance.keepsStale {
            let family = instance.settings.channel.family
            let isComplete = self.peers.values.allSatisfy { entry in
                guard !entry.isDisabled, entry.settings.channels.contains(where: { $0.channel.family == family }) else {
                    return true
                }
                return entry.up?.channels[family]?.hasEndOfRIB ?? false
            }
            guard isComplete else { continue }
            // What the last marker's routes make the kernel want is drained first.
            let number = instance.number
            self.loop.scheduleTask(in: .seconds(1)) { [weak self] in
                self?.assumeIsolated { $0.sweep(name, number) }
            }
        }
    }

    private func sweep(_ name: String, _ number: UInt32) {
        guard let instance = self.kernels[name], instance.number == number, instance.keepsStale else { return }
        // What is wanted has to be known first.
        if self.isDeferred(instance.settings.channel.family)
            || self.routing.isPending(instance.consumer) && instance.sweepDelays < 60
        {
            instance.sweepDelays += 1
            self.loop.scheduleTask(in: .seconds(1)) { [weak self] in self?.assumeIsolated { $0.sweep(name, number) } }
            return
        }
        instance.keepsStale = false
        instance.orders.sweeps = true
        self.scheduleRun()
    }
}
