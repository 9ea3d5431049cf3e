/// Why the paths of a destination are where they are: an element of the answer of `GET /v1/explain`.
public struct Explanation: Codable, Hashable, Sendable {
    /// The destination, `192.0.2.0/24`.
    public var prefix: String
    /// Table.
    public var table: String
    /// Its paths, the best first.
    public var paths: [Path]
    /// What neighbors of the table are sent of it, in order of the configuration.
    public var neighbors: [Neighbor]
    /// What kernel protocols and pipes of the table make of it, in order of the configuration.
    public var exports: [Export]
    /// Neighbors that sent it in an UPDATE that counted as withdrawal, and not well since (RFC 7606).
    public var malformed: [Malformed]
    /// Neighbors that sent it and whose route was left out; nil from a speaker that does not say.
    public var unused: [Unused]?

    /// Creates an explanation.
    public init(
        prefix: String,
        table: String,
        paths: [Path],
        neighbors: [Neighbor],
        exports: [Export] = [],
        malformed: [Malformed] = []
    ) {
        self.prefix = prefix
        self.table = table
        self.paths = paths
        self.neighbors = neighbors
        self.exports = exports
        self.malformed = malformed
    }

    /// What was wrong with an UPDATE.
    public struct Malformed: Codable, Hashable, Sendable {
        /// Name of the neighbor.
        public var neighbor: String
        /// The attribute, such as `AS_PATH`.
        public var attribute: String
        /// What was wrong with it.
        public var cause: String
        /// When it came.
        public var at: Timestamp

        /// Creates a value.
        public init(neighbor: String, attribute: String, cause: String, at: Timestamp) {
            self.neighbor = neighbor
            self.attribute = attribute
            self.cause = cause
            self.at = at
        }
    }

    /// A route that was left out.
    public struct Unused: Codable, Hashable, Sendable {
        /// Name of the neighbor.
        public var neighbor: String
        /// One sentence.
        public var reason: String
        /// When it came.
        public var at: Timestamp

        /// Creates a value.
        public init(neighbor: String, reason: String, at: Timestamp) {
            self.neighbor = neighbor
            self.reason = reason
            self.at = at
        }
    }

    /// A path and what was decided about it.
    public struct Path: Codable, Hashable, Sendable {
        /// The path.
        public var route: Route
        /// What became of it.
        public var verdict: Verdict
        /// The step of the decision process that decided, such as `AS_PATH length`; nil when it took no part.
        public var step: String?
        /// The protocol instance whose path it was decided against.
        public var rival: String?
        /// One sentence.
        public var reason: String
        /// Where the import policy rejected it, `file:line`.
        public var place: String?

        /// Creates a path.
        public init(route: Route, verdict: Verdict, reason: String) {
            self.route = route
            self.verdict = verdict
            self.reason = reason
        }
    }

    /// What becomes of a path in its table.
    public enum Verdict: String, Codable, Hashable, Sendable {
        /// It is the best one.
        case best
        /// As good as the best up to the IGP metric.
        case equalCost = "equal-cost"
        /// Another one is better.
        case lost
        /// Its next hop does not resolve.
        case unusable
        /// It was rejected on import.
        case rejected
    }

    /// What a neighbor is sent.
    public struct Neighbor: Codable, Hashable, Sendable {
        /// Name.
        public var name: String
        /// Whether it has the destination.
        public var state: State
        /// The routes it is sent.
        public var sent: [Route]
        /// Why it is not sent others.
        public var reasons: [Reason]

        /// Creates a neighbor.
        public init(name: String, state: State, sent: [Route] = [], reasons: [Reason] = []) {
            self.name = name
            self.state = state
            self.sent = sent
            self.reasons = reasons
        }
    }

    /// Whether a neighbor has the destination.
    public enum State: String, Codable, Hashable, Sendable {
        /// It was sent.
        case announced
        /// It is due and about to be sent.
        case pending
        /// It is not sent.
        case withheld
        /// There is no session, or none with this family.
        case down
    }

    /// What a protocol makes of it that takes routes out of the table and has no neighbor.
    public struct Export: Codable, Hashable, Sendable {
        /// Name of the protocol instance.
        public var name: String
        /// `kernel` or `pipe`.
        public var kind: String
        /// Where routes go: `kernel table 254`, or the name of a table.
        public var destination: String
        /// Whether the destination is there.
        public var state: ExportState
        /// Why paths are not taken.
        public var reasons: [Reason]

        /// Creates an export.
        public init(name: String, kind: String, destination: String, state: ExportState, reasons: [Reason] = []) {
            self.name = name
            self.kind = kind
            self.destination = destination
            self.state = state
            self.reasons = reasons
        }
    }

    /// Whether routes are where a protocol takes them.
    public enum ExportState: String, Codable, Hashable, Sendable {
        /// One is there.
        case present
        /// One is due.
        case pending
        /// None is taken.
        case withheld
        /// A route of another program has its place.
        case blocked
        /// The kernel refuses it.
        case refused
        /// The protocol does not run.
        case down
    }

    /// Why a path is not sent to a neighbor, or not taken.
    public struct Reason: Codable, Hashable, Sendable {
        /// Protocol instance of the path; nil when the reason is about all.
        public var path: String?
        /// Path identifier of the path as received; nil where the session has none.
        public var pathID: UInt32?
        /// One sentence.
        public var reason: String
        /// Where the export policy rejected it, `file:line`.
        public var place: String?

        /// Creates a reason.
        public init(path: String?, reason: String, place: String? = nil) {
            self.path = path
            self.reason = reason
            self.place = place
        }
    }
}

/// What to explain: the query of `GET /v1/explain`.
public struct ExplainQuery: Hashable, Sendable {
    /// A prefix, or the one that an address would use.
    public var selection: RouteQuery.Selection
    /// Table; nil means every table of the family.
    public var table: String?
    /// Only what becomes of it on its way to this neighbor; nil means all of them.
    public var neighbor: String?

    /// Creates a query.
    public init(_ selection: RouteQuery.Selection, table: String? = nil, neighbor: String? = nil) {
        self.selection = selection
        self.table = table
        self.neighbor = neighbor
    }

    /// The query part of a URL, with its question mark.
    public var queryString: String {
        RouteQuery(selection: self.selection, table: self.table).queryString
            + (self.neighbor.map { "&neighbor=\(percentEncoded($0))" } ?? "")
    }

    /// Reads the query part of a URL, without its question mark.
    ///
    /// Throws an error of code `invalid-request` that names the culprit.
    public init(queryString: String) throws(ControlError) {
        // A query for routes has a neighbor together with a direction only.
        var neighbors: [Substring] = []
        var others: [Substring] = []
        for item in queryString.split(separator: "&") {
            if item.hasPrefix("neighbor=") { neighbors.append(item.dropFirst(9)) } else { others.append(item) }
        }
        guard neighbors.count < 2 else {
            throw ControlError(.invalidRequest, "query parameter given twice: neighbor")
        }
        let query = try RouteQuery(queryString: others.joined(separator: "&"))
        guard query == RouteQuery(selection: query.selection, table: query.table), query.selection != .all else {
            throw ControlError(.invalidRequest, "explain takes prefix or for, and if need be table and neighbor")
        }
        self.init(query.selection, table: query.table)
        guard let neighbor = neighbors.first else { return }
        guard let name = percentDecoded(neighbor), !name.isEmpty else {
            throw ControlError(.invalidRequest, "bad value of query parameter neighbor: \(neighbor)")
        }
        self.neighbor = name
    }
}
