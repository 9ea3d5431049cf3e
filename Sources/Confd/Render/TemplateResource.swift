internal import Foundation
internal import Glibc

/// One `[template]` of `conf.d/*.toml`: what is rendered where, how it is checked and who is told.
public struct TemplateResource: Hashable, Sendable {
    /// File it was read from, relative to the template directory.
    public var file: String
    /// Template in `templates/`.
    public var source: String
    /// Output path: relative to the output directory, or absolute.
    ///
    /// Files with relative destinations form one set, staged, checked and replaced together. With `each` it holds
    /// `{{name}}` exactly once, in its last component.
    public var destination: String
    /// Name of a list of the plan: one file is made for each element, which the template sees as `item`.
    public var each: String?
    /// Prefix of `keys`, taken off the keys that the template sees.
    public var prefix: String
    /// Key prefixes that the template sees.
    public var keys: [String]
    /// Permission bits; nil keeps those of an existing file, else 0644.
    public var mode: UInt32?
    /// Owner; nil is the process's effective user.
    public var userID: UInt32?
    /// Group; nil is the process's effective group.
    public var groupID: UInt32?
    /// Seconds after which the file is rendered anew though nothing changed that is known of; nil is never.
    public var interval: UInt32?
    /// Check of the staged file.
    public var check: Command?
    /// What is done after files were replaced.
    public var reload: Command?

    /// A check or a reload.
    public enum Command: Hashable, Sendable, CustomStringConvertible {
        /// `@name`: done by the process itself.
        case builtIn(String)
        /// A shell command; `{{src}}` stands for the staged file.
        case shell(String)

        init(_ text: String) {
            self = text.hasPrefix("@") ? .builtIn(String(text.dropFirst())) : .shell(text)
        }

        /// As written.
        public var description: String {
            switch self {
            case .builtIn(let name): "@" + name
            case .shell(let text): text
            }
        }
    }

    /// Reads a template resource.
    ///
    /// - Throws: `ConfdError.manifest` naming the file and, for a syntax error, the line.
    public init(file: String, text: String) throws(ConfdError) {
        let table: [String: TOMLReader.Value]
        do throws(TOMLReader.Fault) {
            table = try TOMLReader.read(text)
        } catch {
            throw .manifest(file: file, line: error.line, reason: error.reason)
        }
        self = try Reader(file: file, table: table).resource()
    }

    fileprivate init(file: String, source: String, destination: String) {
        self.file = file
        self.source = source
        self.destination = destination
        self.prefix = ""
        self.keys = []
    }

    /// Puts an element's name into the destination.
    func destination(for name: String) -> String {
        guard let range = self.destination.range(of: "{{name}}") else { return self.destination }
        return self.destination.replacingCharacters(in: range, with: name)
    }

    /// Whether the file belongs to the set of the output directory.
    var isInSet: Bool { !self.destination.hasPrefix("/") }
}

/// Takes the known fields out of the table, and refuses the others.
private struct Reader {
    let file: String
    let table: [String: TOMLReader.Value]

    func resource() throws(ConfdError) -> TemplateResource {
        for key in self.table.keys.sorted() where key != "template" { throw self.fault("unknown key \(key)") }
        guard case .table(let template)? = self.table["template"] else { throw self.fault("no [template] table") }
        let known: Set = [
            "src", "dest", "each", "keys", "prefix", "mode", "uid", "gid", "owner", "group", "interval", "check_cmd",
            "reload_cmd",
        ]
        for key in template.keys.sorted() where !known.contains(key) {
            throw self.fault("unknown key template.\(key)")
        }
        guard let source = try self.text("src", template), let destination = try self.text("dest", template) else {
            throw self.fault("template.src and template.dest are needed")
        }
        guard FileTree.isPlainRelativePath(source) else {
            throw self.fault("template.src must be a path inside the templates directory")
        }
        var resource = TemplateResource(file: self.file, source: source, destination: destination)
        resource.each = try self.text("each", template)
        try self.check(destination: destination, isRepeated: resource.each != nil)
        resource.prefix = try self.text("prefix", template) ?? ""
        guard resource.prefix.isEmpty || resource.prefix.hasPrefix("/") else {
            throw self.fault("template.prefix must begin with /")
        }
        resource.keys = try self.texts("keys", template)
        if let mode = try self.text("mode", template) {
            guard let bits = UInt32(mode, radix: 8), bits <= 0o777 else {
                throw self.fault("template.mode must be an octal string up to 0777")
            }
            resource.mode = bits
        }
        resource.userID = try self.identifier("uid", template)
        resource.groupID = try self.identifier("gid", template)
        if let name = try self.text("owner", template) {
            guard resource.userID == nil else { throw self.fault("template.owner excludes template.uid") }
            guard let entry = getpwnam(name) else { throw self.fault("template.owner: there is no user \(name)") }
            resource.userID = entry.pointee.pw_uid
        }
        if let name = try self.text("group", template) {
            guard resource.groupID == nil else { throw self.fault("template.group excludes template.gid") }
            guard let entry = getgrnam(name) else { throw self.fault("template.group: there is no group \(name)") }
            resource.groupID = entry.pointee.gr_gid
        }
        resource.interval = try self.identifier("interval", template)
        if resource.interval == 0 { throw self.fault("template.interval must be at least 1 second") }
        resource.check = try self.text("check_cmd", template).map(TemplateResource.Command.init)
        resource.reload = try self.text("reload_cmd", template).map(TemplateResource.Command.init)
        return resource
    }

    private func check(destination: String, isRepeated: Bool) throws(ConfdError) {
        let path = destination.hasPrefix("/") ? String(destination.dropFirst()) : destination
        let parts = path.components(separatedBy: "{{name}}")
        guard FileTree.isPlainRelativePath(parts.joined(separator: "x")) else {
            throw self.fault("template.dest must be a path without . and .. components")
        }
        if isRepeated {
            guard parts.count == 2, !parts[1].contains("/") else {
                throw self.fault("template.dest needs {{name}} once, in its last component, with template.each")
            }
        } else if parts.count != 1 {
            throw self.fault("template.dest may hold {{name}} only with template.each")
        }
    }

    private func fault(_ reason: String) -> ConfdError { .manifest(file: self.file, line: nil, reason: reason) }

    private func text(_ key: String, _ template: [String: TOMLReader.Value]) throws(ConfdError) -> String? {
        guard let value = template[key] else { return nil }
        guard case .string(let text) = value, !text.isEmpty || key == "prefix" else {
            throw self.fault("template.\(key) must be a string that is not empty")
        }
        return text
    }

    private func texts(_ key: String, _ template: [String: TOMLReader.Value]) throws(ConfdError) -> [String] {
        guard let value = template[key] else { return [] }
        guard case .array(let array) = value else { throw self.fault("template.\(key) must be a list of strings") }
        var texts: [String] = []
        for element in array {
            guard case .string(let text) = element else {
                throw self.fault("template.\(key) must be a list of strings")
            }
            texts.append(text)
        }
        return texts
    }

    private func identifier(_ key: String, _ template: [String: TOMLReader.Value]) throws(ConfdError) -> UInt32? {
        guard let value = template[key] else { return nil }
        guard case .integer(let integer) = value, let number = UInt32(exactly: integer) else {
            throw self.fault("template.\(key) must be a number")
        }
        return number
    }
}
