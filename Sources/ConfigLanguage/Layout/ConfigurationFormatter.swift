/// Lays configurations out in one way, without changing what they say.
public enum ConfigurationFormatter {
    /// The text of one file in canonical layout; files that it includes are not read.
    ///
    /// Only blanks and line ends differ, comments are kept: the result is read again and compared before it is returned.
    ///
    /// - Throws: The place that is no text of the language, or a bracket without its counterpart.
    public static func format(_ bytes: [UInt8], path: String) throws(Diagnostic) -> [UInt8] {
        let source = SourceText(path: path, bytes: bytes)
        do throws(SyntaxError) {
            let lexemes = try Lexeme.all(of: bytes)
            let partners = try self.partners(of: lexemes, end: bytes.count)
            var layout = Layout(lexemes, partners: partners)
            let result = layout.text()
            guard try self.isSame(lexemes, try Lexeme.all(of: result)) else {
                throw SyntaxError(
                    location: Location(file: 0, offset: 0, length: 1),
                    message: "cannot be laid out without changing its meaning; it stays as it is"
                )
            }
            return result
        } catch {
            let place = source.locate(Int(error.location.offset))
            throw Diagnostic(
                severity: .error,
                path: path,
                line: place.line,
                column: place.column,
                message: error.message,
                sourceLine: place.text,
                width: Int(max(1, error.location.length))
            )
        }
    }

    /// Tokens that need not be a whole file, laid out; nil when their brackets do not match.
    static func format(_ tokens: ArraySlice<Token>, _ files: [SourceText]) -> String? {
        let end = Token(kind: .end, file: tokens.last?.file ?? 0, offset: .max, length: 0)
        let lexemes = Lexeme.withoutComments(tokens + [end], files)
        guard let partners = try? self.partners(of: lexemes, end: 0) else { return nil }
        var layout = Layout(lexemes, partners: partners)
        return String(decoding: layout.text(), as: UTF8.self)
    }

    /// Where each bracket's counterpart stands; -1 for everything else.
    private static func partners(of lexemes: [Lexeme], end: Int) throws(SyntaxError) -> [Int] {
        var partners = Array(repeating: -1, count: lexemes.count)
        var open: [(index: Int, closer: Mark)] = []
        func location(_ index: Int) -> Location {
            let text = lexemes[index].text
            return Location(
                file: 0,
                offset: UInt32(clamping: text.startIndex),
                length: UInt32(clamping: max(1, text.count))
            )
        }
        for (index, lexeme) in lexemes.enumerated() {
            guard case .mark(let mark) = lexeme.kind else { continue }
            switch mark {
            case .openBrace: open.append((index, .closeBrace))
            case .openParenthesis: open.append((index, .closeParenthesis))
            case .openBracket: open.append((index, .closeBracket))
            case .openMask: open.append((index, .closeMask))
            case .closeBrace, .closeParenthesis, .closeBracket, .closeMask:
                guard let last = open.popLast(), last.closer == mark else {
                    throw SyntaxError(location: location(index), message: "'\(mark.rawValue)' closes nothing")
                }
                partners[last.index] = index
                partners[index] = last.index
            default: break
            }
        }
        if let last = open.last {
            throw SyntaxError(location: location(last.index), message: "this is never closed")
        }
        return partners
    }

    private static func isSame(_ old: [Lexeme], _ new: [Lexeme]) throws(SyntaxError) -> Bool {
        guard old.count == new.count else { return false }
        for (one, other) in zip(old, new) {
            guard one.kind == other.kind, one.text == other.text, one.comments.count == other.comments.count,
                zip(one.comments, other.comments).allSatisfy({ $0.text == $1.text })
            else { return false }
        }
        return true
    }
}
