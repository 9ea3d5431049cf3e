/// Where configuration files come from.
///
/// The daemon reads the file system; tests and checks of staged files need not.
public protocol SourceProvider {
    /// The octets of a file; fails when it cannot be read or is longer than `limit`.
    func contents(of path: String, limit: Int) throws(SourceError) -> [UInt8]
    /// Names of the entries of a directory in any order; empty when it does not exist.
    func entries(ofDirectory path: String) throws(SourceError) -> [String]
}

/// Why a file could not be read.
public struct SourceError: Error, Hashable, Sendable {
    /// The cause in words, such as the system's text for an error number.
    public var message: String

    /// Creates an error.
    public init(_ message: String) {
        self.message = message
    }
}

/// Files held in memory, by path.
public struct InMemorySources: SourceProvider, Sendable {
    /// Contents by path.
    public var files: [String: String]

    /// Creates a provider.
    public init(_ files: [String: String]) {
        self.files = files
    }

    /// The text of the file.
    public func contents(of path: String, limit: Int) throws(SourceError) -> [UInt8] {
        guard let text = self.files[path] else { throw SourceError("No such file or directory") }
        guard text.utf8.count <= limit else { throw SourceError("File too large") }
        return Array(text.utf8)
    }

    /// Names directly below the directory.
    public func entries(ofDirectory path: String) throws(SourceError) -> [String] {
        let head = path.isEmpty ? "" : path.hasSuffix("/") ? path : path + "/"
        var names: Set<String> = []
        for file in self.files.keys where file.hasPrefix(head) {
            let rest = file.dropFirst(head.count)
            if let name = rest.split(separator: "/", maxSplits: 1).first { names.insert(String(name)) }
        }
        return Array(names)
    }
}

/// One file that a configuration was read from.
public struct LoadedSource: Hashable, Sendable {
    /// Path as it was opened.
    public var path: String
    /// FNV-1a digest of the contents, to tell cheaply whether a file changed; not for security.
    public var digest: UInt64
}

/// A file's text with what is needed to point into it.
struct SourceText: Sendable {
    let path: String
    let bytes: [UInt8]
    let digest: UInt64
    private let lineStarts: [Int]

    init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        var starts = [0]
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") { starts.append(index + 1) }
        self.lineStarts = starts
        self.digest = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// One-based line of an offset.
    func line(at offset: Int) -> Int {
        var low = 0
        var high = self.lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if self.lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low + 1
    }

    /// One-based line and column of an offset, and the line's text.
    func locate(_ offset: Int) -> (line: Int, column: Int, text: String) {
        let offset = min(max(offset, 0), self.bytes.count)
        let line = self.line(at: offset)
        let start = self.lineStarts[line - 1]
        let end = self.bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? self.bytes.count
        // Long lines are cut: a diagnostic quotes, it does not dump.
        let text = String(decoding: self.bytes[start..<min(end, start + 400)], as: UTF8.self)
        return (line, offset - start + 1, text)
    }
}
