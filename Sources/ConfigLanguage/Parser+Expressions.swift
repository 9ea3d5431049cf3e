import BGPWire
import IPAddressing
import Policy

/// Operators bind as in BIRD: `&&` and `||` alike and weakest, then comparisons (which do not chain), `+ -`, `* /`, `!`.
extension Parser {
    mutating func parseExpression(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        try self.enter()
        defer { self.leave() }
        var lhs = try self.parseComparison(&scope)
        var last: Mark?
        var mixed: Location?
        while self.sees(.and) || self.sees(.or) {
            let mark: Mark = self.sees(.and) ? .and : .or
            if let last, last != mark { mixed = mixed ?? self.location }
            last = mark
            lhs = try self.parseRun(of: mark, after: lhs, &scope)
        }
        if let mixed {
            self.report(
                .warning,
                mixed,
                "'&&' and '||' bind alike, from left to right: parentheses make the order plain"
            )
        }
        return lhs
    }

    /// The terms joined by one operator, which become one flat list.
    private mutating func parseRun(of mark: Mark, after first: TypedExpression, _ scope: inout FilterScope)
        throws(SyntaxError) -> TypedExpression
    {
        var terms = [first.expression]
        var depth = first.depth
        while self.accept(mark) {
            let rhs = try self.parseComparison(&scope)
            if terms.count == 1 { try self.require(first, .bool, "left side of '\(mark.rawValue)'") }
            try self.require(rhs, .bool, "right side of '\(mark.rawValue)'")
            terms.append(rhs.expression)
            depth = max(depth, rhs.depth)
        }
        let expression: FilterExpression = mark == .and ? .conjunction(of: terms) : .disjunction(of: terms)
        return try self.nested(expression, .bool, first.location, depth: depth)
    }

    /// An operation whose deepest operand has `depth`.
    private func nested(_ expression: FilterExpression, _ type: FilterType, _ location: Location, depth: Int)
        throws(SyntaxError) -> TypedExpression
    {
        guard depth < TypedExpression.depthLimit else { throw self.fail(location, "expression is nested too deeply") }
        let isConstant = expression.constantValue != nil
        return TypedExpression(
            expression: expression,
            type: type,
            location: location,
            depth: isConstant ? 1 : depth + 1
        )
    }

    private func require(_ term: TypedExpression, _ type: FilterType, _ what: String) throws(SyntaxError) {
        guard term.type == type || term.type == .any else {
            throw self.fail(term.location, "\(what) must be of type \(type), not \(term.type)")
        }
    }

    private mutating func parseComparison(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        let lhs = try self.parseSum(&scope)
        guard let comparison = self.comparison else { return lhs }
        let location = self.location
        self.advance()
        let rhs = try self.parseSum(&scope)
        if self.comparison != nil { throw self.fail(self.location, "comparisons do not chain; use parentheses") }
        switch comparison {
        case .greater: return try self.combine(.less, rhs, lhs, location, name: ">")
        case .greaterOrEqual: return try self.combine(.lessOrEqual, rhs, lhs, location, name: ">=")
        case .less: return try self.combine(.less, lhs, rhs, location)
        case .lessOrEqual: return try self.combine(.lessOrEqual, lhs, rhs, location)
        case .notEqual: return try self.combine(.notEqual, lhs, rhs, location)
        case .match: return try self.combine(.match, lhs, rhs, location)
        case .notMatch: return try self.combine(.notMatch, lhs, rhs, location)
        default: return try self.combine(.equal, lhs, rhs, location)
        }
    }

    private var comparison: Mark? {
        guard case .mark(let mark) = self.token.kind else { return nil }
        switch mark {
        case .equal, .notEqual, .less, .greater, .lessOrEqual, .greaterOrEqual, .match, .notMatch: return mark
        default: return nil
        }
    }

    /// Checks the operands' types and builds the operation.
    func combine(
        _ operation: FilterBinaryOperation,
        _ lhs: TypedExpression,
        _ rhs: TypedExpression,
        _ location: Location,
        name: String? = nil
    ) throws(SyntaxError) -> TypedExpression {
        var (lhs, rhs) = (lhs, rhs)
        Self.adaptQuad(&lhs, to: rhs.type)
        Self.adaptQuad(&rhs, to: lhs.type)
        guard let type = operation.resultType(lhs.type, rhs.type) else {
            var types = [lhs.type, rhs.type]
            if name != nil { types.reverse() }
            throw self.fail(location, "'\(name ?? operation.name)' is not defined for \(types[0]) and \(types[1])")
        }
        let expression = FilterExpression.folding(operation, lhs.expression, rhs.expression)
        if let error = expression.constantError { throw self.fail(location, error.description) }
        return try self.nested(expression, type, lhs.location, depth: max(lhs.depth, rhs.depth))
    }

    /// A dotted quad reads as an address; beside a quad or a cluster list it is meant as a quad.
    private static func adaptQuad(_ term: inout TypedExpression, to other: FilterType) {
        guard other == .quad || other == .clist, case .constant(.ip(.v4(let address))) = term.expression else { return }
        term.expression = .constant(.quad(address.rawValue))
        term.type = .quad
    }

    private mutating func parseSum(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        var lhs = try self.parseProduct(&scope)
        var terms = 0
        while true {
            let location = self.location
            let operation: FilterBinaryOperation
            if self.accept(.plus) {
                operation = .add
            } else if self.accept(.minus) {
                operation = .subtract
            } else if self.accept(.plusPlus) {
                operation = .append
            } else {
                return lhs
            }
            lhs = try self.combine(operation, lhs, try self.parseProduct(&scope), location)
            terms += 1
            guard terms < Self.nestingLimit else { throw self.fail(location, "expression is too long") }
        }
    }

    private mutating func parseProduct(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        var lhs = try self.parseNegation(&scope)
        var terms = 0
        while self.sees(.star) || self.sees(.slash) {
            let location = self.location
            let operation: FilterBinaryOperation = self.accept(.star) ? .multiply : .divide
            if operation == .divide { self.advance() }
            lhs = try self.combine(operation, lhs, try self.parseNegation(&scope), location)
            terms += 1
            guard terms < Self.nestingLimit else { throw self.fail(location, "expression is too long") }
        }
        return lhs
    }

    private mutating func parseNegation(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        guard self.sees(.not) else { return try self.parsePostfix(&scope) }
        let location = self.location
        self.advance()
        try self.enter()
        defer { self.leave() }
        return try self.apply(.not, try self.parseNegation(&scope), location)
    }

    func apply(_ operation: FilterUnaryOperation, _ operand: TypedExpression, _ location: Location)
        throws(SyntaxError) -> TypedExpression
    {
        guard let type = operation.resultType(operand.type) else {
            throw self.fail(location, "'\(operation.name)' is not defined for \(operand.type)")
        }
        return try self.nested(
            .folding(operation, operand.expression),
            type,
            operand.location,
            depth: operand.depth
        )
    }

    private mutating func parsePostfix(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        var term = try self.parsePrimary(&scope)
        var methods = 0
        while self.accept(.dot) {
            term = try self.parseMethod(on: term, &scope)
            methods += 1
            guard methods < Self.nestingLimit else { throw self.fail(self.location, "expression is too long") }
        }
        return term
    }

    static let plainMethods: [String: FilterUnaryOperation] = [
        "len": .length, "ip": .address, "type": .netType, "is_v4": .isIPv4, "first": .first, "last": .last,
        "last_nonaggregated": .lastNonaggregated, "asn": .asn, "data": .data, "data1": .data1, "data2": .data2,
        "empty": .empty, "min": .minimum, "max": .maximum,
    ]

    static let argumentMethods: [String: FilterBinaryOperation] = [
        "mask": .mask, "prepend": .prepend, "append": .append, "add": .insert, "delete": .delete, "filter": .filter,
    ]

    /// Operations that are written as functions too.
    static let functionForms = ["prepend", "append", "add", "delete", "filter"]

    /// Methods of prefixes that this speaker has no routes of, and the routes they are about.
    static let foreignMethods: [String: String] = [
        "maxlen": "ROAs", "asn": "ROAs", "rd": "VPN routes", "src": "flow and source-specific routes",
        "dst": "flow and source-specific routes", "mac": "Ethernet routes", "vlan_id": "Ethernet routes",
        "evpn_type": "EVPN routes", "evpn_tag": "EVPN routes", "evpn_esi": "EVPN routes", "router_ip": "EVPN routes",
    ]

    /// A method after its dot.
    mutating func parseMethod(on term: TypedExpression, _ scope: inout FilterScope) throws(SyntaxError)
        -> TypedExpression
    {
        let location = self.location
        guard case .word(let name) = self.token.kind else { throw self.unexpected("a method") }
        if term.type == .prefix, let routes = Self.foreignMethods[name] {
            throw self.fail(location, "'.\(name)' is about \(routes), which filters of this speaker never see")
        }
        if let operation = Self.plainMethods[name] {
            self.advance()
            return try self.apply(operation, term, location)
        }
        guard let operation = Self.argumentMethods[name] else {
            let known = (Array(Self.plainMethods.keys) + Array(Self.argumentMethods.keys)).sorted()
            let hint = nearest(to: name, in: known).map { "; did you mean '\($0)'?" } ?? ""
            throw self.fail(location, "'\(name)' is not a method\(hint)")
        }
        self.advance()
        try self.expect(.openParenthesis)
        let argument = try self.parseExpression(&scope)
        try self.expect(.closeParenthesis)
        return try self.combine(operation, term, argument, location)
    }

    /// A literal, name, call, constructor or expression in parentheses.
    mutating func parsePrimary(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        let start = self.location
        func constant(_ value: FilterValue) -> TypedExpression {
            TypedExpression(expression: .constant(value), type: value.type, location: start)
        }
        switch self.token.kind {
        case .number(let number):
            self.advance()
            return constant(.int(number))
        case .text(let text):
            self.advance()
            return constant(.string(text))
        case .bytes(let octets):
            self.advance()
            return constant(.bytestring(octets))
        case .distinguisher(let number):
            self.advance()
            switch self.token.kind {
            case .ipv4, .ipv6: throw self.fail(start, "VPN prefixes are about routes that this speaker does not have")
            default: return constant(.rd(number))
            }
        case .ipv4(let address):
            if self.peek(1).kind == .mark(.slash) { return constant(.prefix(try self.parsePrefixLiteral())) }
            self.advance()
            return constant(.ip(.v4(address)))
        case .ipv6(let address):
            if self.peek(1).kind == .mark(.slash) { return constant(.prefix(try self.parsePrefixLiteral())) }
            self.advance()
            return constant(.ip(Self.literal(address)))
        case .mark(.openBracket): return constant(try self.parseSet())
        case .mark(.openMask):
            let mask = try self.parseMask(&scope)
            return TypedExpression(expression: mask, type: .mask, location: start)
        case .mark(.plus) where self.peek(1).kind == .word("empty"):
            self.index += 2
            try self.expect(.plus, "after '+empty'")
            return constant(.path(ASPath()))
        case .mark(.minus): return constant(try self.parseEmptyList())
        case .mark(.openParenthesis): return try self.parseParenthesis(&scope)
        case .word, .quotedName: return try self.parseNamed(&scope)
        default: throw self.unexpected("an expression")
        }
    }

    /// An IPv4-mapped address is the IPv4 address.
    private static func literal(_ address: IPv6Address) -> IPAddress {
        address.isIPv4Mapped ? .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: address.low))) : .v6(address)
    }

    /// `-empty-`, `--empty--`, `---empty---`.
    private mutating func parseEmptyList() throws(SyntaxError) -> FilterValue {
        var dashes = 0
        while dashes < 3, self.accept(.minus) { dashes += 1 }
        guard self.accept("empty") else { throw self.unexpected("'empty'") }
        for _ in 0..<dashes { try self.expect(.minus, "after 'empty'") }
        return dashes == 1 ? .clist([]) : dashes == 2 ? .eclist([]) : .lclist([])
    }

    /// An extended community's kind after an opening parenthesis, consumed.
    mutating func acceptCommunityKind() throws(SyntaxError) -> FilterCommunityKind? {
        guard case .word(let word) = self.token.kind else { return nil }
        switch word {
        case "rt" where self.peek(1).kind == .mark(.comma):
            self.advance()
            return .routeTarget
        case "ro" where self.peek(1).kind == .mark(.comma):
            self.advance()
            return .routeOrigin
        case "generic" where self.peek(1).kind == .mark(.comma):
            self.advance()
            return .generic
        case "unknown":
            guard case .number = self.peek(1).kind else { return nil }
            self.advance()
            return .unknown(try self.parseNumber("community type", in: 0...UInt16.max))
        default:
            return nil
        }
    }

    private mutating func parseParenthesis(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        let start = self.location
        try self.enter()
        defer { self.leave() }
        try self.expect(.openParenthesis)
        if let kind = try self.acceptCommunityKind() {
            try self.expect(.comma)
            let key = try self.parseExpression(&scope)
            try self.expect(.comma)
            let value = try self.parseExpression(&scope)
            try self.expect(.closeParenthesis)
            return try self.combine(.extendedCommunity(kind), key, value, start)
        }
        let first = try self.parseExpression(&scope)
        guard self.accept(.comma) else {
            try self.expect(.closeParenthesis)
            return first
        }
        let second = try self.parseExpression(&scope)
        guard self.accept(.comma) else {
            try self.expect(.closeParenthesis)
            var result = try self.combine(.pair, first, second, start)
            result.location = start
            return result
        }
        let third = try self.parseExpression(&scope)
        try self.expect(.closeParenthesis)
        for part in [first, second, third] { try self.require(part, .int, "each part of a large community") }
        return try self.nested(
            .folding(first.expression, second.expression, third.expression),
            .lc,
            start,
            depth: max(first.depth, second.depth, third.depth)
        )
    }

    private mutating func parseNamed(_ scope: inout FilterScope) throws(SyntaxError) -> TypedExpression {
        let start = self.location
        guard let name = self.nextName else { throw self.unexpected("an expression") }
        if let local = scope.find(name) {
            self.advance()
            return TypedExpression(expression: .local(local.slot), type: local.type, location: start)
        }
        if let symbol = self.symbols[name] {
            switch symbol {
            case .constant(let value):
                try self.charge(value.size, at: start)
                self.advance()
                return TypedExpression(expression: .constant(value), type: value.type, location: start)
            case .function(let index):
                return try self.parseCall(index, name: name, &scope)
            case .attribute(let attribute):
                guard scope.hasRoute else { throw self.fail(start, "'\(name)' has no value outside of filters") }
                self.advance()
                return TypedExpression(expression: .custom(attribute), type: attribute.type, location: start)
            case .filter, .table, .originTable, .protocolDraft:
                throw self.fail(start, "expected an expression, but '\(name)' is \(symbol.described)")
            }
        }
        if case .word = self.token.kind { return try self.parseKeywordTerm(name, &scope) }
        throw self.undefinedName("an expression")
    }

    private mutating func parseKeywordTerm(_ name: String, _ scope: inout FilterScope) throws(SyntaxError)
        -> TypedExpression
    {
        let start = self.location
        if let attribute = FilterAttribute(rawValue: name) {
            guard scope.hasRoute else { throw self.fail(start, "'\(name)' has no value outside of filters") }
            self.advance()
            return TypedExpression(expression: .attribute(attribute), type: attribute.type, location: start)
        }
        switch name {
        case "true", "false":
            self.advance()
            return TypedExpression(expression: .constant(.bool(name == "true")), type: .bool, location: start)
        case "defined":
            self.advance()
            try self.expect(.openParenthesis)
            let operand = try self.parseExpression(&scope)
            try self.expect(.closeParenthesis)
            return try self.apply(.defined, operand, start)
        case "prepend", "append", "add", "delete", "filter":
            guard let operation = Self.argumentMethods[name] else { break }
            self.advance()
            try self.expect(.openParenthesis)
            let subject = try self.parseExpression(&scope)
            try self.expect(.comma)
            let argument = try self.parseExpression(&scope)
            try self.expect(.closeParenthesis)
            return try self.combine(operation, subject, argument, start)
        case "format", "from_hex":
            self.advance()
            try self.expect(.openParenthesis)
            let operand = try self.parseExpression(&scope)
            try self.expect(.closeParenthesis)
            return try self.apply(name == "format" ? .format : .fromHex, operand, start)
        case "roa_check":
            self.advance()
            return try self.parseOriginCheck(&scope, at: start)
        default: break
        }
        if let error = self.foreignName(name, at: start) { throw error }
        if self.peek(1).kind == .mark(.openParenthesis) { throw self.undefinedName("a function") }
        let known = Self.functionWords + FilterAttribute.allCases.map(\.rawValue) + self.symbols.keys.sorted()
        let hint = nearest(to: name, in: known).map { "; did you mean '\($0)'?" } ?? ""
        throw self.fail(start, "'\(name)' is not defined\(hint)")
    }

    /// Words that begin an expression.
    static let functionWords = ["defined", "format", "from_hex", "roa_check"] + Self.functionForms

    /// An error for a name of BIRD's that is about something this speaker does not have.
    func foreignName(_ name: String, at location: Location) -> SyntaxError? {
        switch name {
        case "aspa_check", "aspa_check_upstream", "aspa_check_downstream", "aspa_providers":
            return self.fail(location, "'\(name)': there are no ASPA tables; test the path with a path mask or a set")
        case "gw_mpls", "gw_mpls_stack", "mpls_label", "mpls_policy", "mpls_class":
            return self.fail(location, "'\(name)' is about MPLS, which this speaker does not have")
        case "bgp_pmsi_tunnel": return self.fail(location, "'\(name)' is about EVPN, which this speaker does not have")
        default: break
        }
        let owners = [
            "rip_": "rip", "ospf_": "ospf", "babel_": "babel", "ra_": "radv", "kbr_": "bridge",
        ]
        for (prefix, owner) in owners where name.hasPrefix(prefix) {
            return self.fail(location, "'\(name)' belongs to protocol \(owner), which this speaker does not have")
        }
        guard name.hasPrefix("krt_") else { return nil }
        return self.fail(
            location,
            "'\(name)': of kernel routes only 'krt_metric', 'krt_source' and 'krt_prefsrc' can be read and set"
        )
    }

    /// `(TABLE)` or `(TABLE, prefix, AS)` after `roa_check`.
    private mutating func parseOriginCheck(_ scope: inout FilterScope, at start: Location) throws(SyntaxError)
        -> TypedExpression
    {
        guard scope.hasRoute else { throw self.fail(start, "'roa_check' has no value outside of filters") }
        try self.expect(.openParenthesis)
        let table = try self.parseOriginTableName().name
        let type = FilterType.enumeration(.roa)
        guard self.accept(.comma) else {
            try self.expect(.closeParenthesis)
            return TypedExpression(expression: .originCheck(table: table, nil, nil), type: type, location: start)
        }
        let prefix = try self.parseExpression(&scope)
        try self.require(prefix, .prefix, "the second argument of 'roa_check'")
        try self.expect(.comma)
        let origin = try self.parseExpression(&scope)
        try self.require(origin, .int, "the third argument of 'roa_check'")
        try self.expect(.closeParenthesis)
        return try self.nested(
            .originCheck(table: table, prefix.expression, origin.expression),
            type,
            start,
            depth: max(prefix.depth, origin.depth)
        )
    }

    /// A call; the function's name comes next.
    mutating func parseCall(_ function: Int, name: String, _ scope: inout FilterScope) throws(SyntaxError)
        -> TypedExpression
    {
        let start = self.location
        guard scope.hasRoute else { throw self.fail(start, "functions cannot be called outside of filters") }
        self.advance()
        try self.expect(.openParenthesis)
        let signature = self.signatures[function]
        var arguments: [FilterExpression] = []
        var depth = 0
        while !self.sees(.closeParenthesis) {
            if !arguments.isEmpty { try self.expect(.comma) }
            var argument = try self.parseExpression(&scope)
            guard arguments.count < signature.parameters.count else {
                throw self.fail(argument.location, "'\(name)' takes \(signature.parameters.count) arguments, not more")
            }
            Self.adaptQuad(&argument, to: signature.parameters[arguments.count])
            try self.require(
                argument,
                signature.parameters[arguments.count],
                "argument \(arguments.count + 1) of '\(name)'"
            )
            arguments.append(argument.expression)
            depth = max(depth, argument.depth)
        }
        guard arguments.count == signature.parameters.count else {
            throw self.fail(
                self.location,
                "'\(name)' takes \(signature.parameters.count) arguments, not \(arguments.count)"
            )
        }
        try self.expect(.closeParenthesis)
        return try self.nested(.call(function, arguments), signature.result, start, depth: depth)
    }
}
