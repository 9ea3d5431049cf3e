internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// The marks around the routes of a refresh (RFC 7313 §4), as far as one flush sends them.
struct RefreshMarks {
    /// A walk with marks was under way when the flush began.
    private let isMarked: Bool
    /// It had not begun.
    private let isAtStart: Bool

    init(_ group: ExportGroup) {
        self.isMarked = group.walk?.marksRefresh ?? false
        self.isAtStart = group.walk?.position == 0
    }

    /// Writes BoRR in front of everything, to the one member that a refreshed group has.
    func begin(_ group: ExportGroup, _ output: inout GroupOutput) {
        guard self.isMarked, self.isAtStart, let member = group.members.first else { return }
        Self.add(.beginning, group, .only(member), &output)
    }

    /// Writes EoRR behind everything once the walk is over.
    func end(_ group: ExportGroup, _ output: inout GroupOutput) {
        guard self.isMarked, group.walk?.marksRefresh != true else { return }
        Self.add(.end, group, .all, &output)
    }

    private static func add(
        _ subtype: RouteRefresh.Subtype,
        _ group: ExportGroup,
        _ audience: GroupOutput.Audience,
        _ output: inout GroupOutput
    ) {
        let start = output.bytes.count
        RouteRefresh(family: group.key.table.family, subtype: subtype).encode(into: &output.bytes)
        output.add(start..<output.bytes.count, 0, audience)
    }
}

extension CoreState {
    /// Packs up to about `limit` destinations of what a group's members are owed.
    mutating func flush<P>(
        _ table: inout Table<P>,
        _ group: inout ExportGroup,
        _ index: Int,
        _ exporter: inout Exporter,
        _ packer: inout UpdatePacker<P>,
        _ limit: Int,
        _ evaluate: PolicyEvaluator
    ) -> PackedUpdates<P> {
        if group.key.view != .best {
            return self.flushPaths(&table, &group, index, &exporter, &packer, limit, evaluate)
        }
        var left = limit
        var sendsEndOfRIB = false
        let refresh = RefreshMarks(group)
        let owners = group.owners ?? self.memberAddresses(group)
        group.owners = owners
        let rules = ExportRules(group.key, group.policy, owners: owners)
        group.reserve(table.destinations.count)
        exporter.scratch.reset()
        var warmed: UInt64 = 0
        while left > 0 {
            if let walk = group.walk {
                let oldRules = group.oldKey.flatMap { key in
                    group.oldPolicy.map { ExportRules(key, $0, owners: owners, variant: 1) }
                }
                sendsEndOfRIB =
                    self.continueWalk(&table, &group, walk, &left) { state, table, group, number in
                        state.export(&table, &group, index, number, rules, &exporter, &packer, evaluate)
                    } compare: { state, table, group, number in
                        state.differs(table, group, number, oldRules, rules, &exporter, evaluate)
                    } || sendsEndOfRIB
            } else if group.cursor < table.journal.start {
                group.walk = Walk(kind: .since(group.cursor), end: 0, head: 0)
            } else if group.cursor < table.journal.head {
                if warmed <= group.cursor {
                    warmed = min(table.journal.head, group.cursor + Self.warmCount)
                    self.warmed &+= table.warm(group.cursor..<warmed, group.announced)
                }
                let number = table.journal[group.cursor]
                let isLatest = table.destinations[number].journal == UInt32(truncatingIfNeeded: group.cursor)
                group.cursor += 1
                if isLatest, !table.destinations[number].kinds.isDisjoint(with: [.best, .attributes]) {
                    self.export(&table, &group, index, number, rules, &exporter, &packer, evaluate)
                }
                left -= 1
            } else {
                break
            }
        }
        return self.finish(group, &exporter, &packer, sendsEndOfRIB: sendsEndOfRIB, refresh)
    }

    /// Hands over what was packed, with what goes before and behind it.
    func finish<P>(
        _ group: ExportGroup,
        _ exporter: inout Exporter,
        _ packer: inout UpdatePacker<P>,
        sendsEndOfRIB: Bool,
        _ refresh: RefreshMarks
    ) -> PackedUpdates<P> {
        var updates = packer.take()
        updates.sets = exporter.scratch.take()
        updates.encoding = group.key.wireEncoding
        refresh.begin(group, &updates.before)
        if sendsEndOfRIB {
            EndOfRIB.encode(group.key.table.family, into: &updates.behind.bytes)
            updates.behind.add(0..<updates.behind.bytes.count, 1, .all)
        }
        refresh.end(group, &updates.behind)
        return updates
    }

    /// Runs a slice of a walk; true when it ended and an End-of-RIB marker is due.
    private mutating func continueWalk<P>(
        _ table: inout Table<P>,
        _ group: inout ExportGroup,
        _ start: Walk,
        _ left: inout Int,
        export: (inout CoreState, inout Table<P>, inout ExportGroup, UInt32) -> Void,
        compare: (inout CoreState, inout Table<P>, inout ExportGroup, UInt32) -> Bool
    ) -> Bool {
        var walk = start
        if walk.position == 0 {
            walk.end = table.destinations.count
            walk.head = table.journal.head
            group.cursor = walk.head
        }
        var warmed = walk.position
        while left > 0, walk.position < walk.end {
            let number = walk.position
            if warmed <= number {
                warmed = min(walk.end, number + UInt32(Self.warmCount))
                self.warmed &+= table.warmUnused(from: number, to: warmed)
            }
            walk.position += 1
            left -= 1
            guard table.destinations[number].flags.contains(.isLive) else { continue }
            switch walk.kind {
            case .full: export(&self, &table, &group, number)
            case .since(let position):
                if table.isChanged(number, since: position) { export(&self, &table, &group, number) }
            case .difference(let position):
                if table.isChanged(number, since: position) || compare(&self, &table, &group, number) {
                    export(&self, &table, &group, number)
                }
            }
        }
        guard walk.position >= walk.end else {
            group.walk = walk
            return false
        }
        group.walk = nil
        return walk.sendsEndOfRIB
    }

    func memberAddresses(_ group: ExportGroup) -> [IPAddress: UInt16] {
        Dictionary(
            group.members.map { (self.records[$0.index].peerAddress, $0.rawValue) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Whether the members hold something else than they would be sent now.
    private func differs<P>(
        _ table: borrowing Table<P>,
        _ group: ExportGroup,
        _ number: UInt32,
        _ oldRules: ExportRules?,
        _ rules: ExportRules,
        _ exporter: inout Exporter,
        _ evaluate: PolicyEvaluator
    ) -> Bool {
        guard let oldRules else { return true }
        let destination = table.destinations[number]
        guard destination.hasBest else { return group.announced[Int(number)] != 0 }
        let prefix = destination.prefix
        let old = self.exportedSet(&exporter, oldRules, destination.path, { prefix.erased }, evaluate)
        let new = self.exportedSet(&exporter, rules, destination.path, { prefix.erased }, evaluate)
        return old != new || (old != 0) != (group.announced[Int(number)] != 0)
    }

    /// Adds to the packer what one destination's present state means for a group.
    mutating func export<P>(
        _ table: inout Table<P>,
        _ group: inout ExportGroup,
        _ index: Int,
        _ number: UInt32,
        _ rules: ExportRules,
        _ exporter: inout Exporter,
        _ packer: inout UpdatePacker<P>,
        _ evaluate: PolicyEvaluator
    ) {
        let destination = table.destinations[number]
        let mark = group.announced[Int(number)]
        let prefix = destination.prefix
        var set: ExportScratch.Number = 0
        if destination.hasBest {
            set = self.exportedSet(&exporter, rules, destination.path, { prefix.erased }, evaluate)
        }
        if mark == 0, set == 0 { return }
        // Members that do not hold what was announced last: its source and the owner of its next hop.
        let oldSource = mark == 0 ? nil : self.member(mark - 1, index)
        let oldOwner = group.nextHopOwners.isEmpty ? nil : group.nextHopOwners[number].map { SourceID(Int($0)) }
        guard set != 0 else {
            group.announced[Int(number)] = 0
            group.announcedCount -= 1
            if oldOwner != nil { group.nextHopOwners[number] = nil }
            packer.add(prefix, 0, Self.audience(oldSource, oldOwner))
            table.destinations[number].holders -= 1
            table.releaseIfUnused(number)
            return
        }
        let source = self.member(destination.path.source, index)
        var owner: SourceID?
        if let found = exporter.scratch.owner(set), found != destination.path.source { owner = SourceID(Int(found)) }
        if mark == 0 {
            group.announcedCount += 1
            table.destinations[number].holders += 1
        } else {
            self.withdraw(prefix, source, oldSource, oldOwner, &packer)
            self.withdraw(prefix, owner, oldSource, oldOwner, &packer)
        }
        group.announced[Int(number)] = destination.path.source + 1
        if owner != oldOwner { group.nextHopOwners[number] = owner?.rawValue }
        if group.members.count > 1 || source == nil && owner == nil {
            packer.add(prefix, set, Self.audience(source, owner))
        }
    }

    /// Takes a prefix back from a member that held it and is left out now.
    @inline(__always)
    private func withdraw<P>(
        _ prefix: P,
        _ member: SourceID?,
        _ oldSource: SourceID?,
        _ oldOwner: SourceID?,
        _ packer: inout UpdatePacker<P>
    ) {
        guard let member, member != oldSource, member != oldOwner else { return }
        packer.add(prefix, 0, .only(member))
    }

    @inline(__always)
    func member(_ source: UInt16, _ group: Int) -> SourceID? {
        self.sources[Int(source)].group == group ? SourceID(Int(source)) : nil
    }

    @inline(__always)
    private static func audience(_ first: SourceID?, _ second: SourceID?) -> GroupOutput.Audience {
        switch (first, second) {
        case (nil, nil): .all
        case (let first?, let second): .allExcept(first, second)
        case (nil, let second?): .allExcept(second, nil)
        }
    }

    /// Drops the holds of a group or consumer that goes away.
    mutating func releaseHolds<P>(_ table: inout Table<P>, _ announced: ContiguousArray<UInt16>) {
        for number in announced.indices where announced[number] != 0 {
            table.destinations[UInt32(number)].holders -= 1
            table.releaseIfUnused(UInt32(number))
        }
    }

    /// Counts one more holder for everything announced, for a copy of a group.
    mutating func addHolds<P>(_ table: inout Table<P>, _ announced: ContiguousArray<UInt16>) {
        for number in announced.indices where announced[number] != 0 {
            table.destinations[UInt32(number)].holders += 1
        }
    }
}
