internal import IPAddressing
internal import RouteModel

extension RoutingCore {
    // MARK: Membership

    /// Makes a BGP peer a receiver.
    ///
    /// `member` is the peer's source of the same family.
    ///
    /// It is sent the whole table, then an End-of-RIB marker, then changes, without disturbing others; once it is level
    /// with a group of equal settings it becomes part of it. A member that joins again starts afresh.
    public mutating func join(_ member: SourceID, _ settings: ExportSettings<Policy>) {
        guard self.isLive(member) else { return }
        self.leave(member)
        let slot = self.policies.retain(settings.policy)
        let waiting = self.engine.groups.firstIndex {
            $0.isLive && $0.key == settings.key && $0.policy.slot == slot && $0.announcedCount == 0
                && $0.walk?.kind == .full && $0.walk?.position == 0 && $0.walk?.sendsEndOfRIB == true
        }
        if let waiting {
            self.policies.release(slot)
            self.engine.add(member, to: waiting)
            return
        }
        var group = ExportGroup(
            key: settings.key,
            policy: self.policies.traits(slot),
            cursor: self.engine.journalHead(settings.key.table)
        )
        group.walk = Walk(kind: .full, end: 0, head: group.cursor, sendsEndOfRIB: true)
        self.engine.add(member, to: self.engine.addGroup(group))
    }

    /// Ends a peer's membership; nothing is sent to it any more.
    public mutating func leave(_ member: SourceID) {
        guard self.isLive(member) else { return }
        self.engine.leave(member)
        self.releasePolicies()
    }

    /// Sends a member everything it is entitled to once more (ROUTE-REFRESH, soft reset out); others are not disturbed.
    ///
    /// With `marks` the routes stand between BoRR and EoRR (RFC 7313); not before the End-of-RIB marker was sent.
    public mutating func refresh(_ member: SourceID, marks: Bool = false) {
        guard let index = self.isolate(member) else { return }
        // An initial walk that still owes its End-of-RIB marker keeps owing it.
        let owesEndOfRIB = self.engine.groups[index].walk?.sendsEndOfRIB ?? false
        var walk = Walk(kind: .full, end: 0, head: 0, sendsEndOfRIB: owesEndOfRIB)
        walk.marksRefresh = marks && !owesEndOfRIB
        self.engine.groups[index].walk = walk
        self.dropOldSettings(index)
    }

    /// Puts a member that is slow to read into a group of its own, where its cursor may lag without holding back
    /// others.
    ///
    /// It becomes part of the common group again when a flush finds both level.
    public mutating func separate(_ member: SourceID) { _ = self.isolate(member) }

    /// Changes what a member is sent, for instance after its export policy changed; only differences are sent.
    ///
    /// Whether path identifiers are used belongs to the session: table and form of the view stay as they are.
    public mutating func changeExport(_ member: SourceID, to settings: ExportSettings<Policy>) {
        guard self.isLive(member) else { return }
        let old = self.engine.state.sources[member.index].group
        guard old >= 0 else { return }
        let present = self.engine.groups[old]
        guard present.key.table == settings.key.table, present.key.view.isCompatible(with: settings.key.view) else {
            return
        }
        let slot = self.policies.retain(settings.policy)
        guard present.key != settings.key || present.policy.slot != slot else { return self.policies.release(slot) }
        let companion = self.engine.groups.firstIndex {
            $0.isLive && $0.key == settings.key && $0.policy.slot == slot && $0.oldKey == present.key
                && $0.oldPolicy?.slot == present.policy.slot && $0.walk?.position == 0
                && $0.walk?.kind == .difference(present.cursor) && present.walk == nil
                && $0.companions.contains(member.rawValue)
        }
        if let companion {
            self.policies.release(slot)
            self.engine.leave(member)
            self.engine.add(member, to: companion)
        } else {
            guard let index = self.isolate(member) else { return self.policies.release(slot) }
            let group = self.engine.groups[index]
            var walk = Walk(kind: .full, end: 0, head: 0, sendsEndOfRIB: group.walk?.sendsEndOfRIB ?? false)
            walk.marksRefresh = group.walk?.marksRefresh ?? false
            if group.walk == nil {
                walk.kind = .difference(group.cursor)
                self.dropOldSettings(index)
                self.engine.groups[index].oldKey = group.key
                self.engine.groups[index].oldPolicy = group.policy
            } else {
                self.dropOldSettings(index)
                self.policies.release(group.policy.slot)
            }
            self.engine.groups[index].walk = walk
            self.engine.groups[index].key = settings.key
            self.engine.groups[index].policy = self.policies.traits(slot)
            self.engine.updateInterests(settings.key.table)
        }
        self.releasePolicies()
    }

    /// The group of a member now; it may change with every call that changes membership and with ``flush(_:limit:)``.
    public func group(of member: SourceID) -> GroupID? {
        guard self.isLive(member) else { return nil }
        let index = self.engine.state.sources[member.index].group
        return index >= 0 ? GroupID(index: index) : nil
    }

    /// All groups.
    public var groups: [GroupID] {
        self.engine.groups.indices.filter { self.engine.groups[$0].isLive }.map { GroupID(index: $0) }
    }

    /// The table whose routes a group is sent.
    public func table(of group: GroupID) -> TableID? {
        group.index < self.engine.groups.count && self.engine.groups[group.index].isLive
            ? self.engine.groups[group.index].key.table : nil
    }

    /// The members of a group.
    public func members(of group: GroupID) -> [SourceID] {
        group.index < self.engine.groups.count ? self.engine.groups[group.index].members : []
    }

    // MARK: Output

    /// Whether a group is owed anything, or may be.
    public func isPending(_ group: GroupID) -> Bool {
        guard group.index < self.engine.groups.count, self.engine.groups[group.index].isLive else { return false }
        let content = self.engine.groups[group.index]
        return content.walk != nil || content.cursor < self.engine.journalHead(content.key.table)
    }

    /// Packs what a group is owed, looking at up to about `limit` destinations, and moves its cursor.
    ///
    /// What is returned has to reach every member its audience names, in order, or the member has to leave. A group
    /// whose members can take no more is simply not flushed.
    public mutating func flush(_ group: GroupID, limit: Int = 65_536) -> PackedOutput {
        guard group.index < self.engine.groups.count, self.engine.groups[group.index].isLive else {
            return PackedOutput(PackedUpdates<IPv4Prefix>())
        }
        let evaluate = self.policies.evaluator
        var output = self.engine.flushGroup(group.index, limit, evaluate)
        output.members = self.engine.groups[group.index].members
        if self.engine.groups[group.index].walk == nil { self.dropOldSettings(group.index) }
        self.engine.groups[group.index].companions = []
        output.isDrained = !self.isPending(group)
        if output.isDrained { self.engine.mergeGroup(group.index) }
        self.releasePolicies()
        return output
    }

    // MARK: Internals

    /// The index of a group that has `member` alone, with the state of the group it was in.
    private mutating func isolate(_ member: SourceID) -> Int? {
        guard self.isLive(member) else { return nil }
        let index = self.engine.state.sources[member.index].group
        guard index >= 0 else { return nil }
        guard self.engine.groups[index].members.count > 1 else { return index }
        var copy = self.engine.groups[index]
        copy.members = []
        copy.owners = nil
        copy.companions = Set(self.engine.groups[index].members.map(\.rawValue))
        self.policies.retain(slot: copy.policy.slot)
        if let old = copy.oldPolicy { self.policies.retain(slot: old.slot) }
        self.engine.addHolds(copy)
        self.engine.leave(member)
        let alone = self.engine.addGroup(copy)
        self.engine.add(member, to: alone)
        return alone
    }

    private mutating func dropOldSettings(_ index: Int) {
        if let old = self.engine.groups[index].oldPolicy { self.policies.release(old.slot) }
        self.engine.groups[index].oldPolicy = nil
        self.engine.groups[index].oldKey = nil
    }

    mutating func releasePolicies() {
        for slot in self.engine.releasedSlots { self.policies.release(slot) }
        self.engine.releasedSlots.removeAll()
    }
}

extension Engine {
    mutating func addGroup(_ group: ExportGroup) -> Int {
        let index: Int
        if let free = self.groups.firstIndex(where: { !$0.isLive }) {
            self.groups[free] = group
            index = free
        } else {
            index = self.groups.count
            self.groups.append(group)
        }
        self.updateInterests(group.key.table)
        return index
    }

    mutating func add(_ member: SourceID, to group: Int) {
        self.groups[group].members.append(member)
        self.groups[group].owners = nil
        self.state.sources[member.index].group = group
    }

    mutating func leave(_ member: SourceID) {
        let index = self.state.sources[member.index].group
        guard index >= 0 else { return }
        self.state.sources[member.index].group = -1
        self.groups[index].members.removeAll { $0 == member }
        self.groups[index].owners = nil
        // Its id may come back as another peer.
        self.groups[index].nextHopOwners = self.groups[index].nextHopOwners.filter { $0.value != member.rawValue }
        self.groups[index].paths.remove(member.rawValue)
        for other in self.groups.indices { self.groups[other].companions.remove(member.rawValue) }
        if self.groups[index].members.isEmpty { self.removeGroup(index) }
    }

    mutating func addHolds(_ group: ExportGroup) {
        let table = group.key.table
        if table.isIPv4 {
            self.state.addHolds(&self.ipv4Tables[table.index], group.announced)
        } else {
            self.state.addHolds(&self.ipv6Tables[table.index], group.announced)
        }
    }

    mutating func removeGroup(_ index: Int) {
        let table = self.groups[index].key.table
        self.releasedSlots.append(self.groups[index].policy.slot)
        if let old = self.groups[index].oldPolicy { self.releasedSlots.append(old.slot) }
        let announced = self.groups[index].announced
        self.groups[index].isLive = false
        self.groups[index].announced = []
        self.groups[index].paths = AnnouncedPaths()
        self.groups[index].companions = []
        self.groups[index].nextHopOwners = [:]
        self.groups[index].members = []
        self.releaseHolds(table, announced)
        self.updateInterests(table)
    }

    mutating func releaseHolds(_ table: TableID, _ announced: ContiguousArray<UInt16>) {
        if table.isIPv4 {
            self.state.releaseHolds(&self.ipv4Tables[table.index], announced)
        } else {
            self.state.releaseHolds(&self.ipv6Tables[table.index], announced)
        }
    }

    mutating func flushGroup(_ index: Int, _ limit: Int, _ evaluate: PolicyEvaluator) -> PackedOutput {
        let table = self.groups[index].key.table
        // Taken out for the time of the flush, so that its arrays are changed in place.
        var group = ExportGroup(key: self.groups[index].key, policy: self.groups[index].policy, cursor: 0)
        swap(&group, &self.groups[index])
        let output =
            table.isIPv4
            ? PackedOutput(
                self.state.flush(
                    &self.ipv4Tables[table.index],
                    &group,
                    index,
                    &self.exporter,
                    &self.ipv4Packer,
                    limit,
                    evaluate
                )
            )
            : PackedOutput(
                self.state.flush(
                    &self.ipv6Tables[table.index],
                    &group,
                    index,
                    &self.exporter,
                    &self.ipv6Packer,
                    limit,
                    evaluate
                )
            )
        swap(&group, &self.groups[index])
        self.updateCursors(table)
        self.resolveTargets()
        self.removeUnusedTargets()
        return output
    }

    /// Unites a drained group with another one of equal settings that is drained too.
    mutating func mergeGroup(_ index: Int) {
        let group = self.groups[index]
        let head = self.journalHead(group.key.table)
        let other = self.groups.indices.first {
            $0 != index && self.groups[$0].isLive && self.groups[$0].key == group.key
                && self.groups[$0].policy.slot == group.policy.slot && self.groups[$0].walk == nil
                && self.groups[$0].cursor == head
        }
        guard let other else { return }
        let (from, to) = group.members.count > self.groups[other].members.count ? (other, index) : (index, other)
        if group.key.view != .best {
            self.groups[to].paths.unite(
                with: self.groups[from].paths,
                members: Set(self.groups[to].members.map(\.rawValue)),
                others: Set(self.groups[from].members.map(\.rawValue))
            )
        }
        for member in self.groups[from].members {
            self.groups[to].members.append(member)
            self.state.sources[member.index].group = to
        }
        self.groups[to].owners = nil
        // What a member does not hold because the next hop is its own address is known to its own group only.
        let owners = self.groups[from].nextHopOwners.filter {
            self.groups[from].members.contains(SourceID(Int($0.value)))
        }
        self.groups[to].nextHopOwners.merge(owners) { _, own in own }
        // Both were told everything about the same table, so what they hold is the same by construction.
        self.removeGroup(from)
    }

    /// Recomputes which kinds of changes anybody wants to know about a table.
    mutating func updateInterests(_ table: TableID) {
        var interests: ChangeKinds = []
        for group in self.groups where group.isLive && group.key.table == table {
            interests.formUnion(group.key.view.kinds)
        }
        for consumer in self.consumers where consumer.isLive && consumer.table == table {
            interests.formUnion(consumer.kinds)
        }
        if table.isIPv4 {
            self.ipv4Tables[table.index].interests = interests
        } else {
            self.ipv6Tables[table.index].interests = interests
        }
        self.updateCursors(table)
    }

    /// Recomputes the oldest journal position somebody has still to read.
    mutating func updateCursors(_ table: TableID) {
        var oldest = self.journalHead(table)
        for group in self.groups where group.isLive && group.key.table == table { oldest = min(oldest, group.cursor) }
        for consumer in self.consumers where consumer.isLive && consumer.table == table {
            oldest = min(oldest, consumer.cursor)
        }
        if table.isIPv4 {
            self.ipv4Tables[table.index].oldestCursor = oldest
        } else {
            self.ipv6Tables[table.index].oldestCursor = oldest
        }
    }
}
