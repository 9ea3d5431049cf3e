/// Tests for one community each, every one of which leads to the next when its community is not there: what filters that
/// obey control communities are made of.
///
/// The marks of a route's communities (see ``AttributePlaces``) tell at once which tests can succeed, so that the others
/// cost nothing.
final class CommunityChain: Sendable {
    /// The communities in order of the tests.
    let communities: [UInt32]
    /// The instructions that test them.
    let positions: [UInt32]
    /// Where the last test leads when there is none.
    let end: UInt32
    /// For each mark, which tests are for communities with it.
    private let tests: [UInt64]

    /// As many tests as a word has bits.
    static let longest = 64
    /// Shorter ones are faster test by test.
    private static let shortest = 4

    private init(_ positions: [Int], in code: [FilterInstruction]) {
        self.communities = positions.map { code[$0].operand }
        self.positions = positions.map { UInt32(clamping: $0) }
        self.end = positions.last.map { code[$0].target } ?? 0
        var tests = [UInt64](repeating: 0, count: UInt64.bitWidth)
        for (index, community) in self.communities.enumerated() {
            tests[AttributePlaces.mark(community).trailingZeroBitCount] |= 1 << UInt64(index)
        }
        self.tests = tests
    }

    /// The tests that communities with these marks may answer with yes.
    @inline(__always)
    func candidates(_ marks: UInt64) -> UInt64 {
        var marks = marks
        var found: UInt64 = 0
        while marks != 0 {
            found |= self.tests[marks.trailingZeroBitCount]
            marks &= marks &- 1
        }
        return found
    }

    /// The code with its chains found.
    static func linked(_ code: [FilterInstruction]) -> (code: [FilterInstruction], chains: [CommunityChain]) {
        var result = code
        var chains: [CommunityChain] = []
        for start in code.indices where result[start].operation == .jumpIfCommunity(false) {
            var positions = [start]
            while positions.count < self.longest, let last = positions.last {
                let next = Int(code[last].target)
                guard next > last, next < code.count, result[next].operation == .jumpIfCommunity(false) else { break }
                positions.append(next)
            }
            guard positions.count >= self.shortest, chains.count < 1 << 26 else { continue }
            let chain = CommunityChain(positions, in: code)
            for (index, position) in positions.enumerated() {
                result[position] = FilterInstruction(
                    operation: .findCommunity,
                    operand: UInt32(chains.count << 6 | index),
                    target: chain.end
                )
            }
            chains.append(chain)
        }
        return (result, chains)
    }
}

extension CommunityChain: Hashable {
    static func == (lhs: CommunityChain, rhs: CommunityChain) -> Bool {
        lhs === rhs || (lhs.communities == rhs.communities && lhs.positions == rhs.positions && lhs.end == rhs.end)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(self.communities)
        hasher.combine(self.end)
    }
}
