import IPAddressing
import Testing

@testable import Routing

@Suite("The index from hashes to numbers")
struct HashIndexTests {
    @Test("It finds what was inserted and nothing that was removed")
    func comesAndGoes() {
        var index = HashIndex()
        var held: Set<UInt32> = []
        var random = SeededGenerator(state: 1)
        for round in 0..<60_000 {
            let number = UInt32.random(in: 0..<20_000, using: &random)
            // Few distinct hashes make long probe runs.
            let hash = mixBits(UInt64(number / 3))
            if held.contains(number) {
                let isRemoved = index.remove(hash, number)
                #expect(isRemoved)
                held.remove(number)
            } else {
                index.insert(hash, number)
                held.insert(number)
            }
            let probe = UInt32(round % 20_000)
            let found = index.find(mixBits(UInt64(probe / 3))) { $0 == probe }
            #expect((found != nil) == held.contains(probe))
        }
        let (count, violations) = (index.count, index.violations())
        #expect(count == held.count)
        #expect(violations.isEmpty)
    }

    @Test("It finds what it holds while it grows and shrinks, and gives the memory back")
    func growsAndShrinks() {
        var index = HashIndex()
        var held: Set<UInt32> = []
        var random = SeededGenerator(state: 3)
        var next: UInt32 = 0
        var largest = 0
        for _ in 0..<6 {
            for _ in 0..<30_000 {
                index.insert(mixBits(UInt64(next / 2)), next)
                held.insert(next)
                next += 1
            }
            largest = max(largest, index.memory)
            var violations = index.violations()
            #expect(violations.isEmpty)
            for number in held.shuffled(using: &random).prefix(held.count - 40) {
                let isRemoved = index.remove(mixBits(UInt64(number / 2)), number)
                #expect(isRemoved)
                held.remove(number)
                if Int.random(in: 0..<50, using: &random) == 0 { _ = index.trim(64) }
                // Additions between the steps of shrinking.
                if Int.random(in: 0..<40, using: &random) == 0 {
                    index.insert(mixBits(UInt64(next / 2)), next)
                    held.insert(next)
                    next += 1
                }
            }
            violations = index.violations()
            #expect(violations.isEmpty)
            for number in held {
                let found = index.find(mixBits(UInt64(number / 2))) { $0 == number }
                #expect(found == number)
            }
            let count = index.count
            #expect(count == held.count)
        }
        for number in held { index.remove(mixBits(UInt64(number / 2)), number) }
        let left = index.trim(1 << 24)
        let (memory, violations) = (index.memory, index.violations())
        #expect(left > 0)
        #expect(memory <= 8192)
        #expect(largest >= 1 << 18)
        #expect(violations.isEmpty)
    }

    @Test(
        "A number costs 18 octets at most, and a trim without anything to give changes nothing",
        arguments: [0, 1, 2]
    )
    func memory(of seed: UInt64) {
        var index = HashIndex()
        for number in 0..<500_000 as Range<UInt32> {
            index.insert(mixBits(UInt64(number) ^ seed << 40), number)
            guard number > 50_000, number % 10_000 == 0 else { continue }
            let memory = index.memory
            #expect(memory <= Int(number) * 18)
        }
        let memory = index.memory
        let left = index.trim(1 << 20)
        let trimmed = index.memory
        #expect(left > 0)
        #expect(trimmed == memory)
    }

    @Test("Hashes that agree in all bits but a few, or in all, cost time and memory but are found")
    func collisions() {
        var index = HashIndex()
        // Eight thousand in one place, and forty thousand that only the lowest bits tell apart.
        for number in 0..<8000 as Range<UInt32> { index.insert(0xDEAD_BEEF, number) }
        for number in 8000..<48_000 as Range<UInt32> { index.insert(UInt64(number), number) }
        var violations = index.violations()
        #expect(violations.isEmpty)
        for number in 8000..<48_000 as Range<UInt32> {
            let found = index.find(UInt64(number)) { $0 == number }
            #expect(found == number)
        }
        for number in (0..<8000 as Range<UInt32>).reversed() {
            let isRemoved = index.remove(0xDEAD_BEEF, number)
            #expect(isRemoved)
        }
        for number in 8000..<48_000 as Range<UInt32> { index.remove(UInt64(number), number) }
        _ = index.trim(.max)
        let (memory, count) = (index.memory, index.count)
        violations = index.violations()
        #expect(violations.isEmpty)
        #expect(count == 0)
        #expect(memory <= 8192)
    }
}
