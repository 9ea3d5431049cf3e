public import BGPWire
public import IPAddressing
public import RouteModel
internal import Routing

/// A part of a table: what its sources have there, accepted by their import policies.
public struct TableSlice: Sendable {
    /// Destinations.
    public var destinations: [Destination]
    /// Where to go on; nil at the end.
    public var next: UInt32?

    /// A destination with its routes, the best first.
    public struct Destination: Sendable {
        /// The prefix.
        public var prefix: IPPrefix
        /// The routes; at least one.
        public var routes: [Route]

        /// Creates a destination.
        public init(prefix: IPPrefix, routes: [Route]) {
            self.prefix = prefix
            self.routes = routes
        }
    }

    /// A route of a table.
    public struct Route: Sendable {
        /// Protocol instance, source and sender.
        public var origin: RouteOrigin
        /// Path identifier where the session has them.
        public var pathID: UInt32
        /// BGP attributes.
        public var attributes: PathAttributes
        /// The next hop; nil for routes that forward nowhere.
        public var nextHop: BGPNextHop?

        /// Creates a route.
        public init(origin: RouteOrigin, pathID: UInt32, attributes: PathAttributes, nextHop: BGPNextHop?) {
            self.origin = origin
            self.pathID = pathID
            self.attributes = attributes
            self.nextHop = nextHop
        }
    }
}

extension SpeakerCore {
    func tableRoutes(_ name: String, from position: UInt32, limit: Int) throws(ControlFailure) -> TableSlice {
        guard let table = self.routing.table(named: name) else { throw self.unknownTable(name) }
        let slice = self.routing.walk(table, from: position, limit: limit)
        let destinations = slice.elements.compactMap { view -> TableSlice.Destination? in
            let routes = view.paths.compactMap { path -> TableSlice.Route? in
                guard let accepted = path.accepted else { return nil }
                return TableSlice.Route(
                    origin: path.origin,
                    pathID: path.pathID,
                    attributes: accepted.attributes,
                    nextHop: accepted.target.bgpNextHop
                        ?? path.resolved.gateways.first.flatMap { gateway in gateway.address.map { BGPNextHop($0) } }
                )
            }
            return routes.isEmpty ? nil : TableSlice.Destination(prefix: view.prefix, routes: routes)
        }
        return TableSlice(destinations: destinations, next: slice.next)
    }
}
