internal import BGPWire
internal import IPAddressing

/// A table of one family: destinations by prefix, their paths, and the journal of what changed.
struct Table<P: IPPrefixProtocol>: ~Copyable {
    let name: String
    private let seed: UInt64
    var destinations: ChunkedPool<Destination<P>>
    var nodes = ChunkedPool<PathNode>()
    var journal = Journal()
    var index = HashIndex()
    /// Nodes being looked at by ``warm(_:)``.
    var chains: ContiguousArray<UInt32> = []
    /// Destinations with at least one path, by prefix length.
    private(set) var lengths = [Int](repeating: 0, count: Int(P.maximumLength) + 1)
    /// Destinations with at least one path.
    private(set) var destinationCount = 0
    private(set) var pathCount = 0
    /// Destinations in the index.
    var liveCount: Int { self.index.count }
    /// Union of the consumers' kinds; changes of other kinds are not written down.
    var interests: ChangeKinds = []
    /// The oldest position any consumer still has to read.
    var oldestCursor: UInt64 = 0
    /// Addresses that targets resolve through this table, ascending, and the targets beside them.
    var watchedAddresses: [P.Address] = []
    var watchers: [TargetID] = []

    /// `seed` is for the hashes of prefixes.
    init(name: String, seed: UInt64) {
        self.name = name
        self.seed = seed
        self.destinations = ChunkedPool()
        _ = self.nodes.insert(PathNode())
    }

    /// Adds what the parts hold, the destinations excepted.
    func account(_ account: inout MemoryAccount) {
        account.paths += self.nodes.memory
        account.indices += self.index.memory
        account.journals += self.journal.memory
    }

    // MARK: Destinations

    /// The destination of a prefix.
    @inline(__always)
    func find(_ prefix: P) -> UInt32? {
        self.index.find(prefix.tableHash(seed: self.seed)) { self.destinations[$0].prefix == prefix }
    }

    /// Reads the index slot of a prefix.
    @inline(__always)
    func touchIndex(_ prefix: P) -> UInt64 { self.index.touch(prefix.tableHash(seed: self.seed)) }

    /// The destination that is most likely that of a prefix.
    @inline(__always)
    func candidate(_ prefix: P) -> UInt32? { self.index.candidate(prefix.tableHash(seed: self.seed)) }

    /// The destination of a prefix, made if there is none.
    @inline(__always)
    mutating func findOrInsert(_ prefix: P) -> UInt32 {
        let hash = prefix.tableHash(seed: self.seed)
        let (found, vacancy) = self.index.place(hash) { self.destinations[$0].prefix == prefix }
        if let found { return found }
        var destination = Destination<P>(prefix: prefix)
        destination.flags = .isLive
        let number = self.destinations.insert(destination)
        self.index.insert(hash, number, at: vacancy)
        return number
    }

    /// Gives a destination back if it has neither paths nor holders.
    @inline(__always)
    mutating func releaseIfUnused(_ number: UInt32) {
        let destination = self.destinations[number]
        guard !destination.hasPath, destination.holders == 0, destination.flags.contains(.isLive) else { return }
        self.index.remove(destination.prefix.tableHash(seed: self.seed), number)
        self.destinations[number].flags = []
        self.destinations[number].node = 0
        self.destinations.release(number)
    }

    /// Destinations with paths around `address`, longest prefix first.
    func matches(_ address: P.Address) -> [UInt32] {
        var result: [UInt32] = []
        for length in self.lengths.indices.reversed() where self.lengths[length] > 0 {
            guard let number = self.find(P(address: address, length: UInt8(length))),
                self.destinations[number].hasPath
            else { continue }
            result.append(number)
        }
        return result
    }

    // MARK: Paths

    /// The path at a slot.
    @inline(__always)
    func path(_ number: UInt32, _ slot: PathSlot) -> Path {
        slot.node == 0 ? self.destinations[number].path : self.nodes[slot.node][slot.index]
    }

    @inline(__always)
    mutating func setPath(_ number: UInt32, _ slot: PathSlot, _ path: Path) {
        if slot.node == 0 {
            self.destinations[number].path = path
        } else {
            self.nodes[slot.node][slot.index] = path
        }
    }

    /// Calls `body` for each path until it returns false.
    @inline(__always)
    func forEachPath(_ number: UInt32, _ body: (PathSlot, Path) -> Bool) {
        let destination = self.destinations[number]
        guard destination.hasPath, body(.inline, destination.path) else { return }
        var node = destination.node
        while node != 0 {
            let content = self.nodes[node]
            var index: UInt32 = 0
            while index < content.count {
                guard body(PathSlot(node: node, index: index), content[index]) else { return }
                index += 1
            }
            node = content.next
        }
    }

    /// Where the path of a source lies.
    @inline(__always)
    func slot(_ number: UInt32, source: UInt16, pathID: UInt32) -> PathSlot? {
        let destination = self.destinations[number]
        guard destination.hasSeveralPaths else {
            let isFound =
                destination.hasPath && destination.path.source == source && destination.path.pathID == pathID
            return isFound ? .inline : nil
        }
        guard self.nodes[destination.node].sources & PathNode.bit(source) != 0 else { return nil }
        var found: PathSlot?
        self.forEachPath(number) { slot, path in
            guard path.source == source, path.pathID == pathID else { return true }
            found = slot
            return false
        }
        return found
    }

    /// How many paths a destination has.
    @inline(__always)
    func pathCount(_ number: UInt32) -> Int {
        let destination = self.destinations[number]
        guard destination.hasSeveralPaths else { return destination.hasPath ? 1 : 0 }
        return Int(self.nodes[destination.node].total)
    }

    /// How many paths of a destination came from a source.
    func pathCount(_ number: UInt32, source: UInt16) -> Int {
        var count = 0
        self.forEachPath(number) { _, path in
            if path.source == source { count += 1 }
            return true
        }
        return count
    }

    /// Adds a path; nil when the destination holds 65,535 already.
    mutating func appendPath(_ number: UInt32, _ path: Path) -> PathSlot? {
        guard self.destinations[number].hasPath else {
            self.setOnlyPath(number, path, [])
            return .inline
        }
        let head = self.destinations[number].node
        guard head == 0 || self.nodes[head].total < Self.largestPathCount else { return nil }
        self.pathCount += 1
        if head != 0, self.nodes[head].count < PathNode.capacity {
            let index = self.nodes[head].count
            self.nodes[head][index] = path
            self.nodes[head].count = index + 1
            self.nodes[head].total += 1
            self.nodes[head].sources |= PathNode.bit(path.source)
            return PathSlot(node: head, index: index)
        }
        var node = PathNode()
        node.first = path
        node.count = 1
        node.next = head
        if head != 0 {
            (node.total, node.sources) = (self.nodes[head].total + 1, self.nodes[head].sources)
        } else {
            (node.total, node.sources) = (2, PathNode.bit(self.destinations[number].path.source))
        }
        node.sources |= PathNode.bit(path.source)
        let fresh = self.nodes.insert(node)
        self.destinations[number].node = fresh
        return PathSlot(node: fresh, index: 0)
    }

    private static var largestPathCount: UInt32 { 65_535 }

    /// Gives a destination without paths its first one, with flags beside those it has.
    @inline(__always)
    mutating func setOnlyPath(_ number: UInt32, _ path: Path, _ flags: DestinationFlags) {
        self.destinations[number].path = path
        self.destinations[number].flags.formUnion(flags.union(.hasPath))
        self.pathCount += 1
        self.destinationCount += 1
        self.lengths[Int(self.destinations[number].prefix.length)] += 1
    }

    /// Takes its only path away from a destination.
    @inline(__always)
    mutating func removeOnlyPath(_ number: UInt32) {
        self.destinations[number].flags.subtract([.hasBest, .hasPath])
        self.pathCount -= 1
        self.destinationCount -= 1
        self.lengths[Int(self.destinations[number].prefix.length)] -= 1
    }

    /// Removes the path at a slot; the last one of the first node takes its place.
    mutating func removePath(_ number: UInt32, _ slot: PathSlot) {
        self.pathCount -= 1
        let head = self.destinations[number].node
        guard head != 0 else {
            self.destinationCount -= 1
            self.lengths[Int(self.destinations[number].prefix.length)] -= 1
            self.destinations[number].flags.remove(.hasPath)
            return
        }
        let last = self.nodes[head].count - 1
        let moved = self.nodes[head][last]
        self.setPath(number, slot, moved)
        self.nodes[head].count = last
        self.nodes[head].total -= 1
        if last == 0 {
            let next = self.nodes[head].next
            if next != 0 {
                self.nodes[next].total = self.nodes[head].total
                self.nodes[next].sources = self.nodes[head].sources
            }
            self.destinations[number].node = next
            self.nodes.release(head)
        }
    }

    /// Makes the path at a slot the inline one.
    mutating func promote(_ number: UInt32, _ slot: PathSlot) {
        guard slot.node != 0 else { return }
        let old = self.destinations[number].path
        self.destinations[number].path = self.nodes[slot.node][slot.index]
        self.nodes[slot.node][slot.index] = old
    }

    // MARK: Journal

    /// Writes a change down if any consumer cares.
    @inline(__always)
    mutating func record(_ number: UInt32, _ kinds: ChangeKinds) {
        guard !kinds.isDisjoint(with: self.interests) else { return }
        var kinds = kinds
        let age = UInt64(UInt32(truncatingIfNeeded: self.journal.head) &- self.destinations[number].journal)
        if age <= self.journal.head &- self.oldestCursor { kinds.formUnion(self.destinations[number].kinds) }
        self.destinations[number].journal = UInt32(truncatingIfNeeded: self.journal.head)
        self.destinations[number].kinds = kinds
        self.journal.append(number, oldest: self.oldestCursor)
    }

    /// Whether the latest change of a destination lies at or after `position`.
    ///
    /// May err towards true.
    @inline(__always)
    func isChanged(_ number: UInt32, since position: UInt64) -> Bool {
        let age = UInt64(UInt32(truncatingIfNeeded: self.journal.head) &- self.destinations[number].journal)
        return age <= self.journal.head &- position && self.journal.head != position
    }

    // MARK: Watches

    /// Registers a target whose address resolves through this table.
    mutating func watch(_ address: P.Address, _ target: TargetID) {
        let position = self.lowerBound(address)
        self.watchedAddresses.insert(address, at: position)
        self.watchers.insert(target, at: position)
    }

    mutating func unwatch(_ address: P.Address, _ target: TargetID) {
        var position = self.lowerBound(address)
        while position < self.watchers.count, self.watchedAddresses[position] == address {
            if self.watchers[position] == target {
                self.watchedAddresses.remove(at: position)
                self.watchers.remove(at: position)
                return
            }
            position += 1
        }
    }

    private func lowerBound(_ address: P.Address) -> Int {
        var low = 0
        var high = self.watchedAddresses.count
        while low < high {
            let middle = (low + high) / 2
            if self.watchedAddresses[middle] < address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Calls `body` with each target whose address lies in `prefix`.
    @inline(__always)
    func watchers(in prefix: P, _ body: (TargetID) -> Void) {
        guard !self.watchers.isEmpty else { return }
        var position = self.lowerBound(prefix.address)
        while position < self.watchers.count, prefix.contains(self.watchedAddresses[position]) {
            body(self.watchers[position])
            position += 1
        }
    }
}

extension IPPrefixProtocol {
    /// The default route.
    static var zero: Self {
        // `0.0.0.0/0` or `::/0`: a family is one of the two by definition.
        if let prefix = Self(IPPrefix.v4(IPv4Prefix(address: .any, length: 0))) { return prefix }
        if let prefix = Self(IPPrefix.v6(IPv6Prefix(address: .any, length: 0))) { return prefix }
        preconditionFailure("an address family is IPv4 or IPv6")
    }
}
