import CYaml
import Resources

/// Reads YAML (and JSON, its subset) into manifest trees, one per document, within fixed bounds.
///
/// Events of the parser are composed here, so that every node keeps its place and expanding aliases stays within
/// ``maximumNodes``. Plain scalars resolve by the core schema of YAML 1.2, so `1:30` is a string, but for `yes`, `no`, `on` and
/// `off`: those are truth values as in YAML 1.1, because kubectl and calicoctl read them so.
struct YAMLReader {
    /// Nodes in one file, with aliases expanded.
    static let maximumNodes = 1_000_000
    /// Depth of maps and lists.
    static let maximumDepth = 100
    /// Anchors in one document.
    static let maximumAnchors = 1000
    /// `%TAG` lines in one file: the parser compares each with all before it.
    static let maximumTagDirectives = 100

    /// Why a file could not be read.
    struct Failure: Error, Hashable {
        var position: SourcePosition?
        var message: String
    }

    private struct Anchored {
        var value: ManifestValue
        var count: Int
        var depth: Int
    }

    /// A map or list under construction.
    private struct Frame {
        var start: SourcePosition
        var anchor: String?
        var isMap: Bool
        var elements: [ManifestValue] = []
        var fields: [ManifestValue.Field] = []
        var keys: Set<String> = []
        var key: (name: String, position: SourcePosition)?
        var count = 1
        var depth = 1
    }

    private var parser = yaml_parser_t()
    private var anchors: [String: Anchored] = [:]
    private var nodes = 0

    /// Reads all documents of `bytes`.
    static func documents(_ bytes: [UInt8]) throws(Failure) -> [ManifestValue] {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Failure(position: nil, message: "the file is not valid UTF-8")
        }
        guard self.tagDirectives(bytes) <= self.maximumTagDirectives else {
            throw Failure(position: nil, message: "has more than \(self.maximumTagDirectives) %TAG lines")
        }
        var reader = YAMLReader()
        guard yaml_parser_initialize(&reader.parser) == 1 else {
            throw Failure(position: nil, message: "out of memory")
        }
        defer { yaml_parser_delete(&reader.parser) }
        // The parser keeps the pointer only while events are read, which happens inside the closure.
        let result: Result<[ManifestValue], Failure> = bytes.withUnsafeBufferPointer { buffer in
            yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(&reader.parser, buffer.baseAddress, buffer.count)
            do throws(Failure) {
                return .success(try reader.readStream())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Lines that begin with a percent sign and a `T`, which only directives and odd text do.
    private static func tagDirectives(_ bytes: [UInt8]) -> Int {
        var count = 0
        var isLineStart = true
        for (index, byte) in bytes.enumerated() {
            if isLineStart, byte == UInt8(ascii: "%"), index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "T") {
                count += 1
            }
            isLineStart = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        }
        return count
    }

    private mutating func readStream() throws(Failure) -> [ManifestValue] {
        var documents: [ManifestValue] = []
        var stack: [Frame] = []
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&self.parser, &event) == 1 else { throw self.parserFailure() }
            defer { yaml_event_delete(&event) }
            let start = Self.position(event.start_mark)
            switch event.type {
            case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return documents
            case YAML_DOCUMENT_START_EVENT: self.anchors = [:]
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                let text = String(
                    decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
                    as: UTF8.self
                )
                let isKey = stack.last.map { $0.isMap && $0.key == nil } ?? false
                let content =
                    isKey
                    ? .string(text)
                    : Self.resolve(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE, tag: Self.text(scalar.tag))
                let value = ManifestValue(content, at: start)
                try self.register(Self.text(scalar.anchor), Anchored(value: value, count: 1, depth: 0))
                try self.place(Anchored(value: value, count: 1, depth: 0), start, &stack, &documents)
            case YAML_ALIAS_EVENT:
                let name = Self.text(event.data.alias.anchor) ?? ""
                guard let anchored = self.anchors[name] else {
                    throw Failure(position: start, message: "the alias *\(name.prefix(64)) has no anchor before it")
                }
                try self.place(anchored, start, &stack, &documents)
            case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT:
                let isMap = event.type == YAML_MAPPING_START_EVENT
                guard stack.count < Self.maximumDepth else {
                    throw Failure(position: start, message: "nests deeper than \(Self.maximumDepth) levels")
                }
                if let frame = stack.last, frame.isMap, frame.key == nil {
                    throw Failure(position: start, message: "a key must be a scalar")
                }
                let anchor = isMap ? event.data.mapping_start.anchor : event.data.sequence_start.anchor
                stack.append(Frame(start: start, anchor: Self.text(anchor), isMap: isMap))
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
                guard let frame = stack.popLast() else { continue }
                let value = ManifestValue(frame.isMap ? .map(frame.fields) : .array(frame.elements), at: frame.start)
                let anchored = Anchored(value: value, count: frame.count, depth: frame.depth)
                try self.register(frame.anchor, anchored)
                // Its nodes were counted when they were placed.
                self.nodes -= frame.count - 1
                try self.place(anchored, frame.start, &stack, &documents)
            default: continue
            }
        }
    }

    private mutating func register(_ anchor: String?, _ value: Anchored) throws(Failure) {
        guard let anchor else { return }
        guard self.anchors.count < Self.maximumAnchors else {
            throw Failure(position: value.value.position, message: "has more than \(Self.maximumAnchors) anchors")
        }
        self.anchors[anchor] = value
    }

    private mutating func place(
        _ item: Anchored,
        _ position: SourcePosition,
        _ stack: inout [Frame],
        _ documents: inout [ManifestValue]
    ) throws(Failure) {
        self.nodes += item.count
        guard self.nodes <= Self.maximumNodes else {
            throw Failure(position: position, message: "holds more than \(Self.maximumNodes) values, aliases expanded")
        }
        guard let top = stack.indices.last else {
            documents.append(item.value)
            return
        }
        guard stack.count + item.depth <= Self.maximumDepth else {
            throw Failure(position: position, message: "nests deeper than \(Self.maximumDepth) levels")
        }
        stack[top].count += item.count
        stack[top].depth = max(stack[top].depth, item.depth + 1)
        guard stack[top].isMap else {
            stack[top].elements.append(item.value)
            return
        }
        if let key = stack[top].key {
            stack[top].fields.append(.init(key.name, item.value, at: key.position))
            stack[top].key = nil
        } else {
            guard let name = item.value.string else {
                throw Failure(position: position, message: "a key must be a scalar")
            }
            guard stack[top].keys.insert(name).inserted else {
                throw Failure(position: position, message: "the key \(name.prefix(64)) appears twice")
            }
            stack[top].key = (name, position)
        }
    }

    private static func resolve(_ text: String, isPlain: Bool, tag: String?) -> ManifestValue.Content {
        guard isPlain, tag == nil || tag == "!" else { return .string(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return .bool(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return .bool(false)
        default: break
        }
        guard let first = text.utf8.first, text.utf8.count <= 64,
            "+-.0123456789".utf8.contains(first)
        else { return .string(text) }
        // Leading zeros are part of an identifier's spelling, and readers disagree whether they mean octal.
        let digits = text.drop { $0 == "-" || $0 == "+" }
        if digits.count > 1, digits.first == "0", digits.dropFirst().allSatisfy({ $0.isNumber }) {
            return .string(text)
        }
        if let number = Int64(text) { return .integer(number) }
        if text.hasPrefix("0x"), let number = Int64(text.dropFirst(2), radix: 16) { return .integer(number) }
        if text.hasPrefix("0o"), let number = Int64(text.dropFirst(2), radix: 8) { return .integer(number) }
        let isDecimal = text.utf8.allSatisfy { "+-.eE0123456789".utf8.contains($0) }
        if isDecimal, let number = Double(text), number.isFinite { return .float(number) }
        return .string(text)
    }

    private func parserFailure() -> Failure {
        let problem = self.parser.problem.map { String(cString: $0) } ?? "malformed YAML"
        let context = self.parser.context.map { " \(String(cString: $0))" } ?? ""
        let mark = self.parser.error == YAML_READER_ERROR ? self.parser.mark : self.parser.problem_mark
        return Failure(position: Self.position(mark), message: problem + context)
    }

    private static func position(_ mark: yaml_mark_t) -> SourcePosition {
        SourcePosition(line: Int(clamping: mark.line) &+ 1, column: Int(clamping: mark.column) &+ 1)
    }

    /// Text that the parser owns and ends with a zero byte.
    private static func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? {
        pointer.map { String(cString: $0) }
    }
}
