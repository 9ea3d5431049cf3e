/// Shell-like matching with `*` (any run of characters) and `?` (any one), as interface patterns and `~` use it.
public struct GlobPattern: Hashable, Sendable {
    /// The pattern's text.
    public let text: String

    /// Creates a pattern.
    public init(_ text: String) {
        self.text = text
    }

    /// Whether the pattern contains a wildcard.
    public var hasWildcard: Bool { self.text.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") } }

    /// Whether the whole of `candidate` matches; time is bounded by the product of both lengths.
    public func matches(_ candidate: String) -> Bool {
        let pattern = Array(self.text.utf8)
        let bytes = Array(candidate.utf8)
        var at = 0
        var position = 0
        // Where to resume when a later part fails: after the last star, one byte further.
        var star: (pattern: Int, bytes: Int)?
        while position < bytes.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                at += 1
                star = (at, position)
            } else if at < pattern.count, pattern[at] == UInt8(ascii: "?") || pattern[at] == bytes[position] {
                at += 1
                position += 1
            } else if let resume = star {
                star = (resume.pattern, resume.bytes + 1)
                at = resume.pattern
                position = resume.bytes + 1
            } else {
                return false
            }
        }
        while at < pattern.count, pattern[at] == UInt8(ascii: "*") { at += 1 }
        return at == pattern.count
    }
}
