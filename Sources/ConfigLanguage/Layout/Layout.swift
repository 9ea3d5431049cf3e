/// Decides where lines end.
///
/// A statement has its line. A block stands on one line if it did and fits there, and so does a list in brackets; others
/// have a line for each statement or element. Inside a statement a line may end behind a comma, before `&&` and `||`, and
/// behind `then` and `else`, where the author ended one.
struct Layout {
    /// Columns that blocks and lists on one line may take.
    static let width = 100

    let lexemes: [Lexeme]
    let partners: [Int]
    let spacing: Spacing
    /// Columns and breaks of all tokens before each one.
    private var columns: [Int] = [0]
    private var breaks: [Int] = [0]
    /// Tokens that comments precede, before each one.
    private var remarks: [Int] = [0]

    private var output: [UInt8] = []
    private var line: [UInt8] = []
    /// Indent of the line that is being written, in steps.
    private var lineIndent = 0
    private var frames: [Frame] = [Frame(kind: .block, opener: -1, outer: 0, inner: 0)]
    private var pending = Pending.start
    /// What was pending before the token that is being written.
    private var settled = Pending.start
    private var statementIndent = 0

    /// A bracket that is open.
    private struct Frame {
        enum Kind {
            case block
            /// Everything on one line.
            case flat
            /// One element a line.
            case list
            case parentheses
        }
        var kind: Kind
        var opener: Int
        var outer: Int
        var inner: Int
        var isCase = false
        var sawCase = false
        var sawDefinition = false
        /// Indents of those `if` that an `else` may still follow.
        var ifs: [Int] = []
    }

    /// What the token before left to be decided.
    private enum Pending {
        case none
        case start
        case blockOpen
        case statement
        case blockEnd
        case label
        case then
        case listOpen
        case element
    }

    /// What stands before a token.
    private enum Break {
        case none
        /// A line that begins at an indent.
        case line(Int, mayFollowBlank: Bool)
    }

    init(_ lexemes: [Lexeme], partners: [Int]) {
        self.lexemes = lexemes
        self.partners = partners
        self.spacing = Spacing(lexemes, partners: partners)
        self.columns.reserveCapacity(lexemes.count + 1)
        self.breaks.reserveCapacity(lexemes.count + 1)
        for (index, lexeme) in lexemes.enumerated() {
            let isSpaced = self.spacing.isSpaced[index]
            self.columns.append(self.columns[index] + lexeme.text.count + (isSpaced ? 1 : 0))
            self.breaks.append(self.breaks[index] + (lexeme.followsBreak ? 1 : 0))
            self.remarks.append(self.remarks[index] + (lexeme.comments.isEmpty ? 0 : 1))
        }
    }

    /// The whole text.
    mutating func text() -> [UInt8] {
        for index in self.lexemes.indices {
            let isEnd = self.lexemes[index].kind == .end
            var decision = isEnd ? Break.line(0, mayFollowBlank: true) : self.decide(index)
            self.writeComments(index, &decision, isEnd: isEnd)
            if isEnd { break }
            switch decision {
            case .none: if self.spacing.isSpaced[index], !self.line.isEmpty { self.line.append(0x20) }
            case .line(let indent, let mayFollowBlank):
                self.endLine()
                if mayFollowBlank, self.lexemes[index].followsBlank { self.writeBlank() }
                self.lineIndent = indent
            }
            self.line += self.lexemes[index].text
            self.follow(index)
        }
        self.endLine()
        while self.output.last == 0x0A, self.output.dropLast().last == 0x0A { self.output.removeLast() }
        if self.output == [0x0A] { self.output = [] }
        return self.output
    }
}

// MARK: - Writing

extension Layout {
    private mutating func endLine() {
        guard !self.line.isEmpty else { return }
        self.output += Array(repeating: 0x20, count: 2 * self.lineIndent)
        self.output += self.line
        self.output.append(0x0A)
        self.line.removeAll(keepingCapacity: true)
    }

    private mutating func writeBlank() {
        guard !self.output.isEmpty, self.output.suffix(2) != [0x0A, 0x0A] else { return }
        self.output.append(0x0A)
    }

    private mutating func writeComments(_ index: Int, _ decision: inout Break, isEnd: Bool) {
        let lexeme = self.lexemes[index]
        guard !lexeme.comments.isEmpty else { return }
        let mayFollowBlank = self.settled != .blockOpen && self.settled != .listOpen && self.settled != .none
        // Comments before a closing bracket belong inside.
        let closes = self.partners[index] >= 0 && self.partners[index] < index
        var indent = self.statementIndent + 2
        if closes, let frame = self.frames.last, frame.kind != .parentheses, frame.kind != .flat {
            indent = frame.inner
        } else if case .line(let chosen, _) = decision {
            indent = chosen
        }
        if isEnd { indent = 0 }
        for (position, comment) in lexeme.comments.enumerated() {
            if comment.startsLine || (self.line.isEmpty && self.output.isEmpty) {
                self.endLine()
                if comment.followsBlank, position > 0 || mayFollowBlank { self.writeBlank() }
                self.lineIndent = indent
            } else if !self.line.isEmpty {
                self.line.append(0x20)
            }
            self.line += comment.text
        }
        guard case .none = decision else { return }
        if lexeme.followsLineEnd { decision = .line(self.statementIndent + 2, mayFollowBlank: false) }
    }
}

// MARK: - Breaks

extension Layout {
    private func columns(of range: Range<Int>) -> Int {
        self.columns[range.upperBound] - self.columns[range.lowerBound]
    }

    private func breaks(in range: Range<Int>) -> Int { self.breaks[range.upperBound] - self.breaks[range.lowerBound] }

    /// Whether a bracket that begins at the end of the line fits there with what it encloses.
    private func fits(_ opener: Int) -> Bool {
        let close = self.partners[opener]
        return 2 * self.lineIndent + self.line.count + self.columns(of: opener..<close + 1) < Self.width
    }

    private mutating func decide(_ index: Int) -> Break {
        let lexeme = self.lexemes[index]
        let frame = self.frames[self.frames.count - 1]
        let pending = self.pending
        self.settled = pending
        self.pending = .none
        if frame.kind == .flat { return .none }
        let closesFrame = self.partners[index] >= 0 && self.partners[index] == frame.opener
        if closesFrame, frame.kind == .block || frame.kind == .list {
            self.statementIndent = frame.outer
            return .line(frame.outer, mayFollowBlank: false)
        }
        switch pending {
        case .start: return .line(self.beginStatement(index), mayFollowBlank: true)
        case .blockOpen: return .line(self.beginStatement(index), mayFollowBlank: !lexeme.comments.isEmpty)
        case .statement: return .line(self.beginStatement(index), mayFollowBlank: true)
        case .blockEnd:
            if lexeme.isMark(.semicolon) || lexeme.isMark(.comma) || frame.kind == .parentheses { return .none }
            if lexeme.isWord("else"), !frame.ifs.isEmpty {
                _ = self.beginStatement(index)
                if lexeme.comments.isEmpty { return .none }
                return .line(self.statementIndent, mayFollowBlank: false)
            }
            return .line(self.beginStatement(index), mayFollowBlank: true)
        case .label:
            if self.isLabel(index) { return .line(self.beginStatement(index), mayFollowBlank: false) }
            self.statementIndent = frame.inner + 1
            return lexeme.followsLineEnd ? .line(self.statementIndent, mayFollowBlank: false) : .none
        case .then:
            guard !lexeme.isMark(.openBrace), lexeme.followsLineEnd else { return .none }
            self.statementIndent += 1
            return .line(self.statementIndent, mayFollowBlank: false)
        case .listOpen, .element: return .line(frame.inner, mayFollowBlank: pending == .element)
        case .none: break
        }
        if lexeme.isMark(.and) || lexeme.isMark(.or) {
            let next = self.lexemes[min(index + 1, self.lexemes.count - 1)]
            guard lexeme.followsLineEnd || next.followsLineEnd else { return .none }
            return .line(self.statementIndent + 2, mayFollowBlank: false)
        }
        if index > 0, self.lexemes[index - 1].isMark(.comma), lexeme.followsLineEnd {
            return .line(self.statementIndent + 2, mayFollowBlank: false)
        }
        // Functions and filters have the brace on a line of its own unless they stand on one line.
        if lexeme.isMark(.openBrace), frame.sawDefinition, self.isBlock(index) {
            let isFlat = self.breaks(in: index + 1..<self.partners[index] + 1) == 0 && self.fits(index)
            if !isFlat { return .line(frame.inner, mayFollowBlank: false) }
        }
        return .none
    }

    /// The indent of the statement that begins with a token.
    private mutating func beginStatement(_ index: Int) -> Int {
        let top = self.frames.count - 1
        if self.lexemes[index].isWord("else"), let indent = self.frames[top].ifs.popLast(), !self.isLabel(index) {
            self.statementIndent = indent
            return indent
        }
        self.frames[top].ifs.removeAll()
        self.frames[top].sawCase = false
        self.frames[top].sawDefinition =
            top == 0 && (self.lexemes[index].isWord("function") || self.lexemes[index].isWord("filter"))
        self.statementIndent = self.frames[top].inner
        if self.frames[top].isCase, !self.isLabel(index) { self.statementIndent += 1 }
        return self.statementIndent
    }

    /// Whether the values of a `case` branch begin here.
    private func isLabel(_ index: Int) -> Bool {
        guard self.frames[self.frames.count - 1].isCase else { return false }
        var at = index
        while at < self.lexemes.count {
            guard case .mark(let mark) = self.lexemes[at].kind else {
                at += 1
                continue
            }
            switch mark {
            case .colon: return true
            case .semicolon, .openBrace, .closeBrace: return false
            case .openParenthesis, .openBracket, .openMask: at = max(at, self.partners[at]) + 1
            default: at += 1
            }
        }
        return false
    }

    private func isBlock(_ opener: Int) -> Bool {
        !self.spacing.isPattern[opener] && !self.spacing.isWordList[opener]
    }

    /// What a token that was written means for the next ones.
    private mutating func follow(_ index: Int) {
        let lexeme = self.lexemes[index]
        let top = self.frames.count - 1
        let isFlat = self.frames[top].kind == .flat
        switch lexeme.kind {
        case .mark(.openBrace) where self.isBlock(index): self.openBlock(index, inFlat: isFlat)
        case .mark(.openBrace): self.push(isFlat ? .flat : .parentheses, index)
        case .mark(.openParenthesis): self.push(isFlat ? .flat : .parentheses, index)
        case .mark(.openBracket): self.openList(index, inFlat: isFlat)
        case .mark(.openMask):
            let hasComments = self.remarks[self.partners[index] + 1] > self.remarks[index + 1]
            self.push(isFlat || !hasComments ? .flat : .parentheses, index)
        case .mark(.closeBrace), .mark(.closeParenthesis), .mark(.closeBracket), .mark(.closeMask):
            if top > 0 { self.frames.removeLast() }
            if lexeme.isMark(.closeBrace), self.isBlock(index), self.frames[self.frames.count - 1].kind != .flat {
                self.pending = .blockEnd
            }
        case .mark(.semicolon) where self.frames[top].kind == .block: self.pending = .statement
        case .mark(.comma) where self.frames[top].kind == .list: self.pending = .element
        case .mark(.colon) where self.frames[top].kind == .block && self.frames[top].isCase: self.pending = .label
        case .word("then") where self.frames[top].kind == .block: self.pending = .then
        case .word("else") where self.frames[top].kind == .block:
            if !(index + 1 < self.lexemes.count && self.lexemes[index + 1].isMark(.colon)) { self.pending = .then }
        case .word("if") where self.frames[top].kind == .block: self.frames[top].ifs.append(self.statementIndent)
        case .word("case") where self.frames[top].kind == .block: self.frames[top].sawCase = true
        default: break
        }
    }

    private mutating func push(_ kind: Frame.Kind, _ index: Int) {
        self.frames.append(
            Frame(kind: kind, opener: index, outer: self.statementIndent, inner: self.statementIndent + 1)
        )
    }

    private mutating func openBlock(_ index: Int, inFlat: Bool) {
        let close = self.partners[index]
        // The brace itself is written already.
        let isShort = 2 * self.lineIndent + self.line.count + self.columns(of: index + 1..<close + 1) < Self.width
        let top = self.frames.count - 1
        let isEmpty = self.isEmpty(index) && !self.frames[top].sawDefinition
        if inFlat || isEmpty || (self.breaks(in: index + 1..<close + 1) == 0 && isShort) {
            return self.push(.flat, index)
        }
        let isCase = self.frames[top].sawCase
        self.frames[top].sawCase = false
        self.frames[top].sawDefinition = false
        self.push(.block, index)
        self.frames[self.frames.count - 1].isCase = isCase
        self.pending = .blockOpen
    }

    private func isEmpty(_ opener: Int) -> Bool {
        self.partners[opener] == opener + 1 && self.lexemes[opener + 1].comments.isEmpty
    }

    private mutating func openList(_ index: Int, inFlat: Bool) {
        let close = self.partners[index]
        let first = self.lexemes[index + 1]
        let hasComments = self.remarks[close + 1] > self.remarks[index + 1]
        let isShort = 2 * self.lineIndent + self.line.count + self.columns(of: index + 1..<close + 1) < Self.width
        if inFlat || self.isEmpty(index) || (!first.startsLine && !hasComments && isShort) {
            return self.push(.flat, index)
        }
        self.push(.list, index)
        let top = self.frames.count - 1
        self.frames[top].outer = self.lineIndent
        self.frames[top].inner = self.lineIndent + 1
        self.pending = .listOpen
    }
}
