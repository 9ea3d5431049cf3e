/// Reads one JSON text (RFC 8259) into a manifest tree, within fixed bounds.
///
/// Answers of a datastore come from the network: depth, number of nodes and the length of the text are limited, a key that
/// appears twice in an object is refused, and nothing recurses deeper than ``maximumDepth``.
public struct JSONReader {
    /// Depth of objects and lists.
    public static let maximumDepth = 100
    /// Nodes of one text.
    public static let maximumNodes = 2_000_000

    /// Why a text could not be read.
    public struct Failure: Error, Hashable, CustomStringConvertible {
        /// Where, counted in octets from 0.
        public var offset: Int
        /// One phrase for people.
        public var message: String

        /// `octet N: …`.
        public var description: String { "octet \(self.offset): \(self.message)" }
    }

    private let bytes: [UInt8]
    private var offset = 0
    private var nodes = 0

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads the whole of `bytes` as one value.
    public static func value(_ bytes: [UInt8]) throws(Failure) -> ManifestValue {
        var reader = JSONReader(bytes)
        reader.skipSpace()
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.offset == bytes.count else { throw reader.failure("there is more after the value") }
        return value
    }

    private func failure(_ message: String) -> Failure { Failure(offset: self.offset, message: message) }

    private var byte: UInt8? { self.offset < self.bytes.count ? self.bytes[self.offset] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { self.offset += 1 }
    }

    private mutating func expect(_ literal: StaticString, _ content: ManifestValue.Content) throws(Failure)
        -> ManifestValue
    {
        for wanted in literal.description.utf8 {
            guard self.byte == wanted else { throw self.failure("expected \(literal)") }
            self.offset += 1
        }
        return ManifestValue(content)
    }

    private mutating func value(depth: Int) throws(Failure) -> ManifestValue {
        self.nodes += 1
        guard self.nodes <= Self.maximumNodes else { throw self.failure("has more than \(Self.maximumNodes) values") }
        guard depth <= Self.maximumDepth else {
            throw self.failure("nests deeper than \(Self.maximumDepth) levels")
        }
        switch self.byte {
        case UInt8(ascii: "{")?: return try self.object(depth: depth)
        case UInt8(ascii: "[")?: return try self.list(depth: depth)
        case UInt8(ascii: "\"")?: return ManifestValue(.string(try self.string()))
        case UInt8(ascii: "t")?: return try self.expect("true", .bool(true))
        case UInt8(ascii: "f")?: return try self.expect("false", .bool(false))
        case UInt8(ascii: "n")?: return try self.expect("null", .null)
        case UInt8(ascii: "-")?, (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return ManifestValue(try self.number())
        case nil: throw self.failure("ends where a value is expected")
        default: throw self.failure("expected a value")
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> ManifestValue {
        var fields: [ManifestValue.Field] = []
        var keys: Set<String> = []
        self.offset += 1
        self.skipSpace()
        if self.byte == UInt8(ascii: "}") {
            self.offset += 1
            return ManifestValue(.map([]))
        }
        while true {
            guard self.byte == UInt8(ascii: "\"") else { throw self.failure("expected a key") }
            let key = try self.string()
            guard keys.insert(key).inserted else { throw self.failure("a key appears twice") }
            self.skipSpace()
            guard self.byte == UInt8(ascii: ":") else { throw self.failure("expected a colon") }
            self.offset += 1
            self.skipSpace()
            fields.append(ManifestValue.Field(key, try self.value(depth: depth + 1)))
            guard try self.hasNext(end: UInt8(ascii: "}")) else { return ManifestValue(.map(fields)) }
        }
    }

    private mutating func list(depth: Int) throws(Failure) -> ManifestValue {
        var elements: [ManifestValue] = []
        self.offset += 1
        self.skipSpace()
        if self.byte == UInt8(ascii: "]") {
            self.offset += 1
            return ManifestValue(.array([]))
        }
        while true {
            elements.append(try self.value(depth: depth + 1))
            guard try self.hasNext(end: UInt8(ascii: "]")) else { return ManifestValue(.array(elements)) }
        }
    }

    /// Goes over a comma to what comes next, or over the end.
    private mutating func hasNext(end: UInt8) throws(Failure) -> Bool {
        self.skipSpace()
        if self.byte == end {
            self.offset += 1
            return false
        }
        guard self.byte == UInt8(ascii: ",") else { throw self.failure("expected a comma or the end") }
        self.offset += 1
        self.skipSpace()
        return true
    }

    private mutating func number() throws(Failure) -> ManifestValue.Content {
        let start = self.offset
        var isInteger = true
        func digits(_ reader: inout JSONReader) throws(Failure) {
            let first = reader.offset
            while let byte = reader.byte, (0x30...0x39).contains(byte) { reader.offset += 1 }
            guard reader.offset > first else { throw reader.failure("expected a digit") }
        }
        if self.byte == UInt8(ascii: "-") { self.offset += 1 }
        if self.byte == UInt8(ascii: "0") { self.offset += 1 } else { try digits(&self) }
        if self.byte == UInt8(ascii: ".") {
            isInteger = false
            self.offset += 1
            try digits(&self)
        }
        if self.byte == UInt8(ascii: "e") || self.byte == UInt8(ascii: "E") {
            isInteger = false
            self.offset += 1
            if self.byte == UInt8(ascii: "+") || self.byte == UInt8(ascii: "-") { self.offset += 1 }
            try digits(&self)
        }
        guard self.offset - start <= 64 else { throw self.failure("a number is longer than 64 digits") }
        let text = String(decoding: self.bytes[start..<self.offset], as: UTF8.self)
        if isInteger, let number = Int64(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite else { throw self.failure("a number is out of range") }
        return .float(number)
    }

    /// A string, from its first quote to behind its last.
    private mutating func string() throws(Failure) -> String {
        self.offset += 1
        let start = self.offset
        while let byte, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { self.offset += 1 }
        if self.byte == UInt8(ascii: "\"") {
            guard let text = String(validating: self.bytes[start..<self.offset], as: UTF8.self) else {
                throw self.failure("a string is not valid UTF-8")
            }
            self.offset += 1
            return text
        }
        var decoded = Array(self.bytes[start..<self.offset])
        while let byte {
            self.offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: decoded, as: UTF8.self) else {
                    throw self.failure("a string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try self.escape(into: &decoded)
            case 0..<0x20: throw self.failure("a string holds a control character")
            default: decoded.append(byte)
            }
        }
        throw self.failure("a string has no end")
    }

    private mutating func escape(into decoded: inout [UInt8]) throws(Failure) {
        guard let byte else { throw self.failure("a string has no end") }
        self.offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            var code = UInt32(try self.hexadecimal())
            if (0xD800..<0xDC00).contains(code) {
                guard self.byte == UInt8(ascii: "\\") else { throw self.failure("half of a surrogate pair") }
                self.offset += 1
                guard self.byte == UInt8(ascii: "u") else { throw self.failure("half of a surrogate pair") }
                self.offset += 1
                let low = UInt32(try self.hexadecimal())
                guard (0xDC00..<0xE000).contains(low) else { throw self.failure("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw self.failure("half of a surrogate pair") }
            decoded += Array(String(Character(scalar)).utf8)
        default: throw self.failure("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(Failure) -> UInt16 {
        var code: UInt16 = 0
        for _ in 0..<4 {
            guard let byte, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw self.failure("expected four hexadecimal digits")
            }
            code = code << 4 | UInt16(digit)
            self.offset += 1
        }
        return code
    }
}

extension ManifestValue {
    /// The value as JSON on one line, fields in their order.
    public var compactJSON: String {
        var text = ""
        self.writeCompact(to: &text)
        return text
    }

    private func writeCompact(to text: inout String) {
        switch self.content {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += String(number)
        case .float(let number): text += number.isFinite ? "\(number)" : "null"
        case .string(let string): Self.quoteCompact(string, to: &text)
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                element.writeCompact(to: &text)
            }
            text += "]"
        case .map(let fields):
            text += "{"
            for (index, field) in fields.enumerated() {
                if index > 0 { text += "," }
                Self.quoteCompact(field.key, to: &text)
                text += ":"
                field.value.writeCompact(to: &text)
            }
            text += "}"
        }
    }

    private static func quoteCompact(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
