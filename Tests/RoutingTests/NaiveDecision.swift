import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// What follows from what a ``NaiveModel`` holds: resolution and ranking of all routes.
struct Decided {
    /// The outcome for one destination.
    struct Decision {
        var best: Accepted
        /// The best path and those as good as it up to the IGP metric.
        var equalCost: [Accepted]
    }

    let interfaces: [UInt32: (name: String, isUp: Bool)]
    var accepted: [TableID: [IPPrefix: [Accepted]]] = [:]
    /// Routes that next hops may resolve through, longest prefix first.
    var direct: [TableID: [(prefix: IPPrefix, routes: [Accepted])]] = [:]
    var decisions: [TableID: [IPPrefix: Decision]] = [:]
    /// Accepted routes with a next hop that can be used.
    private var candidates: [TableID: [IPPrefix: [Accepted]]] = [:]
    private var rankings: [TableID: [IPPrefix: [Accepted]]] = [:]
    private var known: [TargetKey: ResolvedTarget?] = [:]

    init(interfaces: [UInt32: (name: String, isUp: Bool)]) { self.interfaces = interfaces }

    /// Resolves and ranks what was accepted.
    mutating func rank() {
        for (table, prefixes) in self.accepted {
            var decisions: [IPPrefix: Decision] = [:]
            for (prefix, routes) in prefixes {
                var candidates: [Accepted] = []
                for var route in routes {
                    guard let resolved = self.resolve(route) else { continue }
                    route.resolved = resolved
                    candidates.append(route)
                }
                if let decision = Self.decision(candidates) { decisions[prefix] = decision }
                self.candidates[table, default: [:]][prefix] = candidates
            }
            self.decisions[table] = decisions
        }
    }

    // MARK: Resolution

    /// What a route's target resolves to; nil when it can not be used.
    private mutating func resolve(_ route: Accepted) -> ResolvedTarget? {
        let resolution = route.settings.resolution
        let key = TargetKey(target: route.target, mode: resolution.mode, table: resolution.ipv4Table)
        // Beside the target only the igp tables count, of which a scenario has one pair for each IPv4 table.
        if let known = self.known[key] { return known }
        let result = self.resolve(route.target, resolution)
        self.known[key] = .some(result)
        return result
    }

    private func resolve(_ target: RouteTarget, _ resolution: Resolution) -> ResolvedTarget? {
        switch target {
        case .blackhole: return ResolvedTarget(kind: .blackhole, gateways: [], igpMetric: 0)
        case .unreachable: return ResolvedTarget(kind: .unreachable, gateways: [], igpMetric: 0)
        case .prohibit: return ResolvedTarget(kind: .prohibit, gateways: [], igpMetric: 0)
        case .gateways(let gateways):
            let usable = gateways.compactMap { gateway -> Gateway? in
                if gateway.interface != 0 { return self.isUp(gateway.interface) ? gateway : nil }
                guard let address = gateway.address else { return nil }
                let table = address.isIPv4 ? resolution.ipv4Table : resolution.ipv6Table
                guard let interface = self.link(of: address, table) else { return nil }
                return Gateway(address: address, interface: interface, weight: gateway.weight)
            }
            return usable.isEmpty ? nil : ResolvedTarget(kind: .gateways, gateways: usable, igpMetric: 0)
        case .recursive(let nextHop, let interface):
            if nextHop.address.isLinkLocal {
                guard interface != 0, self.isUp(interface) else { return nil }
                let gateway = Gateway(address: nextHop.address, interface: interface)
                return ResolvedTarget(kind: .gateways, gateways: [gateway], igpMetric: 0)
            }
            let table = nextHop.address.isIPv4 ? resolution.ipv4Table : resolution.ipv6Table
            if resolution.mode == .direct {
                guard let interface = self.link(of: nextHop.address, table) else { return nil }
                let gateway = Gateway(address: nextHop.address, interface: interface)
                return ResolvedTarget(kind: .gateways, gateways: [gateway], igpMetric: 0)
            }
            return self.resolve(nextHop, through: table)
        }
    }

    private func isUp(_ interface: UInt32) -> Bool { self.interfaces[interface]?.isUp ?? true }

    /// The interface of the most specific connected network around an address.
    private func link(of address: IPAddress, _ table: TableID?) -> UInt32? {
        guard let table else { return nil }
        for (prefix, routes) in self.direct[table] ?? [] where prefix.contains(address) {
            for route in routes where route.settings.origin.source == .device {
                if case .gateways(let gateways) = route.target, self.isUp(gateways[0].interface) {
                    return gateways[0].interface
                }
            }
        }
        return nil
    }

    /// Recursive resolution (RFC 4271 §5.1.3): through the best usable route that is not recursive itself.
    private func resolve(_ nextHop: BGPNextHop, through table: TableID?) -> ResolvedTarget? {
        guard let table else { return nil }
        for (prefix, routes) in self.direct[table] ?? [] where prefix.contains(nextHop.address) {
            let usable = routes.compactMap { route -> Accepted? in
                guard let resolved = self.resolve(route.target, route.settings.resolution) else { return nil }
                var route = route
                route.resolved = resolved
                return route
            }
            guard let best = Self.decision(usable)?.best else { continue }
            guard best.resolved.kind == .gateways else { return nil }
            let gateways = best.resolved.gateways.map { gateway in
                var gateway = gateway
                if gateway.address == nil { gateway.address = nextHop.linkLocal.map { .v6($0) } ?? nextHop.address }
                return gateway
            }
            let isConnected = best.settings.origin.source == .device
            let metric = best.local.igpMetric ?? (isConnected ? 0 : 0x8000_0000)
            return ResolvedTarget(kind: .gateways, gateways: gateways, igpMetric: metric)
        }
        return nil
    }

    // MARK: Ranking

    /// Usable routes in the order in which they would win if each winner were taken away.
    mutating func ranked(_ table: TableID, _ prefix: IPPrefix) -> [Accepted] {
        if let known = self.rankings[table]?[prefix] { return known }
        var candidates = self.candidates[table]?[prefix] ?? []
        let options = Self.options(candidates)
        var result: [Accepted] = []
        while let best = Self.decision(candidates, options)?.best {
            result.append(best)
            candidates.removeAll { $0.source == best.source && $0.pathID == best.pathID }
        }
        self.rankings[table, default: [:]][prefix] = result
        return result
    }

    /// A step is taken if one candidate's source asks for it.
    private static func options(_ candidates: [Accepted]) -> DecisionOptions {
        candidates.reduce(into: []) { $0.formUnion($1.settings.session?.decision ?? []) }
    }

    static func decision(_ candidates: [Accepted]) -> Decision? {
        Self.decision(candidates, Self.options(candidates))
    }

    private static func decision(_ candidates: [Accepted], _ options: DecisionOptions) -> Decision? {
        let always = options.contains(.alwaysCompareMED)
        // Deterministic MED the long way: a winner per neighbour AS, MED counting only there, then the winners.
        let groups = Dictionary(grouping: candidates) {
            $0.settings.session == nil ? nil : $0.attributes.asPath?.neighborAS
        }
        let winners = groups.values.compactMap { group in
            group.min { Self.precedes($0, $1, options, comparesMED: true) }
        }
        guard let best = winners.min(by: { Self.precedes($0, $1, options, comparesMED: always) }) else { return nil }
        let equal = candidates.filter { candidate in
            let isBeaten = candidates.contains {
                let isComparable = always || $0.attributes.asPath?.neighborAS == candidate.attributes.asPath?.neighborAS
                return isComparable && Self.beforeMED($0, options) == Self.beforeMED(candidate, options)
                    && Self.discriminator($0) < Self.discriminator(candidate)
            }
            return !isBeaten && Self.beforeMED(candidate, options) == Self.beforeMED(best, options)
                && Self.afterMED(candidate, options) == Self.afterMED(best, options)
        }
        return Decision(best: best, equalCost: equal)
    }

    private static func discriminator(_ route: Accepted) -> UInt32 {
        guard let session = route.settings.session else { return 0 }
        return route.attributes.multiExitDiscriminator ?? session.defaultMED
    }

    /// The steps before MED, the smaller the better.
    private static func beforeMED(_ route: Accepted, _ options: DecisionOptions) -> [Int] {
        guard let session = route.settings.session else { return [-Int(route.local.preference), 0] }
        return [
            -Int(route.local.preference), 1, route.attributes.communities.contains(.longLivedStale) ? 1 : 0,
            -Int(route.attributes.localPreference ?? session.defaultLocalPreference),
        ] + Self.accumulated(route) + [
            options.contains(.pathLength) ? route.attributes.asPath?.decisionLength ?? 0 : 0,
            Int(route.attributes.origin?.rawValue ?? 2),
        ]
    }

    /// Any metric is better than none, then the least sum counts (RFC 7311 §4.1).
    private static func accumulated(_ route: Accepted) -> [Int] {
        guard let metric = route.attributes.accumulatedIGPMetric else { return [1, 0, 0] }
        let sum = Self.sum(metric, route.resolved.igpMetric)
        return [0, Int(sum >> 32), Int(sum & 0xFFFF_FFFF)]
    }

    /// A metric with a distance added, the largest where that is not known or the sum too large.
    static func sum(_ metric: UInt64, _ distance: UInt32) -> UInt64 {
        distance >= 0x8000_0000 || metric > .max - UInt64(distance) ? .max : metric + UInt64(distance)
    }

    /// The steps after MED that paths of equal cost have in common.
    private static func afterMED(_ route: Accepted, _ options: DecisionOptions) -> [Int] {
        guard let session = route.settings.session else { return [0, 0] }
        return [
            // What came from another member of the confederation is as internal as the rest (RFC 5065 §5.3).
            route.settings.origin.isInternal || session.isConfederationMember ? 1 : 0,
            options.contains(.igpMetric) ? Int(route.resolved.igpMetric) : 0,
        ]
    }

    /// The steps that break ties.
    private static func ties(_ route: Accepted) -> [Int] {
        guard let session = route.settings.session else {
            let kind = route.settings.origin.source
            return [
                kind == .kernel ? Int(route.local.kernelMetric ?? 0) : 0, Int(kind.rawValue),
                Int(route.source.rawValue),
            ]
        }
        return [
            Int(route.attributes.originatorID?.rawValue ?? session.peerRouterID.rawValue),
            route.attributes.clusterList?.count ?? 0,
        ]
    }

    private static func precedes(_ a: Accepted, _ b: Accepted, _ options: DecisionOptions, comparesMED: Bool) -> Bool {
        func key(_ route: Accepted) -> [Int] {
            Self.beforeMED(route, options) + [comparesMED ? Int(Self.discriminator(route)) : 0]
                + Self.afterMED(route, options) + Self.ties(route)
        }
        let (x, y) = (key(a), key(b))
        if x != y { return x.lexicographicallyPrecedes(y) }
        if let left = a.settings.session?.peerAddress, let right = b.settings.session?.peerAddress, left != right {
            return left < right
        }
        return a.pathID < b.pathID
    }
}
