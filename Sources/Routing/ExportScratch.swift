internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// Attribute sets as they are sent, for the length of one flush.
///
/// They stay out of the attribute store: nobody needs them once they are encoded. Sets are numbered from 1; 0 is none.
/// Equal sets get the same number, so that their prefixes share messages.
struct ExportScratch {
    typealias Number = UInt32

    private struct Entry {
        var start: Int
        var end: Int
        var nextHop: BGPNextHop
        /// The member that has the next hop as its own address; `UInt16.max` none.
        var owner: UInt16
    }

    /// Sizes up to which storage is kept for the next flush.
    private static var keptOctets: Int { 1 << 20 }
    private static var keptEntries: Int { 1 << 14 }

    private var octets: [UInt8] = []
    private var entries: ContiguousArray<Entry> = []
    /// What was made of an accepted set of a source.
    private var outcomes = NumberMap()
    private var contents = NumberMap()

    init() {}

    /// Octets held.
    var memory: Int {
        self.octets.capacity + self.entries.capacity * MemoryLayout<Entry>.stride + self.outcomes.memory
            + self.contents.memory
    }

    /// Forgets everything.
    mutating func reset() {
        self.octets.removeAll(keepingCapacity: self.octets.capacity <= Self.keptOctets)
        self.entries.removeAll(keepingCapacity: self.entries.capacity <= Self.keptEntries)
        self.outcomes.removeAll(keepingCapacityFor: Self.keptEntries)
        self.contents.removeAll(keepingCapacityFor: Self.keptEntries)
    }

    private static func key(_ accepted: AttributeID, _ source: UInt16, _ variant: UInt8) -> UInt64 {
        UInt64(accepted) | UInt64(source) << 32 | UInt64(variant) << 48
    }

    /// What was noted for a set of a source under a variant of the settings: a number, 0 for "not sent".
    @inline(__always)
    func outcome(_ accepted: AttributeID, _ source: UInt16, _ variant: UInt8) -> Number? {
        self.outcomes[Self.key(accepted, source, variant)]
    }

    mutating func note(_ accepted: AttributeID, _ source: UInt16, _ variant: UInt8, _ number: Number) {
        self.outcomes.insert(Self.key(accepted, source, variant), number)
    }

    /// Adds a set, or finds an equal one.
    mutating func add(_ attributes: [UInt8], _ nextHop: BGPNextHop, owners: [IPAddress: UInt16]) -> Number {
        // Views of arrays that live for the length of each call, here and below.
        var key = unsafe PathAttributes.hash(of: attributes.span.bytes, seed: 0)
        switch nextHop.address {
        case .v4(let address): key = mixBits(key ^ UInt64(address.rawValue))
        case .v6(let address): key = mixBits(mixBits(key ^ address.high) ^ address.low)
        }
        let known = self.contents[key]
        if let known, self.entries[Int(known) - 1].nextHop == nextHop, self.isEqual(known, attributes) { return known }
        let start = self.octets.count
        self.octets.append(contentsOf: attributes)
        self.entries.append(
            Entry(start: start, end: self.octets.count, nextHop: nextHop, owner: owners[nextHop.address] ?? .max)
        )
        let number = Number(self.entries.count)
        // Different sets with one hash are told apart, and only the first is found again.
        if known == nil { self.contents.insert(key, number) }
        return number
    }

    private func isEqual(_ number: Number, _ attributes: [UInt8]) -> Bool {
        let entry = self.entries[Int(number) - 1]
        guard entry.end - entry.start == attributes.count else { return false }
        return unsafe self.octets.span.bytes.extracting(entry.start..<entry.end).isEqual(to: attributes.span.bytes)
    }

    /// The member that owns a set's next hop.
    @inline(__always)
    func owner(_ number: Number) -> UInt16? {
        let owner = self.entries[Int(number) - 1].owner
        return owner == .max ? nil : owner
    }

    func nextHop(_ number: Number) -> BGPNextHop { self.entries[Int(number) - 1].nextHop }

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
