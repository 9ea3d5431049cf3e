public import BGPWire
public import IPAddressing

/// Reading ahead: a table larger than the processor's caches costs a wait for memory with each look-up, one after the
/// other.
///
/// What a batch will look up is known before, and loads that do not depend on each other are waited for together.
extension RoutingCore {
    /// How many prefixes or sets to read ahead at a time: what they touch has to fit the first-level cache.
    public static var warmCount: Int { 48 }

    /// Reads what announcing or withdrawing these prefixes will read; changes nothing.
    public mutating func warm(_ source: SourceID, nlri: Span<NLRI<IPv4Prefix>>) {
        guard self.accepts(source, isIPv4: true) else { return }
        let table = self.engine.state.sources[source.index].table.index
        self.engine.warmed &+= self.engine.ipv4Tables[table].warm(nlri, UInt16(source.index))
    }

    /// Reads what announcing or withdrawing these prefixes will read; changes nothing.
    public mutating func warm(_ source: SourceID, nlri: Span<NLRI<IPv6Prefix>>) {
        guard self.accepts(source, isIPv4: false) else { return }
        let table = self.engine.state.sources[source.index].table.index
        self.engine.warmed &+= self.engine.ipv6Tables[table].warm(nlri, UInt16(source.index))
    }

    /// Reads what announcing sets with these hashes and the source's latest next hop will read; changes nothing.
    public mutating func warm(_ source: SourceID, hashes: Span<UInt64>) {
        guard self.isLive(source), let target = self.engine.state.sources[source.index].lastTarget?.id else { return }
        let preference = self.engine.state.sources[source.index].preference
        self.engine.warmed &+= self.engine.state.store.warm(hashes, target: target, preference: preference)
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
            let destination = self.destinations[number]
            guard destination.count > 1 else { continue }
            if destination.sources & Destination<P>.bit(source) != 0 {
                self.chains.append(destination.node)
            } else {
                // A new path goes into the first node.
                sum &+= UInt64(self.nodes[destination.node].count)
            }
        }
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

    /// Touches destinations that a consumer is about to read.
    func warm(_ numbers: some Sequence<UInt32>) -> UInt64 {
        var sum: UInt64 = 0
        for number in numbers { sum &+= UInt64(self.destinations[number].path.accepted) }
        return sum
    }
}
