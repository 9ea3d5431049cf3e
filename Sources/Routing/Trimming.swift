internal import IPAddressing

/// Giving memory back: pools give up chunks without entries, indices and bitmaps shrink, caches are dropped.
extension RoutingCore {
    /// Gives memory that is not used any more back to the system; true when there may be more to give.
    ///
    /// For times with little to do. One unit of `budget` is a chunk of at most 256 KiB or a few thousand slots of an
    /// index, so the call's length is bounded. Tables wait until every consumer has read what there is; attribute sets
    /// do not.
    public mutating func trim(_ budget: Int) -> Bool {
        self.engine.trim(budget)
    }
}

extension Engine {
    mutating func trim(_ budget: Int) -> Bool {
        let budget = max(1, budget)
        var left = self.state.store.trim(budget)
        // Freed sets lost their generations with the pages, so caches could take new sets for old ones.
        if left < budget { self.state.importMemo.removeAll() }
        guard !self.hasWork else { return left <= 0 }
        for ordinal in 0..<self.tableCount where left > 0 {
            let table = self.tableID(ordinal: ordinal)
            guard self.isDrained(table) else { continue }
            if table.isIPv4 {
                left = self.ipv4Tables[table.index].trim(left)
            } else {
                left = self.ipv6Tables[table.index].trim(left)
            }
            self.trimBitmaps(table)
        }
        if left == budget {
            self.exporter = Exporter()
            self.state.ranking = Ranking()
            self.state.identifiers.trim()
            self.ipv4Packer = UpdatePacker()
            self.ipv6Packer = UpdatePacker()
        }
        return left <= 0
    }

    /// Whether no group and no consumer has anything of a table left to look at.
    private func isDrained(_ table: TableID) -> Bool {
        let head = self.journalHead(table)
        for group in self.groups where group.isLive && group.key.table == table {
            if group.walk != nil || group.cursor != head { return false }
        }
        for consumer in self.consumers where consumer.isLive && consumer.table == table {
            if consumer.walk != nil || consumer.cursor != head { return false }
        }
        return true
    }

    private mutating func trimBitmaps(_ table: TableID) {
        let count = Int(self.destinationEnd(table))
        for index in self.groups.indices where self.groups[index].isLive && self.groups[index].key.table == table {
            Self.shrink(&self.groups[index].announced, to: self.groups[index].announcedCount == 0 ? 0 : count)
            self.groups[index].paths.trim()
        }
        for index in self.consumers.indices where self.consumers[index].isLive && self.consumers[index].table == table {
            Self.shrink(&self.consumers[index].announced, to: self.consumers[index].announcedCount == 0 ? 0 : count)
        }
    }

    /// Cuts what lies past the last destination when it is more than half.
    private static func shrink(_ announced: inout ContiguousArray<UInt16>, to count: Int) {
        let needed = (count + 4095) & ~4095
        guard announced.capacity > 4096, announced.capacity / 2 > needed else { return }
        announced = ContiguousArray(announced.prefix(needed))
    }
}

extension Table {
    /// Gives memory back, see ``RoutingCore/trim(_:)``; returns the budget left.
    mutating func trim(_ budget: Int) -> Int {
        var left = self.destinations.trim(budget)
        left = self.nodes.trim(left)
        // An index is looked at 4,096 slots at a time.
        left = self.index.trim(left * 4096) / 4096
        self.journal.trim(oldest: self.oldestCursor)
        if self.chains.capacity > 4096 { self.chains = [] }
        return left
    }
}

extension AttributeStore {
    /// Gives memory back; returns the budget left.
    ///
    /// When that is less than `budget`, generations of free sets may have started anew.
    mutating func trim(_ budget: Int) -> Int {
        var left = self.records.trim(budget)
        left = self.arena.trim(left)
        return self.index.trim(left * 4096) / 4096
    }

    /// What is wrong with the pools; for tests.
    func violations() -> [String] { self.records.violations() }
}
