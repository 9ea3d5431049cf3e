/// Finds the tags of a template, before the engine sees it.
///
/// The engine drops an unclosed tag in silence, prints nothing for an undefined variable and loses count of lines. So
/// the tags are found here with their lines; unclosed ones are errors, and each `{{ … }}` gets the `required` filter.
struct TagScanner {
    /// The template with `required` in its variables.
    private(set) var source = ""
    /// Line of each tag in order, counted from 1.
    private(set) var lines: [Int] = []

    init(file: String, text: String) throws(ConfdError) {
        var rest = text[...]
        var line = 1
        while let start = Self.nextTag(in: rest) {
            line += rest[..<start].count { $0.isNewline }
            self.source += rest[..<start]
            let kind = rest[rest.index(after: start)]
            let end: Substring.Index? = rest[start...].dropFirst(2).firstRange(of: kind == "{" ? "}}" : "\(kind)}")?
                .upperBound
            guard let end else {
                throw .template(file: file, line: line, reason: "tag {\(kind) is not closed")
            }
            let tag = rest[start..<end]
            self.lines.append(line)
            self.source += kind == "{" ? Self.required(tag) : String(tag)
            line += tag.count { $0.isNewline }
            rest = rest[end...]
        }
        self.source += rest
    }

    private static func nextTag(in text: Substring) -> Substring.Index? {
        var index = text.startIndex
        while let brace = text[index...].firstIndex(of: "{") {
            let next = text.index(after: brace)
            guard next < text.endIndex else { return nil }
            if text[next] == "{" || text[next] == "%" || text[next] == "#" { return brace }
            index = next
        }
        return nil
    }

    /// Appends the filter, except to conditional expressions, whose parts it would not reach.
    private static func required(_ tag: Substring) -> String {
        let expression = tag.dropFirst(2).dropLast(2)
        let words = expression.split(whereSeparator: \.isWhitespace)
        guard !words.isEmpty, !words.contains("if") else { return String(tag) }
        let name = String(expression.drop(while: \.isWhitespace).prefix { $0 != "|" && !$0.isWhitespace })
        guard !name.contains("\""), !name.contains("'") else { return String(tag) }
        let trimmed = expression.split(separator: "\n", omittingEmptySubsequences: true)
            .joined(separator: "\n")
        var body = Substring(trimmed)
        while let last = body.last, last.isWhitespace { body = body.dropLast() }
        // A combining character would make one of the bracket and itself.
        let gap = body.first?.isWhitespace == true ? "" : " "
        return "{{\(gap)\(body)|required:\"\(name)\" }}"
    }
}
