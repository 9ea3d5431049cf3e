import Testing

@testable import Routing

@Suite("Routing core against a naive model")
struct DifferentialTests {
    @Test("After any sequence of events every receiver holds what the rules say", arguments: 1...60)
    func randomised(seed: Int) throws {
        print("differential seed \(seed)")
        var scenario = try Scenario.make(SeededGenerator(state: UInt64(seed)))
        for step in 0..<400 {
            try scenario.step()
            if scenario.pick(12) == 0 { try scenario.compare(step) }
        }
        try scenario.compare(400)
    }
}
