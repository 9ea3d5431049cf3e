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
///
/// A reference: a second copy of the struct that it would be made each write copy the routes of the whole table.
final class KernelInstance {
    var settings: KernelSettings
    var source: SourceID
    var consumer: ConsumerID
    var learned = LearnedRoutes()
    var installed = InstalledRoutes()
    /// A write or a dump is with the kernel thread; the other has to wait, or a dump could overtake a write.
    var isBusy = false
    /// True at first: own routes of a former run are known before anything is written.
    var needsScan = true
    var isScanScheduled = false
    var scanTask: RepeatedTask?
    /// Distinguishes an instance from a later one of the same name.
    let number: UInt32

    init(settings: KernelSettings, source: SourceID, consumer: ConsumerID, number: UInt32) {
        self.settings = settings
        self.source = source
        self.consumer = consumer
        self.number = number
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
                SourceSettings(
                    origin: RouteOrigin(source: .kernel, protocolName: settings.common.name),
                    table: table,
                    importPolicy: settings.channel.importPolicy,
                    preference: settings.channel.preference
                )
            )
        else { return }
        let consumer = self.routing.addConsumer(self.consumerSettings(settings, table, source))
        self.nextPeer &+= 1
        let name = settings.common.name
        let instance = KernelInstance(settings: settings, source: source, consumer: consumer, number: self.nextPeer)
        self.kernels[name] = instance
        self.scheduleKernelScan(name)
        let time = TimeAmount(self.options.staleRouteTime)
        let number = instance.number
        self.loop.scheduleTask(in: time) { [weak self] in
            self?.assumeIsolated { core in
                guard core.kernels[name]?.number == number else { return }
                core.kernels[name]?.installed.sweep()
                core.scheduleRun()
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
        self.routing.removeConsumer(instance.consumer)
        self.routing.removeSource(instance.source)
        // The routes were this instance's: they go with it. The thread works in order, so nothing overtakes this.
        instance.installed.releaseAll()
        let operations = instance.installed.operations(limit: .max)
        guard !operations.isEmpty else { return }
        self.kernelThread?.submit { kernel in _ = try? kernel.apply(operations) }
    }

    // MARK: - Kernel to table

    /// The dump before anything else happens: own routes of a former run are known before the first decision.
    func firstScan(_ name: String) async {
        guard let instance = self.kernels[name], let thread = self.kernelThread else { return }
        let filter = Self.filter(instance)
        self.kernels[name]?.isBusy = true
        defer { self.kernels[name]?.isBusy = false }
        do throws(NetlinkError) {
            let routes = try await thread.perform { kernel throws(NetlinkError) in try kernel.routes(filter) }
            self.kernels[name]?.needsScan = false
            self.scanned(name, instance.number, routes)
        } catch {
            self.logger.error("Cannot read kernel routes", metadata: ["protocol": "\(name)", "error": "\(error)"])
        }
    }

    private static func filter(_ instance: KernelInstance) -> RouteFilter {
        RouteFilter(family: instance.isIPv4 ? .v4 : .v6, table: instance.settings.kernelTable)
    }

    /// Asks for a dump soon; several requests make one.
    func requestScan(_ name: String) {
        guard self.kernels[name]?.isScanScheduled == false else { return }
        self.kernels[name]?.isScanScheduled = true
        self.loop.scheduleTask(in: .milliseconds(20)) { [weak self] in
            self?.assumeIsolated {
                $0.kernels[name]?.isScanScheduled = false
                $0.scan(name)
            }
        }
    }

    private func scan(_ name: String) {
        guard let instance = self.kernels[name], !self.isStopping else { return }
        guard !instance.isBusy else {
            self.kernels[name]?.needsScan = true
            return
        }
        self.trace(instance.settings.common, .events, "Scanning routes")
        self.kernels[name]?.isBusy = true
        self.kernels[name]?.needsScan = false
        let filter = Self.filter(instance)
        let number = instance.number
        self.kernelThread?.submit { [weak self] kernel in
            let result: Result<[KernelRoute], NetlinkError>
            do throws(NetlinkError) {
                result = .success(try kernel.routes(filter))
            } catch {
                result = .failure(error)
            }
            self?.loop.execute {
                self?.assumeIsolated { core in
                    guard core.kernels[name]?.number == number else { return }
                    core.kernels[name]?.isBusy = false
                    switch result {
                    case .success(let routes): core.scanned(name, number, routes)
                    case .failure(let error):
                        core.logger.error(
                            "Cannot read kernel routes",
                            metadata: ["protocol": "\(name)", "error": "\(error)"]
                        )
                    }
                    core.scheduleRun()
                }
            }
        }
    }

    private func scanned(_ name: String, _ number: UInt32, _ routes: [KernelRoute]) {
        guard self.kernels[name]?.number == number else { return }
        self.kernels[name]?.installed.observe(routes.filter { $0.protocolNumber == .speaker })
        guard self.kernels[name]?.settings.learns == true else { return }
        let foreign = routes.filter { LearnedRoutes.isForeign($0, own: .speaker) }
        let changed = self.kernels[name]?.learned.replace(foreign) ?? []
        for prefix in changed { self.importRoute(name, prefix) }
    }

    private func importRoute(_ name: String, _ prefix: IPPrefix) {
        guard let instance = self.kernels[name] else { return }
        guard let route = instance.learned.best(prefix) else {
            self.routing.withdraw(instance.source, prefix)
            self.traceRoute(instance.settings.common, prefix, nil)
            return
        }
        self.traceRoute(instance.settings.common, prefix, route.learnedTarget)
        self.routing.announce(
            instance.source,
            prefix,
            target: route.learnedTarget,
            local: LocalAttributes(
                preference: instance.settings.channel.preference,
                kernelMetric: route.metric,
                kernelSource: route.protocolNumber.rawValue
            )
        )
    }

    func takeRouteEvents(_ events: [KernelEvent], interfacesChanged: Bool) {
        for name in Array(self.kernels.keys) {
            guard let instance = self.kernels[name] else { continue }
            // With a link the kernel drops IPv4 routes without a word: look again, and retry what it refused before.
            if interfacesChanged {
                self.kernels[name]?.installed.retryFailed()
                self.requestScan(name)
            }
            for event in events {
                let (route, isRemoved): (KernelRoute, Bool)
                switch event {
                case .routeChanged(let changed): (route, isRemoved) = (changed, false)
                case .routeRemoved(let removed): (route, isRemoved) = (removed, true)
                default: continue
                }
                guard route.table == instance.settings.kernelTable, route.prefix.isIPv4 == instance.isIPv4 else {
                    continue
                }
                self.take(route, isRemoved: isRemoved, name)
            }
        }
    }

    private func take(_ route: KernelRoute, isRemoved: Bool, _ name: String) {
        guard let instance = self.kernels[name] else { return }
        if route.protocolNumber == .speaker {
            if instance.installed.isContradicted(by: route, isRemoved: isRemoved) { self.requestScan(name) }
            return
        }
        if isRemoved {
            self.kernels[name]?.installed.foreignLeft(route.key)
        } else if instance.installed.isUsurped(route.key) {
            self.requestScan(name)
        }
        guard instance.settings.learns else { return }
        let isForeign = LearnedRoutes.isForeign(route, own: .speaker)
        let prefix =
            isRemoved || !isForeign
            ? self.kernels[name]?.learned.remove(route.key) : self.kernels[name]?.learned.insert(route)
        if let prefix { self.importRoute(name, prefix) }
    }

    // MARK: - Table to kernel

    /// Takes changes for the kernel and writes them.
    ///
    /// Returns whether more is due.
    func drainKernels() -> Bool {
        var isMoreDue = false
        for name in Array(self.kernels.keys) {
            guard let instance = self.kernels[name] else { continue }
            if self.routing.isPending(instance.consumer) {
                let settings = instance.settings
                for change in self.routing.drain(instance.consumer, limit: 4096) {
                    let route = change.route.flatMap { self.kernelRoute(change.prefix, $0, settings) }
                    instance.installed.want(route, for: change.prefix)
                }
                if self.routing.isPending(instance.consumer) { isMoreDue = true }
            }
            self.write(name)
        }
        return isMoreDue
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
            metric: route.local.kernelMetric ?? settings.metric,
            type: type,
            nextHops: nextHops
        )
    }

    /// Prefixes per turn of the kernel thread: it idles while the core takes the answer of one turn and prepares the next.
    private static var kernelBatch: Int { 8192 }

    private func write(_ name: String) {
        guard let instance = self.kernels[name], !instance.isBusy else { return }
        if instance.needsScan { return self.scan(name) }
        guard instance.installed.hasWork else { return }
        let operations = instance.installed.operations(limit: Self.kernelBatch)
        guard !operations.isEmpty else {
            if instance.installed.hasWork { self.scheduleRun() }
            return
        }
        self.kernels[name]?.isBusy = true
        if instance.settings.common.debug.contains(.routes) {
            for operation in operations {
                self.trace(instance.settings.common, .routes, "Writing", ["operation": "\(operation)"])
            }
        }
        let number = instance.number
        self.kernelThread?.submit { [weak self] kernel in
            let result: Result<[OperationFailure], NetlinkError>
            do throws(NetlinkError) {
                result = .success(try kernel.apply(operations))
            } catch {
                result = .failure(error)
            }
            self?.loop.execute {
                self?.assumeIsolated { $0.wrote(name, number, operations, result) }
            }
        }
    }

    private func wrote(
        _ name: String,
        _ number: UInt32,
        _ operations: [RouteOperation],
        _ result: Result<[OperationFailure], NetlinkError>
    ) {
        guard self.kernels[name]?.number == number else { return }
        self.kernels[name]?.isBusy = false
        switch result {
        case .success(let failures):
            self.kernels[name]?.installed.complete(operations, failures: failures)
            for failure in failures.prefix(8) {
                self.logger.warning(
                    "Kernel refused a route",
                    metadata: ["protocol": "\(name)", "error": "\(failure.error)"]
                )
            }
        case .failure(let error):
            self.logger.error("Cannot write kernel routes", metadata: ["protocol": "\(name)", "error": "\(error)"])
            self.requestScan(name)
        }
        self.scheduleRun()
    }

    /// Writes until nothing is left to write; for the end.
    func writeEverything(_ name: String) async {
        guard let thread = self.kernelThread else { return }
        while self.kernels[name]?.installed.hasWork == true {
            guard let operations = self.kernels[name]?.installed.operations(limit: Self.kernelBatch),
                !operations.isEmpty
            else {
                continue
            }
            _ = try? await thread.perform { kernel throws(NetlinkError) in try kernel.apply(operations) }
        }
    }

    // MARK: - Sweeping

    /// Own routes of a former run that nobody wants go once every peer of the family said End-of-RIB.
    func sweepIfComplete() {
        for (name, instance) in self.kernels where instance.installed.keepsStale {
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
                self?.assumeIsolated { core in
                    guard core.kernels[name]?.number == number else { return }
                    core.kernels[name]?.installed.sweep()
                    core.scheduleRun()
                }
            }
        }
    }
}
