import BGPWire
import IPAddressing
import Testing

@testable import BGPSession

@Suite("Peer state machine")
struct PeerStateMachineTests {
    private func established(_ configuration: SessionConfiguration = sampleConfiguration()) throws -> (
        PeerDriver, ConnectionID
    ) {
        var driver = PeerDriver(configuration)
        let id = try driver.startAndConnect()
        driver.establish(id)
        try #require(driver.peer.state == .established)
        return (driver, id)
    }

    // MARK: Messages in the wrong state (RFC 6608)

    @Test(
        "An UPDATE, KEEPALIVE or ROUTE-REFRESH in OpenSent is answered with 5/1",
        arguments: [ReceivedMessage.update, .keepalive, .routeRefresh]
    )
    func unexpectedInOpenSent(message: ReceivedMessage) throws {
        var driver = PeerDriver(sampleConfiguration())
        let id = try driver.startAndConnect()
        driver.give(.received(id, message))
        #expect(driver.notification == .finiteStateMachine(.unexpectedMessageInOpenSent))
        #expect(driver.peer.state == .idle)
    }

    @Test(
        "An UPDATE, ROUTE-REFRESH or second OPEN in OpenConfirm is answered with 5/2",
        arguments: [ReceivedMessage.update, .routeRefresh, .open(sampleOpen())]
    )
    func unexpectedInOpenConfirm(message: ReceivedMessage) throws {
        var driver = PeerDriver(sampleConfiguration())
        let id = try driver.startAndConnect()
        driver.give(.received(id, .open(sampleOpen())))
        driver.give(.received(id, message))
        #expect(driver.notification == .finiteStateMachine(.unexpectedMessageInOpenConfirm))
    }

    @Test("An OPEN in Established is answered with 5/3 and ends the session")
    func openInEstablished() throws {
        var (driver, id) = try self.established()
        driver.give(.received(id, .open(sampleOpen())))
        #expect(driver.notification == .finiteStateMachine(.unexpectedMessageInEstablished))
        let reason = SessionEndReason.notificationSent(.finiteStateMachine(.unexpectedMessageInEstablished))
        #expect(driver.last.contains(.down(id, reason, keepsRoutes: false)))
    }

    // MARK: Timers

    @Test("Hold timer expiry sends 4/0 in OpenSent, OpenConfirm and Established", arguments: 0...2)
    func holdTimerExpires(messages: Int) throws {
        var driver = PeerDriver(sampleConfiguration())
        let id = try driver.startAndConnect()
        #expect(driver.timers[PeerTimer(.hold, of: id)] == .seconds(240))
        if messages > 0 { driver.give(.received(id, .open(sampleOpen()))) }
        if messages > 1 { driver.give(.received(id, .keepalive)) }
        if messages > 0 { #expect(driver.timers[PeerTimer(.hold, of: id)] == .seconds(30)) }
        driver.give(.timerExpired(PeerTimer(.hold, of: id)))
        #expect(driver.notification == .holdTimerExpired)
        #expect(driver.last.contains(.close(id)))
        #expect(driver.peer.state == .idle)
        #expect(driver.peer.lastError == .notificationSent(.holdTimerExpired))
    }

    @Test("With a negotiated hold time of zero no hold, keepalive or send hold timer runs")
    func noTimersWithHoldTimeZero() throws {
        var driver = PeerDriver(sampleConfiguration())
        let id = try driver.startAndConnect()
        driver.establish(id, sampleOpen(holdTime: 0))
        #expect(driver.peer.state == .established)
        #expect(driver.timers.keys.allSatisfy { $0.connection == nil })
        driver.give(.dataAccepted(id))
        driver.give(.updateSent(id))
        driver.give(.received(id, .update))
        #expect(driver.timers.keys.allSatisfy { $0.connection == nil })
    }

    @Test("The send hold timer is the larger of 8 minutes and twice the hold time, and its expiry aborts with 8/0")
    func sendHoldTimer() throws {
        var (driver, id) = try self.established()
        #expect(driver.timers[PeerTimer(.sendHold, of: id)] == .seconds(480))
        driver.timers = [:]
        driver.give(.dataAccepted(id))
        #expect(driver.timers[PeerTimer(.sendHold, of: id)] == .seconds(480))
        driver.give(.timerExpired(PeerTimer(.sendHold, of: id)))
        #expect(driver.notification == .sendHoldTimerExpired)
        #expect(driver.last.contains(.abort(id)))

        var configuration = sampleConfiguration()
        configuration.holdTime = 300
        let local = configuration.localOpen()
        #expect(
            try configuration.negotiate(local: local, peer: sampleOpen(holdTime: 300)).sendHoldTime == .seconds(600)
        )
        configuration.sendHoldTime = .seconds(20)
        #expect(try configuration.negotiate(local: local, peer: sampleOpen(holdTime: 300)).sendHoldTime == .seconds(20))
    }

    @Test("Jitter takes off up to a quarter of the keepalive and connect retry timers, never below a second")
    func jitter() {
        #expect(SessionTimer.keepalive.delay(.seconds(10), random: 0) > .milliseconds(7499))
        #expect(SessionTimer.keepalive.delay(.seconds(10), random: 0) < .milliseconds(7501))
        #expect(SessionTimer.keepalive.delay(.seconds(10), random: .max) == .seconds(10))
        #expect(SessionTimer.keepalive.delay(.seconds(1), random: 0) == .seconds(1))
        #expect(SessionTimer.connectRetry.delay(.seconds(4), random: 0) < .milliseconds(3001))
        #expect(SessionTimer.hold.delay(.seconds(9), random: 0) == .seconds(9))
    }

    @Test("A timer of a connection that is gone does nothing")
    func staleTimer() throws {
        var (driver, id) = try self.established()
        driver.give(.connectionFailed(id, nil))
        let before = driver.peer
        for timer in SessionTimer.allCases {
            driver.give(.timerExpired(PeerTimer(timer, of: id)))
            #expect(driver.last.isEmpty)
        }
        #expect(driver.peer == before)
    }

    // MARK: Stopping

    @Test("A NOTIFICATION is never answered, in any state", arguments: 0...2)
    func notificationIsNotAnswered(messages: Int) throws {
        var driver = PeerDriver(sampleConfiguration())
        let id = try driver.startAndConnect()
        if messages > 0 { driver.give(.received(id, .open(sampleOpen()))) }
        if messages > 1 { driver.give(.received(id, .keepalive)) }
        driver.give(.received(id, .notification(.cease(.administrativeShutdown))))
        #expect(driver.sent.isEmpty)
        #expect(driver.last.contains(.close(id)))
        #expect(driver.peer.lastError == .notificationReceived(.cease(.administrativeShutdown)))
    }

    @Test("A stop sends its Cease with the text, closes, and cancels every timer")
    func stop() throws {
        var (driver, id) = try self.established()
        let cease = Notification.cease(.administrativeShutdown, communication: "maintenance")
        driver.give(.stop(cease))
        #expect(driver.notification == cease)
        #expect(driver.last.contains(.close(id)))
        #expect(driver.timers.isEmpty)
        #expect(driver.peer.isStopped)
        driver.expectAdmission(false)
        #expect(driver.last == [.refuse(.stopped)])
    }

    @Test("A stop without a Cease aborts silently")
    func silentStop() throws {
        var (driver, id) = try self.established()
        driver.give(.stop(nil))
        #expect(driver.sent.isEmpty)
        #expect(driver.last.contains(.abort(id)))
        #expect(driver.last.contains(.down(id, .stoppedSilently, keepsRoutes: false)))
    }

    @Test("A stop reaches both connections of a collision in progress")
    func stopWithTwoConnections() throws {
        var driver = PeerDriver(sampleConfiguration())
        let outgoing = try driver.startAndConnect()
        let incoming = try driver.accept()
        driver.give(.stop(.cease(.peerDeconfigured)))
        #expect(driver.last.contains(.close(outgoing)))
        #expect(driver.last.contains(.close(incoming)))
        #expect(driver.sent == [.notification(.cease(.peerDeconfigured)), .notification(.cease(.peerDeconfigured))])
    }

    @Test("An automatic stop sends its NOTIFICATION and starts again as asked")
    func automaticStop() throws {
        for (restart, wait) in [
            (PeerRestart.afterBackoff, Duration.seconds(60)), (.after(.seconds(900)), .seconds(900)),
        ] {
            var (driver, _) = try self.established()
            driver.give(.automaticStop(.cease(.maximumNumberOfPrefixesReached), restart))
            #expect(driver.notification == .cease(.maximumNumberOfPrefixesReached))
            #expect(driver.timers[PeerTimer(.idleHold)] == wait)
            driver.expectAdmission(false)
            driver.give(.timerExpired(PeerTimer(.idleHold)))
            #expect(driver.dialed != nil)
        }
        var (driver, _) = try self.established()
        driver.give(.automaticStop(.cease(.maximumNumberOfPrefixesReached), .never))
        #expect(driver.timers.isEmpty && driver.peer.isStopped)
        (driver, _) = try self.established()
        driver.give(.automaticStop(.cease(.bfdDown), .soon))
        #expect(driver.timers == [PeerTimer(.connectRetry): .seconds(1)])
    }

    @Test("A link that goes down ends the session without a message, and dialing waits for the link")
    func link() throws {
        var (driver, id) = try self.established()
        driver.give(.linkDown)
        #expect(driver.sent.isEmpty)
        #expect(driver.last.contains(.abort(id)))
        #expect(driver.last.contains(.down(id, .linkDown, keepsRoutes: false)))
        #expect(driver.timers.isEmpty)
        driver.expectAdmission(false)
        driver.give(.linkUp)
        #expect(driver.dialed != nil)
    }

    // MARK: Dialing

    @Test("The first attempt waits for the connect delay, later ones for the connect retry time")
    func connectDelayAndRetry() throws {
        var configuration = sampleConfiguration()
        configuration.connectDelay = .seconds(5)
        var driver = PeerDriver(configuration)
        driver.give(.start)
        #expect(driver.peer.state == .active)
        #expect(driver.timers == [PeerTimer(.connectRetry): .seconds(5)])
        driver.give(.timerExpired(PeerTimer(.connectRetry)))
        let id = try #require(driver.dialed)
        #expect(driver.timers == [PeerTimer(.connectRetry): .seconds(121)])
        driver.give(.connectionFailed(id, 111))
        #expect(driver.peer.state == .active)
        #expect(driver.timers == [PeerTimer(.connectRetry): .seconds(121)])
        #expect(driver.peer.lastError == .connectionFailed(111))
    }

    @Test("An attempt that takes longer than the connect retry time is replaced by another")
    func attemptTimesOut() throws {
        var driver = PeerDriver(sampleConfiguration())
        driver.give(.start)
        let first = try #require(driver.dialed)
        driver.give(.timerExpired(PeerTimer(.connectRetry)))
        let second = try #require(driver.dialed)
        #expect(driver.last.contains(.close(first)) && first != second)
        driver.give(.connected(first))
        #expect(driver.last.isEmpty)
    }

    @Test("A passive peer never dials and keeps listening")
    func passive() throws {
        var configuration = sampleConfiguration()
        configuration.isPassive = true
        var driver = PeerDriver(configuration)
        driver.give(.start)
        #expect(driver.peer.state == .active && driver.timers.isEmpty)
        let id = try driver.accept()
        driver.establish(id)
        #expect(driver.peer.state == .established)
        driver.give(.connectionFailed(id, nil))
        #expect(driver.peer.state == .active && driver.timers.isEmpty && driver.dialed == nil)
    }

    @Test("With DelayOpen our OPEN waits, and an OPEN of the peer in the meantime is answered at once")
    func delayOpen() throws {
        var configuration = sampleConfiguration()
        configuration.delayOpenTime = .seconds(7)
        var driver = PeerDriver(configuration)
        let id = try driver.startAndConnect()
        #expect(driver.sent.isEmpty)
        #expect(driver.timers == [PeerTimer(.delayOpen, of: id): .seconds(7)])
        driver.give(.received(id, .open(sampleOpen())))
        #expect(driver.sent == [.open(configuration.localOpen()), .keepalive])
        #expect(driver.peer.state == .openConfirm)
    }

    // MARK: Waits after errors

    /// Ends the present connection with an error, after which the peer waits; gives the wait.
    private func fail(_ driver: inout PeerDriver, _ id: ConnectionID) -> Duration? {
        driver.give(.received(id, .headerError(.messageHeader(.badMessageLength))))
        return driver.timers[PeerTimer(.idleHold)]
    }

    @Test("Waits double from the first to the largest, and start over after the time to forget")
    func backoff() throws {
        var driver = PeerDriver(sampleConfiguration())
        var id = try driver.startAndConnect()
        var waits: [Duration?] = []
        for _ in 0..<5 {
            waits.append(self.fail(&driver, id))
            driver.give(.timerExpired(PeerTimer(.idleHold)))
            id = try #require(driver.dialed)
            driver.give(.connected(id))
        }
        #expect(waits == [.seconds(60), .seconds(120), .seconds(240), .seconds(300), .seconds(300)])
        #expect(driver.timers[PeerTimer(.errorForget)] == .seconds(600))
        driver.give(.timerExpired(PeerTimer(.errorForget)))
        #expect(self.fail(&driver, id) == .seconds(60))
    }

    @Test("There is no wait after a plain close or Cease 6/3, 6/4, 6/6, also inside a Hard Reset")
    func noBackoff() throws {
        let hardReset = Notification(code: .cease, subcode: CeaseSubcode.hardReset.rawValue, data: [6, 4])
        for notification in [
            nil, Notification.cease(.peerDeconfigured), .cease(.administrativeReset),
            .cease(.otherConfigurationChange), hardReset,
        ] {
            var (driver, id) = try self.established()
            driver.give(
                notification.map { .received(id, .notification($0)) } ?? .connectionFailed(id, nil)
            )
            #expect(driver.timers == [PeerTimer(.connectRetry): .seconds(1)], "\(String(describing: notification))")
            driver.expectAdmission(true)
        }
    }

    @Test(
        "There is a wait after other NOTIFICATIONs, in which connections are refused",
        arguments: [
            Notification.cease(.administrativeShutdown), .cease(.connectionRejected), .open(.badPeerAS),
            .update(.malformedAttributeList), .cease(.hardReset),
        ]
    )
    func waitRefuses(notification: Notification) throws {
        var (driver, id) = try self.established()
        driver.give(.received(id, .notification(notification)))
        #expect(driver.timers[PeerTimer(.idleHold)] == .seconds(60))
        driver.expectAdmission(false)
        #expect(driver.last == [.refuse(.waiting)])
    }

    @Test("A peer that fell silent is admitted during the wait, which ends when its session is up")
    func waitAfterSilenceAdmits() throws {
        var (driver, id) = try self.established()
        driver.give(.timerExpired(PeerTimer(.hold, of: id)))
        #expect(driver.timers[PeerTimer(.idleHold)] == .seconds(60))
        let incoming = try driver.accept()
        driver.establish(incoming)
        #expect(driver.peer.state == .established)
        #expect(driver.timers[PeerTimer(.idleHold)] == nil)
    }

    @Test("Whether connections are admitted during waits is a setting")
    func admissionSetting() throws {
        for (setting, afterSilence, afterError) in [
            (SessionConfiguration.IncomingDuringIdleHold.never, false, false), (.afterSilence, true, false),
            (.always, true, true),
        ] {
            var configuration = sampleConfiguration()
            configuration.incomingDuringIdleHold = setting
            var (driver, id) = try self.established(configuration)
            driver.give(.timerExpired(PeerTimer(.hold, of: id)))
            driver.expectAdmission(afterSilence)
            (driver, id) = try self.established(configuration)
            _ = self.fail(&driver, id)
            driver.expectAdmission(afterError)
        }
    }

    // MARK: Capability fallback

    @Test("After 2/7 the next OPENs offer less, then nothing, then everything again after a wait")
    func capabilityFallback() throws {
        var driver = PeerDriver(sampleConfiguration())
        var id = try driver.startAndConnect()
        var offered: [Int] = []
        for _ in 0..<3 {
            guard case .open(let open)? = driver.sent.first else {
                Issue.record("no OPEN")
                return
            }
            offered.append(open.capabilities.count)
            driver.give(.received(id, .notification(.open(.unsupportedCapability))))
            if driver.timers[PeerTimer(.idleHold)] != nil { break }
            #expect(driver.timers == [PeerTimer(.connectRetry): .seconds(1)])
            driver.give(.timerExpired(PeerTimer(.connectRetry)))
            id = try #require(driver.dialed)
            driver.give(.connected(id))
        }
        #expect(offered == [4, 2, 0])
        #expect(driver.timers[PeerTimer(.idleHold)] == .seconds(60))
        #expect(driver.peer.capabilityLevel == .full)
    }

    @Test("After 2/4 the next OPEN has no capabilities, and the session comes up for IPv4 unicast")
    func optionalParameterFallback() throws {
        var driver = PeerDriver(sampleConfiguration())
        var id = try driver.startAndConnect()
        driver.give(.received(id, .notification(.open(.unsupportedOptionalParameter))))
        driver.give(.timerExpired(PeerTimer(.connectRetry)))
        id = try #require(driver.dialed)
        driver.give(.connected(id))
        #expect(
            driver.sent == [
                .open(Open(myAS: 64_512, holdTime: 90, identifier: RouterID(rawValue: 0x0A00_0001), capabilities: []))
            ]
        )
        driver.establish(id, Open(myAS: 64_513, holdTime: 30, identifier: RouterID(rawValue: 9), capabilities: []))
        #expect(driver.peer.negotiated?.families.map(\.family) == [.ipv4Unicast])
        #expect(driver.peer.negotiated?.fourOctetAS == false)
    }

    @Test("There is no fallback where the session needs its capabilities")
    func noFallback() throws {
        var configuration = sampleConfiguration()
        configuration.families = [SessionConfiguration.Family(.ipv6Unicast)]
        var driver = PeerDriver(configuration)
        let id = try driver.startAndConnect()
        driver.give(.received(id, .notification(.open(.unsupportedOptionalParameter))))
        #expect(driver.timers[PeerTimer(.idleHold)] == .seconds(60))
    }

    // MARK: Display

    @Test("Errors, counters and state changes are kept for display")
    func display() throws {
        var (driver, id) = try self.established()
        #expect(driver.last.last == .stateChanged(from: .openConfirm, to: .established))
        driver.give(.received(id, .notification(.cease(.administrativeReset, communication: "back soon"))))
        #expect(driver.peer.lastError?.description.hasPrefix("received: ") == true)
        #expect(driver.peer.lastError?.description.contains("back soon") == true)
        #expect(driver.peer.counters.established == 1 && driver.peer.counters.down == 1)
        #expect(driver.peer.counters.attempts == 1 && driver.peer.counters.stateChanges == 5)
    }
}
