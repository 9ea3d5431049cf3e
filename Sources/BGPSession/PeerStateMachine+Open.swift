internal import BGPWire

// What OPENs, KEEPALIVEs and NOTIFICATIONs mean for more than one connection.
extension PeerStateMachine {
    /// How long the winner of a collision has to send its OPEN.
    private static let preferredHoldTime = Duration.seconds(30)

    mutating func openReceived(_ open: Open, on slot: Slot, _ actions: inout Actions) {
        let machine = self[slot].machine
        let session: NegotiatedSession
        do throws(OpenError) {
            session = try machine.configuration.negotiate(local: machine.localOpen, peer: open)
        } catch {
            self.drive(slot, .openMessageError(error.notification), &actions)
            return
        }
        let isDelaying = machine.runningTimers.contains(.delayOpen)
        guard machine.state == .openSent || isDelaying else {
            self.drive(slot, .openReceived(session), &actions)
            return
        }
        guard self.survivesCollision(slot, session, &actions) else { return }
        self.drive(
            slot,
            isDelaying ? .openReceivedWithDelayOpenTimerRunning(session) : .openReceived(session),
            &actions
        )
    }

    /// Resolves the collision between the connection of a valid OPEN and the other one, if there is one (§6.8).
    private mutating func survivesCollision(
        _ slot: Slot,
        _ session: NegotiatedSession,
        _ actions: inout Actions
    ) -> Bool {
        if let established = self.established {
            return self.survivesEstablished(established, session, &actions)
        }
        let other: Slot = slot == .outgoing ? .incoming : .outgoing
        guard other == .outgoing || self.incoming != nil else { return true }
        guard self[other].machine.transport == .connected else {
            // The peer got through; our own attempt would only collide.
            self.abandonDialing(&actions)
            return true
        }
        self.counters.collisions &+= 1
        let survives = self[slot].id.origin == self.winner(session)
        let loser = survives ? slot == .outgoing ? Slot.incoming : .outgoing : slot
        self.prefer(survives ? slot : other)
        self.drive(loser, .openCollisionDump(.cease(.connectionCollisionResolution)), &actions)
        if !survives, self[other].machine.state == .openSent {
            // Without an OPEN on the winner both connections would be lost: do not wait minutes for it.
            let hold = min(Self.preferredHoldTime, self[other].machine.configuration.startupHoldTime)
            actions.append(.arm(PeerTimer(.hold, of: self[other].id), hold))
        }
        return survives
    }

    private mutating func survivesEstablished(
        _ established: Connection,
        _ session: NegotiatedSession,
        _ actions: inout Actions
    ) -> Bool {
        self.counters.collisions &+= 1
        if self.mayReplace(established) { return true }
        let collision = SessionEvent.openCollisionDump(.cease(.connectionCollisionResolution))
        if self.configuration.detectsCollisionWhenEstablished, established.id.origin != self.winner(session) {
            self.prefer(.incoming)
            self.drive(.established, collision, &actions)
            return true
        }
        self.drive(.incoming, collision, &actions)
        return false
    }

    /// Whether a newer connection of the peer means that it restarted (RFC 4724 §5).
    private func mayReplace(_ established: Connection) -> Bool {
        self.configuration.replacesEstablishedOnRestart && established.machine.negotiated?.gracefulRestart != nil
    }

    /// Whose connection stays: that of the higher identifier, on a tie of the higher AS (RFC 6286 §2.3).
    private func winner(_ session: NegotiatedSession) -> ConnectionOrigin {
        let local = self.configuration.localIdentifier
        if local != session.peerIdentifier { return local > session.peerIdentifier ? .outgoing : .incoming }
        return self.configuration.localAS > session.peerAS ? .outgoing : .incoming
    }

    private mutating func prefer(_ slot: Slot) {
        switch slot {
        case .outgoing: self.outgoing.isPreferred = true
        case .incoming: self.incoming?.isPreferred = true
        case .established: break
        }
    }

    mutating func keepaliveReceived(on slot: Slot, _ actions: inout Actions) {
        if slot == .incoming, self.incoming?.machine.state == .openConfirm, let established = self.established {
            // The peer took our OPEN on the new connection, so it restarted and has forgotten the old one. Until
            // here the new one might have been the late loser of a collision.
            guard self.mayReplace(established) else {
                self.drive(.incoming, .openCollisionDump(.cease(.connectionCollisionResolution)), &actions)
                return
            }
            self.drive(.established, .openCollisionDump(nil), &actions)
        }
        self.drive(slot, .keepaliveReceived, &actions)
    }

    mutating func notificationReceived(_ notification: Notification, on slot: Slot, _ actions: inout Actions) {
        if notification.asksForFewerCapabilities, self[slot].machine.state < .established {
            let lower = self.configuration.level(
                below: self[slot].machine.capabilityLevel,
                skippingEssential: notification.subcode == OpenSubcode.unsupportedOptionalParameter.rawValue
            )
            if let lower, !(self.capabilityLevel.rawValue > self[slot].machine.capabilityLevel.rawValue) {
                self.capabilityLevel = lower
                self.retriesWithFewerCapabilities = true
            } else if lower == nil {
                self.capabilityLevel = .full
            }
        }
        let event: SessionEvent =
            notification.isVersionError
            ? .notificationVersionErrorReceived(notification) : .notificationReceived(notification)
        self.drive(slot, event, &actions)
        self.retriesWithFewerCapabilities = false
    }
}
