public import BGPSession
public import BGPWire
public import IPAddressing
public import RouteModel
public import Routing
public import SpeakerSettings

/// A peer at one moment.
public struct PeerSnapshot: Sendable {
    /// Its settings.
    public var settings: BGPSettings
    /// State of the session that is furthest.
    public var state: SessionState
    /// Whether it was told to stay down.
    public var isDisabled: Bool
    /// Whether an error or a limit had that effect.
    public var isDisabledByError = false
    /// Whether it waits after an error.
    public var isWaiting: Bool
    /// Whether link and local address are there.
    public var isLinkUp: Bool
    /// Why the last session or attempt ended.
    public var lastError: SessionEndReason?
    /// When, in seconds since 1970.
    public var lastErrorTime: Double?
    /// The last NOTIFICATION sent, whatever happened since.
    public var lastSent: NotedNotification?
    /// The last NOTIFICATION received, whatever happened since.
    public var lastReceived: NotedNotification?
    /// What was negotiated, while Established.
    public var negotiated: NegotiatedSession?
    /// What was negotiated for the session whose routes are kept, while the neighbour restarts.
    public var negotiatedBefore: NegotiatedSession?
    /// Our end of the session, while Established.
    public var local: SocketEndpoint?
    /// Since when it is Established, in seconds since 1970.
    public var establishedTime: Double?
    /// How long it has been Established.
    public var uptime: Duration?
    /// How often a session came up.
    public var establishedCount: UInt64
    /// Messages sent and received.
    public var sent: MessageCounts
    /// Messages received.
    public var received: MessageCounts
    /// Errors in UPDATEs that did not end a session, since the peer was made.
    public var updateErrors: [UpdateErrorKind: UInt64] = [:]
    /// Timers that run, and for how long still.
    public var timers: [SessionTimer: Duration] = [:]
    /// Octets of attribute sets it is charged for.
    public var attributeOctets = 0
    /// Families, in order of the configuration.
    public var channels: [Channel]

    init(settings: BGPSettings, state: SessionState) {
        self.settings = settings
        self.state = state
        self.isDisabled = false
        self.isWaiting = false
        self.isLinkUp = true
        self.establishedCount = 0
        self.sent = MessageCounts()
        self.received = MessageCounts()
        self.channels = []
    }

    /// Message counts by type.
    public struct MessageCounts: Hashable, Sendable {
        /// OPEN.
        public var open: UInt64 = 0
        /// UPDATE.
        public var update: UInt64 = 0
        /// NOTIFICATION.
        public var notification: UInt64 = 0
        /// KEEPALIVE.
        public var keepalive: UInt64 = 0
        /// ROUTE-REFRESH.
        public var routeRefresh: UInt64 = 0
    }

    /// A family of the session.
    public struct Channel: Sendable {
        /// The family.
        public var family: AddressFamily
        /// Table.
        public var table: String
        /// Whether both sides speak it.
        public var isNegotiated: Bool
        /// Paths in Adj-RIB-In.
        public var received: UInt64
        /// Those the import policy accepted.
        public var accepted: UInt64
        /// Those that are best.
        public var best: UInt64
        /// Destinations the peer was told.
        public var exported: UInt64
        /// Paths the neighbour, which restarts or is back from it, has not announced again.
        public var stale: UInt64 = 0
        /// What those wait for, and how long at most.
        public var wait: Wait?
        /// Announcements on this session that a limit left out.
        public var dropped: UInt64 = 0
        /// Whether the peer said End-of-RIB on this session.
        public var hasEndOfRIB = false

        /// What stale routes wait for.
        public struct Wait: Hashable, Sendable {
            /// What.
            public var phase: Phase
            /// Time left.
            public var left: Duration
        }

        /// Phases of a neighbour's restart.
        public enum Phase: Hashable, Sendable {
            /// Its restart time runs (RFC 4724).
            case restart
            /// Its routes are a last resort (RFC 9494).
            case longLived
            /// It is back; its End-of-RIB is waited for.
            case synchronizing
        }
    }
}

/// A NOTIFICATION and when it was sent or received.
public struct NotedNotification: Hashable, Sendable {
    /// The message.
    public var notification: Notification
    /// When, in seconds since 1970.
    public var time: Double
}

/// A route as control queries show it.
public struct RouteSnapshot: Sendable {
    /// Destination.
    public var prefix: IPPrefix
    /// Table.
    public var table: String
    /// Protocol instance, source and sender.
    public var origin: RouteOrigin
    /// Whether it is the best one.
    public var isBest: Bool
    /// Attributes: accepted, or as received when rejected, or as sent.
    public var attributes: PathAttributes
    /// Target before resolution.
    public var target: RouteTarget
    /// Preference and kernel attributes.
    public var local: LocalAttributes
    /// Resolved next hops.
    public var gateways: [Gateway]
    /// Name of the first next hop's interface.
    public var interface: String?
    /// `blackhole` and the like, where it does not forward.
    public var discard: String?
    /// Why it was rejected or is not usable.
    public var rejection: String?
    /// Whether it was not announced again since its neighbour restarted or began a refresh.
    public var isStale = false
    /// Whether it is kept as a last resort, here or where it comes from (LLGR_STALE).
    public var isLongLivedStale = false
    /// Path identifier where the session has them.
    public var pathID: UInt32
}

/// Which routes a control query wants.
public struct RouteSelection: Hashable, Sendable {
    /// Table; nil means every table.
    public var table: String?
    /// Family; nil means both.
    public var family: AddressFamily?
    /// One prefix, an address for a longest match, or everything.
    public var destination: Destination
    /// Routes of one neighbour only.
    public var neighbor: Neighbor?

    /// Creates a selection of everything.
    public init() {
        self.destination = .all
    }

    /// Destinations.
    public enum Destination: Hashable, Sendable {
        /// All of them.
        case all
        /// Exactly this one.
        case prefix(IPPrefix)
        /// The most specific one around this address.
        case longestMatch(IPAddress)
    }

    /// A neighbour's view.
    public enum Neighbor: Hashable, Sendable {
        /// What it sent.
        case received(String)
        /// What it is entitled to.
        case exported(String)
    }
}

/// A part of the answer to a route query.
public struct RouteSlice: Sendable {
    /// Routes.
    public var routes: [RouteSnapshot]
    /// Where to go on: which table, from which position; nil at the end.
    public var next: Position?

    /// A position in the walk over all selected tables.
    public struct Position: Hashable, Sendable {
        /// Index of the table in the walk.
        public var stage: Int
        /// Position in the table.
        public var offset: UInt32

        /// Creates a position.
        public init(stage: Int, offset: UInt32) {
            self.stage = stage
            self.offset = offset
        }
    }
}

/// Why a control request cannot be done.
public enum ControlFailure: Error, Hashable, Sendable {
    /// No such neighbour; those that there are, with their addresses.
    case unknownNeighbor(String, known: [String: IPAddress])
    /// No such table; those that there are.
    case unknownTable(String, known: [String])
    /// The session is not up, or lacks the capability.
    case notPossible(String)
}

/// The speaker as a whole.
public struct SpeakerSnapshot: Sendable {
    /// Router id.
    public var routerID: RouterID
    /// Whether the host's state is known and peers are served.
    public var isStarted: Bool
    /// Start, in seconds since 1970.
    public var startTime: Double
    /// Time since then.
    public var uptime: Duration
    /// Tables.
    public var tables: [Table]
    /// Protocol instances in order of the configuration.
    public var protocols: [Instance]
    /// Connections refused because nobody is configured at their address.
    public var refusedConnections: UInt64

    /// A table.
    public struct Table: Sendable {
        /// Name.
        public var name: String
        /// Family.
        public var family: AddressFamily
        /// Destinations.
        public var destinations: Int
        /// Paths.
        public var paths: Int
    }

    /// A protocol instance.
    public struct Instance: Sendable {
        /// Name.
        public var name: String
        /// `bgp`, `kernel`, `static`, `direct`, `device`.
        public var kind: String
        /// `up`, `down`, or the session's state.
        public var state: String
        /// Tables it is connected to.
        public var tables: [String]
        /// One line of detail.
        public var detail: String
        /// Since when it exists, in seconds since 1970.
        public var since: Double
    }
}

/// Octets the speaker holds.
public struct MemorySnapshot: Hashable, Sendable {
    /// Tables, attribute sets and consumers.
    public var core: MemoryAccount
    /// Messages of sessions on their way in or out.
    public var sessions = 0
    /// Routes wanted and seen in the kernel.
    public var installedRoutes = 0
    /// Routes of others that kernel protocols know.
    public var learnedRoutes = 0

    /// What of it lies in the allocator's memory.
    public var allocated: Int { self.core.allocated + self.sessions + self.installedRoutes + self.learnedRoutes }
}

/// An interface.
public struct InterfaceSnapshot: Sendable {
    /// Name.
    public var name: String
    /// Kernel index.
    public var index: UInt32
    /// Whether it carries packets.
    public var isUp: Bool
    /// Largest packet.
    public var mtu: UInt32
    /// Addresses.
    public var addresses: [AddressWithLength]
}
