import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Routing

@Suite("Pipes between tables")
struct MirrorTests {
    /// Tables `a`, `b` and `c`, and pipes between them.
    final class Bench {
        var core = RoutingCore<TestPolicy>()
        let tables: [TableID]
        var pipes: [ConsumerID] = []

        init() throws {
            var tables: [TableID] = []
            for name in ["a", "b", "c"] {
                let table = self.core.addTable(name, family: .ipv4Unicast)
                tables.append(try #require(table))
            }
            self.tables = tables
        }

        /// Both directions between two tables.
        func connect(
            _ from: Int,
            _ to: Int,
            owner: UInt32,
            policy: TestPolicy = .acceptAll,
            back: TestPolicy = .acceptAll,
            generation: UInt8 = 16
        ) {
            for (one, other, policy) in [(from, to, policy), (to, from, back)] {
                var settings = ConsumerSettings(table: self.tables[one], policy: policy)
                settings.mirror = MirrorSettings(
                    table: self.tables[other],
                    owner: owner,
                    maximumGeneration: generation
                )
                self.pipes.append(self.core.addConsumer(settings))
            }
        }

        func source(_ number: UInt32, in table: Int) throws -> SourceID {
            let settings = peer(
                self.tables[table],
                session(peerAS: 65000 + number, routerID: number, address: "192.0.2.\(number)")
            )
            let source = self.core.addSource(settings)
            return try #require(source)
        }

        func announce(_ source: SourceID, _ prefix: String, pathID: UInt32 = 0, path: [UInt32] = [65001]) {
            let nlri = [NLRI(prefix4(prefix), pathID: pathID)]
            let bytes = attributes(path).bytes
            _ = self.core.announce(
                source,
                attributes: bytes.span.bytes,
                target: .recursive(BGPNextHop(address("192.0.2.1")), interface: 0),
                nlri: nlri.span
            )
        }

        func withdraw(_ source: SourceID, _ prefix: String, pathID: UInt32 = 0) {
            let nlri = [NLRI(prefix4(prefix), pathID: pathID)]
            self.core.withdraw(source, nlri: nlri.span)
        }

        /// Works until nothing is left to do.
        func settle() throws {
            for _ in 0..<1000 {
                var isBusy = self.core.work(1000)
                for pipe in self.pipes where self.core.isPending(pipe) {
                    _ = self.core.mirror(pipe, limit: 7)
                    isBusy = true
                }
                if !isBusy {
                    let violations = self.core.checkInvariants()
                    #expect(violations == [])
                    return
                }
            }
            Issue.record("pipes do not come to rest")
        }

        /// `prefix source identifier` of each accepted path of a table.
        func content(_ table: Int) -> Set<String> {
            var found: Set<String> = []
            var position: UInt32? = 0
            while let start = position {
                let slice = self.core.walk(self.tables[table], from: start, limit: 1000, source: nil)
                for view in slice.elements {
                    for path in view.paths where path.rejection == nil {
                        found.insert("\(view.prefix) \(path.origin.protocolName) \(path.pathID)")
                    }
                }
                position = slice.next
            }
            return found
        }
    }

    @Test("Routes of one table are routes of the other, keep their source and go when it withdraws them")
    func both() throws {
        let bench = try Bench()
        bench.connect(0, 1, owner: 1)
        let (one, two) = (try bench.source(1, in: 0), try bench.source(2, in: 1))
        bench.announce(one, "10.0.0.0/8", pathID: 5)
        bench.announce(one, "10.0.0.0/8", pathID: 6)
        bench.announce(two, "10.0.0.0/8")
        bench.announce(two, "10.1.0.0/16")
        try bench.settle()
        let all: Set = ["10.0.0.0/8 peer1 5", "10.0.0.0/8 peer1 6", "10.0.0.0/8 peer2 0", "10.1.0.0/16 peer2 0"]
        #expect(bench.content(0) == all)
        #expect(bench.content(1) == all)
        bench.withdraw(one, "10.0.0.0/8", pathID: 5)
        bench.withdraw(two, "10.1.0.0/16")
        try bench.settle()
        #expect(bench.content(0) == ["10.0.0.0/8 peer1 6", "10.0.0.0/8 peer2 0"])
        #expect(bench.content(1) == bench.content(0))
    }

    @Test("Filters decide what passes and change it, and a changed one takes effect")
    func filters() throws {
        let bench = try Bench()
        bench.connect(
            0,
            1,
            owner: 1,
            policy: TestPolicy(rules: [.rejectLength(over: 16), .setMED(7)]),
            back: .rejectAll
        )
        let one = try bench.source(1, in: 0)
        bench.announce(one, "10.0.0.0/8")
        bench.announce(one, "10.0.0.0/24")
        try bench.settle()
        #expect(bench.content(1) == ["10.0.0.0/8 peer1 0"])
        let found = bench.core.lookUp(.v4(prefix4("10.0.0.0/8")), in: bench.tables[1])
        let view = try #require(found)
        #expect(view.paths.first?.accepted?.attributes.multiExitDiscriminator == 7)
        var settings = ConsumerSettings(table: bench.tables[0], policy: TestPolicy(rules: [.rejectOddThirdOctet]))
        settings.mirror = MirrorSettings(table: bench.tables[1], owner: 1, maximumGeneration: 16)
        bench.core.changeConsumer(bench.pipes[0], to: settings)
        try bench.settle()
        #expect(bench.content(1) == ["10.0.0.0/8 peer1 0", "10.0.0.0/24 peer1 0"])
    }

    @Test("A ring of pipes comes to rest, and no table gets a route of its own back")
    func ring() throws {
        let bench = try Bench()
        bench.connect(0, 1, owner: 1)
        bench.connect(1, 2, owner: 2)
        bench.connect(2, 0, owner: 3)
        let sources = try (0..<3).map { try bench.source(UInt32($0 + 1), in: $0) }
        for source in sources { bench.announce(source, "10.0.0.0/8") }
        try bench.settle()
        let all: Set = ["10.0.0.0/8 peer1 0", "10.0.0.0/8 peer2 0", "10.0.0.0/8 peer3 0"]
        for table in 0..<3 { #expect(bench.content(table) == all) }
        bench.withdraw(sources[0], "10.0.0.0/8")
        try bench.settle()
        for table in 0..<3 { #expect(bench.content(table) == all.subtracting(["10.0.0.0/8 peer1 0"])) }
    }

    @Test("What went through as many pipes as allowed goes through no other")
    func generations() throws {
        let bench = try Bench()
        bench.connect(0, 1, owner: 1, generation: 1)
        bench.connect(1, 2, owner: 2, generation: 1)
        let one = try bench.source(1, in: 0)
        bench.announce(one, "10.0.0.0/8")
        try bench.settle()
        #expect(bench.content(1) == ["10.0.0.0/8 peer1 0"])
        #expect(bench.content(2) == [])
    }

    @Test("When a source goes its images go, also where another takes its place at once")
    func removal() throws {
        let bench = try Bench()
        bench.connect(0, 1, owner: 1)
        let one = try bench.source(1, in: 0)
        bench.announce(one, "10.0.0.0/8")
        try bench.settle()
        bench.core.removeSource(one)
        bench.core.finishTask(one)
        let two = try bench.source(2, in: 0)
        #expect(two == one)
        bench.announce(two, "10.1.0.0/16")
        try bench.settle()
        #expect(bench.content(1) == ["10.1.0.0/16 peer2 0"])
        #expect(bench.content(0) == ["10.1.0.0/16 peer2 0"])
    }

    @Test("When a pipe goes what it brought goes, and its table can go")
    func end() throws {
        let bench = try Bench()
        bench.connect(0, 1, owner: 1)
        let one = try bench.source(1, in: 0)
        bench.announce(one, "10.0.0.0/8")
        try bench.settle()
        for pipe in bench.pipes { bench.core.removeConsumer(pipe) }
        bench.pipes = []
        try bench.settle()
        #expect(bench.content(1) == [] && bench.content(0) == ["10.0.0.0/8 peer1 0"])
        let isRemoved = bench.core.removeTable(bench.tables[1])
        #expect(isRemoved)
    }

    @Test("With room for some, others stay out until there is room and they change")
    func room() throws {
        let bench = try Bench()
        bench.connect(0, 1, owner: 1)
        let one = try bench.source(1, in: 0)
        for octet in 0..<5 { bench.announce(one, "10.\(octet).0.0/16") }
        let outcome = bench.core.mirror(bench.pipes[0], limit: 100, room: 3)
        #expect(outcome.blocked == 2)
        let count = bench.core.mirroredCount(bench.pipes[0])
        #expect(count == 3)
        #expect(bench.content(1).count == 3)
    }

    @Test("A route is not judged again where it arrives: a filter may prepend the own AS")
    func ownAS() throws {
        let bench = try Bench()
        bench.connect(0, 1, owner: 1)
        let one = try bench.source(1, in: 0)
        // The core's own AS is 65000: as received the path would be a loop.
        bench.announce(one, "10.0.0.0/8", path: [65000])
        try bench.settle()
        #expect(bench.content(0) == [] && bench.content(1) == [])
    }

    @Test("Random routes, filters and removals: each table has what the naive rule says", arguments: 0..<12)
    func random(_ seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let bench = try Bench()
        let policies: [TestPolicy] = [.acceptAll, .rejectAll, TestPolicy(rules: [.rejectOddThirdOctet])]
        var links: [(from: Int, to: Int, policy: TestPolicy)] = []
        for (owner, pair) in [(0, 1), (1, 2)].enumerated() {
            let ways = [
                policies.randomElement(using: &generator) ?? .acceptAll,
                policies.randomElement(using: &generator) ?? .acceptAll,
            ]
            bench.connect(pair.0, pair.1, owner: UInt32(owner + 1), policy: ways[0], back: ways[1])
            links += [(pair.0, pair.1, ways[0]), (pair.1, pair.0, ways[1])]
        }
        var sources: [(id: SourceID, number: UInt32, table: Int)] = []
        var routes: [Int: Set<String>] = [0: [], 1: [], 2: []]
        var next: UInt32 = 1
        for step in 0..<600 {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0 where sources.count < 8:
                let table = Int.random(in: 0..<3, using: &generator)
                sources.append((try bench.source(next, in: table), next, table))
                next = next % 200 + 1
            case 1 where sources.count > 2:
                let gone = sources.remove(at: Int.random(in: 0..<sources.count, using: &generator))
                bench.core.removeSource(gone.id)
                if Bool.random(using: &generator) { bench.core.finishTask(gone.id) }
                routes[gone.table] = routes[gone.table]?.filter { !$0.contains(" peer\(gone.number) ") }
            case 2..<14:
                guard let source = sources.randomElement(using: &generator) else { continue }
                let prefix = "10.0.\(Int.random(in: 0..<12, using: &generator)).0/24"
                let pathID = UInt32.random(in: 0...1, using: &generator)
                bench.announce(
                    source.id,
                    prefix,
                    pathID: pathID,
                    path: [65001, UInt32.random(in: 1...9, using: &generator)]
                )
                routes[source.table]?.insert("\(prefix) peer\(source.number) \(pathID)")
            case 14..<18:
                guard let source = sources.randomElement(using: &generator) else { continue }
                let prefix = "10.0.\(Int.random(in: 0..<12, using: &generator)).0/24"
                let pathID = UInt32.random(in: 0...1, using: &generator)
                bench.withdraw(source.id, prefix, pathID: pathID)
                routes[source.table]?.remove("\(prefix) peer\(source.number) \(pathID)")
            default:
                for pipe in bench.pipes where Bool.random(using: &generator) { _ = bench.core.mirror(pipe, limit: 3) }
                _ = bench.core.work(5)
            }
            guard step % 60 == 59 else { continue }
            try bench.settle()
            // The naive rule: what may pass does, along the chain, and never back to where it came from.
            for table in 0..<3 {
                var expected = routes[table] ?? []
                for origin in 0..<3 where origin != table {
                    let way = origin < table ? Array(origin...table) : Array((table...origin).reversed())
                    let hops = zip(way, way.dropFirst()).compactMap { from, to in
                        links.first { $0.from == from && $0.to == to }?.policy
                    }
                    expected.formUnion(
                        (routes[origin] ?? []).filter { route in
                            let third = Int(route.split(separator: ".")[2]) ?? 0
                            return hops.allSatisfy { !$0.rejectsAll && ($0.rules.isEmpty || third % 2 == 0) }
                        }
                    )
                }
                #expect(bench.content(table) == expected, "table \(table) after \(step) steps")
            }
        }
    }
}
