import ControlAPI
import Foundation
import TestSupport
import Testing

extension Interop {
    /// Configurations with the structure of what generators render, run by BIRD and by Martlet with the same neighbours.
    @Suite("Generated configurations")
    struct GeneratedConfigurationTests {
        private static func file(_ name: String) -> String {
            URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../Fixtures/bird2/\(name)/speaker.conf").standardizedFileURL.path
        }

        /// Who reads the file.
        enum Reader: CaseIterable {
            case bird
            case martlet

            func start(_ file: String, in namespace: Lab.Namespace, _ lab: Lab) async throws {
                switch self {
                case .bird:
                    // Includes are relative to the file, which is therefore read where it is.
                    _ = try await Bird.start("reader", in: namespace, lab, configuration: "include \"\(file)\";")
                case .martlet: _ = try await MartletProcess.start("reader", in: namespace, lab, file: file)
                }
            }
        }

        // MARK: - Exchange

        private static func member(_ number: Int) -> String {
            """
            router id 10.20.0.1\(number);
            protocol device {}
            protocol static own {
              ipv4;
              route 20.\(number).0.0/16 blackhole;
              route 20.\(number).1.0/24 blackhole { bgp_large_community.add((64512, 0, \(number % 3 + 65001))); };
              route 20.\(number).2.0/24 blackhole { bgp_community.add((0, 64512)); bgp_community.add((64512, 65001)); };
              route 20.\(number).3.0/24 blackhole { bgp_large_community.add((64512, 101, 65002)); };
              route 20.\(number).4.0/24 blackhole { bgp_path.prepend(174); };
              route 20.9.\(number).0/24 blackhole;
              route 10.1.\(number).0/24 blackhole;
              route 203.0.113.0/24 blackhole { bgp_path.prepend(65001); bgp_med = \(number); };
              route 198.51.100.0/24 blackhole { bgp_path.prepend(\(number == 2 ? 65009 : 65010)); };
              route 192.0.2.128/25 blackhole { bgp_path.prepend(65011); };
              route 192.0.2.\(number)/32 blackhole;
            }
            protocol bgp peer {
              local 10.20.0.1\(number) as 6500\(number); neighbor 10.20.0.1 as 64512; \(Interop.timers)
              ipv4 { import all; export where source = RTS_STATIC; next hop self; };
            }
            """
        }

        /// What each member of an exchange has of the route server.
        private static func exchange(_ reader: Reader) async throws -> [[PeerRoute]] {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                try lab.addBridge("br0", in: here, ["10.20.0.1/24"])
                var members: [Bird] = []
                for number in 1...3 {
                    let there = try lab.addNamespace()
                    let link = try lab.connect(here, [], there, ["10.20.0.1\(number)/24"])
                    try here.ip("link set \(link) master br0")
                    members.append(
                        try await Bird.start("member\(number)", in: there, lab, configuration: Self.member(number))
                    )
                }
                try await reader.start(Self.file("exchange"), in: here, lab)
                for member in members {
                    try await lab.require("the session is established") { try member.isEstablished("peer") }
                }
                // Everything has come through both pipes when nothing changes any more.
                var tables: [[PeerRoute]] = []
                var unchanged = 0
                _ = try await eventually(timeout: .seconds(20)) {
                    let now = try members.map { try $0.routes(table: "master4", "protocol peer") }
                    unchanged = now == tables && now.allSatisfy { !$0.isEmpty } ? unchanged + 1 : 0
                    tables = now
                    return unchanged > 20
                }
                return tables
            }
        }

        @Test("A route server with a piped table for each member gives every member what BIRD would")
        func exchange() async throws {
            let theirs = try await Self.exchange(.bird)
            #expect(theirs.allSatisfy { $0.count > 4 }, "\(theirs.map(\.count))")
            let ours = try await Self.exchange(.martlet)
            for (number, (our, their)) in zip(ours, theirs).enumerated() {
                #expect(our == their, "member \(number + 1)")
            }
        }
    }
}
