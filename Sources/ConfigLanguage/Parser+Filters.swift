import IPAddressing
import Policy

/// Functions, filters and their statements.
extension Parser {
    static let typeNames: [String: FilterType] = [
        "bool": .bool, "int": .int, "pair": .pair, "quad": .quad, "ip": .ip, "prefix": .prefix, "string": .string,
        "ec": .ec, "lc": .lc, "bgppath": .path, "bgpmask": .mask, "clist": .clist, "eclist": .eclist,
        "lclist": .lclist,
    ]

    /// Whether a type begins here; an attribute or constant of the same name would not be followed by a name.
    private var seesType: Bool {
        guard case .word(let word) = self.token.kind else { return false }
        return Self.typeNames[word] != nil
    }

    private mutating func parseType() throws(SyntaxError) -> FilterType {
        guard case .word(let word) = self.token.kind, let type = Self.typeNames[word] else {
            throw self.unexpected("a type")
        }
        self.advance()
        guard self.sees("set") else { return type }
        switch type {
        case .int, .pair, .quad, .ip, .ec, .lc:
            self.advance()
            return .set(type)
        case .prefix:
            self.advance()
            return .prefixSet
        default:
            throw self.fail(self.location, "there are no sets of \(type)")
        }
    }

    /// `function NAME (TYPE NAME; …) [-> TYPE] [TYPE NAME; …] { … }`.
    mutating func parseFunction() throws(SyntaxError) {
        let (name, location) = try self.expectName("a name for the function")
        var scope = FilterScope()
        var parameters: [FilterType] = []
        try self.expect(.openParenthesis)
        while !self.sees(.closeParenthesis) {
            if !parameters.isEmpty, !self.accept(.comma) {
                try self.expect(.semicolon)
                if self.sees(.closeParenthesis) { break }
            }
            let type = try self.parseType()
            let (parameter, at) = try self.expectName("a name for the parameter")
            guard scope.declare(parameter, type) != nil else {
                throw self.fail(at, "there is another parameter named '\(parameter)'")
            }
            parameters.append(type)
        }
        try self.expect(.closeParenthesis)
        if self.accept(.arrow) { scope.declaredResult = try self.parseType() }
        let index = self.library.count
        // The name is known inside, so that functions can call themselves; calls are bounded when the filter runs.
        try self.define(name, .function(index), at: location)
        self.library.append(FilterFunction(parameterCount: parameters.count, slotCount: 0, body: []))
        self.signatures.append(
            FunctionSignature(parameters: parameters, result: scope.declaredResult ?? .any)
        )
        let body = try self.parseDefinitionBody(&scope)
        try self.checkSlots(scope, at: location)
        self.library[index].slotCount = scope.slotCount
        self.library[index].body = body
        self.signatures[index].result = scope.resultType
    }

    /// `filter NAME [TYPE NAME; …] { … }`.
    mutating func parseFilterDefinition() throws(SyntaxError) {
        let (name, location) = try self.expectName("a name for the filter")
        var scope = FilterScope()
        let body = try self.parseDefinitionBody(&scope)
        try self.define(name, .filter(try self.program(body, scope, at: location)), at: location)
    }

    /// Locals declared before the brace, then the block.
    private mutating func parseDefinitionBody(_ scope: inout FilterScope) throws(SyntaxError) -> [FilterStatement] {
        var declarations: [FilterStatement] = []
        while self.seesType { declarations += try self.parseDeclaration(&scope) }
        return declarations + (try self.parseBlock(&scope))
    }

    /// A filter where a channel's `import` or `export` takes one: `all`, `none`, `where …`, `filter NAME`, `filter { … }`.
    mutating func parsePolicy() throws(SyntaxError) -> FilterProgram {
        if self.accept("all") { return .acceptAll }
        if self.accept("none") { return .rejectAll }
        let start = self.location
        if self.accept("where") {
            var scope = FilterScope()
            let condition = try self.parseExpression(&scope)
            guard condition.type == .bool || condition.type == .any else {
                throw self.fail(condition.location, "the condition must be of type bool, not \(condition.type)")
            }
            return try self.program(FilterProgram.accepting(condition.expression), scope, at: start)
        }
        guard self.accept("filter") else { throw self.unexpected("'all', 'none', 'where' or 'filter'") }
        if self.sees(.openBrace) || self.seesType {
            var scope = FilterScope()
            let body = try self.parseDefinitionBody(&scope)
            return try self.program(body, scope, at: start)
        }
        guard let symbol = self.nextSymbol, case .filter(let program) = symbol else {
            throw self.undefinedName("a filter")
        }
        self.advance()
        return program
    }

    /// `{ … }`; errors inside are reported here, so that one does not hide the next.
    mutating func parseBlock(_ scope: inout FilterScope) throws(SyntaxError) -> [FilterStatement] {
        try self.enter()
        defer { self.leave() }
        try self.expect(.openBrace)
        scope.openBlock()
        defer { scope.closeBlock() }
        let statements = self.parseStatements(&scope) { $0.sees(.closeBrace) }
        try self.expect(.closeBrace, "at the end of the block")
        return statements
    }

    private mutating func parseStatements(_ scope: inout FilterScope, until isEnd: (Parser) -> Bool)
        -> [FilterStatement]
    {
        var statements: [FilterStatement] = []
        while !isEnd(self), !self.sees(.closeBrace), self.token.kind != .end {
            let before = self.index
            do throws(SyntaxError) {
                if self.seesType {
                    statements += try self.parseDeclaration(&scope)
                } else {
                    statements.append(try self.parseStatement(&scope))
                }
            } catch {
                self.report(error)
                self.recover()
                if self.index == before, !self.sees(.closeBrace) { self.advance() }
            }
        }
        return statements
    }

    /// `TYPE NAME [= expression];`.
    private mutating func parseDeclaration(_ scope: inout FilterScope) throws(SyntaxError) -> [FilterStatement] {
        let type = try self.parseType()
        let (name, location) = try self.expectName("a name for the variable")
        var statements: [FilterStatement] = []
        var initial: TypedExpression?
        if self.accept(.equal) { initial = try self.parseExpression(&scope) }
        guard let slot = scope.declare(name, type) else {
            throw self.fail(location, "'\(name)' is already declared in this block")
        }
        if let initial {
            statements.append(.assign(slot, try self.assignable(initial, to: type, named: name)))
        }
        try self.expect(.semicolon)
        return statements
    }

    /// The value in the form the target takes.
    private func assignable(_ value: TypedExpression, to type: FilterType, named name: String) throws(SyntaxError)
        -> FilterExpression
    {
        if type == .quad, case .constant(.ip(.v4(let address))) = value.expression {
            return .constant(.quad(address.rawValue))
        }
        if value.type == type || value.type == .any { return value.expression }
        if value.type == .set(.void) {
            if case .set = type { return value.expression }
            if type == .prefixSet { return value.expression }
        }
        throw self.fail(value.location, "'\(name)' is of type \(type) and cannot take a value of type \(value.type)")
    }

    /// A statement, or a block as the body of a branch.
    private mutating func parseBody(_ scope: inout FilterScope) throws(SyntaxError) -> [FilterStatement] {
        if self.sees(.openBrace) { return try self.parseBlock(&scope) }
        return [try self.parseStatement(&scope)]
    }

    private mutating func parseStatement(_ scope: inout FilterScope) throws(SyntaxError) -> FilterStatement {
        try self.enter()
        defer { self.leave() }
        let start = self.location
        if self.sees(.openBrace) {
            let body = try self.parseBlock(&scope)
            return .conditional([FilterBranch(condition: .constant(.bool(true)), body: body)], otherwise: [])
        }
        guard let name = self.nextName else { throw self.unexpected("a statement") }
        if let local = scope.find(name) {
            self.advance()
            return try self.parseChange(of: .local(local.slot), local.type, name, start, &scope) {
                .assign(local.slot, $0)
            }
        }
        if let symbol = self.symbols[name], case .function(let function) = symbol {
            let call = try self.parseCall(function, name: name, &scope)
            try self.expect(.semicolon)
            return .evaluate(call.expression)
        }
        if let attribute = FilterAttribute(rawValue: name), case .word = self.token.kind {
            self.advance()
            guard attribute.isWritable else { throw self.fail(start, "'\(name)' cannot be changed") }
            return try self.parseChange(of: .attribute(attribute), attribute.type, name, start, &scope) {
                .set(attribute, $0)
            }
        }
        switch name {
        case "accept", "reject":
            self.advance()
            if case .text = self.token.kind {
                throw self.unsupported(self.location, "a message after '\(name)'")
            }
            try self.expect(.semicolon)
            return name == "accept" ? .accept : .reject
        case "return":
            self.advance()
            return try self.parseReturn(&scope)
        case "if":
            self.advance()
            return try self.parseConditional(&scope)
        case "case":
            self.advance()
            return try self.parseChoice(&scope)
        case "unset":
            self.advance()
            return try self.parseUnset()
        case "print", "printn", "for", "eval", "bt_assert":
            throw self.unsupported(start, "'\(name)'")
        default:
            throw self.unknownStatement(
                "a filter",
                ["accept", "reject", "return", "if", "case", "unset"] + FilterAttribute.allCases.map(\.rawValue)
                    + self.symbols.keys.sorted()
            )
        }
    }

    /// What follows the name of something that can be assigned: `= value` or `.method(…)`.
    private mutating func parseChange(
        of subject: FilterExpression,
        _ type: FilterType,
        _ name: String,
        _ start: Location,
        _ scope: inout FilterScope,
        _ make: (FilterExpression) -> FilterStatement
    ) throws(SyntaxError) -> FilterStatement {
        if self.accept(.dot) {
            let term = TypedExpression(expression: subject, type: type, location: start)
            guard case .word(let method) = self.token.kind,
                ["empty", "prepend", "add", "delete", "filter"].contains(method)
            else { throw self.unexpected("'empty', 'prepend', 'add', 'delete' or 'filter'") }
            let result = try self.parseMethod(on: term, &scope)
            try self.expect(.semicolon)
            return make(result.expression)
        }
        try self.expect(.equal, "after '\(name)'")
        let value = try self.parseExpression(&scope)
        let expression = try self.assignable(value, to: type, named: name)
        try self.expect(.semicolon)
        return make(expression)
    }

    private mutating func parseReturn(_ scope: inout FilterScope) throws(SyntaxError) -> FilterStatement {
        if self.accept(.semicolon) {
            if let declared = scope.declaredResult {
                throw self.fail(self.previousLocation, "the function returns \(declared)")
            }
            scope.results.append(.void)
            return .result(nil)
        }
        let value = try self.parseExpression(&scope)
        if let declared = scope.declaredResult {
            let expression = try self.assignable(value, to: declared, named: "return")
            try self.expect(.semicolon)
            return .result(expression)
        }
        scope.results.append(value.type)
        try self.expect(.semicolon)
        return .result(value.expression)
    }

    private mutating func parseUnset() throws(SyntaxError) -> FilterStatement {
        try self.expect(.openParenthesis)
        guard case .word(let name) = self.token.kind, let attribute = FilterAttribute(rawValue: name) else {
            throw self.unexpected("an attribute")
        }
        guard attribute.isUnsettable else { throw self.fail(self.location, "'\(name)' cannot be unset") }
        self.advance()
        try self.expect(.closeParenthesis)
        try self.expect(.semicolon)
        return .unset(attribute)
    }

    private mutating func parseConditional(_ scope: inout FilterScope) throws(SyntaxError) -> FilterStatement {
        var branches: [FilterBranch] = []
        while true {
            let condition = try self.parseExpression(&scope)
            guard condition.type == .bool || condition.type == .any else {
                throw self.fail(condition.location, "the condition must be of type bool, not \(condition.type)")
            }
            try self.expect("then")
            let body = try self.parseBody(&scope)
            branches.append(FilterBranch(condition: condition.expression, body: body))
            // `else:` belongs to the `case` around.
            guard self.peek(1).kind != .mark(.colon), self.accept("else") else {
                return .conditional(branches, otherwise: [])
            }
            guard self.accept("if") else {
                return .conditional(branches, otherwise: try self.parseBody(&scope))
            }
        }
    }

    private mutating func parseChoice(_ scope: inout FilterScope) throws(SyntaxError) -> FilterStatement {
        let subject = try self.parseExpression(&scope)
        try self.expect(.openBrace)
        let slot = scope.reserve()
        var choices: [FilterChoice] = []
        var otherwise: [FilterStatement]?
        while !self.accept(.closeBrace) {
            let start = self.location
            if self.accept("else") {
                try self.expect(.colon, "after 'else'")
                guard otherwise == nil else { throw self.fail(start, "there is another 'else'") }
                otherwise = self.parseBranch(&scope)
                continue
            }
            let values = try self.parseChoiceValues()
            guard subject.type == .any || values.type == .set(subject.type) else {
                throw self.fail(start, "the case is about \(subject.type), not about \(values.type)")
            }
            try self.expect(.colon)
            choices.append(FilterChoice(values: values, body: self.parseBranch(&scope)))
            guard self.token.kind != .end else { throw self.unexpected("'}'") }
        }
        return .choice(subject: subject.expression, slot: slot, choices, otherwise: otherwise ?? [])
    }

    /// The statements of a `case` branch: up to the next values and colon, `else:` or the closing brace.
    private mutating func parseBranch(_ scope: inout FilterScope) -> [FilterStatement] {
        scope.openBlock()
        defer { scope.closeBlock() }
        return self.parseStatements(&scope) { parser in
            switch parser.token.kind {
            case .number, .ipv4, .ipv6, .mark(.openParenthesis): true
            case .word(let word):
                word == "else" || parser.nextSymbolIsConstant
            default: false
            }
        }
    }

    private var nextSymbolIsConstant: Bool {
        if case .constant = self.nextSymbol { true } else { false }
    }
}
