public import IPAddressing

/// Which routes to show: the query of `GET /v1/routes`.
public struct RouteQuery: Hashable, Sendable {
    /// Which destinations.
    public var selection: Selection
    /// Table; nil means every table.
    public var table: String?
    /// A neighbour's view instead of a table's.
    public var neighbor: NeighborView?
    /// Only routes of this source.
    public var source: Route.Source?
    /// Only this family: `ipv4` or `ipv6`.
    public var family: Family?
    /// Only best routes.
    public var bestOnly: Bool

    /// Creates a query.
    public init(
        selection: Selection = .all,
        table: String? = nil,
        neighbor: NeighborView? = nil,
        source: Route.Source? = nil,
        family: Family? = nil,
        bestOnly: Bool = false
    ) {
        self.selection = selection
        self.table = table
        self.neighbor = neighbor
        self.source = source
        self.family = family
        self.bestOnly = bestOnly
    }

    /// Destinations.
    public enum Selection: Hashable, Sendable {
        /// Every destination.
        case all
        /// Exactly this prefix.
        case prefix(IPPrefix)
        /// The most specific prefix with a route that contains the address.
        case longestMatch(IPAddress)
    }

    /// A neighbour's routes.
    public struct NeighborView: Hashable, Sendable {
        /// Name of the protocol instance.
        public var name: String
        /// Which of its routes.
        public var direction: Direction

        /// Creates a view.
        public init(name: String, direction: Direction) {
            self.name = name
            self.direction = direction
        }

        /// Directions.
        public enum Direction: String, Hashable, Sendable, CaseIterable {
            /// What the neighbour sent, before import policy; rejected routes carry a reason.
            case received
            /// What the neighbour is sent, after export policy.
            case exported
        }
    }

    /// Address families.
    public enum Family: String, Hashable, Sendable, CaseIterable {
        /// IPv4.
        case ipv4
        /// IPv6.
        case ipv6
    }
}

/// Part of an answer, and where the next part begins.
public struct RoutePage: Sendable {
    /// Routes of this part, any number; may be empty while there is more.
    public var routes: [Route]
    /// Where to go on; nil at the end.
    public var next: RouteContinuation?

    /// Creates a page.
    public init(routes: [Route], next: RouteContinuation?) {
        self.routes = routes
        self.next = next
    }
}

/// A place in a walk over routes.
///
/// Only the backend that made it knows what it means.
///
/// A walk may be abandoned at any continuation, so it must hold nothing that would have to be released.
public struct RouteContinuation: Hashable, Sendable {
    /// Which table, view or stage.
    public var stage: UInt64
    /// Position within it.
    public var position: UInt64

    /// Creates a continuation.
    public init(stage: UInt64, position: UInt64) {
        self.stage = stage
        self.position = position
    }
}
