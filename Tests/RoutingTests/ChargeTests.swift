import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

@Suite("Charges for attribute sets")
struct ChargeTests {
    /// 20 octets or so of attributes.
    private static func set(_ number: UInt32) -> PathAttributes { attributes([65001, number]) }

    static func core() throws -> (RoutingCoreBox, SourceID, SourceID) {
        let box = RoutingCoreBox()
        let table = try present(box.core.addTable("one", family: .ipv4Unicast))
        let first = try present(box.core.addSource(local(table, .static, preference: 200)))
        let second = try present(box.core.addSource(local(table, .static, preference: 190)))
        return (box, first, second)
    }

    @Test("A set is charged once, to the source it came from first, however many routes have it")
    func once() throws {
        let (box, first, second) = try Self.core()
        for number in 0..<10 {
            box.core.announce(first, .v4(prefix4("20.0.\(number).0/24")), attributes: Self.set(1), target: .blackhole)
            box.core.announce(second, .v4(prefix4("20.0.\(number).0/24")), attributes: Self.set(1), target: .blackhole)
        }
        let charge = box.core.attributeCharge(first)
        #expect(charge >= 64 && charge < 200)
        // The second source's preference makes sets of its own.
        #expect(box.core.attributeCharge(second) == charge)
        box.core.announce(first, .v4(prefix4("20.1.0.0/24")), attributes: Self.set(2), target: .blackhole)
        #expect(box.core.attributeCharge(first) == 2 * charge)
        #expect(box.core.counters(first).attributeOctets == 2 * charge)
        box.core.withdraw(first, .v4(prefix4("20.1.0.0/24")))
        #expect(box.core.attributeCharge(first) == charge)
        for number in 0..<10 { box.core.withdraw(first, .v4(prefix4("20.0.\(number).0/24"))) }
        #expect(box.core.attributeCharge(first) == 0)
        #expect(box.core.checkInvariants().isEmpty)
    }

    @Test("What a source lets go of and another one holds is charged to the other one after a review")
    func review() throws {
        let (box, first, second) = try Self.core()
        let local = LocalAttributes(preference: 150)
        for number in 0..<50 {
            for source in [first, second] {
                box.core.announce(
                    source,
                    .v4(prefix4("20.0.\(number).0/24")),
                    attributes: Self.set(UInt32(number)),
                    target: .blackhole,
                    local: local
                )
            }
        }
        let charge = box.core.attributeCharge(first)
        #expect(charge > 0)
        #expect(box.core.attributeCharge(second) == 0)
        for number in 0..<25 { box.core.withdraw(first, .v4(prefix4("20.0.\(number).0/24"))) }
        #expect(box.core.attributeCharge(first) == charge)
        box.core.reviewCharges([first])
        while box.core.isReviewingCharges { _ = box.core.work(7) }
        #expect(box.core.attributeCharge(first) + box.core.attributeCharge(second) == charge)
        #expect(box.core.attributeCharge(second) >= charge / 2)
        box.core.removeSource(first)
        while box.core.hasWork { _ = box.core.work(7) }
        #expect(box.core.attributeCharge(second) == charge)
        #expect(box.core.checkInvariants().isEmpty)
    }
}

/// A core that tests can look into within expressions.
final class RoutingCoreBox {
    var core = RoutingCore<TestPolicy>()
}
