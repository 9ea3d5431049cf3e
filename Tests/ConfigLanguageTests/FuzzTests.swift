import Testing

@testable import ConfigLanguage

@Suite("Mutated configurations")
struct FuzzTests {
    /// A small generator, so that failures repeat.
    struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var value = self.state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }

    @Test("Any mutation of a valid file is read or refused, in bounded time", arguments: 0..<8)
    func mutations(_ seed: UInt64) {
        var generator = Generator(state: seed)
        let corpus = OracleCorpus.accepted.map { Array($0.utf8) }
        let words = [
            "{", "}", ";", "(", ")", "[", "]", "..", "~", "1", "4294967295", "10.0.0.0/8", "::", "if", "then",
            "else:", "accept", "bgp_path", "filter", "import", "ipv4", "\"", "'", "/*", "*", "-", "from", "include",
        ].map { Array($0.utf8) }
        let clock = ContinuousClock()
        for _ in 0..<400 {
            var text = corpus.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...6, using: &generator) where !text.isEmpty {
                let at = Int.random(in: 0..<text.count, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: text[at] = UInt8.random(in: 0...255, using: &generator)
                case 1: text.removeSubrange(at..<min(text.count, at + Int.random(in: 1...20, using: &generator)))
                case 2: text.insert(contentsOf: words.randomElement(using: &generator) ?? [], at: at)
                case 3:
                    let from = Int.random(in: 0..<text.count, using: &generator)
                    text.insert(contentsOf: text[from..<min(text.count, from + 40)], at: at)
                default: text.removeSubrange(at...)
                }
            }
            let took = clock.measure {
                let result = load(String(decoding: text, as: UTF8.self))
                #expect((result.settings == nil) == !result.errors.isEmpty)
            }
            #expect(took < .seconds(2))
        }
    }
}
