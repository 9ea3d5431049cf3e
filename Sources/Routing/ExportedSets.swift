internal import BGPWire
internal import IPAddressing

/// Attribute sets as one flush sends them, with their next hops; numbered from 1.
struct ExportedSets: Sendable {
    typealias Number = UInt32

    private struct Entry {
        var start: Int
        var end: Int
        var nextHop: BGPNextHop
        /// The member that has the next hop as its own address; `UInt16.max` none.
        var owner: UInt16
        /// See ``digest(_:_:)``; 0 is not known yet.
        var digest: UInt64 = 0
    }

    private var octets: [UInt8] = []
    private var entries: ContiguousArray<Entry> = []

    init() {}

    /// Octets held.
    var memory: Int { self.octets.capacity + self.entries.capacity * MemoryLayout<Entry>.stride }

    /// Octets of all sets.
    var octetCount: Int { self.octets.count }

    /// Forgets everything; storage beyond these sizes is given back.
    mutating func reset(keptOctets: Int, keptEntries: Int) {
        self.octets.removeAll(keepingCapacity: self.octets.capacity <= keptOctets)
        self.entries.removeAll(keepingCapacity: self.entries.capacity <= keptEntries)
    }

    /// Adds a set.
    mutating func add(_ attributes: [UInt8], _ nextHop: BGPNextHop, owner: UInt16) -> Number {
        let start = self.octets.count
        self.octets.append(contentsOf: attributes)
        self.entries.append(Entry(start: start, end: self.octets.count, nextHop: nextHop, owner: owner))
        return Number(self.entries.count)
    }

    /// Whether a set has these attributes and this next hop.
    func isEqual(_ number: Number, _ attributes: [UInt8], _ nextHop: BGPNextHop) -> Bool {
        let entry = self.entries[Int(number) - 1]
        guard entry.nextHop == nextHop, entry.end - entry.start == attributes.count else { return false }
        // Views of arrays that live for the length of the call.
        return unsafe self.octets.span.bytes.extracting(entry.start..<entry.end).isEqual(to: attributes.span.bytes)
    }

    /// The member that owns a set's next hop; `UInt16.max` none.
    @inline(__always)
    func owner(_ number: Number) -> UInt16 { self.entries[Int(number) - 1].owner }

    func nextHop(_ number: Number) -> BGPNextHop { self.entries[Int(number) - 1].nextHop }

    /// A digest of a set and its next hop, 48 bits, which nobody can foresee who does not know the seed.
    mutating func digest(_ number: Number, _ seed: DigestSeed) -> UInt64 {
        let entry = self.entries[Int(number) - 1]
        if entry.digest != 0 { return entry.digest & AnnouncedPaths.digestMask }
        let digest = unsafe self.octets.withUnsafeBytes { buffer in
            // The array outlives the call; entries lie within it.
            let octets = unsafe Octets(
                buffer.baseAddress.map { unsafe $0 + entry.start },
                count: entry.end - entry.start
            )
            return seed.digest(octets, entry.nextHop)
        }
        // The mark above the 48 bits says that it is known.
        self.entries[Int(number) - 1].digest = digest | ~AnnouncedPaths.digestMask
        return digest & AnnouncedPaths.digestMask
    }

    /// The attributes of a set, as an array.
    func attributes(_ number: Number) -> [UInt8] {
        let entry = self.entries[Int(number) - 1]
        return Array(self.octets[entry.start..<entry.end])
    }

    /// Calls `body` with a set's attributes.
    @inline(__always)
    func withAttributes<Failure: Error>(_ number: Number, _ body: (RawSpan) throws(Failure) -> Void) throws(Failure) {
        let entry = self.entries[Int(number) - 1]
        try unsafe body(self.octets.span.bytes.extracting(entry.start..<entry.end))
    }
}

extension RawSpan {
    /// Whether both hold the same octets.
    fileprivate func isEqual(to other: RawSpan) -> Bool {
        unsafe self.withUnsafeBytes { left in
            // Both spans live for the length of the call.
            unsafe other.withUnsafeBytes { right in
                unsafe Octets(left.baseAddress, count: left.count)
                    .isEqual(to: Octets(right.baseAddress, count: right.count))
            }
        }
    }
}
