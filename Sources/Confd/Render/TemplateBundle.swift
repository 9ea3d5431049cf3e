internal import Foundation

/// The template resources and templates in force: files by their path relative to the template directory.
public struct TemplateBundle: Hashable, Sendable {
    /// `conf.d/*.toml` and `templates/*`.
    public var files: [String: String]

    /// Creates a bundle.
    public init(files: [String: String]) {
        self.files = files
    }

    /// The files that come with the program.
    public static let embedded = TemplateBundle(files: embeddedTemplates)

    /// The files that come with the program for a BIRD 1.6 of each family.
    public static let embeddedForBird1 = TemplateBundle(files: embeddedBird1Templates)

    /// The template resources, ordered by file name.
    ///
    /// An empty file is no resource: so a file in the override directory can switch an embedded resource off.
    func resources() throws(ConfdError) -> [TemplateResource] {
        var resources: [TemplateResource] = []
        for name in self.files.keys.sorted() where name.hasPrefix("conf.d/") && name.hasSuffix(".toml") {
            guard let text = self.files[name], text.contains(where: { !$0.isWhitespace }) else { continue }
            resources.append(try TemplateResource(file: name, text: text))
        }
        return resources
    }
}

/// Where templates come from.
public struct TemplateSource: Hashable, Sendable {
    /// Whether the embedded files are in force below those of the directory.
    public var usesEmbedded: Bool
    /// Whose files the embedded templates make.
    public var target: Target
    /// Directory with `conf.d/` and `templates/`; its files replace embedded ones of the same name.
    ///
    /// It may be missing.
    public var directory: String?

    /// Creates a source.
    public init(usesEmbedded: Bool = true, directory: String? = "/etc/martlet/templates") {
        self.usesEmbedded = usesEmbedded
        self.target = .speaker
        self.directory = directory
    }

    /// Who reads the files.
    public enum Target: String, Hashable, Sendable, CaseIterable {
        /// Martlet's own speaker, one for both families.
        case speaker
        /// Two daemons of BIRD 1.6, one for each family, with the files that Calico gives them.
        case bird1
    }

    /// Largest template or template resource that is read, in bytes.
    static let largestFile = 1 << 20

    /// Reads the files; a directory that is not there has none.
    public func load() throws(ConfdError) -> TemplateBundle {
        let embedded = self.target == .speaker ? TemplateBundle.embedded : .embeddedForBird1
        var files = self.usesEmbedded ? embedded.files : [:]
        guard let directory = self.directory else { return TemplateBundle(files: files) }
        for folder in ["conf.d", "templates"] {
            let path = directory + "/" + folder
            for name in try FileTree.names(in: path) where !name.hasPrefix(".") {
                guard let status = try FileTree.status(of: path + "/" + name), status.isRegular else { continue }
                let octets = try FileTree.read(path + "/" + name, limit: Self.largestFile)
                guard let text = String(validating: octets, as: UTF8.self) else {
                    throw .template(file: path + "/" + name, line: nil, reason: "not UTF-8")
                }
                files[folder + "/" + name] = text
            }
        }
        return TemplateBundle(files: files)
    }
}
