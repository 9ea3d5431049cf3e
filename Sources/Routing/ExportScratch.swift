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
        /// See ``digest(_:_:)``; 0 is not known yet.
        var digest: UInt64 = 0
    }

    /// Sizes up to which storage is kept for the next flush.
    private static var keptOctets: Int { 1 << 20 }
    private static var keptEntries: Int { 1 << 14 }

    private var octets: [UInt8] = []
    private var entries: ContiguousArray<Entry> = []
    /// What was made of an accepted set of a source.
    private var outcomes = NumberMap()
    /// The latest outcome: routes that came together are mostly sent together.
    private var lastKey = UInt64.max
    private var lastOutcome: Number = 0
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
        self.lastKey = .max
        self.contents.removeAll(keepingCapacityFor: Self.keptEntries)
    }

    private static func key(_ accepted: AttributeID, _ source: UInt16, _ variant: UInt8) -> UInt64 {
        UInt64(accepted) | UInt64(source) << 32 | UInt64(variant) << 48
    }

    /// What was noted for a set of a source under a variant of the settings: a number, 0 for "not sent".
    @inline(__always)
    mutating func outcome(_ accepted: AttributeID, _ source: UInt16, _ variant: UInt8) -> Number? {
        let key = Self.key(accepted, source, variant)
        if key == self.lastKey { return self.lastOutcome }
        guard let known = self.outcomes[key] else { return nil }
        (self.lastKey, self.lastOutcome) = (key, known)
        return known
    }

    mutating func note(_ accepted: AttributeID, _ source: UInt16, _ variant: UInt8, _ number: Number) {
        let key = Self.key(accepted, source, variant)
        self.outcomes.insert(key, number)
        (self.lastKey, self.lastOutcome) = (key, number)
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

/// The secret of digests of what was announced: without it no peer can make two routes look the same.
struct DigestSeed {
    private let first = UInt64.random(in: .min ... .max)
    private let second = UInt64.random(in: .min ... .max)

    func digest(_ bytes: Octets, _ nextHop: BGPNextHop) -> UInt64 {
        var state = self.second ^ UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        while offset + 16 <= bytes.count {
            state = self.fold(bytes.word(offset), bytes.word(offset + 8), state)
            offset += 16
        }
        if offset + 8 <= bytes.count {
            state = self.fold(bytes.word(offset), 1, state)
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < bytes.count {
            rest = rest << 8 | UInt64(bytes[offset])
            offset += 1
        }
        switch nextHop.address {
        case .v4(let address): state = self.fold(rest, UInt64(address.rawValue) | 4 << 32, state)
        case .v6(let address): state = self.fold(self.fold(rest, address.high, state), address.low, state)
        }
        if let linkLocal = nextHop.linkLocal { state = self.fold(linkLocal.high, linkLocal.low, state) }
        return self.fold(state, 2, state)
    }

    /// The halves of a 128-bit product, combined; both factors have a secret in them.
    private func fold(_ a: UInt64, _ b: UInt64, _ state: UInt64) -> UInt64 {
        let product = (a ^ self.first).multipliedFullWidth(by: b ^ state)
        return product.high ^ product.low
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
