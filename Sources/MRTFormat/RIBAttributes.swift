public import BGPWire
import IPAddressing

/// A route of a RIB entry with its attributes in canonical form.
public struct RIBRoute: Hashable, Sendable {
    /// The attributes, next hop apart.
    public var attributes: PathAttributes
    /// The next hop.
    public var nextHop: BGPNextHop

    /// Creates a route.
    public init(attributes: PathAttributes, nextHop: BGPNextHop) {
        self.attributes = attributes
        self.nextHop = nextHop
    }
}

/// Why the attributes of a RIB entry cannot be used.
public enum RIBAttributeError: Error, Hashable, Sendable {
    /// The list does not divide into attributes.
    case framing
    /// NEXT_HOP or MP_REACH_NLRI is of a wrong length or family, or occurs twice.
    case nextHop
    /// Neither NEXT_HOP nor MP_REACH_NLRI says the next hop.
    case noNextHop
    /// An attribute is malformed so that its route cannot be used (RFC 7606).
    case attribute(AttributeError)
}

extension RIBAttributeError: CustomStringConvertible {
    /// The cause in one line.
    public var description: String {
        switch self {
        case .framing: "the list does not divide into attributes"
        case .nextHop: "malformed next hop"
        case .noNextHop: "no next hop"
        case .attribute(let error): "\(error)"
        }
    }
}

extension RIBEntry {
    /// Creates an entry of a route: IPv4 next hops of IPv4 prefixes stand in NEXT_HOP, others in MP_REACH_NLRI.
    ///
    /// MP_REACH_NLRI is abbreviated to length and address of the next hop (RFC 6396 §4.3.4); an IPv4 next hop of an IPv6
    /// prefix is written v4-mapped.
    public init(
        peerIndex: UInt16,
        originatedTime: UInt32,
        pathID: UInt32 = 0,
        route: RIBRoute,
        isIPv4: Bool
    ) {
        var octets: [UInt8] = []
        octets.reserveCapacity(route.attributes.bytes.count + 7)
        let type: PathAttributeType
        var nextHop: [UInt8] = []
        if isIPv4, case .v4 = route.nextHop.address {
            type = .nextHop
            nextHop = [PathAttributeFlags.transitive.rawValue, type.rawValue, 4]
            nextHop.append(route.nextHop.address)
        } else {
            type = .mpReachNLRI
            let length: UInt8 = route.nextHop.linkLocal == nil ? 16 : 32
            nextHop = [PathAttributeFlags.optional.rawValue, type.rawValue, length + 1, length]
            switch route.nextHop.address {
            case .v4(let address):
                nextHop.append(.v6(IPv6Address(high: 0, low: 0xFFFF_0000_0000 | UInt64(address.rawValue))))
            case .v6: nextHop.append(route.nextHop.address)
            }
            if let linkLocal = route.nextHop.linkLocal { nextHop.append(.v6(linkLocal)) }
        }
        var offset = 0
        while let element = route.attributes.element(at: offset), element.type < type {
            offset = element.extent.upperBound
        }
        let start = route.attributes.first(.local)?.extent.upperBound ?? 0
        octets += route.attributes.bytes[start..<max(start, offset)]
        octets += nextHop
        octets += route.attributes.bytes[max(start, offset)...]
        self.init(peerIndex: peerIndex, originatedTime: originatedTime, pathID: pathID, attributes: octets)
    }
}

/// Brings the attributes of RIB entries into canonical form; one value for many entries, as its buffers are reused.
///
/// Attributes are judged as those of an UPDATE between four-octet speakers of one AS (RFC 7606), so that LOCAL_PREF and the
/// attributes of reflection are kept; but Optional and Transitive of known attributes are taken from their specification. Unknown transitive attributes get Partial, unknown non-transitive ones are left out.
public struct RIBAttributeDecoder: Sendable {
    private var decoder = UpdateDecoder()
    private var body: [UInt8] = []

    /// How many attributes of the latest entry were discarded as malformed while the rest was used.
    public var discardedCount: Int { self.decoder.discardedCount }

    /// Creates a decoder.
    public init() {}

    /// Reads the attributes of an entry of a record for an IPv4 or IPv6 prefix.
    ///
    /// Both forms of MP_REACH_NLRI are read: the abbreviated one of RFC 6396 §4.3.4 and the whole one that some
    /// collectors write. The next hop is not judged: collectors write `0.0.0.0` for routes of their own.
    ///
    /// - Throws: ``RIBAttributeError``.
    public mutating func decode(_ attributes: [UInt8], isIPv4: Bool) throws(RIBAttributeError) -> RIBRoute {
        // An UPDATE of the same attributes, with a next hop and a prefix that stand for the real ones.
        guard attributes.count <= 0xFFFF else { throw .framing }
        var body = self.body
        self.body = []
        defer { self.body = body }
        body.removeAll(keepingCapacity: true)
        body += [0, 0, 0, 0, 0x40, PathAttributeType.nextHop.rawValue, 4, 192, 0, 2, 1]
        var field: BGPNextHop?
        var multiprotocol: BGPNextHop?
        // Safe: octets have no padding and every bit pattern is valid.
        let view = PathAttributesView(unsafe attributes.span.bytes)
        var offset = 0
        while let element = view.element(at: offset) {
            offset = element.extent.upperBound
            let value = attributes[element.value]
            switch element.type {
            case .nextHop:
                guard field == nil, value.count == 4 else { throw .nextHop }
                field = BGPNextHop(.v4(IPv4Address(rawValue: value.reduce(0) { $0 << 8 | UInt32($1) })))
            case .mpReachNLRI:
                guard multiprotocol == nil, let nextHop = Self.nextHop(value, isIPv4: isIPv4) else { throw .nextHop }
                multiprotocol = nextHop
            case .mpUnreachNLRI:
                break
            default:
                // A dump is not the wire: Optional and Transitive of known attributes are as some collectors have them
                // in memory, and say nothing.
                let specified = element.type.specifiedFlags
                var flags = element.flags.rawValue
                if specified != 0 {
                    flags = specified | flags & (specified == 0xC0 ? 0x30 : 0x10)
                }
                body.append(flags)
                body += attributes[element.extent].dropFirst()
            }
        }
        guard offset == attributes.count else { throw .framing }
        guard let nextHop = isIPv4 ? field ?? multiprotocol : multiprotocol else { throw .noNextHop }
        let length = body.count - 4
        // At most as long as it was: seven octets of NEXT_HOP stand for a next hop of at least as many.
        body[2] = UInt8(truncatingIfNeeded: length >> 8)
        body[3] = UInt8(truncatingIfNeeded: length)
        body += [8, 1]
        let context = UpdateContext(
            ipv4: .init(isNegotiated: true),
            ipv6: .init(isNegotiated: false),
            hasFourOctetAS: true,
            isInternal: true,
            peerAS: .transition,
            enforcesFirstAS: false,
            rejectsASSets: false,
            acceptsAIGP: true
        )
        do throws(Notification) {
            // Safe: octets have no padding and every bit pattern is valid.
            try self.decoder.decode(unsafe body.span.bytes, context)
        } catch {
            throw .framing
        }
        if let failure = self.decoder.failure { throw .attribute(failure) }
        return RIBRoute(attributes: PathAttributes(canonical: self.decoder.attributes), nextHop: nextHop)
    }

    /// The next hop of an abbreviated or whole MP_REACH_NLRI.
    private static func nextHop(_ value: ArraySlice<UInt8>, isIPv4: Bool) -> BGPNextHop? {
        guard let first = value.first else { return nil }
        var address = value.dropFirst()
        if Int(first) != address.count {
            // Whole: family, length, next hop, reserved octet, prefixes.
            guard value.count >= 5, value.starts(with: [0, isIPv4 ? 1 : 2, 1]) else { return nil }
            let length = Int(value[value.startIndex + 3])
            address = value.dropFirst(4).prefix(length)
            guard address.count == length, value.count > 4 + length else { return nil }
        }
        func half(_ index: Int) -> UInt64 {
            address.dropFirst(index * 8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        let global = IPv6Address(high: half(0), low: half(1))
        switch address.count {
        case 4 where isIPv4: return BGPNextHop(.v4(IPv4Address(rawValue: address.reduce(0) { $0 << 8 | UInt32($1) })))
        case 16: return BGPNextHop(.v6(global))
        case 32:
            let second = IPv6Address(high: half(2), low: half(3))
            guard second.isLinkLocal else { return BGPNextHop(.v6(global)) }
            if global == .any || global.isLinkLocal { return BGPNextHop(.v6(second)) }
            return BGPNextHop(.v6(global), linkLocal: second)
        default: return nil
        }
    }
}
