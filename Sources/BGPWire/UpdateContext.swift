public import IPAddressing

/// What a session negotiated and was configured with, as far as reading an UPDATE depends on it.
public struct UpdateContext: Hashable, Sendable, BitwiseCopyable {
    /// How one family is used on the session.
    public struct FamilyUse: Hashable, Sendable, BitwiseCopyable {
        /// Whether both sides offered the family; routes of others are ignored.
        public var isNegotiated: Bool
        /// Whether the peer sends path identifiers (RFC 7911).
        public var receivesPathIDs: Bool
        /// Whether next hops of the other family are allowed (RFC 8950); of meaning for IPv4 only.
        public var allowsExtendedNextHop: Bool

        /// Creates a value.
        public init(isNegotiated: Bool, receivesPathIDs: Bool = false, allowsExtendedNextHop: Bool = false) {
            self.isNegotiated = isNegotiated
            self.receivesPathIDs = receivesPathIDs
            self.allowsExtendedNextHop = allowsExtendedNextHop
        }
    }

    /// IPv4 unicast.
    public var ipv4: FamilyUse
    /// IPv6 unicast.
    public var ipv6: FamilyUse
    /// Whether both sides sent capability 65, so that AS_PATH and AGGREGATOR carry four-octet numbers (RFC 6793).
    public var hasFourOctetAS: Bool
    /// Whether the peer is in the local AS.
    public var isInternal: Bool
    /// The peer's AS.
    public var peerAS: ASNumber
    /// Whether an external peer's AS_PATH must begin with its own AS (RFC 4271 §6.3); off for route-server clients.
    public var enforcesFirstAS: Bool
    /// Whether a path with an AS_SET is treated as withdrawn (RFC 9774).
    public var rejectsASSets: Bool
    /// Whether AIGP is enabled on the session; it is discarded otherwise (RFC 7311 §3.2).
    public var acceptsAIGP: Bool
    /// Seed of ``UpdateDecoder/attributesHash``; the same for all sessions that share an attribute store.
    public var hashSeed: UInt64

    /// Creates a context.
    public init(
        ipv4: FamilyUse,
        ipv6: FamilyUse,
        hasFourOctetAS: Bool,
        isInternal: Bool,
        peerAS: ASNumber,
        enforcesFirstAS: Bool = true,
        rejectsASSets: Bool = true,
        acceptsAIGP: Bool = false,
        hashSeed: UInt64 = 0
    ) {
        self.ipv4 = ipv4
        self.ipv6 = ipv6
        self.hasFourOctetAS = hasFourOctetAS
        self.isInternal = isInternal
        self.peerAS = peerAS
        self.enforcesFirstAS = enforcesFirstAS
        self.rejectsASSets = rejectsASSets
        self.acceptsAIGP = acceptsAIGP
        self.hashSeed = hashSeed
    }
}
