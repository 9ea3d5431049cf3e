import BGPWire
import ConfigLanguage
import IPAddressing
import SpeakerSettings
import Testing

@testable import Confd

@Suite("What the speaker's own parser makes of rendered files")
struct SpeakerAcceptanceTests {
    private func settings(of example: RenderingTests.Example) async throws -> SpeakerSettings {
        let bench = try Bench()
        try await bench.makeEngine().cycle(try example.cluster().snapshot)
        let files = try bench.directory.files(below: "out")
        let result = ConfigurationLoader.load(root: "speaker.conf", provider: InMemorySources(files))
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        return try #require(result.settings)
    }

    private func sessions(of example: RenderingTests.Example) async throws -> [BGPSettings] {
        try await self.settings(of: example).protocols.compactMap { settings in
            guard case .bgp(let session) = settings else { return nil }
            return session
        }
    }

    @Test("It accepts the files of every example without a warning", arguments: RenderingTests.examples)
    func accepted(example: RenderingTests.Example) async throws {
        let settings = try await self.settings(of: example)
        let plan = try example.cluster().plan()
        #expect(settings.routerID == plan.routerID)
        let names = settings.protocols.map(\.common.name)
        #expect(Set(plan.sessions.map(\.name)).isSubset(of: names))
    }

    @Test("Every session means what the plan says", arguments: RenderingTests.examples)
    func sessions(example: RenderingTests.Example) async throws {
        let sessions = try await self.sessions(of: example)
        let plan = try example.cluster().plan()
        #expect(sessions.count == plan.sessions.count)
        for session in sessions {
            let planned = try #require(plan.sessions.first { $0.name == session.common.name })
            #expect(session.neighborAddress == planned.peerAddress)
            #expect(session.neighborPort == planned.peerPort ?? 179)
            #expect(session.neighborAS == planned.peerAS)
            #expect(session.localAS == planned.localAS)
            #expect(session.localPort == planned.localPort)
            #expect(session.localAddress == planned.sourceAddress)
            #expect(session.isInternal == planned.isInternal)
            #expect(session.isPassive == planned.isPassive)
            #expect(session.multihopTTL == planned.ttlSecurityHops ?? 255)
            #expect(session.ttlSecurity == (planned.ttlSecurityHops != nil))
            #expect(session.password == planned.password)
            #expect(session.timers.keepalive == planned.keepaliveSeconds)
            #expect(session.allowedLocalAS == planned.allowedLocalAS)
            #expect(session.isRouteReflectorClient == (planned.clusterID != nil))
            #expect(session.clusterID == planned.clusterID)
            let channel = try #require(session.channels.first)
            #expect(session.channels.count == (planned.otherFamily == nil ? 1 : 2))
            if let other = planned.otherFamily {
                let second = try #require(session.channels.last)
                #expect(second.channel.family == (other.address.isIPv4 ? .ipv4Unicast : .ipv6Unicast))
                #expect(second.nextHopAddress == other.address)
                #expect(second.nextHopSelf == channel.nextHopSelf && second.gateway == .recursive)
            }
            #expect(channel.channel.family == (planned.peerAddress.isIPv4 ? .ipv4Unicast : .ipv6Unicast))
            #expect(channel.nextHopSelf == (planned.nextHop == .self ? .always : .never))
            #expect(channel.nextHopKeep == (planned.nextHop == .keep ? .always : .never))
            #expect(channel.gateway == .recursive)
        }
    }
}
