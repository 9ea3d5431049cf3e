import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// Parses and checks in one pass: names are defined before they are used, as the language demands.
///
/// Errors are collected; after one, parsing resumes behind the next `;` or closing brace of the same level.
struct Parser {
    /// Errors reported before parsing gives up.
    static let errorLimit = 50
    /// How deep expressions, blocks and brackets may nest.
    static let nestingLimit = 100

    /// What sets and filters may grow to beyond their own text, in elements looked at; see ``charge(_:at:)``.
    static let expansionLimit = 1 << 27
    /// Tables a configuration may define.
    static let tableLimit = 1000
    /// Protocols a configuration may have.
    static let protocolLimit = 10_000

    let tokens: [Token]
    let files: [SourceText]
    let dialect: Dialect
    var index = 0
    var nesting = 0
    private(set) var diagnostics: [Diagnostic] = []
    private var places: [(UInt32, UInt32)] = []
    private(set) var errorCount = 0
    private(set) var expansion = 0
    /// Fragments of an earlier reading that stand before a token to come.
    var reused: ArraySlice<ReusedFragment> = []
    /// Protocols that depend on nothing but their own block and what other files define.
    var recorded: [ParsedProtocol] = []

    var symbols: [String: Symbol] = [:]
    var library: [FilterFunction] = []
    var signatures: [FunctionSignature] = []
    /// ROAs by table.
    var authorizations: [String: [ROATable.Authorization]] = [:]
    var settings = SpeakerSettings()
    var defaultDebug: Set<DebugCategory> = []
    var nameCounters: [ProtocolKind: Int] = [:]
    var names: [String: Location] = [:]
    /// Tables that `secondary` channels need sorted; judged at the end, because a table may be declared again.
    var sortedTables: [(name: String, location: Location)] = []
    /// `listen bgp` of BIRD 1.6.
    var listen = ListenDraft()
    /// What of the text the settings do not hold.
    var transcript = Transcript()

    init(tokens: [Token], files: [SourceText], dialect: Dialect = .bird2) {
        self.tokens = tokens
        self.files = files
        self.dialect = dialect
        for table in self.settings.tables { self.symbols[table.name] = .table(table) }
        if let family = dialect.onlyFamily, let table = TableSettings.defaults.first(where: { $0.family == family }) {
            self.symbols["master"] = .table(table)
        }
        for (name, value) in FilterConstants.byName { self.symbols[name] = .constant(value) }
        self.symbols[FilterCustomAttribute.preferredSource.name] = .attribute(.preferredSource)
    }
}

// MARK: - Diagnostics

extension Parser {
    /// Diagnostics in order of file and place.
    var sortedDiagnostics: [Diagnostic] {
        zip(self.places, self.diagnostics).enumerated()
            .sorted { ($0.element.0.0, $0.element.0.1, $0.offset) < ($1.element.0.0, $1.element.0.1, $1.offset) }
            .map(\.element.1)
    }

    mutating func report(_ error: SyntaxError) { self.report(.error, error.location, error.message) }

    mutating func report(_ severity: Diagnostic.Severity, _ location: Location, _ message: String) {
        if severity == .error {
            guard self.errorCount < Self.errorLimit else {
                self.index = max(0, self.tokens.count - 1)
                return
            }
            self.errorCount += 1
        } else if self.diagnostics.count >= Self.errorLimit * 4 {
            return
        }
        guard Int(location.file) < self.files.count else { return }
        let file = self.files[Int(location.file)]
        let place = file.locate(Int(location.offset))
        self.places.append((location.file, location.offset))
        self.diagnostics.append(
            Diagnostic(
                severity: severity,
                path: file.path,
                line: place.line,
                column: place.column,
                message: message,
                sourceLine: place.text,
                width: Int(max(1, location.length))
            )
        )
        if self.errorCount == Self.errorLimit {
            self.errorCount += 1
            self.places.append((.max, .max))
            self.diagnostics.append(
                Diagnostic(
                    severity: .error,
                    path: file.path,
                    line: place.line,
                    column: place.column,
                    message: "too many errors; the rest is not checked",
                    sourceLine: "",
                    width: 1
                )
            )
            self.index = max(0, self.tokens.count - 1)
        }
    }

    func fail(_ location: Location, _ message: String) -> SyntaxError {
        SyntaxError(location: location, message: message)
    }

    /// An error at the next token.
    func unexpected(_ expected: String) -> SyntaxError {
        self.fail(self.location, "expected \(expected), found \(self.token.described)")
    }
}

// MARK: - Tokens

extension Parser {
    /// The next token.
    var token: Token { self.peek(0) }

    var location: Location { self.token.location }

    func peek(_ ahead: Int) -> Token {
        if let token = self.index + ahead < self.tokens.count ? self.tokens[self.index + ahead] : self.tokens.last {
            return token
        }
        return Token(kind: .end, file: 0, offset: 0, length: 1)
    }

    /// Where the token before the next one lies.
    var previousLocation: Location { self.index > 0 ? self.tokens[self.index - 1].location : self.location }

    mutating func advance() {
        if self.index < self.tokens.count { self.index += 1 }
    }

    func sees(_ mark: Mark) -> Bool { self.token.kind == .mark(mark) }

    func sees(_ word: String) -> Bool { self.token.kind == .word(word) }

    mutating func accept(_ mark: Mark) -> Bool {
        guard self.sees(mark) else { return false }
        self.advance()
        return true
    }

    /// Consumes the words if they come next, all of them.
    mutating func accept(_ words: String...) -> Bool {
        for (ahead, word) in words.enumerated() where self.peek(ahead).kind != .word(word) { return false }
        self.index += words.count
        return true
    }

    mutating func expect(_ mark: Mark, _ context: String = "") throws(SyntaxError) {
        guard self.accept(mark) else {
            throw self.unexpected("'\(mark.rawValue)'" + (context.isEmpty ? "" : " " + context))
        }
    }

    mutating func expect(_ word: String) throws(SyntaxError) {
        guard self.accept(word) else { throw self.unexpected("'\(word)'") }
    }

    /// A name: a word that is no keyword, or a quoted name.
    mutating func expectName(_ what: String) throws(SyntaxError) -> (name: String, location: Location) {
        let location = self.location
        switch self.token.kind {
        case .quotedName(let name):
            self.advance()
            return (name, location)
        case .word(let name):
            guard !Keywords.reserved.contains(name) else {
                throw self.fail(location, "expected \(what), found the keyword '\(name)'")
            }
            self.advance()
            return (name, location)
        default:
            throw self.unexpected(what)
        }
    }

    /// The word or quoted name that comes next, keyword or not.
    var nextName: String? {
        switch self.token.kind {
        case .word(let name), .quotedName(let name): name
        default: nil
        }
    }

    /// Skips to behind the next `;` of this level, behind a block that closes this level's statement, or to the brace
    /// that ends the level.
    mutating func recover() {
        var depth = 0
        while true {
            switch self.token.kind {
            case .end: return
            case .mark(.openBrace): depth += 1
            case .mark(.closeBrace):
                if depth == 0 { return }
                depth -= 1
                if depth == 0 {
                    self.advance()
                    _ = self.accept(.semicolon)
                    return
                }
            case .mark(.semicolon) where depth == 0:
                self.advance()
                return
            default: break
            }
            self.advance()
        }
    }

    /// Enters a nested construct; call ``leave()`` on the way out, also after an error.
    mutating func enter() throws(SyntaxError) {
        guard self.nesting < Self.nestingLimit else { throw self.fail(self.location, "nested too deeply") }
        self.nesting += 1
    }

    mutating func leave() { self.nesting -= 1 }

    /// An error for a statement that is not known here, with the closest one that is.
    func unknownStatement(_ context: String, _ known: [String]) -> SyntaxError {
        guard case .word(let word) = self.token.kind else { return self.unexpected("a statement of \(context)") }
        let suggestion =
            known.first { $0.hasPrefix(word + " ") }
            ?? nearest(to: word, in: known.map { String($0.prefix { $0 != " " }) })
        let hint = suggestion.map { "; did you mean '\($0)'?" } ?? ""
        return self.fail(self.location, "'\(word)' is not a statement of \(context)\(hint)")
    }

    /// Counts work and memory that the text's length does not bound: a short pattern may stand for many ranges, and each
    /// filter carries the functions it calls.
    mutating func charge(_ amount: Int, at location: Location) throws(SyntaxError) {
        self.expansion &+= amount
        guard self.expansion <= Self.expansionLimit else {
            throw self.fail(location, "the sets, functions and filters up to here are too large together")
        }
    }

    /// Compiles a filter.
    mutating func program(_ body: [FilterStatement], _ scope: FilterScope, at location: Location) throws(SyntaxError)
        -> FilterProgram
    {
        try self.checkSlots(scope, at: location)
        let program = FilterProgram(body, slotCount: scope.slotCount, library: self.library)
        try self.charge(program.size, at: location)
        return program
    }

    /// Refuses a function or filter with too many variables.
    func checkSlots(_ scope: FilterScope, at location: Location) throws(SyntaxError) {
        guard scope.slotCount <= FilterScope.slotLimit else {
            throw self.fail(location, "more than \(FilterScope.slotLimit) variables")
        }
    }

    func unsupported(_ location: Location, _ what: String) -> SyntaxError {
        self.fail(location, "\(what) is not supported yet\(Refusals.advice(for: what))")
    }
}
