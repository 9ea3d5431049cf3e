public import BGPWire
public import IPAddressing
public import RouteModel

/// What a BGP peer is sent depends on these settings alone; peers with equal ones share a group.
public struct ExportSettings<Policy: RoutePolicy>: Hashable, Sendable {
    /// Export policy.
    public var policy: Policy
    /// Everything else.
    public var key: GroupKey

    /// Creates settings.
    public init(policy: Policy, key: GroupKey) {
        self.policy = policy
        self.key = key
    }
}

/// Session parameters that shape what is sent.
public struct GroupKey: Hashable, Sendable {
    /// Table whose routes are sent; its family is the family of the messages.
    public var table: TableID
    /// Which of the table's paths.
    public var view: ExportView
    /// Kind of session.
    public var session: Session
    /// AS of this end, as the neighbour knows it: the confederation's towards others.
    public var localAS: ASNumber
    /// Whether confederation segments are taken out of AS_PATH (RFC 5065 §4).
    public var stripsConfederation = false
    /// The neighbour's AS, where it is replaced by the own one in AS_PATH (`as override`).
    public var overriddenAS: ASNumber?
    /// Our role towards these peers (RFC 9234).
    public var role: BGPRole?
    /// Whether LOCAL_PREF goes to external peers.
    public var sendsLocalPreference = false
    /// Whether the MED of routes that BGP neighbours sent goes to external peers.
    public var sendsMED = false
    /// `aigp`: whether the accumulated metric is sent (RFC 7311).
    public var aigp = AIGPUse.off
    /// Cluster id prepended when reflecting to these peers; nil unless they are clients.
    public var clusterID: RouterID?
    /// Message form: length, AS width; whether there are path identifiers is the view's to say.
    public var encoding: UpdateEncoding
    /// Whether IPv4 routes may carry IPv6 next hops (RFC 8950).
    public var allowsExtendedNextHop: Bool
    /// `next hop self`.
    public var nextHopSelf: NextHopSelection
    /// `next hop keep`.
    public var nextHopKeep: NextHopSelection
    /// What "self" means: this end's address, with the link-local one on a shared IPv6 link.
    public var selfNextHop: BGPNextHop
    /// Kernel index of the interface of a single-hop session; 0 for multihop.
    ///
    /// Next hops of routes learned over the same interface are kept towards external peers.
    public var interface: UInt32
    /// The network that these peers share with this host on that interface, if known.
    ///
    /// Only next hops on it are kept towards external peers (RFC 4271 §5.1.3).
    public var network: IPPrefix?
    /// `interpret communities`: NO_EXPORT, NO_ADVERTISE and NO_EXPORT_SUBCONFED of learned routes are honoured.
    public var interpretsCommunities: Bool
    /// Whether the peers understand LLGR_STALE (RFC 9494).
    ///
    /// Others are sent no such routes; internal ones are, with NO_EXPORT and LOCAL_PREF 0 (§4.6).
    public var takesLongLivedStale: Bool
    /// LOCAL_PREF added towards internal peers when a route that no BGP peer sent has none.
    public var defaultLocalPreference: UInt32

    /// Creates a key with defaults.
    public init(table: TableID, session: Session, localAS: ASNumber, selfNextHop: BGPNextHop) {
        self.table = table
        self.view = .best
        self.session = session
        self.localAS = localAS
        self.encoding = UpdateEncoding()
        self.allowsExtendedNextHop = false
        self.nextHopSelf = .never
        self.nextHopKeep = .never
        self.selfNextHop = selfNextHop
        self.interface = 0
        self.interpretsCommunities = true
        self.takesLongLivedStale = true
        self.defaultLocalPreference = 100
    }

    /// Kinds of sessions, as far as advertising differs.
    public enum Session: Hashable, Sendable {
        /// eBGP.
        case external
        /// eBGP, the peer is a route-server client (RFC 7947).
        ///
        /// AS_PATH, MED and, where it fits the session, the next hop of what BGP peers sent pass unchanged.
        case routeServerClient
        /// eBGP within a confederation (RFC 5065): as internal sessions, but for AS_PATH and reflection.
        case confederationMember
        /// iBGP, the peer is a route reflector client.
        case client
        /// iBGP, the peer is not a client.
        case nonClient
    }

    /// For which routes a next-hop option holds, by the session the route was learned on.
    public enum NextHopSelection: Hashable, Sendable {
        /// None.
        case never
        /// All.
        case always
        /// Those learned by iBGP.
        case fromInternal
        /// Those learned by eBGP.
        case fromExternal
    }

    /// What a session does with the accumulated metric.
    public enum AIGPUse: UInt8, Hashable, Sendable {
        /// Takes it out.
        case off
        /// Passes it on.
        case on
        /// And adds it to routes that no BGP neighbour sent.
        case originate
    }

    /// Whether external peers reach an address without this host.
    func isShared(_ address: IPAddress) -> Bool {
        guard let network = self.network, network.isIPv4 == address.isIPv4, !address.isLinkLocal else { return true }
        return network.contains(address)
    }

    var isInternal: Bool { self.session == .client || self.session == .nonClient }
    /// Whether the peer is in the own AS or confederation.
    var isInterior: Bool { self.isInternal || self.session == .confederationMember }
    var isTransparent: Bool { self.session == .routeServerClient }

    /// The form of messages.
    var wireEncoding: UpdateEncoding {
        var encoding = self.encoding
        encoding.sendsPathIDs = self.view.sendsPathIDs
        return encoding
    }
}
