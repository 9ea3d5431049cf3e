public import IPAddressing

/// Rules for the routes of the sessions that name it.
public struct BGPFilter: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `importV4`.
    public var importV4: [Rule]
    /// `exportV4`.
    public var exportV4: [Rule]
    /// `importV6`.
    public var importV6: [Rule]
    /// `exportV6`.
    public var exportV6: [Rule]

    /// Creates a filter without rules.
    public init(metadata: ResourceMetadata) {
        self.metadata = metadata
        self.importV4 = []
        self.exportV4 = []
        self.importV6 = []
        self.exportV6 = []
    }

    /// The rules of a direction and family.
    public func rules(_ direction: Direction, isIPv4: Bool) -> [Rule] {
        switch direction {
        case .import: isIPv4 ? self.importV4 : self.importV6
        case .export: isIPv4 ? self.exportV4 : self.exportV6
        }
    }

    /// Which way routes go.
    public enum Direction: String, Hashable, Sendable, CaseIterable {
        /// From the neighbour.
        case `import`
        /// To the neighbour.
        case export
    }

    /// One rule: what it is about, and what happens to it.
    ///
    /// All conditions must hold; a rule without one holds for every route.
    public struct Rule: Hashable, Sendable {
        /// `cidr` with `matchOperator` and `prefixLength`.
        public var prefix: PrefixMatch?
        /// `source: RemotePeers`: the route came from a BGP neighbour.
        public var isFromRemotePeers: Bool
        /// `interface`: pattern of the outgoing interface.
        public var interface: String?
        /// `peerType`: kind of the session that the filter is applied on.
        public var peerType: PeerType?
        /// `communities.values`: the one community that the route carries.
        public var community: BGPConfiguration.CommunityValue?
        /// `asPathPrefix`: what the AS path begins with.
        public var pathPrefix: [ASNumber]
        /// `priority`: the route's priority, in units of the kernel's metric.
        public var priority: UInt32?
        /// `action`.
        public var action: Action
        /// `operations`, done before the route is accepted.
        public var operations: [Operation]

        /// Creates a rule for every route.
        public init(_ action: Action) {
            self.isFromRemotePeers = false
            self.pathPrefix = []
            self.action = action
            self.operations = []
        }
    }

    /// A condition on the route's prefix.
    public struct PrefixMatch: Hashable, Sendable {
        /// `cidr`.
        public var cidr: IPPrefix
        /// `cidr` as it was written, where that is a plain spelling of the same prefix.
        ///
        /// Generated functions print it, so that they read as Calico's do.
        public var spelling: String?
        /// `matchOperator`.
        public var matchOperator: MatchOperator
        /// `prefixLength`: bounds of the route's length.
        public var lengths: Lengths?

        /// Creates a condition.
        public init(_ matchOperator: MatchOperator, _ cidr: IPPrefix, lengths: Lengths? = nil) {
            self.cidr = cidr
            self.matchOperator = matchOperator
            self.lengths = lengths
        }

        /// `prefixLength`; a bound that is not given is that of the prefix and of the family.
        public struct Lengths: Hashable, Sendable {
            /// `min`.
            public var minimum: UInt8?
            /// `max`.
            public var maximum: UInt8?

            /// Creates bounds.
            public init(minimum: UInt8? = nil, maximum: UInt8? = nil) {
                self.minimum = minimum
                self.maximum = maximum
            }
        }
    }

    /// Values of `matchOperator`.
    public enum MatchOperator: String, Hashable, Sendable, CaseIterable {
        /// The prefix itself.
        case equal = "Equal"
        /// Every other prefix.
        case notEqual = "NotEqual"
        /// The prefix and what lies inside.
        case `in` = "In"
        /// What does not lie inside.
        case notIn = "NotIn"
    }

    /// Values of `peerType`.
    public enum PeerType: String, Hashable, Sendable, CaseIterable {
        /// Sessions to other ASes.
        case external = "eBGP"
        /// Sessions within the AS.
        case `internal` = "iBGP"
    }

    /// Values of `action`.
    public enum Action: String, Hashable, Sendable, CaseIterable {
        /// The route is taken, and no other rule is asked.
        case accept = "Accept"
        /// The route is dropped, and no other rule is asked.
        case reject = "Reject"
    }

    /// A change of an accepted route.
    public enum Operation: Hashable, Sendable {
        /// `addCommunity`.
        case addCommunity(BGPConfiguration.CommunityValue)
        /// `prependASPath`: the path then begins with these, in this order.
        case prependASPath([ASNumber])
        /// `setPriority`.
        case setPriority(UInt32)
    }
}
