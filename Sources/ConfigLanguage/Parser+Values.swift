import BGPWire
import IPAddressing
import Policy

extension Parser {
    /// A constant expression: a literal, a defined name, or an expression in parentheses.
    mutating func parseConstant(_ what: String) throws(SyntaxError) -> (value: FilterValue, location: Location) {
        let start = self.location
        switch self.token.kind {
        case .number(let number):
            self.advance()
            return (.int(number), start)
        case .ipv4(let address):
            self.advance()
            return (.ip(.v4(address)), start)
        case .ipv6(let address):
            self.advance()
            return (.ip(.v6(address)), start)
        case .text(let text):
            self.advance()
            return (.string(text), start)
        case .distinguisher(let number):
            self.advance()
            return (.rd(number), start)
        case .bytes(let octets):
            self.advance()
            return (.bytestring(octets), start)
        case .mark(.openParenthesis):
            var scope = FilterScope.constant
            let term = try self.parsePrimary(&scope)
            guard let value = term.expression.constantValue else {
                throw self.fail(start, term.expression.constantError?.description ?? "expected a constant")
            }
            return (value, start)
        case .word, .quotedName:
            guard case .constant(let value) = self.nextSymbol else { throw self.undefinedName(what) }
            self.advance()
            return (value, start)
        default:
            throw self.unexpected(what)
        }
    }

    /// A number in `range`.
    mutating func parseNumber<T: FixedWidthInteger & UnsignedInteger>(
        _ what: String,
        in range: ClosedRange<T>
    ) throws(SyntaxError) -> T {
        let (value, location) = try self.parseConstant(what)
        guard case .int(let number) = value else {
            throw self.fail(location, "expected \(what), found a value of type \(value.type)")
        }
        guard let result = T(exactly: number), range.contains(result) else {
            throw self.fail(
                location,
                "\(what) \(number) is out of range (\(range.lowerBound) to \(range.upperBound))"
            )
        }
        return result
    }

    /// An address of either family.
    mutating func parseAddress(_ what: String) throws(SyntaxError) -> IPAddress {
        let (value, location) = try self.parseConstant(what)
        guard case .ip(let address) = value else {
            throw self.fail(location, "expected \(what), found a value of type \(value.type)")
        }
        return address
    }

    /// A router or cluster identifier: a dotted quad or a number, not zero.
    mutating func parseRouterID(_ what: String) throws(SyntaxError) -> RouterID {
        let (value, location) = try self.parseConstant(what)
        let id: RouterID
        switch value {
        case .ip(.v4(let address)): id = RouterID(address)
        case .int(let number), .quad(let number): id = RouterID(rawValue: number)
        default: throw self.fail(location, "expected \(what) as a dotted quad")
        }
        guard id.rawValue != 0 else { throw self.fail(location, "\(what) must not be zero") }
        return id
    }

    /// A string.
    mutating func parseText(_ what: String) throws(SyntaxError) -> String {
        let (value, location) = try self.parseConstant(what)
        guard case .string(let text) = value else {
            throw self.fail(location, "expected \(what), found a value of type \(value.type)")
        }
        return text
    }

    /// `on`, `off`, `yes`, `no`, a number; nothing means on.
    mutating func parseSwitch() throws(SyntaxError) -> Bool {
        if self.sees(.semicolon) || self.sees(.closeBrace) { return true }
        if self.accept("on") || self.accept("yes") || self.accept("true") { return true }
        if self.accept("off") || self.accept("no") || self.accept("false") { return false }
        let (value, location) = try self.parseConstant("'on' or 'off'")
        switch value {
        case .int(let number): return number != 0
        case .bool(let flag): return flag
        default: throw self.fail(location, "expected 'on' or 'off'")
        }
    }

    /// An option that can only be off.
    mutating func parseOffOnly(_ what: String, at location: Location) throws(SyntaxError) {
        guard !(try self.parseSwitch()) else { throw self.unsupported(location, what) }
    }

    /// `address/length` without host bits.
    mutating func parsePrefix(_ what: String) throws(SyntaxError) -> IPPrefix {
        let start = self.location
        switch self.token.kind {
        case .ipv4, .ipv6:
            guard self.peek(1).kind == .mark(.slash) else {
                self.advance()
                throw self.unexpected("'/' and a length after the address")
            }
            return try self.parsePrefixLiteral()
        default:
            let (value, _) = try self.parseConstant(what)
            guard case .prefix(let prefix) = value else {
                throw self.fail(start, "expected \(what), found a value of type \(value.type)")
            }
            return prefix
        }
    }

    /// The prefix literal that stands here.
    mutating func parsePrefixLiteral() throws(SyntaxError) -> IPPrefix {
        let start = self.location
        let address: IPAddress
        switch self.token.kind {
        case .ipv4(let v4): address = .v4(v4)
        case .ipv6(let v6): address = .v6(v6)
        default: throw self.unexpected("a prefix")
        }
        self.advance()
        try self.expect(.slash)
        guard case .number(let length) = self.token.kind else { throw self.unexpected("a prefix length") }
        guard length <= (address.isIPv4 ? 32 : 128) else {
            throw self.fail(self.location, "prefix length \(length) is out of range")
        }
        self.advance()
        let prefix = IPPrefix(address: address, length: UInt8(clamping: length))
        guard prefix.address == address else {
            throw self.fail(start, "\(address)/\(length) has host bits set; the network is \(prefix)")
        }
        return prefix
    }
}
