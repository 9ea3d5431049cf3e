/// What is wrong with one path attribute of an UPDATE (RFC 7606).
public struct AttributeError: Error, Hashable, Sendable {
    /// The attribute; for octets that are no attribute, type 0.
    public var type: PathAttributeType
    /// The cause.
    public var cause: Cause
    /// Where the attribute, header included, lies in the body of the UPDATE; empty for a missing one.
    public var extent: Range<Int>

    /// Creates an error.
    public init(type: PathAttributeType, cause: Cause, extent: Range<Int>) {
        self.type = type
        self.cause = cause
        self.extent = extent
    }

    /// Causes; raw values are stable text for logs, metrics and the control interface.
    public enum Cause: String, Hashable, Sendable, CaseIterable, BitwiseCopyable {
        /// Optional, Transitive or Partial bit not as specified (RFC 7606 §3 c).
        case flags = "wrong flags"
        /// The value's length is not allowed for the type.
        case length = "wrong length"
        /// The attribute runs past the attribute block (RFC 7606 §4).
        case overrun = "runs past the attribute block"
        /// Octets too few for an attribute are left at the end of the block (RFC 7606 §4).
        case strayOctets = "stray octets after the last attribute"
        /// A mandatory attribute is absent (RFC 7606 §3 d).
        case missing = "missing"
        /// The type occurred before; the first one counts (RFC 7606 §3 g).
        case duplicate = "repeated"
        /// The Optional bit is clear and the type unknown.
        case unrecognizedWellKnown = "unrecognised well-known attribute"
        /// An ORIGIN over 2.
        case originValue = "undefined origin"
        /// A next hop that is no unicast address.
        case nextHopAddress = "next hop is no unicast address"
        /// A path segment of a type other than 1 to 4.
        case segmentType = "undefined segment type"
        /// A path segment without numbers, or one that does not end where the attribute does.
        case segmentLength = "wrong segment length"
        /// AS 0 (RFC 7607).
        case zeroAS = "contains AS 0"
        /// A confederation segment from a peer that is no member (RFC 5065 §5).
        case confederationSegment = "contains a confederation segment"
        /// The path of another member of the confederation does not begin with a confederation sequence (RFC 5065 §5.3).
        case confederationStart = "does not begin with a confederation sequence"
        /// The first number is not the peer's (RFC 4271 §6.3).
        case firstAS = "does not begin with the peer's AS"
        /// An AS_SET (RFC 9774).
        case asSet = "contains an AS_SET"
        /// Not to be sent by an external peer (RFC 7606 §7.5, §7.9, §7.10).
        case fromExternalPeer = "not accepted from an external peer"
        /// Not to be sent between four-octet speakers (RFC 6793 §4.1).
        case fromFourOctetSpeaker = "not accepted from a four-octet speaker"
        /// The session is not configured for the attribute (RFC 7311 §3.2).
        case notEnabled = "not enabled on the session"
        /// Type code 0, which the registry reserves.
        case reservedType = "type code 0 is reserved"
        /// Inner lengths do not add up.
        case innerLengths = "inner lengths do not add up"
        /// More of something than the session allows.
        case excess = "more than the session allows"
        /// Prefixes of multicast, loopback, link-local or reserved addresses (RFC 7606 §5.3).
        case unroutable = "no route to them can make sense"
        /// Prefixes of a family that the session does not have (RFC 4760 §8).
        case familyNotNegotiated = "their address family is not negotiated"
    }
}

extension AttributeError.Cause {
    /// Whether the attribute itself is malformed, so that what was read of the message is in doubt: not so where a route is
    /// refused for what it says, or by a setting.
    var isMalformation: Bool {
        switch self {
        case .flags, .length, .overrun, .strayOctets, .unrecognizedWellKnown, .originValue, .segmentType,
            .segmentLength, .zeroAS, .confederationSegment, .innerLengths:
            true
        case .missing, .duplicate, .nextHopAddress, .confederationStart, .firstAS, .asSet, .fromExternalPeer,
            .fromFourOctetSpeaker, .notEnabled, .reservedType, .excess, .unroutable, .familyNotNegotiated:
            false
        }
    }
}

extension AttributeError {
    /// The NOTIFICATION that resets the session for it (RFC 4271 §6.3).
    func notification(_ body: RawSpan) -> Notification {
        let end = min(self.extent.upperBound, body.byteCount, self.extent.lowerBound + Notification.maximumDataLength)
        let attribute = body.octets(self.extent.lowerBound..<max(end, self.extent.lowerBound))
        return switch self.cause {
        case .flags: .update(.attributeFlagsError, data: attribute)
        case .length, .innerLengths: .update(.attributeLengthError, data: attribute)
        case .originValue: .update(.invalidOrigin, data: attribute)
        case .unrecognizedWellKnown: .update(.unrecognizedWellKnownAttribute, data: attribute)
        case .segmentType, .segmentLength, .zeroAS, .confederationSegment: .update(.malformedASPath)
        default: .update(.malformedAttributeList)
        }
    }
}

extension AttributeError: CustomStringConvertible {
    /// The attribute's name and the cause.
    public var description: String {
        self.type.rawValue == 0 ? "attributes: \(self.cause.rawValue)" : "\(self.type): \(self.cause.rawValue)"
    }
}
