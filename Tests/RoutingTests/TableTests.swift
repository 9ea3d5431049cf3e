import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

@Suite("Tables come and go")
struct TableTests {
    @Test("A table in use stays; afterwards its name is free at once and its place when its routes have gone")
    func removal() throws {
        var core = RoutingCore<TestPolicy>()
        let first = try present(core.addTable("one", family: .ipv4Unicast))
        #expect(core.addTable("one", family: .ipv6Unicast) == nil)
        let source = try present(core.addSource(local(first, .static, preference: 200)))
        let consumer = core.addConsumer(ConsumerSettings(table: first, policy: .acceptAll))
        for number in 0..<5000 {
            let prefix = IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + UInt32(number) << 8), length: 24)
            core.announce(source, .v4(prefix), target: .blackhole)
        }
        let refused = core.removeTable(first)
        #expect(!refused)
        core.removeConsumer(consumer)
        core.removeSource(source)
        let accepted = core.removeTable(first)
        #expect(accepted)
        let tables = core.tables
        #expect(tables.isEmpty)
        // The old routes are still on their way out: the new table is another one, of another family if need be.
        let second = try present(core.addTable("one", family: .ipv4Unicast))
        #expect(second != first)
        core.settle()
        let third = try present(core.addTable("two", family: .ipv4Unicast))
        #expect(third == first)
        let counters = core.counters(third)
        #expect(counters.destinations == 0 && counters.paths == 0)
        let other = try present(core.addSource(local(third, .static, preference: 200)))
        core.announce(other, .v4(prefix4("20.0.0.0/24")), target: .blackhole)
        let found = core.lookUp(.v4(prefix4("20.0.0.0/24")), in: third)
        #expect(found?.paths.count == 1)
    }
}
