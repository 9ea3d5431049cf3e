import BGPSession
import BGPWire
import Testing

@Suite("Hard Reset (RFC 8538)")
struct HardResetTests {
    private func establish(notification: Bool) throws -> PeerDriver {
        var configuration = sampleConfiguration()
        let value = Capability.GracefulRestart(
            restartState: false,
            notification: true,
            restartTime: 60,
            families: [.init(family: .ipv4Unicast, forwardingPreserved: true)]
        )
        configuration.gracefulRestart = value
        var theirs = value
        theirs.notification = notification
        var driver = PeerDriver(configuration)
        let id = try driver.startAndConnect()
        driver.establish(id, sampleOpen(capabilities: [.multiprotocol(.ipv4Unicast), .gracefulRestart(theirs)]))
        #expect(driver.peer.state == .established)
        return driver
    }

    private func keepsRoutes(_ driver: PeerDriver) -> Bool? {
        for case .down(_, _, let keepsRoutes) in driver.last { return keepsRoutes }
        return nil
    }

    @Test(
        "A stop for good is a Hard Reset where NOTIFICATIONs would let the peer keep routes, else what it was",
        arguments: [
            CeaseSubcode.administrativeShutdown, .peerDeconfigured, .maximumNumberOfPrefixesReached, .outOfResources,
        ]
    )
    func final(subcode: CeaseSubcode) throws {
        let reason = Notification.cease(subcode)
        for (input, isAgreed) in [
            (PeerInput.stop(reason), true), (.stop(reason), false), (.automaticStop(reason, .never), true),
            (.automaticStop(reason, .afterBackoff), false),
        ] {
            var driver = try self.establish(notification: isAgreed)
            driver.give(input)
            #expect(driver.notification == (isAgreed ? .hardReset(reason) : reason))
            #expect(self.keepsRoutes(driver) == false)
        }
    }

    @Test("A reset of a session that comes back is none, and routes are kept")
    func reset() throws {
        var driver = try self.establish(notification: true)
        driver.give(.reset(.cease(.administrativeReset)))
        #expect(driver.notification == .cease(.administrativeReset))
        #expect(self.keepsRoutes(driver) == true)
    }

    @Test("Before the session is up there is nothing to keep: the Cease is sent as it is")
    func beforeEstablished() throws {
        var driver = PeerDriver(sampleConfiguration())
        _ = try driver.startAndConnect()
        driver.give(.stop(.cease(.administrativeShutdown)))
        #expect(driver.notification == .cease(.administrativeShutdown))
    }

    @Test("A Hard Reset carries the reason's code, subcode and data, cut to the message")
    func encoding() {
        let reason = Notification.cease(.administrativeShutdown, communication: "bye")
        #expect(Notification.hardReset(reason).data == [6, 2, 3] + Array("bye".utf8))
        #expect(Notification.hardReset(reason).hardResetReason == reason)
        let large = Notification(code: .update, subcode: 1, data: [UInt8](repeating: 7, count: 5000))
        #expect(Notification.hardReset(large).data.count == Notification.maximumDataLength)
    }
}
