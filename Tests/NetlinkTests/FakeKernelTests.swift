import Glibc
import IPAddressing
import Netlink
import Synchronization
import Testing

/// Rules that the fake and the running kernel must both keep: each is run against both.
@Suite("The fake kernel answers as the real one", .serialized)
struct FakeKernelTests {
    private let owner = RouteProtocol(rawValue: 80)
    private let rival = RouteProtocol(rawValue: 99)

    /// Error codes in order of the steps, 0 for success.
    private func script(_ kernel: some NetlinkKernel, _ va: UInt32) throws -> [String] {
        var log: [String] = []
        func step(_ operation: RouteOperation) throws {
            let failures = try kernel.apply([operation])
            log.append("\(failures.first?.error.code ?? 0) \(failures.first?.error.text ?? "")")
        }
        func via(_ text: String, _ gateway: String?, _ number: RouteProtocol, dev: UInt32, metric: UInt32? = nil) throws
            -> KernelRoute
        {
            KernelRoute(
                prefix: try prefix(text),
                protocolNumber: number,
                metric: metric,
                nextHops: [KernelNextHop(gateway: try gateway.map { try address($0) }, interface: dev)]
            )
        }
        for (destination, gateway, far) in [
            ("10.1.0.0/16", "10.0.0.2", "192.0.2.1"), ("2001:db8:1::/48", "2001:db8::2", "2001:db9::1"),
        ] {
            let mine = try via(destination, gateway, self.owner, dev: va)
            try step(.add(mine))
            try step(.add(mine))
            try step(.add(try via(destination, gateway, self.rival, dev: va)))
            try step(.delete(mine.key, protocolNumber: self.rival))
            try step(.delete(mine.key, protocolNumber: self.owner))
            try step(.delete(mine.key, protocolNumber: self.owner))
            try step(.add(try via(destination, gateway, self.owner, dev: 4242)))
            try step(.add(try via(destination, far, self.owner, dev: va)))
            try step(.add(try via(destination, gateway, self.owner, dev: va, metric: 9)))
            try step(.add(try via(destination, gateway, self.rival, dev: va, metric: 8)))
            try step(.delete(RouteKey(prefix: mine.prefix, metric: 8), protocolNumber: self.owner))
            try step(.replace(try via(destination, gateway, self.rival, dev: va, metric: 9)))
            try step(.delete(RouteKey(prefix: mine.prefix, metric: 9), protocolNumber: self.owner))
        }
        try step(.add(KernelRoute(prefix: try prefix("10.5.0.0/26"), protocolNumber: self.owner, type: .blackhole)))
        try step(.add(try via("10.6.0.1/32", nil, self.owner, dev: va, metric: 1024)))
        try step(.add(KernelRoute(prefix: try prefix("10.7.0.0/24"), protocolNumber: self.owner)))
        try kernel.setLink(va, up: false)
        log += try kernel.routes(RouteFilter(table: 254)).filter { $0.protocolNumber != .kernel }
            .map { "\($0.prefix) \($0.protocolNumber)" }.sorted()
        try step(.add(try via("10.6.0.1/32", nil, self.owner, dev: va, metric: 1024)))
        try step(.add(try via("10.6.0.1/32", "10.0.0.2", self.owner, dev: va)))
        try step(.add(try via("10.6.0.1/32", nil, self.owner, dev: 4242)))
        try step(.add(try via("2001:db8:6::1/128", nil, self.owner, dev: va)))
        try step(.add(try via("2001:db8:6::1/128", "2001:db8::2", self.owner, dev: va)))
        return log
    }

    @Test("The same steps give the same answers")
    func sameAnswers() async throws {
        let fake = FakeKernel()
        let index = fake.addLink("va")
        fake.addAddress(try #require(AddressWithLength("10.0.0.1/24")), to: index)
        fake.addAddress(try #require(AddressWithLength("2001:db8::1/64")), to: index)
        let expected = try self.script(fake, index)
        try await withNamespace { _ in
            let kernel = try LinuxKernel()
            let va = try makeVethPair(kernel)
            let actual = try self.script(kernel, va)
            #expect(actual == expected)
        }
    }

    @Test("Link down is silent for IPv4 routes and told for IPv6 ones")
    func linkDown() throws {
        let fake = FakeKernel()
        let index = fake.addLink("va")
        let v4 = KernelRoute(
            prefix: try prefix("10.1.0.1/32"),
            protocolNumber: self.owner,
            nextHops: [KernelNextHop(interface: index)]
        )
        let v6 = KernelRoute(
            prefix: try prefix("2001:db8::1/128"),
            protocolNumber: self.owner,
            nextHops: [KernelNextHop(interface: index)]
        )
        #expect(try fake.apply([.add(v4), .add(v6)]) == [])
        let recorder = EventList()
        fake.deliverEvents { recorder.append($0) }
        try fake.setLink(index, up: false)
        #expect(recorder.all.contains(.routeRemoved(v6)))
        #expect(!recorder.all.contains(.routeRemoved(v4)))
        #expect(try fake.routes(RouteFilter()) == [])
    }

    @Test("Asked-for failures are thrown once")
    func failure() throws {
        let fake = FakeKernel()
        let error = NetlinkError(code: ENOBUFS, request: "dump")
        fake.failNext(error)
        #expect(throws: error) { try fake.routes(RouteFilter()) }
        #expect(try fake.routes(RouteFilter()) == [])
    }
}

/// Events as they came.
private final class EventList: Sendable {
    private let events = Mutex<[KernelEvent]>([])
    var all: [KernelEvent] { self.events.withLock { $0 } }
    func append(_ new: [KernelEvent]) { self.events.withLock { $0 += new } }
}
