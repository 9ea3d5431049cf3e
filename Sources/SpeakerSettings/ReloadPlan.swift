public import BGPWire
public import IPAddressing

/// What has to be done to get from the running settings to new ones, as little as possible.
public struct ReloadPlan: Hashable, Sendable {
    /// Tables to create.
    public var addedTables: [TableSettings]
    /// Tables to drop, after the protocols connected to them.
    public var removedTables: [TableSettings]
    /// What happens to each protocol instance: those that go in their old order, then the others in their new one.
    public var protocols: [ProtocolChange]
    /// Whether `log` statements differ.
    public var logsChanged: Bool
    /// Whether the default router id differs.
    public var routerIDChanged: Bool

    /// Compares settings.
    ///
    /// - Parameters:
    ///   - old: What runs.
    ///   - new: What is to run.
    ///   - isSoft: Whether changed filters wait until their instance starts again.
    ///   - waiting: Names of instances whose filters wait since an earlier soft reload.
    ///   - routerIDs: The default router id that runs and the one that the new settings come to on this host; without,
    ///     what the settings say of it is compared.
    public init(
        from old: SpeakerSettings,
        to new: SpeakerSettings,
        isSoft: Bool = false,
        waiting: Set<String> = [],
        routerIDs: (old: RouterID, new: RouterID)? = nil
    ) {
        self.addedTables = new.tables.filter { table in !old.tables.contains { $0.isSame(as: table) } }
        self.removedTables = old.tables.filter { table in !new.tables.contains { $0.isSame(as: table) } }
        self.logsChanged = old.logs != new.logs
        self.routerIDChanged =
            routerIDs.map { $0.old != $0.new }
            ?? (old.routerID != new.routerID || old.routerIDPatterns != new.routerIDPatterns)
        let replaced = Set(self.addedTables.map(\.name)).union(self.removedTables.map(\.name))
        let before = Dictionary(old.protocols.map { ($0.common.name, $0) }, uniquingKeysWith: { first, _ in first })
        let after = Set(new.protocols.map(\.common.name))
        self.protocols = old.protocols.filter { !after.contains($0.common.name) }.map {
            ProtocolChange(name: $0.common.name, action: .remove)
        }
        for instance in new.protocols {
            let name = instance.common.name
            guard let running = before[name] else {
                self.protocols.append(ProtocolChange(name: name, action: .add))
                continue
            }
            var comparison = ProtocolComparison(replacedTables: replaced)
            comparison.compare(running, instance, routerIDChanged: self.routerIDChanged)
            var change = ProtocolChange(name: name, action: comparison.action)
            change.settleFilters(of: instance, isSoft: isSoft, isWaiting: waiting.contains(name))
            self.protocols.append(change)
        }
    }

    /// Whether nothing has to be done.
    public var isEmpty: Bool {
        self.addedTables.isEmpty && self.removedTables.isEmpty && !self.logsChanged && !self.routerIDChanged
            && self.protocols.allSatisfy { $0.action == .keep }
    }
}

/// What happens to one protocol instance.
public struct ProtocolChange: Hashable, Sendable {
    /// Name of the instance.
    public var name: String
    /// What is done.
    public var action: Action
    /// Those changes of an update that wait until the instance starts again or a reload is not soft.
    public var waiting: Set<InPlaceChange> = []

    /// Creates a change.
    public init(name: String, action: Action) {
        self.name = name
        self.action = action
    }

    /// Decides which changes of filters take effect at once.
    mutating func settleFilters(of instance: ProtocolSettings, isSoft: Bool, isWaiting: Bool) {
        var changes: Set<InPlaceChange> = []
        switch self.action {
        case .update(let differences): changes = differences
        case .keep: break
        case .add, .remove, .restart: return
        }
        if isSoft {
            // The kernel's consumer has filter and merging in one.
            if case .kernel = instance, changes.contains(.kernelOptions) { return }
            for family in Set(instance.channels.map(\.family)) {
                let filters = changes.intersection([.importPolicy(family), .exportPolicy(family), .preference(family)])
                self.waiting.formUnion(filters)
                // Limits belong to the source, as the import filter does.
                if isWaiting || !filters.isEmpty, changes.contains(.limits(family)) {
                    self.waiting.insert(.limits(family))
                }
            }
        } else if isWaiting {
            for family in instance.channels.map(\.family) {
                changes.formUnion([.importPolicy(family), .exportPolicy(family)])
            }
            if !changes.isEmpty { self.action = .update(changes) }
        }
    }

    /// Actions.
    public enum Action: Hashable, Sendable {
        /// The instance is new: start it.
        case add
        /// The instance is gone: stop it and withdraw its routes.
        case remove
        /// Nothing differs.
        case keep
        /// The instance takes the new settings without interruption.
        case update(Set<InPlaceChange>)
        /// The instance has to stop and start again; the reasons name the options that differ, sorted.
        case restart(reasons: [String])
    }
}

/// A difference that a running instance takes over.
public enum InPlaceChange: Hashable, Sendable {
    /// `import`: routes of the family are evaluated again from what was received.
    case importPolicy(AddressFamily)
    /// `export`: what the neighbour or kernel should have is computed again.
    case exportPolicy(AddressFamily)
    /// `add paths best`: what the neighbour should have is computed again.
    case addPathsBest(AddressFamily)
    /// A route limit; judged at the next route.
    case limits(AddressFamily)
    /// `preference`: routes of the family are evaluated again.
    case preference(AddressFamily)
    /// `import keep filtered`.
    case keepsFiltered(AddressFamily)
    /// Timers that act between sessions or from the next event: connect, error wait, error forget.
    case timers
    /// `attribute limit`; judged at the next route.
    case attributeLimit
    /// `disable after error` and `disable after cease`.
    case disableAfter
    /// `passive`.
    case passive
    /// `description`.
    case description
    /// `debug`.
    case debug
    /// Routes of a static protocol.
    case staticRoutes
    /// Kernel options: learn, persist, scan time, merge paths.
    case kernelOptions
    /// `interface` patterns of a direct protocol.
    case interfaces
    /// `scan time` of the device protocol.
    case scanTime
}

extension InPlaceChange: CustomStringConvertible {
    /// The option in the configuration's words.
    public var description: String {
        switch self {
        case .importPolicy(let family): "\(family) import"
        case .exportPolicy(let family): "\(family) export"
        case .addPathsBest(let family): "\(family) add paths best"
        case .limits(let family): "\(family) limits"
        case .preference(let family): "\(family) preference"
        case .keepsFiltered(let family): "\(family) import keep filtered"
        case .timers: "timers"
        case .attributeLimit: "attribute limit"
        case .disableAfter: "disable after"
        case .passive: "passive"
        case .description: "description"
        case .debug: "debug"
        case .staticRoutes: "routes"
        case .kernelOptions: "kernel options"
        case .interfaces: "interface"
        case .scanTime: "scan time"
        }
    }
}

extension ProtocolChange.Action: CustomStringConvertible {
    /// What is done and why.
    public var description: String {
        switch self {
        case .add: "added"
        case .remove: "removed"
        case .keep: "unchanged"
        case .update(let changes): "updated: " + changes.map(\.description).sorted().joined(separator: ", ")
        case .restart(let reasons): "restarted: " + reasons.joined(separator: ", ")
        }
    }
}

/// Collects the differences of two settings of one instance.
private struct ProtocolComparison {
    private let replacedTables: Set<String>
    private var changes: Set<InPlaceChange> = []
    private var reasons: Set<String> = []

    init(replacedTables: Set<String>) {
        self.replacedTables = replacedTables
    }

    var action: ProtocolChange.Action {
        if !self.reasons.isEmpty { return .restart(reasons: self.reasons.sorted()) }
        return self.changes.isEmpty ? .keep : .update(self.changes)
    }

    private mutating func restart<T: Equatable>(_ old: T, _ new: T, _ what: String) {
        if old != new { self.reasons.insert("\(what) changed") }
    }

    private mutating func update<T: Equatable>(_ old: T, _ new: T, _ change: InPlaceChange) {
        if old != new { self.changes.insert(change) }
    }

    mutating func compare(_ old: ProtocolSettings, _ new: ProtocolSettings, routerIDChanged: Bool) {
        self.compare(old.common, new.common)
        switch (old, new) {
        case (.bgp(let old), .bgp(let new)):
            // The OPEN message carries the router id.
            if routerIDChanged, new.common.routerID == nil { self.reasons.insert("router id changed") }
            self.compare(old, new)
        case (.kernel(let old), .kernel(let new)): self.compare(old, new)
        case (.static(let old), .static(let new)):
            self.compare([old.channel], [new.channel])
            self.update(old.routes, new.routes, .staticRoutes)
            self.restart(old.igpTable, new.igpTable, "igp table")
        case (.direct(let old), .direct(let new)):
            self.compare(old.channels, new.channels)
            self.update(old.interfaces, new.interfaces, .interfaces)
        case (.device(let old), .device(let new)): self.update(old.scanTime, new.scanTime, .scanTime)
        case (.pipe(let old), .pipe(let new)):
            self.compare([old.channel], [new.channel])
            self.restart(old.peerTable, new.peerTable, "peer table")
            if old.peerTable == new.peerTable, self.replacedTables.contains(new.peerTable) {
                self.reasons.insert("peer table changed")
            }
            self.restart(old.maximumGeneration, new.maximumGeneration, "max generation")
        default: self.reasons.insert("kind of protocol changed")
        }
    }

    private mutating func compare(_ old: CommonSettings, _ new: CommonSettings) {
        self.restart(old.isDisabled, new.isDisabled, "disabled")
        self.restart(old.routerID, new.routerID, "router id")
        self.update(old.description, new.description, .description)
        self.update(old.debug, new.debug, .debug)
    }

    private mutating func compare(_ old: [ChannelSettings], _ new: [ChannelSettings]) {
        self.restart(old.map(\.family).sorted(), new.map(\.family).sorted(), "set of channels")
        for old in old {
            guard let new = new.first(where: { $0.family == old.family }) else { continue }
            self.restart(old.table, new.table, "\(old.family) table")
            if old.table == new.table, self.replacedTables.contains(new.table) {
                self.reasons.insert("\(old.family) table changed")
            }
            self.update(old.importPolicy, new.importPolicy, .importPolicy(old.family))
            self.update(old.exportPolicy, new.exportPolicy, .exportPolicy(old.family))
            self.update(old.preference, new.preference, .preference(old.family))
            self.update(old.keepsFiltered, new.keepsFiltered, .keepsFiltered(old.family))
            self.update(old.importLimit, new.importLimit, .limits(old.family))
            self.update(old.receiveLimit, new.receiveLimit, .limits(old.family))
            self.update(old.exportLimit, new.exportLimit, .limits(old.family))
        }
    }

    private mutating func compare(_ old: KernelSettings, _ new: KernelSettings) {
        self.compare([old.channel], [new.channel])
        self.restart(old.kernelTable, new.kernelTable, "kernel table")
        self.restart(old.metric, new.metric, "metric")
        self.update(old.learns, new.learns, .kernelOptions)
        self.update(old.learnsKernelRoutes, new.learnsKernelRoutes, .kernelOptions)
        self.update(old.persists, new.persists, .kernelOptions)
        self.update(old.scanTime, new.scanTime, .kernelOptions)
        self.update(old.mergePaths, new.mergePaths, .kernelOptions)
    }

    private mutating func compare(_ old: BGPSettings, _ new: BGPSettings) {
        self.restart(old.localAS, new.localAS, "local AS")
        self.restart(old.localAddress, new.localAddress, "local address")
        self.restart(old.localPort, new.localPort, "local port")
        self.restart(old.listenAddress, new.listenAddress, "strict bind")
        self.restart(old.neighborAddress, new.neighborAddress, "neighbor address")
        self.restart(old.interfaceName, new.interfaceName, "interface")
        self.restart(old.neighborPort, new.neighborPort, "neighbor port")
        self.restart(old.neighborAS, new.neighborAS, "neighbor AS")
        self.restart(old.isInternal, new.isInternal, "kind of neighbor")
        self.restart(old.multihopTTL, new.multihopTTL, "multihop")
        self.restart(old.ttlSecurity, new.ttlSecurity, "ttl security")
        self.restart(old.password, new.password, "password")
        self.restart(old.isRouteReflectorClient, new.isRouteReflectorClient, "rr client")
        self.restart(old.clusterID, new.clusterID, "rr cluster id")
        self.restart(old.isRouteServerClient, new.isRouteServerClient, "rs client")
        self.restart(old.allowedLocalAS, new.allowedLocalAS, "allow local as")
        self.restart(old.interpretsCommunities, new.interpretsCommunities, "interpret communities")
        self.restart(old.enforcesFirstAS, new.enforcesFirstAS, "enforce first as")
        self.restart(old.defaultLocalPreference, new.defaultLocalPreference, "default bgp_local_pref")
        self.restart(old.defaultMED, new.defaultMED, "default bgp_med")
        self.restart(old.deterministicMED, new.deterministicMED, "deterministic med")
        self.restart(old.comparesMEDAlways, new.comparesMEDAlways, "med metric")
        self.restart(old.prefersOlder, new.prefersOlder, "prefer older")
        self.restart(old.comparesPathLength, new.comparesPathLength, "path metric")
        self.restart(old.comparesIGPMetric, new.comparesIGPMetric, "igp metric")
        self.restart(old.routeRefresh, new.routeRefresh, "enable route refresh")
        self.restart(old.extendedMessages, new.extendedMessages, "enable extended messages")
        for name in new.rules.differences(from: old.rules) { self.reasons.insert("\(name) changed") }
        self.update(old.attributeLimit, new.attributeLimit, .attributeLimit)
        self.update(old.isPassive, new.isPassive, .passive)
        self.update(old.disablesAfterError, new.disablesAfterError, .disableAfter)
        self.update(old.disablingCeases, new.disablingCeases, .disableAfter)
        // Hold and keepalive times are negotiated in the OPEN messages; the others act from their next start.
        self.restart(old.timers.hold, new.timers.hold, "hold time")
        self.restart(old.timers.keepalive, new.timers.keepalive, "keepalive time")
        self.update(old.timers.startupHold, new.timers.startupHold, .timers)
        self.update(old.timers.connectDelay, new.timers.connectDelay, .timers)
        self.update(old.timers.connectRetry, new.timers.connectRetry, .timers)
        self.update(old.timers.errorWait, new.timers.errorWait, .timers)
        self.update(old.timers.errorForget, new.timers.errorForget, .timers)
        self.update(old.timers.sendHold, new.timers.sendHold, .timers)
        self.restart(old.restart.mode, new.restart.mode, "graceful restart")
        self.restart(old.restart.time, new.restart.time, "graceful restart time")
        self.restart(old.restart.longLivedMode, new.restart.longLivedMode, "long lived graceful restart")
        self.restart(old.restart.staleTime, new.restart.staleTime, "long lived stale time")
        self.update(old.restart.timeLimits, new.restart.timeLimits, .timers)
        self.update(old.restart.staleTimeLimits, new.restart.staleTimeLimits, .timers)
        self.update(old.restart.stalePathTime, new.restart.stalePathTime, .timers)
        self.compare(old.channels.map(\.channel), new.channels.map(\.channel))
        for old in old.channels {
            guard let new = new.channels.first(where: { $0.channel.family == old.channel.family }) else { continue }
            let family = old.channel.family
            self.restart(old.nextHopSelf, new.nextHopSelf, "\(family) next hop self")
            self.restart(old.nextHopKeep, new.nextHopKeep, "\(family) next hop keep")
            self.restart(old.nextHopAddress, new.nextHopAddress, "\(family) next hop address")
            self.restart(old.gateway, new.gateway, "\(family) gateway")
            self.update(old.minimumStaleTime, new.minimumStaleTime, .timers)
            self.update(old.maximumStaleTime, new.maximumStaleTime, .timers)
            self.restart(old.cost, new.cost, "\(family) cost")
            self.restart(old.preferredNextHop, new.preferredNextHop, "\(family) next hop prefer")
            self.restart(old.requiresExtendedNextHop, new.requiresExtendedNextHop, "\(family) require")
            self.restart(old.requiresAddPaths, new.requiresAddPaths, "\(family) require")
            self.restart(old.igpTable, new.igpTable, "\(family) igp table")
            self.restart(old.extendedNextHop, new.extendedNextHop, "\(family) extended next hop")
            self.restart(old.isMandatory, new.isMandatory, "\(family) mandatory")
            self.restart(old.aigp, new.aigp, "\(family) aigp")
            self.restart(old.isSecondary, new.isSecondary, "\(family) secondary")
            self.restart(old.addPathsReceive, new.addPathsReceive, "\(family) add paths")
            self.restart(old.addPathsSend, new.addPathsSend, "\(family) add paths")
            self.update(old.addPathsCount, new.addPathsCount, .addPathsBest(family))
            self.restart(old.restarts, new.restarts, "\(family) graceful restart")
            self.restart(old.restartsLongLived, new.restartsLongLived, "\(family) long lived graceful restart")
            self.restart(old.longLivedStaleTime, new.longLivedStaleTime, "\(family) long lived stale time")
        }
    }
}
