internal import IPAddressing
internal import Netlink
internal import RouteModel

/// Foreign routes of one kernel table, and which of them `learn` imports: the one with the lowest metric per prefix.
struct LearnedRoutes {
    private var routes: [IPPrefix: [KernelRoute]] = [:]

    /// Whether a route is one to learn: not the speaker's own, not the kernel's unless these are wanted too, of a type
    /// that forwards or drops.
    static func isForeign(_ route: KernelRoute, own: RouteProtocol, withKernel: Bool) -> Bool {
        guard route.protocolNumber != own, withKernel || route.protocolNumber != .kernel,
            route.protocolNumber != .redirect, route.key.typeOfService == 0
        else { return false }
        switch route.type {
        case .unicast: guard !route.nextHops.isEmpty else { return false }
        case .blackhole, .unreachable, .prohibit: break
        default: return false
        }
        switch route.prefix.address {
        case .v4(let address): return !address.isMulticast && !address.isLoopback
        case .v6(let address): return !address.isMulticast && !address.isLinkLocal && !address.isLoopback
        }
    }

    /// Octets held, about.
    var memory: Int {
        self.routes.capacity * 4 / 3 * (MemoryLayout<IPPrefix>.stride + 8)
            + self.routes.count * (96 + MemoryLayout<KernelRoute>.stride)
    }

    /// The route to import for a prefix.
    func best(_ prefix: IPPrefix) -> KernelRoute? {
        self.routes[prefix]?.min { ($0.metric, $0.protocolNumber.rawValue) < ($1.metric, $1.protocolNumber.rawValue) }
    }

    /// Adds or replaces a route.
    ///
    /// Returns the prefix whose best may have changed.
    mutating func insert(_ route: KernelRoute) -> IPPrefix {
        var list = self.routes[route.prefix] ?? []
        list.removeAll { $0.key == route.key }
        list.append(route)
        self.routes[route.prefix] = list
        return route.prefix
    }

    /// Removes the route with a key, whoever installed it.
    mutating func remove(_ key: RouteKey) -> IPPrefix {
        if var list = self.routes[key.prefix] {
            list.removeAll { $0.key == key }
            self.routes[key.prefix] = list.isEmpty ? nil : list
        }
        return key.prefix
    }

    /// Replaces everything by a dump.
    ///
    /// Returns the prefixes whose best route differs.
    mutating func replace(_ dump: [KernelRoute]) -> [IPPrefix] {
        let old = self
        self.routes = Dictionary(grouping: dump) { $0.prefix }
        var changed = self.routes.keys.filter { self.best($0) != old.best($0) }
        changed += old.routes.keys.filter { self.routes[$0] == nil }
        return changed
    }
}

extension KernelRoute {
    /// The target of a learned route.
    var learnedTarget: RouteTarget {
        switch self.type {
        case .unreachable: .unreachable
        case .prohibit: .prohibit
        case .blackhole: .blackhole
        default:
            .gateways(
                self.nextHops.map {
                    Gateway(address: $0.gateway, interface: $0.interface, weight: $0.weight, onlink: $0.isOnLink)
                }
            )
        }
    }
}
