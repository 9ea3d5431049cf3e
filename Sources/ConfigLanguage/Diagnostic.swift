/// Something wrong with a configuration, and where.
public struct Diagnostic: Error, Hashable, Sendable {
    /// Whether the configuration can be used all the same.
    public enum Severity: String, Hashable, Sendable {
        /// The configuration is refused.
        case error
        /// Probably not what was meant.
        case warning
    }

    /// Severity.
    public var severity: Severity
    /// File.
    public var path: String
    /// Line, from 1.
    public var line: Int
    /// Column in octets, from 1.
    public var column: Int
    /// What is wrong, and what would be right where that is known.
    public var message: String
    /// The line's text.
    public var sourceLine: String
    /// Number of columns to underline, at least 1.
    public var width: Int
}

extension Diagnostic: CustomStringConvertible {
    /// `file:line:column: error: message`, the line, and a caret below the place.
    public var description: String {
        let head = "\(self.path):\(self.line):\(self.column): \(self.severity.rawValue): \(self.message)"
        // A line with a password goes into no log.
        guard let line = self.quotedLine else { return head }
        let bytes = Array(line.utf8)
        let lead = min(max(self.column - 1, 0), bytes.count)
        // Tabs are repeated so that the caret stays below its place whatever width a terminal gives them;
        // continuation octets of UTF-8 take no column.
        var pad = ""
        for byte in bytes[..<lead] where byte & 0xC0 != 0x80 { pad += byte == UInt8(ascii: "\t") ? "\t" : " " }
        let width = max(1, min(self.width, bytes.count - lead))
        return head + "\n" + line + "\n" + pad + "^" + String(repeating: "~", count: width - 1)
    }
}

extension Diagnostic {
    /// The line's text unless it must not be shown.
    public var quotedLine: String? { self.sourceLine.isEmpty || self.namesPassword ? nil : self.sourceLine }

    private var namesPassword: Bool {
        let word = Array("password".utf8)
        let line = Array(self.sourceLine.utf8)
        guard line.count >= word.count else { return false }
        return (0...line.count - word.count).contains { line[$0..<$0 + word.count].elementsEqual(word) }
    }
}

/// The name in `candidates` that `word` most likely misspells: at most two edits away, and closer than half its length.
package func nearest(to word: String, in candidates: some Sequence<String>) -> String? {
    let bytes = Array(word.utf8)
    guard bytes.count <= 40 else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in candidates where candidate != word {
        let distance = editDistance(bytes, Array(candidate.utf8))
        guard distance <= 2, distance * 2 < max(bytes.count, 2) else { continue }
        if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
}

private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    if abs(a.count - b.count) > 2 { return .max }
    var previous = Array(0...b.count)
    for (row, left) in a.enumerated() {
        var current = [row + 1]
        for (column, right) in b.enumerated() {
            let change = previous[column] + (left == right ? 0 : 1)
            current.append(min(change, previous[column + 1] + 1, current[column] + 1))
        }
        previous = current
    }
    return previous[b.count]
}
