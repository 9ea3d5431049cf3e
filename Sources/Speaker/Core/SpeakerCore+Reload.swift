internal import BGPWire
internal import Logging
internal import NIOCore
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

extension SpeakerCore {
    /// Applies other settings; what does not differ does not notice.
    func reload(_ new: SpeakerSettings) async -> ReloadPlan {
        guard !self.isStopping else { return ReloadPlan(from: self.settings, to: self.settings) }
        let plan = ReloadPlan(from: self.settings, to: new)
        let old = Dictionary(self.settings.protocols.map { ($0.common.name, $0) }) { first, _ in first }
        let wanted = Dictionary(new.protocols.map { ($0.common.name, $0) }) { first, _ in first }
        let isRouterIDNew = new.routerID != nil && new.routerID != self.routerID
        self.settings = new
        if isRouterIDNew, let routerID = new.routerID { self.routerID = routerID }
        // Everything that goes is gone before anything that comes starts: an address may move between two peers.
        for change in plan.protocols {
            switch change.action {
            case .remove: if let settings = old[change.name] { self.remove(settings, .cease(.peerDeconfigured)) }
            case .restart:
                if let settings = old[change.name] { self.remove(settings, .cease(.otherConfigurationChange)) }
            case .add, .keep, .update: break
            }
        }
        for table in plan.removedTables {
            guard let id = self.routing.table(named: table.name) else { continue }
            self.routing.removeTable(id)
        }
        for table in plan.addedTables { _ = self.routing.addTable(table.name, family: table.family) }
        for change in plan.protocols {
            guard let settings = wanted[change.name] else { continue }
            switch change.action {
            case .add, .restart: self.add(settings)
            case .update(let changes): self.update(settings, changes)
            case .keep, .remove: break
            }
            if change.action != .keep {
                self.logger.info(
                    "Configuration changed",
                    metadata: ["protocol": "\(change.name)", "change": "\(change.action)"]
                )
            }
        }
        do {
            try self.startMonitor()
        } catch {
            self.logger.error("Cannot listen for kernel events", metadata: ["error": "\(error)"])
        }
        self.updateListeners()
        self.scheduleRun()
        return plan
    }

    private func update(_ settings: ProtocolSettings, _ changes: Set<InPlaceChange>) {
        let name = settings.common.name
        switch settings {
        case .bgp(let settings): self.updatePeer(settings)
        case .static(let settings):
            guard let instance = self.statics[name], let table = self.routing.table(named: settings.channel.table)
            else {
                return
            }
            if settings.channel != instance.settings.channel {
                var source = SourceSettings(
                    origin: .init(source: .static, protocolName: name),
                    table: table,
                    importPolicy: settings.channel.importPolicy,
                    preference: settings.channel.preference
                )
                source.resolution = self.staticResolution(settings, table)
                self.routing.changeSource(instance.source, to: source)
            }
            self.statics[name]?.settings = settings
            self.updateStatic(name)
        case .direct(let settings):
            guard let instance = self.directs[name] else { return }
            for channel in settings.channels where !instance.settings.channels.contains(channel) {
                guard let source = instance.sources[channel.family]?.id,
                    let table = self.routing.table(named: channel.table)
                else { continue }
                self.routing.changeSource(
                    source,
                    to: SourceSettings(
                        origin: .init(source: .device, protocolName: name),
                        table: table,
                        importPolicy: channel.importPolicy,
                        preference: channel.preference
                    )
                )
            }
            self.directs[name]?.settings = settings
            self.updateDirect(name)
        case .kernel(let settings): self.updateKernel(settings)
        case .device(let settings): self.scheduleDeviceScan(settings)
        }
    }

    private func updatePeer(_ settings: BGPSettings) {
        guard let id = self.peersByName[settings.common.name], let entry = self.peers[id] else { return }
        self.peers[id]?.settings = settings
        let session = entry.session
        let configuration = self.sessionConfiguration(settings)
        let transport = self.transport(settings)
        session.loop.execute {
            session.assumeIsolated { $0.update(settings, configuration: configuration, transport: transport) }
        }
        guard let up = entry.up else { return }
        for channel in settings.channels {
            let family = channel.channel.family
            guard let running = up.channels[family],
                let before = entry.settings.channels.first(where: { $0.channel.family == family })
            else { continue }
            if before.channel.importPolicy != channel.channel.importPolicy
                || before.channel.preference != channel.channel.preference
                || before.channel.importLimit != channel.channel.importLimit
                || before.channel.receiveLimit != channel.channel.receiveLimit,
                let source = self.sourceSettings(settings, channel, up.established)
            {
                self.routing.changeSource(running.source, to: source)
                self.peers[id]?.up?.channels[family]?.isOverLimit = false
            }
            if before.channel.exportPolicy != channel.channel.exportPolicy
                || before.addPathsCount != channel.addPathsCount,
                let table = self.routing.table(named: channel.channel.table),
                let export = self.exportSettings(settings, channel, up.established, table)
            {
                self.routing.changeExport(running.source, to: export)
                self.peers[id]?.up?.channels[family]?.export = export
            }
        }
    }

    private func updateKernel(_ settings: KernelSettings) {
        let name = settings.common.name
        guard let instance = self.kernels[name], let table = self.routing.table(named: settings.channel.table) else {
            return
        }
        let old = instance.settings
        self.kernels[name]?.settings = settings
        if old.channel.importPolicy != settings.channel.importPolicy
            || old.channel.preference != settings.channel.preference
        {
            self.routing.changeSource(
                instance.source,
                to: SourceSettings(
                    origin: .init(source: .kernel, protocolName: name),
                    table: table,
                    importPolicy: settings.channel.importPolicy,
                    preference: settings.channel.preference
                )
            )
        }
        if old.channel.exportPolicy != settings.channel.exportPolicy || old.mergePaths != settings.mergePaths {
            self.routing.changeConsumer(
                instance.consumer,
                to: self.consumerSettings(settings, table, instance.source)
            )
        }
        if old.learns != settings.learns {
            if !settings.learns {
                for prefix in self.kernels[name]?.learned.replace([]) ?? [] {
                    self.routing.withdraw(instance.source, prefix)
                }
            }
            self.requestScan(name)
        }
        if old.scanTime != settings.scanTime { self.scheduleKernelScan(name) }
    }
}
