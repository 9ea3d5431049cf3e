internal import IPAddressing

extension Link {
    /// Decodes the payload of an RTM_NEWLINK or RTM_DELLINK; nil for bridge-port messages and malformed ones.
    init?(_ payload: NetlinkBytes) {
        guard payload.count >= 16, payload.load(0, as: UInt8.self) == 0,
            let hardware = payload.load(2, as: UInt16.self), let index = payload.load(4, as: UInt32.self),
            let flags = payload.load(8, as: UInt32.self)
        else { return nil }
        self.init(index: index, name: "", isAdminUp: flags & 0x1 != 0, isOperUp: false, mtu: 0, flags: flags)
        self.isLoopback = flags & 0x8 != 0 || hardware == 772
        var state: UInt8 = 0
        for (attribute, value) in AttributeReader(payload.slice(16)) {
            switch attribute {
            case 1: self.mac = value.mac
            case 3: self.name = value.text
            case 4: self.mtu = value.load(0) ?? 0
            case 10: self.master = value.load(0)
            case 16: state = value.load(0) ?? 0
            case 18:
                for (inner, value) in AttributeReader(value) where inner == 1 { self.kind = value.text }
            default: break
            }
        }
        guard !self.name.isEmpty else { return nil }
        let isLowerUp = flags & 0x1_0000 != 0
        self.isOperUp = self.isAdminUp && isLowerUp && (state == 0 || state == 6)
    }
}

extension LinkAddress {
    /// Decodes the payload of an RTM_NEWADDR or RTM_DELADDR.
    init?(_ payload: NetlinkBytes) {
        guard payload.count >= 8, let family = payload.load(0, as: UInt8.self), IPFamily(rawValue: family) != nil,
            let length = payload.load(1, as: UInt8.self), let shortFlags = payload.load(2, as: UInt8.self),
            let scope = payload.load(3, as: UInt8.self), let index = payload.load(4, as: UInt32.self)
        else { return nil }
        var address: IPAddress?
        var local: IPAddress?
        var flags = UInt32(shortFlags)
        for (attribute, value) in AttributeReader(payload.slice(8)) {
            switch attribute {
            case 1: address = value.address(family: family)
            case 2: local = value.address(family: family)
            case 8: flags = value.load(0) ?? flags
            default: break
            }
        }
        // With a peer, IFA_ADDRESS is the peer and IFA_LOCAL the own address; without one they are equal or local is absent.
        guard let own = local ?? address else { return nil }
        self.init(
            interface: index,
            address: AddressWithLength(address: own, length: length),
            peer: local != nil && address != local ? address : nil,
            scope: RouteScope(rawValue: scope),
            flags: flags
        )
    }
}

extension Neighbor {
    /// Decodes the payload of an RTM_NEWNEIGH or RTM_DELNEIGH; nil for bridge forwarding entries.
    init?(_ payload: NetlinkBytes) {
        guard payload.count >= 12, let family = payload.load(0, as: UInt8.self), IPFamily(rawValue: family) != nil,
            let index = payload.load(4, as: UInt32.self), let state = payload.load(8, as: UInt16.self)
        else { return nil }
        var address: IPAddress?
        var mac: MACAddress?
        for (attribute, value) in AttributeReader(payload.slice(12)) {
            switch attribute {
            case 1: address = value.address(family: family)
            case 2: mac = value.mac
            default: break
            }
        }
        guard let address else { return nil }
        self.init(interface: index, address: address, mac: mac, state: State(rawValue: state))
    }
}

extension KernelEvent {
    /// Decodes a notification; nil for what is not understood or not of interest.
    init?(_ message: NetlinkMessage) {
        switch message.type {
        case RouteMessage.newLink:
            guard let link = Link(message.payload) else { return nil }
            self = .linkChanged(link)
        case RouteMessage.deleteLink:
            guard let link = Link(message.payload) else { return nil }
            self = .linkRemoved(link)
        case RouteMessage.newAddress:
            guard let address = LinkAddress(message.payload) else { return nil }
            self = .addressAdded(address)
        case RouteMessage.deleteAddress:
            guard let address = LinkAddress(message.payload) else { return nil }
            self = .addressRemoved(address)
        case RouteMessage.newNeighbor:
            guard let neighbor = Neighbor(message.payload) else { return nil }
            self = .neighborChanged(neighbor)
        case RouteMessage.deleteNeighbor:
            guard let neighbor = Neighbor(message.payload) else { return nil }
            self = .neighborRemoved(neighbor)
        case RouteMessage.newRoute:
            guard let route = KernelRoute(message.payload) else { return nil }
            self = .routeChanged(route)
        case RouteMessage.deleteRoute:
            guard let route = KernelRoute(message.payload) else { return nil }
            self = .routeRemoved(route)
        case NetlinkMessage.overrun: self = .overrun
        default: return nil
        }
    }
}
