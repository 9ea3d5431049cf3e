import BGPWire
import IPAddressing
import Testing

@testable import BGPSession

@Suite("Two peers over a simulated network")
struct TwoPeersTests {
    /// Two configurations that fit together, with everything that matters to collisions and restarts drawn at random.
    private func pair(_ random: inout SplitMix) -> [SessionConfiguration] {
        let identifiers: [UInt32] =
            [[1, 2], [2, 1], [0x8000_0000, 1], [5, 5]].randomElement(using: &random) ?? [1, 2]
        let numbers: [ASNumber] =
            identifiers[0] == identifiers[1] || Bool.random(using: &random)
            ? [64_512, 64_513] : [64_512, 64_512]
        let passive = [0, 1, 2, 2, 2].randomElement(using: &random) ?? 2
        let restarts = Bool.random(using: &random)
        return (0...1).map { node in
            var configuration = sampleConfiguration(
                localAS: numbers[node],
                remoteAS: .exactly(numbers[1 - node]),
                identifier: identifiers[node]
            )
            configuration.holdTime = 9
            configuration.startupHoldTime = .seconds(20)
            configuration.connectRetryTime = .seconds(5)
            configuration.connectDelay = .milliseconds([0, 500, 2000].randomElement(using: &random) ?? 0)
            configuration.idleHoldTime = .seconds(2) ... .seconds(16)
            configuration.errorForgetTime = .seconds(10)
            configuration.isPassive = passive == node
            if Int.random(in: 0..<4, using: &random) == 0 { configuration.delayOpenTime = .milliseconds(300) }
            if restarts {
                configuration.gracefulRestart = .init(
                    restartState: false,
                    notification: true,
                    restartTime: 120,
                    families: []
                )
            }
            return configuration
        }
    }

    @Test("Left alone after a simultaneous start, one session comes up and stays", arguments: 0..<400)
    func simultaneousStart(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var network = SimulatedNetwork(self.pair(&random), seed: UInt64(seed) + 1_000_000)
        for node in 0...1 {
            network.schedule(.input(node, .start), after: Int.random(in: 0..<60, using: &random))
        }
        network.run(until: 120_000)
        #expect(network.isSettled)
        #expect(network.nodes.allSatisfy { $0.flaps == 0 }, "a session came up and went down again")
    }

    @Test("After crashes, cuts, resets and stops, one session comes up and stays", arguments: 0..<400)
    func chaos(seed: Int) {
        var random = SplitMix(seed: UInt64(seed) + 77)
        var network = SimulatedNetwork(self.pair(&random), seed: UInt64(seed) + 2_000_000)
        network.dropsRequests = true
        for node in 0...1 { network.schedule(.input(node, .start), after: Int.random(in: 0..<60, using: &random)) }
        for _ in 0..<40 {
            network.run(until: network.now + Int.random(in: 0..<8000, using: &random))
            let node = Int.random(in: 0...1, using: &random)
            switch Int.random(in: 0..<9, using: &random) {
            case 0, 1: network.schedule(.crash(node), after: 0)
            case 2: network.schedule(.cut(true), after: 0)
            case 3: network.schedule(.cut(false), after: 0)
            case 4: network.schedule(.input(node, .reset(.cease(.administrativeReset))), after: 0)
            case 5:
                network.schedule(
                    .input(node, .stop(Bool.random(using: &random) ? .cease(.administrativeShutdown) : nil)),
                    after: 0
                )
                network.schedule(.input(node, .start), after: Int.random(in: 0..<5000, using: &random))
            case 6:
                network.schedule(.input(node, .linkDown), after: 0)
                network.schedule(.input(node, .linkUp), after: Int.random(in: 0..<5000, using: &random))
            case 7:
                network.schedule(.input(node, .automaticStop(.cease(.outOfResources), .afterBackoff)), after: 0)
            default:
                for node in 0...1 {
                    network.schedule(.input(node, .reset(.cease(.otherConfigurationChange))), after: node)
                }
            }
        }
        network.dropsRequests = false
        for node in 0...1 {
            network.schedule(.input(node, .linkUp), after: 5001)
            network.schedule(.input(node, .start), after: 5001)
        }
        network.run(until: network.now + 300_000)
        let flaps = network.nodes.map(\.flaps)
        network.run(until: network.now + 300_000)
        #expect(network.isSettled)
        #expect(network.nodes.map(\.flaps) == flaps, "a session went down without cause")
        #expect(network.nodes.allSatisfy { $0.mostActions <= 20 })
    }
}
