import ControlAPI
import Foundation
import TestSupport
import Testing

extension Interop {
    /// The program with etcd as its datastore.
    @Suite("Roles on etcd")
    struct EtcdRoleTests {
        @Test("A BGPPeer written to etcd becomes a session, one removed from it ends, and confd alone renders the same")
        func node() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
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
                        """
                )
                let url = "http://10.20.0.1:2379"
                _ = try lab.start(
                    "etcd",
                    in: here,
                    "/usr/bin/etcd",
                    [
                        "--data-dir", "\(lab.folder)/etcd", "--listen-client-urls", url, "--advertise-client-urls", url,
                        "--listen-peer-urls", "http://127.0.0.1:2380", "--log-level", "warn",
                    ]
                )
                func etcdctl(_ arguments: String..., input: String? = nil) throws -> Command.Result {
                    try Command.run(
                        "/usr/sbin/ip",
                        [
                            "netns", "exec", here.name, "/usr/bin/env", "ETCDCTL_API=3", "/usr/bin/etcdctl",
                            "--endpoints", url,
                        ]
                            + arguments,
                        input: input
                    )
                }
                try await lab.require("etcd answers") { try etcdctl("endpoint", "health").code == 0 }
                let resources = "/calico/resources/v3/projectcalico.org"
                for (key, value) in [
                    (
                        "\(resources)/bgpconfigurations/default",
                        Self.object(
                            "BGPConfiguration",
                            "default",
                            #"{"asNumber":64512,"nodeToNodeMeshEnabled":false}"#
                        )
                    ),
                    ("\(resources)/nodes/a", Self.object("Node", "a", #"{"bgp":{"ipv4Address":"10.20.0.1/24"}}"#)),
                    ("\(resources)/ippools/pool4", Self.object("IPPool", "pool4", #"{"cidr":"10.65.0.0/16"}"#)),
                    ("/calico/ipam/v2/host/a/ipv4/block/10.65.0.0-26", #"{"state":"confirmed","deleted":false}"#),
                ] {
                    #expect(try etcdctl("put", key, value).code == 0)
                }
                let socket = lab.folder + "/s.sock"
                let environment = ["DATASTORE_TYPE": "etcdv3", "ETCD_ENDPOINTS": url]
                let options = [
                    "--node-name", "a", "--templates", lab.folder + "/templates", "--control-socket", socket,
                ]
                let node = try lab.start(
                    "node",
                    in: here,
                    try MartletProcess.binary(),
                    ["node", "--config-directory", lab.folder + "/config"] + options,
                    environment: environment
                )
                try await lab.require("the node is ready") {
                    let client = ControlClient(socketPath: socket)
                    let ready = (try? await client.readiness().ready) == true
                    await client.close()
                    return ready
                }
                let key = "\(resources)/bgppeers/tor"
                let peer = Self.object("BGPPeer", "tor", #"{"node":"a","peerIP":"10.20.0.2","asNumber":64513}"#)
                let start = ContinuousClock.now
                #expect(try etcdctl("put", key, peer).code == 0)
                try await lab.require("BIRD has the block") {
                    try bird.routes(table: "master4", "protocol peer").map(\.prefix) == ["10.65.0.0/26"]
                }
                #expect(ContinuousClock.now - start < .seconds(15))
                try await lab.require("the node's kernel has BIRD's route") {
                    try here.run("/usr/sbin/ip", "route", "show", "172.20.0.0/24").output.contains("via 10.20.0.2")
                }
                let confd = try here.run(
                    "/usr/bin/env",
                    environment.map { "\($0)=\($1)" } + [
                        try MartletProcess.binary(), "confd", "--onetime", "--sync-only", "--config-directory",
                        lab.folder + "/alone",
                    ] + options
                )
                #expect(confd.code == 0, "\(confd)")
                for file in try FileManager.default.subpathsOfDirectory(atPath: lab.folder + "/alone")
                where file.hasSuffix(".conf") {
                    let alone = try String(contentsOfFile: "\(lab.folder)/alone/\(file)", encoding: .utf8)
                    #expect(try String(contentsOfFile: "\(lab.folder)/config/\(file)", encoding: .utf8) == alone)
                }
                #expect(try etcdctl("del", key).code == 0)
                try await lab.require("the session ended") { try bird.isEstablished("peer") == false }
                #expect(node.isRunning)
            }
        }

        @Test("A migration carries a directory of manifests to etcd and back")
        func migration() async throws {
            let etcd = try await Etcd.start()
            defer { etcd.close() }
            let folder = etcd.folder
            let manifests = "\(folder)/manifests"
            try FileManager.default.createDirectory(atPath: manifests, withIntermediateDirectories: true)
            try """
            apiVersion: projectcalico.org/v3
            kind: Node
            metadata: { name: a, labels: { rack: r1 } }
            spec: { bgp: { ipv4Address: 10.20.0.1/24 } }
            ---
            apiVersion: projectcalico.org/v3
            kind: BlockAffinity
            metadata: { name: mine }
            spec: { state: confirmed, node: a, cidr: 10.65.0.0/26 }

            """.write(toFile: "\(manifests)/all.yaml", atomically: true, encoding: .utf8)
            func migrate(_ target: String, _ directory: String, _ extra: [String] = []) async throws -> Command.Result {
                let arguments = [
                    "datastore", "migrate", "--to", target, "--datastore", directory, "--state", "\(directory)/.state",
                    "--etcd-endpoints", etcd.endpoints[0],
                ]
                return try await blocking { try Command.run(try MartletProcess.binary(), arguments + extra) }
            }
            let dry = try await migrate("etcd", manifests, ["--dry-run"])
            #expect(dry.code == 0 && dry.output.contains("create Node/a"), "\(dry)")
            #expect(try etcd.value("/calico/resources/v3/projectcalico.org/nodes/a") == nil)
            let there = try await migrate("etcd", manifests)
            #expect(there.code == 0 && there.output.contains("2 objects checked on both sides"), "\(there)")
            #expect(there.output.contains("BlockAffinity/mine is called a-10-65-0-0-26 there"))
            #expect(try etcd.value("/calico/ipam/v2/host/a/ipv4/block/10.65.0.0-26") != nil)
            let other = "\(folder)/back"
            try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
            let back = try await migrate("directory", other)
            #expect(back.code == 0, "\(back)")
            #expect(FileManager.default.fileExists(atPath: "\(other)/.state/objects/Node/a.json"))
            try etcd.put("/calico/resources/v3/projectcalico.org/nodes/a", Self.object("Node", "a", "{}"))
            let refused = try await migrate("etcd", manifests)
            #expect(refused.code != 0 && refused.errors.contains("other contents of Node/a"), "\(refused)")
        }

        private static func object(_ kind: String, _ name: String, _ spec: String) -> String {
            #"{"kind":"\#(kind)","apiVersion":"projectcalico.org/v3","metadata":{"name":"\#(name)"},"spec":\#(spec)}"#
        }
    }
}
