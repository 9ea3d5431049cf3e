internal import BGPWire
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import Netlink
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

extension SpeakerCore {
    /// Applies other settings as one step; what does not differ does not notice.
    ///
    /// What may fail, opening sockets and setting their keys, comes first and is put back when a part of it fails. What
    /// follows cannot fail, and nothing else runs on the core's loop meanwhile.
    func reload(_ new: SpeakerSettings, isSoft: Bool) throws(ReloadFailure) -> ReloadPlan {
        guard !self.isStopping else { return ReloadPlan(from: self.settings, to: self.settings) }
        let plan = self.plan(new, isSoft: isSoft)
        try self.prepare(new)
        let old = Dictionary(self.settings.protocols.map { ($0.common.name, $0) }) { first, _ in first }
        let wanted = Dictionary(new.protocols.map { ($0.common.name, $0) }) { first, _ in first }
        self.settings = new
        if let routerID = self.chosenRouterID(new) {
            self.routerID = routerID
        } else if !new.routerIDPatterns.isEmpty {
            self.logger.warning(
                "No address is one of 'router id from'; the router id stays",
                metadata: ["routerID": "\(self.routerID)"]
            )
        }
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
            case .update(let changes): self.update(settings, changes.subtracting(change.waiting))
            case .keep, .remove: break
            }
            self.note(change, isSoft: isSoft)
        }
        self.scheduleRun()
        return plan
    }

    /// What a reload would do.
    func plan(_ new: SpeakerSettings, isSoft: Bool) -> ReloadPlan {
        ReloadPlan(
            from: self.settings,
            to: new,
            isSoft: isSoft,
            waiting: self.waitingFilters,
            routerIDs: (self.routerID, self.chosenRouterID(new) ?? self.routerID)
        )
    }

    /// The router id that settings give or that `router id from` finds now; nil when they leave it to the start.
    func chosenRouterID(_ settings: SpeakerSettings) -> RouterID? {
        if let routerID = settings.routerID { return routerID }
        return settings.routerIDPatterns.isEmpty ? nil : self.interfaces.candidateRouterID(settings.routerIDPatterns)
    }

    /// What stands in at the start for settings that say nothing.
    func anyRouterID(_ settings: SpeakerSettings) -> RouterID? {
        settings.routerIDPatterns.isEmpty ? self.interfaces.candidateRouterID : nil
    }

    /// Does what may fail.
    private func prepare(_ new: SpeakerSettings) throws(ReloadFailure) {
        let monitor: KernelMonitor?
        let topics = Self.monitorTopics(for: new)
        do {
            monitor = try self.makeMonitor(topics)
        } catch {
            throw ReloadFailure(reason: "cannot listen for kernel events: \(error)")
        }
        do {
            let sessions = new.protocols.compactMap { if case .bgp(let settings) = $0 { settings } else { nil } }
            for (_, error) in try self.listeners?.replace(with: self.expectedNeighbors(sessions)) ?? [] {
                self.logger.error("Still cannot listen", metadata: ["error": "\(error)"])
            }
        } catch {
            monitor?.stop()
            throw ReloadFailure(reason: "\(error)")
        }
        if let monitor { self.use(monitor, topics) }
    }

    private func note(_ change: ProtocolChange, isSoft: Bool) {
        switch change.action {
        case .keep: return
        case .update where isSoft: if !change.waiting.isEmpty { self.waitingFilters.insert(change.name) }
        case .add, .remove, .restart, .update: self.waitingFilters.remove(change.name)
        }
        self.logger.info(
            "Configuration changed",
            metadata: ["protocol": "\(change.name)", "change": "\(change.action)"]
        )
    }

    private func update(_ settings: ProtocolSettings, _ changes: Set<InPlaceChange>) {
        let name = settings.common.name
        switch settings {
        case .bgp(let settings): self.updatePeer(settings, changes)
        case .static(let settings):
            guard let instance = self.statics[name], let table = self.routing.table(named: settings.channel.table)
            else {
                return
            }
            if changes.concernsImport(of: settings.channel.family) {
                var source = Self.localSource(.static, name, table, settings.channel)
                source.resolution = self.staticResolution(settings, table)
                self.routing.changeSource(instance.source, to: source)
            }
            self.statics[name]?.settings = settings
            self.updateStatic(name)
        case .direct(let settings):
            guard let instance = self.directs[name] else { return }
            for channel in settings.channels where changes.concernsImport(of: channel.family) {
                guard let source = instance.sources[channel.family]?.id,
                    let table = self.routing.table(named: channel.table)
                else { continue }
                self.routing.changeSource(source, to: Self.localSource(.device, name, table, channel))
            }
            self.directs[name]?.settings = settings
            self.updateDirect(name)
        case .kernel(let settings): self.updateKernel(settings, changes)
        case .device(let settings): self.scheduleDeviceScan(settings)
        case .pipe(let settings): self.updatePipe(settings, changes)
        }
    }

    private func updatePeer(_ settings: BGPSettings, _ changes: Set<InPlaceChange>) {
        guard let id = self.peersByName[settings.common.name], let entry = self.peers[id] else { return }
        self.peers[id]?.settings = settings
        self.noteExportLimit(id)
        let session = entry.session
        let configuration = self.sessionConfiguration(settings)
        let transport = self.transport(settings)
        session.loop.execute {
            session.assumeIsolated { $0.update(settings, configuration: configuration, transport: transport) }
        }
        self.updateKept(id, settings, changes)
        guard let up = entry.up else { return }
        for channel in settings.channels {
            let family = channel.channel.family
            guard let running = up.channels[family] else { continue }
            if changes.concernsImport(of: family),
                let source = self.sourceSettings(settings, channel, up.established)
            {
                self.routing.changeSource(running.source, to: source)
                self.peers[id]?.up?.channels[family]?.settings = source
                self.giveJudge(id, family)
                self.limitsDue.insert(id)
                self.peers[id]?.up?.channels[family]?.isOverLimit = false
                self.peers[id]?.up?.channels[family]?.isOverExportLimit = false
            }
            if !changes.isDisjoint(with: [.exportPolicy(family), .addPathsBest(family)]),
                let table = self.routing.table(named: channel.channel.table),
                let export = self.exportSettings(settings, channel, up.established, table)
            {
                self.routing.changeExport(running.source, to: export)
                self.peers[id]?.up?.channels[family]?.export = export
            }
        }
    }

    private func updateKernel(_ settings: KernelSettings, _ changes: Set<InPlaceChange>) {
        let name = settings.common.name
        guard let instance = self.kernels[name], let table = self.routing.table(named: settings.channel.table) else {
            return
        }
        let old = instance.settings
        self.kernels[name]?.settings = settings
        if changes.concernsImport(of: settings.channel.family) {
            self.routing.changeSource(instance.source, to: Self.localSource(.kernel, name, table, settings.channel))
        }
        if changes.contains(.exportPolicy(settings.channel.family)) || old.mergePaths != settings.mergePaths {
            self.routing.changeConsumer(
                instance.consumer,
                to: self.consumerSettings(settings, table, instance.source)
            )
        }
        if (old.learns, old.learnsKernelRoutes) != (settings.learns, settings.learnsKernelRoutes) {
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

extension Set<InPlaceChange> {
    /// Whether routes of a family have to be judged again on their way in.
    func concernsImport(of family: AddressFamily) -> Bool {
        self.contains(.importPolicy(family)) || self.contains(.preference(family)) || self.contains(.limits(family))
    }
}

/// Why settings could not be applied; those from before run on as they were.
public struct ReloadFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The cause in words.
    public var reason: String

    /// The cause in words.
    public var description: String { self.reason }
}
