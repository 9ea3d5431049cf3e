internal import ArgumentParser
internal import BGPWire
internal import IPAddressing

/// `ADDRESS`, `IPV4:PORT` or `[IPV6]:PORT`.
struct PeerArgument: ExpressibleByArgument, Sendable, CustomStringConvertible {
    var address: IPAddress
    var port: UInt16

    init?(argument: String) {
        self.port = 179
        if let address = IPAddress(argument) {
            self.address = address
            return
        }
        guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[argument.index(after: colon)...]),
            port != 0
        else { return nil }
        var text = argument[..<colon]
        if text.hasPrefix("["), text.hasSuffix("]") {
            text = text.dropFirst().dropLast()
            guard let address = IPv6Address(text) else { return nil }
            self.address = .v6(address)
        } else {
            guard let address = IPv4Address(text) else { return nil }
            self.address = .v4(address)
        }
        self.port = port
    }

    var description: String {
        guard self.port != 179 else { return self.address.description }
        return self.address.isIPv4 ? "\(self.address):\(self.port)" : "[\(self.address)]:\(self.port)"
    }
}

/// An address.
struct AddressArgument: ExpressibleByArgument {
    var address: IPAddress

    init?(argument: String) {
        guard let address = IPAddress(argument) else { return nil }
        self.address = address
    }
}

/// An AS number, not 0 or AS_TRANS.
struct NumberArgument: ExpressibleByArgument {
    var number: ASNumber

    init?(argument: String) {
        guard let number = ASNumber(argument), number.rawValue != 0, number != .transition else { return nil }
        self.number = number
    }
}

/// A BGP identifier, not 0.
struct IdentifierArgument: ExpressibleByArgument {
    var identifier: RouterID

    init?(argument: String) {
        guard let identifier = RouterID(argument), identifier.rawValue != 0 else { return nil }
        self.identifier = identifier
    }
}

/// `ipv4` or `ipv6`.
enum FamilyArgument: String, CaseIterable, ExpressibleByArgument {
    case ipv4
    case ipv6

    var family: AddressFamily { self == .ipv4 ? .ipv4Unicast : .ipv6Unicast }
}
