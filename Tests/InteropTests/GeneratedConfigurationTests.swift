import ControlAPI
import Foundation
import TestSupport
import Testing

extension Interop {
    /// Configurations with the structure of what generators render, run by BIRD and by Martlet with the same neighbours.
    @Suite("Generated configurations")
    struct GeneratedConfigurationTests {
        static func file(_ name: String) -> String {
            URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../Fixtures/bird2/\(name)/speaker.conf").standardizedFileURL.path
        }

        /// Who reads the file.
        enum Reader: CaseIterable {
            case bird
            case martlet

            @discardableResult
            func start(_ file: String, in namespace: Lab.Namespace, _ lab: Lab) async throws -> Running {
                switch self {
                case .bird:
                    // Includes are relative to the file, which is therefore read where it is.
                    .bird(try await Bird.start("reader", in: namespace, lab, configuration: "include \"\(file)\";"))
                case .martlet: .martlet(try await MartletProcess.start("reader", in: namespace, lab, file: file))
                }
            }
        }

        /// A reader at work.
        enum Running {
            case bird(Bird)
            case martlet(MartletProcess)

            /// The number that it writes beside its routes in the kernel.
            var protocolNumber: Int {
                switch self {
                case .bird: 12
                case .martlet: 81
                }
            }

            /// What it wrote to the kernel, in one order.
            func kernelRoutes(in namespace: Lab.Namespace) throws -> [String] {
                var lines: [String] = []
                for family in ["-4", "-6"] {
                    let text = try namespace.run(
                        "/usr/sbin/ip",
                        family,
                        "-o",
                        "-details",
                        "route",
                        "show",
                        "table",
                        "all",
                        "proto",
                        "\(self.protocolNumber)"
                    ).output
                    for line in text.replacing("\\", with: " ").replacing("\t", with: " ").split(separator: "\n") {
                        let parts = line.split(separator: " ").joined(separator: " ").components(
                            separatedBy: " nexthop "
                        )
                        lines.append(([parts[0]] + parts.dropFirst().sorted()).joined(separator: " nexthop "))
                    }
                }
                return lines
            }

            /// Starts a protocol that the file disables.
            func enable(_ name: String) throws {
                switch self {
                case .bird(let bird): _ = try bird.query("enable \(name)")
                case .martlet(let martlet): _ = try martlet.bgpctl("neighbor", name, "up")
                }
            }

            /// The accepted routes of a table; LOCAL_PREF as it counts.
            func routes(table: String) async throws -> [PeerRoute] {
                switch self {
                case .bird(let bird): return try bird.routes(table: table)
                case .martlet(let martlet):
                    let routes = try await martlet.withClient { try await $0.routes(RouteQuery(table: table)) }
                    return PeerRoute.ordered(
                        routes.filter { $0.rejected == nil }.map { route in
                            var result = PeerRoute(route)
                            if route.source == .bgp {
                                result.localPref = result.localPref ?? 100
                            } else {
                                // The gateway, which BIRD shows elsewhere.
                                result.nextHop = nil
                            }
                            return result
                        }
                    )
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

        // MARK: - Anycast

        private static func rack(_ number: Int) -> String {
            """
            router id 10.20.\(number - 1).2;
            protocol device {}
            protocol static own4 { ipv4; route 0.0.0.0/0 blackhole; route 203.0.113.0/24 blackhole; }
            protocol static own6 { ipv6; route ::/0 blackhole; route 2001:db8:99::/48 blackhole; }
            protocol static drained4 {
              disabled; ipv4 { preference 210; }; route 0.0.0.0/0 blackhole { bgp_community.add((64512, 666)); };
            }
            protocol static drained6 {
              disabled; ipv6 { preference 210; }; route ::/0 blackhole { bgp_community.add((64512, 666)); };
            }
            protocol bgp host {
              local 10.20.\(number - 1).2 as 64513; neighbor 10.20.\(number - 1).1 as 64512; \(Interop.timers)
              ipv4 { import all; export where source = RTS_STATIC; next hop self; };
              ipv6 { import all; export where source = RTS_STATIC; next hop self; };
            }
            """
        }

        /// What a host, its kernel and its two racks have.
        private struct Host: Equatable {
            var kernel: [String] = []
            var tables: [[PeerRoute]] = []
            var racks: [[PeerRoute]] = []

            init() {}

            init(_ reader: Running, in here: Lab.Namespace, _ racks: [Bird]) async throws {
                self.kernel = try reader.kernelRoutes(in: here)
                for table in ["master4", "master6"] {
                    self.tables.append(try await reader.routes(table: table))
                    for rack in racks { self.racks.append(try rack.routes(table: table, "protocol host")) }
                }
            }
        }

        /// The host after its start, after its first rack drained itself, and after a service went.
        private static func anycast(_ reader: Reader) async throws -> [Host] {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                var racks: [Bird] = []
                for number in 1...2 {
                    let there = try lab.addNamespace()
                    let (ours, theirs) = ["10.20.\(number - 1).", "fd20:\(number - 1)::"].map { ($0 + "1", $0 + "2") }
                        .reduce(into: ([String](), [String]())) {
                            let length = $1.0.contains(":") ? "/64" : "/24"
                            $0.0.append($1.0 + length)
                            $0.1.append($1.1 + length)
                        }
                    try lab.connect(here, ours, there, theirs)
                    racks.append(
                        try await Bird.start("rack\(number)", in: there, lab, configuration: Self.rack(number))
                    )
                }
                // Services have addresses on an interface of their own; the last two belong to none.
                try here.ip("link add svc0 type veth peer name svp0", "link set svp0 up", "link set svc0 up")
                for address in [
                    "192.0.2.53/32", "192.0.2.70/32", "2001:db8:53::1/128", "192.0.2.10/32", "198.18.0.1/32",
                ] {
                    try here.ip("address add \(address) dev svc0\(address.contains(":") ? " nodad" : "")")
                }
                let running = try await reader.start(Self.file("anycast"), in: here, lab)
                for rack in racks {
                    try await lab.require("the session is established") { try rack.isEstablished("host") }
                }
                func settled(_ isThere: (Host) -> Bool) async throws -> Host {
                    var last = Host()
                    var unchanged = 0
                    _ = try await eventually(timeout: .seconds(20)) {
                        let now = try await Host(running, in: here, racks)
                        unchanged = now == last && isThere(now) ? unchanged + 1 : 0
                        last = now
                        return unchanged > 8
                    }
                    return last
                }
                var states = [
                    try await settled { $0.kernel.count == 2 && $0.kernel.allSatisfy { $0.contains("nexthop") } }
                ]
                for name in ["drained4", "drained6"] { _ = try racks[0].query("enable \(name)") }
                states.append(
                    try await settled { $0.kernel.count == 2 && !$0.kernel.contains { $0.contains("nexthop") } }
                )
                try here.ip("address del 192.0.2.70/32 dev svc0")
                states.append(
                    try await settled { $0.racks.allSatisfy { !$0.contains { $0.prefix == "192.0.2.70/32" } } }
                )
                return states
            }
        }

        @Test("A host with anycast services has BIRD's tables, and kernel routes, and its racks have BIRD's routes")
        func anycast() async throws {
            let theirs = try await Self.anycast(.bird)
            #expect(
                theirs.map(\.kernel).map { $0.map { $0.components(separatedBy: " nexthop ").count - 1 } }
                    == [[2, 2], [0, 0], [0, 0]],
                "\(theirs.map(\.kernel))"
            )
            #expect(theirs.map { $0.racks.map(\.count) } == [[3, 3, 1, 1], [3, 3, 1, 1], [2, 2, 1, 1]])
            let ours = try await Self.anycast(.martlet)
            for (our, their) in zip(ours, theirs) {
                #expect(our.kernel.map(Self.withoutNumber) == their.kernel.map(Self.withoutNumber))
                #expect(our.tables == their.tables)
                #expect(our.racks == their.racks)
            }
        }

        /// A route of the kernel without the name or number of who wrote it.
        static func withoutNumber(_ line: String) -> String {
            line.replacing("proto bird ", with: "").replacing("proto 12 ", with: "").replacing("proto 81 ", with: "")
        }
    }
}
