public import BGPWire
public import IPAddressing
public import RouteModel

/// What the routing core needs to know of a source.
public struct SourceSettings<Policy: RoutePolicy>: Hashable, Sendable {
    /// Protocol instance, kind, neighbour.
    public var origin: RouteOrigin
    /// Table its routes enter.
    ///
    /// Fixed for the life of the source.
    public var table: TableID
    /// Import policy.
    public var importPolicy: Policy
    /// Preference given to its routes.
    public var preference: UInt16
    /// How next hops resolve.
    public var resolution: Resolution
    /// Largest number of received paths; further ones are not stored.
    ///
    /// nil is no limit.
    public var receiveLimit: UInt32?
    /// Largest number of accepted paths; further ones are kept as rejected (`block`).
    ///
    /// nil is no limit.
    public var importLimit: UInt32?
    /// Largest number of paths of one destination, told apart by identifiers; further ones are not stored.
    public var pathLimit = UInt16.max
    /// Session parameters; nil for local protocol instances.
    public var session: BGPSourceSettings?

    /// Creates settings; the igp table of the table's own family is the table itself.
    public init(
        origin: RouteOrigin,
        table: TableID,
        importPolicy: Policy,
        preference: UInt16,
        session: BGPSourceSettings? = nil
    ) {
        self.origin = origin
        self.table = table
        self.importPolicy = importPolicy
        self.preference = preference
        self.resolution = Resolution(
            mode: .recursive,
            ipv4Table: table.isIPv4 ? table : nil,
            ipv6Table: table.isIPv4 ? nil : table
        )
        self.session = session
    }
}

/// How the next hops of a source's routes are resolved.
public struct Resolution: Hashable, Sendable {
    /// Through what.
    public var mode: Mode
    /// `igp table` for IPv4 next hops; without one they do not resolve.
    public var ipv4Table: TableID?
    /// `igp table` for IPv6 next hops; without one they do not resolve.
    public var ipv6Table: TableID?
    /// Whether packets go to the link-local one of two next hops; nil is where they resolve through the igp table.
    public var prefersLinkLocal: Bool?
    /// The distance to next hops in mode direct.
    public var cost: UInt32 = 0

    /// Creates a value.
    public init(mode: Mode, ipv4Table: TableID?, ipv6Table: TableID?) {
        self.mode = mode
        self.ipv4Table = ipv4Table
        self.ipv6Table = ipv6Table
    }

    /// `gateway` modes.
    public enum Mode: UInt8, Hashable, Sendable {
        /// Through any route of the igp table that does not itself depend on resolution.
        case recursive
        /// The next hop must lie on a connected network.
        case direct
    }
}

/// Session parameters that decisions, loop checks and reflection read.
public struct BGPSourceSettings: Hashable, Sendable {
    /// AS of this end.
    public var localAS: ASNumber
    /// Router id of this end.
    public var localRouterID: RouterID
    /// AS of the neighbour.
    public var peerAS: ASNumber
    /// Router id of the neighbour.
    public var peerRouterID: RouterID
    /// Address of the neighbour.
    public var peerAddress: IPAddress
    /// Kernel index of the interface of a single-hop session; 0 for multihop.
    public var interface: UInt32
    /// Whether the neighbour is a route reflector client.
    public var isRouteReflectorClient: Bool
    /// Own cluster id towards this neighbour; nil unless it is a client.
    public var clusterID: RouterID?
    /// Own cluster id that makes a route a loop (RFC 4456 §8); nil is that towards a client, else the own router id.
    public var loopClusterID: RouterID?
    /// How often the own AS may occur in AS_PATH.
    public var allowedLocalAS: UInt32
    /// The AS that the confederation is to others; nil without one (RFC 5065).
    public var confederationID: ASNumber?
    /// Whether the neighbour is in another AS of the same confederation.
    public var isConfederationMember = false
    /// Our role towards the neighbour (RFC 9234).
    public var role: BGPRole?
    /// Whether routes with GRACEFUL_SHUTDOWN get LOCAL_PREF 0 (RFC 8326); of meaning on external sessions.
    public var honorsGracefulShutdown = false
    /// LOCAL_PREF of routes without one.
    public var defaultLocalPreference: UInt32
    /// MED of routes without one.
    public var defaultMED: UInt32
    /// Switches of the decision process; a step is taken if one candidate's source asks for it.
    public var decision: DecisionOptions

    /// Creates settings with BIRD's defaults.
    public init(
        localAS: ASNumber,
        localRouterID: RouterID,
        peerAS: ASNumber,
        peerRouterID: RouterID,
        peerAddress: IPAddress
    ) {
        self.localAS = localAS
        self.localRouterID = localRouterID
        self.peerAS = peerAS
        self.peerRouterID = peerRouterID
        self.peerAddress = peerAddress
        self.interface = 0
        self.isRouteReflectorClient = false
        self.allowedLocalAS = 0
        self.defaultLocalPreference = 100
        self.defaultMED = 0
        self.decision = [.pathLength, .igpMetric]
    }
}

/// Optional steps of the decision process.
///
/// MED is always compared in groups by neighbour AS (deterministic), so no option exists for that.
public struct DecisionOptions: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// The bits.
    public let rawValue: UInt8

    /// Creates a set.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// `path metric`: compare AS_PATH lengths.
    public static let pathLength = DecisionOptions(rawValue: 1)
    /// `igp metric`: compare IGP metrics.
    public static let igpMetric = DecisionOptions(rawValue: 2)
    /// `med metric`: compare MED across neighbour ASes.
    public static let alwaysCompareMED = DecisionOptions(rawValue: 4)
    /// `prefer older`: among external paths the best one stays.
    public static let preferOlder = DecisionOptions(rawValue: 8)
}

/// What the hot paths read of a source.
struct SourceRecord: BitwiseCopyable {
    var localAS: UInt32 = 0
    var localRouterID: UInt32 = 0
    var peerAS: UInt32 = 0
    var peerRouterID: UInt32 = 0
    var peerAddress: IPAddress = .v4(.any)
    var interface: UInt32 = 0
    var clusterID: UInt32?
    var loopClusterID: UInt32 = 0
    var allowedLocalAS: UInt32 = 0
    var defaultLocalPreference: UInt32 = 100
    var defaultMED: UInt32 = 0
    var decision: DecisionOptions = []
    var source: RouteSource = .static
    var isBGP = false
    var isInternal = false
    var isClient = false
    /// The session is external, with an AS outside of the confederation.
    var isOutside = false
    var confederationID: UInt32 = 0
    var role: BGPRole?
    var honorsGracefulShutdown = false
    /// The routes are images that a pipe made.
    var isImage = false

    init() {}

    init<Policy>(_ settings: SourceSettings<Policy>) {
        self.source = settings.origin.source
        self.isInternal = settings.origin.isInternal
        guard let session = settings.session else { return }
        self.isBGP = true
        self.localAS = session.localAS.rawValue
        self.localRouterID = session.localRouterID.rawValue
        self.peerAS = session.peerAS.rawValue
        self.peerRouterID = session.peerRouterID.rawValue
        self.peerAddress = session.peerAddress
        self.interface = session.interface
        self.clusterID = session.clusterID?.rawValue
        self.loopClusterID = (session.loopClusterID ?? session.clusterID ?? session.localRouterID).rawValue
        self.allowedLocalAS = session.allowedLocalAS
        self.defaultLocalPreference = session.defaultLocalPreference
        self.defaultMED = session.defaultMED
        self.decision = session.decision
        self.isClient = session.isRouteReflectorClient
        self.isOutside = !self.isInternal && !session.isConfederationMember
        self.confederationID = session.confederationID?.rawValue ?? 0
        self.role = session.role
        self.honorsGracefulShutdown = session.honorsGracefulShutdown && self.isOutside
    }
}

/// Counters of a source.
public struct SourceCounters: Hashable, Sendable, BitwiseCopyable {
    /// Paths in Adj-RIB-In.
    public var received: UInt32 = 0
    /// Paths the import policy accepted.
    public var accepted: UInt32 = 0
    /// Paths that are the best of their destination.
    public var best: UInt32 = 0
    /// Paths that were marked stale and not announced again.
    public var stale: UInt32 = 0
    /// Paths that were not stored because of the receive limit, since the source was added.
    public var dropped: UInt64 = 0
    /// Octets of attribute sets the source is charged for.
    public var attributeOctets: Int = 0

    /// Creates zeros.
    public init() {}
}
