public import IPAddressing

/// A route as the control interface shows it: one line of `GET /v1/routes`.
public struct Route: Hashable, Sendable {
    /// Destination.
    public var prefix: IPPrefix
    /// Table.
    public var table: String
    /// Whether it is the best route of its destination.
    public var best: Bool
    /// How it came to be known.
    public var source: Source
    /// Name of the protocol instance it came from; a JSON field `protocol`.
    public var protocolName: String
    /// Address of the neighbour that sent it; nil for local sources.
    public var from: IPAddress?
    /// BGP next hop, or the gateway of a static or kernel route; nil when there is none.
    public var nextHop: IPAddress?
    /// Where packets go after resolution; nil when unresolved or on link.
    public var gateway: IPAddress?
    /// Outgoing interface after resolution.
    public var interface: String?
    /// `blackhole`, `unreachable` or `prohibit` for routes that discard packets.
    public var discard: String?
    /// AS_PATH; nil for routes without one, empty for a path without numbers.
    public var asPath: [ASPathElement]?
    /// LOCAL_PREF.
    public var localPref: UInt32?
    /// MULTI_EXIT_DISC.
    public var med: UInt32?
    /// ORIGIN.
    public var origin: Origin?
    /// Communities, `65000:1`.
    public var communities: [String]
    /// Large communities, `65000:1:2`.
    public var largeCommunities: [String]
    /// Extended communities as text.
    public var extendedCommunities: [String]
    /// ORIGINATOR_ID as a dotted quad.
    public var originatorID: RouterID?
    /// CLUSTER_LIST, dotted quads, the last reflector first.
    public var clusterList: [RouterID]
    /// ATOMIC_AGGREGATE; a JSON field that is there when it is true.
    public var atomicAggregate: Bool
    /// AGGREGATOR.
    public var aggregator: Aggregator?
    /// The accumulated metric of AIGP (RFC 7311).
    public var aigp: UInt64?
    /// The AS of OTC (RFC 9234).
    public var onlyToCustomer: UInt32?
    /// Attributes that have no field of their own; a JSON field that is there when there are any.
    public var otherAttributes: [OtherAttribute]
    /// Route preference.
    public var preference: UInt16
    /// IGP metric of the next hop for BGP, kernel metric for kernel routes.
    public var metric: UInt32?
    /// Why the route is not used; nil when it is accepted.
    public var rejected: String?
    /// Why the route may be out of date; nil when it is not.
    public var stale: Staleness?
    /// Path identifier (RFC 7911).
    public var pathID: UInt32?
    /// Seconds since the route arrived; a JSON field `age`.
    public var ageSeconds: UInt32?

    /// Creates a route without attributes.
    public init(
        prefix: IPPrefix,
        table: String,
        best: Bool,
        source: Source,
        protocolName: String,
        preference: UInt16
    ) {
        self.prefix = prefix
        self.table = table
        self.best = best
        self.source = source
        self.protocolName = protocolName
        self.preference = preference
        self.communities = []
        self.largeCommunities = []
        self.extendedCommunities = []
        self.clusterList = []
        self.atomicAggregate = false
        self.otherAttributes = []
    }

    /// Ways of being out of date.
    public enum Staleness: String, Codable, Hashable, Sendable {
        /// The neighbour restarts, or is sending its routes again, and has not announced it yet (RFC 4724, RFC 7313).
        case stale
        /// It is kept as a last resort, here or where it comes from (LLGR_STALE, RFC 9494).
        case longLived = "long-lived"
    }

    /// Sources.
    public enum Source: String, Codable, Hashable, Sendable, CaseIterable {
        /// A static protocol.
        case `static`
        /// Learned from the kernel.
        case kernel
        /// An interface's network.
        case device
        /// A BGP neighbour.
        case bgp
    }

    /// ORIGIN (RFC 4271 §5.1.1).
    public enum Origin: String, Codable, Hashable, Sendable {
        /// IGP.
        case igp
        /// EGP.
        case egp
        /// INCOMPLETE.
        case incomplete
    }
}

extension Route {
    /// AGGREGATOR (RFC 4271 §5.1.7).
    public struct Aggregator: Codable, Hashable, Sendable {
        /// The AS that formed the aggregate; a JSON field `as`.
        public var number: UInt32
        /// The speaker that formed it, a dotted quad.
        public var id: String

        /// Creates a value.
        public init(number: UInt32, id: RouterID) {
            self.number = number
            self.id = id.description
        }

        private enum CodingKeys: String, CodingKey {
            case number = "as"
            case id
        }
    }

    /// An attribute that this speaker passes on without knowing what it says, or whose value makes no sense.
    public struct OtherAttribute: Codable, Hashable, Sendable {
        /// Type code.
        public var type: UInt8
        /// The registered name, or `attribute` and the number.
        public var name: String
        /// Whether a speaker on the way did not know it (the Partial bit).
        public var partial: Bool
        /// The value in hexadecimal.
        public var value: String

        /// Creates a value.
        public init(type: UInt8, name: String, partial: Bool, value: String) {
            self.type = type
            self.name = name
            self.partial = partial
            self.value = value
        }
    }
}

/// An element of an AS path: JSON number, or array for a set, or object for confederation segments.
public enum ASPathElement: Hashable, Sendable {
    /// One number of an AS_SEQUENCE.
    case number(UInt32)
    /// An AS_SET: `[65001, 65002]`.
    case set([UInt32])
    /// An AS_CONFED_SEQUENCE: `{"confederationSequence": [65001]}`.
    case confederationSequence([UInt32])
    /// An AS_CONFED_SET: `{"confederationSet": [65001]}`.
    case confederationSet([UInt32])
}

extension Route {
    /// The AS path as text: numbers, sets in braces, confederation segments in parentheses; nil without a path.
    public var asPathText: String? {
        self.asPath.map { path in
            path.map { element in
                switch element {
                case .number(let number): String(number)
                case .set(let numbers): "{\(numbers.map(String.init).joined(separator: " "))}"
                case .confederationSequence(let numbers): "(\(numbers.map(String.init).joined(separator: " ")))"
                case .confederationSet(let numbers): "({\(numbers.map(String.init).joined(separator: " "))})"
                }
            }.joined(separator: " ")
        }
    }
}
