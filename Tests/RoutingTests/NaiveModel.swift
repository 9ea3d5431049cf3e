import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// The routing core again as dictionaries and arrays, written from the rules and without regard to speed.
struct NaiveModel {
    struct Route {
        var source: SourceID
        var received: PathAttributes
        var target: RouteTarget
        var local: LocalAttributes
        var pathID: UInt32 = 0
        /// Tells a path from one that the same source announced after it went.
        var birth = 0
    }

    struct Accepted {
        var source: SourceID
        var pathID: UInt32
        var birth: Int
        var attributes: PathAttributes
        var target: RouteTarget
        var local: LocalAttributes
        var metric: UInt32 = 0
    }

    var sources: [SourceID: SourceSettings<TestPolicy>] = [:]
    var routes: [IPv4Prefix: [Route]] = [:]
    var births = 0

    mutating func announce(_ source: SourceID, _ prefix: IPv4Prefix, _ route: Route) {
        let old = self.routes[prefix]?.first { $0.source == source && $0.pathID == route.pathID }
        self.withdraw(source, prefix, route.pathID)
        self.births += 1
        var route = route
        route.birth = old?.birth ?? self.births
        self.routes[prefix, default: []].append(route)
    }

    mutating func withdraw(_ source: SourceID, _ prefix: IPv4Prefix, _ pathID: UInt32 = 0) {
        self.routes[prefix]?.removeAll { $0.source == source && $0.pathID == pathID }
    }

    mutating func flush(_ source: SourceID) {
        for prefix in self.routes.keys { self.routes[prefix]?.removeAll { $0.source == source } }
    }

    func accepted(_ route: Route, _ prefix: IPv4Prefix) -> Accepted? {
        guard let settings = self.sources[route.source] else { return nil }
        if let session = settings.session {
            let own = route.received.asPath?.segments.flatMap(\.numbers).count { $0 == session.localAS } ?? 0
            if own > Int(session.allowedLocalAS) { return nil }
            if route.received.originatorID == session.localRouterID { return nil }
            if route.received.clusterList?.contains(session.clusterID ?? session.localRouterID) ?? false { return nil }
        }
        var draft = RouteDraft(
            prefix: .v4(prefix),
            origin: settings.origin,
            attributes: route.received,
            target: route.target,
            local: route.local
        )
        guard settings.importPolicy.evaluate(&draft) == .accept else { return nil }
        return Accepted(
            source: route.source,
            pathID: route.pathID,
            birth: route.birth,
            attributes: draft.attributes,
            target: draft.target,
            local: draft.local
        )
    }

    /// Resolves a target: the metric of the next hop, or nil.
    func metric(_ target: RouteTarget) -> UInt32? {
        guard case .recursive(let nextHop, _) = target, case .v4(let address) = nextHop.address else { return 0 }
        for length in (0...32).reversed() {
            let prefix = IPv4Prefix(address: address, length: UInt8(length))
            let direct = (self.routes[prefix] ?? []).compactMap { self.accepted($0, prefix) }.filter {
                if case .recursive = $0.target { false } else { true }
            }
            guard let best = direct.max(by: { $0.local.preference < $1.local.preference }) else { continue }
            guard case .gateways = best.target else { return nil }
            return best.local.igpMetric ?? (self.sources[best.source]?.origin.source == .device ? 0 : 0x8000_0000)
        }
        return nil
    }

    func best(_ prefix: IPv4Prefix) -> Accepted? { self.best(self.candidates(prefix)) }

    /// Accepted paths with a resolvable next hop.
    func candidates(_ prefix: IPv4Prefix) -> [Accepted] {
        (self.routes[prefix] ?? []).compactMap { route -> Accepted? in
            guard var accepted = self.accepted(route, prefix), let metric = self.metric(accepted.target) else {
                return nil
            }
            accepted.metric = metric
            return accepted
        }
    }

    func best(_ candidates: [Accepted]) -> Accepted? {
        // Deterministic MED the long way: a winner per neighbour AS, MED counting only there, then the winners.
        let groups = Dictionary(grouping: candidates) {
            self.sources[$0.source]?.session == nil ? nil : $0.attributes.asPath?.neighborAS
        }
        let winners = groups.values.compactMap { $0.min { self.precedes($0, $1, comparesMED: true) } }
        return winners.min { self.precedes($0, $1, comparesMED: false) }
    }

    private func precedes(_ a: Accepted, _ b: Accepted, comparesMED: Bool) -> Bool {
        if a.local.preference != b.local.preference { return a.local.preference > b.local.preference }
        guard let left = self.sources[a.source], let right = self.sources[b.source] else { return false }
        guard let leftSession = left.session, let rightSession = right.session else {
            if (left.session == nil) != (right.session == nil) { return left.session == nil }
            if left.origin.source != right.origin.source {
                return left.origin.source.rawValue < right.origin.source.rawValue
            }
            return a.source < b.source
        }
        func key(_ route: Accepted, _ session: BGPSourceSettings, _ isInternal: Bool) -> [Int] {
            [
                -Int(route.attributes.localPreference ?? session.defaultLocalPreference),
                route.attributes.asPath?.decisionLength ?? 0,
                Int(route.attributes.origin?.rawValue ?? 2),
                comparesMED ? Int(route.attributes.multiExitDiscriminator ?? session.defaultMED) : 0,
                isInternal ? 1 : 0,
                Int(route.metric),
                Int(route.attributes.originatorID?.rawValue ?? session.peerRouterID.rawValue),
                route.attributes.clusterList?.count ?? 0,
            ]
        }
        let x = key(a, leftSession, left.origin.isInternal)
        let y = key(b, rightSession, right.origin.isInternal)
        if x != y { return x.lexicographicallyPrecedes(y) }
        if leftSession.peerAddress != rightSession.peerAddress {
            return leftSession.peerAddress < rightSession.peerAddress
        }
        return a.pathID < b.pathID
    }

    /// What a path is sent as under some settings; nil when it is not.
    func exported(_ best: Accepted, _ prefix: IPv4Prefix, _ settings: ExportSettings<TestPolicy>) -> Receiver.Route? {
        guard let source = self.sources[best.source] else { return nil }
        let key = settings.key
        let isTransparent = key.session == .routeServerClient
        let toInternal = key.session == .client || key.session == .nonClient
        let fromInternal = source.session != nil && source.origin.isInternal
        if let session = source.session {
            if toInternal, fromInternal, key.session == .nonClient, !session.isRouteReflectorClient { return nil }
            let communities = best.attributes.communities
            if communities.contains(.noAdvertise) { return nil }
            if !toInternal, communities.contains(.noExport) || communities.contains(.noExportSubconfed) { return nil }
        }
        var draft = RouteDraft(
            prefix: .v4(prefix),
            origin: source.origin,
            attributes: best.attributes,
            target: best.target,
            local: best.local
        )
        guard settings.policy.evaluate(&draft) == .accept else { return nil }
        var out = draft.attributes
        if out.origin == nil { out.origin = .igp }
        var path = out.asPath ?? ASPath()
        if toInternal {
            out.localPreference =
                out.localPreference ?? source.session?.defaultLocalPreference ?? key.defaultLocalPreference
            if fromInternal, let session = source.session {
                out.originatorID = out.originatorID ?? session.peerRouterID
                var clusters = out.clusterList ?? []
                if let cluster = session.clusterID { clusters.insert(cluster, at: 0) }
                if let cluster = key.clusterID, cluster != session.clusterID { clusters.insert(cluster, at: 0) }
                if !clusters.isEmpty { out.clusterList = clusters }
            }
        } else {
            if !isTransparent { path.prepend(key.localAS) }
            out.localPreference = nil
            out.originatorID = nil
            out.clusterList = nil
            if source.session != nil, !isTransparent,
                out.multiExitDiscriminator == best.attributes.multiExitDiscriminator
            {
                out.multiExitDiscriminator = nil
            }
        }
        out.asPath = path
        var nextHop = key.selfNextHop.address
        if case .recursive(let received, _) = draft.target,
            toInternal || draft.target != best.target || isTransparent && source.session != nil
        {
            nextHop = received.address
        } else if case .gateways(let gateways) = draft.target, toInternal, gateways.count == 1,
            let gateway = gateways[0].address
        {
            nextHop = gateway
        }
        return Receiver.Route(attributes: out, nextHop: nextHop)
    }
}
