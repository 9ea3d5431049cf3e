import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

@Suite("Memory goes back to the system", .serialized)
struct TrimmingTests {
    @Test("A pool keeps every entry in use, whatever is added, given back and trimmed", arguments: 1...8)
    func pool(seed: Int) {
        var pool = ChunkedPool<UInt64>(chunkShift: 3)
        var random = SeededGenerator(state: UInt64(seed))
        var held: [UInt32: UInt64] = [:]
        for round in 0..<6000 {
            // Phases that mostly grow and phases that mostly shrink.
            let grows = (round / 700) % 2 == 0
            if Int.random(in: 0..<10, using: &random) < (grows ? 7 : 3) || held.isEmpty {
                let value = random.next()
                let index = pool.insert(value)
                #expect(held[index] == nil)
                #expect(index < pool.count)
                held[index] = value
            } else if let victim = held.keys.randomElement(using: &random) {
                pool.release(victim)
                held[victim] = nil
            }
            if Int.random(in: 0..<20, using: &random) == 0 {
                _ = pool.trim(1 + Int.random(in: 0..<4, using: &random))
            }
            guard round % 50 == 0 else { continue }
            for (index, value) in held {
                let stored = pool[index]
                #expect(stored == value)
            }
            let violations = pool.violations()
            #expect(violations.isEmpty)
            let live = pool.liveCount
            #expect(live == held.count)
        }
        for index in held.keys { pool.release(index) }
        let left = pool.trim(.max)
        #expect(left > 0)
        let (memory, count) = (pool.memory, pool.count)
        #expect(count == 0)
        #expect(memory < 100_000)
    }

    @Test("The arena keeps every string while others go and slabs are trimmed")
    func arena() {
        var arena = ByteArena()
        var random = SeededGenerator(state: 4)
        var held: [(handle: UInt32, bytes: [UInt8])] = []
        for round in 0..<20_000 {
            let limit = (round / 4000) % 2 == 0 ? 3000 : 20
            while held.count > limit {
                let victim = held.remove(at: Int.random(in: 0..<held.count, using: &random))
                arena.release(victim.handle, count: victim.bytes.count)
            }
            let count =
                round % 97 == 0 ? Int.random(in: 513...65_536, using: &random) : Int.random(in: 0...512, using: &random)
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: count)
            let handle = bytes.withUnsafeBytes { arena.store(Octets($0.baseAddress, count: $0.count)) }
            held.append((handle, bytes))
            if round % 40 == 0 { _ = arena.trim(5) }
            guard round % 500 == 0 else { continue }
            for item in held {
                let stored = arena.bytes(item.handle, count: item.bytes.count).array
                #expect(stored == item.bytes)
            }
        }
        for item in held { arena.release(item.handle, count: item.bytes.count) }
        _ = arena.trim(.max)
        let (memory, used) = (arena.memory, arena.used)
        #expect(used == 0)
        #expect(memory < 65_536)
    }

    /// What is resident is a black-box check: in this process other tests take memory meanwhile.
    @Test("After a feed of 300,000 routes is withdrawn the core holds next to nothing, in bounded steps")
    func feed() throws {
        var core = RoutingCore<TestPolicy>()
        let table = try present(core.addTable("one", family: .ipv4Unicast))
        let source = try present(core.addSource(local(table, .static, preference: 200)))
        let consumer = core.addConsumer(ConsumerSettings(table: table, policy: .acceptAll))
        while core.isPending(consumer) { _ = core.drain(consumer, limit: 4096) }
        for number in 0..<UInt32(300_000) {
            let prefix = IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + number << 8), length: 24)
            let set = attributes([65001, number % 50_000], communities: [Community(rawValue: number % 50_000)])
            core.announce(source, .v4(prefix), attributes: set, target: .blackhole)
        }
        while core.isPending(consumer) { _ = core.drain(consumer, limit: 4096) }
        let full = core.memory
        #expect(full.total >= 18 << 20)
        core.flush(source: source)
        core.settle()
        while core.isPending(consumer) { _ = core.drain(consumer, limit: 4096) }
        var steps = 0
        while core.trim(16) { steps += 1 }
        _ = core.trim(16)
        #expect(steps > 3)
        let after = core.memory
        #expect(after.total < 1 << 20)
        let violations = core.checkInvariants()
        #expect(violations.isEmpty)
    }
}
