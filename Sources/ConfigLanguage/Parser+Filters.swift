import IPAddressing
import Policy

/// Functions, filters and their statements.
extension Parser {
    static let typeNames = Dictionary(uniqueKeysWithValues: FilterType.named.map { ($0.description, $0) })

    /// Types of BIRD that this speaker has no values of.
    private static let foreignTypes = ["mac": "Ethernet routes", "route": "blocks of routes to aggregate"]

    /// Whether a type begins here; a variable or constant of the same name would not be followed by a name.
    private var seesType: Bool {
        guard case .word(let word) = self.token.kind else { return false }
        guard Self.typeNames[word] != nil || word == "enum" || Self.foreignTypes[word] != nil else { return false }
        switch self.peek(1).kind {
        case .word, .quotedName: return true
        default: return false
        }
    }

    mutating func parseType() throws(SyntaxError) -> FilterType {
        let start = self.location
        guard case .word(let word) = self.token.kind else { throw self.unexpected("a type") }
        if let what = Self.foreignTypes[word] {
            throw self.fail(start, "type '\(word)' is about \(what), which this speaker does not have")
        }
        let type: FilterType
        if word == "enum" {
            self.advance()
            guard case .word(let name) = self.token.kind, let kind = FilterEnumeration(rawValue: name), kind != .opaque
            else {
                let known = FilterEnumeration.allCases.filter { $0 != .opaque }.map(\.rawValue)
                throw self.unexpectedChoice("a family of constants", known)
            }
            type = .enumeration(kind)
        } else if let named = Self.typeNames[word] {
            type = named
        } else {
            let hint = nearest(to: word, in: Self.typeNames.keys.sorted()).map { "; did you mean '\($0)'?" } ?? ""
            throw self.fail(start, "'\(word)' is not a type\(hint)")
        }
        self.advance()
        guard self.sees("set") else { return type }
        guard type == .prefix || type.isSetElement else {
            throw self.fail(self.location, "there are no sets of \(type)")
        }
        self.advance()
        return type == .prefix ? .prefixSet : .set(type)
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
        let statements = self.parseStatements(&scope) { parser, _ in parser.sees(.closeBrace) }
        try self.expect(.closeBrace, "at the end of the block")
        return statements
    }

    private mutating func parseStatements(_ scope: inout FilterScope, until isEnd: (Parser, FilterScope) -> Bool)
        -> [FilterStatement]
    {
        var statements: [FilterStatement] = []
        while !isEnd(self, scope), !self.sees(.closeBrace), self.token.kind != .end {
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
        } else {
            statements.append(.clear(slot, type))
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
        // Dotted quads in a set are addresses; they also serve as quads.
        if type == .set(.quad), value.type == .set(.ip) { return value.expression }
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
        let start = self.location
        let statement = try self.parseBareStatement(&scope)
        guard Int(start.file) < self.files.count else { return statement }
        let file = self.files[Int(start.file)]
        return .at(FilterPlace(path: file.path, line: file.line(at: Int(start.offset))), statement)
    }

    private mutating func parseBareStatement(_ scope: inout FilterScope) throws(SyntaxError) -> FilterStatement {
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
        if case .attribute(let attribute) = self.symbols[name] {
            self.advance()
            return try self.parseChange(of: .custom(attribute), attribute.type, name, start, &scope) {
                .setCustom(attribute, $0)
            }
        }
        if let attribute = FilterAttribute(rawValue: name), case .word = self.token.kind {
            self.advance()
            guard attribute.isWritable else {
                throw self.fail(start, "'\(name)' cannot be changed" + (attribute.advice.map { "; \($0)" } ?? ""))
            }
            return try self.parseChange(of: .attribute(attribute), attribute.type, name, start, &scope) {
                .set(attribute, $0)
            }
        }
        return try self.parseKeywordStatement(name, at: start, &scope)
    }

    /// Words that begin a statement.
    static let statementWords = [
        "accept", "case", "error", "for", "if", "print", "printn", "reject", "return", "unset",
    ]

    private mutating func parseKeywordStatement(_ name: String, at start: Location, _ scope: inout FilterScope)
        throws(SyntaxError) -> FilterStatement
    {
        switch name {
        case "accept", "reject", "error":
            self.advance()
            let values = try self.parseValues(&scope)
            let verdict: FilterStatement = name == "accept" ? .accept : name == "reject" ? .reject : .raise
            guard !values.isEmpty else { return verdict }
            return .conditional(
                [
                    FilterBranch(
                        condition: .constant(.bool(true)),
                        body: [.print(values, endsLine: true), verdict]
                    )
                ],
                otherwise: []
            )
        case "print", "printn":
            self.advance()
            return .print(try self.parseValues(&scope), endsLine: name == "print")
        case "return":
            self.advance()
            return try self.parseReturn(&scope)
        case "if":
            self.advance()
            return try self.parseConditional(&scope)
        case "case":
            self.advance()
            return try self.parseChoice(&scope)
        case "for":
            self.advance()
            return try self.parseLoop(&scope)
        case "unset":
            self.advance()
            return try self.parseUnset()
        case "eval", "bt_assert", "bt_check_assign":
            throw self.fail(start, "'\(name)' belongs to BIRD's tests of itself; use 'print' to see a value")
        default:
            if let error = self.foreignName(name, at: start) { throw error }
            throw self.unknownStatement(
                "a filter",
                Self.statementWords + FilterAttribute.allCases.map(\.rawValue) + self.symbols.keys.sorted()
            )
        }
    }

    /// Expressions separated by commas, and the semicolon.
    private mutating func parseValues(_ scope: inout FilterScope) throws(SyntaxError) -> [FilterExpression] {
        var values: [FilterExpression] = []
        while !self.sees(.semicolon) {
            if !values.isEmpty { try self.expect(.comma) }
            let value = try self.parseExpression(&scope)
            guard value.type != .void else { throw self.fail(value.location, "the function returns nothing to print") }
            values.append(value.expression)
        }
        try self.expect(.semicolon)
        return values
    }

    /// `[TYPE] NAME in LIST do …` after `for`.
    private mutating func parseLoop(_ scope: inout FilterScope) throws(SyntaxError) -> FilterStatement {
        let declared: FilterType? = self.seesType ? try self.parseType() : nil
        let (name, location) = try self.expectName("a name for the variable")
        try self.expect("in")
        let list = try self.parseExpression(&scope)
        guard let element = list.type.element else {
            throw self.fail(list.location, "'for' goes through a path or a list, not through \(list.type)")
        }
        let known = declared == nil ? scope.find(name) : nil
        if let type = declared ?? known?.type, type != element {
            throw self.fail(location, "'\(name)' is of type \(type), the elements are of type \(element)")
        }
        try self.expect("do")
        scope.openBlock()
        defer { scope.closeBlock() }
        let slot = scope.reserve()
        _ = scope.reserve()
        if known == nil { _ = scope.declare(name, element) } else { _ = scope.reserve() }
        let body = try self.parseBody(&scope)
        return .loop(
            list.expression,
            slot: slot,
            FilterLoopBody(type: element, target: known?.slot, statements: body)
        )
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
            let place = self.location
            let result = try self.parseMethod(on: term, &scope)
            guard result.type == type || result.type == .any else {
                throw self.fail(place, "the method gives \(result.type) and '\(name)' is of type \(type)")
            }
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
        let location = self.location
        guard let name = self.nextName else { throw self.unexpected("an attribute") }
        let statement: FilterStatement
        if case .attribute(let attribute) = self.symbols[name] {
            statement = .unsetCustom(attribute)
        } else if case .word = self.token.kind, let attribute = FilterAttribute(rawValue: name) {
            guard attribute.isUnsettable else { throw self.fail(location, "'\(name)' cannot be unset") }
            statement = .unset(attribute)
        } else if let error = self.foreignName(name, at: location) {
            throw error
        } else {
            throw self.undefinedName("an attribute")
        }
        self.advance()
        try self.expect(.closeParenthesis)
        try self.expect(.semicolon)
        return statement
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
        guard subject.type == .any || subject.type.isSetElement else {
            throw self.fail(subject.location, "'case' is not defined for \(subject.type)")
        }
        var taken: [(range: ClosedRange<UInt128>, place: Location)] = []
        var type = subject.type
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
            if case .set(let element) = values.type, type == .any { type = element }
            guard values.type == .set(type) || (type == .quad && values.type == .set(.ip)) else {
                throw self.fail(start, "the case is about \(type), not about \(values.type)")
            }
            let ranges = values.switchRanges
            try self.charge(ranges.count, at: start)
            taken += ranges.map { ($0, start) }
            try self.expect(.colon)
            choices.append(FilterChoice(values: values, body: self.parseBranch(&scope)))
            guard self.token.kind != .end else { throw self.unexpected("'}'") }
        }
        taken.sort { $0.range.lowerBound < $1.range.lowerBound }
        for (one, next) in zip(taken, taken.dropFirst()) where one.range.upperBound >= next.range.lowerBound {
            self.report(
                .error,
                one.place.offset > next.place.offset ? one.place : next.place,
                "another branch has some of these values too"
            )
        }
        return .choice(subject: subject.expression, choices, otherwise: otherwise ?? [])
    }

    /// The statements of a `case` branch: up to the next values and colon, `else:` or the closing brace.
    private mutating func parseBranch(_ scope: inout FilterScope) -> [FilterStatement] {
        scope.openBlock()
        defer { scope.closeBlock() }
        return self.parseStatements(&scope) { parser, scope in
            switch parser.token.kind {
            case .number, .ipv4, .ipv6, .distinguisher, .mark(.openParenthesis): return true
            case .word(let word):
                if word == "else" { return true }
                guard scope.find(word) == nil, case .constant = parser.symbols[word] else { return false }
                return true
            default: return false
            }
        }
    }
}
