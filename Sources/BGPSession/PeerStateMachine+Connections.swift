internal import BGPWire

// The connections of a peer, and what their machines ask for.
extension PeerStateMachine {
    enum Slot: Hashable, Sendable {
        case outgoing
        case incoming
        case established
    }

    subscript(_ slot: Slot) -> Connection {
        switch slot {
        case .outgoing: self.outgoing
        case .incoming: self.incoming ?? self.outgoing
        case .established: self.established ?? self.outgoing
        }
    }

    func slot(of id: ConnectionID) -> Slot? {
        if self.established?.id == id { return .established }
        if self.incoming?.id == id { return .incoming }
        return self.outgoing.id == id ? .outgoing : nil
    }

    mutating func nextID(_ origin: ConnectionOrigin) -> ConnectionID {
        self.serial &+= 1
        return ConnectionID(origin: origin, serial: self.serial)
    }

    func makeMachine() -> SessionStateMachine {
        SessionStateMachine(configuration: self.configuration, capabilityLevel: self.capabilityLevel)
    }

    /// Gives an event to a connection's machine, carries out what it asks for, and sees to what follows from it.
    mutating func drive(_ slot: Slot, _ event: SessionEvent, _ actions: inout Actions) {
        switch slot {
        case .outgoing:
            let before = self.outgoing.machine.state
            self.outgoing = self.advance(self.outgoing, event, &actions)
            self.outgoingChanged(from: before, &actions)
        case .incoming:
            guard let connection = self.incoming else { return }
            let advanced = self.advance(connection, event, &actions)
            self.incoming = advanced
            self.incomingChanged(advanced, &actions)
        case .established:
            guard let connection = self.established else { return }
            let advanced = self.advance(connection, event, &actions)
            guard advanced.machine.state != .established else {
                self.established = advanced
                return
            }
            self.established = nil
            self.outgoing.machine.connectRetryCounter = advanced.machine.connectRetryCounter
            self.ended(advanced.machine.endReason ?? .stoppedSilently, &actions)
        }
    }

    private mutating func outgoingChanged(from before: SessionState, _ actions: inout Actions) {
        let machine = self.outgoing.machine
        switch machine.state {
        case .established:
            self.established = self.outgoing
            self.outgoing = Connection(id: self.nextID(.outgoing), machine: self.makeMachine())
            self.outgoing.machine.connectRetryCounter = machine.connectRetryCounter
            self.sessionCameUp(&actions)
        case .idle:
            if let reason = machine.endReason {
                self.outgoing.machine.endReason = nil
                self.outgoing.isPreferred = false
                self.ended(reason, inConnect: before == .connect, &actions)
            }
        case .active where machine.transport == .none:
            // OpenSent and lost: an attempt that ended without a NOTIFICATION; the ConnectRetryTimer runs.
            self.outgoing.isPreferred = false
            guard let reason = machine.endReason else { break }
            self.outgoing.machine.endReason = nil
            self.ended(reason, &actions)
        case .active, .connect, .openSent, .openConfirm: break
        }
    }

    private mutating func incomingChanged(_ connection: Connection, _ actions: inout Actions) {
        if connection.machine.state == .established {
            self.incoming = nil
            self.established = connection
            self.sessionCameUp(&actions)
        } else if connection.machine.transport == .none {
            // Its machine may be in Active by now, but only the outgoing one waits for connections.
            self.incoming = nil
            self.ended(connection.machine.endReason ?? .connectionFailed(nil), &actions)
        }
    }

    /// Runs a machine and turns its actions into the peer's.
    private mutating func advance(
        _ connection: Connection,
        _ event: SessionEvent,
        _ actions: inout Actions
    ) -> Connection {
        var connection = connection
        let session = connection.machine.negotiated
        for action in connection.machine.handle(event) {
            switch action {
            case .connect:
                connection.id = self.nextID(.outgoing)
                connection.hasFailed = false
                self.counters.attempts &+= 1
                actions.append(.connect(connection.id))
            case .send(let message):
                actions.append(.send(connection.id, message))
            case .arm(let timer, let duration):
                self.arm(timer, duration, of: connection.id, &actions)
            case .cancel(let timers):
                self.cancel(timers, of: connection.id, &actions)
            case .closeConnection:
                if !connection.hasFailed { actions.append(.close(connection.id)) }
            case .dropConnectionSilently:
                if !connection.hasFailed { actions.append(.abort(connection.id)) }
            case .sessionEstablished(let session):
                actions.append(.established(connection.id, session))
            case .sessionDown(let reason):
                self.counters.down &+= 1
                let keepsRoutes = session?.keepsRoutes(after: connection.failure(reason, self.isLinkUp)) ?? false
                actions.append(
                    .down(connection.id, connection.failure(reason, self.isLinkUp), keepsRoutes: keepsRoutes)
                )
            case .deliverUpdate: actions.append(.deliverUpdate(connection.id))
            case .deliverRouteRefresh: actions.append(.deliverRouteRefresh(connection.id))
            case .listen, .rejectConnectionRequest, .trackSecondConnection, .releaseResources, .dampOscillations:
                // This machine decides which connections to admit, and when to wait.
                break
            }
        }
        if let reason = connection.machine.endReason {
            connection.machine.endReason = connection.failure(reason, self.isLinkUp)
        }
        return connection
    }

    private mutating func arm(
        _ timer: SessionTimer,
        _ duration: Duration,
        of id: ConnectionID,
        _ actions: inout Actions
    ) {
        if timer == .connectRetry {
            guard id.origin == .outgoing, !self.configuration.isPassive else { return }
            actions.append(.arm(PeerTimer(.connectRetry), duration))
        } else {
            actions.append(.arm(PeerTimer(timer, of: id), duration))
        }
    }

    private mutating func cancel(_ timers: SessionTimers, of id: ConnectionID, _ actions: inout Actions) {
        if timers.contains(.connectRetry), id.origin == .outgoing, !self.configuration.isPassive {
            actions.append(.cancel(.connectRetry, of: nil))
        }
        let own = timers.subtracting(.connectRetry)
        if !own.isEmpty { actions.append(.cancel(own, of: id)) }
    }

    private mutating func sessionCameUp(_ actions: inout Actions) {
        self.counters.established &+= 1
        self.phase = .running
        self.pendingRecovery = .soon
        self.cancelPeerTimer(.idleHold, &actions)
        self.abandonDialing(&actions)
    }

    mutating func cancelPeerTimer(_ timers: SessionTimers, _ actions: inout Actions) {
        let running = self.peerTimers.intersection(timers)
        guard !running.isEmpty else { return }
        self.peerTimers.subtract(running)
        actions.append(.cancel(running, of: nil))
    }

    mutating func connectionFailed(_ slot: Slot, _ event: SessionEvent, _ actions: inout Actions) {
        switch slot {
        case .outgoing: self.outgoing.hasFailed = true
        case .incoming: self.incoming?.hasFailed = true
        case .established: self.established?.hasFailed = true
        }
        self.drive(slot, event, &actions)
    }

    mutating func connectionWasOffered(_ actions: inout Actions) {
        let refusal: RefusalReason? =
            switch self.phase {
            case .stopped: .stopped
            case .waiting(admitsIncoming: false): .waiting
            case .waiting(admitsIncoming: true), .running: self.isLinkUp ? nil : .linkDown
            }
        if let refusal {
            self.counters.refused &+= 1
            actions.append(.refuse(refusal))
            return
        }
        let id = self.nextID(.incoming)
        actions.append(.accept(id))
        self.counters.accepted &+= 1
        if self.incoming != nil {
            // The peer opened another one, so it has given up the older.
            self.counters.collisions &+= 1
            self.endIncomingWithoutRecovery(&actions)
        }
        var machine = self.makeMachine()
        machine.connectRetryCounter = self.outgoing.machine.connectRetryCounter
        machine.configuration.dampsPeerOscillations = true
        _ = machine.handle(.automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment)
        self.incoming = Connection(id: id, machine: machine)
        self.drive(.incoming, .tcpConnectionConfirmed, &actions)
    }

    private mutating func endIncomingWithoutRecovery(_ actions: inout Actions) {
        guard let connection = self.incoming else { return }
        self.incoming = nil
        _ = self.advance(connection, .openCollisionDump(.cease(.connectionCollisionResolution)), &actions)
    }
}

extension PeerStateMachine.Connection {
    /// A lost connection of a link that went down ended because of the link.
    fileprivate func failure(_ reason: SessionEndReason, _ isLinkUp: Bool) -> SessionEndReason {
        if case .connectionFailed = reason, !isLinkUp { return .linkDown }
        return reason
    }
}
