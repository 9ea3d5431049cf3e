public import BGPWire
public import IPAddressing

/// Makes tables that look like the Internet's, the same ones for the same seed on every machine.
///
/// **Prefix lengths** are drawn in the shares that ``ipv4Lengths`` and ``ipv6Lengths`` list. Their means are those of public
/// reports on the default-free zone: 22.93 for IPv4 (bgp.potaroo.net/as2.0, 5 November 2025: 1,036,829 entries, mean
/// 22.9335) and 42.84 for IPv6 (bgp.potaroo.net/v6/as2.0, 7 March 2025: 219,475 entries, mean 42.8364, of which 57 % are more
/// specific than another entry). The shares of single lengths are rounded so that they meet these means.
///
/// **Origins**: on average 13 IPv4 or 6 IPv6 prefixes of an AS, with a heavy tail (the share of rank *r* falls with
/// *r* to the power -2/3). An origin announces an aggregate and then up to 15 more specific prefixes within it before it
/// takes another aggregate; 57 % of 100,000 IPv4 prefixes and 46 % of 20,000 IPv6 prefixes lie in another one.
///
/// **AS paths** have the lengths of ``pathLengths``, prepending included. The mean is 5.4, the figure of the weekly routing table
/// report (thyme.apnic.net, reports of March and April 2002). A path runs through a few large transit ASes, more regional ones
/// and ends at the origin. Half of the origins have four-octet numbers.
///
/// **Attributes**: an origin changes its attributes after every eight prefixes, so that a set is shared by about six IPv4
/// prefixes. Of the sets, 90 % carry communities (1 to 30, each further one with a chance of 5/6; nearly all routes at public
/// collectors have some), 15 % large communities, 3 % a route target, 12 % MULTI_EXIT_DISC, 8 % AGGREGATOR with
/// ATOMIC_AGGREGATE, 11 % ORIGIN incomplete. These shares are choices made here, without a published source.
public struct InternetTable: Sendable {
    /// Determines everything together with the counts.
    public let seed: UInt64
    /// The AS that every path begins with: the neighbour the table was had from.
    public let neighborAS: ASNumber

    /// The most prefixes of a family; beyond that short ones run out.
    public static let maximumCount = 4_000_000

    /// Creates a generator.
    public init(seed: UInt64, neighborAS: ASNumber = 64_496) {
        self.seed = seed
        self.neighborAS = neighborAS
    }

    /// Names an attribute set of the table.
    public struct SetKey: Hashable, Sendable, BitwiseCopyable {
        /// Rank of the origin; IPv6 origins count from 2³¹.
        var origin: UInt32
        /// Counts the sets of the origin.
        var variant: UInt32
    }

    /// A prefix and the name of its attributes.
    public struct Route<Prefix: IPPrefixProtocol>: Hashable, Sendable {
        /// The destination.
        public var prefix: Prefix
        /// For ``InternetTable/attributes(of:)``.
        public var set: SetKey
    }

    /// Makes `count` different IPv4 routes in order of their prefixes; more than ``maximumCount`` are not made.
    ///
    /// No prefix lies in space that is not routed: private, shared, loopback, link-local, documentation, benchmarks.
    public func ipv4Routes(_ count: Int) -> [Route<IPv4Prefix>] {
        self.routes(count, origins: 13, firstOrigin: 0, lengths: Self.ipv4Lengths, aggregate: 20) { random, length in
            while true {
                let octet = UInt32(random.below(222)) + 1
                let bits = octet << 24 | UInt32(truncatingIfNeeded: random.next()) & 0xFF_FFFF
                let prefix = IPv4Prefix(address: IPv4Address(rawValue: bits), length: length)
                if !unroutedIPv4.contains(where: { $0.contains(prefix) || prefix.contains($0) }) { return prefix }
            }
        } inside: { random, aggregate, length in
            let host =
                UInt32(truncatingIfNeeded: random.next())
                & ~(aggregate.length == 0 ? 0 : ~0 << (32 - UInt32(aggregate.length)))
            return IPv4Prefix(address: IPv4Address(rawValue: aggregate.address.rawValue | host), length: length)
        }
    }

    /// Makes `count` different IPv6 routes in order of their prefixes, likewise.
    public func ipv6Routes(_ count: Int) -> [Route<IPv6Prefix>] {
        self.routes(count, origins: 6, firstOrigin: 1 << 31, lengths: Self.ipv6Lengths, aggregate: 36) {
            random,
            length in
            while true {
                // The registries' blocks: 2001::/16, 2400::/12, 2600::/12, 2800::/12, 2a00::/12, 2c00::/12.
                let top: UInt64 =
                    switch random.below(16) {
                    case 0: 0x2001
                    case 1...4: 0x2400 | random.below(16)
                    case 5...7: 0x2600 | random.below(16)
                    case 8...9: 0x2800 | random.below(16)
                    case 10...14: 0x2a00 | random.below(16)
                    default: 0x2c00 | random.below(16)
                    }
                let high = top << 48 | random.next() >> 16
                let prefix = IPv6Prefix(address: IPv6Address(high: high, low: 0), length: length)
                if !unroutedIPv6.contains(where: { $0.contains(prefix) || prefix.contains($0) }) { return prefix }
            }
        } inside: { random, aggregate, length in
            let host = random.next() >> UInt64(min(aggregate.length, 63))
            return IPv6Prefix(address: IPv6Address(high: aggregate.address.high | host, low: 0), length: length)
        }
    }

    /// Draws prefixes: origin, length, and a place in the origin's aggregate or, as its next aggregate, anywhere.
    private func routes<Prefix: IPPrefixProtocol>(
        _ count: Int,
        origins prefixesPerOrigin: Int,
        firstOrigin: UInt32,
        lengths: [(length: UInt8, share: UInt32)],
        aggregate longestAggregate: UInt8,
        anywhere: (inout SplitMix64, UInt8) -> Prefix,
        inside: (inout SplitMix64, Prefix, UInt8) -> Prefix
    ) -> [Route<Prefix>] {
        let count = min(max(count, 0), Self.maximumCount)
        let originCount = max(1, count / prefixesPerOrigin)
        var random = SplitMix64(state: mixBits(self.seed ^ UInt64(firstOrigin) << 32))
        var aggregates = [Prefix?](repeating: nil, count: originCount)
        var counts = [UInt32](repeating: 0, count: originCount)
        var seen = Set<Prefix>(minimumCapacity: count)
        var routes: [Route<Prefix>] = []
        routes.reserveCapacity(count)
        while routes.count < count {
            // The cube of a uniform number in fixed point: low ranks are drawn far more often.
            let uniform = random.below(1 << 21)
            let cube = uniform &* uniform &* uniform
            let origin =
                Int(cube.multipliedFullWidth(by: UInt64(originCount)).high << 1)
                | Int(cube.multipliedFullWidth(by: UInt64(originCount)).low >> 63)
            let length = lengths.draw(&random)
            let place = counts[origin]
            var prefix = anywhere(&random, length)
            if place % 16 != 0, let aggregate = aggregates[origin], length > aggregate.length {
                prefix = inside(&random, aggregate, length)
            } else {
                aggregates[origin] = prefix.truncated(to: longestAggregate)
            }
            var attempts = 0
            while !seen.insert(prefix).inserted {
                // A full aggregate or a used-up length: look elsewhere, in the end among longer prefixes.
                attempts += 1
                prefix = anywhere(&random, min(length + UInt8(min(attempts / 64, 40)), Prefix.maximumLength))
            }
            counts[origin] = place &+ 1
            let key = SetKey(origin: firstOrigin + UInt32(origin), variant: place / 8)
            routes.append(Route(prefix: prefix, set: key))
        }
        routes.sort { $0.prefix < $1.prefix }
        return routes
    }

    /// The attributes of a set, next hop apart.
    public func attributes(of set: SetKey) -> PathAttributes {
        var own = SplitMix64(state: mixBits(self.seed ^ mixBits(UInt64(set.origin) << 32 | UInt64(set.variant))))
        let origin = self.originAS(set.origin)
        var attributes = PathAttributes()
        attributes.origin =
            switch own.below(100) {
            case 0..<88: .igp
            case 88: .egp
            default: .incomplete
            }
        let path = self.path(to: origin, &own)
        attributes.asPath = ASPath(sequence: path)
        if own.below(100) < 12 { attributes.multiExitDiscriminator = UInt32(own.below(20)) * 50 }
        if own.below(100) < 8 {
            attributes.atomicAggregate = true
            attributes.aggregator = Aggregator(
                number: origin,
                identifier: RouterID(rawValue: UInt32(own.below(222) + 1) << 24 | UInt32(own.below(1 << 24)))
            )
        }
        if own.below(100) < 90 {
            var communities: Set<Community> = []
            let speakers = path.filter(\.isTwoOctet)
            repeat {
                let number = speakers.isEmpty ? 3356 : speakers[Int(own.below(UInt64(speakers.count)))].rawValue
                communities.insert(Community(UInt16(truncatingIfNeeded: number), UInt16(own.below(65_536))))
            } while communities.count < 30 && own.below(6) != 0
            attributes.communities = communities.sorted()
        }
        if own.below(100) < 15 {
            attributes.largeCommunities = (0...own.below(4)).map { index in
                LargeCommunity(
                    globalAdministrator: origin.rawValue,
                    data1: UInt32(index),
                    data2: UInt32(own.below(1000))
                )
            }
        }
        if own.below(100) < 3 {
            // Route target of a two-octet or four-octet AS.
            let type: UInt64 = origin.isTwoOctet ? 0x0002 : 0x0202
            let value =
                origin.isTwoOctet
                ? UInt64(origin.rawValue) << 32 | own.below(1000) : UInt64(origin.rawValue) << 16 | own.below(1000)
            attributes.extendedCommunities = [ExtendedCommunity(rawValue: type << 48 | value)]
        }
        return attributes
    }

    /// The number of an origin: half of them have four octets.
    private func originAS(_ rank: UInt32) -> ASNumber {
        var random = SplitMix64(state: mixBits(self.seed &+ UInt64(rank) &* 0x9E37_79B9))
        return Self.number(&random)
    }

    /// A number that is in use on the Internet: not reserved, private, for documentation or AS_TRANS.
    private static func number(_ random: inout SplitMix64) -> ASNumber {
        if random.below(2) == 0 { return ASNumber(rawValue: 131_072 + UInt32(random.below(270_000))) }
        let value = ASNumber(rawValue: 1 + UInt32(random.below(64_495)))
        return value == .transition ? 3356 : value
    }

    /// A path from the neighbour to an origin.
    private func path(to origin: ASNumber, _ random: inout SplitMix64) -> [ASNumber] {
        let length = Int(Self.pathLengths.draw(&random))
        var path = [self.neighborAS]
        // At most four ASes between; what a longer path has beyond that is prepending.
        let between = min(max(length - 2, 0), 1 + Int(random.below(4)))
        for position in 0..<between {
            // A dozen large ASes first, then one of some hundreds.
            let pool: UInt64 = position == 0 ? 12 : 400
            var member = SplitMix64(state: mixBits(self.seed ^ pool &+ random.below(pool) << 16))
            let number = Self.number(&member)
            if number != origin, !path.contains(number) { path.append(number) }
        }
        path += repeatElement(origin, count: max(length - path.count, length > 1 ? 1 : 0))
        return path
    }
}

/// The generator "SplitMix64": fast, and the same everywhere.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// A number below `bound`.
    mutating func below(_ bound: UInt64) -> UInt64 { self.next().multipliedFullWidth(by: bound).high }
}

extension [(length: UInt8, share: UInt32)] {
    /// Draws a length by the shares.
    func draw(_ random: inout SplitMix64) -> UInt8 {
        let total = self.reduce(0) { $0 &+ UInt64($1.share) }
        var rest = random.below(total)
        for entry in self {
            if rest < UInt64(entry.share) { return entry.length }
            rest &-= UInt64(entry.share)
        }
        return self.last?.length ?? 0
    }
}

/// Space that does not occur in the Internet's IPv4 table (RFC 6890), beside 0/8 and 224/3.
private let unroutedIPv4: [IPv4Prefix] = [
    IPv4Prefix(address: IPv4Address(10, 0, 0, 0), length: 8),
    IPv4Prefix(address: IPv4Address(100, 64, 0, 0), length: 10),
    IPv4Prefix(address: IPv4Address(127, 0, 0, 0), length: 8),
    IPv4Prefix(address: IPv4Address(169, 254, 0, 0), length: 16),
    IPv4Prefix(address: IPv4Address(172, 16, 0, 0), length: 12),
    IPv4Prefix(address: IPv4Address(192, 0, 0, 0), length: 22),
    IPv4Prefix(address: IPv4Address(192, 88, 99, 0), length: 24),
    IPv4Prefix(address: IPv4Address(192, 168, 0, 0), length: 16),
    IPv4Prefix(address: IPv4Address(198, 18, 0, 0), length: 15),
    IPv4Prefix(address: IPv4Address(198, 51, 100, 0), length: 24),
    IPv4Prefix(address: IPv4Address(203, 0, 113, 0), length: 24),
]

/// Special space inside the registries' IPv6 blocks.
private let unroutedIPv6: [IPv6Prefix] = [
    // IETF protocol assignments and documentation.
    IPv6Prefix(address: IPv6Address(high: 0x2001_0000_0000_0000, low: 0), length: 23),
    IPv6Prefix(address: IPv6Address(high: 0x2001_0DB8_0000_0000, low: 0), length: 32),
]
