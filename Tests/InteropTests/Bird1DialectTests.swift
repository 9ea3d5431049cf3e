import ControlAPI
import Foundation
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// The language of BIRD 1.6: a real one and Martlet read the same files.
    @Suite("Dialect of BIRD 1.6")
    struct Bird1DialectTests {
        private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fixtures/bird1").standardizedFileURL.path

        /// What there is of a node to compare: what its neighbour received, and what it wrote to its kernel.
        private struct Outcome: Equatable {
            var exports: [PeerRoute]
            var kernel: [String]
        }

        private static func neighbor(isIPv4: Bool) -> String {
            let (own, node) = isIPv4 ? ("10.20.0.2", "10.20.0.1") : ("fd20::2", "fd20::1")
            let family = isIPv4 ? "ipv4" : "ipv6"
            let blocks = isIPv4 ? ("10.244.2.0/26", "10.244.2.9/32") : ("fd44:0:0:2::/122", "fd44:0:0:2::9/128")
            let refused = isIPv4 ? "203.0.113.0/24" : "fd99::/64"
            return """
                router id 10.20.0.2;
                protocol device {}
                protocol static blocks {
                  \(family);
                  route \(blocks.0) blackhole { bgp_local_pref = 2147482623; };
                  route \(blocks.1) blackhole { bgp_local_pref = 2147483135; };
                  route \(refused) blackhole;
                }
                protocol bgp peer {
                  local \(own) port 1790 as 64512; neighbor \(node) port 1790 as 64512; multihop;
                  connect delay time 1; connect retry time 2; error wait time 1, 2;
                  \(family) { import all; export where source = RTS_STATIC; next hop self; };
                }
                """
        }

        /// Runs a node with `start` and a BIRD 2 as its neighbour, and looks at both.
        private static func outcome(
            isIPv4: Bool,
            _ start: (Lab, Lab.Namespace) async throws -> Void
        ) async throws -> Outcome {
            var outcome = Outcome(exports: [], kernel: [])
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                // A workload, its link, and a route of it that is preferred over the others.
                try here.ip("link add cali1 type veth peer name work1", "link set work1 up", "link set cali1 up")
                let workloads = isIPv4 ? ["10.244.1.5", "10.244.1.6"] : ["fd44:0:0:1::5", "fd44:0:0:1::6"]
                for (address, metric) in zip(workloads, [1024, 512]) {
                    try Command.check(
                        "/usr/bin/env",
                        ["ip", "-netns", here.name] + (isIPv4 ? [] : ["-6"])
                            + ["route", "add", address, "dev", "cali1", "proto", "80", "metric", "\(metric)"]
                    )
                }
                try await start(lab, here)
                let bird = try await Bird.start("bird", in: there, lab, configuration: Self.neighbor(isIPv4: isIPv4))
                try await lab.require("the session is established") { try bird.isEstablished("peer") }
                outcome.exports = try await Interop.routes(
                    of: bird,
                    table: isIPv4 ? "master4" : "master6",
                    count: 3
                )
                func kernel() throws -> [String] {
                    try Command.run("/usr/bin/env", ["ip", "-netns", here.name] + (isIPv4 ? [] : ["-6"]) + ["route"])
                        .output.split(separator: "\n").filter {
                            $0.contains(" proto bird ") || $0.contains(" proto 81 ")
                        }
                        .map {
                            $0.replacing(" proto bird ", with: " ").replacing(" proto 81 ", with: " ")
                                .replacing(" pref medium", with: "").trimmingCharacters(in: .whitespaces)
                        }.sorted()
                }
                _ = try await eventually(timeout: .seconds(15)) { try kernel().count == 3 }
                outcome.kernel = try kernel()
            }
            return outcome
        }

        @Test("Both give a neighbour the same routes and the kernel the same", arguments: [true, false])
        func same(isIPv4: Bool) async throws {
            let file = "\(Self.fixtures)/node/\(isIPv4 ? "bird.cfg" : "bird6.cfg")"
            let theirs = try await Self.outcome(isIPv4: isIPv4) { lab, namespace in
                _ = try await Bird1.start("bird1", in: namespace, lab, isIPv4: isIPv4, file: file)
            }
            let ours = try await Self.outcome(isIPv4: isIPv4) { lab, namespace in
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: namespace,
                    lab,
                    file: file,
                    arguments: ["--dialect", isIPv4 ? "bird1-v4" : "bird1-v6"]
                )
                // What the dialect's reader is told to reload it reads in the same language.
                #expect(try await martlet.withClient { try await $0.reload() }.outcome == .unchanged)
            }
            // The block, the service range with its communities, and the workload that is preferred.
            #expect(theirs.exports.count == 3)
            #expect(theirs.exports.contains { $0.communities == ["64512:300"] })
            #expect(!theirs.kernel.isEmpty)
            #expect(ours == theirs)
        }

        /// What three neighbours of a reflector at `.1` have of it: two clients, and another reflector.
        private static func reflected(_ start: (Lab, Lab.Namespace) async throws -> Void) async throws -> [[PeerRoute]]
        {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                try lab.addBridge("br0", in: here, ["10.20.0.1/24"])
                var birds: [Bird] = []
                for number in 2...4 {
                    let there = try lab.addNamespace()
                    let link = try lab.connect(here, [], there, ["10.20.0.\(number)/24"])
                    try here.ip("link set \(link) master br0")
                    birds.append(
                        try await Bird.start(
                            "bird\(number)",
                            in: there,
                            lab,
                            configuration: """
                                router id 10.20.0.\(number);
                                protocol device {}
                                protocol direct { ipv4; }
                                protocol static blocks { ipv4; route 10.244.\(number).0/26 blackhole;
                                  route 203.0.113.\(number)/32 blackhole; }
                                protocol bgp peer {
                                  local 10.20.0.\(number) port 1790 as 64512; neighbor 10.20.0.1 port 1790 as 64512; multihop;
                                  connect delay time 1; connect retry time 2; error wait time 1, 2;
                                  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
                                }
                                """
                        )
                    )
                }
                try await start(lab, here)
                for bird in birds {
                    try await lab.require("the session is established") { try bird.isEstablished("peer") }
                }
                var tables: [[PeerRoute]] = []
                for bird in birds { tables.append(try await Interop.routes(of: bird, count: 2)) }
                return tables
            }
        }

        @Test("As reflectors both give each neighbour the same routes with the same originator and cluster")
        func reflector() async throws {
            let file = "\(Self.fixtures)/reflector/bird.cfg"
            let theirs = try await Self.reflected { lab, namespace in
                _ = try await Bird1.start("bird1", in: namespace, lab, isIPv4: true, file: file)
            }
            let ours = try await Self.reflected { lab, namespace in
                _ = try await MartletProcess.start(
                    "martlet",
                    in: namespace,
                    lab,
                    file: file,
                    arguments: ["--dialect", "bird1-v4"]
                )
            }
            #expect(theirs.map(\.count) == [2, 2, 2])
            #expect(theirs[0].allSatisfy { $0.clusterList == ["10.0.0.9"] && $0.originatorID != nil })
            #expect(ours == theirs)
        }
    }
}
