import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

@Suite("More sources than a destination can tell apart")
struct ManySourcesTests {
    @Test("Each of 40 sources has one path whatever was announced, replaced and withdrawn before", arguments: 1...8)
    func paths(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let box = RoutingCoreBox()
        let table = try present(box.core.addTable("one", family: .ipv4Unicast))
        let sources = try (UInt16(0)..<40).map { number in
            try present(box.core.addSource(local(table, .static, preference: 100 + number)))
        }
        let prefix = prefix4("20.0.0.0/24")
        var holders: Set<Int> = []
        for _ in 0..<2000 {
            let number = Int(generator.next() % 40)
            if generator.next() % 3 == 0 {
                box.core.withdraw(sources[number], .v4(prefix))
                holders.remove(number)
            } else {
                let set = attributes([65_001, UInt32(generator.next() % 5)])
                box.core.announce(sources[number], .v4(prefix), attributes: set, target: .blackhole)
                holders.insert(number)
            }
            let found = sources.indices.filter { box.core.counters(sources[$0]).received == 1 }
            #expect(Set(found) == holders)
        }
        let violations = box.core.checkInvariants()
        #expect(violations.isEmpty, "\(violations)")
    }
}
