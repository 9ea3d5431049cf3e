import BGPWire
import IPAddressing
import Testing

@testable import BGPSession

@Suite("Random events")
struct RandomEventTests {
    private func message(_ random: inout SplitMix) -> ReceivedMessage {
        let opens = [
            sampleOpen(), sampleOpen(identifier: 1), sampleOpen(identifier: .max), sampleOpen(holdTime: 1),
            sampleOpen(holdTime: 0), sampleOpen(localAS: 7),
            sampleOpen(capabilities: [
                .gracefulRestart(.init(restartState: true, notification: true, restartTime: 9, families: []))
            ]),
        ]
        let notifications: [Notification] = [
            .open(.unsupportedCapability), .open(.unsupportedOptionalParameter), .open(.unsupportedVersionNumber),
            .cease(.administrativeReset), .cease(.connectionCollisionResolution),
            Notification(code: .cease, subcode: 9, data: [6]),
            Notification(code: Notification.Code(rawValue: 255), subcode: 255, data: [1]),
        ]
        switch Int.random(in: 0..<16, using: &random) {
        case 0..<5: return .open(opens.randomElement(using: &random) ?? sampleOpen())
        case 5..<10: return .keepalive
        case 10: return .update
        case 11: return .routeRefresh
        case 12: return .notification(notifications.randomElement(using: &random) ?? .holdTimerExpired)
        case 13: return .headerError(.messageHeader(.badMessageType))
        case 14: return .openError(.open(.unspecific))
        default: return .updateError(.update(.malformedAttributeList))
        }
    }

    private func configuration(_ seed: UInt64) -> SessionConfiguration {
        var configuration = sampleConfiguration()
        configuration.isPassive = seed & 1 != 0
        configuration.delayOpenTime = seed & 2 != 0 ? .seconds(3) : nil
        configuration.sendsNotificationWithoutOpen = seed & 4 != 0
        configuration.detectsCollisionWhenEstablished = seed & 8 != 0
        configuration.incomingDuringIdleHold = seed & 16 != 0 ? .always : .afterSilence
        configuration.connectDelay = seed & 32 != 0 ? .seconds(5) : .zero
        if seed & 64 != 0 {
            configuration.gracefulRestart = .init(restartState: false, notification: true, restartTime: 9, families: [])
        }
        configuration.dampsPeerOscillations = seed & 128 == 0
        return configuration
    }

    @Test("A peer keeps its promises under any sequence of inputs", arguments: UInt64(0)..<256)
    func peer(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var driver = PeerDriver(self.configuration(seed))
        /// Connections that are open as far as the actions say.
        var open: Set<ConnectionID> = []
        var names: [ConnectionID] = []
        var up: ConnectionID?
        for _ in 0..<1000 {
            let name = Bool.random(using: &random) ? names.last : names.suffix(6).randomElement(using: &random)
            let input: PeerInput
            switch Int.random(in: 0..<40, using: &random) {
            case 0: input = .stop(Bool.random(using: &random) ? .cease(.administrativeShutdown) : nil)
            case 1..<5: input = .start
            case 5: input = .reset(.cease(.administrativeReset))
            case 6:
                let restarts: [PeerRestart] = [.soon, .afterBackoff, .after(.seconds(3)), .never]
                input = .automaticStop(.cease(.outOfResources), restarts.randomElement(using: &random) ?? .soon)
            case 7: input = Bool.random(using: &random) ? .linkDown : .linkUp
            case 8: input = .linkUp
            case 9..<13: input = .connectionOffered
            case 13..<17: input = name.map { .connected($0) } ?? .start
            case 17, 18: input = name.map { .connectionFailed($0, 104) } ?? .start
            case 19..<23:
                // Any timer, also one that does not run.
                let timer = SessionTimer.allCases.randomElement(using: &random) ?? .hold
                input = .timerExpired(PeerTimer(timer, of: Bool.random(using: &random) ? name : nil))
            case 23:
                let running = driver.timers.keys.sorted { "\($0)" < "\($1)" }
                input = running.randomElement(using: &random).map { .timerExpired($0) } ?? .start
            case 24: input = name.map { .dataAccepted($0) } ?? .start
            case 25: input = name.map { .updateSent($0) } ?? .start
            default: input = name.map { .received($0, self.message(&random)) } ?? .start
            }
            if case .connectionFailed(let name, _) = input { open.remove(name) }
            driver.give(input)
            let context = Comment(rawValue: "\(input) gave \(driver.last)")
            for action in driver.last {
                switch action {
                case .connect(let id), .accept(let id):
                    #expect(!names.contains(id), context)
                    names.append(id)
                    open.insert(id)
                case .send(let id, _): #expect(open.contains(id), context)
                case .close(let id), .abort(let id): open.remove(id)
                case .established(let id, _):
                    #expect(up == nil && open.contains(id), context)
                    up = id
                case .down(let id, _, _):
                    #expect(up == id, context)
                    up = nil
                case .deliverUpdate(let id), .deliverRouteRefresh(let id): #expect(up == id, context)
                case .refuse, .arm, .cancel, .stateChanged: break
                }
            }
            #expect(open.count <= 2, context)
            #expect(driver.peer.establishedConnection == up, context)
            #expect((driver.peer.state == .established) == (up != nil), context)
            for timer in driver.timers.keys {
                if let id = timer.connection {
                    #expect(open.contains(id), "\(timer) outlived its connection: \(input)")
                }
            }
            if driver.peer.isStopped { #expect(open.isEmpty && driver.timers.isEmpty, context) }
            // Never stuck: something is under way, awaited, or listened for.
            if !driver.peer.isStopped, driver.peer.isLinkUp, open.isEmpty, !driver.peer.configuration.isPassive {
                let awaited = driver.timers[PeerTimer(.idleHold)] ?? driver.timers[PeerTimer(.connectRetry)]
                #expect(awaited != nil, context)
            }
        }
        #expect(driver.mostActions <= 20)
    }

    @Test(
        "No sequence of events makes more actions than fit, or ends in a state without its session",
        arguments: UInt64(0)..<64
    )
    func session(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var machine = SessionStateMachine(configuration: self.configuration(seed))
        let session = try sampleSession(machine.configuration)
        let failure = Notification.cease(.outOfResources)
        let events: [SessionEvent] = [
            .manualStart, .manualStop(failure), .manualStop(nil), .automaticStart,
            .manualStartWithPassiveTCPEstablishment, .automaticStartWithPassiveTCPEstablishment,
            .automaticStartWithDampPeerOscillations,
            .automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment, .automaticStop(failure),
            .connectRetryTimerExpired, .holdTimerExpired, .keepaliveTimerExpired, .delayOpenTimerExpired,
            .idleHoldTimerExpired, .tcpConnectionValid, .tcpConnectionRequestInvalid,
            .tcpConnectionRequestAcknowledged, .tcpConnectionConfirmed, .tcpConnectionFailed(nil),
            .openReceived(session), .openReceivedWithDelayOpenTimerRunning(session), .headerError(failure),
            .openMessageError(failure), .openCollisionDump(failure), .openCollisionDump(nil),
            .notificationVersionErrorReceived(failure), .notificationReceived(failure), .keepaliveReceived,
            .updateReceived, .updateMessageError(failure), .sendHoldTimerExpired, .routeRefreshReceived, .updateSent,
            .dataAccepted,
        ]
        let advancing: [SessionEvent] = [
            .manualStart, .tcpConnectionConfirmed, .delayOpenTimerExpired, .openReceived(session), .keepaliveReceived,
        ]
        for _ in 0..<4000 {
            let event = (Bool.random(using: &random) ? events : advancing).randomElement(using: &random) ?? .manualStart
            let actions = machine.handle(event)
            #expect(actions.count <= 6)
            #expect((machine.negotiated != nil) == (machine.state >= .openConfirm))
            if machine.state >= .openSent { #expect(machine.transport == .connected) }
            if machine.state == .idle { #expect(machine.transport == .none && machine.runningTimers.isEmpty) }
        }
    }
}
