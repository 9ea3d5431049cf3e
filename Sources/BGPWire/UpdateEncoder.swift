public import IPAddressing

/// What sending an UPDATE depends on beside its content.
public struct UpdateEncoding: Hashable, Sendable, BitwiseCopyable {
    /// The largest message: 4096, or 65535 with extended messages (RFC 8654).
    public var maximumLength: Int
    /// Whether AS numbers have four octets; if not, AS_TRANS, AS4_PATH and AS4_AGGREGATOR are used (RFC 6793 §4.2.2).
    public var hasFourOctetAS: Bool
    /// Whether prefixes carry a path identifier (RFC 7911).
    public var sendsPathIDs: Bool

    /// Creates a value; the length is clamped to 4096...65535.
    public init(
        maximumLength: Int = MessageHeader.standardMaximumLength,
        hasFourOctetAS: Bool = true,
        sendsPathIDs: Bool = false
    ) {
        self.maximumLength = min(
            max(maximumLength, MessageHeader.standardMaximumLength),
            MessageHeader.extendedMaximumLength
        )
        self.hasFourOctetAS = hasFourOctetAS
        self.sendsPathIDs = sendsPathIDs
    }
}

/// Why routes cannot be sent.
public enum UpdateEncodingError: Error, Hashable, Sendable {
    /// The attributes leave no room for a prefix; what was announced before is to be withdrawn (RFC 8654 §4).
    case attributesTooLong(octets: Int, maximumLength: Int)
}

extension UpdateEncodingError: CustomStringConvertible {
    /// The cause in one sentence.
    public var description: String {
        switch self {
        case .attributesTooLong(let octets, let maximumLength):
            "attributes of \(octets) octets leave no room for a prefix in a message of \(maximumLength)"
        }
    }
}

/// Writes UPDATE messages of one family, filling each up to the maximum length.
///
/// Call ``beginAnnouncing(_:nextHop:)`` or ``beginWithdrawing()``, then ``append(_:to:)`` for every prefix, then
/// ``finish(_:)``. Attributes are encoded once at the beginning. Until ``finish(_:)`` nothing but the encoder may change the
/// output. No message is written without prefixes.
public struct UpdateEncoder<Prefix: IPPrefixProtocol>: Sendable {
    /// What kind of message is being written.
    @usableFromInline
    enum Form: Sendable {
        case announcedField
        case withdrawnField
        case multiprotocolReach
        case multiprotocolUnreach
    }

    /// The options.
    public let encoding: UpdateEncoding
    /// Messages written since the encoder was created, the one being written included.
    public private(set) var messageCount = 0

    @usableFromInline
    var form = Form.withdrawnField
    /// Attributes as sent, MP_REACH_NLRI apart.
    @usableFromInline
    var section: [UInt8] = []
    /// The value of MP_REACH_NLRI up to the prefixes.
    @usableFromInline
    var reachHead: [UInt8] = []
    /// Offset of the message in the output; -1 when none is open.
    @usableFromInline
    var messageStart = -1
    /// Offset up to which prefixes may be written.
    @usableFromInline
    var limit = 0

    /// Creates an encoder.
    public init(_ encoding: UpdateEncoding) {
        self.encoding = encoding
    }

    /// The family's AFI with SAFI 1.
    @inlinable
    static var family: AddressFamily { Prefix.isIPv4 ? .ipv4Unicast : .ipv6Unicast }

    /// Starts announcing prefixes that share canonical `attributes` (see ``PathAttributes``) and a next hop.
    ///
    /// IPv4 prefixes with an IPv4 next hop go into the NLRI field, all others into MP_REACH_NLRI. An IPv4 next hop of IPv6
    /// prefixes is sent v4-mapped. Call ``finish(_:)`` first when something is being written.
    public mutating func beginAnnouncing(_ attributes: RawSpan, nextHop: BGPNextHop) throws(UpdateEncodingError) {
        self.section.removeAll(keepingCapacity: true)
        self.reachHead.removeAll(keepingCapacity: true)
        self.messageStart = -1
        var fixed = MessageHeader.size + 4
        if Prefix.isIPv4, case .v4(let address) = nextHop.address {
            self.form = .announcedField
            encodeAttributes(attributes, nextHop: address, self.encoding.hasFourOctetAS, into: &self.section)
        } else {
            self.form = .multiprotocolReach
            encodeAttributes(attributes, nextHop: nil, self.encoding.hasFourOctetAS, into: &self.section)
            self.reachHead.append(bigEndian: Self.family.afi)
            self.reachHead.append(Self.family.safi)
            appendMultiprotocolNextHop(nextHop, to: &self.reachHead)
            self.reachHead.append(0)
            fixed += 4 + self.reachHead.count
        }
        let longestPrefix = (self.encoding.sendsPathIDs ? 4 : 0) + 1 + Int(Prefix.maximumLength) / 8
        guard fixed + self.section.count + longestPrefix <= self.encoding.maximumLength else {
            throw .attributesTooLong(octets: self.section.count, maximumLength: self.encoding.maximumLength)
        }
    }

    /// Starts announcing prefixes that share an attribute set and a next hop.
    public mutating func beginAnnouncing(_ attributes: PathAttributes, nextHop: BGPNextHop) throws(UpdateEncodingError)
    {
        try self.beginAnnouncing(attributes.bytes.rawSpan, nextHop: nextHop)
    }

    /// Starts withdrawing prefixes: IPv4 in the withdrawn routes field, IPv6 in MP_UNREACH_NLRI.
    public mutating func beginWithdrawing() {
        self.section.removeAll(keepingCapacity: true)
        self.messageStart = -1
        self.form = Prefix.isIPv4 ? .withdrawnField : .multiprotocolUnreach
    }

    /// Writes a prefix, in a further message when the present one is full.
    @inlinable
    public mutating func append(_ nlri: NLRI<Prefix>, to output: inout [UInt8]) {
        if self.tryAppend(nlri, to: &output) { return }
        self.finish(&output)
        // The begin functions made sure that an empty message takes any prefix.
        _ = self.tryAppend(nlri, to: &output)
    }

    /// Writes a prefix if the present message has room; opens a message when none is open.
    @inlinable
    public mutating func tryAppend(_ nlri: NLRI<Prefix>, to output: inout [UInt8]) -> Bool {
        if self.messageStart < 0 { self.open(&output) }
        let length = nlri.prefix.length
        let octets = Int(length &+ 7) >> 3
        let size = octets &+ (self.encoding.sendsPathIDs ? 5 : 1)
        guard output.count &+ size <= self.limit else { return false }
        if self.encoding.sendsPathIDs { output.append(bigEndian: nlri.pathID) }
        output.append(length)
        var index = 0
        while index < octets {
            output.append(nlri.prefix.octet(index))
            index &+= 1
        }
        return true
    }

    /// Writes everything up to the prefixes.
    @usableFromInline
    mutating func open(_ output: inout [UInt8]) {
        self.messageCount += 1
        self.messageStart = MessageHeader.begin(.update, in: &output)
        var tail = 0
        switch self.form {
        case .announcedField:
            output.append(bigEndian: UInt16(0))
            output.append(bigEndian: UInt16(truncatingIfNeeded: self.section.count))
            output.append(contentsOf: self.section)
        case .withdrawnField:
            output.append(bigEndian: UInt16(0))
            tail = 2
        case .multiprotocolReach:
            output.append(contentsOf: [0, 0, 0, 0, 0x90, PathAttributeType.mpReachNLRI.rawValue, 0, 0])
            output.append(contentsOf: self.reachHead)
            tail = self.section.count
        case .multiprotocolUnreach:
            output.append(contentsOf: [0, 0, 0, 0, 0x90, PathAttributeType.mpUnreachNLRI.rawValue, 0, 0])
            output.append(bigEndian: Self.family.afi)
            output.append(Self.family.safi)
        }
        self.limit = self.messageStart + self.encoding.maximumLength - tail
    }

    /// Completes the message being written, if there is one.
    ///
    /// Further prefixes continue with the same attributes in a further message.
    @inlinable
    public mutating func finish(_ output: inout [UInt8]) {
        guard self.messageStart >= 0 else { return }
        let start = self.messageStart
        let body = start &+ MessageHeader.size
        switch self.form {
        case .announcedField: break
        case .withdrawnField:
            output.store(bigEndian: UInt16(truncatingIfNeeded: output.count &- body &- 2), at: body)
            output.append(bigEndian: UInt16(0))
        case .multiprotocolReach, .multiprotocolUnreach:
            let length = output.count &- body &- 8
            if length > 255 {
                output.store(bigEndian: UInt16(truncatingIfNeeded: length), at: body &+ 6)
            } else {
                output[body &+ 4] = PathAttributeFlags.optional.rawValue
                output[body &+ 7] = UInt8(truncatingIfNeeded: length)
                output.remove(at: body &+ 6)
            }
            output.append(contentsOf: self.section)
            output.store(bigEndian: UInt16(truncatingIfNeeded: output.count &- body &- 4), at: body &+ 2)
        }
        MessageHeader.finish(at: start, in: &output)
        self.messageStart = -1
    }

    /// Writes complete messages that announce all of `list`.
    @inlinable
    public mutating func announce(
        _ list: some Sequence<NLRI<Prefix>>,
        attributes: PathAttributes,
        nextHop: BGPNextHop,
        into output: inout [UInt8]
    ) throws(UpdateEncodingError) {
        try self.beginAnnouncing(attributes, nextHop: nextHop)
        for nlri in list { self.append(nlri, to: &output) }
        self.finish(&output)
    }

    /// Writes complete messages that withdraw all of `list`.
    @inlinable
    public mutating func withdraw(_ list: some Sequence<NLRI<Prefix>>, into output: inout [UInt8]) {
        self.beginWithdrawing()
        for nlri in list { self.append(nlri, to: &output) }
        self.finish(&output)
    }
}

/// The End-of-RIB marker (RFC 4724 §2).
public enum EndOfRIB {
    /// Appends the marker of a family: an empty UPDATE for IPv4 unicast, else an empty MP_UNREACH_NLRI.
    public static func encode(_ family: AddressFamily, into output: inout [UInt8]) {
        let start = MessageHeader.begin(.update, in: &output)
        output.append(bigEndian: UInt16(0))
        if family == .ipv4Unicast {
            output.append(bigEndian: UInt16(0))
        } else {
            output.append(bigEndian: UInt16(6))
            output += [PathAttributeFlags.optional.rawValue, PathAttributeType.mpUnreachNLRI.rawValue, 3]
            output.append(bigEndian: family.afi)
            output.append(family.safi)
        }
        MessageHeader.finish(at: start, in: &output)
    }
}
