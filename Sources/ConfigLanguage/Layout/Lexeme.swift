/// A token with its text and what stands before it, as the formatter sees it.
struct Lexeme {
    var kind: Token.Kind
    var text: ArraySlice<UInt8>
    /// Comments between the token before and this one.
    var comments: [Comment] = []
    /// Whether a line ends before it, behind the last comment.
    var startsLine = false
    /// Whether an empty line stands before it, behind the last comment.
    var followsBlank = false
    /// Whether nothing stands between the token before and this one.
    var isAdjacent = false

    /// A comment without its line end.
    struct Comment {
        var text: ArraySlice<UInt8>
        /// Whether a line ended before it.
        var startsLine: Bool
        var followsBlank: Bool
        /// `#`, which takes the rest of its line.
        var isLine: Bool
    }

    /// Whether a line ends, or a comment stands, before the token.
    var followsBreak: Bool { self.startsLine || !self.comments.isEmpty }
    /// Whether a line ends somewhere between the token before and this one.
    var followsLineEnd: Bool { self.startsLine || self.comments.contains { $0.startsLine || $0.isLine } }

    func isMark(_ mark: Mark) -> Bool { self.kind == .mark(mark) }

    func isWord(_ word: String) -> Bool { self.kind == .word(word) }
}

extension Lexeme {
    /// Cuts a file; the last one is the end, with the comments before it.
    static func all(of bytes: [UInt8]) throws(SyntaxError) -> [Lexeme] {
        var lexer = Lexer(bytes, file: 0)
        var result: [Lexeme] = []
        var end = 0
        while true {
            let token = try lexer.next()
            let start = token.kind == .end ? bytes.count : Int(token.offset)
            let stop = token.kind == .end ? start : start + Int(token.length)
            var lexeme = Lexeme(kind: token.kind, text: bytes[start..<stop])
            lexeme.isAdjacent = start == end && !result.isEmpty
            lexeme.readGap(bytes[end..<start])
            result.append(lexeme)
            if token.kind == .end { return result }
            end = stop
        }
    }

    /// The lexemes of tokens that may come from several files, without comments.
    static func withoutComments(_ tokens: ArraySlice<Token>, _ files: [SourceText]) -> [Lexeme] {
        var result: [Lexeme] = []
        var previous: Token?
        for token in tokens where Int(token.file) < files.count {
            let bytes = files[Int(token.file)].bytes
            let start = min(Int(token.offset), bytes.count)
            let stop = token.kind == .end ? start : min(start + Int(token.length), bytes.count)
            var lexeme = Lexeme(kind: token.kind, text: bytes[start..<stop])
            if let previous, previous.file == token.file, Int(previous.offset) + Int(previous.length) <= start {
                let gap = bytes[Int(previous.offset) + Int(previous.length)..<start]
                lexeme.isAdjacent = gap.isEmpty
                lexeme.readGap(gap)
                lexeme.startsLine = lexeme.followsLineEnd
                lexeme.comments = []
            } else {
                lexeme.startsLine = previous != nil
            }
            result.append(lexeme)
            previous = token
        }
        return result
    }

    /// Takes comments and line ends from what stands before the token.
    private mutating func readGap(_ gap: ArraySlice<UInt8>) {
        var at = gap.startIndex
        var lines = 0
        while at < gap.endIndex {
            switch gap[at] {
            case UInt8(ascii: "\n"):
                lines += 1
                at += 1
            case UInt8(ascii: "#"), UInt8(ascii: "/"):
                let start = at
                let isLine = gap[at] == UInt8(ascii: "#")
                if isLine {
                    while at < gap.endIndex, gap[at] != UInt8(ascii: "\n") { at += 1 }
                } else {
                    at = min(at + 2, gap.endIndex)
                    while at < gap.endIndex,
                        !(gap[at - 1] == UInt8(ascii: "*") && gap[at] == UInt8(ascii: "/") && at - start > 2)
                    {
                        at += 1
                    }
                    at = min(at + 1, gap.endIndex)
                }
                var stop = at
                if isLine {
                    while stop > start, [0x20, 0x09, 0x0B, 0x0C, 0x0D].contains(gap[stop - 1]) { stop -= 1 }
                }
                self.comments.append(
                    Comment(
                        text: gap[start..<stop],
                        startsLine: lines > 0,
                        followsBlank: lines > 1,
                        isLine: isLine
                    )
                )
                lines = 0
            default: at += 1
            }
        }
        self.startsLine = lines > 0
        self.followsBlank = lines > 1
    }
}
