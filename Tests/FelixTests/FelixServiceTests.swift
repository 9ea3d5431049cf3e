import Datastore
import Glibc
import IPAddressing
import Logging
import Netlink
import Resources
import Synchronization
import Testing

@testable import Felix

/// Statuses as they were published.
private final class StatusLog: EndpointStatusSink {
    private let entries = Mutex<[(ResourceKey, EndpointStatus?)]>([])

    func endpointStatusChanged(_ key: ResourceKey, _ status: EndpointStatus?) {
        self.entries.withLock { $0.append((key, status)) }
    }

    func states(of name: String) -> [String] {
        self.entries.withLock { $0.filter { $0.0 == key(name) }.map { $0.1?.state.rawValue ?? "gone" } }
    }
}

/// Felix at work in a namespace, and a second look at the same kernel.
private struct Lab {
    let namespace: NamespaceThread
    let kernel: LinuxKernel
    let log = StatusLog()

    init(_ namespace: NamespaceThread) throws {
        self.namespace = namespace
        self.kernel = try LinuxKernel()
    }

    func service(reconcileInterval: Duration = .seconds(90)) throws -> FelixService {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let namespace = self.namespace
        return try FelixService(
            settings: FelixSettings(nodeName: "n1", reconcileInterval: reconcileInterval),
            access: .running(prepare: { () throws(NetlinkError) in try namespace.enter() }),
            sink: self.log,
            logger: logger
        )
    }

    /// Runs `body` beside the service, then stops the service and waits for its end.
    func run(_ service: FelixService, _ body: () async throws -> Void) async throws {
        let running = Task { try await service.run() }
        let result: Result<Void, any Error>
        do {
            try await body()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        service.stop()
        try await running.value
        try result.get()
    }

    /// A workload's link, host side `cali<name>`, both sides up; returns the index of the host side.
    @discardableResult
    func addWorkload(_ name: String) throws -> UInt32 {
        try ip("link add cali\(name) type veth peer name peer\(name)")
        try ip("link set peer\(name) up")
        try ip("link set cali\(name) up")
        // The carrier comes a moment after both sides are up.
        for _ in 0..<500 where try self.kernel.links().first(where: { $0.name == "cali\(name)" })?.isOperUp != true {
            usleep(10_000)
        }
        return try #require(try self.kernel.links().first { $0.name == "cali\(name)" }).index
    }

    func own() throws -> Set<KernelRoute> {
        Set(try self.kernel.routes(RouteFilter(protocolNumber: felixRouteProtocol)))
    }

    func sysctl(_ path: String) throws -> String {
        try self.kernel.readSysctl(try #require(SysctlKey(path: "net/" + path)))
    }
}

@Suite("Felix over the running kernel", .serialized)
struct FelixServiceTests {
    @Test("A workload's routes, neighbour and sysctls are in the kernel, and its status is up")
    func program() async throws {
        try await withNamespace { namespace in
            let lab = try Lab(namespace)
            let index = try lab.addWorkload("a")
            let service = try lab.service()
            try await lab.run(service) {
                service.receive([
                    .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32", "2001:db8::1/128"))),
                    .upserted(.workloadEndpoint(try endpoint("x", node: "n2", "10.1.0.2/32"))),
                    .upserted(.blockAffinity(try affinity("b", "10.1.0.0/26"))),
                    .upserted(.blockAffinity(try affinity("c", "2001:db8::/122"))),
                    .inSync,
                ])
                let wanted: Set<KernelRoute> = [
                    try workloadRoute("10.1.0.1/32", dev: index), try workloadRoute("2001:db8::1/128", dev: index),
                    try blackhole("10.1.0.0/26"), try blackhole("2001:db8::/122"),
                ]
                #expect(try await eventually { try lab.own() == wanted })
                #expect(try await eventually { lab.log.states(of: "a").last == "up" })
                #expect(try lab.own().first { $0.prefix.isIPv4 && $0.prefix.isHost }?.scope == .link)
                #expect(
                    try lab.kernel.neighbors(family: .v4, interface: index).contains(
                        Neighbor(
                            interface: index,
                            address: try address("10.1.0.1"),
                            mac: MACAddress("02:00:00:00:00:01")
                        )
                    )
                )
                for (path, value) in [
                    ("ipv4/conf/calia/proxy_arp", "1"), ("ipv4/conf/calia/forwarding", "1"),
                    ("ipv4/conf/calia/route_localnet", "1"), ("ipv4/neigh/calia/proxy_delay", "0"),
                    ("ipv6/conf/calia/proxy_ndp", "1"), ("ipv6/conf/calia/forwarding", "1"),
                    ("ipv6/conf/calia/accept_ra", "0"), ("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"),
                ] {
                    #expect(try lab.sysctl(path) == value, "\(path)")
                }
                #expect(service.status.isInSync)
                #expect(service.status.routeCount == 4)
            }
            // Stopping leaves forwarding in place.
            #expect(try lab.own().count == 4)
        }
    }

    @Test("A route removed by hand comes back; another owner's route is left alone")
    func repairAndForeign() async throws {
        try await withNamespace { namespace in
            let lab = try Lab(namespace)
            let index = try lab.addWorkload("a")
            try ip("route add 10.1.0.1/32 dev calia scope link")
            try ip("route add 10.1.0.2/32 dev calia scope link metric 1024")
            let foreign = Set(try lab.kernel.routes(RouteFilter(family: .v4, protocolNumber: .boot)))
            #expect(foreign.count == 2)
            let service = try lab.service()
            try await lab.run(service) {
                service.receive([
                    .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32", "10.1.0.2/32", "10.1.0.3/32"))),
                    .inSync,
                ])
                let wanted = try ["10.1.0.1/32", "10.1.0.3/32"].map { try workloadRoute($0, dev: index) }
                #expect(try await eventually { try lab.own() == Set(wanted) })
                #expect(try await eventually { lab.log.states(of: "a").last == "error" })
                #expect(service.status.blockedRoutes.count == 1)
                try ip("route del 10.1.0.3/32 dev calia proto 80")
                #expect(try await eventually { try lab.own() == Set(wanted) })
                #expect(Set(try lab.kernel.routes(RouteFilter(family: .v4, protocolNumber: .boot))) == foreign)
                // The rival goes: the blocked route takes its place.
                try ip("route del 10.1.0.2/32 dev calia metric 1024 proto boot")
                #expect(try await eventually { try lab.own().count == 3 })
                #expect(try await eventually { lab.log.states(of: "a").last == "up" })
                service.receive([.removed(key("a"))])
                #expect(try await eventually { try lab.own() == [] })
                #expect(try await eventually { lab.log.states(of: "a").last == "gone" })
                #expect(try lab.kernel.routes(RouteFilter(family: .v4, protocolNumber: .boot)).count == 1)
            }
        }
    }

    @Test("An interface that appears later, flaps, or is recreated gets its routes")
    func lateInterface() async throws {
        try await withNamespace { namespace in
            let lab = try Lab(namespace)
            let service = try lab.service()
            try await lab.run(service) {
                service.receive([
                    .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32", "2001:db8::1/128"))), .inSync,
                ])
                #expect(try await eventually { lab.log.states(of: "a") == ["down"] })
                func wanted(_ index: UInt32) throws -> Set<KernelRoute> {
                    [try workloadRoute("10.1.0.1/32", dev: index), try workloadRoute("2001:db8::1/128", dev: index)]
                }
                let first = try lab.addWorkload("a")
                #expect(try await eventually { try lab.own() == wanted(first) })
                #expect(try await eventually { lab.log.states(of: "a").last == "up" })
                try ip("link set calia down")
                #expect(try await eventually { lab.log.states(of: "a").last == "down" })
                #expect(try await eventually { try lab.own() == [] })
                try ip("link set calia up")
                #expect(try await eventually { try lab.own() == wanted(first) })
                #expect(try await eventually { try lab.kernel.neighbors(family: .v4, interface: first).count == 1 })
                try ip("link del calia")
                let second = try lab.addWorkload("a")
                #expect(try await eventually { try lab.own() == wanted(second) })
                #expect(try await eventually { (try? lab.sysctl("ipv4/conf/calia/proxy_arp")) == "1" })
                #expect(try await eventually { lab.log.states(of: "a").last == "up" })
            }
        }
    }

    @Test("A changed hardware address replaces the neighbour without touching the route")
    func hardwareAddress() async throws {
        try await withNamespace { namespace in
            let lab = try Lab(namespace)
            let index = try lab.addWorkload("a")
            let service = try lab.service()
            try await lab.run(service) {
                service.receive([.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync])
                #expect(try await eventually { lab.log.states(of: "a").last == "up" })
                service.receive([
                    .upserted(.workloadEndpoint(try endpoint("a", mac: "02:00:00:00:00:77", "10.1.0.1/32")))
                ])
                #expect(
                    try await eventually {
                        try lab.kernel.neighbors(family: .v4, interface: index).map(\.mac)
                            == [MACAddress("02:00:00:00:00:77")]
                    }
                )
            }
        }
    }

    @Test("A restart adopts what is wanted without one write, and sweeps the rest only when in sync")
    func restart() async throws {
        try await withNamespace { namespace in
            let lab = try Lab(namespace)
            try lab.addWorkload("a")
            try lab.addWorkload("b")
            let inputs: [SyncerUpdate] = [
                .upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32", "2001:db8::1/128"))),
                .upserted(.blockAffinity(try affinity("b", "10.1.0.0/26"))),
            ]
            let first = try lab.service()
            try await lab.run(first) {
                first.receive(inputs + [.upserted(.workloadEndpoint(try endpoint("b", "10.1.0.2/32"))), .inSync])
                #expect(try await eventually { lab.log.states(of: "b").last == "up" })
            }
            #expect(try lab.own().count == 4)
            let changes = RouteChanges()
            let monitor = try KernelMonitor(
                topics: [.routesV4, .routesV6],
                prepare: { () throws(NetlinkError) in try namespace.enter() },
                deliver: { changes.append($0) }
            )
            let second = try lab.service()
            try await lab.run(second) { () async throws in
                second.receive(inputs)
                usleep(200_000)
                #expect(try lab.own().count == 4)
                #expect(changes.all == [])
                second.receive([.inSync])
                #expect(try await eventually { try lab.own().count == 3 })
                #expect(try await eventually { second.status.isInSync })
                usleep(100_000)
            }
            monitor.stop()
            #expect(changes.all.count == 1)
            #expect(
                changes.all.allSatisfy {
                    if case .routeRemoved(let route) = $0 { route.prefix == IPPrefix("10.1.0.2/32") } else { false }
                }
            )
        }
    }

    @Test("A reconciliation repairs what no event told")
    func reconciliation() async throws {
        try await withNamespace { namespace in
            let lab = try Lab(namespace)
            let index = try lab.addWorkload("a")
            let service = try lab.service(reconcileInterval: .milliseconds(300))
            try await lab.run(service) {
                service.receive([.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))), .inSync])
                #expect(try await eventually { lab.log.states(of: "a").last == "up" })
                let proxy = try #require(SysctlKey(path: "net/ipv4/conf/calia/proxy_arp"))
                try lab.kernel.writeSysctl(proxy, "0")
                try ip("neigh del 10.1.0.1 dev calia")
                #expect(try await eventually { try lab.kernel.readSysctl(proxy) == "1" })
                #expect(try await eventually { try lab.kernel.neighbors(family: .v4, interface: index).count == 1 })
            }
        }
    }

    @Test("Changes in the datastore reach the kernel")
    func datastore() async throws {
        try await withNamespace { namespace in
            let lab = try Lab(namespace)
            let index = try lab.addWorkload("a")
            let store = InMemoryDatastore([.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))])
            let service = try lab.service()
            let running = Task { try await service.run(following: Syncer(datastore: store)) }
            #expect(try await eventually { try lab.own() == [try workloadRoute("10.1.0.1/32", dev: index)] })
            try await store.update(.workloadEndpoint(try endpoint("a", "10.1.0.2/32")), ifRevision: nil)
            #expect(try await eventually { try lab.own() == [try workloadRoute("10.1.0.2/32", dev: index)] })
            try await store.delete(key("a"), ifRevision: nil)
            #expect(try await eventually { try lab.own() == [] })
            service.stop()
            try await running.value
        }
    }

    @Test("A kernel that cannot be opened ends the run with the reason; cancelling ends it quietly")
    func endings() async throws {
        let reason = NetlinkError(code: EPERM, request: "open")
        let broken = try FelixService(
            settings: FelixSettings(nodeName: "n1"),
            access: FelixService.KernelAccess(
                open: { () throws(NetlinkError) in throw reason },
                monitor: { _ throws(NetlinkError) in {} }
            ),
            logger: Logger(label: "test")
        )
        await #expect(throws: reason) { try await broken.run() }
        let fake = FakeKernel()
        let service = try FelixService(
            settings: FelixSettings(nodeName: "n1"),
            access: FelixService.KernelAccess(
                open: { () throws(NetlinkError) in fake },
                monitor: { buffer throws(NetlinkError) in
                    fake.deliverEvents { buffer.append($0) }
                    return { fake.deliverEvents(to: nil) }
                }
            ),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let running = Task { try await service.run() }
        service.receive([.inSync])
        #expect(try await eventually { service.status.isInSync })
        running.cancel()
        try await running.value
        await #expect(throws: NetlinkError.self) { try await service.run() }
    }
}

/// Route events as they came.
private final class RouteChanges: Sendable {
    private let events = Mutex<[KernelEvent]>([])
    var all: [KernelEvent] { self.events.withLock { $0 } }
    func append(_ new: [KernelEvent]) { self.events.withLock { $0 += new } }
}
