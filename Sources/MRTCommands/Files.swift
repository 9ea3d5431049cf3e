internal import ArgumentParser
internal import Glibc
internal import MRTFormat

/// A file that cannot be read or written, and why.
struct FileFailure: Error, CustomStringConvertible {
    var path: String
    var reason: String

    var description: String { "\(self.path): \(self.reason)" }

    static func system(_ path: String) -> FileFailure {
        FileFailure(path: path, reason: String(cString: strerror(errno)))
    }
}

/// An MRT file, or standard input for the path `-`, read in chunks.
struct MRTFile {
    let path: String

    /// Calls `body` with every item until it returns false; the reader that is returned has the counts.
    ///
    /// - Throws: ``FileFailure``, also for a file that is compressed or breaks off, and what `body` throws.
    func forEachItem(_ body: (MRTItem) throws -> Bool) throws -> MRTReader {
        let descriptor = self.path == "-" ? 0 : open(self.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure.system(self.path) }
        defer { if descriptor != 0 { close(descriptor) } }
        var reader = MRTReader()
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        var isFirst = true
        do {
            while true {
                let count = read(descriptor, &chunk, chunk.count)
                if count < 0 && errno == EINTR { continue }
                guard count >= 0 else { throw FileFailure.system(self.path) }
                guard count > 0 else { break }
                if isFirst { try self.refuseCompressed(chunk[..<count]) }
                isFirst = false
                reader.append(Array(chunk[..<count]))
                while let item = try reader.next() {
                    guard try body(item) else { return reader }
                }
            }
            try reader.finish()
        } catch let error as MRTStreamError {
            throw FileFailure(path: self.path, reason: "\(error)")
        }
        return reader
    }

    private func refuseCompressed(_ start: ArraySlice<UInt8>) throws {
        let kinds: [(magic: [UInt8], tool: String)] = [
            ([0x1F, 0x8B], "gzip"), (Array("BZh".utf8), "bzip2"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz"),
            ([0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        ]
        for (magic, tool) in kinds where start.starts(with: magic) {
            throw FileFailure(
                path: self.path,
                reason: "compressed; pipe it through '\(tool) -dc' and give '-' as file"
            )
        }
    }
}

/// Writes octets to a file or to standard output in large pieces.
final class OutputFile {
    private let path: String
    private let descriptor: CInt
    private var buffer: [UInt8] = []

    /// Creates the file, or takes standard output for the path `-`.
    init(path: String) throws {
        self.path = path
        self.descriptor = path == "-" ? 1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard self.descriptor >= 0 else { throw FileFailure.system(path) }
    }

    deinit {
        if self.descriptor > 2 { close(self.descriptor) }
    }

    /// Lets `body` append to what is written.
    func write(_ body: (inout [UInt8]) throws -> Void) throws {
        try body(&self.buffer)
        if self.buffer.count >= 256 << 10 { try self.flush() }
    }

    /// Writes a line of text.
    func line(_ text: String) throws {
        try self.write {
            $0 += text.utf8
            $0.append(UInt8(ascii: "\n"))
        }
    }

    /// Writes what is left; nobody reading any more ends the program quietly.
    func flush() throws {
        var start = 0
        while start < self.buffer.count {
            let count = self.buffer[start...].withUnsafeBytes { Glibc.write(self.descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EPIPE && self.descriptor == 1 { throw ExitCode.success }
            guard count > 0 else { throw FileFailure.system(self.path) }
            start += count
        }
        self.buffer.removeAll(keepingCapacity: true)
    }
}

/// Writes a line to standard error.
func writeError(_ line: String) {
    var bytes = Array((line + "\n").utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}
