internal import IPAddressing

/// Path identifiers as they are sent (RFC 7911): one for each source and each identifier it uses itself.
///
/// A source that sends no identifiers has its index plus one and costs nothing. For the others each identifier in use
/// takes 24 octets with its share of the index, however many prefixes it is used for; it lives as long as a path has
/// it, so a path keeps its identifier for life.
struct PathIdentifiers: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var pathID: UInt32 = 0
        /// Paths that have it; 0 is a free entry.
        var paths: UInt32 = 0
        var source: UInt16 = 0
    }

    /// The first identifier that no source has by its index.
    private static let base: UInt32 = 1 << 16

    private var entries: ContiguousArray<Entry> = []
    private var free: ContiguousArray<UInt32> = []
    private var index = HashIndex()
    /// A peer that knew the seed could choose identifiers that collide.
    private let seed = UInt64.random(in: .min ... .max)

    init() {}

    /// Octets held.
    var memory: Int {
        self.entries.capacity * MemoryLayout<Entry>.stride + self.free.capacity * 4 + self.index.memory
    }

    private func hash(_ source: UInt16, _ pathID: UInt32) -> UInt64 {
        mixBits(self.seed ^ UInt64(source) << 32 ^ UInt64(pathID))
    }

    private func find(_ source: UInt16, _ pathID: UInt32) -> UInt32? {
        self.index.find(self.hash(source, pathID)) {
            self.entries[Int($0)].pathID == pathID && self.entries[Int($0)].source == source
        }
    }

    /// The identifier of a path that is in a table.
    func identifier(_ path: Path) -> UInt32 {
        guard path.pathID != 0, let number = self.find(path.source, path.pathID) else { return UInt32(path.source) + 1 }
        return Self.base + number
    }

    /// Counts a path that came.
    mutating func retain(_ source: UInt16, _ pathID: UInt32) {
        if let number = self.find(source, pathID) {
            self.entries[Int(number)].paths += 1
            return
        }
        let entry = Entry(pathID: pathID, paths: 1, source: source)
        let number: UInt32
        if let reused = self.free.popLast() {
            number = reused
            self.entries[Int(number)] = entry
        } else {
            number = UInt32(self.entries.count)
            self.entries.append(entry)
        }
        self.index.insert(self.hash(source, pathID), number)
    }

    /// Drops a path that went.
    mutating func release(_ source: UInt16, _ pathID: UInt32) {
        guard let number = self.find(source, pathID) else { return }
        self.entries[Int(number)].paths -= 1
        guard self.entries[Int(number)].paths == 0 else { return }
        self.index.remove(self.hash(source, pathID), number)
        self.free.append(number)
    }

    /// Gives storage back when no source uses identifiers.
    mutating func trim() {
        guard self.index.count == 0, !self.entries.isEmpty else { return }
        self.entries = []
        self.free = []
        self.index = HashIndex()
    }

    /// What differs from paths counted by source and identifier; for tests.
    func violations(_ counted: [UInt64: UInt32]) -> [String] {
        var found: [String] = []
        for (key, count) in counted {
            let (source, pathID) = (UInt16(truncatingIfNeeded: key >> 32), UInt32(truncatingIfNeeded: key))
            let known = self.find(source, pathID).map { self.entries[Int($0)].paths }
            if known != count {
                found.append("identifier \(pathID) of source \(source): \(known ?? 0) paths of \(count)")
            }
        }
        if counted.count != self.index.count { found.append("\(self.index.count) identifiers of \(counted.count)") }
        return found
    }
}
