import IPAddressing
import Netlink
import Testing

@testable import Speaker

@Suite("Own routes in the kernel")
struct InstalledRoutesTests {
    /// Writes until nothing is due.
    func settle(_ installed: inout InstalledRoutes, _ kernel: FakeKernel) throws {
        for _ in 0..<64 where installed.hasWork {
            let operations = installed.operations(limit: 8)
            installed.complete(operations, failures: try kernel.apply(operations))
        }
        #expect(!installed.hasWork)
    }

    func own(_ kernel: FakeKernel) throws -> [KernelRoute] {
        try kernel.routes(RouteFilter(family: .v4, table: 254)).filter { $0.protocolNumber == .speaker }
    }

    @Test("The first write of a route is an add")
    func firstIsAdd() throws {
        var installed = InstalledRoutes()
        let wanted = try route("10.0.0.0/24", via: "192.0.2.9")
        installed.want(wanted, for: wanted.prefix)
        let outcome1 = installed.operations(limit: 8)
        #expect(outcome1 == [.add(wanted)])
        #expect(!installed.hasWork)
    }

    @Test("A multipath route of a former run keeps its legs while they are wanted again one by one")
    func multipathAdoption() throws {
        let legs = ["192.0.2.8", "192.0.2.9"]
        var full = try route("10.0.0.0/24", via: legs[0])
        full.nextHops = try legs.flatMap { try route("10.0.0.0/24", via: $0).nextHops }
        let half = try route("10.0.0.0/24", via: legs[1])
        var installed = InstalledRoutes()
        installed.observe([full])
        installed.want(half, for: half.prefix)
        #expect(installed.operations(limit: 8).isEmpty)
        installed.want(full, for: full.prefix)
        #expect(installed.operations(limit: 8).isEmpty)
        // It is this run's route now: fewer legs are a change like any other.
        installed.want(half, for: half.prefix)
        #expect(installed.operations(limit: 8) == [.replace(half)])
    }

    @Test("Legs of a former run that nobody wanted until the sweep go with it, another leg replaces them at once")
    func multipathSweep() throws {
        var full = try route("10.0.0.0/24", via: "192.0.2.8")
        full.nextHops += try route("10.0.0.0/24", via: "192.0.2.9").nextHops
        let half = try route("10.0.0.0/24", via: "192.0.2.9")
        var installed = InstalledRoutes()
        installed.observe([full])
        installed.want(half, for: half.prefix)
        #expect(installed.operations(limit: 8).isEmpty)
        installed.sweep()
        #expect(installed.operations(limit: 8) == [.replace(half)])
        let other = try route("10.0.0.0/24", via: "192.0.2.7")
        var second = InstalledRoutes()
        second.observe([full])
        second.want(other, for: other.prefix)
        #expect(second.operations(limit: 8) == [.replace(other)])
    }

    @Test("A route of a former run that is wanted again is adopted without a write")
    func adoption() throws {
        var installed = InstalledRoutes()
        let wanted = try route("10.0.0.0/24", via: "192.0.2.9")
        installed.observe([wanted])
        installed.want(wanted, for: wanted.prefix)
        let outcome2 = installed.operations(limit: 8)
        #expect(outcome2.isEmpty)
        installed.sweep()
        let outcome3 = installed.operations(limit: 8)
        #expect(outcome3.isEmpty)
    }

    @Test("A replace happens only where an own route was seen")
    func replacement() throws {
        var installed = InstalledRoutes()
        let old = try route("10.0.0.0/24", via: "192.0.2.8")
        let new = try route("10.0.0.0/24", via: "192.0.2.9")
        installed.observe([old])
        installed.want(new, for: new.prefix)
        let outcome4 = installed.operations(limit: 8)
        #expect(outcome4 == [.replace(new)])
    }

    @Test("A route whose replacement is refused is still known, and deleted when it goes")
    func refusedReplacement() throws {
        let kernel = try kernelWithLink()
        var installed = InstalledRoutes()
        let old = try route("10.0.0.0/24", via: "192.0.2.8")
        let bad = try route("10.0.0.0/24", via: "198.51.100.1")
        installed.want(old, for: old.prefix)
        try self.settle(&installed, kernel)
        installed.want(bad, for: bad.prefix)
        try self.settle(&installed, kernel)
        #expect(installed.failed.keys.contains(bad.key))
        #expect(try self.own(kernel) == [old])
        installed.want(nil, for: bad.prefix)
        try self.settle(&installed, kernel)
        #expect(try self.own(kernel).isEmpty)
    }

    @Test("A foreign route on the same key blocks ours until it leaves")
    func blocking() throws {
        let kernel = try kernelWithLink()
        let rival = try route("10.0.0.0/24", via: "192.0.2.7", by: .static)
        #expect(try kernel.apply([RouteOperation.add(rival)]).isEmpty)
        var installed = InstalledRoutes()
        let wanted = try route("10.0.0.0/24", via: "192.0.2.9")
        installed.want(wanted, for: wanted.prefix)
        try self.settle(&installed, kernel)
        #expect(installed.blocked == [wanted.key])
        #expect(try self.own(kernel).isEmpty)
        kernel.removeRoute(rival.key)
        installed.foreignLeft(rival.key)
        try self.settle(&installed, kernel)
        #expect(installed.blocked.isEmpty)
        #expect(try self.own(kernel) == [wanted])
    }

    @Test("A delete names the protocol, so that a foreign route on the key survives it")
    func deleteMatchesProtocol() throws {
        let kernel = try kernelWithLink()
        var installed = InstalledRoutes()
        let wanted = try route("10.0.0.0/24", via: "192.0.2.9")
        installed.want(wanted, for: wanted.prefix)
        try self.settle(&installed, kernel)
        let rival = try route("10.0.0.0/24", via: "192.0.2.7", by: .static)
        #expect(try kernel.apply([RouteOperation.replace(rival)]).isEmpty)
        installed.want(nil, for: wanted.prefix)
        #expect(installed.hasWork)
        let operations = installed.operations(limit: 8)
        #expect(operations == [.delete(wanted.key, protocolNumber: .speaker)])
        installed.complete(operations, failures: try kernel.apply(operations))
        #expect(try kernel.routes(RouteFilter(family: .v4, table: 254)).contains(rival))
    }

    @Test("Leftovers stay until the sweep")
    func sweeping() throws {
        var installed = InstalledRoutes()
        let left = try route("10.0.0.0/24", via: "192.0.2.9")
        installed.observe([left])
        let outcome5 = installed.operations(limit: 8)
        #expect(outcome5.isEmpty)
        installed.sweep()
        let outcome6 = installed.operations(limit: 8)
        #expect(outcome6 == [.delete(left.key, protocolNumber: .speaker)])
    }

    @Test("A route that is not wanted any more goes at once, even while leftovers are kept")
    func release() throws {
        var installed = InstalledRoutes()
        let wanted = try route("10.0.0.0/24", via: "192.0.2.9")
        installed.observe([wanted])
        installed.want(wanted, for: wanted.prefix)
        let outcome7 = installed.operations(limit: 8)
        #expect(outcome7.isEmpty)
        installed.want(nil, for: wanted.prefix)
        #expect(installed.keepsStale)
        let outcome8 = installed.operations(limit: 8)
        #expect(outcome8 == [.delete(wanted.key, protocolNumber: .speaker)])
    }

    @Test("With another metric the new route is there before the old one goes")
    func metricChange() throws {
        var installed = InstalledRoutes()
        let old = try route("10.0.0.0/24", via: "192.0.2.9", metric: 32)
        let new = try route("10.0.0.0/24", via: "192.0.2.9", metric: 20)
        installed.want(old, for: old.prefix)
        let outcome9 = installed.operations(limit: 8)
        #expect(outcome9 == [.add(old)])
        installed.want(new, for: new.prefix)
        let outcome10 = installed.operations(limit: 8)
        #expect(outcome10 == [.add(new), .delete(old.key, protocolNumber: .speaker)])
    }

    @Test("Legs in another order, with interfaces the kernel filled in, are no difference")
    func legOrder() throws {
        let (a, b) = (try address("192.0.2.8"), try address("198.51.100.9"))
        let destination = try prefix("10.0.0.0/24")
        func multipath(_ legs: [KernelNextHop]) -> KernelRoute {
            KernelRoute(prefix: destination, protocolNumber: .speaker, nextHops: legs)
        }
        let seen = multipath([KernelNextHop(gateway: b, interface: 3), KernelNextHop(gateway: a, interface: 5)])
        #expect(seen.hasSameEffect(as: multipath([KernelNextHop(gateway: a), KernelNextHop(gateway: b)])))
        #expect(!seen.hasSameEffect(as: multipath([KernelNextHop(gateway: a), KernelNextHop(gateway: a)])))
    }

    @Test("After any sequence of wishes, rivals and refusals the kernel holds what is wanted", arguments: 1...20)
    func random(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let kernel = try kernelWithLink()
        var installed = InstalledRoutes()
        var desired: [IPPrefix: KernelRoute] = [:]
        for _ in 0..<300 {
            let number = UInt8.random(in: 0..<12, using: &generator)
            let name = "10.0.\(number).0/24"
            let metric = UInt32.random(in: 1...3, using: &generator)
            let gateway = "192.0.2.\(UInt8.random(in: 2...5, using: &generator))"
            switch UInt8.random(in: 0..<8, using: &generator) {
            case 0...3:
                let wanted = try route(name, via: gateway, metric: metric)
                desired[wanted.prefix] = wanted
                installed.want(wanted, for: wanted.prefix)
            case 4:
                desired[try prefix(name)] = nil
                installed.want(nil, for: try prefix(name))
            case 5:
                _ = try kernel.apply([RouteOperation.add(route(name, via: gateway, metric: metric, by: .static))])
            case 6:
                kernel.removeRoute(RouteKey(prefix: try prefix(name), metric: metric))
                installed.foreignLeft(RouteKey(prefix: try prefix(name), metric: metric))
                installed.observe(try self.own(kernel))
            default:
                let operations = installed.operations(limit: 4)
                installed.complete(operations, failures: try kernel.apply(operations))
            }
        }
        for rival in try kernel.routes(RouteFilter(family: .v4, table: 254)) where rival.protocolNumber == .static {
            kernel.removeRoute(rival.key)
            installed.foreignLeft(rival.key)
        }
        installed.observe(try self.own(kernel))
        installed.sweep()
        try self.settle(&installed, kernel)
        #expect(Set(try self.own(kernel)) == Set(desired.values))
    }
}

/// A generator whose sequence a seed repeats.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite("Learned routes")
struct LearnedRoutesTests {
    @Test("The route with the lowest metric is the one to import")
    func lowestMetric() throws {
        var learned = LearnedRoutes()
        let far = try route("10.0.0.0/24", via: "192.0.2.9", metric: 100, by: .static)
        let near = try route("10.0.0.0/24", via: "192.0.2.8", metric: 10, by: .static)
        _ = learned.insert(far)
        _ = learned.insert(near)
        #expect(learned.best(near.prefix) == near)
        _ = learned.remove(near.key)
        #expect(learned.best(near.prefix) == far)
    }

    @Test("Own routes, the kernel's, link-local and multicast ones are not learned")
    func foreign() throws {
        func isForeign(_ destination: String, _ number: RouteProtocol, withKernel: Bool = false) throws -> Bool {
            LearnedRoutes.isForeign(
                try route(destination, via: "192.0.2.9", by: number),
                own: .speaker,
                withKernel: withKernel
            )
        }
        #expect(try isForeign("10.0.0.0/24", .static))
        #expect(try !isForeign("10.0.0.0/24", .speaker))
        #expect(try !isForeign("10.0.0.0/24", .kernel))
        #expect(try isForeign("10.0.0.0/24", .kernel, withKernel: true))
        #expect(try !isForeign("10.0.0.0/24", .speaker, withKernel: true))
        #expect(try !isForeign("224.0.0.0/4", .static))
        #expect(try !isForeign("fe80::/64", .static))
    }

    @Test("A dump names exactly the prefixes whose best route differs")
    func dump() throws {
        var learned = LearnedRoutes()
        let same = try route("10.0.0.0/24", via: "192.0.2.9", by: .static)
        let gone = try route("10.0.1.0/24", via: "192.0.2.9", by: .static)
        let fresh = try route("10.0.2.0/24", via: "192.0.2.9", by: .static)
        let outcome11 = Set(learned.replace([same, gone]))
        #expect(outcome11 == [same.prefix, gone.prefix])
        let outcome12 = Set(learned.replace([same, fresh]))
        #expect(outcome12 == [gone.prefix, fresh.prefix])
        #expect(learned.best(gone.prefix) == nil)
    }
}

@Suite("Memory of installed routes")
struct InstalledRoutesMemoryTests {
    @Test("An entry has the size its comment says")
    func stride() { #expect(MemoryLayout<InstalledRoutes.Entry>.stride == 128) }

    @Test("A queue that never runs empty does not grow with what went through it")
    func queue() throws {
        var installed = InstalledRoutes()
        func prefix(_ number: Int) -> IPPrefix {
            .v4(IPv4Prefix(address: IPv4Address(rawValue: UInt32(number) << 8), length: 24))
        }
        func want(_ number: Int) {
            let route = KernelRoute(prefix: prefix(number), protocolNumber: .speaker, type: .blackhole)
            installed.want(route, for: route.prefix)
        }
        for number in 0..<100 { want(number) }
        let before = installed.memory
        for number in 100..<50_000 {
            want(number)
            let wanted = installed.operations(limit: 1)
            installed.want(nil, for: prefix(number - 100))
            let deleted = installed.operations(limit: 1)
            #expect(wanted.count + deleted.count <= 2)
        }
        #expect(installed.memory < before * 40)
        #expect(installed.wantedCount == 100)
    }
}
