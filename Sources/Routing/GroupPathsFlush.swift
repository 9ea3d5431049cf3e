internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// A path that a group is entitled to.
struct WantedPath {
    var id: UInt32
    var source: UInt16
    /// The member that owns the next hop, if it is not the source.
    var owner: UInt16?
    var set: ExportScratch.Number
    var digest: UInt64

    var announced: AnnouncedPath { AnnouncedPath(id: self.id, source: self.source, digest: self.digest) }
}

/// Members that are left out of what the others get: the source of a path, the owner of its next hop.
private struct Exceptions {
    var first: SourceID?
    var second: SourceID?

    init(_ first: SourceID?, _ second: SourceID?) {
        self.first = first ?? second
        self.second = first == nil || first == second ? nil : second
    }

    func contains(_ member: SourceID) -> Bool { self.first == member || self.second == member }

    /// Who is left of a group; nil is nobody.
    func audience(of memberCount: Int) -> GroupOutput.Audience? {
        guard let first = self.first else { return .all }
        guard memberCount > (self.second == nil ? 1 : 2) else { return nil }
        return .allExcept(first, self.second)
    }
}

/// Flushing groups of views other than `best`.
///
/// Whatever made a destination due, what the group is entitled to now is compared with what it has announced, so
/// policy changes, journal entries and walks all send differences. A full walk sends everything again.
extension CoreState {
    /// Encodes up to about `limit` paths of what a group's members are owed.
    mutating func flushPaths<P>(
        _ table: inout Table<P>,
        _ group: inout ExportGroup,
        _ index: Int,
        _ exporter: inout Exporter,
        _ packer: inout UpdatePacker<P>,
        _ limit: Int,
        _ evaluate: PolicyEvaluator
    ) -> PackedUpdates<P> {
        var left = limit
        var sendsEndOfRIB = false
        let refresh = RefreshMarks(group)
        let owners = group.owners ?? self.memberAddresses(group)
        group.owners = owners
        let rules = ExportRules(group.key, group.policy, owners: owners)
        group.reserve(table.destinations.count)
        group.paths.reserve(group.announced.count)
        exporter.scratch.reset()
        var warmed: UInt64 = 0
        while left > 0 {
            if var walk = group.walk {
                if walk.position == 0 {
                    walk.end = table.destinations.count
                    walk.head = table.journal.head
                    group.cursor = walk.head
                }
                while left > 0, walk.position < walk.end {
                    let number = walk.position
                    walk.position += 1
                    left -= 1
                    guard table.destinations[number].flags.contains(.isLive) else { continue }
                    if case .since(let position) = walk.kind, !table.isChanged(number, since: position) { continue }
                    let isForced = walk.kind == .full
                    left -= self.export(&table, &group, index, number, isForced, rules, &exporter, &packer, evaluate)
                }
                let isDone = walk.position >= walk.end
                group.walk = isDone ? nil : walk
                if isDone, walk.sendsEndOfRIB { sendsEndOfRIB = true }
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
                left -= 1
                guard isLatest, table.destinations[number].flags.contains(.isLive) else { continue }
                left -= self.export(&table, &group, index, number, false, rules, &exporter, &packer, evaluate)
            } else {
                break
            }
        }
        return self.finish(group, &exporter, &packer, sendsEndOfRIB: sendsEndOfRIB, refresh)
    }

    /// Adds what one destination's present state means for a group; returns the number of paths looked at.
    private mutating func export<P>(
        _ table: inout Table<P>,
        _ group: inout ExportGroup,
        _ index: Int,
        _ number: UInt32,
        _ isForced: Bool,
        _ rules: ExportRules,
        _ exporter: inout Exporter,
        _ packer: inout UpdatePacker<P>,
        _ evaluate: PolicyEvaluator
    ) -> Int {
        let wasAnnounced = group.announced[Int(number)]
        let count: Int
        if group.key.view == .firstAccepted {
            count = self.exportFirst(table, &group, index, number, isForced, rules, &exporter, &packer, evaluate)
        } else {
            count = self.exportPaths(table, &group, index, number, isForced, rules, &exporter, &packer, evaluate)
        }
        group.announced[Int(number)] = UInt16(clamping: count)
        if (count > 0) != (wasAnnounced > 0) {
            if count > 0 {
                group.announcedCount += 1
                table.destinations[number].holders += 1
            } else {
                group.announcedCount -= 1
                table.destinations[number].holders -= 1
                table.releaseIfUnused(number)
            }
        }
        return self.ranking.paths.count
    }

    // MARK: With identifiers

    /// The same for several paths with identifiers; returns how many are announced.
    private mutating func exportPaths<P>(
        _ table: borrowing Table<P>,
        _ group: inout ExportGroup,
        _ index: Int,
        _ number: UInt32,
        _ isForced: Bool,
        _ rules: ExportRules,
        _ exporter: inout Exporter,
        _ packer: inout UpdatePacker<P>,
        _ evaluate: PolicyEvaluator
    ) -> Int {
        let prefix = table.destinations[number].prefix
        self.want(table, number, rules, &exporter, evaluate)
        exporter.wanted.sort { $0.id < $1.id }
        group.paths.read(number, into: &exporter.held)
        var isChanged = false
        var position = 0
        for wanted in exporter.wanted {
            while position < exporter.held.count, exporter.held[position].id < wanted.id {
                self.withdraw(prefix, number, exporter.held[position], &group, index, &packer)
                isChanged = true
                position += 1
            }
            var held: AnnouncedPath?
            if position < exporter.held.count, exporter.held[position].id == wanted.id {
                held = exporter.held[position]
                position += 1
            }
            isChanged = isChanged || held != wanted.announced
            self.announce(prefix, number, wanted, held, isForced, &group, index, &packer)
        }
        while position < exporter.held.count {
            self.withdraw(prefix, number, exporter.held[position], &group, index, &packer)
            isChanged = true
            position += 1
        }
        if isChanged { group.paths.replace(number, with: ContiguousArray(exporter.wanted.map(\.announced))) }
        return exporter.wanted.count
    }

    /// Puts the paths a group is entitled to into the exporter's list.
    private mutating func want<P>(
        _ table: borrowing Table<P>,
        _ number: UInt32,
        _ rules: ExportRules,
        _ exporter: inout Exporter,
        _ evaluate: PolicyEvaluator
    ) {
        exporter.wanted.removeAll(keepingCapacity: true)
        var limit = Int.max
        if case .bestPaths(let count) = rules.key.view {
            limit = Int(count)
            self.rank(table, number)
        } else {
            self.collect(table, number)
        }
        let prefix = table.destinations[number].prefix
        for place in self.ranking.paths.indices where exporter.wanted.count < limit {
            let path = self.ranking.paths[place]
            let set = self.exportedSet(&exporter, rules, path, { prefix.erased }, evaluate)
            guard set != 0 else { continue }
            let owner = exporter.scratch.owner(set).flatMap { $0 == path.source ? nil : $0 }
            exporter.wanted.append(
                WantedPath(
                    id: self.identifiers.identifier(path),
                    source: path.source,
                    owner: owner,
                    set: set,
                    digest: exporter.scratch.digest(set, self.digestSeed)
                )
            )
        }
    }

    private func exceptions(_ number: UInt32, _ held: AnnouncedPath, _ group: ExportGroup, _ index: Int) -> Exceptions {
        var owner: SourceID?
        if !group.paths.owners.isEmpty, let found = group.paths.owners[AnnouncedPaths.key(number, held.id)] {
            owner = self.member(found, index)
        }
        return Exceptions(self.member(held.source, index), owner)
    }

    private func withdraw<P>(
        _ prefix: P,
        _ number: UInt32,
        _ held: AnnouncedPath,
        _ group: inout ExportGroup,
        _ index: Int,
        _ packer: inout UpdatePacker<P>
    ) {
        let exceptions = self.exceptions(number, held, group, index)
        if let audience = exceptions.audience(of: group.members.count) {
            packer.add(prefix, 0, audience, id: held.id)
        }
        if !group.paths.owners.isEmpty { group.paths.owners[AnnouncedPaths.key(number, held.id)] = nil }
    }

    /// Announces a path to whoever does not hold it yet, and takes it back from whoever is left out from now on.
    private func announce<P>(
        _ prefix: P,
        _ number: UInt32,
        _ wanted: WantedPath,
        _ held: AnnouncedPath?,
        _ isForced: Bool,
        _ group: inout ExportGroup,
        _ index: Int,
        _ packer: inout UpdatePacker<P>
    ) {
        let owner = wanted.owner.flatMap { self.member($0, index) }
        let exceptions = Exceptions(self.member(wanted.source, index), owner)
        let isSame = held?.digest == wanted.digest && !isForced
        if let held {
            let former = self.exceptions(number, held, group, index)
            for member in [exceptions.first, exceptions.second] {
                guard let member, !former.contains(member) else { continue }
                packer.add(prefix, 0, .only(member), id: wanted.id)
            }
            for member in [former.first, former.second] where isSame {
                guard let member, !exceptions.contains(member) else { continue }
                packer.add(prefix, wanted.set, .only(member), id: wanted.id)
            }
        }
        if !isSame, let audience = exceptions.audience(of: group.members.count) {
            packer.add(prefix, wanted.set, audience, id: wanted.id)
        }
        if owner != nil || !group.paths.owners.isEmpty {
            group.paths.owners[AnnouncedPaths.key(number, wanted.id)] = owner?.rawValue
        }
    }

    // MARK: First accepted

    /// A path with what it is sent as.
    private typealias Choice = (path: Path, set: ExportScratch.Number, digest: UInt64)

    /// The first of the ranked paths that the policy accepts and that is not the member's own.
    private mutating func firstAccepted(
        except member: UInt16?,
        _ prefix: () -> IPPrefix,
        _ rules: ExportRules,
        _ exporter: inout Exporter,
        _ evaluate: PolicyEvaluator
    ) -> Choice? {
        for place in self.ranking.paths.indices {
            let path = self.ranking.paths[place]
            guard path.source != member else { continue }
            let set = self.exportedSet(&exporter, rules, path, prefix, evaluate)
            guard set != 0, member == nil || exporter.scratch.owner(set) != member else { continue }
            return (path, set, exporter.scratch.digest(set, self.digestSeed))
        }
        return nil
    }

    /// Sends the first accepted path to all members but those whose own it is, and those the first after it.
    ///
    /// Returns 1 if a path is announced, else 0.
    private mutating func exportFirst<P>(
        _ table: borrowing Table<P>,
        _ group: inout ExportGroup,
        _ index: Int,
        _ number: UInt32,
        _ isForced: Bool,
        _ rules: ExportRules,
        _ exporter: inout Exporter,
        _ packer: inout UpdatePacker<P>,
        _ evaluate: PolicyEvaluator
    ) -> Int {
        let destination = table.destinations[number]
        let prefix = destination.prefix
        let erased = { prefix.erased }
        // Most often the best path is the one, and the others need not be put in order.
        let best = destination.hasBest && self.isEligible(destination.path) ? destination.path : nil
        self.ranking.start(with: best)
        var common = self.firstAccepted(except: nil, erased, rules, &exporter, evaluate)
        var isRanked = !destination.hasSeveralPaths && best != nil
        if common == nil, !isRanked {
            self.rank(table, number)
            isRanked = true
            common = self.firstAccepted(except: nil, erased, rules, &exporter, evaluate)
        }
        var exceptions = Exceptions(nil, nil)
        var owner: UInt16?
        if let common {
            owner = exporter.scratch.owner(common.set).flatMap { $0 == common.path.source ? nil : $0 }
            exceptions = Exceptions(
                self.member(common.path.source, index),
                owner.flatMap { self.member($0, index) }
            )
        }
        if exceptions.first != nil, !isRanked { self.rank(table, number) }

        let held = group.paths.first(number)
        let former = held.map { self.exceptions(number, $0, group, index) } ?? Exceptions(nil, nil)
        let isSame = held != nil && held?.digest == common?.digest && !isForced
        for member in [exceptions.first, exceptions.second] {
            guard let member else { continue }
            let choice = self.firstAccepted(except: member.rawValue, erased, rules, &exporter, evaluate)
            let own =
                former.contains(member) ? group.paths.alternates[member.rawValue]?[number] : held?.digest
            if let choice, choice.digest != own || isForced {
                packer.add(prefix, choice.set, .only(member))
            } else if choice == nil, own != nil {
                packer.add(prefix, 0, .only(member))
            }
            group.paths.alternates[member.rawValue, default: [:]][number] = choice?.digest
        }
        for member in [former.first, former.second] {
            guard let member, !exceptions.contains(member) else { continue }
            let own = group.paths.alternates[member.rawValue]?[number]
            if own != nil { group.paths.alternates[member.rawValue]?[number] = nil }
            if let common, isSame, common.digest != own {
                packer.add(prefix, common.set, .only(member))
            } else if common == nil, own != nil {
                packer.add(prefix, 0, .only(member))
            }
        }
        if let common, !isSame, let audience = exceptions.audience(of: group.members.count) {
            packer.add(prefix, common.set, audience)
        } else if common == nil, held != nil, let audience = former.audience(of: group.members.count) {
            packer.add(prefix, 0, audience)
        }

        if owner != nil || !group.paths.owners.isEmpty { group.paths.owners[AnnouncedPaths.key(number, 0)] = owner }
        let announced = common.map { AnnouncedPath(id: 0, source: $0.path.source, digest: $0.digest) }
        if held != announced { group.paths.replace(number, with: announced.map { [$0] } ?? []) }
        return common == nil ? 0 : 1
    }
}
