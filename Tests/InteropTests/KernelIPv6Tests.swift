import TestSupport
import Testing

extension Interop {
    /// IPv6 routes between the kernel and two BIRDs on links of their own.
    @Suite("Kernel IPv6 routes")
    struct KernelIPv6Tests {
        private static func withBirds(
            channel: String = "",
            _ body: (Lab, Lab.Namespace, MartletProcess, [Bird]) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                var text = """
                    router id 10.22.0.1;
                    protocol device {}
                    protocol kernel {
                      learn; merge paths on; scan time 1;
                      ipv6 { import all; export where source = RTS_BGP; };
                    }

                    """
                var birds: [Bird] = []
                for number in 1...2 {
                    let there = try lab.addNamespace()
                    try lab.connect(here, ["fd22:\(number)::1/64"], there, ["fd22:\(number)::2/64"])
                    text += """
                        protocol bgp peer\(number) {
                          local fd22:\(number)::1 as 64512; neighbor fd22:\(number)::2 as 64513; \(Interop.timers)
                          ipv6 { import all; export where source = RTS_INHERIT; \(channel) };
                        }

                        """
                    let configuration = """
                        router id 10.22.\(number).2;
                        protocol device {}
                        protocol static own { ipv6; route 2001:db8:9::/48 blackhole; }
                        protocol bgp peer {
                          local fd22:\(number)::2 as 64513; neighbor fd22:\(number)::1 as 64512; \(Interop.timers)
                          ipv6 { import all; export where source = RTS_STATIC; };
                        }
                        """
                    birds.append(try await Bird.start("bird\(number)", in: there, lab, configuration: configuration))
                }
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: text)
                try await lab.require("both sessions are established") {
                    try birds[0].isEstablished("peer") && birds[1].isEstablished("peer")
                }
                try await body(lab, here, martlet, birds)
            }
        }

        private static func kernel(_ here: Lab.Namespace, _ prefix: String) throws -> String {
            try here.run("/usr/sbin/ip", "-6", "-o", "-details", "route", "show", prefix).output
        }

        @Test("A route of two neighbors is written with both next hops, and loses those whose announcement goes")
        func multipath() async throws {
            try await Self.withBirds { lab, here, _, birds in
                let prefix = "2001:db8:9::/48"
                try await lab.require("both next hops are in the kernel") {
                    let text = try Self.kernel(here, prefix)
                    return text.contains("via fd22:1::2 dev eth1") && text.contains("via fd22:2::2 dev eth2")
                        && text.contains("proto 81")
                }
                _ = try birds[1].query("disable own")
                try await lab.require("one is left") {
                    let text = try Self.kernel(here, prefix)
                    return text.contains("via fd22:1::2 dev eth1") && !text.contains("fd22:2::2")
                }
                _ = try birds[0].query("disable own")
                try await lab.require("none is left") { try Self.kernel(here, prefix).isEmpty }
            }
        }

        @Test("With 'next hop prefer local' packets go to the link-local one of a neighbor's two next hops")
        func preferLocal() async throws {
            try await Self.withBirds(channel: "next hop prefer local;") { lab, here, _, birds in
                // A session that began before the link had its own address names the global one alone.
                try await Task.sleep(for: .seconds(3))
                for bird in birds { _ = try bird.query("restart peer") }
                try await lab.require("both link-local next hops are in the kernel") {
                    let text = try Self.kernel(here, "2001:db8:9::/48")
                    return text.matches(of: /via fe80::[0-9a-f:]+ dev eth[12]/).count == 2 && !text.contains("fd22:")
                }
            }
        }

        @Test("A route that another program writes is announced, and withdrawn when it goes")
        func learn() async throws {
            try await Self.withBirds { lab, here, _, birds in
                func seen() throws -> [PeerRoute] {
                    try birds[0].routes(table: "master6", "protocol peer").filter { $0.prefix == "2001:db8:7::/48" }
                }
                try here.ip("route add 2001:db8:7::/48 via fd22:2::2 proto static")
                try await lab.require("it arrived") {
                    try seen() == [PeerRoute("2001:db8:7::/48", nextHop: "fd22:1::1", asPath: "64512")]
                }
                try here.ip("route del 2001:db8:7::/48 via fd22:2::2 proto static")
                try await lab.require("it is withdrawn") { try seen() == [] }
            }
        }
    }
}
