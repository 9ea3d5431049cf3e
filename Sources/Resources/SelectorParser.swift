/// Recursive-descent parser of the selector grammar, loosest operator first.
///
/// `||` binds looser than `&&`, which binds looser than `!`. Only parentheses recurse, and their depth is bounded.
struct SelectorParser {
    private static let maximumIdentifierLength = 512

    let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func parse() throws(SelectorError) -> Selector.Expression {
        self.skipSpace()
        if self.position == self.bytes.count { return .all }
        let expression = try self.parseOr()
        self.skipSpace()
        guard self.position == self.bytes.count else { throw self.expected("an operator or the end") }
        return expression
    }

    private mutating func parseOr() throws(SelectorError) -> Selector.Expression {
        var operands = [try self.parseAnd()]
        while self.consume("||") { operands.append(try self.parseAnd()) }
        return operands.count == 1 ? operands[0] : .or(operands)
    }

    private mutating func parseAnd() throws(SelectorError) -> Selector.Expression {
        var operands = [try self.parseOperand()]
        while self.consume("&&") { operands.append(try self.parseOperand()) }
        return operands.count == 1 ? operands[0] : .and(operands)
    }

    private mutating func parseOperand() throws(SelectorError) -> Selector.Expression {
        var negated = false
        while self.consume("!") { negated.toggle() }
        let operand = try self.parsePrimary()
        guard negated else { return operand }
        // In parentheses there may be another negation.
        if case .not(let inner) = operand { return inner }
        return .not(operand)
    }

    private mutating func parsePrimary() throws(SelectorError) -> Selector.Expression {
        self.skipSpace()
        if self.consume("(") {
            self.depth += 1
            defer { self.depth -= 1 }
            guard self.depth <= Selector.maximumDepth else {
                throw SelectorError(column: self.position, problem: .tooDeep)
            }
            let inner = try self.parseOr()
            guard self.consume(")") else { throw self.expected("\")\"") }
            return inner
        }
        let start = self.position
        guard let name = self.identifier() else {
            throw self.expected("a label name, a function or \"(\"")
        }
        guard name.utf8.count <= Self.maximumIdentifierLength else {
            throw SelectorError(
                column: start + 1,
                problem: .expected("a label name of at most \(Self.maximumIdentifierLength) bytes")
            )
        }
        if self.position < self.bytes.count, self.bytes[self.position] == UInt8(ascii: "(") {
            return try self.parseFunction(name, at: start)
        }
        return try self.parseLabelOperator(name)
    }

    private mutating func parseFunction(_ name: String, at start: Int) throws(SelectorError) -> Selector.Expression {
        self.position += 1
        switch name {
        case "all", "global":
            guard self.consume(")") else { throw self.expected("\")\"") }
            return name == "all" ? .all : .global
        case "has":
            self.skipSpace()
            guard let label = self.identifier(), label.utf8.count <= Self.maximumIdentifierLength else {
                throw self.expected("a label name")
            }
            guard self.consume(")") else { throw self.expected("\")\"") }
            return .has(label)
        default:
            throw SelectorError(column: start + 1, problem: .expected("all(), has() or a label name"))
        }
    }

    private mutating func parseLabelOperator(_ label: String) throws(SelectorError) -> Selector.Expression {
        if self.consume("==") { return .equals(label, try self.string()) }
        if self.consume("!=") { return .differs(label, try self.string()) }
        if self.consume(words: ["in"]) { return .isIn(label, try self.set()) }
        if self.consume(words: ["not", "in"]) || self.consume(words: ["notin"]) {
            return .isNotIn(label, try self.set())
        }
        if self.consume(words: ["contains"]) { return .contains(label, try self.string()) }
        if self.consume(words: ["starts", "with"]) || self.consume(words: ["startswith"]) {
            return .startsWith(label, try self.string())
        }
        if self.consume(words: ["ends", "with"]) || self.consume(words: ["endswith"]) {
            return .endsWith(label, try self.string())
        }
        self.skipSpace()
        throw self.expected("an operator (==, !=, in, not in, contains, starts with, ends with)")
    }

    private mutating func set() throws(SelectorError) -> [String] {
        guard self.consume("{") else { throw self.expected("\"{\"") }
        var values: [String] = []
        while !self.consume("}") {
            values.append(try self.string())
            if self.consume(",") { continue }
            guard self.consume("}") else { throw self.expected("\",\" or \"}\"") }
            break
        }
        var distinct: [String] = []
        for value in values.sorted() where !(distinct.last.map { $0.utf8.elementsEqual(value.utf8) } ?? false) {
            distinct.append(value)
        }
        return distinct
    }

    private mutating func string() throws(SelectorError) -> String {
        self.skipSpace()
        guard self.position < self.bytes.count,
            case let quote = self.bytes[self.position],
            quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
        else { throw self.expected("a quoted string") }
        guard let end = self.bytes[(self.position + 1)...].firstIndex(of: quote) else {
            throw SelectorError(column: self.position + 1, problem: .expected("a closing quote for the string"))
        }
        let value = String(decoding: self.bytes[(self.position + 1)..<end], as: UTF8.self)
        self.position = end + 1
        return value
    }

    private mutating func identifier() -> String? {
        let start = self.position
        while self.position < self.bytes.count, Self.isIdentifier(self.bytes[self.position]) { self.position += 1 }
        guard self.position > start else { return nil }
        return String(decoding: self.bytes[start..<self.position], as: UTF8.self)
    }

    private mutating func skipSpace() {
        while self.position < self.bytes.count,
            self.bytes[self.position] == UInt8(ascii: " ") || self.bytes[self.position] == UInt8(ascii: "\t")
        {
            self.position += 1
        }
    }

    private mutating func consume(_ token: String) -> Bool {
        self.skipSpace()
        guard self.bytes[self.position...].starts(with: token.utf8) else { return false }
        self.position += token.utf8.count
        return true
    }

    /// Consumes keywords separated by space; the last one ends at a byte that no identifier holds.
    private mutating func consume(words: [String]) -> Bool {
        let start = self.position
        for word in words {
            guard self.consume(word) else {
                self.position = start
                return false
            }
            if self.position < self.bytes.count, Self.isIdentifier(self.bytes[self.position]) {
                self.position = start
                return false
            }
        }
        return true
    }

    private func expected(_ what: String) -> SelectorError {
        SelectorError(column: self.position + 1, problem: .expected(what))
    }

    private static func isIdentifier(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"),
            UInt8(ascii: "-"):
            true
        default:
            false
        }
    }
}
