public import BGPWire
public import IPAddressing

/// Reading ahead: a table larger than the processor's caches costs a wait for memory with each look-up, one after the
/// other.
///
/// What a batch will look up is known before, and loads that do not depend on each other are waited for together.
extension RoutingCore {
    /// How many prefixes or sets to read ahead at a time: what they touch has to fit the first-level cache.
    public static var warmCount: Int { Int(CoreState.warmCount) }

    /// Reads what announcing or withdrawing these prefixes will read; changes nothing.
    public mutating func warm(_ source: SourceID, nlri: Span<NLRI<IPv4Prefix>>) {
        guard self.accepts(source, isIPv4: true) else { return }
        let table = self.engine.state.sources[source.index].table.index
        self.engine.state.warmed &+= self.engine.ipv4Tables[table].warm(nlri, UInt16(source.index))
    }

    /// Reads what announcing or withdrawing these prefixes will read; changes nothing.
    public mutating func warm(_ source: SourceID, nlri: Span<NLRI<IPv6Prefix>>) {
        guard self.accepts(source, isIPv4: false) else { return }
        let table = self.engine.state.sources[source.index].table.index
        self.engine.state.warmed &+= self.engine.ipv6Tables[table].warm(nlri, UInt16(source.index))
    }

    /// Reads what announcing sets with these hashes and the source's latest next hop will read; changes nothing.
    public mutating func warm(_ source: SourceID, hashes: Span<UInt64>) {
        guard self.isLive(source), let target = self.engine.state.sources[source.index].lastTarget?.id else { return }
        let preference = self.engine.state.sources[source.index].preference
        self.engine.state.warmed &+= self.engine.state.store.warm(hashes, target: target, preference: preference)
    }
}

extension Table {
    /// Touches index slots, destinations and path nodes of prefixes; the sum keeps the loads from being removed.
    mutating func warm(_ nlri: Span<NLRI<P>>, _ source: UInt16) -> UInt64 {
        var sum: UInt64 = 0
        for index in nlri.indices { sum &+= self.touchIndex(nlri[index].prefix) }
        self.chains.removeAll(keepingCapacity: true)
        for index in nlri.indices {
            guard let number = self.candidate(nlri[index].prefix) else { continue }
            let node = self.destinations[number].node
            if node != 0 { self.chains.append(node) }
        }
        // A new path goes into the first node, which says whether there is one to look for.
        var kept = 0
        for index in self.chains.indices {
            let node = self.chains[index]
            guard self.nodes[node].sources & PathNode.bit(source) != 0 else { continue }
            self.chains[kept] = node
            kept += 1
        }
        self.chains.removeLast(self.chains.count - kept)
        // Most chains are short; the walk along a long one profits from its beginning being there.
        var depth = 0
        while !self.chains.isEmpty, depth < 8 {
            var kept = 0
            for index in self.chains.indices {
                let next = self.nodes[self.chains[index]].next
                guard next != 0 else { continue }
                self.chains[kept] = next
                kept += 1
            }
            self.chains.removeLast(self.chains.count - kept)
            depth += 1
        }
        return sum
    }

    /// Touches what sending the changes at these positions of the journal reads and writes: destinations, what was
    /// announced of them, and the index slots of those that are given back then.
    func warm(_ positions: Range<UInt64>, _ announced: ContiguousArray<UInt16>) -> UInt64 {
        var sum: UInt64 = 0
        for position in positions {
            let number = self.journal[position]
            // An IPv6 destination may lie in two cache lines.
            sum &+= UInt64(self.destinations[number].prefix.length) &+ UInt64(self.destinations[number].node)
            if Int(number) < announced.count { sum &+= UInt64(announced[Int(number)]) }
        }
        for position in positions { sum &+= self.touchIndex(ofUnused: self.journal[position]) }
        return sum
    }

    /// Touches the index slots of destinations from `start` on that a walk is about to give back.
    func warmUnused(from start: UInt32, to end: UInt32) -> UInt64 {
        var sum: UInt64 = 0
        for number in start..<end { sum &+= self.touchIndex(ofUnused: number) }
        return sum
    }

    @inline(__always)
    private func touchIndex(ofUnused number: UInt32) -> UInt64 {
        let destination = self.destinations[number]
        guard !destination.hasPath, destination.flags.contains(.isLive) else { return 0 }
        return self.touchIndex(destination.prefix)
    }

    /// Touches destinations that a consumer is about to read.
    func warm(_ numbers: some Sequence<UInt32>) -> UInt64 {
        var sum: UInt64 = 0
        for number in numbers { sum &+= UInt64(self.destinations[number].path.accepted) }
        return sum
    }
}
