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
            if let bytes = try self.scanBytes() { return self.token(.bytes(bytes), from: start) }
            if let distinguisher = try self.scanDistinguisher() {
                return self.token(.distinguisher(distinguisher), from: start)
            }
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

    /// Reads a bytestring if one stands here: `hex:` and pairs of digits, or at least ten pairs separated by colons, or
    /// at least 32 digits in a row.
    private mutating func scanBytes() throws(SyntaxError) -> [UInt8]? {
        let start = self.at
        var end = start
        let isMarked = self.bytes[start...].starts(with: Array("hex:".utf8))
        if isMarked { end += 4 }
        var result: [UInt8] = []
        var colons = 0
        while end + 1 < self.bytes.count, let high = Self.hexadecimal(self.bytes[end]),
            let low = Self.hexadecimal(self.bytes[end + 1])
        {
            result.append(UInt8(high << 4 | low))
            end += 2
            // Either every pair is followed by a colon, or none is.
            guard colons > 0 || result.count == 1, end + 2 < self.bytes.count, self.bytes[end] == UInt8(ascii: ":"),
                Self.hexadecimal(self.bytes[end + 1]) != nil
            else {
                if colons > 0 { break }
                continue
            }
            colons += 1
            end += 1
        }
        let isEnd =
            end >= self.bytes.count
            || !(Self.isNameStart(self.bytes[end]) || Self.isDigit(self.bytes[end])
                || self.bytes[end] == UInt8(ascii: ":"))
        if isMarked {
            guard isEnd else {
                self.at = end
                throw self.error(start, "malformed bytestring: 'hex:' and pairs of hexadecimal digits")
            }
            self.at = end
            return result
        }
        guard isEnd, colons > 0 ? result.count == colons + 1 : result.count >= 16 else { return nil }
        if colons == 5 {
            self.at = end
            throw self.error(start, "MAC addresses are about Ethernet routes, which this speaker does not have")
        }
        guard colons == 0 || colons >= 9 else { return nil }
        self.at = end
        return result
    }

    /// Reads a route distinguisher if one stands here: `AS:N`, `0:AS:N`, `2:AS:N` or `A.B.C.D:N`.
    private mutating func scanDistinguisher() throws(SyntaxError) -> UInt64? {
        let start = self.at
        var end = start
        var parts: [String] = [""]
        while end < self.bytes.count, parts.count <= 3 {
            let byte = self.bytes[end]
            if byte == UInt8(ascii: ":") {
                parts.append("")
            } else if Self.isDigit(byte) || (byte == UInt8(ascii: ".") && parts.count == 1) {
                // Two dots are a range.
                if byte == UInt8(ascii: "."), end + 1 < self.bytes.count, !Self.isDigit(self.bytes[end + 1]) { break }
                parts[parts.count - 1].unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                break
            }
            end += 1
        }
        let isEnd =
            end >= self.bytes.count || !(Self.isNameStart(self.bytes[end]) || self.bytes[end] == UInt8(ascii: ":"))
        guard isEnd, parts.count == 2 || parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.at = end
        let outOfRange = self.error(start, "route distinguisher out of range")
        guard let last = UInt32(parts[parts.count - 1]) else { throw outOfRange }
        if parts.count == 2, parts[0].contains(".") {
            guard let address = IPv4Address(parts[0]), last <= 0xFFFF else { throw outOfRange }
            return 1 << 48 | UInt64(address.rawValue) << 16 | UInt64(last)
        }
        guard let number = UInt32(parts[parts.count - 2]), parts.count == 2 || parts[0] == "0" || parts[0] == "2" else {
            throw outOfRange
        }
        let isWide = parts.count == 3 ? parts[0] == "2" : number > 0xFFFF
        guard isWide ? last <= 0xFFFF : number <= 0xFFFF else { throw outOfRange }
        return isWide ? 2 << 48 | UInt64(number) << 16 | UInt64(last) : UInt64(number) << 32 | UInt64(last)
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
