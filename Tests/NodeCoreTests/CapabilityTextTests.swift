import BGPWire
import IPAddressing
import Testing

@testable import NodeCore

@Suite("Capabilities as shown")
struct CapabilityTextTests {
    private static let texts: [(Capability, String)] = [
        (.multiprotocol(.ipv6Unicast), "ipv6"), (.routeRefresh, "route refresh"),
        (.extendedNextHop([.init(family: .ipv4Unicast, nextHopAFI: 2)]), "extended next hop (ipv4)"),
        (.extendedMessage, "extended messages"), (.role(.routeServerClient), "role route server client"),
        (
            .gracefulRestart(
                .init(
                    restartState: true,
                    notification: true,
                    restartTime: 120,
                    families: [
                        .init(family: .ipv4Unicast, forwardingPreserved: true),
                        .init(family: .ipv6Unicast, forwardingPreserved: false),
                    ]
                )
            ), "graceful restart (restarted, NOTIFICATIONs, 120 s, ipv4 forwarding, ipv6)"
        ),
        (
            .gracefulRestart(.init(restartState: false, notification: false, restartTime: 0, families: [])),
            "graceful restart"
        ),
        (.fourOctetAS(4_200_000_001), "AS4 4200000001"),
        (
            .addPath([
                .init(family: .ipv4Unicast, receive: true, send: true),
                .init(family: .ipv6Unicast, receive: false, send: true),
            ]), "add paths (ipv4 both ways, ipv6 send)"
        ),
        (.enhancedRouteRefresh, "enhanced route refresh"),
        (.longLivedGracefulRestart([]), "long-lived graceful restart"),
        (
            .longLivedGracefulRestart([.init(family: .ipv4Unicast, forwardingPreserved: true, staleTime: 60)]),
            "long-lived graceful restart (ipv4 60 s forwarding)"
        ),
        (.fqdn(host: Array("a".utf8), domain: Array("example.org".utf8)), "name a.example.org"),
        (.softwareVersion(Array("x 1".utf8)), "version x 1"), (.unknown(code: 128, value: []), "capability 128"),
        (.unknown(code: 131, value: [0, 0xAB]), "capability 131 (0x00ab)"),
    ]

    @Test("Every capability is a line of words, without the program's own names")
    func texts() {
        for (capability, text) in Self.texts { #expect(capability.text == text) }
    }
}
