/// One node of a manifest, whatever syntax it was written in, with the place where it stood.
public struct ManifestValue: Sendable {
    /// What stands there.
    public var content: Content
    /// Where it stands; nil for values that programs built.
    public var position: SourcePosition?

    /// Creates a value.
    public init(_ content: Content, at position: SourcePosition? = nil) {
        self.content = content
        self.position = position
    }

    /// The shapes a value can have.
    public enum Content: Hashable, Sendable {
        /// Nothing: the same as an absent field.
        case null
        /// A truth value.
        case bool(Bool)
        /// A number without fraction.
        case integer(Int64)
        /// A number with fraction or exponent.
        case float(Double)
        /// Text.
        case string(String)
        /// Values in order.
        case array([ManifestValue])
        /// Fields in the order written, keys distinct.
        case map([Field])
    }

    /// One field of a map.
    public struct Field: Hashable, Sendable {
        /// Its key.
        public var key: String
        /// Where the key stands.
        public var position: SourcePosition?
        /// Its value.
        public var value: ManifestValue

        /// Creates a field.
        public init(_ key: String, _ value: ManifestValue, at position: SourcePosition? = nil) {
            self.key = key
            self.position = position
            self.value = value
        }

        /// Same key and value; positions do not count.
        public static func == (lhs: Field, rhs: Field) -> Bool { lhs.key == rhs.key && lhs.value == rhs.value }

        /// Hashes key and value.
        public func hash(into hasher: inout Hasher) {
            hasher.combine(self.key)
            hasher.combine(self.value)
        }
    }

    /// The value of a field; nil when this is no map or has no such field.
    public subscript(key: String) -> ManifestValue? {
        guard case .map(let fields) = self.content else { return nil }
        return fields.first { $0.key == key }?.value
    }

    /// The text of a string; nil for every other shape.
    public var string: String? {
        if case .string(let text) = self.content { text } else { nil }
    }

    /// The text of a scalar where a string is wanted: `true` and `12` without quotes are taken for their text.
    ///
    /// A number with a fraction is not, because its spelling is lost.
    var scalarText: String? {
        switch self.content {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .null, .float, .array, .map: nil
        }
    }

    /// Whether this is the null value.
    public var isNull: Bool {
        if case .null = self.content { true } else { false }
    }

    /// What the shape is called in an error.
    var shape: String {
        switch self.content {
        case .null: "null"
        case .bool: "a truth value"
        case .integer: "an integer"
        case .float: "a number"
        case .string: "a string"
        case .array: "a list"
        case .map: "a map"
        }
    }
}

extension ManifestValue: Hashable {
    /// Same content; positions do not count.
    public static func == (lhs: ManifestValue, rhs: ManifestValue) -> Bool { lhs.content == rhs.content }

    /// Hashes the content.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.content)
    }
}

/// A place in a text file, both numbers counted from 1.
public struct SourcePosition: Hashable, Sendable, Comparable {
    /// Line.
    public var line: Int
    /// Column, in Unicode scalars.
    public var column: Int

    /// Creates a position.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// Reading order.
    public static func < (lhs: SourcePosition, rhs: SourcePosition) -> Bool {
        (lhs.line, lhs.column) < (rhs.line, rhs.column)
    }
}

extension SourcePosition: CustomStringConvertible {
    /// `line:column`.
    public var description: String { "\(self.line):\(self.column)" }
}

/// A remark about a manifest.
public struct ManifestDiagnostic: Hashable, Sendable {
    /// How bad it is.
    public var severity: Severity
    /// The object it is about, where that is known.
    public var key: ResourceKey?
    /// The field, as `spec.bgp.ipv4Address`; empty for the whole document.
    public var path: String
    /// Where it stands.
    public var position: SourcePosition?
    /// One sentence for people.
    public var message: String

    /// Creates a remark.
    public init(
        _ severity: Severity,
        key: ResourceKey? = nil,
        path: String = "",
        position: SourcePosition? = nil,
        message: String
    ) {
        self.severity = severity
        self.key = key
        self.path = path
        self.position = position
        self.message = message
    }

    /// How bad a remark is.
    public enum Severity: String, Hashable, Sendable, Comparable {
        /// Worth knowing: a document of a kind that is not used was skipped.
        case info
        /// The object counts, but a part of it has no effect.
        case warning
        /// The object was refused.
        case error

        /// Info before warning before error.
        public static func < (lhs: Severity, rhs: Severity) -> Bool { lhs.rank < rhs.rank }

        private var rank: Int {
            switch self {
            case .info: 0
            case .warning: 1
            case .error: 2
            }
        }
    }
}

extension ManifestDiagnostic: CustomStringConvertible {
    /// `line:column: severity: Kind/name: field: message`, leaving out what is not known.
    public var description: String {
        let path = self.path.isEmpty ? nil : self.path
        return [self.position?.description, self.severity.rawValue, self.key?.description, path, self.message]
            .compactMap(\.self).joined(separator: ": ")
    }
}
