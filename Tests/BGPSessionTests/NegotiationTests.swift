import BGPWire
import IPAddressing
import Testing

@testable import BGPSession

@Suite("OPEN negotiation")
struct NegotiationTests {
    private func error(_ configuration: SessionConfiguration, _ open: Open) -> OpenError? {
        do throws(OpenError) {
            _ = try configuration.negotiate(local: configuration.localOpen(), peer: open)
            return nil
        } catch {
            return error
        }
    }

    @Test("Another version is refused with 2/1 and the supported version in two octets")
    func version() {
        var open = sampleOpen()
        open.version = 3
        #expect(
            self.error(sampleConfiguration(), open)?.notification == .open(.unsupportedVersionNumber, data: [0, 4])
        )
    }

    @Test("An AS that is not expected, zero, AS_TRANS, or at odds with the two-octet field is refused with 2/2")
    func badPeerAS() {
        let bad = Notification.open(.badPeerAS)
        #expect(self.error(sampleConfiguration(), sampleOpen(localAS: 64_514))?.notification == bad)
        for remoteAS in [SessionConfiguration.RemoteAS.external, .exactly(0), .exactly(.transition)] {
            let configuration = sampleConfiguration(remoteAS: remoteAS)
            #expect(self.error(configuration, sampleOpen(localAS: 0))?.notification == bad)
            #expect(self.error(configuration, sampleOpen(localAS: .transition))?.notification == bad)
        }
        var open = sampleOpen()
        open.myAS = 0
        #expect(self.error(sampleConfiguration(), open)?.notification == bad)
        open.myAS = 64_599
        #expect(self.error(sampleConfiguration(), open)?.notification == bad)
        open.myAS = 23_456
        #expect(self.error(sampleConfiguration(), open) == nil)
        #expect(self.error(sampleConfiguration(remoteAS: .external), sampleOpen(localAS: 64_512))?.notification == bad)
        #expect(self.error(sampleConfiguration(remoteAS: .internal), sampleOpen())?.notification == bad)
        #expect(self.error(sampleConfiguration(remoteAS: .internal), sampleOpen(localAS: 64_512)) == nil)
        let wide = sampleConfiguration(remoteAS: .exactly(4_200_000_000))
        #expect(self.error(wide, sampleOpen(localAS: 4_200_000_000)) == nil)
    }

    @Test("Hold times of 1 and 2 seconds, or below our minimum, are refused with 2/6; zero is not")
    func holdTime() {
        var configuration = sampleConfiguration()
        for seconds in [UInt16(1), 2] {
            #expect(
                self.error(configuration, sampleOpen(holdTime: seconds))?.notification == .open(.unacceptableHoldTime)
            )
        }
        #expect(self.error(configuration, sampleOpen(holdTime: 3)) == nil)
        #expect(self.error(configuration, sampleOpen(holdTime: 0)) == nil)
        configuration.minimumHoldTime = 20
        #expect(self.error(configuration, sampleOpen(holdTime: 19)) == .unacceptableHoldTime(19))
        #expect(self.error(configuration, sampleOpen(holdTime: 20)) == nil)
    }

    @Test("An identifier of zero, or equal to ours inside the AS, is refused with 2/3")
    func identifier() {
        let bad = Notification.open(.badBGPIdentifier)
        #expect(self.error(sampleConfiguration(), sampleOpen(identifier: 0))?.notification == bad)
        #expect(self.error(sampleConfiguration(), sampleOpen(identifier: 0x0A00_0001)) == nil)
        let open = sampleOpen(localAS: 64_512, identifier: 0x0A00_0001)
        #expect(self.error(sampleConfiguration(remoteAS: .internal), open)?.notification == bad)
    }

    @Test("A missing mandatory family is refused with 2/7 and its capability, other families are left out")
    func mandatoryFamily() throws {
        var configuration = sampleConfiguration()
        configuration.families = [.init(.ipv4Unicast), .init(.ipv6Unicast)]
        let session = try configuration.negotiate(local: configuration.localOpen(), peer: sampleOpen())
        #expect(session.families.map(\.family) == [.ipv4Unicast])
        configuration.families[1].isMandatory = true
        #expect(
            self.error(configuration, sampleOpen())?.notification
                == .open(.unsupportedCapability, data: [1, 4, 0, 2, 0, 1])
        )
    }

    @Test("A peer without capability 1 supports IPv4 unicast; no family in common is refused with 2/7")
    func impliedFamily() throws {
        var configuration = sampleConfiguration()
        let session = try configuration.negotiate(local: configuration.localOpen(), peer: sampleOpen(capabilities: []))
        #expect(session.families.map(\.family) == [.ipv4Unicast])
        configuration.families = [.init(.ipv6Unicast)]
        #expect(self.error(configuration, sampleOpen(capabilities: [])) == .missingFamilies([.ipv6Unicast]))
    }

    @Test("Only matching roles pass; several, wrong or (strictly) missing ones are refused with 2/11")
    func roles() {
        let roles: [BGPRole] = [.provider, .routeServer, .routeServerClient, .customer, .peer]
        let pairs: Set<[BGPRole]> = [
            [.provider, .customer], [.customer, .provider], [.routeServer, .routeServerClient],
            [.routeServerClient, .routeServer], [.peer, .peer],
        ]
        var configuration = sampleConfiguration()
        for ours in roles {
            configuration.role = ours
            for theirs in roles {
                let error = self.error(configuration, sampleOpen(capabilities: [.role(theirs)]))
                #expect(error?.notification == (pairs.contains([ours, theirs]) ? nil : .open(.roleMismatch)))
            }
        }
        configuration.role = .peer
        #expect(self.error(configuration, sampleOpen(capabilities: [.role(.peer), .role(.customer)])) != nil)
        #expect(self.error(configuration, sampleOpen()) == nil)
        let other = Capability.unknown(code: 9, value: [200])
        #expect(self.error(configuration, sampleOpen(capabilities: [other])) == .roleMismatch([]))
        #expect(self.error(configuration, sampleOpen(capabilities: [.role(.peer), other])) == .roleMismatch([.peer]))
        configuration.requiresRole = true
        #expect(self.error(configuration, sampleOpen()) == .roleMismatch([]))
        configuration.remoteAS = .internal
        #expect(self.error(configuration, sampleOpen(localAS: 64_512)) == nil)
    }

    @Test("The first error in the order of the checks is the one reported")
    func order() {
        var configuration = sampleConfiguration()
        configuration.families = [.init(.ipv6Unicast)]
        configuration.role = .peer
        var open = sampleOpen(localAS: 1, holdTime: 1, identifier: 0, capabilities: [.role(.customer)])
        open.version = 5
        #expect(self.error(configuration, open) == .unsupportedVersion(5))
        open.version = 4
        #expect(self.error(configuration, open) == .badPeerAS(1))
        configuration.remoteAS = .exactly(1)
        #expect(self.error(configuration, open) == .unacceptableHoldTime(1))
        open.holdTime = 9
        #expect(self.error(configuration, open) == .badIdentifier(RouterID(rawValue: 0)))
        open.identifier = RouterID(rawValue: 1)
        #expect(self.error(configuration, open) == .missingFamilies([.ipv6Unicast]))
        open.capabilities.append(.multiprotocol(.ipv6Unicast))
        #expect(self.error(configuration, open) == .roleMismatch([.customer]))
    }

    @Test("Hold time is the smaller one, keepalive a third of it, or less when configured")
    func timers() throws {
        var configuration = sampleConfiguration()
        func timers(_ hold: UInt16) throws -> [Duration] {
            let session = try configuration.negotiate(
                local: configuration.localOpen(),
                peer: sampleOpen(holdTime: hold)
            )
            return [session.holdTime, session.keepaliveTime]
        }
        #expect(try timers(30) == [.seconds(30), .seconds(10)])
        #expect(try timers(300) == [.seconds(90), .seconds(30)])
        #expect(try timers(3) == [.seconds(3), .seconds(1)])
        #expect(try timers(0) == [.zero, .zero])
        configuration.keepaliveTime = 5
        #expect(try timers(30) == [.seconds(30), .seconds(5)])
        #expect(try timers(6) == [.seconds(6), .seconds(2)])
    }

    @Test("Options are on where both offer them, and add-path per direction")
    func options() throws {
        var configuration = sampleConfiguration()
        configuration.extendedMessage = true
        configuration.gracefulRestart = .init(restartState: false, notification: true, restartTime: 90, families: [])
        configuration.families[0].addPathReceive = true
        configuration.families[0].addPathSend = true
        configuration.families[0].extendedNextHop = true
        let peerRestart = Capability.GracefulRestart(
            restartState: true,
            notification: true,
            restartTime: 60,
            families: [.init(family: .ipv4Unicast, forwardingPreserved: true)]
        )
        let all: [Capability] = [
            .multiprotocol(.ipv4Unicast), .routeRefresh, .enhancedRouteRefresh, .extendedMessage,
            .gracefulRestart(peerRestart), .addPath([.init(family: .ipv4Unicast, receive: false, send: true)]),
            .extendedNextHop([.init(family: .ipv4Unicast, nextHopAFI: 2)]),
        ]
        var session = try configuration.negotiate(
            local: configuration.localOpen(),
            peer: sampleOpen(capabilities: all)
        )
        #expect(session.routeRefresh && session.enhancedRouteRefresh && session.extendedMessage && session.fourOctetAS)
        #expect(session.maximumMessageLength == 65_535)
        #expect(session.gracefulRestart == peerRestart)
        #expect(
            session.families == [
                .init(family: .ipv4Unicast, extendedNextHop: true, addPathReceive: true, addPathSend: false)
            ]
        )
        session = try configuration.negotiate(
            local: configuration.localOpen(level: .essential),
            peer: sampleOpen(capabilities: all)
        )
        #expect(!session.routeRefresh && !session.extendedMessage && session.gracefulRestart == nil)
        #expect(session.families.allSatisfy { !$0.extendedNextHop && !$0.addPathReceive })
        #expect(session.maximumMessageLength == 4096)
    }

    @Test("Routes are kept after a lost connection, after a NOTIFICATION only with the N bit of both, never after 6/9")
    func keepsRoutes() throws {
        for (ours, theirs) in [(true, true), (true, false), (false, true), (false, false)] {
            var configuration = sampleConfiguration()
            configuration.gracefulRestart = .init(
                restartState: false,
                notification: ours,
                restartTime: 90,
                families: []
            )
            let open = sampleOpen(capabilities: [
                .gracefulRestart(.init(restartState: false, notification: theirs, restartTime: 60, families: []))
            ])
            let session = try configuration.negotiate(local: configuration.localOpen(), peer: open)
            #expect(session.keepsRoutes(after: .connectionFailed(nil)))
            #expect(session.keepsRoutes(after: .notificationSent(.holdTimerExpired)) == (ours && theirs))
            #expect(session.keepsRoutes(after: .notificationReceived(.cease(.administrativeReset))) == (ours && theirs))
            #expect(!session.keepsRoutes(after: .notificationReceived(.cease(.hardReset))))
        }
        #expect(try !sampleSession(sampleConfiguration()).keepsRoutes(after: .connectionFailed(nil)))
    }

    @Test("Routes of a family are kept as long as the peer's capabilities say, and no other family's (RFC 9494 §4.2)")
    func retention() throws {
        var configuration = sampleConfiguration()
        configuration.gracefulRestart = .init(restartState: false, notification: true, restartTime: 0, families: [])
        let restart = Capability.GracefulRestart(
            restartState: false,
            notification: false,
            restartTime: 60,
            families: [.init(family: .ipv4Unicast, forwardingPreserved: true)]
        )
        let longLived = Capability.longLivedGracefulRestart([
            .init(family: .ipv6Unicast, forwardingPreserved: false, staleTime: 600)
        ])
        func session(_ capabilities: [Capability]) throws -> NegotiatedSession {
            try configuration.negotiate(local: configuration.localOpen(), peer: sampleOpen(capabilities: capabilities))
        }
        let all: [Capability] = [.multiprotocol(.ipv4Unicast), .gracefulRestart(restart), longLived]
        var agreed = try session(all)
        // Without a capability of our own the peer's says nothing.
        #expect(agreed.longLivedGracefulRestart == nil && agreed.retention(of: .ipv6Unicast).longLived == nil)
        configuration.longLivedGracefulRestart = []
        agreed = try session(all)
        #expect(agreed.retention(of: .ipv4Unicast) == (60, nil) && agreed.retention(of: .ipv6Unicast) == (nil, 600))
        #expect(agreed.preservedForwarding(of: .ipv4Unicast, isLongLived: false))
        #expect(!agreed.preservedForwarding(of: .ipv4Unicast, isLongLived: true))
        #expect(!agreed.preservedForwarding(of: .ipv6Unicast, isLongLived: true))
        // Capability 71 without 64 is ignored (RFC 9494 §4.5).
        agreed = try session([.multiprotocol(.ipv4Unicast), longLived])
        #expect(agreed.gracefulRestart == nil && agreed.longLivedGracefulRestart == nil)
        // Of several instances the last counts (RFC 4724 §3).
        let second = Capability.GracefulRestart(restartState: true, notification: false, restartTime: 7, families: [])
        agreed = try session([.multiprotocol(.ipv4Unicast), .gracefulRestart(restart), .gracefulRestart(second)])
        #expect(agreed.gracefulRestart == second)
    }

    @Test("Our OPEN of a four-octet AS carries AS_TRANS and capability 65")
    func localOpen() {
        let open = sampleConfiguration(localAS: 4_200_000_001).localOpen()
        #expect(open.myAS == 23_456)
        #expect(open.fourOctetAS == 4_200_000_001)
    }
}
