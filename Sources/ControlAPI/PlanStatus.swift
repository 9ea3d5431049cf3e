/// What confd makes of the resources for this node: `GET /v1/plan`.
public struct PlanStatus: Codable, Hashable, Sendable {
    /// Name of the node.
    public var node: String
    /// Router id.
    public var routerID: String
    /// The node's AS.
    public var localAS: UInt32
    /// Why the files in place are not what the resources ask for; nil when they are.
    public var pending: String?
    /// Sessions that the resources ask for, IPv4 first.
    public var sessions: [PlannedSession]
    /// What the resources say that is not in force, or not as their author may expect.
    public var problems: [PlanProblem]

    /// Creates a status.
    public init(
        node: String,
        routerID: String,
        localAS: UInt32,
        pending: String?,
        sessions: [PlannedSession],
        problems: [PlanProblem]
    ) {
        self.node = node
        self.routerID = routerID
        self.localAS = localAS
        self.pending = pending
        self.sessions = sessions
        self.problems = problems
    }
}

/// One session of a plan.
public struct PlannedSession: Codable, Hashable, Sendable {
    /// Name of the protocol.
    public var name: String
    /// The resource that asks for it; nil for the mesh.
    public var resource: String?
    /// Neighbour's address.
    public var address: String
    /// Neighbour's port.
    public var port: UInt16
    /// Neighbour's AS.
    public var remoteAS: UInt32
    /// AS used on the session.
    public var localAS: UInt32
    /// Whether this side waits for the other to connect.
    public var passive: Bool
    /// State of the session in the speaker; nil while it has none of that name.
    public var state: String?

    /// Creates a session.
    public init(
        name: String,
        resource: String?,
        address: String,
        port: UInt16,
        remoteAS: UInt32,
        localAS: UInt32,
        passive: Bool,
        state: String? = nil
    ) {
        self.name = name
        self.resource = resource
        self.address = address
        self.port = port
        self.remoteAS = remoteAS
        self.localAS = localAS
        self.passive = passive
        self.state = state
    }
}

/// Why a part of a resource is not in force.
public struct PlanProblem: Codable, Hashable, Sendable {
    /// `Kind/name`; nil when it is the environment.
    public var resource: String?
    /// File, line and field where a manifest is at fault.
    public var place: String?
    /// One sentence for people.
    public var reason: String
    /// Whether the resource is refused as a whole.
    public var refused: Bool

    /// Creates a problem.
    public init(resource: String?, place: String? = nil, reason: String, refused: Bool = false) {
        self.resource = resource
        self.place = place
        self.reason = reason
        self.refused = refused
    }
}
