import ControlAPI
import Foundation
import Glibc
import TestSupport
import Testing

extension Interop {
    /// What remains of the configuration when its watcher or the datastore is not there.
    @Suite("The watcher killed, and a datastore that is away")
    struct WatcherTests {
        private static func manifests(_ generation: Int) -> String {
            var documents = [
                "apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\n"
                    + "spec: {asNumber: \(64_512 + generation)}\n"
            ]
            for number in 1...60 {
                documents.append(
                    "apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: n\(number)}\n"
                        + "spec: {bgp: {ipv4Address: 10.0.0.\(number)/24}}\n"
                )
            }
            return documents.joined(separator: "---\n")
        }

        private static func files(_ folder: String) throws -> [String: String] {
            var files: [String: String] = [:]
            // The stage comes and goes beside them.
            for part in ["", "peers/"] where FileManager.default.fileExists(atPath: "\(folder)/\(part)") {
                for name in try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(part)")
                where name.hasSuffix(".conf") {
                    files[part + name] = try String(contentsOfFile: "\(folder)/\(part)\(name)", encoding: .utf8)
                }
            }
            return files
        }

        @Test("Killed at any moment the watcher leaves each file as it was or as it was to be, and goes on from there")
        func killed() async throws {
            try await Lab.run { lab in
                let (here, _) = try Interop.pair(lab)
                let folder = lab.folder
                let store = folder + "/store"
                try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
                func put(_ generation: Int) throws {
                    try Self.manifests(generation).write(toFile: store + "/all.yaml", atomically: true, encoding: .utf8)
                }
                @Sendable
                func arguments(_ output: String) -> [String] {
                    [
                        "confd", "--sync-only", "--node-name", "n1", "--datastore", store, "--state",
                        folder + "/state", "--templates", folder + "/none", "--config-directory", output,
                    ]
                }
                var expected: [[String: String]] = []
                for generation in 0..<2 {
                    try put(generation)
                    let output = folder + "/expected-\(generation)"
                    let result = try await blocking {
                        try Command.run(try MartletProcess.binary(), arguments(output) + ["--onetime"])
                    }
                    #expect(result.code == 0, "\(result)")
                    expected.append(try Self.files(output))
                }
                #expect(expected[0].count == 62 && expected[0] != expected[1])
                let output = folder + "/out"
                var mixed = 0
                for round in 0..<12 {
                    let watcher = try lab.start(
                        "watcher-\(round)",
                        in: here,
                        try MartletProcess.binary(),
                        arguments(output)
                    )
                    try await lab.require("the watcher has caught up") {
                        try FileManager.default.fileExists(atPath: output)
                            && Self.files(output) == expected[(round + 1) % 2]
                    }
                    try put(round % 2)
                    // A change waits for 100 ms of quiet; around then files are staged and moved.
                    try await Task.sleep(for: .milliseconds(Int.random(in: 98...125)))
                    watcher.signal(SIGKILL)
                    try await lab.require("it is gone") { !watcher.isRunning }
                    let found = try Self.files(output)
                    #expect(found.keys.sorted() == expected[0].keys.sorted())
                    for (name, text) in found {
                        #expect(text == expected[0][name] || text == expected[1][name], "round \(round): \(name)")
                    }
                    if found != expected[0], found != expected[1] { mixed += 1 }
                }
                print("killed between two files in \(mixed) of 12 rounds")
            }
        }

        @Test("With the datastore away at the start the node runs what was rendered last, and says so")
        func noDatastore() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let bird = try await Bird.start(
                    "bird",
                    in: there,
                    lab,
                    configuration: """
                        router id 10.20.0.2;
                        protocol device {}
                        protocol bgp peer {
                          local 10.20.0.2 as 64513; neighbor 10.20.0.1 as 64512; \(Interop.timers)
                          ipv4 { import all; export none; };
                        }
                        """
                )
                let folder = lab.folder
                let store = folder + "/store"
                try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
                try """
                apiVersion: projectcalico.org/v3
                kind: BGPConfiguration
                metadata: {name: default}
                spec: {nodeToNodeMeshEnabled: false}
                ---
                apiVersion: projectcalico.org/v3
                kind: Node
                metadata: {name: a}
                spec: {bgp: {ipv4Address: 10.20.0.1/24}}
                ---
                apiVersion: projectcalico.org/v3
                kind: BGPPeer
                metadata: {name: tor}
                spec: {node: a, peerIP: 10.20.0.2, asNumber: 64513}

                """.write(toFile: store + "/all.yaml", atomically: true, encoding: .utf8)
                let socket = folder + "/s.sock"
                let options = [
                    "--node-name", "a", "--templates", folder + "/none", "--control-socket", socket,
                    "--config-directory", folder + "/config",
                ]
                let earlier = try await blocking {
                    try Command.run(
                        try MartletProcess.binary(),
                        ["confd", "--onetime", "--sync-only", "--datastore", store, "--state", folder + "/state"]
                            + options
                    )
                }
                #expect(earlier.code == 0, "\(earlier)")
                let node = try lab.start(
                    "node",
                    in: here,
                    try MartletProcess.binary(),
                    ["node"] + options,
                    environment: ["DATASTORE_TYPE": "etcdv3", "ETCD_ENDPOINTS": "http://10.20.0.1:2379"]
                )
                try await lab.require("the session of the earlier run is there") { try bird.isEstablished("peer") }
                try await lab.require("the log says what is used") {
                    node.output.contains("The datastore does not answer: the configuration rendered last is used")
                }
                let client = ControlClient(socketPath: socket)
                let readiness = try await client.readiness()
                await client.close()
                #expect(!readiness.ready)
                #expect(
                    readiness.reasons.contains(
                        "confd: the datastore was not read yet; what an earlier run rendered stays in force"
                    )
                )
                #expect(node.isRunning)
            }
        }
    }
}
