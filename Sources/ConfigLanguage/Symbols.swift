import Policy
import SpeakerSettings

/// What a name stands for.
enum Symbol {
    case constant(FilterValue)
    case function(Int)
    case filter(FilterProgram)
    case table(TableSettings)
    /// An attribute that `attribute` defined.
    case attribute(FilterCustomAttribute)
    /// A ROA table; true for IPv4.
    case originTable(isIPv4: Bool)
    /// A template or an instance, either of which others may start from.
    case protocolDraft(ProtocolDraft)

    /// The kind as messages name it.
    var described: String {
        switch self {
        case .constant: "a constant"
        case .function: "a function"
        case .filter: "a filter"
        case .table: "a table"
        case .attribute: "an attribute"
        case .originTable: "a ROA table"
        case .protocolDraft: "a protocol or template"
        }
    }
}

extension Parser {
    /// Defines a name once.
    mutating func define(_ name: String, _ symbol: Symbol, at location: Location) throws(SyntaxError) {
        if let old = self.symbols[name] {
            throw self.fail(location, "'\(name)' is already defined as \(old.described)")
        }
        self.symbols[name] = symbol
    }

    /// What the word or quoted name that comes next stands for.
    var nextSymbol: Symbol? { self.nextName.flatMap { self.symbols[$0] } }

    /// An error for the name that comes next, with the closest defined one.
    func undefinedName(_ what: String) -> SyntaxError {
        guard let name = self.nextName else { return self.unexpected(what) }
        if let symbol = self.symbols[name] {
            return self.fail(self.location, "expected \(what), but '\(name)' is \(symbol.described)")
        }
        let hint = nearest(to: name, in: self.symbols.keys.sorted()).map { "; did you mean '\($0)'?" } ?? ""
        return self.fail(self.location, "expected \(what), but '\(name)' is not defined\(hint)")
    }
}

/// Words that cannot be names: what filters could not be read without.
///
/// Others are keywords where one is expected, and names everywhere else.
enum Keywords {
    static let reserved: Set<String> = [
        "accept", "as", "case", "define", "defined", "do", "else", "false", "filter", "for", "from", "function", "if",
        "in",
        "include", "print", "printn", "protocol", "reject", "return", "set", "template", "then", "true", "unset",
        "where",
    ]
}
