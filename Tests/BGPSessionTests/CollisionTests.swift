import BGPWire
import IPAddressing
import Testing

@testable import BGPSession

@Suite("Connection collisions (RFC 4271 §6.8)")
struct CollisionTests {
    struct Case: Sendable {
        var local: UInt32
        var remote: UInt32
        var localAS: ASNumber
        var remoteAS: ASNumber
        var ours: Bool
    }

    static let cases = [
        Case(local: 2, remote: 1, localAS: 64_512, remoteAS: 64_513, ours: true),
        Case(local: 1, remote: 2, localAS: 64_512, remoteAS: 64_513, ours: false),
        Case(local: 0x8000_0000, remote: 1, localAS: 64_512, remoteAS: 64_513, ours: true),
        Case(local: 1, remote: 0xFFFF_FFFF, localAS: 64_512, remoteAS: 64_512, ours: false),
        Case(local: 5, remote: 5, localAS: 64_513, remoteAS: 64_512, ours: true),
        Case(local: 5, remote: 5, localAS: 64_512, remoteAS: 4_200_000_000, ours: false),
    ]

    private let collision = Notification.cease(.connectionCollisionResolution)

    private func driver(_ example: Case) -> (PeerDriver, Open) {
        let configuration = sampleConfiguration(
            localAS: example.localAS,
            remoteAS: .exactly(example.remoteAS),
            identifier: example.local
        )
        return (PeerDriver(configuration), sampleOpen(localAS: example.remoteAS, identifier: example.remote))
    }

    @Test(
        "The connection of the higher identifier stays, whichever OPEN comes first",
        arguments: cases,
        [ConnectionOrigin.outgoing, .incoming]
    )
    func bothOpenSent(example: Case, first: ConnectionOrigin) throws {
        var (driver, open) = self.driver(example)
        let outgoing = try driver.startAndConnect()
        let incoming = try driver.accept()
        let (winner, loser) = example.ours ? (outgoing, incoming) : (incoming, outgoing)
        driver.give(.received(first == .outgoing ? outgoing : incoming, .open(open)))
        #expect(driver.last.contains(.send(loser, .notification(self.collision))))
        #expect(driver.last.contains(.close(loser)))
        if first != winner.origin {
            #expect(driver.peer.state(of: winner) == .openSent)
            #expect(driver.timers[PeerTimer(.hold, of: winner)] == .seconds(30))
            driver.give(.received(winner, .open(open)))
        }
        #expect(driver.peer.state(of: winner) == .openConfirm)
        driver.give(.received(winner, .keepalive))
        #expect(driver.peer.establishedConnection == winner)
        #expect(driver.timers.keys.allSatisfy { $0.connection == winner })
        #expect(driver.peer.lastError == nil)
    }

    @Test("A connection that comes while the other is in OpenConfirm is compared on its OPEN", arguments: cases)
    func otherInOpenConfirm(example: Case) throws {
        var (driver, open) = self.driver(example)
        let outgoing = try driver.startAndConnect()
        driver.give(.received(outgoing, .open(open)))
        let incoming = try driver.accept()
        #expect(driver.peer.state(of: outgoing) == .openConfirm)
        driver.give(.received(incoming, .open(open)))
        let (winner, loser) = example.ours ? (outgoing, incoming) : (incoming, outgoing)
        #expect(driver.last.contains(.send(loser, .notification(self.collision))))
        driver.give(.received(winner, .keepalive))
        #expect(driver.peer.establishedConnection == winner)
    }

    @Test("An Established connection stays, and the new one gets 6/7", arguments: cases)
    func otherEstablished(example: Case) throws {
        var (driver, open) = self.driver(example)
        let outgoing = try driver.startAndConnect()
        driver.establish(outgoing, open)
        let incoming = try driver.accept()
        driver.give(.received(incoming, .open(open)))
        #expect(driver.last.contains(.send(incoming, .notification(self.collision))))
        #expect(driver.peer.establishedConnection == outgoing)
        #expect(driver.peer.state(of: incoming) == nil)
    }

    @Test("With CollisionDetectEstablishedState identifiers are compared also then", arguments: cases)
    func collisionDetectEstablished(example: Case) throws {
        var (driver, open) = self.driver(example)
        var configuration = driver.peer.configuration
        configuration.detectsCollisionWhenEstablished = true
        driver.peer.reconfigure(configuration)
        let outgoing = try driver.startAndConnect()
        driver.establish(outgoing, open)
        let incoming = try driver.accept()
        driver.give(.received(incoming, .open(open)))
        let (winner, loser) = example.ours ? (outgoing, incoming) : (incoming, outgoing)
        #expect(driver.last.contains(.send(loser, .notification(self.collision))))
        driver.give(.received(winner, .keepalive))
        #expect(driver.peer.establishedConnection == winner)
    }

    private func restarting(replaces: Bool) -> (PeerDriver, Open) {
        let value = Capability.GracefulRestart(
            restartState: false,
            notification: false,
            restartTime: 120,
            families: []
        )
        var configuration = sampleConfiguration()
        configuration.gracefulRestart = value
        configuration.replacesEstablishedOnRestart = replaces
        return (
            PeerDriver(configuration),
            sampleOpen(capabilities: [.multiprotocol(.ipv4Unicast), .gracefulRestart(value)])
        )
    }

    @Test("With graceful restart a new connection replaces an Established one silently, keeping its routes")
    func gracefulRestartReplaces() throws {
        var (driver, open) = self.restarting(replaces: true)
        let first = try driver.startAndConnect()
        driver.establish(first, open)
        let second = try driver.accept()
        driver.give(.received(second, .open(open)))
        #expect(driver.peer.establishedConnection == first)
        driver.give(.received(second, .keepalive))
        #expect(driver.sent.isEmpty)
        #expect(driver.last.contains(.abort(first)))
        #expect(driver.last.contains(.down(first, .replaced, keepsRoutes: true)))
        #expect(driver.peer.establishedConnection == second)
        let third = try driver.accept()
        driver.establish(third, open)
        #expect(driver.peer.establishedConnection == third)
    }

    @Test("A new connection that ends before its KEEPALIVE leaves the Established one alone")
    func replacementThatFails() throws {
        var (driver, open) = self.restarting(replaces: true)
        let first = try driver.startAndConnect()
        driver.establish(first, open)
        let second = try driver.accept()
        driver.give(.received(second, .open(open)))
        driver.give(.received(second, .notification(self.collision)))
        #expect(driver.peer.establishedConnection == first)
        #expect(driver.peer.state(of: second) == nil)
    }

    @Test("Replacing on restart can be switched off")
    func replacingOff() throws {
        var (driver, open) = self.restarting(replaces: false)
        let first = try driver.startAndConnect()
        driver.establish(first, open)
        let second = try driver.accept()
        driver.give(.received(second, .open(open)))
        #expect(driver.notification == self.collision)
        #expect(driver.peer.establishedConnection == first)
    }

    @Test("A second connection of the peer replaces its first one before OpenConfirm ends")
    func newerIncomingReplacesOlder() throws {
        var configuration = sampleConfiguration()
        configuration.isPassive = true
        var driver = PeerDriver(configuration)
        driver.give(.start)
        let first = try driver.accept()
        let second = try driver.accept()
        #expect(driver.last.contains(.close(first)))
        driver.establish(second)
        #expect(driver.peer.establishedConnection == second)
    }

    @Test("Our attempt is given up once the peer's OPEN came through, and resumed when that connection fails")
    func dialingStopsForIncoming() throws {
        var driver = PeerDriver(sampleConfiguration(identifier: 0xFF00_0000))
        driver.give(.start)
        let outgoing = try #require(driver.dialed)
        let incoming = try driver.accept()
        driver.give(.received(incoming, .open(sampleOpen())))
        #expect(driver.last.contains(.close(outgoing)))
        #expect(driver.peer.state(of: incoming) == .openConfirm)
        #expect(driver.timers[PeerTimer(.connectRetry)] == nil)
        driver.give(.connectionFailed(incoming, nil))
        #expect(driver.timers == [PeerTimer(.connectRetry): .seconds(1)])
    }
}
