import Policy
import SpeakerSettings

/// What a name stands for.
enum Symbol {
    case constant(FilterValue)
    case function(Int)
    case filter(FilterProgram)
    case table(TableSettings)
    /// A template or an instance, either of which others may start from.
    case protocolDraft(ProtocolDraft)

    /// The kind as messages name it.
    var described: String {
        switch self {
        case .constant: "a constant"
        case .function: "a function"
        case .filter: "a filter"
        case .table: "a table"
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

/// Words that cannot be names.
enum Keywords {
    static let reserved: Set<String> = {
        var words: Set<String> = [
            "accept", "action", "add", "all", "as", "bgp", "blackhole", "bool", "case", "channel", "clist", "debug",
            "define", "defined", "delete", "device", "direct", "disabled", "ec", "eclist", "else", "empty", "eval",
            "export", "false", "filter", "from", "function", "hostname", "if", "igp", "import", "include", "int",
            "interface", "internal", "external", "ip", "ipv4", "ipv6", "kernel", "lc", "lclist", "limit", "local",
            "log", "multihop", "neighbor", "no", "none", "off", "on", "pair", "password", "passive", "port", "prefix",
            "prepend", "print", "printn", "prohibit", "protocol", "quad", "recursive", "reject", "return", "route",
            "router", "set", "static", "string", "table", "template", "then", "true", "unreachable", "unset", "via",
            "where", "yes", "bgppath", "bgpmask", "pipe", "bfd", "rip", "ospf", "babel", "radv", "rpki", "mrt",
            "bmp", "aggregator", "l3vpn", "perf",
        ]
        for attribute in FilterAttribute.allCases { words.insert(attribute.rawValue) }
        return words
    }()
}
