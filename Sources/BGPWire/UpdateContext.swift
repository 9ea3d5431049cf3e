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

        /// Whether AIGP is left out of the family's routes although the session accepts it for another one.
        public var refusesAIGP = false

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
    /// Whether the peer is in another AS of the same confederation (RFC 5065).
    public var isConfederationMember = false
    /// Whether the peer is in the same confederation, so that confederation segments may occur in AS_PATH.
    public var allowsConfederationSegments = false
    /// Whether LOCAL_PREF is taken from an external peer.
    public var acceptsLocalPreference = false
    /// Our role towards the peer; with one, routes without OTC get it where RFC 9234 §5 says so.
    public var role: BGPRole?
    /// The most that an UPDATE may carry; beyond it counts as withdrawn.
    public var limits = AttributeLimits()
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

/// The most that one UPDATE may carry.
public struct AttributeLimits: Hashable, Sendable, BitwiseCopyable {
    /// Path attributes.
    public var attributes: UInt16 = 256
    /// AS numbers in AS_PATH, members of sets and of confederation segments included.
    public var pathLength: UInt16 = 1000
    /// Communities of one kind.
    public var communities: UInt16 = 4000

    /// Creates the defaults.
    public init() {}
}
