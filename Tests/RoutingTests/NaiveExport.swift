import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// A path that a member is entitled to.
struct WirePath: Hashable {
    var prefix: IPPrefix
    var source: SourceID
    var pathID: UInt32
    var birth: Int
}

extension Decided {
    /// What a member has to hold.
    mutating func view(_ member: SourceID, _ peer: BGPSourceSettings, _ settings: ExportSettings<TestPolicy>)
        -> [WirePath: Receiver.Route]
    {
        let (table, view) = (settings.key.table, settings.key.view)
        var result: [WirePath: Receiver.Route] = [:]
        for (prefix, decision) in self.decisions[table] ?? [:] {
            let paths = view == .best ? [decision.best] : self.ranked(table, prefix)
            var choices = paths.compactMap { path in
                self.exported(prefix, path, settings).map { (path: path, route: $0) }
            }
            if case .bestPaths(let count) = view { choices = Array(choices.prefix(Int(count))) }
            choices.removeAll { $0.path.source == member || $0.route.nextHop == peer.peerAddress }
            if view == .firstAccepted { choices = Array(choices.prefix(1)) }
            for (path, route) in choices {
                result[WirePath(prefix: prefix, source: path.source, pathID: path.pathID, birth: path.birth)] = route
            }
        }
        return result
    }

    /// What a consumer has to hold.
    func view(_ settings: ConsumerSettings<TestPolicy>) -> [IPPrefix: ExportedRoute] {
        var result: [IPPrefix: ExportedRoute] = [:]
        for (prefix, decision) in self.decisions[settings.table] ?? [:] {
            let best = decision.best
            guard best.source != settings.excludedSource else { continue }
            var draft = self.draft(prefix, best)
            guard settings.policy.evaluate(&draft) == .accept else { continue }
            var resolved = best.resolved
            if settings.mergePaths > 1, resolved.kind == .gateways, decision.equalCost.count > 1 {
                var gateways: [Gateway] = []
                for gateway in decision.equalCost.flatMap(\.resolved.gateways) where !gateways.contains(gateway) {
                    gateways.append(gateway)
                }
                gateways.sort {
                    if let a = $0.address, let b = $1.address, a != b { return a < b }
                    if ($0.address == nil) != ($1.address == nil) { return $0.address == nil }
                    return ($0.interface, $0.weight) < ($1.interface, $1.weight)
                }
                resolved.gateways = Array(gateways.prefix(settings.mergePaths))
            }
            result[prefix] = ExportedRoute(
                source: best.source,
                origin: best.settings.origin,
                attributes: draft.attributes,
                target: draft.target,
                local: draft.local,
                resolved: resolved
            )
        }
        return result
    }

    private func draft(_ prefix: IPPrefix, _ route: Accepted) -> RouteDraft {
        let gateway = route.resolved.gateways.first
        return RouteDraft(
            prefix: prefix,
            origin: route.settings.origin,
            attributes: route.attributes,
            target: route.target,
            local: route.local,
            gateway: gateway?.address,
            interfaceName: gateway.flatMap { self.interfaces[$0.interface]?.name }
        )
    }

    /// What a route is turned into for a group; nil when it is not sent.
    private func exported(_ prefix: IPPrefix, _ route: Accepted, _ settings: ExportSettings<TestPolicy>)
        -> Receiver.Route?
    {
        let key = settings.key
        let isTransparent = key.session == .routeServerClient
        let toInternal = key.session == .client || key.session == .nonClient
        let session = route.settings.session
        let isLastResort =
            session != nil && !key.takesLongLivedStale && route.attributes.communities.contains(.longLivedStale)
        let fromInternal = session != nil && route.settings.origin.isInternal
        if let session {
            if fromInternal, key.session == .nonClient, !session.isRouteReflectorClient { return nil }
            if isLastResort, !toInternal { return nil }
            if key.interpretsCommunities {
                let communities = route.attributes.communities
                if communities.contains(.noAdvertise) { return nil }
                if !toInternal, communities.contains(.noExport) || communities.contains(.noExportSubconfed) {
                    return nil
                }
            }
        }
        var draft = self.draft(prefix, route)
        guard settings.policy.evaluate(&draft) == .accept else { return nil }
        var out = draft.attributes
        if out.origin == nil { out.origin = .igp }
        var path = out.asPath ?? ASPath()
        if toInternal {
            out.localPreference = out.localPreference ?? session?.defaultLocalPreference ?? key.defaultLocalPreference
            if isLastResort {
                out.localPreference = 0
                if !out.communities.contains(.noExport) { out.communities.append(.noExport) }
            }
            if fromInternal, let session {
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
            if session != nil, !isTransparent,
                out.multiExitDiscriminator == route.attributes.multiExitDiscriminator
            {
                out.multiExitDiscriminator = nil
            }
        }
        out.asPath = path
        guard let nextHop = Self.nextHop(key, route, draft.target) else { return nil }
        return Receiver.Route(attributes: out, nextHop: nextHop.address, linkLocal: nextHop.linkLocal)
    }

    /// The next hop a group is sent for a route: nil when there is none it could use.
    private static func nextHop(_ key: GroupKey, _ route: Accepted, _ target: RouteTarget) -> BGPNextHop? {
        func applies(_ selection: GroupKey.NextHopSelection) -> Bool {
            switch selection {
            case .never: false
            case .always: true
            case .fromInternal: route.settings.session != nil && route.settings.origin.isInternal
            case .fromExternal: route.settings.session != nil && !route.settings.origin.isInternal
            }
        }
        func isUnderstood(_ address: IPAddress) -> Bool {
            address.isIPv4 == key.table.isIPv4 || key.allowsExtendedNextHop && !address.isIPv4
        }
        let toInternal = key.session == .client || key.session == .nonClient
        let isTransparent = key.session == .routeServerClient && route.settings.session != nil
        if !applies(key.nextHopSelf) {
            switch target {
            case .recursive(let nextHop, _):
                let isShared = key.interface != 0 && route.settings.session?.interface == key.interface
                let isForced = applies(key.nextHopKeep) || target != route.target || isTransparent
                if isForced || isUnderstood(nextHop.address) && (toInternal || isShared) {
                    guard isUnderstood(nextHop.address) else { return nil }
                    if isShared { return nextHop }
                    // A link-local address is of no use on another link.
                    return nextHop.address.isLinkLocal ? nil : BGPNextHop(nextHop.address)
                }
            case .gateways(let gateways):
                if gateways.count == 1, let address = gateways[0].address, isUnderstood(address) {
                    let interface = route.resolved.gateways.first?.interface
                    if toInternal || key.interface != 0 && key.interface == interface { return BGPNextHop(address) }
                }
            case .blackhole, .unreachable, .prohibit: break
            }
        }
        return isUnderstood(key.selfNextHop.address) ? key.selfNextHop : nil
    }
}
