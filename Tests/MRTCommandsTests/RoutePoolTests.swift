import BGPWire
import Foundation
import IPAddressing
import MRTFormat
import Testing

@testable import MRTCommands

/// What is taken from a file and how it is announced.
@Suite("Routes to announce")
struct RoutePoolTests {
    /// Runs `body` with the path of a file of these octets.
    func withFile(_ octets: [UInt8], _ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mrt-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "f.mrt")
        try Data(octets).write(to: file)
        try body(file.path())
    }

    static func route(_ path: [ASNumber], nextHop: IPAddress = .v4(IPv4Address(192, 0, 2, 1))) -> RIBRoute {
        var attributes = PathAttributes()
        attributes.origin = .igp
        attributes.asPath = ASPath(sequence: path)
        return RIBRoute(attributes: attributes, nextHop: BGPNextHop(nextHop))
    }

    /// A dump of two peers: records of one prefix and the routes of these peers each.
    static func dump(_ records: [(IPPrefix, [(UInt16, RIBRoute)])]) throws -> [UInt8] {
        let time = MRTTime(seconds: 0)
        let peer = PeerIndexTable.Peer(
            identifier: RouterID(rawValue: 1),
            address: .v4(IPv4Address(192, 0, 2, 1)),
            number: 64_496
        )
        var output: [UInt8] = []
        let table = PeerIndexTable(collector: RouterID(rawValue: 1), peers: [peer, peer])
        try MRTWriter.append(MRTRecord(time: time, content: .peerIndexTable(table)), to: &output)
        for (index, (prefix, routes)) in records.enumerated() {
            let entries = routes.map { peer, route in
                RIBEntry(peerIndex: peer, originatedTime: 0, route: route, isIPv4: prefix.isIPv4)
            }
            let rib = RIBRecord(sequence: UInt32(index), prefix: prefix, entries: entries)
            try MRTWriter.append(MRTRecord(time: time, content: .rib(rib)), to: &output)
        }
        return output
    }

    static func ipv4(_ index: UInt32) -> IPPrefix {
        .v4(IPv4Prefix(address: IPv4Address(rawValue: 11 << 24 | index << 8), length: 24))
    }

    static func ipv6(_ index: UInt64) -> IPPrefix {
        .v6(IPv6Prefix(address: IPv6Address(high: 0x2A00 << 48 | index << 16, low: 0), length: 48))
    }

    static let six = IPAddress.v6(IPv6Address(high: 0x2001_0DB8_0000_0000, low: 1))

    @Test("Routes of one attribute set come together, whatever next hop and order the file has")
    func grouping() throws {
        let records = (0..<10).map { index in
            let nextHop = IPAddress.v4(IPv4Address(192, 0, 2, UInt8(index)))
            return (
                Self.ipv4(UInt32(index)),
                [(UInt16(0), Self.route([ASNumber(rawValue: 64_500 + UInt32(index % 2))], nextHop: nextHop))]
            )
        }
        try self.withFile(Self.dump(records)) { path in
            let source = try RouteSource(MRTFile(path: path), .init())
            #expect(source.ipv4.sets.count == 2)
            #expect(source.ipv4.entries.map(\.set) == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
            let kept = try RouteSource(MRTFile(path: path), .init(keepsNextHops: true))
            #expect(kept.ipv4.sets.count == 10)
        }
    }

    @Test("The limit counts each family for itself, and a family can be asked for alone")
    func limit() throws {
        let records =
            (0..<9).map { (Self.ipv4($0), [(UInt16(0), Self.route([1]))]) }
            + (0..<9).map { (Self.ipv6($0), [(UInt16(0), Self.route([1], nextHop: Self.six))]) }
        try self.withFile(Self.dump(records)) { path in
            let limited = try RouteSource(MRTFile(path: path), .init(limit: 4))
            #expect(limited.ipv4.entries.count == 4 && limited.ipv6.entries.count == 4)
            let single = try RouteSource(MRTFile(path: path), .init(family: .ipv6Unicast))
            #expect(single.ipv4.entries.isEmpty && single.ipv6.entries.count == 9)
        }
    }

    @Test("The first route of a record is taken, or the one of the peer that was asked for")
    func peer() throws {
        let records = [
            (Self.ipv4(1), [(UInt16(0), Self.route([1])), (1, Self.route([2]))]),
            (Self.ipv4(2), [(0, Self.route([3]))]),
        ]
        try self.withFile(Self.dump(records)) { path in
            func paths(_ source: RouteSource) -> [String] {
                source.ipv4.entries.map { source.ipv4.sets[Int($0.set)].attributes.asPath?.description ?? "" }
            }
            let first = try RouteSource(MRTFile(path: path), .init())
            #expect(paths(first) == ["1", "3"])
            let second = try RouteSource(MRTFile(path: path), .init(peerIndex: 1))
            #expect(paths(second) == ["2"])
        }
    }

    @Test("Routes that cannot be used are counted, and the first is named")
    func unusable() throws {
        let bad = RIBRoute(attributes: PathAttributes(), nextHop: BGPNextHop(.v4(IPv4Address(192, 0, 2, 1))))
        let records = [(Self.ipv4(1), [(UInt16(0), bad)]), (Self.ipv4(2), [(0, Self.route([3]))])]
        try self.withFile(Self.dump(records)) { path in
            let source = try RouteSource(MRTFile(path: path), .init())
            #expect(source.ipv4.entries.count == 1 && source.unusableCount == 1)
            #expect(source.firstProblem?.hasPrefix("11.0.1.0/24: ") == true)
        }
    }

    @Test(
        "A compressed file is an error that says how to read it",
        arguments: [[0x1F, 0x8B, 8, 0], Array("BZh9".utf8)]
    )
    func compressed(start: [UInt8]) throws {
        try self.withFile(start) { path in
            #expect { try RouteSource(MRTFile(path: path), .init()) } throws: { error in
                "\(error)".contains("compressed") && "\(error)".hasPrefix(path)
            }
        }
    }

    @Test("A file that breaks off is an error that names the place")
    func brokenOff() throws {
        let dump = try Self.dump([(Self.ipv4(1), [(UInt16(0), Self.route([1]))])])
        try self.withFile(Array(dump.dropLast())) { path in
            #expect { try RouteSource(MRTFile(path: path), .init()) } throws: { "\($0)".contains("ends inside") }
        }
    }

    @Test("On an external session the local AS is prepended and what is internal to an AS removed")
    func external() {
        var route = Self.route([64_500])
        route.attributes.localPreference = 200
        route.attributes.originatorID = RouterID(rawValue: 9)
        route.attributes.clusterList = [RouterID(rawValue: 9)]
        route.attributes.multiExitDiscriminator = 5
        let policy = AnnouncementPolicy(localAS: 64_512, isInternal: false, nextHop: Self.six)
        var expected = Self.route([64_512, 64_500], nextHop: Self.six)
        expected.attributes.multiExitDiscriminator = 5
        #expect(policy.announced(route) == expected)
    }

    @Test("On an internal session the path stays, and a LOCAL_PREF is there")
    func `internal`() {
        let policy = AnnouncementPolicy(localAS: 64_512, isInternal: true, nextHop: nil)
        var expected = Self.route([64_500])
        expected.attributes.localPreference = 100
        #expect(policy.announced(Self.route([64_500])) == expected)
        expected.attributes.localPreference = 7
        #expect(policy.announced(expected) == expected)
    }

    @Test("A feed writes every route once, packed, in parts as small as asked for")
    func feed() throws {
        var pool = RoutePool<IPv4Prefix>()
        for index in 0..<5000 {
            let path: [ASNumber] = [64_500, ASNumber(rawValue: 64_501 + UInt32(index % 3))]
            pool.append(
                IPv4Prefix(address: IPv4Address(rawValue: UInt32(index) << 8 | 11 << 24), length: 24),
                Self.route(path)
            )
        }
        pool.group()
        let policy = AnnouncementPolicy(localAS: 64_512, isInternal: false, nextHop: .v4(IPv4Address(192, 0, 2, 9)))
        var feed = RouteFeed(pool, policy, UpdateEncoding())
        var octets: [UInt8] = []
        #expect(feed.write(limit: 7, size: .max, to: &octets) == 7)
        var count = 7
        while !feed.isFinished {
            var part: [UInt8] = []
            count += feed.write(limit: .max, size: 1, to: &part)
            octets += part
        }
        #expect(count == 5000)
        var decoder = UpdateDecoder()
        let context = UpdateContext(
            ipv4: .init(isNegotiated: true),
            ipv6: .init(isNegotiated: false),
            hasFourOctetAS: true,
            isInternal: false,
            peerAS: 64_512
        )
        var prefixes: Set<IPv4Prefix> = []
        var messages = 0
        var rest = octets[...]
        while !rest.isEmpty {
            let head = Array(rest.prefix(MessageHeader.size))
            let header = try #require(try MessageHeader.parse(head.span.bytes, maximumLength: 4096))
            let body = Array(rest.prefix(header.length).dropFirst(MessageHeader.size))
            try decoder.decode(body.span.bytes, context)
            #expect(decoder.failure == nil)
            #expect(decoder.nextHop == BGPNextHop(.v4(IPv4Address(192, 0, 2, 9))))
            for nlri in decoder.announcedIPv4 { #expect(prefixes.insert(nlri.prefix).inserted) }
            rest = rest.dropFirst(header.length)
            messages += 1
        }
        #expect(prefixes.count == 5000)
        #expect(messages == feed.messageCount)
        // 5,000 prefixes of four octets in messages of 4,096, of three sets, one of them begun twice.
        #expect(messages <= 5000 * 4 / 4000 + 4)
    }

    @Test("Attributes that leave no room for a prefix are counted, and the others announced")
    func oversized() {
        var pool = RoutePool<IPv4Prefix>()
        var large = Self.route([1])
        large.attributes.communities = (0..<1020).map { Community(1, $0) }
        pool.append(IPv4Prefix(address: IPv4Address(11, 0, 0, 0), length: 8), large)
        pool.append(IPv4Prefix(address: IPv4Address(12, 0, 0, 0), length: 8), Self.route([1]))
        pool.group()
        let policy = AnnouncementPolicy(localAS: 64_512, isInternal: false, nextHop: .v4(IPv4Address(192, 0, 2, 9)))
        var feed = RouteFeed(pool, policy, UpdateEncoding())
        var octets: [UInt8] = []
        #expect(feed.write(limit: .max, size: .max, to: &octets) == 1)
        #expect(feed.isFinished && feed.oversizedCount == 1 && feed.messageCount == 1)
    }
}
