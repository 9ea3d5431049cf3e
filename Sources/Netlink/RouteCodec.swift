internal import IPAddressing

/// Numbers of rtnetlink messages.
enum RouteMessage {
    static let newLink: UInt16 = 16
    static let deleteLink: UInt16 = 17
    static let getLink: UInt16 = 18
    static let newAddress: UInt16 = 20
    static let deleteAddress: UInt16 = 21
    static let getAddress: UInt16 = 22
    static let newRoute: UInt16 = 24
    static let deleteRoute: UInt16 = 25
    static let getRoute: UInt16 = 26
    static let newNeighbor: UInt16 = 28
    static let deleteNeighbor: UInt16 = 29
    static let getNeighbor: UInt16 = 30

    static let request: UInt16 = 0x1
    static let acknowledge: UInt16 = 0x4
    static let dump: UInt16 = 0x300
    static let replace: UInt16 = 0x100
    static let exclusive: UInt16 = 0x200
    static let create: UInt16 = 0x400
}

/// Attribute numbers of route messages.
private enum RouteAttribute {
    static let destination: UInt16 = 1
    static let interface: UInt16 = 4
    static let gateway: UInt16 = 5
    static let priority: UInt16 = 6
    static let preferredSource: UInt16 = 7
    static let multipath: UInt16 = 9
    static let table: UInt16 = 15
    static let via: UInt16 = 18
}

private let clonedRoute: UInt32 = 0x200
private let onLinkFlag: UInt8 = 4

extension KernelRoute {
    /// Decodes the payload of an RTM_NEWROUTE or RTM_DELROUTE.
    ///
    /// Nil for what is not an IPv4 or IPv6 table entry that this type can hold: cache entries, multicast forwarding,
    /// source-specific IPv6 routes, and malformed messages.
    init?(_ payload: NetlinkBytes) {
        guard payload.count >= 12, let family = payload.load(0, as: UInt8.self), IPFamily(rawValue: family) != nil,
            let length = payload.load(1, as: UInt8.self), payload.load(2, as: UInt8.self) == 0,
            let typeOfService = payload.load(3, as: UInt8.self), let shortTable = payload.load(4, as: UInt8.self),
            let number = payload.load(5, as: UInt8.self), let scope = payload.load(6, as: UInt8.self),
            let type = payload.load(7, as: UInt8.self), let flags = payload.load(8, as: UInt32.self),
            flags & clonedRoute == 0, length <= (family == IPFamily.v4.rawValue ? 32 : 128)
        else { return nil }
        var destination: IPAddress =
            family == IPFamily.v4.rawValue ? .v4(.any) : .v6(.any)
        var table = UInt32(shortTable)
        var metric: UInt32 = 0
        var single = KernelNextHop(isOnLink: flags & UInt32(onLinkFlag) != 0)
        var isSingle = false
        var legs: [KernelNextHop] = []
        var source: IPAddress?
        for (attribute, value) in AttributeReader(payload.slice(12)) {
            switch attribute {
            case RouteAttribute.destination:
                guard let address = value.address(family: family) else { return nil }
                destination = address
            case RouteAttribute.interface:
                single.interface = value.load(0) ?? 0
                isSingle = true
            case RouteAttribute.gateway:
                guard let address = value.address(family: family) else { return nil }
                single.gateway = address
                isSingle = true
            case RouteAttribute.via:
                single.gateway = Self.viaAddress(value)
                isSingle = true
            case RouteAttribute.priority: metric = value.load(0) ?? 0
            case RouteAttribute.preferredSource: source = value.address(family: family)
            case RouteAttribute.table: table = value.load(0) ?? table
            case RouteAttribute.multipath: legs = Self.legs(value, family: family)
            default: break
            }
        }
        let prefix = IPPrefix(address: destination, length: length)
        self.key = RouteKey(prefix: prefix, table: table, metric: metric, typeOfService: typeOfService)
        self.protocolNumber = RouteProtocol(rawValue: number)
        self.scope = RouteScope(rawValue: scope)
        self.type = RouteType(rawValue: type)
        self.nextHops = self.type.isSpecial ? [] : !legs.isEmpty ? legs : isSingle ? [single] : []
        self.preferredSource = source
    }

    private static func viaAddress(_ value: NetlinkBytes) -> IPAddress? {
        guard let family = value.load(0, as: UInt16.self) else { return nil }
        return value.slice(2).address(family: UInt8(truncatingIfNeeded: family))
    }

    private static func legs(_ value: NetlinkBytes, family: UInt8) -> [KernelNextHop] {
        var legs: [KernelNextHop] = []
        var rest = value
        while let length = rest.load(0, as: UInt16.self), let flags = rest.load(2, as: UInt8.self),
            let hops = rest.load(3, as: UInt8.self), let interface = rest.load(4, as: UInt32.self),
            length >= 8, Int(length) <= rest.count
        {
            var leg = KernelNextHop(
                interface: interface,
                weight: UInt16(hops) + 1,
                isOnLink: flags & onLinkFlag != 0
            )
            for (attribute, value) in AttributeReader(rest.slice(8, Int(length) - 8)) {
                switch attribute {
                case RouteAttribute.gateway: leg.gateway = value.address(family: family)
                case RouteAttribute.via: leg.gateway = Self.viaAddress(value)
                default: break
                }
            }
            legs.append(leg)
            rest = rest.slice((Int(length) + 3) & ~3)
        }
        return legs
    }
}

extension MessageWriter {
    /// Appends the message of `operation`.
    mutating func append(_ operation: RouteOperation, sequence: UInt32) {
        switch operation {
        case .add(let route):
            self.append(route, flags: RouteMessage.create | RouteMessage.exclusive, sequence: sequence)
        case .replace(let route):
            self.append(route, flags: RouteMessage.create | RouteMessage.replace, sequence: sequence)
        case .delete(let key, let number):
            self.beginMessage(type: RouteMessage.deleteRoute, flags: RouteMessage.request, sequence: sequence)
            self.routeHeader(key, number, scope: .nowhere, type: RouteType(rawValue: 0), flags: 0)
            self.endMessage()
        }
    }

    private mutating func append(_ route: KernelRoute, flags: UInt16, sequence: UInt32) {
        self.beginMessage(type: RouteMessage.newRoute, flags: RouteMessage.request | flags, sequence: sequence)
        let only = route.nextHops.count == 1 && !route.type.isSpecial ? route.nextHops[0] : nil
        self.routeHeader(
            route.key,
            route.protocolNumber,
            scope: route.scope,
            type: route.type,
            flags: only?.isOnLink == true ? UInt32(onLinkFlag) : 0
        )
        if let source = route.preferredSource { self.attribute(RouteAttribute.preferredSource, source) }
        let isIPv4 = route.prefix.isIPv4
        if let only {
            if only.interface != 0 { self.attribute(RouteAttribute.interface, only.interface) }
            if let gateway = only.gateway { self.gateway(gateway, routeIsIPv4: isIPv4) }
        } else if !route.type.isSpecial, !route.nextHops.isEmpty {
            let multipath = self.beginNested(RouteAttribute.multipath)
            for leg in route.nextHops {
                let start = self.bytes.count
                self.append(UInt16(0))
                self.append(leg.isOnLink ? onLinkFlag : UInt8(0))
                self.append(UInt8(truncatingIfNeeded: min(max(leg.weight, 1), 256) - 1))
                self.append(leg.interface)
                if let gateway = leg.gateway { self.gateway(gateway, routeIsIPv4: isIPv4) }
                self.endNested(start)
            }
            self.endNested(multipath)
        }
        self.endMessage()
    }

    private mutating func gateway(_ gateway: IPAddress, routeIsIPv4: Bool) {
        if gateway.isIPv4 == routeIsIPv4 {
            self.attribute(RouteAttribute.gateway, gateway)
        } else {
            // struct rtvia: family, address. 22 octets for IPv6, padded to 24.
            self.append(UInt16(gateway.isIPv4 ? 10 : 22))
            self.append(RouteAttribute.via)
            self.append(UInt16(gateway.isIPv4 ? IPFamily.v4.rawValue : IPFamily.v6.rawValue))
            self.append(gateway)
            self.append(UInt16(0))
        }
    }

    private mutating func routeHeader(
        _ key: RouteKey,
        _ number: RouteProtocol,
        scope: RouteScope,
        type: RouteType,
        flags: UInt32
    ) {
        self.append(key.prefix.isIPv4 ? IPFamily.v4.rawValue : IPFamily.v6.rawValue)
        self.append(key.prefix.length)
        self.append(UInt8(0))
        self.append(key.typeOfService)
        self.append(UInt8(key.table < 256 ? key.table : 0))
        self.append(number.rawValue)
        self.append(scope.rawValue)
        self.append(type.rawValue)
        self.append(flags)
        self.attribute(RouteAttribute.destination, key.prefix.address)
        self.attribute(RouteAttribute.table, key.table)
        // IPv6 takes an absent metric as 1024 when adding and as "any" when deleting.
        let metric = RouteKey.effectiveMetric(key.metric, key.prefix)
        if metric != 0 { self.attribute(RouteAttribute.priority, metric) }
    }

    /// Appends a dump request for the routes of one family.
    mutating func appendRouteDump(family: IPFamily, table: UInt32?, number: RouteProtocol?, sequence: UInt32) {
        self.beginMessage(
            type: RouteMessage.getRoute,
            flags: RouteMessage.request | RouteMessage.dump,
            sequence: sequence
        )
        self.append(family.rawValue)
        self.append(UInt8(0))
        self.append(UInt8(0))
        self.append(UInt8(0))
        self.append(UInt8(table.map { $0 < 256 ? UInt8($0) : 0 } ?? 0))
        self.append(number?.rawValue ?? 0)
        self.append(UInt8(0))
        self.append(UInt8(0))
        self.append(UInt32(0))
        if let table { self.attribute(RouteAttribute.table, table) }
        self.endMessage()
    }
}
