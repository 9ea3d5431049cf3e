internal import Foundation
internal import Stencil

/// Renders templates; parsed ones are kept by the digest of their text.
///
/// The engine's types are not `Sendable`: a renderer stays inside one actor.
struct TemplateRenderer {
    private final class Parsed {
        let template: Template
        let nodes: [any NodeType]
        let lines: [Int]
        /// Whether it includes or extends other templates.
        let includesOthers: Bool

        init(template: Template, nodes: [any NodeType], lines: [Int]) {
            self.template = template
            self.nodes = nodes
            self.lines = lines
            self.includesOthers = template.tokens.contains { token in
                guard token.kind == .block, let tag = token.components.first else { return false }
                return tag == "include" || tag == "extends"
            }
        }
    }

    /// Largest output of one rendering, in bytes.
    static let largestOutput = 64 << 20

    private var environment: Environment
    private let loader = BundleLoader()
    private var parsed: [String: (digest: ContentDigest, template: Parsed)] = [:]

    init(_ lookup: ConfdSettings.ServiceLookup? = nil) {
        self.environment = Environment(
            loader: self.loader,
            extensions: [TemplateFilters.makeExtension(lookup)],
            trimBehaviour: .smart
        )
    }

    /// Takes the files that templates and their includes come from.
    mutating func use(_ bundle: TemplateBundle) {
        self.loader.bundle = bundle
        self.parsed = self.parsed.filter { bundle.files["templates/" + $0.key] != nil }
    }

    /// Digest of everything that a template's output depends on besides its values.
    ///
    /// A template that includes others depends on all of them.
    mutating func digest(of source: String) throws(ConfdError) -> ContentDigest {
        let text = try self.loader.text(of: source)
        guard try self.parse(source).includesOthers else { return ContentDigest(of: text) }
        let all = self.loader.bundle.files.keys.sorted().map { self.loader.bundle.files[$0] ?? "" }
        return ContentDigest(of: text + all.joined())
    }

    /// The values whose names occur in a template, so that it is not rendered again when others change.
    ///
    /// A template that includes others sees all.
    mutating func values(
        _ values: [String: TemplateValue],
        seenBy source: String
    ) throws(ConfdError) -> [String: TemplateValue] {
        let text = try self.loader.text(of: source)
        if try self.parse(source).includesOthers { return values }
        return values.filter { text.contains($0.key) }
    }

    /// Renders one template of the bundle.
    ///
    /// - Throws: `ConfdError.template` with file and line.
    mutating func render(
        _ source: String,
        values: [String: TemplateValue],
        view: KeyValueView?
    ) throws(ConfdError) -> String {
        let parsed = try self.parse(source)
        var dictionary = values.mapValues { parsed.includesOthers ? $0.dictionaries : $0.unwrapped }
        if let view { dictionary[TemplateFilters.viewName] = view }
        do {
            let context = Context(dictionary: dictionary, environment: self.environment)
            let text = try renderNodes(parsed.nodes, context)
            guard text.utf8.count <= Self.largestOutput else {
                throw TemplateSyntaxError("output is larger than \(Self.largestOutput) bytes")
            }
            return text
        } catch {
            throw Self.located(error, source: source, tokens: parsed.template.tokens, lines: parsed.lines)
        }
    }

    private mutating func parse(_ source: String) throws(ConfdError) -> Parsed {
        let text = try self.loader.text(of: source)
        let digest = ContentDigest(of: text)
        if let known = self.parsed[source], known.digest == digest { return known.template }
        let scanner = try TagScanner(file: "templates/" + source, text: text)
        let template = Template(templateString: scanner.source, environment: self.environment, name: source)
        do {
            let nodes = try TokenParser(tokens: template.tokens, environment: self.environment).parse()
            let parsed = Parsed(template: template, nodes: nodes, lines: scanner.lines)
            self.parsed[source] = (digest, parsed)
            return parsed
        } catch {
            throw Self.located(error, source: source, tokens: template.tokens, lines: scanner.lines)
        }
    }

    /// Finds the line of the tag that an error is about: tags come in the order in which they were scanned.
    private static func located(_ error: any Error, source: String, tokens: [Token], lines: [Int]) -> ConfdError {
        if let error = error as? ConfdError { return error }
        let file = "templates/" + source
        guard let error = error as? TemplateSyntaxError else {
            return .template(file: file, line: nil, reason: "\(error)")
        }
        let tags = tokens.filter { $0.kind != .text }
        guard let token = error.token, let index = tags.firstIndex(where: { $0 === token }), index < lines.count else {
            // The tag is in an included template, where the engine's own count is the only one.
            let name = error.templateName.map { "templates/" + $0 } ?? file
            let line = error.token.map { Int($0.sourceMap.location.lineNumber) } ?? 0
            return .template(file: name, line: line == 0 ? nil : line, reason: error.reason)
        }
        return .template(file: file, line: lines[index], reason: error.reason)
    }
}

/// Gives the engine the bundle's templates for `include` and `extends`.
private final class BundleLoader: Loader {
    var bundle = TemplateBundle(files: [:])

    func text(of name: String) throws(ConfdError) -> String {
        guard let text = self.bundle.files["templates/" + name] else {
            throw .template(file: "templates/" + name, line: nil, reason: "no such template")
        }
        return text
    }

    func loadTemplate(name: String, environment: Environment) throws -> Template {
        let scanner = try TagScanner(file: "templates/" + name, text: try self.text(of: name))
        return Template(templateString: scanner.source, environment: environment, name: name)
    }

    func loadTemplate(names: [String], environment: Environment) throws -> Template {
        for name in names where self.bundle.files["templates/" + name] != nil {
            return try self.loadTemplate(name: name, environment: environment)
        }
        throw TemplateDoesNotExist(templateNames: names, loader: self)
    }
}
