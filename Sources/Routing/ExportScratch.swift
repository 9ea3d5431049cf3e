internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// Attribute sets as they are sent, for the length of one flush.
///
/// They stay out of the attribute store: nobody needs them once they are encoded. Sets are numbered from 1; 0 is none.
/// Equal sets get the same number, so that their prefixes share messages.
struct ExportScratch {
    typealias Number = ExportedSets.Number

    /// Sizes up to which storage is kept for the next flush.
    private static var keptOctets: Int { 1 << 20 }
    private static var keptEntries: Int { 1 << 14 }

    /// Sets of the flush, by number.
    private(set) var sets = ExportedSets()
    /// What was made of an accepted set of a source.
    private var outcomes = NumberMap()
    /// The latest outcome: routes that came together are mostly sent together.
    private var lastKey = UInt64.max
    private var lastOutcome: Number = 0
    private var contents = NumberMap()

    init() {}

    /// Octets held.
    var memory: Int { self.sets.memory + self.outcomes.memory + self.contents.memory }

    /// Hands the sets over, to be written into messages, and forgets everything.
    mutating func take() -> ExportedSets {
        var sets = ExportedSets()
        swap(&sets, &self.sets)
        self.reset()
        return sets
    }

    /// Forgets everything.
    mutating func reset() {
        self.sets.reset(keptOctets: Self.keptOctets, keptEntries: Self.keptEntries)
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
        if let known, self.sets.isEqual(known, attributes, nextHop) { return known }
        let number = self.sets.add(attributes, nextHop, owner: owners[nextHop.address] ?? .max)
        // Different sets with one hash are told apart, and only the first is found again.
        if known == nil { self.contents.insert(key, number) }
        return number
    }

    /// The member that owns a set's next hop.
    @inline(__always)
    func owner(_ number: Number) -> UInt16? {
        let owner = self.sets.owner(number)
        return owner == .max ? nil : owner
    }

    func nextHop(_ number: Number) -> BGPNextHop { self.sets.nextHop(number) }

    /// A digest of a set and its next hop, 48 bits, which nobody can foresee who does not know the seed.
    mutating func digest(_ number: Number, _ seed: DigestSeed) -> UInt64 { self.sets.digest(number, seed) }

    /// The attributes of a set, as an array.
    func attributes(_ number: Number) -> [UInt8] { self.sets.attributes(number) }
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
