internal import BGPSession
internal import BGPWire
internal import Logging
internal import NIOCore
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

/// Routes of a family that a restarting neighbour has not announced again, and how long they are kept.
struct StaleRoutes {
    /// What they wait for.
    enum Phase {
        /// The neighbour, within its restart time (RFC 4724 §4.2).
        case restart
        /// The neighbour and its End-of-RIB, as a last resort (RFC 9494 §4.2).
        case longLived
        /// The End-of-RIB of the neighbour, which is back.
        case synchronizing
    }

    var phase: Phase
    /// When it ends.
    var deadline: NIODeadline
    var timer: Scheduled<Void>
    /// Tells timers apart.
    var number: UInt64
}

/// What is kept of a session that ended until the neighbour is back.
struct KeptRoutes {
    /// The session.
    var established: EstablishedSession
    var channels: [AddressFamily: Channel] = [:]

    /// A family.
    struct Channel {
        var source: SourceID
        var settings: SourceSettings<FilterProgram>
        var stale: StaleRoutes
        /// Seconds for which they are a last resort after the restart time.
        var longLivedTime: UInt32
    }
}

// Neighbours that restart: this speaker helps by going on as if nothing had happened.
extension SpeakerCore {
    // MARK: - The session ends

    /// Takes leave of a session whose neighbour is expected back; what can be kept of its routes is.
    func keep(_ up: PeerEntry.Up, of id: PeerID, _ settings: BGPSettings) -> KeptRoutes? {
        var kept = KeptRoutes(established: up.established)
        for (family, channel) in up.channels {
            self.leave(channel)
            if let running = self.keep(channel, family, up.established.negotiated, id, settings) {
                kept.channels[family] = running
            } else {
                channel.stale?.timer.cancel()
                self.routing.removeSource(channel.source)
            }
        }
        guard !kept.channels.isEmpty else { return nil }
        self.logger.info(
            "Neighbor may be restarting: its routes are kept",
            metadata: [
                "peer": "\(settings.common.name)",
                "families": "\(kept.channels.keys.sorted().map(\.description).joined(separator: " "))",
            ]
        )
        return kept
    }

    private func keep(
        _ channel: PeerEntry.Channel,
        _ family: AddressFamily,
        _ negotiated: NegotiatedSession,
        _ id: PeerID,
        _ settings: BGPSettings
    ) -> KeptRoutes.Channel? {
        guard !channel.isRetentionOver, self.routing.counters(channel.source).received > 0 else { return nil }
        let options = settings.channels.first { $0.channel.family == family }
        let asked = negotiated.retention(of: family)
        var restart: UInt16 = 0
        if let time = asked.restart, options?.restarts ?? false {
            let limits = settings.restart.timeLimits
            restart = min(max(time, limits.lowerBound), limits.upperBound)
        }
        var longLived: UInt32 = 0
        if let time = asked.longLived, options?.restartsLongLived ?? false {
            let limits = settings.restart.staleTimeLimits
            longLived = min(
                max(time, options?.minimumStaleTime ?? limits.lowerBound),
                options?.maximumStaleTime ?? limits.upperBound
            )
        }
        func kept(_ stale: StaleRoutes) -> KeptRoutes.Channel {
            .init(source: channel.source, settings: channel.settings, stale: stale, longLivedTime: longLived)
        }
        if let stale = channel.stale, stale.phase == .longLived {
            // The time runs on, and until it ends nothing goes, however often the neighbour restarts.
            self.routing.markStale(channel.source)
            self.routing.ageStale(channel.source)
            return kept(stale)
        }
        guard restart > 0 || longLived > 0 else { return nil }
        if let stale = channel.stale {
            // What is stale since the restart before goes (RFC 4724 §4.2).
            stale.timer.cancel()
            self.routing.removeStale(channel.source)
        }
        self.routing.markStale(channel.source)
        if restart > 0 { return kept(self.wait(.seconds(Int64(restart)), .restart, id, family)) }
        self.routing.ageStale(channel.source)
        return kept(self.wait(.seconds(Int64(longLived)), .longLived, id, family))
    }

    private func wait(_ time: TimeAmount, _ phase: StaleRoutes.Phase, _ id: PeerID, _ family: AddressFamily)
        -> StaleRoutes
    {
        self.staleNumber += 1
        let number = self.staleNumber
        let deadline = NIODeadline.now() + time
        let timer = self.loop.scheduleTask(deadline: deadline) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.waitForNeighborEnded(id, family, number) }
        }
        return StaleRoutes(phase: phase, deadline: deadline, timer: timer, number: number)
    }

    /// A restart time, a time as a last resort, or the time for an End-of-RIB is over.
    private func waitForNeighborEnded(_ id: PeerID, _ family: AddressFamily, _ number: UInt64) {
        defer { self.scheduleRun() }
        if let channel = self.peers[id]?.up?.channels[family], let stale = channel.stale, stale.number == number {
            self.routing.removeStale(channel.source)
            self.limitsDue.insert(id)
            self.peers[id]?.up?.channels[family]?.stale = nil
            self.peers[id]?.up?.channels[family]?.isRetentionOver = stale.phase == .longLived
            return
        }
        guard let entry = self.peers[id], let channel = entry.kept?.channels[family], channel.stale.number == number
        else { return }
        let isLongLived = channel.stale.phase == .restart && channel.longLivedTime > 0
        self.logger.info(
            isLongLived ? "Neighbor is not back: its routes are a last resort" : "Neighbor is not back: its routes go",
            metadata: ["peer": "\(entry.settings.common.name)", "family": "\(family)"]
        )
        if isLongLived {
            self.routing.ageStale(channel.source)
            let stale = self.wait(.seconds(Int64(channel.longLivedTime)), .longLived, id, family)
            self.peers[id]?.kept?.channels[family]?.stale = stale
        } else {
            self.routing.removeSource(channel.source)
            self.peers[id]?.kept?.channels[family] = nil
            if self.peers[id]?.kept?.channels.isEmpty ?? false { self.peers[id]?.kept = nil }
        }
    }

    // MARK: - The neighbour is back

    /// The channel of a family whose routes were kept; nil when there were none.
    ///
    /// Unless the neighbour says that it kept forwarding, they go at once (RFC 4724 §4.2, RFC 9494 §4.2).
    func resume(
        _ family: AddressFamily,
        _ settings: SourceSettings<FilterProgram>,
        _ kept: inout KeptRoutes?,
        _ established: EstablishedSession
    ) -> PeerEntry.Channel? {
        guard let old = kept?.channels[family], old.settings.table == settings.table,
            let id = self.peersByName[settings.origin.protocolName]
        else { return nil }
        kept?.channels[family] = nil
        if old.settings != settings { self.routing.changeSource(old.source, to: settings) }
        var channel = PeerEntry.Channel(source: old.source, settings: settings)
        let isLongLived = old.stale.phase == .longLived
        guard established.negotiated.preservedForwarding(of: family, isLongLived: isLongLived) else {
            old.stale.timer.cancel()
            self.routing.flush(source: old.source)
            return channel
        }
        switch old.stale.phase {
        case .longLived: channel.stale = old.stale
        case .restart, .synchronizing:
            old.stale.timer.cancel()
            channel.stale = self.wait(self.stalePathTime(of: id), .synchronizing, id, family)
        }
        return channel
    }

    /// How long the end of what a neighbour announces again is waited for (RFC 4724 §4.2, RFC 7313 §4).
    func stalePathTime(of id: PeerID) -> TimeAmount {
        .seconds(Int64(self.peers[id]?.settings.restart.stalePathTime ?? RestartSettings().stalePathTime))
    }

    /// The neighbour has announced everything: what is stale now goes.
    func endOfRIB(_ serial: SessionSerial, _ family: AddressFamily, _ source: SourceID) {
        if let stale = self.peers[serial.peer]?.up?.channels[family]?.stale {
            stale.timer.cancel()
            self.peers[serial.peer]?.up?.channels[family]?.stale = nil
            self.routing.removeStale(source)
            self.limitsDue.insert(serial.peer)
        }
        self.peers[serial.peer]?.up?.channels[family]?.isRetentionOver = false
        self.peers[serial.peer]?.up?.channels[family]?.hasEndOfRIB = true
        self.sweepIfComplete()
        self.endDeferralIfPossible()
    }

    /// Gives up what is kept.
    func drop(_ kept: KeptRoutes?) {
        for channel in kept?.channels.values.map(\.self) ?? [] {
            channel.stale.timer.cancel()
            self.routing.removeSource(channel.source)
        }
    }

    /// Has changed policies and limits act on routes that are kept.
    func updateKept(_ id: PeerID, _ settings: BGPSettings, _ changes: Set<InPlaceChange>) {
        guard let kept = self.peers[id]?.kept else { return }
        for channel in settings.channels {
            let family = channel.channel.family
            guard let running = kept.channels[family], changes.concernsImport(of: family),
                let source = self.sourceSettings(settings, channel, kept.established)
            else { continue }
            self.routing.changeSource(running.source, to: source)
            self.peers[id]?.kept?.channels[family]?.settings = source
        }
    }
}
