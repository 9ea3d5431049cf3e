import IPAddressing

/// A place and what is wrong there.
struct SyntaxError: Error {
    var location: Location
    var message: String
}

/// Cuts one file into tokens.
struct Lexer {
    private let bytes: [UInt8]
    private let file: UInt32
    private var at = 0

    init(_ bytes: [UInt8], file: UInt32) {
        self.bytes = bytes
        self.file = file
    }

    private func location(from start: Int) -> Location {
        Location(file: self.file, offset: UInt32(clamping: start), length: UInt32(clamping: self.at - start))
    }

    private func error(_ start: Int, _ message: String) -> SyntaxError {
        SyntaxError(location: self.location(from: start), message: message)
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        self.at + ahead < self.bytes.count ? self.bytes[self.at + ahead] : nil
    }

    /// The next token; `end` at the end.
    ///
    /// After an error the offending octets are consumed.
    mutating func next() throws(SyntaxError) -> Token {
        try self.skipBlanks()
        let start = self.at
        guard let byte = self.peek() else { return self.token(.end, from: start) }
        if Self.isNameStart(byte) || Self.isDigit(byte) || byte == UInt8(ascii: ":") {
            if let address = self.scanIPv6() { return self.token(.ipv6(address), from: start) }
        }
        if Self.isNameStart(byte) {
            while let byte = self.peek(), Self.isNameStart(byte) || Self.isDigit(byte) { self.at += 1 }
            return self.token(.word(self.text(start..<self.at)), from: start)
        }
        if Self.isDigit(byte) { return try self.scanNumber() }
        switch byte {
        case UInt8(ascii: "\""): return try self.scanText()
        case UInt8(ascii: "'"): return try self.scanQuotedName()
        default: return try self.scanMark()
        }
    }

    private func token(_ kind: Token.Kind, from start: Int) -> Token {
        Token(
            kind: kind,
            file: self.file,
            offset: UInt32(clamping: start),
            length: UInt32(clamping: max(1, self.at - start))
        )
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: self.bytes[range], as: UTF8.self) }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }

    private mutating func skipBlanks() throws(SyntaxError) {
        while let byte = self.peek() {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x0B, 0x0C:
                self.at += 1
            case UInt8(ascii: "#"):
                while let byte = self.peek(), byte != UInt8(ascii: "\n") { self.at += 1 }
            case UInt8(ascii: "/") where self.peek(1) == UInt8(ascii: "*"):
                let start = self.at
                self.at += 2
                while !(self.peek() == UInt8(ascii: "*") && self.peek(1) == UInt8(ascii: "/")) {
                    guard self.peek() != nil else {
                        throw SyntaxError(
                            location: Location(file: self.file, offset: UInt32(clamping: start), length: 2),
                            message: "comment is not closed"
                        )
                    }
                    self.at += 1
                }
                self.at += 2
            default:
                return
            }
        }
    }

    /// Reads an IPv6 address if one stands here.
    ///
    /// Text counts as one when it has `::` or at least three colons.
    private mutating func scanIPv6() -> IPv6Address? {
        var end = self.at
        var colons = 0
        var double = false
        while end < self.bytes.count, end - self.at <= 45 {
            if self.bytes[end] == UInt8(ascii: ":") {
                colons += 1
                if end > self.at, self.bytes[end - 1] == UInt8(ascii: ":") { double = true }
            } else if Self.hexadecimal(self.bytes[end]) == nil {
                break
            }
            end += 1
        }
        guard double || colons >= 3 else { return nil }
        // An embedded dotted quad; `..` is a range instead.
        var quad = end
        while quad < self.bytes.count, quad - end <= 12,
            Self.isDigit(self.bytes[quad])
                || (self.bytes[quad] == UInt8(ascii: ".") && quad + 1 < self.bytes.count
                    && Self.isDigit(self.bytes[quad + 1]))
        {
            quad += 1
        }
        for stop in quad > end ? [quad, end] : [end] {
            if let address = IPv6Address(self.text(self.at..<stop)) {
                self.at = stop
                return address
            }
        }
        return nil
    }

    private mutating func scanNumber() throws(SyntaxError) -> Token {
        let start = self.at
        if self.peek() == UInt8(ascii: "0"), let x = self.peek(1), x | 0x20 == UInt8(ascii: "x"),
            let digit = self.peek(2), Self.hexadecimal(digit) != nil
        {
            self.at += 2
            var value: UInt64 = 0
            while let byte = self.peek(), let digit = Self.hexadecimal(byte) {
                value = min(value << 4 | UInt64(digit), UInt64(UInt32.max) + 1)
                self.at += 1
            }
            guard let number = UInt32(exactly: value) else { throw self.error(start, "number out of range") }
            return self.token(.number(number), from: start)
        }
        var dots = 0
        while let byte = self.peek() {
            if byte == UInt8(ascii: "."), let next = self.peek(1), Self.isDigit(next) {
                dots += 1
            } else if !Self.isDigit(byte) {
                break
            }
            self.at += 1
        }
        if let byte = self.peek(), Self.isNameStart(byte) {
            while let byte = self.peek(), Self.isNameStart(byte) || Self.isDigit(byte) { self.at += 1 }
            throw self.error(start, "malformed number '\(self.text(start..<min(self.at, start + 40)))'")
        }
        let text = self.text(start..<self.at)
        if dots > 0 {
            guard dots == 3, let address = IPv4Address(text) else {
                throw self.error(start, "malformed IPv4 address '\(text.prefix(40))'")
            }
            return self.token(.ipv4(address), from: start)
        }
        guard let number = UInt32(text) else { throw self.error(start, "number out of range") }
        return self.token(.number(number), from: start)
    }

    private mutating func scanText() throws(SyntaxError) -> Token {
        let start = self.at
        self.at += 1
        while let byte = self.peek(), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\n") { self.at += 1 }
        guard self.peek() == UInt8(ascii: "\"") else { throw self.error(start, "string is not closed on its line") }
        self.at += 1
        return self.token(.text(self.text(start + 1..<self.at - 1)), from: start)
    }

    private mutating func scanQuotedName() throws(SyntaxError) -> Token {
        let start = self.at
        self.at += 1
        while let byte = self.peek(), byte != UInt8(ascii: "'"), byte != UInt8(ascii: "\n") { self.at += 1 }
        guard self.peek() == UInt8(ascii: "'") else { throw self.error(start, "quoted name is not closed on its line") }
        self.at += 1
        let name = self.bytes[start + 1..<self.at - 1]
        let isValid = name.allSatisfy { byte in
            Self.isNameStart(byte) || Self.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: ":")
        }
        guard isValid, !name.isEmpty else {
            throw self.error(start, "quoted names consist of letters, digits and - . : _")
        }
        return self.token(.quotedName(String(decoding: name, as: UTF8.self)), from: start)
    }

    private mutating func scanMark() throws(SyntaxError) -> Token {
        let start = self.at
        if let second = self.peek(1), second < 0x80,
            let mark = Mark(rawValue: self.text(start..<start + 2))
        {
            self.at += 2
            return self.token(.mark(mark), from: start)
        }
        self.at += 1
        // Continuation octets belong to the character that is reported.
        while let byte = self.peek(), byte & 0xC0 == 0x80, self.bytes[start] >= 0x80 { self.at += 1 }
        guard let mark = Mark(rawValue: self.text(start..<self.at)) else {
            throw self.error(start, "unexpected character '\(self.text(start..<self.at))'")
        }
        return self.token(.mark(mark), from: start)
    }
}
