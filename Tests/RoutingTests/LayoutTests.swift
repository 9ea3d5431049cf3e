import IPAddressing
import Testing

@testable import Routing

@Suite("Memory layout")
struct LayoutTests {
    @Test("A path is 16 octets")
    func path() {
        #expect(MemoryLayout<Path>.stride == 16)
    }

    @Test("A destination with its first path is 32 octets for IPv4 and 48 for IPv6")
    func destination() {
        #expect(MemoryLayout<Destination<IPv4Prefix>>.stride == 32)
        #expect(MemoryLayout<Destination<IPv6Prefix>>.stride == 48)
    }

    @Test("A node of three further paths and an attribute record are one cache line each")
    func cacheLines() {
        #expect(MemoryLayout<PathNode>.stride == 64)
        #expect(MemoryLayout<AttributeRecord>.stride == 64)
    }

    @Test("The arena gives each string back unchanged while others come and go")
    func arena() {
        var arena = ByteArena()
        var random = SeededGenerator(state: 2)
        var held: [(handle: UInt32, bytes: [UInt8])] = []
        for round in 0..<4000 {
            if held.count > 200 {
                let victim = held.remove(at: Int.random(in: 0..<held.count, using: &random))
                let stored = arena.bytes(victim.handle, count: victim.bytes.count).array
                #expect(stored == victim.bytes)
                arena.release(victim.handle, count: victim.bytes.count)
            }
            let count =
                round % 97 == 0 ? Int.random(in: 513...65_536, using: &random) : Int.random(in: 0...512, using: &random)
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: count)
            let handle = bytes.withUnsafeBytes { arena.store(Octets($0.baseAddress, count: $0.count)) }
            held.append((handle, bytes))
        }
        for item in held {
            let stored = arena.bytes(item.handle, count: item.bytes.count).array
            #expect(stored == item.bytes)
        }
    }
}
