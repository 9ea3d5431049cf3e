/// A parsed label selector in Calico's grammar; two selectors are equal when their canonical texts are.
public struct Selector: Hashable, Sendable {
    /// Longest text that ``init(parsing:)`` reads, in UTF-8 bytes.
    public static let maximumLength = 4096
    /// Deepest nesting of parentheses that ``init(parsing:)`` reads.
    public static let maximumDepth = 64

    /// The canonical text: one way of spacing, quoting and naming operators.
    public let text: String
    let expression: Expression

    /// Selects everything.
    public static let all = Selector(.all)

    /// Parses `text`; empty text selects everything.
    ///
    /// - Throws: ``SelectorError`` with the 1-based column of the first offending byte.
    public init(parsing text: some StringProtocol) throws(SelectorError) {
        guard text.utf8.count <= Self.maximumLength else { throw SelectorError(column: 1, problem: .tooLong) }
        var parser = SelectorParser(bytes: Array(text.utf8))
        self.init(try parser.parse())
    }

    init(_ expression: Expression) {
        self.expression = expression
        self.text = expression.text(within: .or)
    }

    /// Whether `global()` occurs.
    var namesGlobal: Bool { self.expression.namesGlobal }

    /// Whether an object with `labels` is selected.
    public func matches(_ labels: [String: String]) -> Bool { self.expression.matches(labels) }

    /// Same canonical text.
    public static func == (lhs: Selector, rhs: Selector) -> Bool { lhs.text == rhs.text }

    /// Hashes the canonical text.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.text)
    }
}

extension Selector: CustomStringConvertible {
    /// The canonical text.
    public var description: String { self.text }
}

extension Selector {
    /// The syntax tree; its depth is bounded by the parser.
    indirect enum Expression: Sendable {
        case all
        /// `global()`: in a rule's namespace selector what has no namespace, anywhere else everything.
        case global
        case has(String)
        case equals(String, String)
        case differs(String, String)
        /// Values sorted, without duplicates.
        case isIn(String, [String])
        case isNotIn(String, [String])
        case contains(String, String)
        case startsWith(String, String)
        case endsWith(String, String)
        case not(Expression)
        case and([Expression])
        case or([Expression])

        func matches(_ labels: [String: String]) -> Bool {
            switch self {
            case .all, .global: true
            case .has(let label): labels[label] != nil
            case .equals(let label, let value): labels[label].map { sameBytes($0, value) } ?? false
            case .differs(let label, let value): labels[label].map { !sameBytes($0, value) } ?? true
            case .isIn(let label, let values):
                labels[label].map { found in values.contains { sameBytes($0, found) } } ?? false
            case .isNotIn(let label, let values):
                labels[label].map { found in !values.contains { sameBytes($0, found) } } ?? true
            case .contains(let label, let value): labels[label].map { containsBytes($0, value) } ?? false
            case .startsWith(let label, let value): labels[label]?.utf8.starts(with: value.utf8) ?? false
            case .endsWith(let label, let value):
                labels[label]?.utf8.reversed().starts(with: value.utf8.reversed()) ?? false
            case .not(let operand): !operand.matches(labels)
            case .and(let operands): operands.allSatisfy { $0.matches(labels) }
            case .or(let operands): operands.contains { $0.matches(labels) }
            }
        }

        var namesGlobal: Bool {
            switch self {
            case .global: true
            case .not(let operand): operand.namesGlobal
            case .and(let operands), .or(let operands): operands.contains(where: \.namesGlobal)
            default: false
            }
        }

        /// Where a text stands, loosest first: what binds looser than its place gets parentheses.
        enum Place: Int {
            case or
            case and
            case not
        }

        func text(within place: Place) -> String {
            switch self {
            case .all: return "all()"
            case .global: return "global()"
            case .has(let label): return "has(\(label))"
            case .equals(let label, let value): return "\(label) == \(quoted(value))"
            case .differs(let label, let value): return "\(label) != \(quoted(value))"
            case .isIn(let label, let values): return "\(label) in \(set(values))"
            case .isNotIn(let label, let values): return "\(label) not in \(set(values))"
            case .contains(let label, let value): return "\(label) contains \(quoted(value))"
            case .startsWith(let label, let value): return "\(label) starts with \(quoted(value))"
            case .endsWith(let label, let value): return "\(label) ends with \(quoted(value))"
            case .not(let operand): return "!\(operand.text(within: .not))"
            case .and(let operands):
                let text = operands.map { $0.text(within: .not) }.joined(separator: " && ")
                return place == .not ? "(\(text))" : text
            case .or(let operands):
                let text = operands.map { $0.text(within: .and) }.joined(separator: " || ")
                return place == .or ? text : "(\(text))"
            }
        }
    }
}

/// Labels compare byte by byte, not by Unicode equivalence, as every other reader of them does.
private func sameBytes(_ lhs: String, _ rhs: String) -> Bool { lhs.utf8.elementsEqual(rhs.utf8) }

private func containsBytes(_ text: String, _ part: String) -> Bool {
    let bytes = Array(text.utf8)
    let wanted = Array(part.utf8)
    guard wanted.count <= bytes.count else { return false }
    return (0...(bytes.count - wanted.count)).contains { bytes[$0...].starts(with: wanted) }
}

/// A value holds at most one kind of quote, because the grammar has no escapes.
private func quoted(_ value: String) -> String {
    value.utf8.contains(UInt8(ascii: "\"")) ? "'\(value)'" : "\"\(value)\""
}

private func set(_ values: [String]) -> String {
    "{\(values.map(quoted).joined(separator: ", "))}"
}

/// Why a selector was refused, and where.
public struct SelectorError: Error, Hashable, Sendable {
    /// 1-based column in UTF-8 bytes.
    public var column: Int
    /// What is wrong there.
    public var problem: Problem

    /// What can be wrong with a selector.
    public enum Problem: Hashable, Sendable {
        /// The text exceeds ``Selector/maximumLength``.
        case tooLong
        /// Parentheses nest deeper than ``Selector/maximumDepth``.
        case tooDeep
        /// Something else was expected; the text says what.
        case expected(String)
    }
}

extension SelectorError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self.problem {
        case .tooLong: "selector is longer than \(Selector.maximumLength) bytes"
        case .tooDeep: "selector nests deeper than \(Selector.maximumDepth) levels (column \(self.column))"
        case .expected(let what): "expected \(what) at column \(self.column)"
        }
    }
}
