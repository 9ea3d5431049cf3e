import Foundation
import Testing

@testable import TestSupport

@Suite("Lab")
struct LabTests {
    private func bird(_ id: String, _ local: Int, _ remote: Int, _ neighbor: String, _ route: String) -> String {
        """
        router id \(id);
        protocol device {}
        protocol static { ipv4; route \(route) blackhole; }
        protocol bgp peer {
          local as \(local); neighbor \(neighbor) as \(remote);
          connect delay time 1; connect retry time 2;
          ipv4 { import all; export filter {
            bgp_med = 7; bgp_community.add((64512, 1)); bgp_large_community.add((64512, 1, 2)); accept;
          }; };
        }
        """
    }

    @Test("Two BIRDs in namespaces establish a session and see each other's routes; nothing is left behind")
    func birds() async throws {
        let (names, folder, pids) = try await Lab.run { lab in
            let (a, b) = (try lab.addNamespace(), try lab.addNamespace())
            try lab.connect(a, ["10.9.0.1/24"], b, ["10.9.0.2/24"])
            let one = self.bird("10.9.0.1", 64_512, 64_513, "10.9.0.2", "203.0.113.0/24")
            let two = self.bird("10.9.0.2", 64_513, 64_512, "10.9.0.1", "198.51.100.0/24")
            let first = try await Bird.start("bird1", in: a, lab, configuration: one)
            let second = try await Bird.start("bird2", in: b, lab, configuration: two)
            try await lab.require("the session is established") {
                try first.isEstablished("peer") && second.isEstablished("peer")
            }
            try await lab.require("both routes arrived") {
                try first.routes().count == 2 && second.routes().count == 2
            }
            var expected = PeerRoute(prefix: "203.0.113.0/24", best: true)
            expected.nextHop = "10.9.0.1"
            expected.asPath = "64512"
            expected.localPref = 100
            expected.med = 7
            expected.origin = "igp"
            expected.communities = ["64512:1"]
            expected.largeCommunities = ["64512:1:2"]
            let routes = try second.routes(table: "master4", "protocol peer")
            #expect(routes == [expected])
            return ([a.name, b.name], lab.folder, [first.process.processIdentifier, second.process.processIdentifier])
        }
        for name in names { #expect(!FileManager.default.fileExists(atPath: "/run/netns/\(name)")) }
        for pid in pids { #expect(!FileManager.default.fileExists(atPath: "/proc/\(pid)")) }
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test("FRR and GoBGP show a route of BIRD with the same attributes")
    func otherSpeakers() async throws {
        try await Lab.run { lab in
            let (a, b, c) = (try lab.addNamespace(), try lab.addNamespace(), try lab.addNamespace())
            try lab.connect(a, ["10.9.1.1/24"], b, ["10.9.1.2/24"])
            try lab.connect(a, ["10.9.2.1/24"], c, ["10.9.2.2/24"])
            var text = self.bird("10.9.1.1", 64_512, 64_513, "10.9.1.2", "203.0.113.0/24")
            text += text.split(separator: "protocol bgp peer")[1].description
                .replacingOccurrences(of: "10.9.1.2 as 64513", with: "10.9.2.2 as 64514")
                .replacingOccurrences(of: " {\n  local", with: "\nprotocol bgp peer2 {\n  local")
            _ = try await Bird.start("bird", in: a, lab, configuration: text)
            let frr = try await FRR.start(
                "frr",
                in: b,
                lab,
                configuration: """
                    router bgp 64513
                     bgp router-id 10.9.1.2
                     no bgp ebgp-requires-policy
                     no bgp network import-check
                     neighbor 10.9.1.1 remote-as 64512
                     neighbor 10.9.1.1 timers connect 2

                    """
            )
            let gobgp = try await GoBGP.start(
                "gobgp",
                in: c,
                lab,
                configuration: """
                    [global.config]
                    as = 64514
                    router-id = "10.9.2.2"
                    [[neighbors]]
                    [neighbors.config]
                    neighbor-address = "10.9.2.1"
                    peer-as = 64512
                    [neighbors.timers.config]
                    connect-retry = 2
                    """
            )
            try await lab.require("sessions are established", timeout: .seconds(60)) {
                try frr.isEstablished("10.9.1.1") && gobgp.isEstablished("10.9.2.1")
            }
            try await lab.require("routes arrived") { try frr.routes().count == 1 && gobgp.routes().count == 1 }
            var expected = PeerRoute(prefix: "203.0.113.0/24", best: true)
            expected.asPath = "64512"
            expected.med = 7
            expected.origin = "igp"
            expected.communities = ["64512:1"]
            expected.largeCommunities = ["64512:1:2"]
            expected.nextHop = "10.9.1.1"
            let ofFRR = try frr.routes()
            #expect(ofFRR == [expected])
            expected.nextHop = "10.9.2.1"
            let ofGoBGP = try gobgp.routes()
            #expect(ofGoBGP == [expected])
        }
    }

    @Test("An error in a lab carries the daemons' logs, and the lab is cleaned up")
    func failure() async throws {
        struct Broken: Error {}
        var name = ""
        let error = await #expect(throws: Command.Failure.self) {
            try await Lab.run { lab in
                let namespace = try lab.addNamespace()
                name = namespace.name
                let daemon = try lab.start(
                    "talker",
                    in: namespace,
                    "/bin/sh",
                    ["-c", "echo last words; exec sleep 60"]
                )
                try await lab.require("it spoke") { daemon.output.contains("last words") }
                throw Broken()
            }
        }
        #expect(error?.description.contains("last words") == true)
        #expect(!name.isEmpty && !FileManager.default.fileExists(atPath: "/run/netns/\(name)"))
    }

    @Test("BIRD's two routes for one prefix both carry it")
    func birdOutput() {
        let text = """
            Table master4:
            10.1.0.0/24          unicast [p1 20:10:00.000] * (100) [AS65001i]
            \tvia 10.0.0.1 on eth1
            \tType: BGP univ
            \tBGP.as_path: 65001 {2 3}
            \tBGP.cluster_list: 1.1.1.1 2.2.2.2
                                 unicast [p2 20:10:00.000] (100) [AS65002?]
            \tBGP.origin: Incomplete
            \tBGP.as_path: 65002
            """
        let routes = Bird.parse(text)
        #expect(routes.map(\.prefix) == ["10.1.0.0/24", "10.1.0.0/24"])
        #expect(routes.map(\.best) == [true, false])
        #expect(routes[0].clusterList == ["1.1.1.1", "2.2.2.2"])
        #expect(routes[0].asPath == "65001 {2 3}")
        #expect(routes[1].origin == "incomplete")
    }
}
