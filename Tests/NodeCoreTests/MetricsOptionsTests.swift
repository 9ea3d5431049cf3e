import ArgumentParser
import ControlAPI
import IPAddressing
import Testing

@testable import NodeCore

@Suite("Metrics of a node")
struct MetricsOptionsTests {
    @Test(
        "A port alone is one of the loopback",
        arguments: [
            ("9179", "127.0.0.1 9179"), ("0.0.0.0:9179", "0.0.0.0 9179"), ("[::1]:9179", "::1 9179"), ("0", nil),
            ("", nil),
            (":9179", nil), ("::1:9179", nil), ("[127.0.0.1]:1", nil), ("127.0.0.1", nil), ("x:1", nil),
            ("1.1.1.1:65536", nil),
        ] as [(String, String?)]
    )
    func address(text: String, expected: String?) {
        #expect(MetricsAddress(argument: text).map { "\($0.address) \($0.port)" } == expected)
    }

    @Test("Without the option nothing is served")
    func off() throws {
        #expect(try ConfdCommand.parse([]).metrics.metricsAddress == nil)
        #expect(try NodeCommand.parse([]).metrics.metricsAddress == nil)
        #expect(try NodeCommand.parse(["--metrics-address", "9179"]).metrics.metricsAddress?.port == 9179)
    }

    @Test("Each session tells its state and its routes, whatever its name")
    func sessions() {
        var up = NeighborStatus(
            name: "a\"b\\",
            address: "192.0.2.1",
            localAS: 1,
            remoteAS: 65_000,
            state: .established,
            sessionType: .external
        )
        up.routes = .init(received: 4, accepted: 3, best: 2, exported: 1)
        up.transitions = 7
        up.uptimeSeconds = 60
        let down = NeighborStatus(
            name: "b",
            address: "192.0.2.2",
            localAS: 1,
            remoteAS: nil,
            state: .active,
            sessionType: .external
        )
        let text = sessionMetrics([up, down])
        let name = #"session="a\"b\\",remote_as="65000""#
        for (metric, value) in [
            ("session_established", 1), ("session_established_total", 7), ("session_uptime_seconds", 60),
            ("session_received_routes", 4), ("session_accepted_routes", 3), ("session_best_routes", 2),
            ("session_exported_routes", 1),
        ] {
            #expect(text.contains("\nmartlet_bgp_\(metric){\(name)} \(value)\n"))
            #expect(text.contains("\nmartlet_bgp_\(metric){session=\"b\",remote_as=\"\"} 0\n"))
        }
        #expect(sessionMetrics([]) == "")
    }
}
