import BGPWire
import Glibc
import IPAddressing
import RouteModel
import Routing

/// Times the steps an UPDATE takes through the pure parts: decode, intern and decide, encode for a group, withdraw.
///
/// Each step is run for a number of rounds; the smallest time is printed per message and per prefix. Compare figures of
/// one run only: they move with the machine.
@main
struct CoreBenchmark {
    static let prefixCount = 1_000_000
    static let prefixesPerUpdate = 8
    static let attributeSets = 150_000

    static func main() {
        let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 3
        let table = Self.makeTable()
        let decoded = Self.best(rounds) { Self.decode(table) }
        Self.report("decode an UPDATE", decoded, Self.prefixCount / Self.prefixesPerUpdate, "message")
        var ingest = Duration.seconds(1_000_000)
        var flush = ingest
        var second = ingest
        var withdraw = ingest
        for _ in 0..<rounds {
            var run = CoreRun()
            ingest = min(ingest, run.feed(table, from: run.first))
            flush = min(flush, run.flush())
            second = min(second, run.feed(table, from: run.second))
            withdraw = min(withdraw, run.withdraw(table))
        }
        Self.report("intern, insert and decide", ingest, Self.prefixCount, "prefix")
        Self.report("encode for a group", flush, Self.prefixCount, "prefix")
        Self.report("a second path for each", second, Self.prefixCount, "prefix")
        Self.report("withdraw the best path", withdraw, Self.prefixCount, "prefix")
        print("peak memory: \(Self.peakMemory() / 1024) MiB, the input included")
    }

    static func best(_ rounds: Int, _ body: () -> Void) -> Duration {
        let clock = ContinuousClock()
        return (0..<rounds).map { _ in clock.measure(body) }.min() ?? .zero
    }

    static func report(_ name: String, _ time: Duration, _ count: Int, _ unit: String) {
        let nanoseconds = time / count
        print("\(name): \(time) in all, \(nanoseconds.components.attoseconds / 1_000_000_000) ns a \(unit)")
    }

    static func peakMemory() -> Int {
        var usage = rusage()
        getrusage(0, &usage)  // RUSAGE_SELF, which Swift imports as another type
        return usage.ru_maxrss
    }

    /// UPDATEs as a peer sends them: distinct /24s in shuffled order, eight to a message, 150,000 attribute sets.
    static func makeTable() -> [[UInt8]] {
        var messages: [[UInt8]] = []
        messages.reserveCapacity(Self.prefixCount / Self.prefixesPerUpdate)
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
        for number in 0..<Self.prefixCount / Self.prefixesPerUpdate {
            var attributes = PathAttributes()
            let set = UInt32(number * 7 % Self.attributeSets)
            attributes.origin = .igp
            attributes.asPath = ASPath(sequence: [65_001, 3356, 1299, ASNumber(rawValue: 100_000 + set), 7])
            attributes.communities = [Community(rawValue: set), Community(65_001, 77)]
            let prefixes = (0..<Self.prefixesPerUpdate).map { index in
                let value = (number * Self.prefixesPerUpdate + index) * 7919 % 1_000_003
                return NLRI(IPv4Prefix(address: IPv4Address(rawValue: UInt32(0x10000 + value) << 8), length: 24))
            }
            var message: [UInt8] = []
            guard
                (try? encoder.announce(prefixes, attributes: attributes, nextHop: Self.nextHop, into: &message)) != nil
            else {
                continue
            }
            messages.append(message)
        }
        return messages
    }

    static let nextHop = BGPNextHop(.v4(IPv4Address(10, 0, 0, 2)))

    static let context = UpdateContext(
        ipv4: .init(isNegotiated: true),
        ipv6: .init(isNegotiated: false),
        hasFourOctetAS: true,
        isInternal: false,
        peerAS: 65_001
    )

    static func decode(_ table: [[UInt8]]) {
        var decoder = UpdateDecoder()
        var count = 0
        for message in table {
            let body = message.span.bytes.extracting(MessageHeader.size..<message.count)
            if (try? decoder.decode(body, Self.context)) != nil { count += decoder.announcedIPv4.count }
        }
        precondition(count == Self.prefixCount, "the decoder lost prefixes")
    }
}

/// A core with two feeding peers and one that is sent everything.
struct CoreRun: ~Copyable {
    private var core = RoutingCore<AcceptAll>()
    private let receiver: SourceID
    let first: SourceID
    let second: SourceID

    init() {
        guard let table = self.core.addTable("master4", family: .ipv4Unicast),
            let connected = IPPrefix("10.0.0.0/24"),
            let device = self.core.addSource(
                SourceSettings(
                    origin: RouteOrigin(source: .device, protocolName: "direct1"),
                    table: table,
                    importPolicy: AcceptAll(),
                    preference: 240
                )
            ),
            let first = Self.addPeer(1, table, &self.core), let second = Self.addPeer(2, table, &self.core),
            let receiver = Self.addPeer(3, table, &self.core)
        else { fatalError("a fresh core takes a table and four sources") }
        self.first = first
        self.second = second
        self.receiver = receiver
        self.core.announce(device, connected, target: .gateways([Gateway(address: nil, interface: 1)]))
        let key = GroupKey(
            table: table,
            session: .external,
            localAS: 65_000,
            selfNextHop: BGPNextHop(.v4(IPv4Address(10, 0, 0, 1)))
        )
        self.core.join(receiver, ExportSettings(policy: AcceptAll(), key: key))
    }

    private static func addPeer(
        _ number: UInt32,
        _ table: TableID,
        _ core: inout RoutingCore<AcceptAll>
    ) -> SourceID? {
        let session = BGPSourceSettings(
            localAS: 65_000,
            localRouterID: RouterID(rawValue: 1),
            peerAS: ASNumber(rawValue: 65_000 + number),
            peerRouterID: RouterID(rawValue: 100 + number),
            peerAddress: .v4(IPv4Address(10, 0, 0, UInt8(number + 1)))
        )
        return core.addSource(
            SourceSettings(
                origin: RouteOrigin(source: .bgp, protocolName: "peer\(number)"),
                table: table,
                importPolicy: AcceptAll(),
                preference: 100,
                session: session
            )
        )
    }

    mutating func feed(_ table: [[UInt8]], from source: SourceID) -> Duration {
        var decoder = UpdateDecoder()
        let start = ContinuousClock.now
        for message in table {
            let body = message.span.bytes.extracting(MessageHeader.size..<message.count)
            guard (try? decoder.decode(body, CoreBenchmark.context)) != nil else { continue }
            _ = self.core.announce(
                source,
                attributes: decoder.attributes.span.bytes,
                hash: decoder.attributesHash,
                target: .recursive(CoreBenchmark.nextHop, interface: 0),
                nlri: decoder.announcedIPv4.span
            )
        }
        return ContinuousClock.now - start
    }

    mutating func flush() -> Duration {
        let start = ContinuousClock.now
        while let group = self.core.group(of: self.receiver), self.core.isPending(group) {
            _ = self.core.flush(group, limit: 8192)
        }
        return ContinuousClock.now - start
    }

    mutating func withdraw(_ table: [[UInt8]]) -> Duration {
        var decoder = UpdateDecoder()
        let start = ContinuousClock.now
        for message in table {
            let body = message.span.bytes.extracting(MessageHeader.size..<message.count)
            guard (try? decoder.decode(body, CoreBenchmark.context)) != nil else { continue }
            self.core.withdraw(self.first, nlri: decoder.announcedIPv4.span)
        }
        return ContinuousClock.now - start
    }
}

/// `import all`, `export all`.
struct AcceptAll: RoutePolicy {
    var constantVerdict: PolicyVerdict? { .accept }
    var dependencies: PolicyDependencies { [] }
    func evaluate(_ route: inout RouteDraft) -> PolicyVerdict { .accept }
}
