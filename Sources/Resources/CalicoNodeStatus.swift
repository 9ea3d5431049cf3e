/// What a node tells about its BGP, when asked for by a resource.
public struct CalicoNodeStatus: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `node`: who is asked.
    public var node: String
    /// `classes`: what about.
    public var classes: Set<Class>
    /// `updatePeriodSeconds`; 0 means no further updates.
    public var updatePeriodSeconds: UInt32
    /// `status`; nil before the first report.
    public var status: Report?

    /// Creates a request.
    public init(metadata: ResourceMetadata, node: String, classes: Set<Class>, updatePeriodSeconds: UInt32) {
        self.metadata = metadata
        self.node = node
        self.classes = classes
        self.updatePeriodSeconds = updatePeriodSeconds
    }

    /// Values of `classes`.
    public enum Class: String, Hashable, Sendable, CaseIterable {
        /// The speaker.
        case agent = "Agent"
        /// Its sessions.
        case bgp = "BGP"
        /// Its routes.
        case routes = "Routes"
    }

    /// `status`.
    public struct Report: Hashable, Sendable {
        /// `lastUpdated`, RFC 3339.
        public var lastUpdated: String?
        /// `agent.birdV4`, `agent.birdV6`.
        public var agentV4: Agent?
        /// The same for IPv6.
        public var agentV6: Agent?
        /// `bgp.peersV4`; nil when sessions were not asked for.
        public var peersV4: [Peer]?
        /// `bgp.peersV6`.
        public var peersV6: [Peer]?
        /// `routes.routesV4`; nil when routes were not asked for.
        public var routesV4: [Route]?
        /// `routes.routesV6`.
        public var routesV6: [Route]?

        /// Creates an empty report.
        public init() {}
    }

    /// The state of the speaker in one family.
    public struct Agent: Hashable, Sendable {
        /// `state` is `Ready`.
        public var isReady: Bool
        /// `version`.
        public var version: String?
        /// `routerID`.
        public var routerID: String?
        /// `lastBootTime`.
        public var lastBootTime: String?
        /// `lastReconfigurationTime`.
        public var lastReconfigurationTime: String?

        /// Creates a value.
        public init(isReady: Bool) {
            self.isReady = isReady
        }
    }

    /// One session.
    public struct Peer: Hashable, Sendable {
        /// `peerIP`.
        public var peerIP: String
        /// `type`: `NodeMesh`, `NodePeer` or `GlobalPeer`.
        public var type: String
        /// `state`.
        public var state: String
        /// `since`.
        public var since: String?

        /// Creates a value.
        public init(peerIP: String, type: String, state: String, since: String? = nil) {
            self.peerIP = peerIP
            self.type = type
            self.state = state
            self.since = since
        }
    }

    /// One route.
    public struct Route: Hashable, Sendable {
        /// `type`: `FIB` or `RIB`.
        public var type: String
        /// `destination`.
        public var destination: String
        /// `gateway`.
        public var gateway: String
        /// `interface`.
        public var interface: String
        /// `learnedFrom.sourceType`.
        public var sourceType: String
        /// `learnedFrom.peerIP`.
        public var peerIP: String?

        /// Creates a value.
        public init(type: String, destination: String, gateway: String, interface: String, sourceType: String) {
            self.type = type
            self.destination = destination
            self.gateway = gateway
            self.interface = interface
            self.sourceType = sourceType
        }
    }
}
