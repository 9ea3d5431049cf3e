import BGPWire
import ControlAPI
import Foundation
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// What the speaker holds, says it holds and gives back.
    @Suite("Memory of the speaker")
    struct MemoryTests {
        private static func withPeer(
            _ options: String,
            _ body: (Lab, MartletProcess, RawPeer, () async throws -> RawPeer) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let text = """
                    router id 10.20.0.1;
                    protocol device {}
                    protocol bgp feed {
                      local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; passive on;
                      error wait time 1, 1;
                      \(options)
                      ipv4 { import all; export all; };
                    }
                    """
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: text)
                let ends = RawPeer.Ends(
                    local: IPv4Address(10, 20, 0, 2),
                    asNumber: 64_513,
                    remote: IPv4Address(10, 20, 0, 1),
                    remoteAS: 64_512
                )
                let peer = try await RawPeer.connect(ends, in: there, lab)
                defer { peer.disconnect() }
                try await body(lab, martlet, peer) { try await RawPeer.connect(ends, in: there, lab) }
            }
        }

        private static func prefixes(_ range: Range<UInt32>) -> [IPv4Prefix] {
            range.map { IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + $0 << 8), length: 24) }
        }

        /// Announces prefixes from `from` on, four to a set of about 200 octets.
        private static func announce(_ peer: RawPeer, _ range: Range<UInt32>) throws {
            var start = range.lowerBound
            while start < range.upperBound {
                let end = min(start + 4, range.upperBound)
                try peer.announce(
                    Self.prefixes(start..<end),
                    communities: (0..<40).map { Community(rawValue: start &+ $0) }
                )
                start = end
            }
        }

        private static func wait(for count: UInt64, _ lab: Lab, _ martlet: MartletProcess) async throws {
            try await lab.require("\(count) routes are in", timeout: .seconds(60)) {
                try await martlet.withClient { try await $0.neighbor("feed").routes.received } == count
            }
        }

        @Test("After the only feed is withdrawn, or lost, 80 % of what it took is back within ten seconds")
        func returned() async throws {
            let count: UInt32 = 800_000
            try await Self.withPeer("") { lab, martlet, peer, _ in
                // The first answers bring in pages of the program that stay.
                _ = try martlet.bgpctl("show", "memory")
                try await Self.wait(for: 0, lab, martlet)
                let idle = martlet.process.residentBytes
                for isLost in [false, true] {
                    try await blocking { try Self.announce(peer, 0..<count) }
                    try await Self.wait(for: UInt64(count), lab, martlet)
                    let full = martlet.process.residentBytes
                    #expect(full > 100 << 20)
                    let account = try await martlet.withClient { try await $0.memory() }
                    let (sum, resident) = (Double(account.accountedBytes), Double(account.residentBytes))
                    #expect(abs(sum - resident) <= 0.15 * resident, "\(account)")
                    #expect(account.structures.last?.name == "runtime")
                    let neighbor = try await martlet.withClient { try await $0.neighbor("feed") }
                    // Each set has 40 communities, 4 octets each, and a record of 64.
                    #expect(try #require(neighbor.attributeBytes) > UInt64(count) / 4 * 224)
                    if isLost {
                        peer.disconnect()
                    } else {
                        try await blocking {
                            var output: [UInt8] = []
                            var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
                            encoder.withdraw(Self.prefixes(0..<count).map { NLRI($0) }, into: &output)
                            try peer.send(output)
                        }
                    }
                    let begin = ContinuousClock.now
                    var left = Int.max
                    while ContinuousClock.now - begin < .seconds(10) {
                        left = martlet.process.residentBytes
                        if full - left >= (full - idle) * 8 / 10 { break }
                        try await Task.sleep(for: .milliseconds(200))
                    }
                    #expect(full - left >= (full - idle) * 8 / 10, "idle \(idle), full \(full), after it \(left)")
                }
            }
        }

        @Test("A peer that pins more attributes than it may is cut off with Cease 6/8, and may come back")
        func limit() async throws {
            try await Self.withPeer("attribute limit 2;") { lab, martlet, peer, reconnect in
                // A charge of about 1.2 MiB, however often it is said again.
                try await blocking { for _ in 0..<5 { try Self.announce(peer, 0..<20_000) } }
                try await Self.wait(for: 20_000, lab, martlet)
                #expect(try await martlet.isEstablished("feed"))
                let shown = try martlet.bgpctl("show", "neighbors", "feed")
                #expect(shown.output.contains("of at most 2.0 MiB"), "\(shown.output)")
                try? await blocking { try Self.announce(peer, 20_000..<100_000) }
                try await lab.require("the session ends") { peer.state.end != nil }
                let end = try #require(peer.state.end)
                #expect(end.hasPrefix("NOTIFICATION [6, 8"), "\(end)")
                #expect(martlet.process.output.contains("Attribute limit reached"))
                try await Self.wait(for: 0, lab, martlet)
                try await Task.sleep(for: .seconds(2))
                let again = try await reconnect()
                defer { again.disconnect() }
                try await blocking { try Self.announce(again, 0..<100) }
                try await Self.wait(for: 100, lab, martlet)
            }
        }
    }
}
