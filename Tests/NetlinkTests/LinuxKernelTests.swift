import Foundation
import Glibc
import IPAddressing
import Testing

@testable import Netlink

func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }
func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

private let owner = RouteProtocol(rawValue: 80)

@Suite("Routes in the running kernel", .serialized)
struct LinuxKernelTests {
    private func unicast(_ text: String, via gateway: String, dev index: UInt32, metric: UInt32? = nil) throws
        -> KernelRoute
    {
        KernelRoute(
            prefix: try prefix(text),
            protocolNumber: owner,
            metric: metric,
            nextHops: [KernelNextHop(gateway: try address(gateway), interface: index)]
        )
    }

    @Test("What is added is dumped as it was given, in every form")
    func roundTrip() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            let v4 = try address("10.0.0.2")
            let v4b = try address("10.0.0.3")
            let v6 = try address("2001:db8::2")
            let v6b = try address("2001:db8::3")
            let routes: [KernelRoute] = [
                try self.unicast("10.1.0.0/16", via: "10.0.0.2", dev: va),
                try self.unicast("10.1.0.0/16", via: "10.0.0.2", dev: va, metric: 77),
                KernelRoute(
                    prefix: try prefix("10.2.0.1/32"),
                    protocolNumber: owner,
                    metric: 1024,
                    nextHops: [KernelNextHop(interface: va)]
                ),
                KernelRoute(prefix: try prefix("10.3.0.0/26"), protocolNumber: owner, type: .blackhole),
                KernelRoute(prefix: try prefix("10.4.0.0/26"), protocolNumber: owner, type: .unreachable),
                KernelRoute(prefix: try prefix("10.5.0.0/26"), protocolNumber: owner, type: .prohibit),
                KernelRoute(
                    prefix: try prefix("10.6.0.0/24"),
                    protocolNumber: owner,
                    nextHops: [
                        KernelNextHop(gateway: v4, interface: va, weight: 1),
                        KernelNextHop(gateway: v4b, interface: va, weight: 3),
                    ],
                    preferredSource: try address("10.0.0.1")
                ),
                KernelRoute(
                    prefix: try prefix("10.7.0.0/24"),
                    protocolNumber: owner,
                    nextHops: [KernelNextHop(gateway: try address("172.31.9.9"), interface: va, isOnLink: true)]
                ),
                KernelRoute(
                    prefix: try prefix("10.8.0.0/24"),
                    protocolNumber: owner,
                    nextHops: [KernelNextHop(gateway: v6, interface: va)]
                ),
                KernelRoute(
                    prefix: try prefix("10.9.0.0/24"),
                    table: 1000,
                    protocolNumber: owner,
                    nextHops: [
                        KernelNextHop(gateway: v4, interface: va),
                        KernelNextHop(gateway: v6, interface: va, weight: 256),
                    ]
                ),
                try self.unicast("2001:db8:1::/48", via: "2001:db8::2", dev: va),
                KernelRoute(
                    prefix: try prefix("2001:db8:2::5/128"),
                    protocolNumber: owner,
                    metric: 1024,
                    nextHops: [KernelNextHop(interface: va)]
                ),
                KernelRoute(prefix: try prefix("2001:db8:3::/122"), protocolNumber: owner, type: .blackhole),
                KernelRoute(
                    prefix: try prefix("2001:db8:4::/64"),
                    protocolNumber: owner,
                    nextHops: [
                        KernelNextHop(gateway: v6, interface: va, weight: 2),
                        KernelNextHop(gateway: v6b, interface: va, weight: 1),
                    ]
                ),
                KernelRoute(
                    prefix: try prefix("::/0"),
                    table: 1000,
                    protocolNumber: owner,
                    nextHops: [KernelNextHop(gateway: v6, interface: va)]
                ),
            ]
            let failures = try kernel.apply(routes.map { .add($0) })
            #expect(failures == [])
            let dumped = Set(try kernel.routes(RouteFilter(protocolNumber: owner)))
            for route in routes { #expect(dumped.contains(route), "\(route)") }
            #expect(dumped.count == routes.count)
            #expect(try kernel.routes(RouteFilter(family: .v6, table: 1000)).count == 1)
            #expect(try kernel.routes(RouteFilter(family: .v4, table: 4242)) == [])
            #expect(try kernel.routes(RouteFilter(protocolNumber: .redirect)) == [])
            #expect(try kernel.apply(routes.map { .delete($0.key, protocolNumber: owner) }) == [])
            #expect(try kernel.routes(RouteFilter(protocolNumber: owner)) == [])
        }
    }

    @Test("A batch reports each failed message with errno and text, and does the others")
    func batchErrors() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            var operations: [RouteOperation] = []
            for index in 0..<2500 {
                let network = IPPrefix.v4(
                    IPv4Prefix(address: IPv4Address(rawValue: 0x0B00_0000 + UInt32(index) << 8), length: 24)
                )
                let gateway = try address(index % 500 == 3 ? "192.0.2.1" : "10.0.0.2")
                operations.append(
                    .add(
                        KernelRoute(
                            prefix: network,
                            protocolNumber: owner,
                            nextHops: [
                                index == 2499
                                    ? KernelNextHop(interface: 9999) : KernelNextHop(gateway: gateway, interface: va)
                            ]
                        )
                    )
                )
            }
            let failures = try kernel.apply(operations)
            #expect(failures.map(\.index) == [3, 503, 1003, 1503, 2003, 2499])
            #expect(failures.first?.error.code == ENETUNREACH)
            #expect(failures.first?.error.text == "Nexthop has invalid gateway")
            #expect(failures.first?.error.request.hasPrefix("add route 11.0.3.0/24 proto 80") == true)
            #expect(failures.last?.error.code == ENODEV)
            #expect(failures.last?.error.isMissingInterface == true)
            #expect(try kernel.routes(RouteFilter(protocolNumber: owner)).count == 2494)
            // Every message fails: no answer may be lost.
            let again = try kernel.apply(operations)
            #expect(again.count == 2500)
            #expect(again.filter { $0.error.code == EEXIST }.count == 2494)
        }
    }

    @Test("Adding over another's route is refused; deleting matches the protocol and the metric")
    func ownership() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            try ip("route add 10.1.0.0/16 via 10.0.0.9 metric 5 proto 99")
            try ip("-6 route add 2001:db8:1::/48 via 2001:db8::9 metric 5 proto 99")
            let mine = [
                try self.unicast("10.1.0.0/16", via: "10.0.0.2", dev: va, metric: 5),
                try self.unicast("2001:db8:1::/48", via: "2001:db8::2", dev: va, metric: 5),
            ]
            let refused = try kernel.apply(mine.map { .add($0) })
            #expect(refused.map(\.index) == [0, 1])
            #expect(refused.allSatisfy { $0.error.isAlreadyThere })
            let notMine = try kernel.apply(mine.map { .delete($0.key, protocolNumber: owner) })
            #expect(notMine.count == 2)
            #expect(notMine.allSatisfy { $0.error.code == ESRCH && $0.error.isNotFound })
            let wrongMetric = try kernel.apply([
                .delete(RouteKey(prefix: mine[0].prefix, metric: 6), protocolNumber: RouteProtocol(rawValue: 99)),
                .delete(RouteKey(prefix: mine[1].prefix, metric: 6), protocolNumber: RouteProtocol(rawValue: 99)),
            ])
            #expect(wrongMetric.count == 2)
            #expect(try kernel.routes(RouteFilter(protocolNumber: RouteProtocol(rawValue: 99))).count == 2)
        }
    }

    @Test("A replacement changes next hops in place, also between single and multipath")
    func replacement() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            for (text, hops) in [
                ("10.1.0.0/16", ["10.0.0.2", "10.0.0.3", "10.0.0.4"]),
                ("2001:db8:1::/48", ["2001:db8::2", "2001:db8::3", "2001:db8::4"]),
            ] {
                let legs = try hops.map { KernelNextHop(gateway: try address($0), interface: va) }
                var route = KernelRoute(prefix: try prefix(text), protocolNumber: owner, nextHops: [legs[0]])
                #expect(try kernel.apply([.add(route)]) == [])
                for next in [[legs[1], legs[2]], [legs[0], legs[2]], [legs[1]]] {
                    route.nextHops = next
                    #expect(try kernel.apply([.replace(route)]) == [])
                    let now = try kernel.routes(RouteFilter(protocolNumber: owner)).filter { $0.prefix == route.prefix }
                    #expect(now == [route])
                }
            }
        }
    }

    @Test("Twenty thousand routes are dumped completely")
    func largeDump() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            let gateway = try address("10.0.0.2")
            let routes = (0..<20_000).map { index in
                KernelRoute(
                    prefix: .v4(
                        IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + UInt32(index) << 8), length: 24)
                    ),
                    protocolNumber: owner,
                    nextHops: [KernelNextHop(gateway: gateway, interface: va)]
                )
            }
            #expect(try kernel.apply(routes.map { .add($0) }) == [])
            #expect(Set(try kernel.routes(RouteFilter(protocolNumber: owner))) == Set(routes))
        }
    }

    @Test("A dump during which the kernel's tables changed is read again until it is whole")
    func interruptedDump() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            let count = 3000
            let expected = Set((0..<count).map { "10.50.\($0 / 250).\($0 % 250 + 1)/32" })
            let file = "/tmp/mt-\(getpid())-addresses"
            defer { unlink(file) }
            try expected.map { "address add \($0) dev va\n" }.joined().write(
                toFile: file,
                atomically: false,
                encoding: .utf8
            )
            try ip("-batch \(file)")
            // Comes and goes in the namespace of this thread, which a child inherits.
            let churn = Process()
            churn.executableURL = URL(filePath: "/bin/sh")
            churn.arguments = [
                "-c",
                "for i in $(seq 5000); do ip address add 10.60.0.1/32 dev va; ip address del 10.60.0.1/32 dev va; done",
            ]
            churn.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
            churn.standardError = FileHandle.nullDevice
            try churn.run()
            defer {
                churn.terminate()
                churn.waitUntilExit()
            }
            var dumps = 0
            while kernel.interruptedDumps < 3, dumps < 5000 {
                let texts = try kernel.addresses().filter { $0.interface == va }.map { $0.address.description }
                dumps += 1
                let fixed = texts.filter { $0.hasPrefix("10.50.") }
                #expect(fixed.count == count && Set(fixed) == expected)
                guard fixed.count == count else { break }
            }
            #expect(kernel.interruptedDumps >= 3, "\(dumps) dumps")
        }
    }

    @Test("Links, addresses and neighbours are read as they are")
    func smallObjects() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            try ip("link add br0 type bridge")
            try ip("link set vb master br0")
            try ip("link set va address 02:00:00:00:00:0a mtu 1400")
            try ip("address add 10.9.9.1 peer 10.9.9.2 dev va")
            let links = try kernel.links()
            let bridge = try #require(links.first { $0.name == "br0" })
            #expect(bridge.kind == "bridge" && !bridge.isAdminUp && !bridge.isOperUp)
            let veth = try #require(links.first { $0.name == "va" })
            #expect(veth.isAdminUp && veth.isOperUp && veth.kind == "veth" && veth.mtu == 1400)
            #expect(veth.mac == MACAddress("02:00:00:00:00:0a") && veth.index == va)
            #expect(links.first { $0.name == "vb" }?.master == bridge.index)
            #expect(links.first { $0.name == "lo" }?.isLoopback == true)
            let addresses = try kernel.addresses().filter { $0.interface == va }
            let v4 = try #require(addresses.first { $0.address == AddressWithLength("10.0.0.1/24") })
            #expect(v4.scope == .universe && v4.peer == nil && !v4.isSecondary)
            #expect(addresses.contains { $0.address == AddressWithLength("2001:db8::1/64") && $0.peer == nil })
            let peer = try #require(addresses.first { $0.peer != nil })
            #expect(peer.address.address == IPAddress("10.9.9.1") && peer.peer == IPAddress("10.9.9.2"))
        }
    }

    @Test("Neighbour entries are added, replaced and deleted")
    func neighbors() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            for text in ["10.0.0.7", "2001:db8::7"] {
                let family: IPFamily = try address(text).isIPv4 ? .v4 : .v6
                var entry = Neighbor(interface: va, address: try address(text), mac: MACAddress("02:00:00:00:00:01"))
                #expect(try kernel.apply([.add(entry)]) == [])
                #expect(try kernel.apply([.add(entry)]).first?.error.code == EEXIST)
                entry.mac = MACAddress("02:00:00:00:00:02")
                #expect(try kernel.apply([.replace(entry)]) == [])
                #expect(try kernel.neighbors(family: family, interface: va).contains(entry))
                #expect(try kernel.apply([.delete(interface: va, address: entry.address)]) == [])
                #expect(try !kernel.neighbors(family: family, interface: va).contains(entry))
                let gone = try kernel.apply([.add(Neighbor(interface: 999, address: entry.address, mac: entry.mac))])
                #expect(gone.first?.error.code == ENODEV)
            }
        }
    }

    @Test("A link is set up and down")
    func linkState() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            try kernel.setLink(va, up: false)
            #expect(try kernel.links().first { $0.index == va }?.isAdminUp == false)
            try kernel.setLink(va, up: true)
            #expect(try kernel.links().first { $0.index == va }?.isOperUp == true)
            #expect(throws: NetlinkError.self) { try kernel.setLink(4242, up: true) }
        }
    }

    @Test("Sysctls belong to the namespace and errors name the file")
    func sysctls() async throws {
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let key = try #require(SysctlKey(path: "net/ipv4/ip_forward"))
            try kernel.writeSysctl(key, "1")
            #expect(try kernel.readSysctl(key) == "1")
            let absent = try #require(SysctlKey(path: "net/ipv4/conf/nothing/forwarding"))
            let error = #expect(throws: NetlinkError.self) { try kernel.writeSysctl(absent, "1") }
            #expect(error?.code == ENOENT)
            #expect(error?.request.contains("nothing") == true)
        }
        #expect(SysctlKey(["net", "..", "kernel"]) == nil)
        #expect(SysctlKey(["net", "a/b"]) == nil)
        #expect(SysctlKey([]) == nil)
    }

    @Test("A kernel thread performs work on its own thread until it is stopped")
    func kernelThread() async throws {
        try await withNamespace { namespace in
            let thread = try KernelThread { () throws(NetlinkError) in
                try namespace.enter()
                return try LinuxKernel()
            }
            let names = try await thread.perform { kernel throws(NetlinkError) in try kernel.links().map(\.name) }
            #expect(names == ["lo"])
            thread.stop()
            await #expect(throws: NetlinkError.self) {
                try await thread.perform { kernel throws(NetlinkError) in try kernel.links() }
            }
        }
        #expect(throws: NetlinkError(code: EPERM, request: "open")) {
            _ = try KernelThread { () throws(NetlinkError) in throw NetlinkError(code: EPERM, request: "open") }
        }
    }
}
