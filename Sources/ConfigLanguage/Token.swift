import IPAddressing

/// One lexical element with its place.
struct Token: Hashable, Sendable {
    var kind: Kind
    /// Index of the file among those loaded.
    var file: UInt32
    /// Offset of the first octet.
    var offset: UInt32
    /// Number of octets.
    var length: UInt32

    enum Kind: Hashable, Sendable {
        /// A keyword or name.
        case word(String)
        /// A name in single quotes: never a keyword.
        case quotedName(String)
        case number(UInt32)
        case ipv4(IPv4Address)
        case ipv6(IPv6Address)
        /// A route distinguisher.
        case distinguisher(UInt64)
        /// A bytestring.
        case bytes([UInt8])
        /// A string in double quotes.
        case text(String)
        case mark(Mark)
        case end
    }

    var location: Location { Location(file: self.file, offset: self.offset, length: self.length) }
}

/// A stretch of source text.
struct Location: Hashable, Sendable {
    var file: UInt32
    var offset: UInt32
    var length: UInt32
}

/// Punctuation and operators.
enum Mark: String, Hashable, Sendable {
    case openBrace = "{"
    case closeBrace = "}"
    case openParenthesis = "("
    case closeParenthesis = ")"
    case openBracket = "["
    case closeBracket = "]"
    case openMask = "[="
    case closeMask = "=]"
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case greater = ">"
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case match = "~"
    case notMatch = "!~"
    case and = "&&"
    case or = "||"
    case not = "!"
    case plus = "+"
    case plusPlus = "++"
    case minus = "-"
    case arrow = "->"
    case star = "*"
    case slash = "/"
    case percent = "%"
    case comma = ","
    case semicolon = ";"
    case colon = ":"
    case ellipsis = ".."
    case dot = "."
    case question = "?"
}

extension Token {
    /// The token as messages name it.
    var described: String {
        switch self.kind {
        case .word(let name): "'\(name)'"
        case .quotedName(let name): "'\(name)'"
        case .number(let number): "number \(number)"
        case .ipv4(let address): "address \(address)"
        case .ipv6(let address): "address \(address)"
        case .distinguisher: "route distinguisher"
        case .bytes: "bytestring"
        case .text: "string"
        case .mark(let mark): "'\(mark.rawValue)'"
        case .end: "end of file"
        }
    }
}
