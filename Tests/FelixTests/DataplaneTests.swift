import Datastore
import Glibc
import IPAddressing
import Logging
import Netlink
import Resources
import Synchronization
import Testing

@testable import Felix

/// A dataplane over a fake kernel whose events reach it before each step.
private final class Bench {
    let fake = FakeKernel()
    let dataplane: Dataplane
    var calculation = EndpointCalculation(nodeName: "n1")
    private let events = EventQueue()
    var now = Duration.zero
    var deadline = Duration.zero

    private final class EventQueue: Sendable {
        private let events = Mutex<[KernelEvent]>([])
        func append(_ new: [KernelEvent]) { self.events.withLock { $0 += new } }
        func take() -> [KernelEvent] {
            self.events.withLock { events in
                defer { events = [] }
                return events
            }
        }
    }

    init(settings: FelixSettings = FelixSettings(nodeName: "n1")) {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        self.dataplane = Dataplane(settings: settings, kernel: self.fake, logger: logger)
        self.fake.deliverEvents { [events] in events.append($0) }
    }

    func receive(_ inputs: SyncerUpdate...) {
        for input in inputs { self.calculation.receive(input) }
    }

    /// Lets the dataplane work until it has nothing more to do at this moment.
    func step(after duration: Duration = .zero) {
        self.now += duration
        for _ in 0..<8 {
            self.dataplane.receive(self.calculation.flush())
            self.dataplane.handle(self.events.take())
            self.deadline = self.dataplane.apply(now: self.now)
            if self.deadline > self.now { break }
        }
    }

    func own() throws -> Set<KernelRoute> {
        Set(try self.fake.routes(RouteFilter(protocolNumber: felixRouteProtocol)))
    }

    func status(_ name: String) -> EndpointStatus? { self.dataplane.endpointStatuses()[key(name)] }

    func sysctl(_ path: String) -> String? {
        SysctlKey(path: path).flatMap { try? self.fake.readSysctl($0) }
    }
}

@Suite("The dataplane over a fake kernel")
struct DataplaneTests {
    @Test("An endpoint whose interface is up gets routes, a neighbour and sysctls")
    func program() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        bench.receive(
            .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32", "2001:db8::1/128"))),
            .upserted(.blockAffinity(try affinity("b", "10.1.0.0/26"))),
            .upserted(.blockAffinity(try affinity("c", "2001:db8::/122"))),
            .inSync
        )
        bench.step()
        #expect(
            try bench.own() == [
                try workloadRoute("10.1.0.1/32", dev: index), try workloadRoute("2001:db8::1/128", dev: index),
                try blackhole("10.1.0.0/26"), try blackhole("2001:db8::/122"),
            ]
        )
        #expect(try bench.own().first { $0.prefix.isIPv4 && $0.prefix.isHost }?.scope == .link)
        #expect(
            try bench.fake.neighbors(family: .v4, interface: index) == [
                Neighbor(interface: index, address: try address("10.1.0.1"), mac: MACAddress("02:00:00:00:00:01"))
            ]
        )
        #expect(try bench.fake.neighbors(family: .v6, interface: index) == [])
        for (path, value) in [
            ("ipv4/conf/calia/proxy_arp", "1"), ("ipv4/conf/calia/forwarding", "1"),
            ("ipv4/conf/calia/route_localnet", "1"), ("ipv4/neigh/calia/proxy_delay", "0"),
            ("ipv6/conf/calia/proxy_ndp", "1"), ("ipv6/conf/calia/forwarding", "1"),
            ("ipv6/conf/calia/accept_ra", "0"), ("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"),
        ] {
            #expect(bench.sysctl("net/" + path) == value, "\(path)")
        }
        #expect(bench.status("a") == .up)
        bench.fake.forgetWritten()
        bench.step(after: .seconds(200))
        #expect(bench.fake.written == [])
    }

    @Test("Before the stream is in sync nothing is written and nothing swept")
    func beforeInSync() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        #expect(try bench.fake.apply([.add(try workloadRoute("10.1.0.9/32", dev: index))]) == [])
        bench.fake.forgetWritten()
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))))
        bench.step()
        #expect(bench.fake.written == [])
        bench.receive(.inSync)
        bench.step()
        #expect(try bench.own() == [try workloadRoute("10.1.0.1/32", dev: index)])
    }

    @Test("Own routes found at start are adopted without a write; stale ones are removed")
    func adoption() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        let kept = [try workloadRoute("10.1.0.1/32", dev: index), try blackhole("10.1.0.0/26")]
        let stale = try workloadRoute("10.1.0.7/32", dev: index)
        #expect(try bench.fake.apply((kept + [stale]).map { .add($0) }) == [])
        bench.fake.forgetWritten()
        bench.receive(
            .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))),
            .upserted(.blockAffinity(try affinity("b", "10.1.0.0/26"))),
            .inSync
        )
        bench.step()
        #expect(bench.fake.written == [.delete(stale.key, protocolNumber: felixRouteProtocol)])
        #expect(try bench.own() == Set(kept))
    }

    @Test("An endpoint waits for its interface, and its status says so")
    func waitsForInterface() throws {
        let bench = Bench()
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        #expect(bench.status("a") == .down("interface calia does not exist"))
        let index = bench.fake.addLink("calia", isUp: false)
        bench.step()
        #expect(bench.status("a") == .down("interface calia is set down"))
        #expect(bench.fake.written == [])
        try bench.fake.setLink(index, up: true)
        bench.step()
        #expect(bench.status("a") == .up)
        #expect(try bench.own() == [try workloadRoute("10.1.0.1/32", dev: index)])
    }

    @Test("A flap brings routes, neighbour and sysctls back, although the kernel drops IPv4 routes silently")
    func flap() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32", "2001:db8::1/128"))), .inSync)
        bench.step()
        let before = try bench.own()
        try bench.fake.setLink(index, up: false)
        bench.step()
        #expect(try bench.own() == [])
        #expect(bench.status("a") == .down("interface calia is set down"))
        let proxy = try #require(SysctlKey(path: "net/ipv4/conf/calia/proxy_arp"))
        try bench.fake.writeSysctl(proxy, "0")
        try bench.fake.setLink(index, up: true)
        bench.step()
        #expect(try bench.own() == before)
        #expect(try bench.fake.neighbors(family: .v4, interface: index).count == 1)
        #expect(try bench.fake.readSysctl(proxy) == "1")
        // Down and up again before anything was seen.
        try bench.fake.setLink(index, up: false)
        try bench.fake.setLink(index, up: true)
        bench.step()
        #expect(try bench.own() == before)
    }

    @Test("A flap too short to be seen brings back IPv4 routes that went without an event")
    func shortFlap() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        try bench.fake.setLink(index, up: false)
        try bench.fake.setLink(index, up: true)
        #expect(try bench.own() == [])
        bench.step()
        #expect(try bench.own() == [try workloadRoute("10.1.0.1/32", dev: index)])
        #expect(try bench.fake.neighbors(family: .v4, interface: index).count == 1)
    }

    @Test("An interface that is recreated under its name gets everything again")
    func recreated() throws {
        let bench = Bench()
        let first = bench.fake.addLink("calia")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        bench.fake.removeLink(first)
        let second = bench.fake.addLink("calia")
        bench.step()
        #expect(try bench.own() == [try workloadRoute("10.1.0.1/32", dev: second)])
        #expect(bench.sysctl("net/ipv4/conf/calia/proxy_arp") == "1")
        #expect(bench.status("a") == .up)
    }

    @Test("A place held by another owner blocks, is shown, and is taken when the rival goes")
    func blocked() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        var rival = try workloadRoute("10.1.0.1/32", dev: index)
        rival.protocolNumber = .boot
        #expect(try bench.fake.apply([.add(rival)]) == [])
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        #expect(try bench.fake.routes(RouteFilter(protocolNumber: .boot)) == [rival])
        #expect(bench.status("a")?.state == .error)
        let cause = try #require(bench.status("a")?.cause)
        #expect(cause.contains("blocked by a route of protocol 3"))
        #expect(bench.dataplane.blockedRoutes().count == 1)
        bench.fake.forgetWritten()
        bench.step(after: .seconds(30))
        #expect(bench.fake.written == [])
        bench.fake.removeRoute(rival.key)
        bench.step()
        #expect(try bench.own() == [try workloadRoute("10.1.0.1/32", dev: index)])
        #expect(bench.status("a") == .up)
        #expect(bench.dataplane.blockedRoutes() == [])
    }

    @Test("A rival that went silently is noticed at the next reconciliation")
    func blockedSilently() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        var rival = try workloadRoute("10.1.0.1/32", dev: index)
        rival.protocolNumber = .boot
        #expect(try bench.fake.apply([.add(rival)]) == [])
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        bench.fake.deliverEvents(to: nil)
        bench.fake.removeRoute(rival.key)
        bench.step(after: .seconds(89))
        #expect(try bench.own() == [])
        bench.step(after: .seconds(1))
        #expect(try bench.own().count == 1)
    }

    @Test("An own route that another owner replaced is not taken back by force")
    func replacedByRival() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        var rival = try workloadRoute("10.1.0.1/32", dev: index)
        rival.protocolNumber = .static
        #expect(try bench.fake.apply([.replace(rival)]) == [])
        bench.step()
        #expect(try bench.fake.routes(RouteFilter(protocolNumber: .static)) == [rival])
        bench.receive(.removed(key("a")))
        bench.step()
        #expect(try bench.fake.routes(RouteFilter(protocolNumber: .static)) == [rival])
    }

    @Test("A route removed by hand comes back at once, or at the next reconciliation when events were lost")
    func repair() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        let route = try workloadRoute("10.1.0.1/32", dev: index)
        bench.fake.removeRoute(route.key)
        bench.step()
        #expect(try bench.own() == [route])
        bench.fake.deliverEvents(to: nil)
        bench.fake.removeRoute(route.key)
        bench.step(after: .seconds(90))
        #expect(try bench.own() == [route])
        bench.fake.removeRoute(route.key)
        bench.dataplane.handle([.overrun])
        bench.step()
        #expect(try bench.own() == [route])
    }

    @Test("Routes of others, on workload interfaces too, are never touched")
    func foreign() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        let foreign = KernelRoute(
            prefix: try prefix("10.1.0.1/32"),
            protocolNumber: .boot,
            nextHops: [KernelNextHop(interface: index)]
        )
        var otherTable = try workloadRoute("10.1.0.3/32", dev: index)
        otherTable.key.table = 100
        #expect(try bench.fake.apply([.add(foreign), .add(otherTable)]) == [])
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        bench.receive(.removed(key("a")))
        bench.step()
        #expect(Set(try bench.fake.routes(RouteFilter())) == [foreign, otherTable])
    }

    @Test("Removing an endpoint removes its routes and neighbours, and its status")
    func removal() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        bench.receive(
            .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32", "2001:db8::1/128"))),
            .upserted(.blockAffinity(try affinity("b", "10.1.0.0/26"))),
            .inSync
        )
        bench.step()
        bench.receive(.removed(key("a")), .removed(ResourceKey(kind: .blockAffinity, name: "b")))
        bench.step()
        #expect(try bench.own() == [])
        #expect(try bench.fake.neighbors(family: .v4, interface: index) == [])
        #expect(bench.status("a") == nil)
    }

    @Test("A changed hardware address replaces the neighbour, a withdrawn one removes it")
    func hardwareAddress() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        bench.fake.forgetWritten()
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", mac: "02:00:00:00:00:99", "10.1.0.1/32"))))
        bench.step()
        #expect(
            try bench.fake.neighbors(family: .v4, interface: index).map(\.mac) == [MACAddress("02:00:00:00:00:99")]
        )
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", mac: nil, "10.1.0.1/32"))))
        bench.step()
        #expect(try bench.fake.neighbors(family: .v4, interface: index) == [])
        #expect(bench.fake.written == [])
    }

    @Test("An address that moves to another endpoint moves by one replacement")
    func addressMoves() throws {
        let bench = Bench()
        let first = bench.fake.addLink("calia")
        let second = bench.fake.addLink("calib")
        bench.receive(
            .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))),
            .upserted(.workloadEndpoint(try endpoint("b", "10.1.0.2/32"))),
            .inSync
        )
        bench.step()
        bench.fake.forgetWritten()
        bench.receive(
            .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.9/32"))),
            .upserted(.workloadEndpoint(try endpoint("b", "10.1.0.1/32")))
        )
        bench.step()
        let moved = try workloadRoute("10.1.0.1/32", dev: second)
        #expect(bench.fake.written.contains(.replace(moved)))
        #expect(try bench.own() == [try workloadRoute("10.1.0.9/32", dev: first), moved])
        #expect(
            try bench.fake.neighbors(family: .v4, interface: nil).map { "\($0.interface) \($0.address)" }
                == ["\(first) 10.1.0.9", "\(second) 10.1.0.1"]
        )
    }

    @Test("A workload that may spoof has no reverse path check; others have the host's default")
    func reversePath() throws {
        let bench = Bench()
        try bench.fake.writeSysctl(try #require(SysctlKey(path: "net/ipv4/conf/default/rp_filter")), "2")
        bench.fake.addLink("calia")
        bench.fake.addLink("calib")
        var spoofing = try endpoint("b", "10.1.0.2/32")
        spoofing.allowSpoofedSourcePrefixes = [try prefix("10.0.0.0/8")]
        bench.receive(
            .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))),
            .upserted(.workloadEndpoint(spoofing)),
            .inSync
        )
        try bench.fake.writeSysctl(try #require(SysctlKey(path: "net/ipv4/conf/calib/rp_filter")), "1")
        bench.step()
        #expect(bench.sysctl("net/ipv4/conf/calia/rp_filter") == "2")
        #expect(bench.sysctl("net/ipv4/conf/calib/rp_filter") == "0")
    }

    @Test("A sysctl that somebody changed is set again at reconciliation")
    func sysctlRepair() throws {
        let bench = Bench()
        bench.fake.addLink("calia")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        try bench.fake.writeSysctl(try #require(SysctlKey(path: "net/ipv4/conf/calia/proxy_arp")), "0")
        bench.step(after: .seconds(90))
        #expect(bench.sysctl("net/ipv4/conf/calia/proxy_arp") == "1")
    }

    @Test("A refused route is an error with its cause, and is tried again later")
    func refusal() throws {
        let bench = Bench()
        bench.fake.addLink("calia")
        bench.fake.reject { NetlinkError(code: ENOMEM, text: "no room", request: $0.description) }
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        #expect(bench.status("a")?.state == .error)
        let cause = try #require(bench.status("a")?.cause)
        #expect(cause.contains("add route 10.1.0.1/32") && cause.contains("no room"))
        bench.fake.reject(nil)
        #expect(bench.deadline <= bench.now + .milliseconds(200))
        bench.step(after: .milliseconds(200))
        #expect(bench.status("a") == .up)
    }

    @Test("Unreadable kernel state stops all writing until it can be read")
    func unreadable() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        let stale = try workloadRoute("10.1.0.7/32", dev: index)
        #expect(try bench.fake.apply([.add(stale)]) == [])
        bench.fake.forgetWritten()
        for _ in 0..<2 { bench.fake.failNext(NetlinkError(code: EINTR, request: "dump")) }
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        bench.step(after: .milliseconds(100))
        #expect(bench.fake.written == [])
        bench.step(after: .seconds(1))
        #expect(try bench.own() == [try workloadRoute("10.1.0.1/32", dev: index)])
    }

    @Test("An endpoint on an interface that is not a workload's is refused")
    func strangeInterface() throws {
        let bench = Bench()
        bench.fake.addLink("eth0")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", interface: "eth0", "10.1.0.1/32"))), .inSync)
        bench.step()
        #expect(bench.fake.written == [])
        #expect(bench.status("a")?.state == .error)
    }

    @Test("Changed metrics move every workload route")
    func priorities() throws {
        let bench = Bench()
        let index = bench.fake.addLink("calia")
        bench.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync)
        bench.step()
        var configuration = BGPConfiguration(metadata: ResourceMetadata(name: "default"))
        configuration.ipv4NormalRoutePriority = 700
        bench.receive(.upserted(.bgpConfiguration(configuration)))
        bench.step()
        #expect(try bench.own() == [try workloadRoute("10.1.0.1/32", dev: index, metric: 700)])
    }

    @Test("Random changes of resources and kernel always end with exactly what is wanted")
    func randomised() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<60 {
            let bench = Bench()
            bench.receive(.inSync)
            var links: [String: UInt32] = [:]
            var wanted: [String: Int] = [:]
            let foreign = KernelRoute(prefix: try prefix("10.200.0.0/16"), protocolNumber: .static, type: .blackhole)
            #expect(try bench.fake.apply([.add(foreign)]) == [])
            for _ in 0..<40 {
                let name = ["a", "b", "c"].randomElement(using: &random) ?? "a"
                switch Int.random(in: 0..<8, using: &random) {
                case 0, 1:
                    let host = Int.random(in: 1...9, using: &random)
                    guard !wanted.values.contains(host) else { continue }
                    wanted[name] = host
                    bench.receive(
                        .upserted(.workloadEndpoint(try endpoint(name, "10.1.0.\(host)/32", "2001:db8::\(host)/128")))
                    )
                case 2:
                    wanted[name] = nil
                    bench.receive(.removed(key(name)))
                case 3 where links["cali\(name)"] == nil: links["cali\(name)"] = bench.fake.addLink("cali\(name)")
                case 4:
                    if let index = links.removeValue(forKey: "cali\(name)") { bench.fake.removeLink(index) }
                case 5:
                    if let index = links["cali\(name)"] {
                        try bench.fake.setLink(index, up: false)
                        if Bool.random(using: &random) { bench.step() }
                        try bench.fake.setLink(index, up: true)
                    }
                case 6:
                    if let route = try bench.own().randomElement(using: &random) { bench.fake.removeRoute(route.key) }
                default:
                    // The overrun makes the dataplane read at once, and that reading fails.
                    bench.fake.failNext(NetlinkError(code: ENOBUFS, request: "chance"))
                    bench.dataplane.handle([.overrun])
                    bench.step(after: .seconds(60))
                }
                if Bool.random(using: &random) { bench.step(after: .milliseconds(10)) }
            }
            for _ in 0..<4 { bench.step(after: .seconds(90)) }
            var expected: Set<KernelRoute> = []
            for (name, host) in wanted {
                guard let index = links["cali\(name)"] else { continue }
                expected.insert(try workloadRoute("10.1.0.\(host)/32", dev: index))
                expected.insert(try workloadRoute("2001:db8::\(host)/128", dev: index))
            }
            #expect(try bench.own() == expected)
            #expect(try bench.fake.neighbors(family: .v4, interface: nil).count == expected.count / 2)
            #expect(try bench.fake.routes(RouteFilter(protocolNumber: .static)) == [foreign])
        }
    }
}
