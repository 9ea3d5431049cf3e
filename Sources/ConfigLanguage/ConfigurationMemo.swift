/// Fragments of an earlier reading, so that the next one parses only what changed.
///
/// A fragment is an included file that holds nothing but BGP protocols with names of their own, which may start from
/// templates but not from other instances: what it means depends on itself and on the files that are no fragments, as a
/// file with a template is none. So it is taken over while its octets and all those files are the same. A reading that has anything to report is done again without the memo, because places in it are
/// those of the earlier reading.
public struct ConfigurationMemo: Sendable {
    /// A file and its protocols.
    struct Fragment: Sendable {
        var source: SourceText
        var protocols: [ParsedProtocol]
    }

    var root: String?
    var dialect: Dialect = .bird2
    /// The files that are no fragments, in order of reading.
    var environment: [SourceText] = []
    var fragments: [String: Fragment] = [:]

    /// Creates a memo that knows nothing.
    public init() {}

    /// Keeps what a reading without diagnostics saw.
    init(root: String, dialect: Dialect, parser: Parser, includers: Set<UInt32>, reused: [ReusedFragment]) {
        self.root = root
        self.dialect = dialect
        let found = parser.fragmentFiles(includers: includers)
        let old = Dictionary(reused.map { ($0.file, $0.fragment) }) { first, _ in first }
        for (index, file) in parser.files.enumerated() {
            let index = UInt32(clamping: index)
            if let protocols = found[index] {
                self.fragments[file.path] = Fragment(source: file, protocols: protocols)
            } else if let fragment = old[index] {
                self.fragments[file.path] = fragment
            } else {
                self.environment.append(file)
            }
        }
    }

    /// Whether a reading saw the same environment, and the indices of its files that are neither that nor fragments.
    func newFiles(_ files: [SourceText], reused: [ReusedFragment]) -> [UInt32]? {
        let known = Set(reused.map(\.file))
        let paths = Set(self.environment.map(\.path))
        var expected = self.environment[...]
        var new: [UInt32] = []
        for (index, file) in files.enumerated() {
            let index = UInt32(clamping: index)
            if known.contains(index) { continue }
            guard paths.contains(file.path) else {
                new.append(index)
                continue
            }
            guard let next = expected.popFirst(), next.path == file.path, next.bytes == file.bytes else { return nil }
        }
        return expected.isEmpty ? new : nil
    }
}

/// A protocol as its block was parsed, before it is checked.
struct ParsedProtocol: Sendable {
    var name: String
    var location: Location
    var draft: ProtocolDraft
    /// What it counted for ``Parser/charge(_:at:)``.
    var charge: Int
    /// Its tokens.
    var range: Range<Int>
}

/// A fragment that stands in for the tokens of its file.
struct ReusedFragment: Sendable {
    /// The token before which it stands.
    var index: Int
    var file: UInt32
    var fragment: ConfigurationMemo.Fragment
}

extension Parser {
    /// Takes over the fragments that stand before the next token.
    mutating func takeFragments() {
        while let next = self.reused.first, next.index == self.index {
            self.reused.removeFirst()
            for parsed in next.fragment.protocols {
                let location = Location(file: next.file, offset: parsed.location.offset, length: parsed.location.length)
                guard self.symbols[parsed.name] == nil else {
                    self.report(self.fail(location, "'\(parsed.name)' is defined twice"))
                    continue
                }
                do throws(SyntaxError) {
                    try self.charge(parsed.charge, at: location)
                } catch {
                    self.report(error)
                }
                self.symbols[parsed.name] = .protocolDraft(parsed.draft)
                self.finish(parsed.draft, name: parsed.name, at: location)
            }
        }
    }

    /// The files that consist of recorded protocols, with these.
    func fragmentFiles(includers: Set<UInt32>) -> [UInt32: [ParsedProtocol]] {
        var counts: [UInt32: Int] = [:]
        for token in self.tokens { counts[token.file, default: 0] += 1 }
        var found: [UInt32: [ParsedProtocol]] = [:]
        for parsed in self.recorded { found[parsed.location.file, default: []].append(parsed) }
        return found.filter { file, protocols in
            file != 0 && !includers.contains(file)
                && counts[file] == protocols.reduce(0) { $0 + $1.range.count }
        }
    }
}
