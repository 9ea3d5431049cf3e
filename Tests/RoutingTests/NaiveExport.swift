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
        let toInterior = toInternal || key.session == .confederationMember
        let session = route.settings.session
        let isLastResort =
            session != nil && !key.takesLongLivedStale && route.attributes.communities.contains(.longLivedStale)
        let fromInternal = session != nil && route.settings.origin.isInternal
        if let session {
            if fromInternal, key.session == .nonClient, !session.isRouteReflectorClient { return nil }
            if isLastResort, !toInternal { return nil }
            // RFC 4456 §8: what has been in the receivers' cluster does not come back to it.
            if fromInternal, let cluster = key.clusterID, route.attributes.clusterList?.contains(cluster) ?? false {
                return nil
            }
            if key.interpretsCommunities {
                let communities = route.attributes.communities
                if communities.contains(.noAdvertise) { return nil }
                if !toInterior, communities.contains(.noExport) { return nil }
                if !toInternal, communities.contains(.noExportSubconfed) { return nil }
            }
        }
        // RFC 9234 §5: what is marked goes to customers and clients alone.
        if route.attributes.onlyToCustomer != nil, let role = key.role, ![.provider, .routeServer].contains(role) {
            return nil
        }
        var draft = self.draft(prefix, route)
        guard settings.policy.evaluate(&draft) == .accept else { return nil }
        var out = draft.attributes
        if out.origin == nil { out.origin = .igp }
        if let role = key.role, [.provider, .peer, .routeServer].contains(role) {
            out.onlyToCustomer = out.onlyToCustomer ?? key.localAS
        }
        if toInterior || key.sendsLocalPreference {
            out.localPreference = out.localPreference ?? session?.defaultLocalPreference ?? key.defaultLocalPreference
        } else {
            out.localPreference = nil
        }
        if toInternal {
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
            out.originatorID = nil
            out.clusterList = nil
            if session != nil, !isTransparent, !toInterior,
                out.multiExitDiscriminator == route.attributes.multiExitDiscriminator
            {
                out.multiExitDiscriminator = nil
            }
        }
        out.asPath = Self.path(out.asPath ?? ASPath(), key)
        guard let nextHop = Self.nextHop(key, route, draft.target) else { return nil }
        switch key.aigp {
        case .off: out.remove(.aigp)
        case .originate where session == nil && out.accumulatedIGPMetric == nil:
            Self.setMetric(UInt64(route.local.igpMetric ?? 0), &out)
        case .on, .originate:
            // A receiver that does not see the next hop the metric counts from is told the way to it as well.
            if session != nil, let metric = out.accumulatedIGPMetric, case .recursive(let original, _) = route.target,
                original.address != nextHop.address
            {
                Self.setMetric(Self.sum(metric, route.resolved.igpMetric), &out)
            }
        }
        return Receiver.Route(attributes: out, nextHop: nextHop.address, linkLocal: nextHop.linkLocal)
    }

    private static func setMetric(_ metric: UInt64, _ attributes: inout PathAttributes) {
        let octets = (0..<8).map { UInt8(truncatingIfNeeded: metric >> (56 - $0 * 8)) }
        attributes.set(.aigp, flags: .optional, value: [1, 0, 11] + octets)
    }

    /// AS_PATH as a kind of neighbour gets it (RFC 4271 §5.1.2, RFC 5065 §4, RFC 7947 §2.2.2.1).
    private static func path(_ path: ASPath, _ key: GroupKey) -> ASPath {
        var segments = path.segments
        switch key.session {
        case .client, .nonClient: return path
        case .confederationMember:
            if let first = segments.first, first.kind == .confederationSequence, first.numbers.count < 255 {
                segments[0].numbers.insert(key.localAS, at: 0)
            } else {
                segments.insert(.init(kind: .confederationSequence, numbers: [key.localAS]), at: 0)
            }
            return ASPath(segments: segments)
        case .external, .routeServerClient: break
        }
        if key.stripsConfederation {
            segments.removeAll { $0.kind == .confederationSequence || $0.kind == .confederationSet }
        }
        guard key.session == .external else { return ASPath(segments: segments) }
        for index in segments.indices {
            segments[index].numbers = segments[index].numbers.map { $0 == key.overriddenAS ? key.localAS : $0 }
        }
        var result = ASPath(segments: segments)
        result.prepend(key.localAS)
        return result
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
        let toInterior = [.client, .nonClient, .confederationMember].contains(key.session)
        let isTransparent = key.session == .routeServerClient && route.settings.session != nil
        if !applies(key.nextHopSelf) {
            switch target {
            case .recursive(let nextHop, _):
                let isShared = key.interface != 0 && route.settings.session?.interface == key.interface
                let isForced = applies(key.nextHopKeep) || target != route.target || isTransparent
                if isForced || isUnderstood(nextHop.address) && (toInterior || isShared) {
                    guard isUnderstood(nextHop.address) else { return nil }
                    if isShared { return nextHop }
                    // A link-local address is of no use on another link.
                    return nextHop.address.isLinkLocal ? nil : BGPNextHop(nextHop.address)
                }
            case .gateways(let gateways):
                if gateways.count == 1, let address = gateways[0].address, isUnderstood(address) {
                    let interface = route.resolved.gateways.first?.interface
                    if toInterior || key.interface != 0 && key.interface == interface { return BGPNextHop(address) }
                }
            case .blackhole, .unreachable, .prohibit: break
            }
        }
        return isUnderstood(key.selfNextHop.address) ? key.selfNextHop : nil
    }
}
