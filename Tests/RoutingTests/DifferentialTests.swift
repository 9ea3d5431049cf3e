import Glibc
import Testing

@testable import Routing

/// Whether tests that run for minutes are wanted (`make test-long`).
private let longTestsAreWanted = environment("MARTLET_LONG_TESTS") != nil

/// A variable of the environment that is set and not empty.
private func environment(_ name: String) -> String? {
    guard let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty else { return nil }
    return text
}

/// A seed that failed is repeated with `MARTLET_SEED=17 swift test … --filter DifferentialTests`.
@Suite("Routing core against a naive model")
struct DifferentialTests {
    static let chosen = environment("MARTLET_SEED").flatMap { UInt64($0) }

    /// Seeds that are always the same, and as many that are new with every run.
    static func seeds(_ count: UInt64) -> [UInt64] {
        if let chosen { return [chosen] }
        return (1...count).map { $0 } + (0..<count).map { _ in UInt64.random(in: 1_000_000...999_999_999_999) }
    }

    @Test("After any sequence of events every receiver holds what the rules say", arguments: seeds(16))
    func randomised(seed: UInt64) throws { try Self.run(seed, operations: 1500) }

    @Test(
        "After millions of events every receiver holds what the rules say",
        .enabled(if: longTestsAreWanted, "make test-long"),
        arguments: seeds(60)
    )
    func randomisedAtLength(seed: UInt64) throws { try Self.run(seed, operations: 25_000) }

    @Test("Scenarios bring about every kind of event")
    func everyEvent() throws {
        var missing = Set(Scenario.Event.allCases)
        // Falling off the journal takes more than a short run; the next test sees to it.
        missing.remove(.overrun)
        for seed in 1...60 as ClosedRange<UInt64> where !missing.isEmpty {
            var scenario = try Scenario(SeededGenerator(state: seed))
            try scenario.run(operations: 1500)
            missing.subtract(scenario.counts.keys)
        }
        #expect(missing.isEmpty)
    }

    @Test(
        "Receivers that fall off the journal are sent what they missed",
        arguments: longTestsAreWanted ? 1...6 : 1...1
    )
    func overrun(seed: Int) throws {
        print("differential seed \(seed)")
        var scenario = try Scenario(SeededGenerator(state: UInt64(seed)))
        try scenario.compare(0)
        for member in scenario.peers.prefix(3) {
            scenario.core.separate(member)
            scenario.stalled.insert(member)
        }
        for index in scenario.consumers.indices { scenario.consumers[index].isStalled = true }
        // The journal keeps 131,072 changes of a table.
        for _ in 0..<40 where !scenario.hasOverrun { scenario.storm(10_000) }
        let hasOverrun = scenario.hasOverrun
        #expect(hasOverrun)
        try scenario.compare(1)
        try scenario.run(operations: scenario.operations + 500)
        let overruns = scenario.counts[.overrun, default: 0]
        #expect(overruns > 0)
    }

    static func run(_ seed: UInt64, operations: Int) throws {
        print("differential seed \(seed)")
        do {
            var scenario = try Scenario(SeededGenerator(state: seed))
            try scenario.run(operations: operations)
        } catch let violation as Violation {
            throw Violation(description: "seed \(seed): \(violation.description)")
        }
    }
}
