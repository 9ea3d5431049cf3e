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

    /// The result, and the parser with what it saw.
    static func parse(root: String, provider: some SourceProvider, dialect: Dialect)
        -> (result: LoadResult, parser: Parser)
    {
        var loader = SourceLoader(provider)
        let isReadable = loader.loadRoot(root)
        var parser = Parser(tokens: loader.tokens, files: loader.files, dialect: dialect)
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
