import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

extension Parser {
    /// Parses the whole configuration into ``settings``.
    mutating func parseConfiguration() {
        self.takeFragments()
        while self.token.kind != .end {
            let before = self.index
            do throws(SyntaxError) {
                try self.parseDefinition()
                self.transcript.noteDefinition(before..<self.index, in: self.tokens)
            } catch {
                self.report(error)
                self.recover()
                if self.index == before || self.sees(.closeBrace) { self.advance() }
            }
            self.takeFragments()
        }
        self.checkSortedTables()
        self.bindOriginTables()
        // One that is given needs no choice.
        if self.settings.routerID != nil { self.settings.routerIDPatterns = [] }
        if self.settings.protocols.isEmpty && !self.diagnostics.contains(where: { $0.severity == .error }) {
            self.report(.error, self.location, "the configuration has no protocol")
        }
        self.applyListen()
    }

    /// Statements of the top level.
    static let statements = [
        "attribute", "define", "debug protocols", "debug latency", "debug commands", "filter", "function",
        "graceful restart wait", "include",
        "ipv4 table", "ipv6 table", "log", "protocol", "roa4 table", "roa6 table", "router id", "router id from",
        "template",
        "timeformat", "watchdog",
    ]
    /// Statements that only BIRD 1.6 has.
    static let bird1Statements = [
        "listen bgp", "table",
    ]

    private mutating func parseDefinition() throws(SyntaxError) {
        let start = self.location
        if self.accept(.semicolon) { return }
        guard case .word(let word) = self.token.kind else { throw self.unexpected("a statement") }
        switch word {
        case "router":
            self.advance()
            try self.expect("id")
            if self.accept("from") {
                self.settings.routerIDPatterns = try self.parseInterfacePatterns()
            } else {
                self.settings.routerID = try self.parseRouterID("a router id")
            }
            try self.expect(.semicolon)
        case "define":
            self.advance()
            try self.parseDefine()
        case "log":
            self.advance()
            try self.parseLog()
        case "debug":
            self.advance()
            if self.sees("latency") || self.sees("commands") { return try self.skipWithoutEffect(start, "debug") }
            guard self.accept("protocols") else {
                throw self.unsupported(self.location, "'debug \(self.nextName ?? "")'")
            }
            self.defaultDebug = try self.parseDebug()
            try self.expect(.semicolon)
        case "ipv4", "ipv6":
            guard self.dialect == .bird2 else {
                throw self.fail(start, "BIRD 1.6 has one family: write 'table NAME;'")
            }
            self.advance()
            if self.sees("sadr") { throw self.unsupported(start, "'\(word) sadr'") }
            try self.expect("table")
            try self.parseTable(word == "ipv4" ? .ipv4Unicast : .ipv6Unicast)
        case "table" where self.dialect != .bird2:
            self.advance()
            try self.parseTable(self.dialect.onlyFamily ?? .ipv4Unicast)
        case "table":
            throw self.fail(start, "a table has a family: 'ipv4 table NAME;' or 'ipv6 table NAME;'")
        case "listen" where self.dialect != .bird2:
            self.advance()
            try self.parseListen()
        case "listen":
            throw self.fail(start, "'listen bgp' is of BIRD 1.6: write 'local IP port N' in each protocol bgp")
        case "timeformat", "watchdog":
            try self.skipWithoutEffect(start, word)
        case "function":
            self.advance()
            try self.parseFunction()
        case "filter":
            self.advance()
            try self.parseFilterDefinition()
        case "attribute":
            self.advance()
            try self.parseAttributeDefinition()
        case "roa4", "roa6":
            self.advance()
            try self.parseOriginTable(isIPv4: word == "roa4")
        case "protocol":
            self.advance()
            try self.parseProtocol(isTemplate: false, at: start)
        case "template":
            self.advance()
            try self.parseProtocol(isTemplate: true, at: start)
        case "graceful":
            self.advance()
            try self.expect("restart")
            try self.expect("wait")
            self.settings.restartWait = try self.parseNumber("graceful restart wait", in: 0...UInt16.max)
            try self.expect(.semicolon)
        case "mrtdump", "eval", "roa",
            "vpn4", "vpn6", "flow4", "flow6", "mpls", "aspa", "eth", "evpn", "neighbor", "password", "cli", "threads",
            "hostname", "thread":
            throw self.unsupported(start, "'\(word)'")
        default:
            throw self.unknownStatement(
                "the configuration",
                Self.statements + (self.dialect == .bird2 ? [] : Self.bird1Statements)
            )
        }
    }

    private mutating func parseDefine() throws(SyntaxError) {
        let (name, location) = try self.expectName("a name for the constant")
        try self.expect(.equal)
        let start = self.location
        var scope = FilterScope.constant
        let term = try self.parseExpression(&scope)
        guard let value = term.expression.constantValue else { throw self.fail(start, "expected a constant") }
        try self.define(name, .constant(value), at: location)
        try self.expect(.semicolon)
    }

    /// A statement about something this speaker has no use for: its output and times have one form.
    private mutating func skipWithoutEffect(_ start: Location, _ word: String) throws(SyntaxError) {
        while !self.sees(.semicolon) {
            guard self.token.kind != .end, !self.sees(.openBrace), !self.sees(.closeBrace) else {
                throw self.unexpected("';' after '\(word)'")
            }
            self.advance()
        }
        self.report(.warning, start, "'\(word)' has no effect here; remove it")
    }

    /// `listen bgp [address IP] [port N] [dual|v6only]`.
    private mutating func parseListen() throws(SyntaxError) {
        try self.expect("bgp")
        while !self.accept(.semicolon) {
            let start = self.location
            if self.accept("address") {
                let address = try self.parseAddress("the address to listen on")
                guard address.isIPv4 == (self.dialect == .bird1IPv4) else {
                    throw self.fail(start, "\(address) is of the other family")
                }
                self.listen.address = address.isUnspecified ? nil : address
            } else if self.accept("port") {
                self.listen.port = try self.parseNumber("port", in: 1...UInt16.max)
            } else if self.accept("dual") || self.accept("v6only") {
                // A socket for IPv6 never takes IPv4 here, and an IPv6 daemon has no IPv4 neighbours.
                continue
            } else {
                throw self.unexpected("'address', 'port' or ';'")
            }
        }
    }

    /// Gives what `listen bgp` said to the sessions, wherever it stands.
    private mutating func applyListen() {
        guard self.dialect != .bird2 else { return }
        for (index, instance) in self.settings.protocols.enumerated() {
            guard case .bgp(var session) = instance else { continue }
            if let port = self.listen.port { session.localPort = port }
            session.listenAddress = self.listen.address
            self.settings.protocols[index] = .bgp(session)
        }
    }

    private mutating func parseTable(_ family: AddressFamily) throws(SyntaxError) {
        let location = self.location
        guard let name = self.nextName else { throw self.unexpected("a name for the table") }
        // The default tables may be named once more, as in BIRD.
        if case .table(let table) = self.symbols[name], TableSettings.defaults.contains(where: { $0.name == name }) {
            guard table.family == family else { throw self.fail(location, "'\(name)' is of the other family") }
            self.advance()
        } else {
            _ = try self.expectName("a name for the table")
            guard self.settings.tables.count < Self.tableLimit else {
                throw self.fail(location, "more than \(Self.tableLimit) tables")
            }
            let table = TableSettings(name: name, family: family)
            try self.define(name, .table(table), at: location)
            self.settings.tables.append(table)
        }
        if self.accept("sorted") { self.setSorted(name, true) }
        if self.accept(.openBrace) {
            while !self.accept(.closeBrace) {
                let start = self.location
                if self.accept("sorted") {
                    self.setSorted(name, try self.parseSwitch())
                } else if ["trie", "gc", "min", "max", "cork"].contains(self.nextName) {
                    try self.skipWithoutEffect(start, self.nextName ?? "")
                } else {
                    throw self.unsupported(start, "a table option")
                }
                try self.expect(.semicolon)
            }
        }
        if !self.sees(.semicolon) { throw self.unsupported(self.location, "a table option") }
        try self.expect(.semicolon)
    }

    private mutating func setSorted(_ name: String, _ isSorted: Bool) {
        guard let index = self.settings.tables.firstIndex(where: { $0.name == name }) else { return }
        self.settings.tables[index].isSorted = isSorted
        self.symbols[name] = .table(self.settings.tables[index])
    }

    /// `log stderr|syslog [name "x"]|"file" all|{ classes };`.
    private mutating func parseLog() throws(SyntaxError) {
        let destination: LogSettings.Destination
        if self.accept("stderr") {
            destination = .standardError
        } else if self.accept("syslog") {
            destination = .syslog(name: self.accept("name") ? try self.parseText("a name") : nil)
        } else if case .text(let path) = self.token.kind {
            guard !path.isEmpty else { throw self.unexpected("the path of a file") }
            self.advance()
            destination = .file(path: path)
            if case .number = self.token.kind { throw self.unsupported(self.location, "rotation of log files") }
        } else if self.sees("udp") {
            throw self.unsupported(self.location, "'log udp'")
        } else {
            throw self.unexpected("'stderr', 'syslog' or the path of a file")
        }
        var classes = Set(LogClass.allCases)
        if !self.accept("all") {
            classes = []
            try self.expect(.openBrace)
            repeat {
                guard case .word(let word) = self.token.kind, let one = LogClass(rawValue: word) else {
                    throw self.unexpectedChoice("a class of log lines", LogClass.allCases.map(\.rawValue))
                }
                self.advance()
                classes.insert(one)
            } while self.accept(.comma)
            try self.expect(.closeBrace)
        }
        self.settings.logs.append(LogSettings(destination: destination, classes: classes))
        try self.expect(.semicolon)
    }

    /// An error for a word that is none of `choices`.
    func unexpectedChoice(_ what: String, _ choices: [String]) -> SyntaxError {
        let list = choices.joined(separator: ", ")
        return self.fail(self.location, "expected \(what) (\(list)), found \(self.token.described)")
    }

    /// `all`, `off` or `{ states, … }`.
    mutating func parseDebug() throws(SyntaxError) -> Set<DebugCategory> {
        if self.accept("all") { return Set(DebugCategory.allCases) }
        if self.accept("off") { return [] }
        try self.expect(.openBrace)
        var categories: Set<DebugCategory> = []
        repeat {
            guard case .word(let word) = self.token.kind, let category = DebugCategory(rawValue: word) else {
                throw self.unexpectedChoice("what to trace", DebugCategory.allCases.map(\.rawValue))
            }
            self.advance()
            categories.insert(category)
        } while self.accept(.comma)
        try self.expect(.closeBrace)
        return categories
    }
}
