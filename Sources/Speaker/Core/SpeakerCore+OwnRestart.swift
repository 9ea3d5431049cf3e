internal import BGPSession
internal import BGPWire
internal import Logging
internal import NIOCore
internal import Routing
internal import SpeakerSettings

/// A start of this speaker after which neighbours may still hold what a former run told them (RFC 4724 §4.1).
struct OwnRestart {
    /// Families in which packets were forwarded all the time.
    var preserved: Set<AddressFamily>
    /// Families of whose routes nobody is told yet: not before what the neighbours know is known here again.
    var deferred: Set<AddressFamily> = []
    var since = NIODeadline.now()
    /// Looks from time to time whether the wait is over.
    var check: RepeatedTask?
}

// This speaker restarts: it says so, learns what its neighbours know, and only then speaks.
extension SpeakerCore {
    /// How long routes may be on their way from a neighbour that gives no End-of-RIB to wait for.
    private static var settlingTime: TimeAmount { .milliseconds(500) }

    // MARK: - Recognition

    /// Finds out, before anybody can connect, whether there was a former run and what it left.
    ///
    /// There is no flag for it: routes of this speaker in the kernel, or the mark of a run since the host came up, tell.
    func recognizeRestart() {
        let marker = self.options.restartMarker.flatMap { RestartMarker(contentsOf: $0) }
        let found = Set(self.kernels.values.filter { $0.report.found > 0 }.map(\.settings.channel.family))
        guard marker != nil || !found.isEmpty else { return }
        var preserved: Set<AddressFamily> = []
        for family in [AddressFamily.ipv4Unicast, .ipv6Unicast] {
            let isInKernel = self.kernels.values.contains { $0.settings.channel.family == family }
            // Without routes in the kernel, now and before, there is nothing that could have been lost.
            if !isInKernel || found.contains(family) || marker?.kernelFamilies.contains(family) == false {
                preserved.insert(family)
            }
        }
        self.ownRestart = OwnRestart(preserved: preserved)
        self.logger.info(
            "Restart recognized",
            metadata: ["forwarding": "\(preserved.sorted().map(\.description).joined(separator: " "))"]
        )
        let families = self.settings.protocols.flatMap { settings -> [AddressFamily] in
            guard case .bgp(let settings) = settings, !settings.common.isDisabled, settings.mayRestart else {
                return []
            }
            return settings.channels.filter { $0.restarts || $0.restartsLongLived }.map(\.channel.family)
        }
        guard self.settings.restartWait > 0 else { return }
        self.ownRestart?.deferred = preserved.intersection(families)
        for entry in self.peers.values where self.ownRestart?.deferred.isEmpty == false { self.updateSession(entry) }
    }

    /// Notes that a kernel table has routes of this speaker: if they are missing at the next start, they were lost.
    func noteKernelRoutes(_ family: AddressFamily) {
        guard self.kernelFamilies.insert(family).inserted, self.isStarted else { return }
        self.writeRestartMarker()
    }

    /// Leaves a mark for the next run.
    func writeRestartMarker() {
        guard let path = self.options.restartMarker else { return }
        do throws(SocketError) {
            try RestartMarker(kernelFamilies: self.kernelFamilies).write(to: path)
        } catch {
            self.logger.warning(
                "The next start will not know of this run by its mark",
                metadata: ["file": "\(path)", "error": "\(error)"]
            )
        }
    }

    /// This run was the last one.
    func removeRestartMarker() {
        if let path = self.options.restartMarker { RestartMarker.remove(path) }
    }

    // MARK: - What neighbours are told

    /// Fills in capabilities 64 and 71.
    func setRestart(_ settings: BGPSettings, _ configuration: inout SessionConfiguration) {
        let restart = settings.restart
        guard restart.mode != .off else { return }
        let name = settings.common.name
        let wasUp = self.peersByName[name].flatMap { self.peers[$0]?.wasUp } ?? self.returningPeers.contains(name)
        // Once the neighbour knows this run, a lost session is no loss of forwarding.
        func isPreserved(_ family: AddressFamily) -> Bool {
            wasUp || self.ownRestart?.preserved.contains(family) ?? false
        }
        let isOn = restart.mode == .on
        let isRestarting = self.ownRestart?.deferred.isEmpty == false
        configuration.gracefulRestart = .init(
            restartState: isRestarting && settings.mayRestart,
            notification: true,
            restartTime: isOn ? restart.time : 0,
            families: isOn
                ? settings.channels.filter(\.restarts).map {
                    .init(family: $0.channel.family, forwardingPreserved: isPreserved($0.channel.family))
                } : []
        )
        // Neighbours wait for a limited time only.
        if isRestarting, settings.mayRestart { configuration.connectDelay = .zero }
        guard restart.longLivedMode != .off else { return }
        configuration.longLivedGracefulRestart =
            restart.longLivedMode == .on
            ? settings.channels.filter(\.restartsLongLived).map {
                .init(
                    family: $0.channel.family,
                    forwardingPreserved: isPreserved($0.channel.family),
                    staleTime: $0.longLivedStaleTime ?? restart.staleTime
                )
            } : []
    }

    /// From the first session on, what a neighbour keeps is of this run.
    func noteFirstSession(_ id: PeerID) {
        guard let entry = self.peers[id], !entry.wasUp else { return }
        self.peers[id]?.wasUp = true
        if entry.settings.mayRestart { self.updateSession(entry) }
    }

    private func updateSession(_ entry: PeerEntry) {
        let configuration = self.sessionConfiguration(entry.settings)
        let (settings, session, transport) = (entry.settings, entry.session, self.transport(entry.settings))
        session.loop.execute {
            session.assumeIsolated { $0.update(settings, configuration: configuration, transport: transport) }
        }
    }

    /// What a peer is told when this speaker stops; nil is nothing, so that it waits for the next run.
    func farewell(to entry: PeerEntry, _ mode: Speaker.StopMode) -> Notification? {
        guard mode == .restart else { return .cease(.administrativeShutdown) }
        let negotiated = entry.up?.established.negotiated
        return entry.settings.mayRestart && negotiated?.gracefulRestart != nil ? nil : .cease(.administrativeReset)
    }

    // MARK: - Deferral

    /// Whether nobody is told of routes of a family yet.
    func isDeferred(_ family: AddressFamily) -> Bool { self.ownRestart?.deferred.contains(family) ?? false }

    /// Whether a group has to wait.
    func isDeferred(_ group: GroupID) -> Bool {
        guard let restart = self.ownRestart, !restart.deferred.isEmpty, let table = self.routing.table(of: group) else {
            return false
        }
        return restart.deferred.contains(table.family)
    }

    /// Begins to look whether the wait is over.
    func beginDeferral() {
        guard self.ownRestart?.deferred.isEmpty == false else { return }
        self.ownRestart?.since = .now()
        self.ownRestart?.check = self.loop.scheduleRepeatedTask(
            initialDelay: .milliseconds(100),
            delay: .milliseconds(100)
        ) { [weak self] _ in
            self?.assumeIsolated { $0.endDeferralIfPossible() }
        }
    }

    /// Lets families speak whose neighbours have said what they know.
    ///
    /// Waited for are: neighbours without a session, a few seconds, and longer where they take connections, because some
    /// pause after a session was lost; the End-of-RIB of the others. Not waited for
    /// are those that restart as well, and could wait for this one, nor those without the capability; what they send has a
    /// moment to arrive. At the end of the whole time nobody is waited for.
    func endDeferralIfPossible() {
        guard let restart = self.ownRestart, !restart.deferred.isEmpty, self.isStarted, !self.isStopping else { return }
        let now = NIODeadline.now()
        let isOver = now >= restart.since + .seconds(Int64(self.settings.restartWait))
        for family in restart.deferred {
            let awaited = isOver ? nil : self.peers.values.first { self.isAwaited($0, family, restart, now) }
            guard awaited == nil else { continue }
            self.ownRestart?.deferred.remove(family)
            self.logger.info(
                "Restart is over",
                metadata: ["family": "\(family)", "waited": "\((now - restart.since).nanoseconds / 1_000_000) ms"]
            )
        }
        guard self.ownRestart?.deferred.isEmpty ?? true else { return self.scheduleRun() }
        restart.check?.cancel()
        self.ownRestart?.check = nil
        // From now on sessions start as at any other time.
        for entry in self.peers.values where entry.settings.mayRestart { self.updateSession(entry) }
        self.scheduleRun()
    }

    private func isAwaited(_ entry: PeerEntry, _ family: AddressFamily, _ restart: OwnRestart, _ now: NIODeadline)
        -> Bool
    {
        guard !entry.isDisabled, entry.settings.channels.contains(where: { $0.channel.family == family }) else {
            return false
        }
        guard let up = entry.up else {
            let time = TimeAmount(self.options.restartPeerTime)
            return entry.isLinkUp && now < restart.since + (entry.wasReached ? time * 3 : time)
        }
        guard let channel = up.channels[family], !channel.hasEndOfRIB else { return false }
        if let capability = up.established.negotiated.gracefulRestart, !capability.restartState { return true }
        return now < up.since + Self.settlingTime
    }
}

extension BGPSettings {
    /// Whether the neighbour is asked to wait for this speaker.
    var mayRestart: Bool { self.restart.mode == .on || self.restart.mode != .off && self.restart.longLivedMode == .on }
}
