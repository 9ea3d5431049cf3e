/// One path as it was announced.
struct AnnouncedPath: BitwiseCopyable, Equatable {
    /// Identifier on the wire; 0 in a view without identifiers.
    var id: UInt32
    /// Index of its source.
    var source: UInt16
    /// Of attributes and next hop as sent, 48 bits under a secret seed: the same digest is the same route.
    var digest: UInt64
}

/// What a group of a view other than `best` has announced, per destination.
///
/// 4 octets a destination beside the group's own 2, and 16 a path: digest and source 8, identifier 4, link 4. With the
/// digest an event that changes nothing on the wire sends nothing. What holds for single members lies apart, so that
/// groups of equal settings agree in the rest: 24 octets and more for each route that one member is sent alone, and
/// for each route whose next hop is a member.
struct AnnouncedPaths {
    private struct Entry: BitwiseCopyable {
        /// Digest, and the source in the lowest 16 bits.
        var content: UInt64
        var id: UInt32
        /// Next entry of the destination or of the free list, plus one; 0 none.
        var next: UInt32
    }

    static let digestMask: UInt64 = 1 << 48 - 1
    /// No source has this index.
    private static let free: UInt64 = 0xFFFF

    /// First entry of each destination, plus one; 0 none.
    private var heads: ContiguousArray<UInt32> = []
    private var entries: ContiguousArray<Entry> = []
    private var firstFree: UInt32 = 0
    /// Paths announced.
    private(set) var count = 0
    /// The member that owns the next hop of an announced path, by ``key(_:_:)``: left out beside the source.
    var owners: [UInt64: UInt16] = [:]
    /// `firstAccepted`: digests of what members were sent instead of the common route, by member and destination.
    var alternates: [UInt16: [UInt32: UInt64]] = [:]

    init() {}

    static func key(_ number: UInt32, _ id: UInt32) -> UInt64 { UInt64(number) << 32 | UInt64(id) }

    /// Octets held.
    var memory: Int {
        self.heads.capacity * 4 + self.entries.capacity * MemoryLayout<Entry>.stride + self.owners.capacity * 16
            + self.alternates.values.reduce(0) { $0 + $1.capacity * 16 }
    }

    mutating func reserve(_ count: Int) {
        guard self.heads.count < count else { return }
        self.heads.append(contentsOf: repeatElement(0, count: count - self.heads.count))
    }

    /// Puts the paths of a destination into `list`, by identifier.
    func read(_ number: UInt32, into list: inout ContiguousArray<AnnouncedPath>) {
        list.removeAll(keepingCapacity: true)
        guard Int(number) < self.heads.count else { return }
        var next = self.heads[Int(number)]
        while next != 0 {
            let entry = self.entries[Int(next) - 1]
            list.append(
                AnnouncedPath(
                    id: entry.id,
                    source: UInt16(truncatingIfNeeded: entry.content),
                    digest: entry.content >> 16
                )
            )
            next = entry.next
        }
    }

    /// The only path of a destination in a view without identifiers.
    func first(_ number: UInt32) -> AnnouncedPath? {
        guard Int(number) < self.heads.count, self.heads[Int(number)] != 0 else { return nil }
        let entry = self.entries[Int(self.heads[Int(number)]) - 1]
        return AnnouncedPath(
            id: entry.id,
            source: UInt16(truncatingIfNeeded: entry.content),
            digest: entry.content >> 16
        )
    }

    /// Replaces the paths of a destination; `list` is ordered by identifier.
    mutating func replace(_ number: UInt32, with list: ContiguousArray<AnnouncedPath>) {
        var next = self.heads[Int(number)]
        self.heads[Int(number)] = 0
        var last = -1
        for path in list {
            let place: Int
            if next != 0 {
                place = Int(next) - 1
                next = self.entries[place].next
            } else {
                place = self.take()
            }
            self.entries[place] = Entry(content: path.digest << 16 | UInt64(path.source), id: path.id, next: 0)
            if last < 0 {
                self.heads[Int(number)] = UInt32(place) + 1
            } else {
                self.entries[last].next = UInt32(place) + 1
            }
            last = place
        }
        while next != 0 {
            let place = Int(next) - 1
            next = self.entries[place].next
            self.entries[place] = Entry(content: Self.free, id: 0, next: self.firstFree)
            self.firstFree = UInt32(place) + 1
            self.count -= 1
        }
    }

    private mutating func take() -> Int {
        self.count += 1
        guard self.firstFree != 0 else {
            self.entries.append(Entry(content: 0, id: 0, next: 0))
            return self.entries.count - 1
        }
        let place = Int(self.firstFree) - 1
        self.firstFree = self.entries[place].next
        return place
    }

    /// How many announced paths came from a source.
    func count(from source: UInt16) -> Int {
        self.entries.lazy.filter { UInt16(truncatingIfNeeded: $0.content) == source }.count
    }

    // MARK: Members

    /// Forgets what holds for one member alone.
    mutating func remove(_ member: UInt16) {
        self.alternates[member] = nil
        if !self.owners.isEmpty { self.owners = self.owners.filter { $0.value != member } }
    }

    /// Takes over what holds for the members of another group that has announced the same.
    mutating func unite(with other: AnnouncedPaths, members: Set<UInt16>, others: Set<UInt16>) {
        self.owners = self.owners.filter { members.contains($0.value) }
        self.owners.merge(other.owners.filter { others.contains($0.value) }) { _, new in new }
        self.alternates = self.alternates.filter { members.contains($0.key) }
        self.alternates.merge(other.alternates.filter { others.contains($0.key) }) { _, new in new }
    }

    /// Gives storage back when nothing is announced.
    mutating func trim() {
        guard self.count == 0, !self.entries.isEmpty || self.heads.count > 4096 else { return }
        self.heads = []
        self.entries = []
        self.firstFree = 0
    }
}
