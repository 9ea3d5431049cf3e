public import IPAddressing

/// Reads UPDATE messages in place and keeps the result of the latest one (RFC 4271 §4.3, RFC 4760, RFC 7606).
///
/// One value per session: its arrays are reused, so that in the steady state nothing is allocated. Apply the result in
/// this order: withdrawn prefixes, then announced ones. With ``failure`` set all prefixes the message announced are among the
/// withdrawn ones (treat-as-withdraw).
public struct UpdateDecoder: Sendable {
    /// The attribute set in canonical form (see ``PathAttributes``); empty when nothing is announced.
    public internal(set) var attributes: [UInt8] = []
    /// ``PathAttributes/hash(of:seed:)`` of ``attributes``; 0 when nothing is announced.
    public internal(set) var attributesHash: UInt64 = 0

    /// IPv4 prefixes announced: first those of MP_REACH_NLRI, then those of the NLRI field.
    public internal(set) var announcedIPv4: [NLRI<IPv4Prefix>] = []
    /// How many of ``announcedIPv4`` came from MP_REACH_NLRI and have ``multiprotocolNextHop``.
    public internal(set) var multiprotocolIPv4Count = 0
    /// IPv6 prefixes announced; their next hop is ``multiprotocolNextHop``.
    public internal(set) var announcedIPv6: [NLRI<IPv6Prefix>] = []
    /// IPv4 prefixes withdrawn; none of them is announced as well.
    public internal(set) var withdrawnIPv4: [NLRI<IPv4Prefix>] = []
    /// IPv6 prefixes withdrawn; none of them is announced as well.
    public internal(set) var withdrawnIPv6: [NLRI<IPv6Prefix>] = []

    /// The value of NEXT_HOP, for prefixes of the NLRI field; nil when there are none.
    public internal(set) var nextHop: BGPNextHop?
    /// The next hop of MP_REACH_NLRI; nil when the message has none of a negotiated family.
    public internal(set) var multiprotocolNextHop: BGPNextHop?

    /// The family of an End-of-RIB marker (RFC 4724 §2), if the message is one and the family is negotiated.
    public internal(set) var endOfRIB: AddressFamily?
    /// Why the announced prefixes are treated as withdrawn; nil when the message is sound.
    public internal(set) var failure: AttributeError?
    /// Attributes that were discarded while the rest was used, the first 16 of them.
    public internal(set) var discarded: [AttributeError] = []
    /// How many attributes were discarded.
    public internal(set) var discardedCount = 0
    /// Prefixes left out because no route to them can make sense: multicast, loopback, class E, IPv6 link-local.
    public internal(set) var skippedPrefixCount = 0
    /// Those of them that the message announces, the first 16.
    public internal(set) var skipped: [IPPrefix] = []
    /// Fields and attributes left unread because their family is not negotiated.
    public internal(set) var ignoredFamilyCount = 0

    // Working state of one message.
    var elements: [FoundAttribute] = []
    var scratch: [UInt8] = []
    var sortedIPv4: [NLRI<IPv4Prefix>] = []
    var sortedIPv6: [NLRI<IPv6Prefix>] = []
    var seen = AttributeTypeSet()
    var isAscending = true
    var as4Path: Range<Int>?
    var as4Aggregator: Range<Int>?
    var pathHasSet = false
    /// The first error after which it is not sure that every prefix was found.
    var malformed: AttributeError?
    /// Whether MP_REACH_NLRI, of whatever family, has prefixes.
    var hasMultiprotocolPrefixes = false

    /// Creates a decoder.
    public init() {}

    /// Whether the message announces anything.
    public var isAnnouncing: Bool { !self.announcedIPv4.isEmpty || !self.announcedIPv6.isEmpty }

    /// The next hop of the IPv4 prefix at `index` of ``announcedIPv4``.
    public func nextHop(ofIPv4At index: Int) -> BGPNextHop? {
        index < self.multiprotocolIPv4Count ? self.multiprotocolNextHop : self.nextHop
    }

    /// Reads the body of an UPDATE, the octets behind the header, replacing the previous result.
    ///
    /// - Throws: what resets the session: 3/1 when the lengths of the message do not add up or MP_REACH_NLRI or
    ///   MP_UNREACH_NLRI is repeated, 3/10 when prefixes outside them cannot be read, 3/9 with the attribute when
    ///   prefixes or the next hop inside them cannot, and the attribute's own error when it is malformed and nothing is
    ///   announced (RFC 7606 §5.2). The decoder's properties then mean nothing.
    public mutating func decode(_ body: RawSpan, _ context: UpdateContext) throws(Notification) {
        self.reset()
        let count = body.byteCount
        guard count >= 4 else { throw .update(.malformedAttributeList) }
        let withdrawnLength = Int(body.uint16(0))
        guard withdrawnLength <= count - 4 else { throw .update(.malformedAttributeList) }
        let attributesStart = 4 + withdrawnLength
        let attributesLength = Int(body.uint16(2 + withdrawnLength))
        guard attributesLength <= count - attributesStart else { throw .update(.malformedAttributeList) }
        let nlriStart = attributesStart + attributesLength
        if withdrawnLength > 0 {
            try self.readIPv4Field(body, 2..<2 + withdrawnLength, context, isWithdrawal: true)
        }
        let attributeCount = try self.readAttributes(body, attributesStart..<nlriStart, context)
        if attributeCount > Int(context.limits.attributes) {
            self.withdraw(PathAttributeType(rawValue: 0), .excess, attributesStart..<nlriStart)
        }
        self.multiprotocolIPv4Count = self.announcedIPv4.count
        if nlriStart < count {
            try self.readIPv4Field(body, nlriStart..<count, context, isWithdrawal: false)
        } else if let error = self.malformed, !self.hasMultiprotocolPrefixes {
            // The prefixes may be hidden by the error, so none can be treated as withdrawn (RFC 7606 §5.2).
            throw error.notification(body)
        }

        let hasField = self.announcedIPv4.count > self.multiprotocolIPv4Count
        if hasField || self.multiprotocolIPv4Count > 0 || !self.announcedIPv6.isEmpty {
            self.checkMandatory(hasField: hasField)
            if !context.hasFourOctetAS && self.failure == nil { self.mergeFourOctetAttributes(body, context) }
        }
        if self.failure != nil {
            self.withdrawAnnounced()
        } else if self.isAnnouncing {
            if context.role != nil { self.markOnlyToCustomer(context) }
            if context.acceptsAIGP, self.seen.contains(.aigp) { self.dropRefusedAIGP(context) }
            self.writeCanonical(body)
            self.attributesHash = PathAttributes.hash(of: self.attributes.rawSpan, seed: context.hashSeed)
            if !self.withdrawnIPv4.isEmpty && !self.announcedIPv4.isEmpty {
                removeAnnounced(from: &self.withdrawnIPv4, self.announcedIPv4, scratch: &self.sortedIPv4)
            }
            if !self.withdrawnIPv6.isEmpty && !self.announcedIPv6.isEmpty {
                removeAnnounced(from: &self.withdrawnIPv6, self.announcedIPv6, scratch: &self.sortedIPv6)
            }
        }
        if !hasField { self.nextHop = nil }
        if count == 4 {
            self.endOfRIB = context.ipv4.isNegotiated ? .ipv4Unicast : nil
        } else if withdrawnLength > 0 || nlriStart < count || attributeCount != 1 {
            self.endOfRIB = nil
        }
    }

    private mutating func reset() {
        self.attributes.clear()
        self.attributesHash = 0
        self.announcedIPv4.clear()
        self.multiprotocolIPv4Count = 0
        self.announcedIPv6.clear()
        self.withdrawnIPv4.clear()
        self.withdrawnIPv6.clear()
        self.nextHop = nil
        self.multiprotocolNextHop = nil
        self.endOfRIB = nil
        self.failure = nil
        self.discarded.clear()
        self.discardedCount = 0
        self.skippedPrefixCount = 0
        self.skipped.clear()
        self.ignoredFamilyCount = 0
        self.elements.clear()
        self.scratch.clear()
        self.seen = AttributeTypeSet()
        self.isAscending = true
        self.as4Path = nil
        self.as4Aggregator = nil
        self.pathHasSet = false
        self.malformed = nil
        self.hasMultiprotocolPrefixes = false
    }

    private mutating func checkMandatory(hasField: Bool) {
        if !self.seen.contains(.origin) { self.withdraw(.origin, .missing, 0..<0) }
        if !self.seen.contains(.asPath) { self.withdraw(.asPath, .missing, 0..<0) }
        guard hasField else { return }
        if !self.seen.contains(.nextHop) {
            self.withdraw(.nextHop, .missing, 0..<0)
        } else if let nextHop = self.nextHop, !nextHop.address.isUsableNextHop {
            self.withdraw(.nextHop, .nextHopAddress, 0..<0)
        }
    }

    /// Turns every announced prefix into a withdrawn one (RFC 7606 §2).
    private mutating func withdrawAnnounced() {
        self.withdrawnIPv4.append(contentsOf: self.announcedIPv4)
        self.withdrawnIPv6.append(contentsOf: self.announcedIPv6)
        self.announcedIPv4.removeAll(keepingCapacity: true)
        self.announcedIPv6.removeAll(keepingCapacity: true)
        self.multiprotocolIPv4Count = 0
    }

    /// Notes a reason to treat the announced prefixes as withdrawn; the first one is kept.
    mutating func withdraw(_ type: PathAttributeType, _ cause: AttributeError.Cause, _ extent: Range<Int>) {
        let error = AttributeError(type: type, cause: cause, extent: extent)
        if self.failure == nil { self.failure = error }
        if self.malformed == nil, cause.isMalformation, type != .mpUnreachNLRI { self.malformed = error }
    }

    /// Notes a discarded attribute.
    mutating func discard(_ type: PathAttributeType, _ cause: AttributeError.Cause, _ extent: Range<Int>) {
        self.discardedCount += 1
        if self.discarded.count < 16 {
            self.discarded.append(AttributeError(type: type, cause: cause, extent: extent))
        }
    }
}

/// A set of attribute types: 256 bits.
struct AttributeTypeSet: Sendable, BitwiseCopyable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// Adds a type; false when it is a member already.
    @inline(__always)
    mutating func insert(_ type: UInt8) -> Bool {
        let bit: UInt64 = 1 << UInt64(type & 63)
        switch type >> 6 {
        case 0:
            guard self.words.0 & bit == 0 else { return false }
            self.words.0 |= bit
        case 1:
            guard self.words.1 & bit == 0 else { return false }
            self.words.1 |= bit
        case 2:
            guard self.words.2 & bit == 0 else { return false }
            self.words.2 |= bit
        default:
            guard self.words.3 & bit == 0 else { return false }
            self.words.3 |= bit
        }
        return true
    }

    /// Whether a type below 64 is a member.
    func contains(_ type: PathAttributeType) -> Bool { self.words.0 >> UInt64(type.rawValue & 63) & 1 == 1 }
}

/// An attribute of the message being read that goes into the canonical set.
struct FoundAttribute: Sendable, BitwiseCopyable {
    /// Where the value comes from.
    enum Source: Sendable, BitwiseCopyable {
        /// The attribute is canonical as it stands in the body, header included.
        case verbatim
        /// The value stands in the body; the header is written anew.
        case body
        /// The value was rewritten into the scratch array.
        case scratch
    }

    var type: UInt8
    var flags: UInt8
    var source: Source
    /// Start of the attribute in the body, for ``Source/verbatim``.
    var start: Int
    /// Start of the value in body or scratch array.
    var valueStart: Int
    /// End of the value in body or scratch array.
    var end: Int
}

extension Array {
    /// Removes everything and keeps the room.
    ///
    /// Most lists of a message are empty, and removing nothing is not free.
    fileprivate mutating func clear() {
        if !self.isEmpty { self.removeAll(keepingCapacity: true) }
    }
}
