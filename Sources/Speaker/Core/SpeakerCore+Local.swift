internal import BGPWire
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import Netlink
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

/// A `protocol static` that runs.
struct StaticInstance {
    var settings: StaticSettings
    var source: SourceID
    var announced: [IPPrefix: StaticRoutes.Active] = [:]
}

/// A `protocol direct` that runs.
struct DirectInstance {
    var settings: DirectSettings
    var sources: [AddressFamily: (id: SourceID, announced: [IPPrefix: UInt32])] = [:]
}

extension SpeakerCore {
    // MARK: - Interfaces

    /// Takes monitor events of links and addresses, and acts on them at once.
    func take(_ events: [KernelEvent]) {
        guard !self.isStopping else { return }
        let before = self.interfaces.links
        self.traceInterfaces(events)
        var changed = false
        var isOverrun = false
        for event in events {
            if case .overrun = event { isOverrun = true }
            if self.interfaces.apply(event) { changed = true }
        }
        if changed { self.interfacesChanged(before) }
        self.takeRouteEvents(events, interfacesChanged: changed)
        if isOverrun {
            self.logger.warning("Kernel events were lost; reading everything again")
            self.rescanInterfaces()
            for name in self.kernels.keys { self.requestScan(name) }
        }
        self.scheduleRun()
    }

    private func interfacesChanged(_ before: [UInt32: Link]) {
        self.tellInterfaces(to: before)
        self.updateConnected()
        for name in self.statics.keys { self.updateStatic(name) }
        for name in self.directs.keys { self.updateDirect(name) }
        self.updatePeerLinks()
    }

    /// Tells the routing core about links that differ from `before`.
    func tellInterfaces(to before: [UInt32: Link]) {
        self.routing.setOwnAddresses(self.interfaces.own)
        for (index, link) in self.interfaces.links
        where before[index]?.isOperUp != link.isOperUp || before[index]?.name != link.name {
            self.routing.setInterface(index, name: link.name, isUp: link.isOperUp)
        }
        for (index, link) in before where self.interfaces.links[index] == nil {
            self.routing.setInterface(index, name: link.name, isUp: false)
        }
    }

    /// Reads links and addresses again.
    func rescanInterfaces() {
        self.kernelThread?.submit { [weak self] kernel in
            guard let links = try? kernel.links(), let addresses = try? kernel.addresses() else { return }
            self?.loop.execute {
                self?.assumeIsolated { core in
                    let before = core.interfaces.links
                    if core.interfaces.replace(links: links, addresses: addresses) { core.interfacesChanged(before) }
                    core.scheduleRun()
                }
            }
        }
    }

    /// What the protocols of a configuration need to know of the kernel.
    static func monitorTopics(for settings: SpeakerSettings) -> KernelMonitor.Topics {
        let needsRoutes = settings.protocols.contains { if case .kernel = $0 { true } else { false } }
        return needsRoutes ? .standard : [.links, .addresses]
    }

    /// A monitor of `topics`; nil when the one that runs has them.
    func makeMonitor(_ topics: KernelMonitor.Topics) throws(NetlinkError) -> KernelMonitor? {
        guard topics != self.monitorTopics || self.monitor == nil else { return nil }
        let writers = self.kernelWriters
        return try KernelMonitor(topics: topics) { [weak self] events in
            // The echo of own writes, by far the most there is, stays off the core.
            let verdicts = writers.judge(events)
            let others = events.filter { !$0.isOwnRoute }
            guard !others.isEmpty || !verdicts.isEmpty else { return }
            self?.loop.execute {
                self?.assumeIsolated { core in
                    core.take(verdicts)
                    core.take(others)
                }
            }
        }
    }

    /// Replaces the monitor.
    func use(_ monitor: KernelMonitor, _ topics: KernelMonitor.Topics) {
        self.monitor?.stop()
        self.monitor = monitor
        self.monitorTopics = topics
    }

    // MARK: - Connected networks

    /// Creates the tables of connected networks: what `gateway direct` resolves through, whatever protocols there are.
    func addConnectedTables() {
        for family in [AddressFamily.ipv4Unicast, .ipv6Unicast] {
            // No table of a configuration can have this name.
            guard let table = self.routing.addTable("\(family) networks of interfaces", family: family) else {
                continue
            }
            self.connectedTables[family] = table
            let source = SourceSettings(
                origin: RouteOrigin(source: .device, protocolName: ""),
                table: table,
                importPolicy: FilterProgram.acceptAll,
                preference: 240
            )
            if let id = self.routing.addSource(source) { self.connected[family] = (id, [:]) }
        }
        self.updateConnected()
    }

    /// Follows the interfaces.
    private func updateConnected() {
        for (family, source) in self.connected {
            let wanted = self.interfaces.connectedNetworks(
                [],
                isIPv4: family == .ipv4Unicast,
                withLoopback: false
            )
            self.connected[family]?.announced = wanted
            self.announceNetworks(wanted, over: source, CommonSettings(name: ""))
        }
    }

    private func announceNetworks(
        _ wanted: [IPPrefix: UInt32],
        over source: (id: SourceID, announced: [IPPrefix: UInt32]),
        _ settings: CommonSettings
    ) {
        for prefix in source.announced.keys where wanted[prefix] == nil {
            self.routing.withdraw(source.id, prefix)
            self.traceRoute(settings, prefix, nil)
        }
        for (prefix, interface) in wanted where source.announced[prefix] != interface {
            let target = RouteTarget.gateways([Gateway(address: nil, interface: interface)])
            self.routing.announce(source.id, prefix, target: target)
            self.traceRoute(settings, prefix, target)
        }
    }

    // MARK: - Device

    /// Reads links and addresses again from time to time, in case an event was lost.
    func scheduleDeviceScan(_ settings: DeviceSettings) {
        self.deviceScan?.cancel()
        self.deviceScan = self.loop.scheduleRepeatedTask(
            initialDelay: Self.seconds(settings.scanTime),
            delay: Self.seconds(settings.scanTime)
        ) { [weak self] _ in
            self?.assumeIsolated {
                $0.trace(settings.common, .events, "Scanning interfaces")
                $0.rescanInterfaces()
            }
        }
    }

    /// The source of an instance's routes that come from this host.
    static func localSource(
        _ kind: RouteSource,
        _ name: String,
        _ table: TableID,
        _ channel: ChannelSettings
    ) -> SourceSettings<FilterProgram> {
        var source = SourceSettings(
            origin: RouteOrigin(source: kind, protocolName: name),
            table: table,
            importPolicy: channel.importPolicy,
            preference: channel.preference
        )
        source.receiveLimit = channel.receiveLimit?.count
        source.importLimit = channel.importLimit?.count
        return source
    }

    // MARK: - Static

    func addStatic(_ settings: StaticSettings) {
        guard !settings.common.isDisabled, let table = self.routing.table(named: settings.channel.table) else { return }
        var source = Self.localSource(.static, settings.common.name, table, settings.channel)
        source.resolution = self.staticResolution(settings, table)
        guard let id = self.routing.addSource(source) else { return }
        self.statics[settings.common.name] = StaticInstance(settings: settings, source: id)
        self.updateStatic(settings.common.name)
    }

    /// How `recursive` routes of a static protocol resolve.
    func staticResolution(_ settings: StaticSettings, _ table: TableID) -> Resolution {
        let igp = settings.igpTable.flatMap { self.routing.table(named: $0) } ?? table
        return Resolution(mode: .recursive, ipv4Table: table.isIPv4 ? igp : nil, ipv6Table: table.isIPv4 ? nil : igp)
    }

    /// Announces what became active and withdraws the rest.
    func updateStatic(_ name: String) {
        guard let instance = self.statics[name] else { return }
        let wanted = StaticRoutes.active(instance.settings, self.interfaces)
        for prefix in instance.announced.keys where wanted[prefix] == nil {
            self.routing.withdraw(instance.source, prefix)
            self.traceRoute(instance.settings.common, prefix, nil)
        }
        for (prefix, route) in wanted where instance.announced[prefix] != route {
            var draft = RouteDraft(
                prefix: prefix,
                origin: RouteOrigin(source: .static, protocolName: name),
                attributes: PathAttributes(),
                target: route.target,
                local: LocalAttributes(preference: instance.settings.channel.preference)
            )
            guard route.settings.attributes.evaluate(&draft) == .accept else {
                self.routing.withdraw(instance.source, prefix)
                continue
            }
            self.routing.announce(
                instance.source,
                prefix,
                attributes: draft.attributes,
                target: draft.target,
                local: draft.local
            )
            self.traceRoute(instance.settings.common, prefix, draft.target)
        }
        self.statics[name]?.announced = wanted
    }

    // MARK: - Direct

    func addDirect(_ settings: DirectSettings) {
        guard !settings.common.isDisabled else { return }
        var instance = DirectInstance(settings: settings)
        for channel in settings.channels {
            guard let table = self.routing.table(named: channel.table) else { continue }
            let source = Self.localSource(.device, settings.common.name, table, channel)
            if let id = self.routing.addSource(source) { instance.sources[channel.family] = (id, [:]) }
        }
        self.directs[settings.common.name] = instance
        self.updateDirect(settings.common.name)
    }

    /// Announces the networks that interfaces have now and withdraws the rest.
    func updateDirect(_ name: String) {
        guard let instance = self.directs[name] else { return }
        for (family, source) in instance.sources {
            let wanted = self.interfaces.connectedNetworks(
                instance.settings.interfaces,
                isIPv4: family == .ipv4Unicast
            )
            self.announceNetworks(wanted, over: source, instance.settings.common)
            self.directs[name]?.sources[family]?.announced = wanted
        }
    }
}
