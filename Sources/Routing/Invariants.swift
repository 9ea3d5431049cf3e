internal import IPAddressing
internal import RouteModel

extension RoutingCore {
    /// Checks every structure against every other; the violations found, none when all is well.
    ///
    /// For tests: it looks at everything.
    func checkInvariants() -> [String] {
        var check = InvariantCheck()
        for index in 0..<self.engine.ipv4Tables.count {
            self.engine.check(self.engine.ipv4Tables[index], TableID(index: index, isIPv4: true), &check)
        }
        for index in 0..<self.engine.ipv6Tables.count {
            self.engine.check(self.engine.ipv6Tables[index], TableID(index: index, isIPv4: false), &check)
        }
        self.engine.checkStores(&check)
        return check.violations
    }
}

/// What a check counts on its way.
struct InvariantCheck {
    var violations: [String] = []
    var references: [AttributeID: UInt32] = [:]
    var received: [UInt16: UInt32] = [:]
    var accepted: [UInt16: UInt32] = [:]
    var best: [UInt16: UInt32] = [:]
    var stale: [UInt16: UInt32] = [:]
    /// Paths by source and received identifier, where it is not 0.
    var identifiers: [UInt64: UInt32] = [:]

    mutating func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
        if !condition, self.violations.count < 20 { self.violations.append(text()) }
    }
}

extension Engine {
    func check<P>(_ table: borrowing Table<P>, _ id: TableID, _ check: inout InvariantCheck) {
        var lengths = [Int](repeating: 0, count: Int(P.maximumLength) + 1)
        var live = 0
        var paths = 0
        let mergedInto = self.groups.filter { $0.isLive && $0.key.table == id }
        let consumers = self.consumers.filter { $0.isLive && $0.table == id }
        for number in 0..<table.destinations.count {
            let destination = table.destinations[number]
            guard destination.flags.contains(.isLive) else { continue }
            live += 1
            check.expect(table.find(destination.prefix) == number, "\(destination.prefix) is not found")
            check.expect(destination.hasPath || destination.holders > 0, "\(destination.prefix) is unused")
            if destination.hasPath { lengths[Int(destination.prefix.length)] += 1 }
            var seen = 0
            var sources: Set<UInt64> = []
            table.forEachPath(number) { slot, path in
                check.expect(
                    !destination.hasSeveralPaths
                        || table.nodes[destination.node].sources & PathNode.bit(path.source) != 0,
                    "\(destination.prefix): a path of a source that counts as absent"
                )
                seen += 1
                check.expect(
                    sources.insert(UInt64(path.source) << 32 | UInt64(path.pathID)).inserted,
                    "\(destination.prefix) has a path twice"
                )
                if path.pathID != 0 {
                    check.identifiers[UInt64(path.source) << 32 | UInt64(path.pathID), default: 0] += 1
                }
                check.references[path.received, default: 0] += 1
                check.received[path.source, default: 0] += 1
                if self.state.isStale(path) { check.stale[path.source, default: 0] += 1 }
                if path.accepted != 0 {
                    check.references[path.accepted, default: 0] += 1
                    check.accepted[path.source, default: 0] += 1
                }
                check.expect((path.accepted == 0) == (path.reason != 0), "\(destination.prefix): reason and acceptance")
                return true
            }
            paths += seen
            check.expect(
                seen == table.pathCount(number),
                "\(destination.prefix) counts \(table.pathCount(number)) paths, has \(seen)"
            )
            if destination.hasBest {
                check.best[destination.path.source, default: 0] += 1
                check.expect(
                    self.rescan.isActive || self.state.isEligible(destination.path),
                    "\(destination.prefix): best path is not eligible"
                )
            }
            let holders =
                mergedInto.count { Int(number) < $0.announced.count && $0.announced[Int(number)] != 0 }
                + consumers.count { Int(number) < $0.announced.count && $0.announced[Int(number)] != 0 }
            check.expect(
                holders == Int(destination.holders),
                "\(destination.prefix) counts \(destination.holders) holders, has \(holders)"
            )
        }
        check.expect(live == table.destinations.liveCount, "\(table.name): entries in use")
        check.violations += table.destinations.violations() + table.nodes.violations()
        check.expect(live == table.liveCount, "\(table.name): index holds \(table.liveCount), live are \(live)")
        check.expect(paths == table.pathCount, "\(table.name): path count")
        check.expect(lengths == table.lengths, "\(table.name): prefix lengths")
        check.expect(lengths.reduce(0, +) == table.destinationCount, "\(table.name): destination count")
        for group in mergedInto {
            check.expect(group.announced.count { $0 != 0 } == group.announcedCount, "announced count of a group")
            check.expect(group.cursor <= table.journal.head, "cursor of a group")
            check.expect(!group.members.isEmpty, "group without members")
            if group.key.view != .best { self.checkPaths(group, &check) }
        }
        for consumer in consumers {
            check.expect(
                consumer.announced.count { $0 != 0 } == consumer.announcedCount,
                "announced count of a consumer"
            )
        }
    }

    private func checkPaths(_ group: ExportGroup, _ check: inout InvariantCheck) {
        var paths = 0
        var list: ContiguousArray<AnnouncedPath> = []
        // Paths kept where none are announced make the sum differ.
        for (number, count) in group.announced.enumerated() where count > 0 {
            group.paths.read(UInt32(number), into: &list)
            paths += list.count
            check.expect(
                list.count == Int(count),
                "destination \(number): \(count) paths announced, \(list.count) kept"
            )
            let isAscending = zip(list, list.dropFirst()).allSatisfy { $0.id < $1.id }
            check.expect(isAscending, "destination \(number): identifiers \(list.map(\.id))")
        }
        check.expect(paths == group.paths.count, "\(group.paths.count) announced paths counted of \(paths)")
    }

    func checkStores(_ check: inout InvariantCheck) {
        check.violations += self.state.identifiers.violations(check.identifiers)
        var live = 0
        var targets: [TargetID: UInt32] = [:]
        var charges = [Int](repeating: 0, count: self.state.store.charges.count)
        for id in 1..<max(1, self.state.store.endID) {
            let record = self.state.store[id]
            guard record.references > 0 else { continue }
            live += 1
            targets[record.target, default: 0] += 1
            check.expect(record.owner != 0 || self.review.isActive, "set \(id) is charged to nobody")
            if record.owner != 0 {
                charges[Int(record.owner)] += 64 + ByteArena.footprint(Int(record.length))
                check.expect(
                    self.review.isActive || self.state.counters[Int(record.owner) - 1].received > 0,
                    "set \(id) is charged to source \(record.owner - 1), which has no routes"
                )
            }
            let counted = check.references[id] ?? 0
            check.expect(
                counted == record.references,
                "set \(id) counts \(record.references) references, has \(counted)"
            )
        }
        check.expect(live == self.state.store.count, "number of sets")
        check.expect(charges.dropFirst().elementsEqual(self.state.store.charges.dropFirst()), "charges")
        check.violations += self.state.store.violations()
        for id in self.state.targets.records.indices.dropFirst() {
            let counted = targets[TargetID(id)] ?? 0
            let record = self.state.targets.records[id]
            check.expect(
                counted == record.references,
                "target \(id) counts \(record.references) references, has \(counted)"
            )
        }
        for index in self.state.counters.indices where self.state.sources[index].isLive {
            let counters = self.state.counters[index]
            let source = UInt16(index)
            check.expect(counters.received == check.received[source] ?? 0, "received of source \(index)")
            check.expect(counters.accepted == check.accepted[source] ?? 0, "accepted of source \(index)")
            check.expect(counters.best == check.best[source] ?? 0, "best of source \(index)")
            check.expect(counters.stale == check.stale[source] ?? 0, "stale paths of source \(index)")
            check.expect(counters.stale == 0 || self.state.sources[index].marks > 0, "marks of source \(index)")
        }
        for index in self.groups.indices where self.groups[index].isLive {
            for member in self.groups[index].members {
                check.expect(self.state.sources[member.index].group == index, "membership of \(member.index)")
            }
        }
    }
}
