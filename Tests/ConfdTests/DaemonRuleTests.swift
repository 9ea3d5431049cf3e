import BGPWire
import ConfigLanguage
import Foundation
import IPAddressing
import Resources
import SpeakerSettings
import Testing

@testable import Confd

/// What is said once for the speaker, as its own parser reads it, and in the files for BIRD 1.6.
@Suite("Settings of the whole speaker")
struct DaemonRuleTests {
    private func cluster() throws -> Cluster {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/24", ipv6: "2001:db8::1/64")
        try cluster.node("b", "10.0.0.2/24", ipv6: "2001:db8::2/64")
        try cluster.pool("four", "192.168.0.0/16")
        try cluster.block("192.168.1.0/26")
        return cluster
    }

    private func settings(_ cluster: Cluster) async throws -> SpeakerSettings {
        let bench = try Bench()
        try await bench.makeEngine().cycle(cluster.snapshot)
        return try RenderedPolicy.settings(bench)
    }

    private func bird1(_ cluster: Cluster, routerID: String? = nil) async throws -> [String: String] {
        var bench = try Bench()
        bench.settings.templates.target = .bird1
        bench.settings.syncsOnly = true
        bench.settings.environment.routerID = routerID
        try await bench.makeEngine().cycle(cluster.snapshot)
        return try bench.directory.files(below: "out")
    }

    /// The text of the block that begins with a line.
    private func block(_ head: String, in text: String?) -> String {
        guard let text, let start = text.range(of: head) else { return "" }
        let rest = text[start.lowerBound...]
        return String(rest[..<(rest.range(of: "\n}")?.lowerBound ?? rest.endIndex)])
    }

    private func sessions(_ settings: SpeakerSettings) -> [BGPSettings] {
        settings.protocols.compactMap { if case .bgp(let session) = $0 { session } else { nil } }
    }

    @Test(
        "The kernel protocol learns, persists, scans every 2 s, imports all, exports by the filter and merges 16 paths"
    )
    func kernel() async throws {
        var families: [String] = []
        for case .kernel(let kernel) in try await self.settings(self.cluster()).protocols {
            families.append("\(kernel.channel.family)")
            #expect(kernel.learns && kernel.persists && kernel.scanTime == 2 && kernel.mergePaths == 16)
            #expect(kernel.kernelTable == 254)
            // The metric is each route's own.
            #expect(kernel.metric == nil)
        }
        #expect(families.count == 2)
        let files = try await self.bird1(self.cluster())
        for name in ["bird.cfg", "bird6.cfg"] {
            let template = self.block("template kernel", in: files[name])
            for line in ["learn;", "persist;", "scan time 2;", "import all;"] { #expect(template.contains(line)) }
            let kernel = self.block("protocol kernel", in: files[name])
            for line in ["export filter calico_kernel_programming;", "graceful restart;", "merge paths on;"] {
                #expect(kernel.contains(line), "\(name): \(line)")
            }
        }
    }

    @Test("The device protocol scans every 2 s")
    func device() async throws {
        var count = 0
        for case .device in try await self.settings(self.cluster()).protocols { count += 1 }
        #expect(count == 1)
        let bench = try Bench()
        try await bench.makeEngine().cycle(try self.cluster().snapshot)
        #expect(
            self.block("protocol device", in: try bench.directory.read("out/speaker.conf")).contains("scan time 2;")
        )
        let files = try await self.bird1(self.cluster())
        for name in ["bird.cfg", "bird6.cfg"] {
            #expect(self.block("protocol device", in: files[name]).contains("scan time 2;"))
        }
    }

    @Test("Every session is multihop, resolves next hops recursively, has add-path both ways and restarts gracefully")
    func everySession() async throws {
        let sessions = self.sessions(try await self.settings(self.cluster()))
        #expect(sessions.map(\.common.name).sorted() == ["Mesh_10_0_0_2", "Mesh_2001_db8__2"])
        for session in sessions {
            #expect(session.multihopTTL == 255 && !session.ttlSecurity)
            #expect(session.restart.mode == .on)
            for channel in session.channels {
                #expect(channel.gateway == .recursive)
                #expect(channel.addPathsReceive && channel.addPathsSend)
            }
        }
        let files = try await self.bird1(self.cluster())
        let template = self.block("template bgp", in: files["bird.cfg"])
        for line in ["gateway recursive;", "add paths on;", "graceful restart;"] { #expect(template.contains(line)) }
        #expect(self.block("protocol bgp Mesh_10_0_0_2", in: files["bird.cfg"]).contains("multihop;"))
    }

    @Test("Sessions wait 2 s before they connect, 5 s between attempts and 5 to 30 s after errors")
    func waits() async throws {
        for session in self.sessions(try await self.settings(self.cluster())) {
            #expect(session.timers.connectDelay == 2 && session.timers.connectRetry == 5)
            #expect(session.timers.errorWait == 5...30)
        }
        let template = self.block("template bgp", in: try await self.bird1(self.cluster())["bird.cfg"])
        for line in ["connect delay time 2;", "connect retry time 5;", "error wait time 5,30;"] {
            #expect(template.contains(line))
        }
    }

    @Test("What a session does not say is BIRD's default: hold 240 s, a third of it between keepalives, LOCAL_PREF 100")
    func defaults() async throws {
        for session in self.sessions(try await self.settings(self.cluster())) {
            #expect(session.timers.hold == 240 && session.timers.startupHold == 240 && session.timers.keepalive == nil)
            #expect(session.timers.errorForget == 300)
            #expect(session.defaultLocalPreference == 100)
            #expect(session.restart.time == 120)
            #expect(session.routeRefresh && session.interpretsCommunities)
        }
    }

    @Test("Routes have preference 240 from interfaces, 200 as static ones, 100 from BGP and 10 from the kernel")
    func preferences() async throws {
        var found: [String: Set<UInt16>] = [:]
        for settings in try await self.settings(self.cluster()).protocols {
            switch settings {
            case .direct(let direct): found["direct", default: []].formUnion(direct.channels.map(\.preference))
            case .static(let value): found["static", default: []].insert(value.channel.preference)
            case .kernel(let kernel): found["kernel", default: []].insert(kernel.channel.preference)
            case .bgp(let session): found["bgp", default: []].formUnion(session.channels.map(\.channel.preference))
            case .device, .pipe: break
            }
        }
        #expect(found == ["direct": [240], "static": [200], "bgp": [100], "kernel": [10]])
    }

    @Test("Level none traces nothing, debug everything, info states; BIRD 1.6 also routes, filters and events")
    func debug() async throws {
        for (severity, native, direct, session) in [
            ("Error", [], "", ""), ("Debug", Set(DebugCategory.allCases), "debug all;", "debug all;"),
            ("Info", [.states], "debug { states };", "debug { states, routes, filters, events };"),
        ] as [(String, Set<DebugCategory>, String, String)] {
            var cluster = try self.cluster()
            cluster.configuration { $0.logSeverityScreen = severity }
            for settings in try await self.settings(cluster).protocols {
                switch settings {
                case .bgp, .direct, .device:
                    #expect(settings.common.debug == native, "\(severity) \(settings.common.name)")
                default: #expect(settings.common.debug.isEmpty)
                }
            }
            let text = try await self.bird1(cluster)["bird.cfg"]?.replacing("{states", with: "{ states") ?? ""
            for (head, line) in [
                ("protocol device", direct), ("template direct", direct), ("template bgp", session),
            ] {
                let start = try #require(text.range(of: head))
                let lines = text[start.upperBound...].split(separator: "\n").prefix(3).joined(separator: "\n")
                #expect(line.isEmpty ? !lines.contains("debug") : lines.contains(line), "\(severity) \(head): \(lines)")
            }
        }
    }

    @Test("The router id is the IPv4 address in the IPv6 daemon, too")
    func routerID() async throws {
        let files = try await self.bird1(self.cluster())
        #expect(files["bird.cfg"]?.contains("router id 10.0.0.1;") ?? false)
        #expect(files["bird6.cfg"]?.contains("router id 10.0.0.1;") ?? false)
        let hashed = try await self.bird1(self.cluster(), routerID: "hash")
        let identifier = RouterID(hashOf: "a")
        for name in ["bird.cfg", "bird6.cfg"] {
            #expect(hashed[name]?.contains("router id \(identifier);") ?? false)
        }
    }

    @Test("Only with a port of its own, or bound to the node's address, does a daemon say where it listens")
    func listen() async throws {
        var cluster = try self.cluster()
        #expect(try await self.bird1(cluster).values.allSatisfy { !$0.contains("listen bgp") })
        cluster.configuration { $0.listenPort = 1790 }
        #expect(try await self.bird1(cluster)["bird6.cfg"]?.contains("listen bgp port 1790;") ?? false)
        cluster.configuration {
            $0.listenPort = nil
            $0.bindMode = .nodeIP
        }
        let files = try await self.bird1(cluster)
        #expect(files["bird.cfg"]?.contains("listen bgp address 10.0.0.1;") ?? false)
        #expect(files["bird6.cfg"]?.contains("listen bgp address 2001:db8::1;") ?? false)
        cluster.configuration { $0.listenPort = 1790 }
        for session in self.sessions(try await self.settings(cluster)) {
            #expect(session.localPort == 1790 && session.localAddress != nil)
        }
    }

    @Test("Without an address of a family its BGP part is missing, and kernel, device, direct and static stay")
    func familyWithoutAddress() async throws {
        var cluster = try self.cluster()
        try cluster.node("a", ipv6: "2001:db8::1/64")
        let files = try await self.bird1(cluster)
        let four = try #require(files["bird.cfg"])
        #expect(!four.contains("protocol bgp") && !four.contains("template bgp"))
        for head in ["protocol kernel", "protocol device", "protocol direct"] { #expect(four.contains(head)) }
        #expect(files["bird_aggr.cfg"]?.contains("route 192.168.1.0/26 blackhole;") ?? false)
        #expect(files["bird6.cfg"]?.contains("protocol bgp Mesh_2001_db8__2") ?? false)
        let settings = try await self.settings(cluster)
        #expect(self.sessions(settings).map(\.common.name) == ["Mesh_2001_db8__2"])
        #expect(
            settings.protocols.contains {
                if case .kernel(let value) = $0 { value.channel.family == .ipv4Unicast } else { false }
            }
        )
    }
}
