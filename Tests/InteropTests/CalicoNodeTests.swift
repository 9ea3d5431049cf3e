import ControlAPI
import Foundation
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// A node's manifests make a Martlet and a BIRD 1.6 with the files of `--target bird1` do the same.
    @Suite("A node described by Calico's resources")
    struct CalicoNodeTests {
        private static let manifests = """
            apiVersion: projectcalico.org/v3
            kind: BGPConfiguration
            metadata: {name: default}
            spec:
              nodeToNodeMeshEnabled: false
              serviceClusterIPs: [{cidr: 10.101.0.0/16}]
              communities: [{name: services, value: 64512:300}]
              prefixAdvertisements: [{cidr: 10.101.0.0/16, communities: [services]}]
            ---
            apiVersion: projectcalico.org/v3
            kind: Node
            metadata: {name: a}
            spec: {bgp: {ipv4Address: 10.20.0.1/24}}
            ---
            apiVersion: projectcalico.org/v3
            kind: Node
            metadata: {name: b}
            spec: {bgp: {ipv4Address: 10.20.0.2/24}}
            ---
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: pool}
            spec: {cidr: 10.244.0.0/16}
            ---
            apiVersion: projectcalico.org/v3
            kind: BlockAffinity
            metadata: {name: a-10-244-1-0-26}
            spec: {node: a, cidr: 10.244.1.0/26, state: confirmed}
            ---
            apiVersion: projectcalico.org/v3
            kind: BGPFilter
            metadata: {name: some}
            spec:
              exportV4:
              - {action: Reject, cidr: 10.244.9.0/24, matchOperator: In}
              - action: Accept
                priority: 512
                operations: [{addCommunity: {value: "64512:512"}}, {prependASPath: {prefix: [64600, 64601]}}]
              importV4:
              - {action: Reject, cidr: 10.244.0.0/16, matchOperator: In, prefixLength: {min: 27}}
            ---
            apiVersion: projectcalico.org/v3
            kind: BGPPeer
            metadata: {name: nodes}
            spec: {peerIP: 10.20.0.2, asNumber: 64512, filters: [some]}

            """

        private static let neighbor = """
            router id 10.20.0.2;
            protocol device {}
            protocol static blocks {
              ipv4;
              route 10.244.2.0/26 blackhole;
              route 10.244.3.0/27 blackhole;
            }
            protocol bgp peer {
              local 10.20.0.2 as 64512; neighbor 10.20.0.1 as 64512; multihop;
              connect delay time 1; connect retry time 2; error wait time 1, 2;
              ipv4 { import all; export where source = RTS_STATIC; next hop self; };
            }
            """

        /// What there is of a node to compare: what its neighbour received, and what of its routes it wrote to its kernel.
        private struct Outcome: Equatable {
            var exports: [PeerRoute] = []
            var kernel: [String] = []
        }

        private static func outcome(target: String) async throws -> Outcome {
            var outcome = Outcome()
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                // Workloads: one as usual, one whose priority is better, one with an address of another node's block.
                try here.ip("link add cali1 type veth peer name work1", "link set work1 up", "link set cali1 up")
                for (address, metric) in [("10.244.1.5", 1024), ("10.244.1.6", 512), ("10.244.9.9", 1024)] {
                    let words = ["route", "add", address, "dev", "cali1", "proto", "80", "metric", "\(metric)"]
                    try Command.check("/usr/bin/env", ["ip", "-netns", here.name] + words)
                }
                let files = "\(lab.folder)/\(target)"
                try FileManager.default.createDirectory(atPath: files + "/m", withIntermediateDirectories: true)
                try Self.manifests.write(toFile: files + "/m/all.yaml", atomically: false, encoding: .utf8)
                try Command.check(
                    try MartletProcess.binary(),
                    [
                        "confd", "--onetime", "--sync-only", "--target", target, "--node-name", "a", "--datastore",
                        files + "/m", "--state", files + "/state", "--templates", files + "/none",
                        "--config-directory", files + "/out",
                    ]
                )
                if target == "bird1" {
                    let file = files + "/out/bird.cfg"
                    _ = try await Bird1.start("bird1", in: here, lab, isIPv4: true, file: file)
                } else {
                    _ = try await MartletProcess.start("martlet", in: here, lab, file: files + "/out/speaker.conf")
                }
                let bird = try await Bird.start("bird", in: there, lab, configuration: Self.neighbor)
                try await lab.require("the session is established") { try bird.isEstablished("peer") }
                outcome.exports = try await Interop.routes(of: bird, table: "master4", count: 3)
                func kernel() throws -> [String] {
                    try Command.run("/usr/bin/env", ["ip", "-netns", here.name, "route"]).output.split(separator: "\n")
                        .filter { $0.contains("via 10.20.0.2 ") }
                        .map { line in
                            [" proto bird ", " proto 12 ", " proto 81 "].reduce(String(line)) {
                                $0.replacing($1, with: " ")
                            }.trimmingCharacters(in: .whitespaces)
                        }.sorted()
                }
                _ = try await eventually(timeout: .seconds(15)) { try !kernel().isEmpty }
                outcome.kernel = try kernel()
            }
            return outcome
        }

        @Test("Sessions, announced routes and routes in the kernel are the same")
        func same() async throws {
            let theirs = try await Self.outcome(target: "bird1")
            let ours = try await Self.outcome(target: "speaker")
            #expect(
                theirs.exports.map { "\($0.prefix)" }.sorted() == ["10.101.0.0/16", "10.244.1.0/26", "10.244.1.6/32"]
            )
            #expect(theirs.kernel.count == 1 && theirs.kernel.allSatisfy { $0.hasPrefix("10.244.2.0/26 ") })
            #expect(ours == theirs)
        }
    }
}
