internal import BGPSession
internal import BGPWire
internal import Logging
internal import NIOCore
internal import Routing
internal import SpeakerSettings

/// `export limit`.
extension SpeakerCore {
    /// How often routes that a peer was sent are counted: counting may mean to look at all of them.
    private static var exportCheckInterval: TimeAmount { .milliseconds(200) }

    /// Follows whether a peer has a limit.
    func noteExportLimit(_ id: PeerID) {
        guard let settings = self.peers[id]?.settings,
            settings.channels.contains(where: { $0.channel.exportLimit != nil })
        else {
            self.exportLimited.remove(id)
            return
        }
        self.exportLimited.insert(id)
    }

    /// Has limits looked at soon, as long as there are any.
    func checkExportLimits() {
        guard !self.exportLimited.isEmpty, !self.isExportCheckScheduled else { return }
        self.isExportCheckScheduled = true
        self.loop.scheduleTask(in: Self.exportCheckInterval) { [weak self] in
            self?.assumeIsolated { core in
                core.isExportCheckScheduled = false
                for id in core.exportLimited { core.enforceExportLimits(id) }
            }
        }
    }

    private func enforceExportLimits(_ id: PeerID) {
        guard let entry = self.peers[id] else {
            self.exportLimited.remove(id)
            return
        }
        guard let up = entry.up else { return }
        for channel in entry.settings.channels.map(\.channel) {
            guard let limit = channel.exportLimit, let running = up.channels[channel.family],
                self.routing.exportedCountMayExceed(Int(limit.count), to: running.source)
            else {
                self.peers[id]?.up?.channels[channel.family]?.isOverExportLimit = false
                continue
            }
            guard self.routing.exportedCount(to: running.source) > Int(limit.count), !running.isOverExportLimit else {
                continue
            }
            self.peers[id]?.up?.channels[channel.family]?.isOverExportLimit = true
            self.logger.warning(
                "Export limit reached",
                metadata: [
                    "peer": "\(entry.settings.common.name)", "family": "\(channel.family)", "limit": "\(limit.count)",
                    "action": "\(limit.action.rawValue)",
                ]
            )
            guard limit.action == .restart || limit.action == .disable else { continue }
            // The number of routes is this end's doing: the Cease says nothing of prefixes that the neighbour sent.
            let isReset = limit.action == .restart
            let notification = Notification.cease(isReset ? .administrativeReset : .administrativeShutdown)
            entry.session.inbox.send(.end(up.serial, notification, isReset ? .afterBackoff : .never))
            return
        }
    }
}
