import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// The routing core again as dictionaries and arrays, written from the rules and without regard to speed.
///
/// It only holds what was said; what follows from that is worked out by ``decide()``.
struct NaiveModel {
    struct Route {
        var source: SourceID
        var pathID: UInt32
        var received: PathAttributes
        var target: RouteTarget
        /// Without the preference, which is always the source's.
        var local: LocalAttributes
        var isStale = false
        /// Kept as a last resort (RFC 9494).
        var isAged = false
        /// Tells a path from one that the same source announced after it went.
        var birth = 0
    }

    var sources: [SourceID: SourceSettings<TestPolicy>] = [:]
    var tables: [TableID: [IPPrefix: [Route]]] = [:]
    /// Interfaces that are known, and whether they are up.
    var interfaces: [UInt32: (name: String, isUp: Bool)] = [:]
    private var births = 0

    /// Number of routes a source has.
    func count(_ source: SourceID) -> Int {
        self.tables.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.count { $0.source == source } } }
    }

    mutating func announce(_ table: TableID, _ prefix: IPPrefix, _ route: Route) {
        let old = self.tables[table]?[prefix]?.first { $0.source == route.source && $0.pathID == route.pathID }
        if old == nil, let limit = self.sources[route.source]?.receiveLimit, self.count(route.source) >= limit {
            return
        }
        self.withdraw(table, prefix, route.source, route.pathID)
        self.births += 1
        var route = route
        route.birth = old?.birth ?? self.births
        self.tables[table, default: [:]][prefix, default: []].append(route)
    }

    mutating func withdraw(_ table: TableID, _ prefix: IPPrefix, _ source: SourceID, _ pathID: UInt32) {
        self.tables[table]?[prefix]?.removeAll { $0.source == source && $0.pathID == pathID }
    }

    /// Removes the routes of a source for which a condition holds.
    mutating func remove(_ source: SourceID, where condition: (Route) -> Bool) {
        for table in self.tables.keys {
            for prefix in self.tables[table, default: [:]].keys {
                self.tables[table]?[prefix]?.removeAll { $0.source == source && condition($0) }
            }
        }
    }

    mutating func flush(_ source: SourceID) { self.remove(source) { _ in true } }

    mutating func markStale(_ source: SourceID) {
        for table in self.tables.keys {
            for prefix in self.tables[table, default: [:]].keys {
                for index in self.tables[table]?[prefix]?.indices ?? 0..<0 {
                    if self.tables[table]?[prefix]?[index].source == source {
                        self.tables[table]?[prefix]?[index].isStale = true
                    }
                }
            }
        }
    }

    /// The neighbour did not come back in time: what is stale becomes a last resort, or goes where NO_LLGR says so.
    mutating func ageStale(_ source: SourceID) {
        for table in self.tables.keys {
            for prefix in self.tables[table, default: [:]].keys {
                for index in self.tables[table]?[prefix]?.indices ?? 0..<0 {
                    guard let route = self.tables[table]?[prefix]?[index], route.source == source, route.isStale else {
                        continue
                    }
                    self.tables[table]?[prefix]?[index].isAged = true
                }
            }
        }
        self.removeForbidden(source)
    }

    /// Removes what may not be kept as a last resort: a policy may say so as well as the neighbour.
    mutating func removeForbidden(_ source: SourceID) {
        for (table, prefixes) in self.tables {
            for (prefix, routes) in prefixes {
                for route in routes where route.source == source && route.isAged {
                    let communities = [
                        route.received.communities, self.accepted(route, prefix)?.attributes.communities ?? [],
                    ].joined()
                    guard communities.contains(.noLongLivedStale) else { continue }
                    self.withdraw(table, prefix, source, route.pathID)
                }
            }
        }
    }

    /// What the import side makes of a route; nil when it is rejected.
    func accepted(_ route: Route, _ prefix: IPPrefix) -> Accepted? {
        guard let settings = self.sources[route.source] else { return nil }
        if let session = settings.session {
            let numbers = route.received.asPath?.segments.flatMap(\.numbers) ?? []
            let own = numbers.count { $0 == session.localAS || $0 == session.confederationID }
            if own > Int(session.allowedLocalAS) { return nil }
            if route.received.originatorID == session.localRouterID { return nil }
            if route.received.clusterList?.contains(session.loopClusterID ?? session.clusterID ?? session.localRouterID)
                ?? false
            {
                return nil
            }
            if let marked = route.received.onlyToCustomer {
                // RFC 9234 §5: what a customer or a client sends must not be marked, and by a peer only with its own AS.
                if session.role == .provider || session.role == .routeServer { return nil }
                if session.role == .peer, marked != session.peerAS { return nil }
            }
        }
        var local = route.local
        local.preference = settings.preference
        var draft = RouteDraft(
            prefix: prefix,
            origin: settings.origin,
            attributes: route.received,
            target: route.target,
            local: local
        )
        guard settings.importPolicy.evaluate(&draft) == .accept else { return nil }
        if let session = settings.session, session.honorsGracefulShutdown, !settings.origin.isInternal,
            !session.isConfederationMember, draft.attributes.communities.contains(.gracefulShutdown)
        {
            draft.attributes.localPreference = 0
        }
        if route.isAged, !draft.attributes.communities.contains(.longLivedStale) {
            draft.attributes.communities.append(.longLivedStale)
        }
        return Accepted(
            source: route.source,
            pathID: route.pathID,
            birth: route.birth,
            settings: settings,
            attributes: draft.attributes,
            target: draft.target,
            local: draft.local
        )
    }

    /// Accepts, resolves and ranks everything.
    func decide() -> Decided {
        var result = Decided(interfaces: self.interfaces)
        for (table, prefixes) in self.tables {
            var accepted: [IPPrefix: [Accepted]] = [:]
            for (prefix, routes) in prefixes where !routes.isEmpty {
                accepted[prefix] = routes.compactMap { self.accepted($0, prefix) }
            }
            result.accepted[table] = accepted
            result.direct[table] = accepted.compactMap { prefix, routes in
                let direct = routes.filter { !$0.isRecursive }
                return direct.isEmpty ? nil : (prefix, direct)
            }.sorted { $0.prefix.length > $1.prefix.length }
        }
        result.rank()
        return result
    }
}

/// A route that the import side let through.
struct Accepted {
    var source: SourceID
    var pathID: UInt32
    var birth: Int
    var settings: SourceSettings<TestPolicy>
    var attributes: PathAttributes
    var target: RouteTarget
    var local: LocalAttributes
    var resolved = ResolvedTarget.unresolvable

    /// Whether it depends on other routes than those of connected networks: next hops do not resolve through it then.
    var isRecursive: Bool {
        guard case .recursive(let nextHop, let interface) = self.target else { return false }
        return self.settings.resolution.mode == .recursive && !(nextHop.address.isLinkLocal && interface != 0)
    }
}
