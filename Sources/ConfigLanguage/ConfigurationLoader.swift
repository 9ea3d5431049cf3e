public import SpeakerSettings

/// Reads a configuration in BIRD's language.
public enum ConfigurationLoader {
    /// Reads, parses and checks the file at `root` and all it includes.
    ///
    /// All errors are reported, up to a bound.
    public static func load(
        root: String,
        provider: some SourceProvider,
        dialect: Dialect = .bird2
    ) -> LoadResult {
        self.parse(root: root, provider: provider, dialect: dialect).result
    }

    /// Reads as ``load(root:provider:dialect:)`` does, and parses only what changed since the reading that `memo` keeps.
    public static func load(
        root: String,
        provider: some SourceProvider,
        dialect: Dialect = .bird2,
        memo: inout ConfigurationMemo
    ) -> LoadResult {
        let root = normalizedPath(root)
        if memo.root == root, memo.dialect == dialect, let result = self.loadChanges(root, provider, &memo) {
            return result
        }
        var loader = SourceLoader(provider)
        let (result, parser) = self.parse(&loader, root: root, dialect: dialect)
        // A look at another file does not displace what is known.
        if result.diagnostics.isEmpty, memo.root == nil || memo.root == root {
            let includers = loader.includers
            memo = ConfigurationMemo(root: root, dialect: dialect, parser: parser, includers: includers, reused: [])
        }
        return result
    }

    /// Nil when all has to be read.
    private static func loadChanges(_ root: String, _ provider: some SourceProvider, _ memo: inout ConfigurationMemo)
        -> LoadResult?
    {
        var loader = SourceLoader(provider, known: memo.fragments)
        let (result, parser) = self.parse(&loader, root: root, dialect: memo.dialect)
        guard result.diagnostics.isEmpty, parser.reused.isEmpty,
            let new = memo.newFiles(loader.files, reused: loader.reused)
        else { return nil }
        let next = ConfigurationMemo(
            root: root,
            dialect: memo.dialect,
            parser: parser,
            includers: loader.includers,
            reused: loader.reused
        )
        guard new.allSatisfy({ next.fragments[loader.files[Int($0)].path] != nil }) else { return nil }
        memo = next
        return result
    }

    /// The result, and the parser with what it saw.
    static func parse(root: String, provider: some SourceProvider, dialect: Dialect)
        -> (result: LoadResult, parser: Parser)
    {
        var loader = SourceLoader(provider)
        return self.parse(&loader, root: root, dialect: dialect)
    }

    private static func parse(_ loader: inout SourceLoader<some SourceProvider>, root: String, dialect: Dialect)
        -> (result: LoadResult, parser: Parser)
    {
        let isReadable = loader.loadRoot(root)
        var parser = Parser(tokens: loader.tokens, files: loader.files, dialect: dialect)
        parser.reused = loader.reused[...]
        for error in loader.errors { parser.report(error) }
        if isReadable && loader.errors.count < Parser.errorLimit { parser.parseConfiguration() }
        let diagnostics = parser.sortedDiagnostics
        let failed = diagnostics.contains { $0.severity == .error }
        let result = LoadResult(
            settings: failed ? nil : parser.settings,
            diagnostics: diagnostics,
            sources: loader.files.map { LoadedSource(path: $0.path, digest: $0.digest) }
        )
        return (result, parser)
    }
}

/// What reading a configuration came to.
public struct LoadResult: Sendable {
    /// The settings; nil when there are errors.
    public var settings: SpeakerSettings?
    /// Errors and warnings in order of place.
    public var diagnostics: [Diagnostic]
    /// Files that were read, the root first, with digests.
    public var sources: [LoadedSource]

    /// The errors alone.
    public var errors: [Diagnostic] { self.diagnostics.filter { $0.severity == .error } }
}
