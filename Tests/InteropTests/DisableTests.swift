import ControlAPI
import TestSupport
import Testing

extension Interop {
    /// `disable after error` and `disable after cease`.
    @Suite("Disabled by errors")
    struct DisableTests {
        private static func session(_ own: Int, _ other: Int, _ remoteAS: Int, _ options: String = "") -> String {
            """
            protocol bgp peer {
              local 10.20.0.\(own) as \(64_511 + own); neighbor 10.20.0.\(other) as \(remoteAS); \(Interop.timers)
              \(options) ipv4 { import all; export all; };
            }
            """
        }

        @Test("A Cease of a kind that is named keeps the session down until it is enabled")
        func cease() async throws {
            try await Interop.withBird(
                martlet: Self.session(1, 2, 64513, "disable after cease { administrative shutdown };"),
                bird: Self.session(2, 1, 64512)
            ) { lab, martlet, bird in
                // A reset is not among the kinds: the session comes back.
                _ = try bird.query("restart peer")
                try await lab.require("the session is back") {
                    guard try bird.isEstablished("peer") else { return false }
                    return try await martlet.isEstablished("peer")
                }
                _ = try bird.query("disable peer")
                try await lab.require("the log says so") { martlet.process.output.contains("Disabled after an error") }
                _ = try bird.query("enable peer")
                try await Task.sleep(for: .seconds(3))
                #expect(try !bird.isEstablished("peer"))
                let result = try martlet.bgpctl("neighbor", "peer", "up")
                #expect(result.code == 0 && result.output.contains("enabled"), "\(result)")
                try await lab.require("the session is up again") { try bird.isEstablished("peer") }
            }
        }

        @Test("An error in the OPEN keeps the session down with 'disable after error'")
        func error() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let head = "router id 10.20.0.1;\nprotocol device {}\n"
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: head + Self.session(1, 2, 65000, "disable after error;")
                )
                _ = try await Bird.start(
                    "bird",
                    in: there,
                    lab,
                    configuration: "router id 10.20.0.2;\nprotocol device {}\n" + Self.session(2, 1, 64512)
                )
                try await lab.require("the log says so") { martlet.process.output.contains("Disabled after an error") }
                let status = try await martlet.withClient { try await $0.neighbor("peer") }
                #expect(status.state == .idle)
                #expect(status.lastError != nil)
            }
        }
    }
}
