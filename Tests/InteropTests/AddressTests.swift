import ControlAPI
import TestSupport
import Testing

extension Interop {
    /// Addresses, ports and tables that sessions and next hops hang on.
    @Suite("Addresses and resolution")
    struct AddressTests {
        @Test("A session whose own address is removed ends at once and comes back with the address")
        func addressRemoved() async throws {
            let session = SimpleSession()
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: session.martlet)
                let bird = try await session.start(.bird, "bird", in: there, lab)
                try await lab.require("the session is established") { try bird.isEstablished() }
                #expect(try await Interop.routes(of: martlet, count: 1) == [session.learned(from: .bird)])
                try here.ip("address del 10.20.0.1/24 dev eth1")
                // Far below the hold time of 9 s.
                try await lab.require("the session has ended", timeout: .seconds(3)) {
                    try await !martlet.isEstablished("peer")
                }
                #expect(try await Interop.routes(of: martlet, count: 0) == [])
                try here.ip("address add 10.20.0.1/24 dev eth1")
                try await lab.require("both ends are established again", timeout: .seconds(60)) {
                    guard try bird.isEstablished() else { return false }
                    return try await martlet.isEstablished("peer")
                }
                #expect(try await Interop.routes(of: martlet, count: 1) == [session.learned(from: .bird)])
            }
        }

        @Test("Next hops resolve through the igp table and nowhere else, and follow its changes")
        func igpTable() async throws {
            func text(_ under: String) -> String {
                """
                router id 10.20.0.1;
                ipv4 table inner;
                protocol device {}
                protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
                protocol direct { ipv4 { table inner; }; }
                protocol static under { ipv4 { table inner; }; \(under) }
                protocol bgp peer {
                  local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64512; \(Interop.timers)
                  ipv4 { import all; export none; igp table inner; };
                }

                """
            }
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let bird = try await Bird.start(
                    "bird",
                    in: there,
                    lab,
                    configuration: """
                        router id 10.20.0.2;
                        protocol device {}
                        protocol direct { ipv4; }
                        protocol static own { ipv4; route 203.0.113.0/24 blackhole; }
                        protocol bgp peer {
                          local 10.20.0.2 as 64512; neighbor 10.20.0.1 as 64512; \(Interop.timers)
                          ipv4 { import none; export filter { bgp_next_hop = 10.99.0.1; accept; }; };
                        }

                        """
                )
                let way = "route 10.99.0.0/24 via 10.20.0.2;"
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: text(way))
                try await Interop.requireSession(lab, martlet, bird)
                func kernel() throws -> String {
                    try here.run("/usr/sbin/ip", "-o", "route", "show", "203.0.113.0/24").output
                }
                try await lab.require("it is in the kernel") { try kernel().contains("via 10.20.0.2 dev eth1") }
                for (under, isThere) in [("route 10.98.0.0/24 via 10.20.0.2;", false), (way, true)] {
                    _ = try lab.write("martlet.conf", text(under))
                    #expect(try await martlet.withClient { try await $0.reload() }.outcome == .applied)
                    try await lab.require("the kernel follows: \(isThere)") { try kernel().isEmpty != isThere }
                }
            }
        }

        @Test("A session runs between ports of its own")
        func ports() async throws {
            func ported(_ text: String, _ own: Int) -> String {
                let (local, neighbor) = ("10.20.0.\(own)", "10.20.0.\(3 - own)")
                return text.replacing("local \(local) as", with: "local \(local) port 179\(own) as")
                    .replacing("neighbor \(neighbor) as", with: "neighbor \(neighbor) port 179\(3 - own) as")
            }
            let session = SimpleSession()
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: ported(session.martlet, 1)
                )
                let bird = try await Bird.start("bird", in: there, lab, configuration: ported(session.bird, 2))
                try await Interop.requireSession(lab, martlet, bird)
                #expect(try await Interop.routes(of: martlet, count: 1) == [session.learned(from: .bird)])
                let sockets = try here.run("/usr/bin/ss", "-Htan", "state", "established").output
                #expect(sockets.contains(":1791") || sockets.contains(":1792"), "\(sockets)")
                #expect(!sockets.contains(":179 "), "\(sockets)")
            }
        }
    }
}
