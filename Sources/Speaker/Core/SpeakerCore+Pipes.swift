internal import Logging
internal import NIOCore
internal import Policy
internal import Routing
internal import SpeakerSettings

/// A `protocol pipe` that runs.
struct PipeInstance {
    var settings: PipeSettings
    /// What both directions know each other by.
    var owner: UInt32
    /// Takes routes of the primary table to the other one.
    var export: Direction
    /// Takes routes of the other table to the primary one.
    var `import`: Direction

    /// One way through the pipe.
    struct Direction {
        var consumer: ConsumerID
        var limit: LimitSettings?
        /// The limit was reported and has not been fallen below since.
        var isOverLimit = false
    }
}

extension SpeakerCore {
    /// Destinations taken over at a go: peers are served between two.
    private static var pipeSlice: Int { 512 }

    func addPipe(_ settings: PipeSettings) {
        guard !settings.common.isDisabled, let table = self.routing.table(named: settings.channel.table),
            let peer = self.routing.table(named: settings.peerTable)
        else { return }
        self.nextPeer &+= 1
        let owner = self.nextPeer
        self.pipes[settings.common.name] = PipeInstance(
            settings: settings,
            owner: owner,
            export: .init(
                consumer: self.routing.addConsumer(
                    Self.mirrorSettings(table, peer, settings.channel.exportPolicy, owner, settings.maximumGeneration)
                ),
                limit: settings.channel.exportLimit
            ),
            import: .init(
                consumer: self.routing.addConsumer(
                    Self.mirrorSettings(peer, table, settings.channel.importPolicy, owner, settings.maximumGeneration)
                ),
                limit: settings.channel.importLimit
            )
        )
    }

    private static func mirrorSettings(
        _ from: TableID,
        _ to: TableID,
        _ policy: FilterProgram,
        _ owner: UInt32,
        _ generation: UInt8
    ) -> ConsumerSettings<FilterProgram> {
        var settings = ConsumerSettings(table: from, policy: policy)
        settings.mirror = MirrorSettings(table: to, owner: owner, maximumGeneration: generation)
        return settings
    }

    func removePipe(_ name: String) {
        guard let instance = self.pipes.removeValue(forKey: name) else { return }
        self.routing.removeConsumer(instance.export.consumer)
        self.routing.removeConsumer(instance.import.consumer)
    }

    /// Takes over changed filters and limits; routes are judged again, and only differences take effect.
    func updatePipe(_ settings: PipeSettings, _ changes: Set<InPlaceChange>) {
        guard let instance = self.pipes[settings.common.name],
            let table = self.routing.table(named: settings.channel.table),
            let peer = self.routing.table(named: settings.peerTable)
        else { return }
        let family = settings.channel.family
        let hasLimits = changes.contains(.limits(family))
        self.pipes[settings.common.name]?.settings = settings
        if hasLimits {
            self.pipes[settings.common.name]?.export.limit = settings.channel.exportLimit
            self.pipes[settings.common.name]?.import.limit = settings.channel.importLimit
        }
        // What had no room may have some now, so a changed limit is a reason to go through the table as well.
        if hasLimits || changes.contains(.exportPolicy(family)) {
            let policy = settings.channel.exportPolicy
            self.routing.changeConsumer(
                instance.export.consumer,
                to: Self.mirrorSettings(table, peer, policy, instance.owner, settings.maximumGeneration)
            )
        }
        if hasLimits || changes.contains(.importPolicy(family)) {
            let policy = settings.channel.importPolicy
            self.routing.changeConsumer(
                instance.import.consumer,
                to: Self.mirrorSettings(peer, table, policy, instance.owner, settings.maximumGeneration)
            )
        }
    }

    /// Takes routes from table to table, a slice each way; whether more is due.
    func drainPipes() -> Bool {
        for (name, instance) in self.pipes {
            for way in [\PipeInstance.export, \PipeInstance.import] {
                var direction = instance[keyPath: way]
                guard self.routing.isPending(direction.consumer) else { continue }
                self.drain(&direction, instance.settings.common, way == \.export ? "export" : "import")
                self.pipes[name]?[keyPath: way] = direction
            }
        }
        // What one took over may be due for another that had its turn before.
        return self.pipes.values.contains {
            self.routing.isPending($0.export.consumer) || self.routing.isPending($0.import.consumer)
        }
    }

    private func drain(_ direction: inout PipeInstance.Direction, _ common: CommonSettings, _ word: String) {
        guard let limit = direction.limit else {
            _ = self.routing.mirror(direction.consumer, limit: Self.pipeSlice)
            return
        }
        let before = self.routing.mirroredCount(direction.consumer)
        let room = limit.action == .block ? max(0, Int(limit.count) - before) : nil
        let outcome = self.routing.mirror(direction.consumer, limit: Self.pipeSlice, room: room)
        let count = self.routing.mirroredCount(direction.consumer)
        let isOver = outcome.blocked > 0 || count > Int(limit.count)
        if isOver, !direction.isOverLimit {
            self.logger.warning(
                "Route limit reached",
                metadata: [
                    "protocol": "\(common.name)", "direction": "\(word)", "limit": "\(limit.count)",
                    "action": "\(limit.action.rawValue)",
                ]
            )
        }
        if isOver || count < Int(limit.count) { direction.isOverLimit = isOver }
    }
}
