import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// `protocol static`.
extension Parser {
    mutating func parseStaticStatement(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        if self.sees("roa4") || self.sees("roa6") {
            try self.parseOriginChannel(&draft)
        } else if draft.originTable != nil, self.accept("route") {
            try self.parseAuthorization(&draft)
        } else if self.accept("route") {
            draft.routeLocations.append(self.location)
            do throws(SyntaxError) {
                let route = try self.parseRoute(&draft.routeTokens)
                draft.routes.append(route)
            } catch {
                draft.routeLocations.removeLast()
                throw error
            }
        } else if self.accept("check", "link") {
            _ = try self.parseSwitch()
        } else if self.accept("igp", "table") {
            draft.igpTable = try self.parseTableName()
        } else {
            throw self.unknownStatement(of: .static, Self.staticStatements)
        }
    }

    /// Statements of a static protocol.
    static let staticStatements = [
        "route", "check link", "igp table",
    ]

    /// The name of a table.
    mutating func parseTableName() throws(SyntaxError) -> TableSettings {
        guard case .table(let table) = self.nextSymbol else { throw self.undefinedName("a table") }
        self.advance()
        return table
    }

    private mutating func parseRoute(_ blocks: inout [IPPrefix: Range<Int>]) throws(SyntaxError)
        -> StaticRouteSettings
    {
        let prefix = try self.parsePrefix("the destination's prefix")
        let target: StaticRouteSettings.Target
        let isOld = self.dialect != .bird2
        if self.accept("blackhole") || self.accept("drop") {
            target = .blackhole
        } else if self.accept("unreachable") || self.accept("reject") {
            target = .unreachable
        } else if self.accept("prohibit") {
            target = .prohibit
        } else if self.accept("recursive") {
            target = .recursive(try self.parseAddress("the address to resolve"))
        } else if self.sees("via") || isOld && self.accept("multipath") {
            var hops: [StaticRouteSettings.NextHop] = []
            while self.accept("via") {
                guard hops.count < 256 else { throw self.fail(self.previousLocation, "too many next hops") }
                hops.append(try self.parseNextHop())
            }
            target = .via(hops)
        } else {
            if self.sees("mpls") { throw self.unsupported(self.location, "'mpls'") }
            throw self.unexpected("'via', 'recursive', 'blackhole', 'unreachable' or 'prohibit'")
        }
        var route = StaticRouteSettings(prefix: prefix, target: target)
        blocks[prefix] = nil
        if self.sees(.openBrace) {
            let start = self.location
            let first = self.index
            var scope = FilterScope()
            let body = try self.parseBlock(&scope)
            blocks[prefix] = first..<self.index
            route.attributes = try self.program(body + [.accept], scope, at: start)
        }
        return route
    }

    private mutating func parseNextHop() throws(SyntaxError) -> StaticRouteSettings.NextHop {
        var hop = StaticRouteSettings.NextHop(address: nil, interfaceName: nil)
        if case .text(let name) = self.token.kind {
            guard !name.isEmpty else { throw self.unexpected("the name of an interface") }
            self.advance()
            hop.interfaceName = name
        } else {
            let location = self.location
            let address = try self.parseAddress("the address of a neighbour, or an interface in quotes")
            hop.address = address
            hop.interfaceName = try self.parseZone()
            if hop.interfaceName == nil { hop.interfaceName = try self.parseDevice() }
            if address.isLinkLocal && !address.isIPv4 && hop.interfaceName == nil {
                throw self.fail(location, "a link-local address needs an interface, as in \(address)%eth0")
            }
        }
        while true {
            let start = self.location
            if self.accept("weight") {
                hop.weight = try self.parseNumber("weight", in: 1...256)
            } else if self.accept("onlink") {
                hop.onlink = try self.parseRouteSwitch()
                guard !hop.onlink || hop.address != nil else {
                    throw self.fail(start, "'onlink' needs the address of a neighbour")
                }
            } else if self.accept("bfd") {
                guard !(try self.parseRouteSwitch()) else { throw self.unsupported(start, "'bfd'") }
            } else if self.sees("mpls") {
                throw self.unsupported(start, "'mpls'")
            } else {
                return hop
            }
        }
    }

    /// A switch that other options of the next hop may follow.
    private mutating func parseRouteSwitch() throws(SyntaxError) -> Bool {
        if self.sees("via") || self.sees("weight") || self.sees("onlink") || self.sees("bfd") || self.sees(.openBrace) {
            return true
        }
        return try self.parseSwitch()
    }

    /// `%interface` after an address.
    mutating func parseZone() throws(SyntaxError) -> String? {
        guard self.accept(.percent) else { return nil }
        switch self.token.kind {
        case .word(let name), .quotedName(let name), .text(let name):
            self.advance()
            return name
        default:
            throw self.unexpected("the name of an interface after '%'")
        }
    }

    /// `dev "interface"` after an address.
    private mutating func parseDevice() throws(SyntaxError) -> String? {
        guard self.accept("dev") else { return nil }
        return try self.parseText("the name of an interface in quotes")
    }
}
