import Policy

/// Reads a configuration and what it includes into one list of tokens.
struct SourceLoader<Provider: SourceProvider> {
    /// How deep includes may nest.
    private let depthLimit = 8
    /// Files one configuration may consist of.
    private let fileLimit = 10_000
    /// Octets one configuration may have altogether.
    private let sizeLimit = 32 << 20

    private let provider: Provider
    private(set) var files: [SourceText] = []
    private(set) var tokens: [Token] = []
    private(set) var errors: [SyntaxError] = []
    /// Files that include others.
    private(set) var includers: Set<UInt32> = []
    /// Fragments that are as they were, in place of their tokens.
    private(set) var reused: [ReusedFragment] = []
    private let known: [String: ConfigurationMemo.Fragment]
    private var size = 0
    private var open: [String] = []
    private var includes = 0

    init(_ provider: Provider, known: [String: ConfigurationMemo.Fragment] = [:]) {
        self.provider = provider
        self.known = known
    }

    /// Reads the root file; false when it cannot be read.
    mutating func loadRoot(_ path: String) -> Bool {
        let here = Location(file: 0, offset: 0, length: 0)
        self.load(normalizedPath(path), from: here)
        guard !self.files.isEmpty else {
            self.files.append(SourceText(path: path, bytes: []))
            return false
        }
        let end = UInt32(clamping: self.files[0].bytes.count)
        self.tokens.append(Token(kind: .end, file: 0, offset: end, length: 1))
        return true
    }

    private mutating func report(_ location: Location, _ message: String) {
        if self.errors.count < Parser.errorLimit {
            self.errors.append(SyntaxError(location: location, message: message))
        }
    }

    private mutating func load(_ path: String, from location: Location) {
        guard self.open.count <= self.depthLimit else {
            return self.report(location, "includes are nested more than \(self.depthLimit) deep")
        }
        guard !self.open.contains(path) else { return self.report(location, "'\(path)' includes itself") }
        guard self.files.count < self.fileLimit else {
            return self.report(location, "more than \(self.fileLimit) files are included")
        }
        let bytes: [UInt8]
        do throws(SourceError) {
            bytes = try self.provider.contents(of: path, limit: self.sizeLimit - self.size)
        } catch {
            return self.report(location, "cannot read '\(path)': \(error.message)")
        }
        guard bytes.count <= self.sizeLimit - self.size else {
            return self.report(location, "the configuration is larger than \(self.sizeLimit >> 20) MiB")
        }
        self.size += bytes.count
        let file = UInt32(clamping: self.files.count)
        if let fragment = self.known[path], fragment.source.bytes == bytes {
            self.files.append(fragment.source)
            self.reused.append(ReusedFragment(index: self.tokens.count, file: file, fragment: fragment))
            return
        }
        self.files.append(SourceText(path: path, bytes: bytes))
        self.open.append(path)
        self.scan(bytes, file: file, path: path)
        self.open.removeLast()
    }

    private mutating func scan(_ bytes: [UInt8], file: UInt32, path: String) {
        var lexer = Lexer(bytes, file: file)
        while self.errors.count < Parser.errorLimit {
            do throws(SyntaxError) {
                let token = try lexer.next()
                if token.kind == .end { return }
                if token.kind == .word("include") {
                    self.includers.insert(file)
                    try self.include(token, &lexer, including: path)
                } else {
                    self.tokens.append(token)
                }
            } catch {
                self.report(error.location, error.message)
            }
        }
    }

    private mutating func include(_ keyword: Token, _ lexer: inout Lexer, including path: String)
        throws(SyntaxError)
    {
        let name = try lexer.next()
        guard case .text(let pattern) = name.kind, !pattern.isEmpty else {
            throw SyntaxError(location: name.location, message: "expected a file name in quotes after 'include'")
        }
        let end = try lexer.next()
        guard end.kind == .mark(.semicolon) else {
            throw SyntaxError(location: end.location, message: "expected ';' after the included file's name")
        }
        self.includes += 1
        guard self.includes <= self.fileLimit else {
            throw SyntaxError(location: name.location, message: "more than \(self.fileLimit) includes")
        }
        var full = pattern
        if !pattern.hasPrefix("/"), let slash = path.lastIndex(of: "/") { full = path[...slash] + pattern }
        full = normalizedPath(full)
        guard GlobPattern(full).hasWildcard else { return self.load(full, from: name.location) }
        do throws(SourceError) {
            for match in try self.expand(full) { self.load(match, from: name.location) }
        } catch {
            throw SyntaxError(location: name.location, message: "cannot list '\(full)': \(error.message)")
        }
    }

    /// Paths that match the pattern, sorted.
    ///
    /// Names that begin with a dot match only patterns that do.
    private func expand(_ pattern: String) throws(SourceError) -> [String] {
        var found = [pattern.hasPrefix("/") ? "/" : ""]
        for part in pattern.split(separator: "/") {
            let glob = GlobPattern(String(part))
            var next: [String] = []
            for head in found {
                func join(_ name: String) -> String {
                    head.isEmpty || head.hasSuffix("/") ? head + name : head + "/" + name
                }
                guard glob.hasWildcard else {
                    next.append(join(glob.text))
                    continue
                }
                for name in try self.provider.entries(ofDirectory: head) {
                    if glob.matches(name), name != ".", name != "..", !name.hasPrefix(".") || part.hasPrefix(".") {
                        next.append(join(name))
                    }
                }
                guard next.count <= self.fileLimit else { throw SourceError("too many matches") }
            }
            found = next
        }
        return found.sorted()
    }
}

/// The path without `.` and empty components, so that a file has one spelling.
public func normalizedPath(_ path: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "." }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
}
