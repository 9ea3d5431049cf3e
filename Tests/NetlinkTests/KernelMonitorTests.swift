import Glibc
import IPAddressing
import Netlink
import Synchronization
import Testing

/// Events as they came.
private final class Recorder: Sendable {
    private let events = Mutex<[KernelEvent]>([])
    private let gate = Mutex(false)

    var all: [KernelEvent] { self.events.withLock { $0 } }
    func close() { self.gate.withLock { $0 = true } }
    func open() { self.gate.withLock { $0 = false } }
    func take(_ events: [KernelEvent]) {
        while self.gate.withLock({ $0 }) { usleep(1000) }
        self.events.withLock { $0 += events }
    }
}

@Suite("Kernel notifications", .serialized)
struct KernelMonitorTests {
    private let owner = RouteProtocol(rawValue: 80)

    @Test("Changes of links, addresses, neighbours and routes are told in order")
    func events() async throws {
        try await withNamespace { namespace in
            let kernel = try LinuxKernel()
            let recorder = Recorder()
            let monitor = try KernelMonitor(
                topics: [.standard, .neighbors],
                prepare: { () throws(NetlinkError) in try namespace.enter() },
                deliver: { recorder.take($0) }
            )
            let va = try makeVethPair(kernel)
            let v4 = KernelRoute(
                prefix: try prefix("10.1.0.0/16"),
                protocolNumber: self.owner,
                nextHops: [KernelNextHop(gateway: try address("10.0.0.2"), interface: va)]
            )
            let v6 = KernelRoute(
                prefix: try prefix("2001:db8:1::/48"),
                protocolNumber: self.owner,
                nextHops: [
                    KernelNextHop(gateway: try address("2001:db8::2"), interface: va),
                    KernelNextHop(gateway: try address("2001:db8::3"), interface: va),
                ]
            )
            let entry = Neighbor(interface: va, address: try address("10.0.0.7"), mac: MACAddress("02:00:00:00:00:01"))
            #expect(try kernel.apply([.add(v4), .add(v6)]) == [])
            #expect(try kernel.apply([NeighborOperation.add(entry)]) == [])
            #expect(try kernel.apply([.delete(v4.key, protocolNumber: self.owner)]) == [])
            #expect(try await eventually { recorder.all.contains(.routeRemoved(v4)) })
            #expect(recorder.all.contains(.routeChanged(v4)))
            #expect(recorder.all.contains(.routeChanged(v6)))
            #expect(recorder.all.contains(.neighborChanged(entry)))
            #expect(
                recorder.all.contains {
                    if case .addressAdded(let added) = $0 {
                        added.address == AddressWithLength("10.0.0.1/24")
                    } else {
                        false
                    }
                }
            )
            #expect(
                recorder.all.contains {
                    if case .linkChanged(let link) = $0 { link.index == va && link.isOperUp } else { false }
                }
            )
            try ip("link delete va")
            #expect(
                try await eventually {
                    recorder.all.contains { if case .linkRemoved(let link) = $0 { link.index == va } else { false } }
                }
            )
            monitor.stop()
            let count = recorder.all.count
            try ip("link add vx type veth peer name vy")
            usleep(50_000)
            #expect(recorder.all.count == count)
        }
    }

    @Test("Lost notifications show as an overrun, and a dump then tells the truth")
    func overrun() async throws {
        try await withNamespace { namespace in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            let recorder = Recorder()
            let monitor = try KernelMonitor(
                topics: [.routesV4],
                receiveBuffer: 64 * 1024,
                prepare: { () throws(NetlinkError) in try namespace.enter() },
                deliver: { recorder.take($0) }
            )
            recorder.close()
            let gateway = try address("10.0.0.2")
            let routes = (0..<5000).map { index in
                KernelRoute(
                    prefix: .v4(
                        IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + UInt32(index) << 8), length: 24)
                    ),
                    protocolNumber: self.owner,
                    nextHops: [KernelNextHop(gateway: gateway, interface: va)]
                )
            }
            #expect(try kernel.apply(routes.map { .add($0) }) == [])
            recorder.open()
            #expect(try await eventually { recorder.all.contains(.overrun) })
            #expect(try kernel.routes(RouteFilter(protocolNumber: self.owner)).count == 5000)
            // The monitor goes on after the loss.
            #expect(try kernel.apply([.delete(routes[0].key, protocolNumber: self.owner)]) == [])
            #expect(try await eventually { recorder.all.contains(.routeRemoved(routes[0])) })
            monitor.stop()
        }
    }

    @Test("Link down removes IPv4 routes without a route event, so the link event must trigger a dump")
    func silentRemoval() async throws {
        try await withNamespace { namespace in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            let route = KernelRoute(
                prefix: try prefix("10.1.0.0/16"),
                protocolNumber: self.owner,
                nextHops: [KernelNextHop(gateway: try address("10.0.0.2"), interface: va)]
            )
            #expect(try kernel.apply([.add(route)]) == [])
            let recorder = Recorder()
            let monitor = try KernelMonitor(
                prepare: { () throws(NetlinkError) in try namespace.enter() },
                deliver: { recorder.take($0) }
            )
            try kernel.setLink(va, up: false)
            #expect(
                try await eventually {
                    recorder.all.contains {
                        if case .linkChanged(let link) = $0 { link.index == va && !link.isAdminUp } else { false }
                    }
                }
            )
            #expect(try kernel.routes(RouteFilter(protocolNumber: self.owner)) == [])
            #expect(!recorder.all.contains(.routeRemoved(route)))
            monitor.stop()
        }
    }

    @Test("A buffer that runs full turns into one overrun and recovers")
    func buffer() {
        let wakeUps = Counter()
        let link = KernelEvent.linkChanged(Link(index: 1, name: "lo"))
        let buffer = KernelEventBuffer(capacity: 4) { wakeUps.increment() }
        buffer.append([link])
        buffer.append([link, link])
        #expect(wakeUps.value == 1)
        #expect(buffer.take() == [link, link, link])
        #expect(buffer.take() == [])
        buffer.append([link, link, link])
        buffer.append([link, link])
        buffer.append([link])
        #expect(buffer.take() == [.overrun])
        #expect(buffer.take() == [])
        buffer.append([link])
        #expect(buffer.take() == [link])
        buffer.append([link, .overrun, link])
        #expect(buffer.take() == [.overrun])
        #expect(wakeUps.value == 4)
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { self.count.withLock { $0 } }
        func increment() { self.count.withLock { $0 += 1 } }
    }
}
