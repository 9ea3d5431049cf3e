/// A BGP neighbour: `GET /v1/neighbors` and `GET /v1/neighbors/{name}`.
public struct NeighborStatus: Codable, Hashable, Sendable {
    /// Name of the protocol instance.
    public var name: String
    /// The configuration's description.
    public var description: String?
    /// Neighbour's address, with `%interface` where it is link-local.
    public var address: String
    /// Neighbour's port.
    public var port: UInt16
    /// Local address of the session; before it is up, the configured one.
    public var localAddress: String?
    /// Local AS.
    public var localAS: UInt32
    /// Neighbour's AS; nil while only `external` is known.
    public var remoteAS: UInt32?
    /// State of the session.
    public var state: SessionState
    /// Whether the speaker only waits for the neighbour to connect.
    public var passive: Bool
    /// Kind of session.
    public var sessionType: SessionType
    /// When the session was established; nil when it is not.
    public var establishedAt: Timestamp?
    /// Seconds since then; nil when it is not.
    public var uptimeSeconds: UInt64?
    /// The last error that ended or prevented a session.
    public var lastError: SessionError?
    /// The last NOTIFICATION that was sent to the neighbour, whatever happened since.
    public var lastNotificationSent: NotificationRecord?
    /// The last NOTIFICATION that the neighbour sent, whatever happened since.
    public var lastNotificationReceived: NotificationRecord?
    /// Negotiated hold time in seconds, or the configured one before negotiation.
    public var holdTime: UInt16
    /// Keepalive interval in seconds, likewise.
    public var keepaliveTime: UInt16
    /// Seconds for which the transport may take nothing (RFC 9687); nil before negotiation.
    public var sendHoldTime: UInt64?
    /// What remains of the timers that run; nil from a speaker that does not say.
    public var timers: TimersLeft?
    /// Identifier in the neighbour's OPEN.
    public var remoteRouterID: String?
    /// Capabilities of both sides.
    public var capabilities: Capabilities
    /// Graceful restart as both sides announced it; nil where this side or the other does not take part.
    public var gracefulRestart: GracefulRestart?
    /// Per family: in use when the session is up, configured before.
    public var families: [FamilyStatus]
    /// Routes of all families.
    public var routes: RouteCounts
    /// Message counters since the start of the process.
    public var messages: Messages
    /// How often the session was established.
    public var transitions: UInt64
    /// Bytes of attribute sets the neighbour is charged for; nil from a speaker that does not say.
    public var attributeBytes: UInt64?
    /// Bytes at which the session is ended; nil likewise.
    public var attributeLimitBytes: UInt64?
    /// Errors in UPDATEs that did not end the session (RFC 7606), since the start; nil from a speaker that does not say.
    public var updateErrors: [UpdateErrorCount]?
    /// Why the session is idle, such as `disabled` or `error wait 60 s`; nil in other states.
    public var idleReason: String?

    /// Creates a status; what is not given is empty until set.
    public init(
        name: String,
        address: String,
        port: UInt16 = 179,
        localAS: UInt32,
        remoteAS: UInt32?,
        state: SessionState,
        sessionType: SessionType
    ) {
        self.name = name
        self.address = address
        self.port = port
        self.localAS = localAS
        self.remoteAS = remoteAS
        self.state = state
        self.passive = false
        self.sessionType = sessionType
        self.holdTime = 0
        self.keepaliveTime = 0
        self.capabilities = Capabilities()
        self.families = []
        self.routes = RouteCounts()
        self.messages = Messages()
        self.transitions = 0
    }

    /// States of RFC 4271 §8.2.2.
    public enum SessionState: String, Codable, Hashable, Sendable, CaseIterable {
        /// Idle.
        case idle = "Idle"
        /// Connect.
        case connect = "Connect"
        /// Active.
        case active = "Active"
        /// OpenSent.
        case openSent = "OpenSent"
        /// OpenConfirm.
        case openConfirm = "OpenConfirm"
        /// Established.
        case established = "Established"
    }

    /// Kinds of session.
    public enum SessionType: String, Codable, Hashable, Sendable {
        /// The neighbour is in another AS.
        case external
        /// The neighbour is in the same AS.
        case `internal`
        /// The neighbour is in the same AS and a client of this route reflector.
        case routeReflectorClient = "route-reflector-client"
        /// The neighbour is in another AS and a client of this route server.
        case routeServerClient = "route-server-client"
    }

    /// Seconds until timers expire; nil for those that do not run.
    public struct TimersLeft: Codable, Hashable, Sendable {
        /// The neighbour must be heard.
        public var hold: Double?
        /// The next KEEPALIVE is sent.
        public var keepalive: Double?
        /// The transport must take something.
        public var sendHold: Double?
        /// The next attempt to connect.
        public var connectRetry: Double?
        /// The OPEN is sent.
        public var delayOpen: Double?
        /// The wait after an error ends.
        public var idleHold: Double?

        /// Creates a value.
        public init(
            hold: Double? = nil,
            keepalive: Double? = nil,
            sendHold: Double? = nil,
            connectRetry: Double? = nil,
            delayOpen: Double? = nil,
            idleHold: Double? = nil
        ) {
            self.hold = hold
            self.keepalive = keepalive
            self.sendHold = sendHold
            self.connectRetry = connectRetry
            self.delayOpen = delayOpen
            self.idleHold = idleHold
        }
    }

    /// An error and who found it.
    public struct SessionError: Codable, Hashable, Sendable {
        /// Who found it.
        public var direction: Direction
        /// Text, such as `Cease: Administrative Shutdown`.
        public var text: String
        /// When.
        public var at: Timestamp

        /// Creates an error.
        public init(direction: Direction, text: String, at: Timestamp) {
            self.direction = direction
            self.text = text
            self.at = at
        }

        /// Directions.
        public enum Direction: String, Codable, Hashable, Sendable {
            /// This speaker sent a NOTIFICATION.
            case sent
            /// The neighbour sent a NOTIFICATION.
            case received
            /// Something on this host: a refused connection, a limit, a timer.
            case local
        }
    }

    /// A NOTIFICATION (RFC 4271 §4.5).
    public struct NotificationRecord: Codable, Hashable, Sendable {
        /// Error code.
        public var code: UInt8
        /// Error subcode.
        public var subcode: UInt8
        /// Both in words, with the neighbour's words where there are any (RFC 9003).
        public var text: String
        /// The data in hexadecimal; of long ones the first 4096 octets.
        public var data: String
        /// When.
        public var at: Timestamp

        /// Creates a record.
        public init(code: UInt8, subcode: UInt8, text: String, data: String, at: Timestamp) {
            self.code = code
            self.subcode = subcode
            self.text = text
            self.data = data
            self.at = at
        }
    }

    /// Capabilities as text, one each, such as `route refresh` or `AS4 65001`.
    public struct Capabilities: Codable, Hashable, Sendable {
        /// What this speaker announces.
        public var local: [String]
        /// What the neighbour announced; empty until its OPEN arrived.
        public var remote: [String]

        /// Creates a value.
        public init(local: [String] = [], remote: [String] = []) {
            self.local = local
            self.remote = remote
        }
    }

    /// Graceful restart (RFC 4724, RFC 8538, RFC 9494): of the session, or of the last one while the neighbour restarts.
    public struct GracefulRestart: Codable, Hashable, Sendable {
        /// What this speaker announced.
        public var local: Side
        /// What the neighbour announced.
        public var remote: Side
        /// Whether both keep routes over a NOTIFICATION that is no Hard Reset.
        public var notification: Bool
        /// Whether the neighbour is away and its routes are kept.
        public var restarting: Bool

        /// Creates a value.
        public init(local: Side, remote: Side, notification: Bool, restarting: Bool) {
            self.local = local
            self.remote = remote
            self.notification = notification
            self.restarting = restarting
        }

        /// What one side announced.
        public struct Side: Codable, Hashable, Sendable {
            /// Whether its OPEN came from a restart (R bit).
            public var restarted: Bool
            /// Seconds for which the other side is to keep its routes.
            public var restartSeconds: UInt16
            /// Whether it understands LLGR_STALE routes of the other side.
            public var longLived: Bool
            /// Families whose routes are to be kept; empty where the side only helps.
            public var families: [Family]

            /// Creates a value.
            public init(restarted: Bool, restartSeconds: UInt16, longLived: Bool, families: [Family]) {
                self.restarted = restarted
                self.restartSeconds = restartSeconds
                self.longLived = longLived
                self.families = families
            }
        }

        /// A family.
        public struct Family: Codable, Hashable, Sendable {
            /// `ipv4`, `ipv6` or numbers.
            public var family: String
            /// Whether it takes part for the restart time.
            public var restarts: Bool
            /// Whether the side kept forwarding (F bit).
            public var forwardingPreserved: Bool
            /// Seconds as a last resort after the restart time; 0 none.
            public var longLivedSeconds: UInt32

            /// Creates a value.
            public init(family: String, restarts: Bool, forwardingPreserved: Bool, longLivedSeconds: UInt32) {
                self.family = family
                self.restarts = restarts
                self.forwardingPreserved = forwardingPreserved
                self.longLivedSeconds = longLivedSeconds
            }
        }
    }

    /// Route counters.
    public struct RouteCounts: Codable, Hashable, Sendable {
        /// Routes in Adj-RIB-In.
        public var received: UInt64
        /// Of these, accepted by import policy and validation.
        public var accepted: UInt64
        /// Of these, best in their table.
        public var best: UInt64
        /// Routes announced to the neighbour.
        public var exported: UInt64

        /// Creates counters.
        public init(received: UInt64 = 0, accepted: UInt64 = 0, best: UInt64 = 0, exported: UInt64 = 0) {
            self.received = received
            self.accepted = accepted
            self.best = best
            self.exported = exported
        }
    }

    /// How often an attribute was wrong in one way.
    public struct UpdateErrorCount: Codable, Hashable, Sendable {
        /// The attribute, such as `AS_PATH`.
        public var attribute: String
        /// What was wrong with it.
        public var cause: String
        /// What was done.
        public var action: Action
        /// How often.
        public var count: UInt64

        /// Creates a count.
        public init(attribute: String, cause: String, action: Action, count: UInt64) {
            self.attribute = attribute
            self.cause = cause
            self.action = action
            self.count = count
        }

        /// What is done about an error.
        public enum Action: String, Codable, Hashable, Sendable {
            /// The routes of the message count as withdrawn.
            case withdraw
            /// The attribute is left out.
            case discard
        }
    }

    /// One address family of the session.
    public struct FamilyStatus: Codable, Hashable, Sendable {
        /// `ipv4` or `ipv6`.
        public var family: String
        /// Table of the channel.
        public var table: String
        /// Whether both sides agreed on the family and the session is up.
        public var negotiated: Bool
        /// Routes of the family.
        public var routes: RouteCounts
        /// Whether the neighbour said End-of-RIB on this session; nil from a speaker that does not say.
        public var endOfRIB: Bool?
        /// Announcements on this session that the receive limit or `max paths` left out; nil when there are none.
        public var droppedRoutes: UInt64?
        /// Routes that the neighbour, which restarts or is back from it, has not announced again; nil when there are none.
        public var staleRoutes: UInt64?
        /// What those wait for: `restart`, `long-lived` or `end-of-rib`; nil when nothing is waited for.
        public var staleWait: StaleWait?
        /// Seconds until they go, or until the next of these.
        public var staleSeconds: UInt64?

        /// What stale routes wait for.
        public enum StaleWait: String, Codable, Hashable, Sendable {
            /// The neighbour, within its restart time.
            case restart
            /// The neighbour and its End-of-RIB, as a last resort.
            case longLived = "long-lived"
            /// The End-of-RIB of the neighbour, which is back.
            case endOfRIB = "end-of-rib"
        }

        /// Creates a value.
        public init(family: String, table: String, negotiated: Bool, routes: RouteCounts = RouteCounts()) {
            self.family = family
            self.table = table
            self.negotiated = negotiated
            self.routes = routes
        }
    }

    /// Messages in both directions.
    public struct Messages: Codable, Hashable, Sendable {
        /// Sent.
        public var sent: Counts
        /// Received.
        public var received: Counts

        /// Creates counters.
        public init(sent: Counts = Counts(), received: Counts = Counts()) {
            self.sent = sent
            self.received = received
        }

        /// Messages by type (RFC 4271 §4.1, RFC 2918).
        public struct Counts: Codable, Hashable, Sendable {
            /// OPEN.
            public var open: UInt64
            /// UPDATE.
            public var update: UInt64
            /// NOTIFICATION.
            public var notification: UInt64
            /// KEEPALIVE.
            public var keepalive: UInt64
            /// ROUTE-REFRESH.
            public var routeRefresh: UInt64

            /// Creates counters.
            public init(
                open: UInt64 = 0,
                update: UInt64 = 0,
                notification: UInt64 = 0,
                keepalive: UInt64 = 0,
                routeRefresh: UInt64 = 0
            ) {
                self.open = open
                self.update = update
                self.notification = notification
                self.keepalive = keepalive
                self.routeRefresh = routeRefresh
            }
        }
    }
}

/// What can be asked of a neighbour: `POST /v1/neighbors/{name}/{action}`; raw values are the path's last component.
public enum NeighborAction: String, Codable, Hashable, Sendable, CaseIterable {
    /// Start a session that was stopped.
    case up
    /// Stop the session with Cease 6/2 and stay down.
    case down
    /// Stop the session with Cease 6/4 and start it again.
    case restart
    /// Ask the neighbour to send its routes again (RFC 2918).
    case refreshIn = "refresh-in"
    /// Send all routes to the neighbour again.
    case refreshOut = "refresh-out"
}

/// Body of a neighbour action.
public struct NeighborActionRequest: Codable, Hashable, Sendable {
    /// Text for the neighbour (RFC 9003) with `down` and `restart`; at most 255 octets of UTF-8.
    public var message: String?

    /// Creates a body.
    public init(message: String? = nil) {
        self.message = message
    }
}

/// Answer to a neighbour action.
public struct NeighborActionResult: Codable, Hashable, Sendable {
    /// Neighbour's name.
    public var name: String
    /// What was asked.
    public var action: NeighborAction
    /// What happened, one line for people.
    public var message: String

    /// Creates an answer.
    public init(name: String, action: NeighborAction, message: String) {
        self.name = name
        self.action = action
        self.message = message
    }
}
