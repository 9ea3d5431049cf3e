/// Where keys come from besides the datastore.
public struct KeySources: Hashable, Sendable {
    /// Environment variables: `/env/NAME`.
    public var environment: [String: String]
    /// JSON files: fields by their path, `/a/b`, elements of lists by their number.
    public var files: [String]

    /// Largest file that is read, in bytes.
    private static let largestFile = 4 << 20

    /// Creates sources.
    public init(environment: [String: String] = [:], files: [String] = []) {
        self.environment = environment
        self.files = files
    }

    /// Reads them; of two values for a key that of the later file counts.
    ///
    /// - Throws: `ConfdError` naming the file that cannot be read or is no JSON.
    func values() throws(ConfdError) -> [String: String] {
        var values: [String: String] = [:]
        for (name, value) in self.environment { values["/env/" + name] = value }
        for file in self.files {
            let octets = try FileTree.read(file, limit: Self.largestFile)
            do {
                let document = try JSONValue(parsing: String(decoding: octets, as: UTF8.self))
                Self.flatten(document, at: "", into: &values)
            } catch {
                throw .manifest(file: file, line: nil, reason: "not a JSON document")
            }
        }
        return values
    }

    private static func flatten(_ value: JSONValue, at path: String, into values: inout [String: String]) {
        switch value {
        case .object(let fields):
            for (name, field) in fields { self.flatten(field, at: "\(path)/\(name)", into: &values) }
        case .list(let elements):
            for (index, element) in elements.enumerated() {
                self.flatten(element, at: "\(path)/\(index)", into: &values)
            }
        case .null: break
        case .flag(let flag): values[path] = flag ? "true" : "false"
        case .whole(let number): values[path] = String(number)
        case .number(let number): values[path] = String(number)
        case .text(let text): values[path] = text
        }
    }
}
