import BGPSession
import BGPWire
import Glibc
import IPAddressing
import Logging
import Netlink
import Policy
import RouteModel
import SpeakerSettings
import Testing

@testable import Speaker

@Suite("Two speakers on one host", .serialized)
struct LoopbackTests {
    let port = UInt16(20_000 + UInt16(getpid() % 20_000))

    func settings(
        _ own: String,
        _ other: String,
        _ asns: (UInt32, UInt32),
        _ ports: (UInt16, UInt16),
        _ network: String
    )
        throws -> SpeakerSettings
    {
        let channel = ChannelSettings(
            family: .ipv4Unicast,
            table: "master4",
            importPolicy: .acceptAll,
            exportPolicy: .acceptAll,
            preference: 100
        )
        var bgp = BGPSettings(
            common: CommonSettings(name: "peer"),
            localAS: ASNumber(rawValue: asns.0),
            neighborAddress: try address(other),
            neighborAS: ASNumber(rawValue: asns.1),
            isInternal: false
        )
        bgp.localAddress = try address(own)
        (bgp.localPort, bgp.neighborPort) = ports
        bgp.timers.connectDelay = 1
        bgp.timers.connectRetry = 1
        bgp.timers.errorWait = 1...2
        var ipv4 = BGPChannelSettings(channel: channel)
        // Addresses of 127/8 are no valid next hops.
        ipv4.nextHopAddress = try address(ports.0 < ports.1 ? "192.0.2.1" : "192.0.2.2")
        bgp.channels = [ipv4]
        let network = StaticSettings(
            common: CommonSettings(name: "networks"),
            channel: channel,
            routes: [StaticRouteSettings(prefix: try prefix(network), target: .blackhole)]
        )
        var kernel = KernelSettings(common: CommonSettings(name: "kernel4"), channel: channel)
        kernel.metric = 32
        return SpeakerSettings(
            routerID: RouterID(own),
            protocols: [.static(network), .bgp(bgp), .kernel(kernel)]
        )
    }

    func speaker(_ own: String, _ linkAddress: String, _ settings: SpeakerSettings) throws -> (Speaker, FakeKernel) {
        let kernel = FakeKernel()
        kernel.addAddress(try interfaceAddress("\(own)/8"), to: 1)
        let link = kernel.addLink("fabric")
        kernel.addAddress(try interfaceAddress("\(linkAddress)/24"), to: link)
        var logger = Logger(label: own)
        logger.logLevel = .error
        let options = Speaker.Options(sessionThreads: 1, openKernel: { () throws(NetlinkError) in kernel })
        return (try Speaker(settings: settings, options: options, logger: logger), kernel)
    }

    /// Waits until `condition` holds, at most 20 seconds.
    func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<400 {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    @Test("They exchange routes, keep the session over a reload, and stop cleanly", .timeLimit(.minutes(2)))
    func exchange() async throws {
        let (low, high) = (self.port, self.port + 1)
        let firstSettings = try self.settings("127.0.0.1", "127.0.0.2", (65001, 65002), (low, high), "10.1.0.0/16")
        let secondSettings = try self.settings("127.0.0.2", "127.0.0.1", (65002, 65001), (high, low), "10.2.0.0/16")
        let (first, firstKernel) = try self.speaker("127.0.0.1", "192.0.2.1", firstSettings)
        let (second, secondKernel) = try self.speaker("127.0.0.2", "192.0.2.2", secondSettings)
        try await first.start()
        try await second.start()
        func holds(_ kernel: FakeKernel, _ destination: String) throws -> Bool {
            let wanted = try prefix(destination)
            return try kernel.routes(RouteFilter(family: .v4, table: 254)).contains {
                $0.prefix == wanted && $0.protocolNumber == .speaker
            }
        }
        #expect(
            try await self.eventually {
                try holds(firstKernel, "10.2.0.0/16") && holds(secondKernel, "10.1.0.0/16")
            }
        )
        let before = try #require(try await first.neighbors(named: "peer").first)
        #expect(before.state == .established)

        var changed = firstSettings
        guard case .static(var networks) = changed.protocols[0] else { return }
        networks.routes = [StaticRouteSettings(prefix: try prefix("10.3.0.0/16"), target: .blackhole)]
        changed.protocols[0] = .static(networks)
        let plan = try await first.reload(changed)
        #expect(plan.protocols.first { $0.name == "peer" }?.action == .keep)
        #expect(
            try await self.eventually {
                try holds(secondKernel, "10.3.0.0/16") && !holds(secondKernel, "10.1.0.0/16")
            }
        )
        let after = try #require(try await first.neighbors(named: "peer").first)
        #expect(after.establishedTime == before.establishedTime)

        await first.stop(.restart)
        #expect(try holds(firstKernel, "10.2.0.0/16"))
        #expect(try await self.eventually { try !holds(secondKernel, "10.3.0.0/16") })
        await second.stop(.final)
        #expect(try !holds(secondKernel, "10.2.0.0/16"))
    }

    /// A socket that holds a port, as another program would.
    private static func occupy(_ port: UInt16) throws -> CInt {
        // Not for the programs that other tests start meanwhile: they would hold the port on.
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var endpoint = sockaddr_in()
        endpoint.sin_family = sa_family_t(AF_INET)
        endpoint.sin_port = port.bigEndian
        let bound = withUnsafePointer(to: &endpoint) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(bound == 0 && listen(descriptor, 1) == 0)
        return descriptor
    }

    @Test("A reload that needs a port which another program holds changes nothing at all", .timeLimit(.minutes(1)))
    func portInUse() async throws {
        let (low, high, taken) = (self.port + 2, self.port + 3, self.port + 4)
        let old = try self.settings("127.0.0.1", "127.0.0.2", (65001, 65002), (low, high), "10.1.0.0/16")
        let (speaker, kernel) = try self.speaker("127.0.0.1", "192.0.2.1", old)
        try await speaker.start()
        func routes() throws -> [String] {
            try kernel.routes(RouteFilter(family: .v4, table: 254)).filter { $0.protocolNumber == .speaker }
                .map(\.prefix.description)
        }
        #expect(try await self.eventually { try routes() == ["10.1.0.0/16"] })
        let descriptor = try Self.occupy(taken)

        // Another route, another port: neither comes.
        var new = try self.settings("127.0.0.1", "127.0.0.2", (65001, 65002), (taken, high), "10.3.0.0/16")
        guard case .bgp(var session) = new.protocols[1] else { return }
        session.password = "secret"
        new.protocols[1] = .bgp(session)
        let failure = await #expect(throws: ReloadFailure.self) { try await speaker.reload(new) }
        #expect(failure?.reason.contains(":\(taken)") == true, "\(failure?.reason ?? "")")
        let neighbor = try #require(try await speaker.neighbors(named: "peer").first)
        #expect(neighbor.settings.localPort == low && neighbor.settings.password == nil)
        #expect(try routes() == ["10.1.0.0/16"])
        // What runs is what it was compared with: the same settings are no change.
        #expect(try await speaker.reload(old).isEmpty)

        // With the port free the same reload works.
        close(descriptor)
        // A program that another test starts has the socket, too, until it has become another one.
        #expect(try await self.eventually { (try? Self.occupy(taken)).map { close($0) } != nil })
        #expect(try await speaker.reload(new).protocols.count == 3)
        #expect(try await self.eventually { try routes() == ["10.3.0.0/16"] })
        await speaker.stop(.restart)
    }
}
