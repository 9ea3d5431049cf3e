public import IPAddressing

/// One BGP session, of one family unless it carries the other's routes, too.
public struct SessionPlan: Hashable, Sendable {
    /// Unique protocol name: kind, address with separators as `_`, and `_port_<n>` where a port is set.
    public var name: String
    /// Where the session comes from.
    public var kind: Kind
    /// Neighbour's address; its family is the session's.
    public var peerAddress: IPAddress
    /// Neighbour's port; nil is 179.
    public var peerPort: UInt16?
    /// Neighbour's AS.
    public var peerAS: ASNumber
    /// AS used on this session.
    public var localAS: ASNumber
    /// Port on which this session is accepted.
    public var localPort: UInt16
    /// Address that this side connects from; nil lets the kernel choose.
    public var sourceAddress: IPAddress?
    /// Whether the session may only be accepted on `sourceAddress`.
    public var bindsStrictly: Bool
    /// Whether this side waits for the other to connect.
    public var isPassive: Bool
    /// Hops allowed with GTSM (RFC 5082); nil is off.
    public var ttlSecurityHops: UInt8?
    /// What next hop is announced.
    public var nextHop: NextHop
    /// TCP MD5 (RFC 2385) password, 1 to 80 octets, printable.
    public var password: String?
    /// Interval between KEEPALIVEs in seconds; nil is a third of the hold time.
    public var keepaliveSeconds: UInt16?
    /// How often the own AS may occur in received paths.
    public var allowedLocalAS: UInt32
    /// Cluster id announced to a route-reflector client; nil when the peer is none.
    public var clusterID: RouterID?
    /// Name of the BGPPeer; nil for the mesh.
    public var resource: String?
    /// Whether `sourceAddress` is named only because sessions may be had on that address alone.
    public var isSourceBound = false
    /// Whether `localAS` was given for this session.
    public var namesLocalAS = false
    /// How long the neighbour may take for a restart, in seconds; nil is the protocol's default.
    public var restartSeconds: UInt16?
    /// Hold time in seconds; nil is 240.
    public var holdSeconds: UInt16?
    /// More prefixes than this end the session; nil is no limit.
    public var maximumPrefixes: UInt32?
    /// What the routes from the neighbour go through before the built-in rules.
    public var importFilters: [FilterCall] = []
    /// What the routes to the neighbour go through before the built-in rules.
    public var exportFilters: [FilterCall] = []

    /// The other family, where the session carries its routes, too.
    public var otherFamily: OtherFamily?

    /// Whether both ends are in one AS.
    public var isInternal: Bool { self.peerAS == self.localAS }

    /// Kinds, by the first word of the name.
    public enum Kind: String, Hashable, Sendable {
        /// Node-to-node mesh.
        case mesh = "Mesh"
        /// A BGPPeer for every node.
        case global = "Global"
        /// A BGPPeer for some nodes, or the reverse of one.
        case node = "Node"
        /// A workload of the node.
        case localWorkload = "Local_Workload"
    }

    /// What a session says of the family that is not its own.
    public struct OtherFamily: Hashable, Sendable {
        /// The node's address in that family: the next hop where it announces itself.
        public var address: IPAddress
        /// What the routes from the neighbour go through before the built-in rules.
        public var importFilters: [FilterCall]
        /// What the routes to the neighbour go through before the built-in rules.
        public var exportFilters: [FilterCall]

        /// Creates a value.
        public init(address: IPAddress, importFilters: [FilterCall] = [], exportFilters: [FilterCall] = []) {
            self.address = address
            self.importFilters = importFilters
            self.exportFilters = exportFilters
        }
    }

    /// One step of a session's policy.
    public enum FilterCall: Hashable, Sendable {
        /// Calls a function, with or without the kind of the session.
        case function(String, takesPeerType: Bool)
        /// Rejects what has not been decided: the BGPFilter that belongs here is missing.
        case missing(String)
    }

    /// Next hop behaviour.
    public enum NextHop: String, Hashable, Sendable {
        /// The protocol's default.
        case standard
        /// Always the own address.
        case `self`
        /// Unchanged.
        case keep
    }
}
