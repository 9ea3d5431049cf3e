internal import BGPWire
internal import IPAddressing
internal import Netlink
internal import RouteModel
internal import SpeakerSettings

/// What `protocol static` has to say, given the interfaces as they are.
enum StaticRoutes {
    /// A route that is active now.
    struct Active: Hashable {
        var target: RouteTarget
        var settings: StaticRouteSettings
    }

    /// Routes whose next hops exist; the last statement for a prefix wins.
    static func active(_ settings: StaticSettings, _ interfaces: InterfaceTable) -> [IPPrefix: Active] {
        var result: [IPPrefix: Active] = [:]
        for route in settings.routes {
            if let target = self.target(route.target, interfaces) {
                result[route.prefix] = Active(target: target, settings: route)
            } else {
                result[route.prefix] = nil
            }
        }
        return result
    }

    private static func target(_ target: StaticRouteSettings.Target, _ interfaces: InterfaceTable) -> RouteTarget? {
        switch target {
        case .blackhole: return .blackhole
        case .unreachable: return .unreachable
        case .prohibit: return .prohibit
        case .recursive(let address): return .recursive(BGPNextHop(address), interface: 0)
        case .via(let nextHops):
            let gateways = nextHops.compactMap { self.gateway($0, interfaces) }
            return gateways.isEmpty ? nil : .gateways(gateways)
        }
    }

    /// The leg if its neighbour is on a connected network of a usable interface, or it names a usable interface.
    private static func gateway(_ nextHop: StaticRouteSettings.NextHop, _ interfaces: InterfaceTable) -> Gateway? {
        let named = nextHop.interfaceName.map { interfaces.index(named: $0) }
        if case .some(.none) = named { return nil }
        guard let address = nextHop.address else {
            guard case .some(.some(let index)) = named, interfaces.isUp(index) else { return nil }
            return Gateway(address: nil, interface: index, weight: nextHop.weight)
        }
        if case .some(.some(let index)) = named {
            guard interfaces.isUp(index) else { return nil }
            guard nextHop.onlink || address.isLinkLocal || interfaces.reaches(address, through: index) else {
                return nil
            }
            return Gateway(address: address, interface: index, weight: nextHop.weight, onlink: nextHop.onlink)
        }
        guard let index = interfaces.interface(reaching: address) else { return nil }
        return Gateway(address: address, interface: index, weight: nextHop.weight, onlink: nextHop.onlink)
    }
}

extension InterfaceTable {
    /// Whether a network of the interface contains `address`.
    func reaches(_ address: IPAddress, through index: UInt32) -> Bool {
        (self.addresses[index] ?? []).contains {
            ($0.peer.map(\.hostPrefix) ?? $0.address.network).contains(address)
        }
    }
}
