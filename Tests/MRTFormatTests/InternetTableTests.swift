import BGPWire
import IPAddressing
import MRTFormat
import Testing

/// The generator does what its documentation says.
@Suite("Internet-like tables")
struct InternetTableTests {
    static let table = InternetTable(seed: 1)
    static let ipv4 = table.ipv4Routes(100_000)
    static let ipv6 = table.ipv6Routes(20_000)

    func mean(_ shares: [(length: UInt8, share: UInt32)]) -> Double {
        let total = shares.reduce(0) { $0 + Double($1.share) }
        return shares.reduce(0) { $0 + Double($1.length) * Double($1.share) } / total
    }

    @Test("Shares add up and have the means of the reports")
    func shares() {
        #expect(InternetTable.ipv4Lengths.reduce(0) { $0 + $1.share } == 100_000)
        #expect(InternetTable.ipv6Lengths.reduce(0) { $0 + $1.share } == 100_000)
        #expect(InternetTable.pathLengths.reduce(0) { $0 + $1.share } == 10_000)
        #expect(abs(self.mean(InternetTable.ipv4Lengths) - 22.9335) < 0.01)
        #expect(abs(self.mean(InternetTable.ipv6Lengths) - 42.8364) < 0.02)
        #expect(abs(self.mean(InternetTable.pathLengths) - 5.4) < 0.02)
    }

    @Test("Prefixes are as many as asked for, different, and in order")
    func prefixes() {
        #expect(Self.ipv4.count == 100_000 && Self.ipv6.count == 20_000)
        #expect(zip(Self.ipv4, Self.ipv4.dropFirst()).allSatisfy { $0.prefix < $1.prefix })
        #expect(zip(Self.ipv6, Self.ipv6.dropFirst()).allSatisfy { $0.prefix < $1.prefix })
        #expect(Self.table.ipv4Routes(0).isEmpty && Self.table.ipv4Routes(-1).isEmpty)
        #expect(Self.table.ipv6Routes(1).count == 1)
    }

    @Test("Prefix lengths have the shares that are documented, within a percent of the table")
    func prefixLengths() {
        for (length, share) in InternetTable.ipv4Lengths {
            let count = Self.ipv4.count { $0.prefix.length == length }
            #expect(abs(count - Int(share)) < 1000, "/\(length): \(count)")
        }
        for (length, share) in InternetTable.ipv6Lengths {
            let count = Self.ipv6.count { $0.prefix.length == length }
            #expect(abs(count - Int(share) / 5) < 200, "/\(length): \(count)")
        }
    }

    @Test("No prefix covers or lies in space that is not routed")
    func unrouted() throws {
        let private4 = try ["10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16", "198.51.100.0/24", "172.16.0.0/12"].map {
            try #require(IPPrefix($0).flatMap { IPv4Prefix($0) })
        }
        for route in Self.ipv4 {
            #expect((1..<224).contains(route.prefix.address.rawValue >> 24))
            #expect(!private4.contains { $0.contains(route.prefix) || route.prefix.contains($0) })
        }
        let documentation = try #require(IPPrefix("2001:db8::/32").flatMap { IPv6Prefix($0) })
        for route in Self.ipv6 {
            #expect(route.prefix.address.high >> 61 == 1)
            #expect(!documentation.contains(route.prefix) && !route.prefix.contains(documentation))
        }
    }

    @Test("Sets are shared by about six IPv4 prefixes on average")
    func sharing() {
        let sets = Set(Self.ipv4.map(\.set))
        let average = Double(Self.ipv4.count) / Double(sets.count)
        #expect(abs(average - 6) < 0.5, "\(average)")
    }

    @Test("About half of the entries are more specific than another one")
    func moreSpecifics() {
        func share<Prefix>(_ routes: [InternetTable.Route<Prefix>]) -> Double {
            // In prefix order, what covers an entry stands before it and still contains it.
            var covering: [Prefix] = []
            var count = 0
            for route in routes {
                while let last = covering.last, !last.contains(route.prefix) { covering.removeLast() }
                if !covering.isEmpty { count += 1 }
                covering.append(route.prefix)
            }
            return Double(count) / Double(routes.count)
        }
        #expect(abs(share(Self.ipv4) - 0.57) < 0.02, "\(share(Self.ipv4))")
        #expect(abs(share(Self.ipv6) - 0.46) < 0.02, "\(share(Self.ipv6))")
    }

    @Test("Attributes have the documented shares and can all be read back")
    func attributes() throws {
        let sets = Set(Self.ipv4.map(\.set)).union(Self.ipv6.map(\.set)).map { Self.table.attributes(of: $0) }
        func share(_ holds: (PathAttributes) -> Bool) -> Double {
            Double(sets.count(where: holds)) / Double(sets.count)
        }
        #expect(abs(share { !$0.communities.isEmpty } - 0.9) < 0.01)
        #expect(abs(share { !$0.largeCommunities.isEmpty } - 0.15) < 0.01)
        #expect(abs(share { !$0.extendedCommunities.isEmpty } - 0.03) < 0.01)
        #expect(abs(share { $0.multiExitDiscriminator != nil } - 0.12) < 0.01)
        #expect(abs(share { $0.aggregator != nil && $0.atomicAggregate } - 0.08) < 0.01)
        #expect(abs(share { $0.origin == .incomplete } - 0.11) < 0.01)
        let lengths = sets.map { $0.asPath?.decisionLength ?? 0 }
        let mean = Double(lengths.reduce(0, +)) / Double(lengths.count)
        #expect(abs(mean - 5.4) < 0.1, "\(mean)")
        #expect(lengths.max() ?? 0 <= 30)
        #expect(sets.allSatisfy { $0.asPath?.segments.first?.numbers.first == 64_496 })
        let numbers = Set(sets.flatMap { $0.asPath?.segments.flatMap(\.numbers) ?? [] })
        #expect(numbers.allSatisfy { $0.rawValue != 0 && $0 != .transition && !$0.isPrivate })
        var decoder = RIBAttributeDecoder()
        for set in sets {
            let route = RIBRoute(attributes: set, nextHop: BGPNextHop(.v4(IPv4Address(192, 0, 2, 1))))
            let entry = RIBEntry(peerIndex: 0, originatedTime: 0, route: route, isIPv4: true)
            #expect(try decoder.decode(entry.attributes, isIPv4: true) == route)
            #expect(decoder.discardedCount == 0)
        }
    }

    @Test("The same seed makes the same table, another seed another one")
    func determinism() {
        let again = InternetTable(seed: 1)
        let first = Self.table.ipv4Routes(1000)
        #expect(again.ipv4Routes(1000) == first)
        #expect(again.attributes(of: first[7].set) == Self.table.attributes(of: first[7].set))
        #expect(InternetTable(seed: 2).ipv4Routes(1000) != first)
        // Pins the output, so that a change of the generator is noticed.
        let sum = first.reduce(UInt64(0)) {
            mixBits($0 ^ UInt64($1.prefix.address.rawValue) << 8 ^ UInt64($1.prefix.length))
        }
        let bytes = first.reduce(UInt64(0)) { $0 ^ Self.table.attributes(of: $1.set).hash(seed: $0) }
        #expect(sum == 14_428_365_596_795_558_302)
        #expect(bytes == 14_584_906_134_084_486_125)
    }

    @Test("What is generated and written is read back, in any chunks")
    func roundTrip() throws {
        let peers = PeerIndexTable(
            collector: RouterID(rawValue: 1),
            peers: [.init(identifier: RouterID(rawValue: 2), address: .v4(IPv4Address(192, 0, 2, 1)), number: 64_496)]
        )
        let time = MRTTime(seconds: 1)
        var output: [UInt8] = []
        try MRTWriter.append(MRTRecord(time: time, content: .peerIndexTable(peers)), to: &output)
        var expected: [IPPrefix: PathAttributes] = [:]
        let four = Self.table.ipv4Routes(3000).map { ($0.prefix.erased, $0.set) }
        let six = Self.table.ipv6Routes(1000).map { ($0.prefix.erased, $0.set) }
        for (index, (prefix, set)) in (four + six).enumerated() {
            let attributes = Self.table.attributes(of: set)
            expected[prefix] = attributes
            let nextHop: IPAddress =
                prefix.isIPv4 ? .v4(IPv4Address(192, 0, 2, 1)) : .v6(IPv6Address(high: 1 << 61, low: 1))
            let route = RIBRoute(attributes: attributes, nextHop: BGPNextHop(nextHop))
            let entry = RIBEntry(peerIndex: 0, originatedTime: 1, route: route, isIPv4: prefix.isIPv4)
            let rib = RIBRecord(sequence: UInt32(index), prefix: prefix, entries: [entry])
            try MRTWriter.append(MRTRecord(time: time, content: .rib(rib)), to: &output)
        }
        let (items, error) = readAll(output, chunk: 1000)
        #expect(error == nil)
        #expect(items.count == 4001)
        var decoder = RIBAttributeDecoder()
        for case .record(let record) in items {
            guard case .rib(let rib) = record.content else { continue }
            let route = try decoder.decode(try #require(rib.entries.first).attributes, isIPv4: rib.prefix.isIPv4)
            #expect(expected.removeValue(forKey: rib.prefix) == route.attributes)
        }
        #expect(expected.isEmpty)
    }
}
