import BGPWire
import IPAddressing
import RouteModel
import Routing

/// A core with peers that feed it and one that is sent everything.
final class CoreRun {
    private var core = RoutingCore<AcceptAll>()
    private let table: TableID
    private var peers: [SourceID] = []
    private let receiver: SourceID

    init(peers count: Int = 2) {
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
            let receiver = Self.addPeer(0, table, &self.core)
        else { preconditionFailure("a fresh core takes a table and sources") }
        self.table = table
        self.receiver = receiver
        self.core.announce(device, connected, target: .gateways([Gateway(address: nil, interface: 1)]))
        for number in 0..<count {
            guard let peer = Self.addPeer(UInt32(number) + 1, table, &self.core) else { continue }
            self.peers.append(peer)
        }
    }

    private static func addPeer(_ number: UInt32, _ table: TableID, _ core: inout RoutingCore<AcceptAll>) -> SourceID? {
        let session = BGPSourceSettings(
            localAS: 65_000,
            localRouterID: RouterID(rawValue: 1),
            peerAS: ASNumber(rawValue: 65_001 + number),
            // The later a peer, the better its paths when all else is equal.
            peerRouterID: RouterID(rawValue: 1_000 - number),
            peerAddress: .v4(IPv4Address(10, 0, 0, UInt8(number + 2)))
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

    func feed(_ messages: [[UInt8]], from peer: Int) {
        let source = self.peers[peer]
        Updates.decode(messages) { decoder in
            _ = self.core.announce(
                source,
                attributes: decoder.attributes.span.bytes,
                hash: decoder.attributesHash,
                target: .recursive(Updates.nextHop, interface: 0),
                nlri: decoder.announcedIPv4.span
            )
        }
    }

    func withdraw(_ messages: [[UInt8]], from peer: Int) {
        let source = self.peers[peer]
        Updates.decode(messages) { decoder in self.core.withdraw(source, nlri: decoder.announcedIPv4.span) }
    }

    /// Announces one prefix again and again, each time with another set.
    func announce(_ sets: [[UInt8]], from peer: Int) {
        let nlri = [Updates.ipv4(0)]
        for set in sets {
            _ = self.core.announce(
                self.peers[peer],
                attributes: set.span.bytes,
                target: .recursive(Updates.nextHop, interface: 0),
                nlri: nlri.span
            )
        }
    }

    func join() {
        let key = GroupKey(
            table: self.table,
            session: .external,
            localAS: 65_000,
            selfNextHop: BGPNextHop(.v4(IPv4Address(10, 0, 0, 1)))
        )
        self.core.join(self.receiver, ExportSettings(policy: AcceptAll(), key: key))
    }

    func flush() {
        while let group = self.core.group(of: self.receiver), self.core.isPending(group) {
            _ = self.core.flush(group, limit: 8192).encoded()
        }
    }

    /// Looks destinations up; how many were found.
    func find(_ prefixes: [IPPrefix]) -> Int {
        prefixes.count { self.core.lookUp($0, in: self.table) != nil }
    }

    var pathCount: Int { self.core.counters(self.table).paths }
    var bestCount: Int { Int(self.core.counters(self.peers[self.peers.count - 1]).best) }
    var exportedCount: Int { self.core.exportedCount(to: self.receiver) }
}

/// `import all`, `export all`.
struct AcceptAll: RoutePolicy {
    var constantVerdict: PolicyVerdict? { .accept }
    var dependencies: PolicyDependencies { [] }
    func evaluate(_ route: inout RouteDraft) -> PolicyVerdict { .accept }
}

extension Workload {
    /// What a core does with a table of a size; `prefix` begins the names.
    static func table(destinations count: Int, prefix: String) -> [Workload] {
        // Made once: a million prefixes take longer to encode than to insert.
        let feed = Shared { Updates.messages(count) }
        var result = [
            Workload("\(prefix)table_insert") {
                let run = CoreRun()
                let messages = feed.value
                return {
                    run.feed(messages, from: 0)
                    precondition(run.pathCount == count + 1, "paths were lost")
                }
            },
            Workload("\(prefix)table_second_path") {
                let run = CoreRun()
                let messages = feed.value
                run.feed(messages, from: 0)
                return {
                    run.feed(messages, from: 1)
                    precondition(run.bestCount == count, "the second path is the better one")
                }
            },
            Workload("\(prefix)table_withdraw_best") {
                let run = CoreRun()
                let messages = feed.value
                run.feed(messages, from: 0)
                run.feed(messages, from: 1)
                return {
                    run.withdraw(messages, from: 1)
                    precondition(run.pathCount == count + 1, "paths were left")
                }
            },
            Workload("\(prefix)group_flush") {
                let run = CoreRun()
                run.join()
                run.flush()
                run.feed(feed.value, from: 0)
                return {
                    run.flush()
                    precondition(run.exportedCount == count + 1, "routes were not sent")
                }
            },
        ]
        guard prefix.isEmpty else { return result }
        result += [
            Workload("table_find") {
                let run = CoreRun()
                run.feed(feed.value, from: 0)
                let prefixes = (0..<1_000).map { IPPrefix.v4(Updates.ipv4($0 * 7).prefix) }
                return { precondition(run.find(prefixes) == 1_000, "routes were not found") }
            },
            Workload("intern_new_sets") {
                let run = CoreRun()
                let sets = (0..<10_000).map { Updates.attributes($0).bytes }
                return { run.announce(sets, from: 0) }
            },
            Workload("intern_known_sets") {
                let run = CoreRun()
                let sets = (0..<10_000).map { Updates.attributes($0 % 2).bytes }
                // Both stay, held by another peer's path and by the last announcement.
                run.announce(Array(sets.prefix(1)), from: 1)
                return { run.announce(sets, from: 0) }
            },
            Workload("decide_overlapping") {
                let run = CoreRun(peers: 21)
                let messages = Updates.messages(1_000)
                for peer in 0..<20 { run.feed(messages, from: peer) }
                return {
                    run.feed(messages, from: 20)
                    precondition(run.bestCount == 1_000, "the last peer has the best paths")
                }
            },
        ]
        return result
    }
}

/// A value that is made at its first use.
final class Shared<Value: Sendable>: Sendable {
    private let make: @Sendable () -> Value
    /// Benchmarks run one after the other on one thread.
    nonisolated(unsafe) private var made: Value?

    init(_ make: @escaping @Sendable () -> Value) {
        self.make = make
    }

    var value: Value {
        if let made { return made }
        let value = self.make()
        self.made = value
        return value
    }
}
