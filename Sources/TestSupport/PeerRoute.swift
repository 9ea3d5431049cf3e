public import ControlAPI
import IPAddressing

/// A BGP route as any speaker shows it, in one form for comparison.
public struct PeerRoute: Hashable, Sendable {
    /// Destination as text.
    public var prefix: String
    /// BGP next hop, without a link-local second address.
    public var nextHop: String?
    /// AS path: numbers separated by spaces, sets in braces.
    public var asPath: String
    /// LOCAL_PREF.
    public var localPref: UInt32?
    /// MULTI_EXIT_DISC.
    public var med: UInt32?
    /// `igp`, `egp` or `incomplete`.
    public var origin: String?
    /// Communities, sorted.
    public var communities: [String]
    /// Large communities, sorted.
    public var largeCommunities: [String]
    /// ORIGINATOR_ID.
    public var originatorID: String?
    /// CLUSTER_LIST.
    public var clusterList: [String]
    /// Whether the speaker prefers it.
    public var best: Bool

    /// Creates a route without attributes.
    public init(prefix: String, best: Bool = false) {
        self.prefix = prefix
        self.asPath = ""
        self.communities = []
        self.largeCommunities = []
        self.clusterList = []
        self.best = best
    }

    /// The route as Martlet's control interface shows it.
    public init(_ route: Route) {
        self.prefix = route.prefix.description
        self.nextHop = route.nextHop?.description
        self.asPath = route.asPathText ?? ""
        self.localPref = route.localPref
        self.med = route.med
        self.origin = route.origin?.rawValue
        self.communities = route.communities.sorted()
        self.largeCommunities = route.largeCommunities.sorted()
        self.originatorID = route.originatorID?.description
        self.clusterList = route.clusterList.map(\.description)
        self.best = route.best
    }

    /// Sorted by prefix, the best first.
    public static func ordered(_ routes: [PeerRoute]) -> [PeerRoute] {
        routes.sorted { ($0.prefix, $0.best ? 0 : 1, $0.asPath) < ($1.prefix, $1.best ? 0 : 1, $1.asPath) }
    }
}
