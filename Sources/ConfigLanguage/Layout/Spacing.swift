/// Which tokens stand apart from the one before when both are on one line.
struct Spacing {
    /// Whether a blank stands before each token.
    private(set) var isSpaced: [Bool]
    /// Braces that are no blocks: of prefix patterns, and around words that a comma separates.
    private(set) var isPattern: [Bool]
    private(set) var isWordList: [Bool]

    private let lexemes: [Lexeme]
    private let partners: [Int]

    init(_ lexemes: [Lexeme], partners: [Int]) {
        self.lexemes = lexemes
        self.partners = partners
        self.isSpaced = Array(repeating: true, count: lexemes.count)
        self.isPattern = Array(repeating: false, count: lexemes.count)
        self.isWordList = Array(repeating: false, count: lexemes.count)
        self.classifyBraces()
        // The innermost bracket around each token, and whether a sign binds to its right only.
        var open: [Int] = []
        var bindsRight = false
        for index in lexemes.indices {
            if index == 0 {
                self.isSpaced[0] = false
            } else {
                let sign = self.sign(at: index, in: open.last, after: bindsRight)
                let previousBinds = bindsRight
                bindsRight = sign == .prefix
                var isSpaced = self.rule(index, around: open.last)
                if sign == .postfix { isSpaced = false }
                if previousBinds { isSpaced = false }
                // Two tokens may only touch where they stay two.
                if !isSpaced, !lexemes[index].isAdjacent { isSpaced = !self.mayTouch(index) }
                self.isSpaced[index] = isSpaced
            }
            if partners[index] > index { open.append(index) }
            if partners[index] >= 0, partners[index] < index { _ = open.popLast() }
        }
    }

    private enum Sign {
        case binary
        case prefix
        case postfix
    }

    /// Words after which a value begins.
    private static let leading: Set<String> = [
        "interface", "return", "then", "else", "in", "do", "print", "printn", "accept", "reject", "if", "case", "where",
        "filter",
    ]

    private mutating func classifyBraces() {
        // How many semicolons and opening braces stand before each token.
        var counts = [0]
        for lexeme in self.lexemes {
            counts.append(counts[counts.count - 1] + (lexeme.isMark(.semicolon) || lexeme.isMark(.openBrace) ? 1 : 0))
        }
        for index in self.lexemes.indices where self.lexemes[index].isMark(.openBrace) {
            let close = self.partners[index]
            guard close > index + 1, counts[close] == counts[index + 1] else { continue }
            let isAfterPrefix: Bool
            if index >= 2, case .number = self.lexemes[index - 1].kind, self.lexemes[index - 2].isMark(.slash) {
                isAfterPrefix = true
            } else {
                isAfterPrefix = false
            }
            if isAfterPrefix {
                self.isPattern[index] = true
                self.isPattern[close] = true
            } else {
                self.isWordList[index] = true
                self.isWordList[close] = true
            }
        }
    }

    /// What a `+` or `-` is; nil for other tokens.
    private func sign(at index: Int, in open: Int?, after bindsRight: Bool) -> Sign? {
        guard self.lexemes[index].isMark(.plus) || self.lexemes[index].isMark(.minus) else { return nil }
        if let open, self.lexemes[open].isMark(.openMask) { return .binary }
        guard !bindsRight, self.endsValue(index - 1) else { return .prefix }
        return index + 1 < self.lexemes.count && self.beginsValue(index + 1) ? .binary : .postfix
    }

    private func endsValue(_ index: Int) -> Bool {
        guard index >= 0 else { return false }
        switch self.lexemes[index].kind {
        case .word(let word): return !Self.leading.contains(word)
        case .quotedName, .number, .ipv4, .ipv6, .distinguisher, .bytes, .text: return true
        case .mark(let mark):
            switch mark {
            case .closeParenthesis, .closeBracket, .closeMask, .plus, .minus: return true
            case .closeBrace: return self.isPattern[index]
            default: return false
            }
        case .end: return false
        }
    }

    private func beginsValue(_ index: Int) -> Bool {
        switch self.lexemes[index].kind {
        case .word(let word): return word != "then" && word != "do"
        case .quotedName, .number, .ipv4, .ipv6, .distinguisher, .bytes, .text: return true
        case .mark(let mark):
            return mark == .openParenthesis || mark == .openBracket || mark == .openMask || mark == .not
        case .end: return false
        }
    }

    /// Whether a blank stands before the token, signs aside.
    private func rule(_ index: Int, around open: Int?) -> Bool {
        let (previous, next) = (self.lexemes[index - 1], self.lexemes[index])
        if case .mark(let mark) = next.kind {
            switch mark {
            case .comma, .semicolon, .closeParenthesis, .closeBracket, .dot, .ellipsis, .colon, .percent: return false
            case .closeBrace: return !self.isPattern[index] && !previous.isMark(.openBrace)
            case .openBrace: return !self.isPattern[index]
            case .slash: return !self.isAddress(index - 1)
            case .openParenthesis where self.isCallable(index - 1):
                if index >= 2, self.lexemes[index - 2].isWord("function") { return false }
                return !next.isAdjacent
            default: break
            }
        }
        if case .mark(let mark) = previous.kind {
            switch mark {
            case .openParenthesis, .openBracket, .dot, .ellipsis, .percent, .not: return false
            case .openBrace: return !self.isPattern[index - 1]
            case .slash: return index < 2 || !self.isAddress(index - 2)
            case .comma:
                if let open, self.isPattern[open] { return false }
            default: break
            }
        }
        return true
    }

    private func isAddress(_ index: Int) -> Bool {
        switch self.lexemes[index].kind {
        case .ipv4, .ipv6: true
        default: false
        }
    }

    /// Whether parentheses behind the token may be the arguments of a call.
    private func isCallable(_ index: Int) -> Bool {
        switch self.lexemes[index].kind {
        case .word(let word): !Self.leading.contains(word)
        case .quotedName: true
        default: false
        }
    }

    /// Whether the token and the one before are still those two when nothing stands between.
    private func mayTouch(_ index: Int) -> Bool {
        let (previous, next) = (self.lexemes[index - 1], self.lexemes[index])
        var lexer = Lexer(Array(previous.text) + Array(next.text), file: 0)
        guard let first = try? lexer.next(), let second = try? lexer.next() else { return false }
        return first.kind == previous.kind && second.kind == next.kind
    }
}
