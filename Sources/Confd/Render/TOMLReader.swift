/// Reads TOML 1.0, as far as template resources are written in it: floats, dates and lists of tables are errors.
///
/// Every error has its line. Nesting is bounded, and nothing in the text stops the program.
struct TOMLReader {
    /// A value.
    enum Value: Equatable {
        case string(String)
        case integer(Int64)
        case boolean(Bool)
        case array([Value])
        case table([String: Value])
    }

    /// What is wrong with a text.
    struct Fault: Error, Equatable {
        var line: Int
        var reason: String
    }

    /// Lists and tables within each other.
    private static let deepest = 16

    private let octets: [UInt8]
    private var index = 0
    private var line = 1
    private var depth = 0

    /// Reads a document.
    static func read(_ text: String) throws(Fault) -> [String: Value] {
        var reader = TOMLReader(octets: Array(text.utf8))
        return try reader.document()
    }

    private init(octets: [UInt8]) {
        self.octets = octets
        // A byte order mark.
        if octets.starts(with: [0xEF, 0xBB, 0xBF]) { self.index = 3 }
    }

    private func fault(_ reason: String) -> Fault { Fault(line: self.line, reason: reason) }

    private var next: UInt8? { self.index < self.octets.count ? self.octets[self.index] : nil }

    private func sees(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard self.octets.count - self.index >= count else { return false }
        return text.withUTF8Buffer { $0.elementsEqual(self.octets[self.index..<self.index + count]) }
    }

    private mutating func accept(_ text: StaticString) -> Bool {
        guard self.sees(text) else { return false }
        self.index += text.utf8CodeUnitCount
        return true
    }

    private mutating func skipBlanks() {
        while let octet = self.next, octet == UInt8(ascii: " ") || octet == UInt8(ascii: "\t") { self.index += 1 }
    }

    /// Takes a line end if there is one.
    private mutating func acceptLineEnd() -> Bool {
        guard self.accept("\n") || self.accept("\r\n") else { return false }
        self.line += 1
        return true
    }

    /// Takes blanks and a comment up to the line end.
    private mutating func skipComment() throws(Fault) {
        self.skipBlanks()
        guard self.accept("#") else { return }
        while let octet = self.next, !self.sees("\n"), !self.sees("\r\n") {
            try self.check(octet)
            self.index += 1
        }
    }

    /// Takes blanks, comments and line ends.
    private mutating func skipLines() throws(Fault) {
        repeat { try self.skipComment() } while self.acceptLineEnd()
    }

    /// Refuses control characters.
    private func check(_ octet: UInt8) throws(Fault) {
        guard octet >= 0x20 && octet != 0x7F || octet == UInt8(ascii: "\t") else {
            throw self.fault("a control character")
        }
    }

    // MARK: - Statements

    private mutating func document() throws(Fault) -> [String: Value] {
        var root: [String: Value] = [:]
        var heads: Set<[String]> = []
        var path: [String] = []
        while true {
            try self.skipLines()
            guard self.next != nil else { return root }
            if self.accept("[") {
                guard !self.accept("[") else { throw self.fault("lists of tables have no use here") }
                path = try self.key()
                guard self.accept("]") else { throw self.fault("expected ] behind the name of a table") }
                guard heads.insert(path).inserted else { throw self.fault("a second table \(Self.text(path))") }
                try self.insert(.table([:]), at: path[...], in: &root, isHead: true)
            } else {
                let key = try self.key()
                guard self.accept("=") else { throw self.fault("expected = behind \(Self.text(key))") }
                let value = try self.value()
                try self.insert(value, at: (path + key)[...], in: &root)
            }
            try self.skipComment()
            guard self.next == nil || self.acceptLineEnd() else { throw self.fault("expected the end of the line") }
        }
    }

    private static func text(_ path: [String]) -> String { path.joined(separator: ".") }

    /// Puts a value in its place; a table's head may name a table that is there.
    private func insert(
        _ value: Value,
        at path: ArraySlice<String>,
        in table: inout [String: Value],
        isHead: Bool = false
    ) throws(Fault) {
        guard let name = path.first else { return }
        let rest = path.dropFirst()
        guard let old = table[name] else {
            var inner: [String: Value] = [:]
            try self.insert(value, at: rest, in: &inner, isHead: isHead)
            table[name] = rest.isEmpty ? value : .table(inner)
            return
        }
        guard case .table(var inner) = old, !rest.isEmpty || isHead else {
            throw self.fault("a second value of \(name)")
        }
        try self.insert(value, at: rest, in: &inner, isHead: isHead)
        table[name] = .table(inner)
    }

    /// A key with its dots, and the blanks around it.
    private mutating func key() throws(Fault) -> [String] {
        var path: [String] = []
        repeat {
            self.skipBlanks()
            let start = self.index
            if self.accept("\"") {
                path.append(try self.shortString(escapes: true))
            } else if self.accept("'") {
                path.append(try self.shortString(escapes: false))
            } else {
                while let octet = self.next, Self.isBare(octet) { self.index += 1 }
                guard self.index > start else { throw self.fault("expected a name") }
                path.append(String(decoding: self.octets[start..<self.index], as: UTF8.self))
            }
            self.skipBlanks()
            guard path.count <= Self.deepest else { throw self.fault("a name with too many parts") }
        } while self.accept(".")
        return path
    }

    private static func isBare(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    // MARK: - Values

    private mutating func value() throws(Fault) -> Value {
        self.skipBlanks()
        if self.accept("\"\"\"") { return .string(try self.longString(quote: UInt8(ascii: "\""))) }
        if self.accept("'''") { return .string(try self.longString(quote: UInt8(ascii: "'"))) }
        if self.accept("\"") { return .string(try self.shortString(escapes: true)) }
        if self.accept("'") { return .string(try self.shortString(escapes: false)) }
        guard self.sees("[") || self.sees("{") else { return try self.word() }
        self.depth += 1
        defer { self.depth -= 1 }
        guard self.depth <= Self.deepest else { throw self.fault("lists or tables nested too deeply") }
        return self.accept("[") ? .array(try self.array()) : .table(try self.inlineTable())
    }

    private mutating func array() throws(Fault) -> [Value] {
        var values: [Value] = []
        while true {
            try self.skipLines()
            if self.accept("]") { return values }
            values.append(try self.value())
            try self.skipLines()
            if self.accept("]") { return values }
            guard self.accept(",") else { throw self.fault("expected , or ] in a list") }
        }
    }

    private mutating func inlineTable() throws(Fault) -> [String: Value] {
        self.index += 1
        var table: [String: Value] = [:]
        self.skipBlanks()
        if self.accept("}") { return table }
        while true {
            let key = try self.key()
            guard self.accept("=") else { throw self.fault("expected = behind \(Self.text(key))") }
            let value = try self.value()
            try self.insert(value, at: key[...], in: &table)
            self.skipBlanks()
            if self.accept("}") { return table }
            guard self.accept(",") else { throw self.fault("expected , or } in a table") }
        }
    }

    /// A number or a truth value.
    private mutating func word() throws(Fault) -> Value {
        let start = self.index
        while let octet = self.next,
            Self.isBare(octet) || octet == UInt8(ascii: "+") || octet == UInt8(ascii: ".")
                || octet == UInt8(ascii: ":")
        {
            self.index += 1
        }
        let word = String(decoding: self.octets[start..<self.index], as: UTF8.self)
        switch word {
        case "": throw self.fault("expected a value")
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        default:
            guard let number = Self.integer(word) else {
                throw self.fault("\(word) is no whole number, truth value, string, list or table")
            }
            return .integer(number)
        }
    }

    private static func integer(_ word: String) -> Int64? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where word.hasPrefix(prefix) {
            return self.digits(word.dropFirst(2)).flatMap { Int64($0, radix: radix) }
        }
        let isSigned = word.hasPrefix("+") || word.hasPrefix("-")
        let body = isSigned ? word.dropFirst() : word[...]
        guard let digits = self.digits(body), digits == "0" || !digits.hasPrefix("0") else { return nil }
        return Int64(word.hasPrefix("-") ? "-" + digits : digits)
    }

    /// Digits without the underscores between them; nil when one is elsewhere, or a sign.
    private static func digits(_ text: Substring) -> String? {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty }), !text.contains("+"), !text.contains("-") else { return nil }
        return parts.joined()
    }

    // MARK: - Strings

    private mutating func shortString(escapes: Bool) throws(Fault) -> String {
        var found: [UInt8] = []
        while let octet = self.next {
            try self.check(octet)
            self.index += 1
            switch octet {
            case UInt8(ascii: "\"") where escapes, UInt8(ascii: "'") where !escapes:
                return String(decoding: found, as: UTF8.self)
            case UInt8(ascii: "\\") where escapes: try self.escape(&found)
            default: found.append(octet)
            }
        }
        throw self.fault("a string without an end")
    }

    private mutating func longString(quote: UInt8) throws(Fault) -> String {
        let start = self.line
        var found: [UInt8] = []
        _ = self.acceptLineEnd()
        while let octet = self.next {
            if self.sees("\n") || self.sees("\r\n") {
                _ = self.acceptLineEnd()
                found.append(UInt8(ascii: "\n"))
                continue
            }
            try self.check(octet)
            if octet == quote {
                // The last three of up to five end it.
                var count = 0
                while self.next == quote, count < 5 {
                    count += 1
                    self.index += 1
                }
                found += repeatElement(quote, count: count >= 3 ? count - 3 : count)
                if count >= 3 { return String(decoding: found, as: UTF8.self) }
                continue
            }
            self.index += 1
            if octet == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if !self.skipFoldedLines() { try self.escape(&found) }
            } else {
                found.append(octet)
            }
        }
        throw Fault(line: start, reason: "a string without an end")
    }

    /// Behind a backslash at the end of a line: takes all blanks and line ends that follow.
    private mutating func skipFoldedLines() -> Bool {
        let start = self.index
        self.skipBlanks()
        guard self.acceptLineEnd() else {
            self.index = start
            return false
        }
        repeat { self.skipBlanks() } while self.acceptLineEnd()
        return true
    }

    private mutating func escape(_ found: inout [UInt8]) throws(Fault) {
        guard let octet = self.next else { throw self.fault("a string without an end") }
        self.index += 1
        switch octet {
        case UInt8(ascii: "b"): found.append(8)
        case UInt8(ascii: "t"): found.append(9)
        case UInt8(ascii: "n"): found.append(10)
        case UInt8(ascii: "f"): found.append(12)
        case UInt8(ascii: "r"): found.append(13)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): found.append(octet)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let count = octet == UInt8(ascii: "u") ? 4 : 8
            let digits = self.octets[self.index...].prefix(count)
            guard digits.count == count, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), value != 0,
                let scalar = Unicode.Scalar(value)
            else { throw self.fault("an escape that is no character") }
            self.index += count
            found += Array(String(Character(scalar)).utf8)
        default: throw self.fault("an escape of no meaning")
        }
    }
}
