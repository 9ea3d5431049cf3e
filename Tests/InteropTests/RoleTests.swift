import ControlAPI
import Foundation
import Glibc
import TestSupport
import Testing

extension Interop {
    /// The roles of the program as an operator starts them: one process with everything, or one for each.
    @Suite("Roles")
    struct RoleTests {
        /// A node "a" at 10.20.0.1 with a workload, and a BIRD of AS 64513 at 10.20.0.2.
        private struct Scene {
            var lab: Lab
            var here: Lab.Namespace
            var bird: Bird
            var manifests: String

            var socket: String { self.lab.folder + "/s.sock" }
            var config: String { self.lab.folder + "/config" }
            var nodeOptions: [String] {
                ["--node-name", "a", "--datastore", self.manifests, "--state", self.lab.folder + "/state"]
            }
            var confdOptions: [String] {
                self.nodeOptions + [
                    "--config-directory", self.config, "--templates", self.lab.folder + "/templates",
                    "--control-socket", self.socket,
                ]
            }

            func start(_ role: String, _ options: [String]) throws -> DaemonProcess {
                try self.lab.start(role, in: self.here, try MartletProcess.binary(), [role] + options)
            }

            func client<Result>(_ body: (ControlClient) async throws -> Result) async throws -> Result {
                let client = ControlClient(socketPath: self.socket)
                do {
                    let result = try await body(client)
                    await client.close()
                    return result
                } catch {
                    await client.close()
                    throw error
                }
            }

            func manifest(_ name: String, _ text: String) throws {
                try text.write(toFile: "\(self.manifests)/\(name).yaml", atomically: true, encoding: .utf8)
            }

            func requireReady() async throws {
                try await self.lab.require("the node is ready") {
                    (try? await self.client { try await $0.readiness().ready }) == true
                }
            }

            /// The block of the node at BIRD, and BIRD's own prefix in the node's kernel.
            func requireExchange() async throws {
                try await self.lab.require("BIRD has the block") {
                    try self.bird.routes(table: "master4", "protocol peer").map(\.prefix) == ["10.65.0.0/26"]
                }
                try await self.lab.require("the node's kernel has BIRD's route") {
                    try self.here.run("/usr/sbin/ip", "route", "show", "172.20.0.0/24").output.contains("via 10.20.0.2")
                }
            }

            func require(log name: String, contains text: String) async throws {
                try await self.lab.require("the log of \(name) says \"\(text)\"") {
                    try String(contentsOfFile: "\(self.lab.folder)/\(name).log", encoding: .utf8).contains(text)
                }
            }
        }

        private static func withScene(_ body: (Scene) async throws -> Void) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let pod = try lab.addNamespace()
                try here.ip("link add cali1 type veth peer name eth0 netns \(pod.name)", "link set cali1 up")
                try pod.ip("link set eth0 up", "address add 10.65.0.2/32 dev eth0")
                try here.ip("route add 169.254.1.1 dev eth1 proto static")
                let bird = try await Bird.start(
                    "bird",
                    in: there,
                    lab,
                    configuration: """
                        router id 10.20.0.2;
                        protocol device {}
                        protocol static own { ipv4; route 172.20.0.0/24 blackhole; }
                        protocol bgp peer {
                          local 10.20.0.2 as 64513; neighbor 10.20.0.1 as 64512; \(Interop.timers)
                          ipv4 { import all; export where source = RTS_STATIC; };
                        }
                        protocol bgp second {
                          local fd20::2 as 64513; neighbor fd20::1 as 64512; \(Interop.timers)
                          ipv6 { import all; export none; };
                        }
                        """
                )
                let manifests = lab.folder + "/manifests"
                try FileManager.default.createDirectory(atPath: manifests, withIntermediateDirectories: true)
                let scene = Scene(lab: lab, here: here, bird: bird, manifests: manifests)
                try scene.manifest("cluster", Self.cluster)
                try scene.manifest("peer", Self.peer("tor", "10.20.0.2"))
                try await body(scene)
            }
        }

        private static let cluster = """
            apiVersion: projectcalico.org/v3
            kind: BGPConfiguration
            metadata: { name: default }
            spec: { asNumber: 64512, nodeToNodeMeshEnabled: false }
            ---
            apiVersion: projectcalico.org/v3
            kind: Node
            metadata: { name: a }
            spec: { bgp: { ipv4Address: 10.20.0.1/24, ipv6Address: "fd20::1/64" } }
            ---
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: { name: pool4 }
            spec: { cidr: 10.65.0.0/16 }
            ---
            apiVersion: projectcalico.org/v3
            kind: BlockAffinity
            metadata: { name: a-4 }
            spec: { state: confirmed, node: a, cidr: 10.65.0.0/26 }
            ---
            apiVersion: projectcalico.org/v3
            kind: WorkloadEndpoint
            metadata: { name: a-k8s-w1-eth0, namespace: default }
            spec:
              node: a
              orchestrator: k8s
              pod: w1
              endpoint: eth0
              interfaceName: cali1
              mac: "02:00:00:00:0a:01"
              ipNetworks: [ 10.65.0.2/32 ]

            """

        private static func peer(_ name: String, _ address: String) -> String {
            """
            apiVersion: projectcalico.org/v3
            kind: BGPPeer
            metadata: { name: \(name) }
            spec: { node: a, peerIP: "\(address)", asNumber: 64513 }

            """
        }

        @Test("A node adds and removes a peer beside a session that stays, and is adopted after kill -9 untouched")
        func node() async throws {
            try await Self.withScene { scene in
                let node = try scene.start("node", scene.confdOptions)
                try await scene.requireReady()
                try await scene.requireExchange()
                func neighbors() async throws -> [NeighborStatus] {
                    try await scene.client { try await $0.neighbors() }
                }
                let before = try #require(try await neighbors().first)

                try scene.manifest("second", Self.peer("second", "fd20::2"))
                try await scene.lab.require("the second session is up") { try scene.bird.isEstablished("second") }
                try FileManager.default.removeItem(atPath: scene.manifests + "/second.yaml")
                try await scene.lab.require("the second session is gone") { try await neighbors().count == 1 }
                #expect(try scene.bird.query("show protocols all second").contains("Peer de-configured"))
                #expect(try await neighbors().first?.establishedAt == before.establishedAt)

                // A manifest with an error is named and leaves everything as it is.
                try scene.manifest("broken", Self.peer("broken", "10.20.0.300"))
                try await scene.require(log: "node", contains: "broken.yaml")
                node.signal(SIGHUP)
                try await scene.requireReady()
                #expect(try await neighbors().map(\.establishedAt) == [before.establishedAt])

                let monitor = try scene.lab.start("monitor", in: scene.here, "/usr/sbin/ip", ["monitor", "route"])
                try await scene.lab.require("the monitor listens") {
                    try scene.here.ip("route add 192.0.2.1/32 dev lo", "route del 192.0.2.1/32 dev lo")
                    return try String(contentsOfFile: scene.lab.folder + "/monitor.log", encoding: .utf8)
                        .contains("192.0.2.1")
                }
                node.signal(SIGKILL)
                try await scene.lab.require("the session is gone") { try !scene.bird.isEstablished("peer") }
                for prefix in ["172.20.0.0/24", "10.65.0.2/32"] {
                    #expect(try !scene.here.run("/usr/sbin/ip", "route", "show", prefix).output.isEmpty)
                }
                _ = try scene.start("node", scene.confdOptions)
                try await scene.lab.require("the session is back") { try scene.bird.isEstablished("peer") }
                try await scene.requireReady()
                try await scene.requireExchange()
                monitor.stop()
                let changes = try String(contentsOfFile: scene.lab.folder + "/monitor.log", encoding: .utf8)
                    .split(separator: "\n").filter { $0.contains("172.20.0.") || $0.contains("10.65.") }
                #expect(changes.isEmpty)
            }
        }

        @Test("Felix, confd and the speaker do the same as three processes, and take SIGHUP and SIGTERM")
        func separate() async throws {
            try await Self.withScene { scene in
                let program = try MartletProcess.binary()
                let once = try scene.here.run(program, ["confd", "--onetime"] + scene.confdOptions)
                #expect(once.code == 0 && once.errors.contains("nothing to reload"))
                let speaker = try scene.start(
                    "speaker",
                    ["--config", scene.config + "/speaker.conf", "--control-socket", scene.socket]
                )
                let felix = try scene.start("felix", scene.nodeOptions)
                let confd = try scene.start("confd", scene.confdOptions)
                try await scene.requireReady()
                try await scene.requireExchange()
                try scene.manifest("second", Self.peer("second", "fd20::2"))
                try await scene.lab.require("confd reloads the speaker") { try scene.bird.isEstablished("second") }

                // What somebody takes away comes back with the reconciliation.
                try scene.here.ip("neigh del 10.65.0.2 dev cali1")
                for process in [speaker, felix, confd] { process.signal(SIGHUP) }
                try await scene.lab.require("felix has repaired the neighbour") {
                    try scene.here.run("/usr/sbin/ip", "neigh", "show", "dev", "cali1").output.contains("PERMANENT")
                }
                try await scene.requireExchange()
                for process in [confd, felix, speaker] {
                    #expect(process.isRunning)
                    process.signal(SIGTERM)
                    try await scene.lab.require("\(process.name) ends") { !process.isRunning }
                    #expect(process.exitCode == 0)
                }
                #expect(try !scene.here.run("/usr/sbin/ip", "route", "show", "10.65.0.2/32").output.isEmpty)
            }
        }

        @Test("A single run of confd names what is wrong in the manifests and fails, whatever it could render")
        func singleRun() async throws {
            try await Self.withScene { scene in
                try scene.manifest("broken", Self.peer("broken", "10.20.0.300"))
                let program = try MartletProcess.binary()
                for flag in ["--noop", "--onetime"] {
                    let result = try scene.here.run(program, ["confd", flag] + scene.confdOptions)
                    #expect(result.code == 1)
                    #expect(result.errors.contains("broken.yaml:4"))
                    #expect(
                        FileManager.default.fileExists(atPath: scene.config + "/speaker.conf") == (flag == "--onetime")
                    )
                }
            }
        }

        @Test("A missing directory of manifests is an error in one line")
        func missingDirectory() async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                let result = try here.run(
                    try MartletProcess.binary(),
                    [
                        "felix", "--node-name", "a", "--datastore", lab.folder + "/none", "--state",
                        lab.folder + "/state",
                    ]
                )
                #expect(result.code == 1)
                #expect(result.errors.hasPrefix("Error: cannot open the datastore: "))
                #expect(result.errors.split(separator: "\n").count == 1)
            }
        }
    }
}
