public import IPAddressing
public import Policy
public import Routing

/// Why the paths of a destination are where they are.
public struct ExplanationSnapshot: Sendable {
    /// The destination.
    public var prefix: IPPrefix
    /// Table.
    public var table: String
    /// Its paths, the best first.
    public var paths: [Path]
    /// What neighbours are sent of it, in order of the configuration.
    public var neighbors: [Neighbor]
    /// What protocols make of it that take routes out of the table, in order of the configuration.
    public var exports: [Export]
    /// Neighbours that sent it and have no path of it, or not all of them, and why.
    public var unused: [Unused] = []

    /// A route that came and is in no table.
    public struct Unused: Sendable {
        /// Name of the neighbour.
        public var neighbor: String
        /// Why.
        public var reason: UnusedReason
        /// When it came, in seconds since 1970.
        public var time: Double
    }

    /// A path and what was decided about it.
    public struct Path: Sendable {
        /// The path as queries show it.
        public var route: RouteSnapshot
        /// What became of it.
        public var verdict: Verdict
        /// The step of the decision process that decided; nil when it took no part.
        public var step: DecisionReason?
        /// Place in ``ExplanationSnapshot/paths`` of the one it was decided against.
        public var rival: Int?
        /// One sentence.
        public var text: String
        /// Where the import policy rejected it.
        public var place: FilterPlace?
    }

    /// What becomes of a path in its table.
    public enum Verdict: String, Sendable {
        /// It is the best one.
        case best
        /// As good as the best up to the IGP metric; kernel protocols may use it beside that one.
        case equalCost = "equal-cost"
        /// Another one is better.
        case lost
        /// It would take part if its next hop resolved.
        case unusable
        /// It was rejected on import.
        case rejected
    }

    /// What becomes of the destination on its way to a neighbour.
    public struct Neighbor: Sendable {
        /// Name.
        public var name: String
        /// State for the destination.
        public var state: State
        /// What it is sent, one for each path.
        public var sent: [RouteSnapshot]
        /// Why paths are not sent, one sentence each.
        public var reasons: [Reason]
    }

    /// Whether a neighbour has the destination.
    public enum State: String, Sendable {
        /// It was sent.
        case announced
        /// It is due and about to be sent.
        case pending
        /// It is not sent.
        case withheld
        /// There is no session, or none with this family.
        case down
    }

    /// What becomes of the destination on its way out of the table by a protocol that has no neighbours.
    public struct Export: Sendable {
        /// Name of the protocol instance.
        public var name: String
        /// `kernel` or `pipe`.
        public var kind: String
        /// Where routes go: `kernel table 254`, or the name of a table.
        public var destination: String
        /// State for the destination.
        public var state: ExportState
        /// Why paths are not taken, one sentence each.
        public var reasons: [Reason]
    }

    /// Whether routes are where a protocol takes them.
    public enum ExportState: String, Sendable {
        /// One is there.
        case present
        /// One is due.
        case pending
        /// None is taken.
        case withheld
        /// Another one has its place.
        case blocked
        /// The kernel refuses it.
        case refused
        /// The protocol does not run.
        case down
    }

    /// Why a path is not sent.
    public struct Reason: Sendable {
        /// Protocol instance of the path; nil when the reason is about all.
        public var path: String?
        /// Path identifier as received, where the session has them.
        public var pathID: UInt32 = 0
        /// One sentence.
        public var text: String
        /// Where the export policy rejected it.
        public var place: FilterPlace?
    }
}

extension Speaker {
    /// Explains the destination of a query, one answer for each table that has it; with `neighbor` only that one's part.
    public func explain(_ selection: RouteSelection, neighbor: String?) async throws(ControlFailure)
        -> [ExplanationSnapshot]
    {
        let explanations = try await self.core.explain(selection, neighbor: neighbor)
        return await self.core.addWhatSessionsKnow(to: explanations, selection)
    }
}
