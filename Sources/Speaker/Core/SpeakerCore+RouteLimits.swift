internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import Routing
internal import SpeakerSettings

/// Limits of routes a peer may send: what happens when they are reached, and warnings before.
extension SpeakerCore {
    /// Acts on `import limit` and `receive limit`; `result` is that of the announcement that may have gone past one.
    func enforceLimits(
        _ source: SourceID,
        _ serial: SessionSerial,
        _ family: AddressFamily,
        _ result: IngestResult? = nil
    ) {
        guard let entry = self.peers[serial.peer],
            let channel = entry.settings.channels.first(where: { $0.channel.family == family })?.channel,
            channel.receiveLimit != nil || channel.importLimit != nil
        else { return }
        let counters = self.routing.counters(source)
        self.warnOfLimits(channel, counters, serial, family)
        var exceeded: LimitSettings?
        // A neighbour back from a restart may use other path identifiers: what is stale is not counted beside them.
        // The core leaves routes out at a limit that blocks, but also where one prefix has too many paths.
        if let limit = channel.receiveLimit,
            limit.action == .block
                ? result?.exceedsReceiveLimit ?? false
                : UInt64(counters.received) > UInt64(limit.count) + UInt64(counters.stale)
        {
            exceeded = limit
        }
        if let limit = channel.importLimit,
            limit.action == .block
                ? result?.isAtImportLimit ?? false
                : UInt64(counters.accepted) > UInt64(limit.count) + UInt64(counters.stale)
        {
            exceeded = exceeded ?? limit
        }
        guard let exceeded else {
            if entry.up?.channels[family]?.isOverLimit == true {
                self.peers[serial.peer]?.up?.channels[family]?.isOverLimit = false
            }
            return
        }
        guard entry.up?.channels[family]?.isOverLimit == false else { return }
        self.peers[serial.peer]?.up?.channels[family]?.isOverLimit = true
        self.logger.warning(
            "Route limit reached",
            metadata: [
                "peer": "\(entry.settings.common.name)", "family": "\(family)", "limit": "\(exceeded.count)",
                "action": "\(exceeded.action.rawValue)",
            ]
        )
        guard exceeded.action == .restart || exceeded.action == .disable else { return }
        var notification = Notification.cease(.maximumNumberOfPrefixesReached)
        notification.data =
            [UInt8(family.afi >> 8), UInt8(family.afi & 255), family.safi]
            + stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: exceeded.count >> UInt32($0)) }
        let restart: PeerRestart =
            exceeded.action == .disable
            ? .never : exceeded.restartAfter.map { .after(.seconds($0)) } ?? .afterBackoff
        entry.session.inbox.send(.end(serial, notification, restart))
    }

    /// Looks at the limits of peers that changed without an announcement: a limit or a policy is another one now, or what
    /// was stale beside the routes that came again is gone.
    ///
    /// Those whose routes are still being judged or removed have to wait.
    func checkRouteLimits() {
        for id in self.limitsDue {
            guard let entry = self.peers[id], let up = entry.up else {
                self.limitsDue.remove(id)
                continue
            }
            guard !up.channels.values.contains(where: { self.routing.isWorking($0.source) }) else { continue }
            self.limitsDue.remove(id)
            for channel in entry.settings.channels.map(\.channel) {
                // A limit that blocks acts where routes come in.
                let actions = [channel.receiveLimit?.action, channel.importLimit?.action]
                guard actions.contains(where: { $0 != nil && $0 != .block }),
                    let running = up.channels[channel.family]
                else { continue }
                self.enforceLimits(running.source, up.serial, channel.family)
            }
        }
    }

    /// Logs once a session that a next hop is this host (RFC 4271 §6.3).
    func warnOfOwnNextHop(_ serial: SessionSerial, _ isIPv4: Bool, _ nextHop: IPAddress) {
        let family: AddressFamily = isIPv4 ? .ipv4Unicast : .ipv6Unicast
        guard let entry = self.peers[serial.peer], entry.up?.channels[family]?.isOwnNextHopSeen == false else { return }
        self.peers[serial.peer]?.up?.channels[family]?.isOwnNextHopSeen = true
        self.logger.warning(
            "Routes are not used: their next hop is an address of this host",
            metadata: ["peer": "\(entry.settings.common.name)", "nextHop": "\(nextHop)"]
        )
    }

    /// Remembers routes that a limit left out, and logs once a session that it is `max paths`.
    func noteDropped(_ source: SourceID, _ serial: SessionSerial, _ isIPv4: Bool) {
        let family: AddressFamily = isIPv4 ? .ipv4Unicast : .ipv6Unicast
        let prefixes = self.routing.takeDropped()
        guard let entry = self.peers[serial.peer],
            let channel = entry.settings.channels.first(where: { $0.channel.family == family })?.channel
        else { return }
        var reason = UnusedReason.tooManyPaths(entry.settings.rules.maximumPaths)
        if let limit = channel.receiveLimit, limit.action == .block,
            self.routing.counters(source).received >= limit.count
        {
            reason = .receiveLimit(limit.count)
        }
        let now = wallClock()
        for prefix in prefixes { self.peers[serial.peer]?.unused.note(prefix, reason, at: now) }
        self.warnOfPaths(serial, family)
    }

    private func warnOfPaths(_ serial: SessionSerial, _ family: AddressFamily) {
        guard let entry = self.peers[serial.peer], entry.up?.channels[family]?.isOverPaths == false,
            let channel = entry.settings.channels.first(where: { $0.channel.family == family }),
            channel.addPathsReceive, channel.channel.receiveLimit == nil
        else { return }
        self.peers[serial.peer]?.up?.channels[family]?.isOverPaths = true
        self.logger.warning(
            "More paths of a prefix than are kept",
            metadata: [
                "peer": "\(entry.settings.common.name)", "family": "\(family)",
                "limit": "\(entry.settings.rules.maximumPaths)",
            ]
        )
    }

    /// Logs once that a `warning` threshold was reached, and again after the routes were fewer in between.
    private func warnOfLimits(
        _ channel: ChannelSettings,
        _ counters: SourceCounters,
        _ serial: SessionSerial,
        _ family: AddressFamily
    ) {
        func isNear(_ limit: LimitSettings?, _ count: UInt32) -> Bool {
            guard let limit, let percent = limit.warningPercent else { return false }
            return UInt64(count) * 100 >= UInt64(limit.count) * UInt64(percent)
        }
        let isNear =
            isNear(channel.receiveLimit, counters.received) || isNear(channel.importLimit, counters.accepted)
        guard let up = self.peers[serial.peer]?.up?.channels[family], up.isNearLimit != isNear else { return }
        self.peers[serial.peer]?.up?.channels[family]?.isNearLimit = isNear
        guard isNear, let name = self.peers[serial.peer]?.settings.common.name else { return }
        self.logger.warning(
            "Route limit is near",
            metadata: [
                "peer": "\(name)", "family": "\(family)", "received": "\(counters.received)",
                "accepted": "\(counters.accepted)",
            ]
        )
    }
}
