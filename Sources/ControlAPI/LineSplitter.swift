import NIOCore

/// Cuts a byte stream into lines; memory is bounded by the longest line allowed.
struct LineSplitter {
    /// Longer lines are refused.
    static let longestLine = 1 << 20

    private var buffer = ByteBuffer()
    private var searched = 0

    /// Whether nothing waits for a line end.
    var isEmpty: Bool { self.buffer.readableBytes == 0 }

    /// Adds bytes.
    mutating func append(_ chunk: ByteBuffer) {
        var chunk = chunk
        if self.buffer.readableBytes == 0 {
            self.buffer = chunk
            self.searched = 0
        } else {
            self.buffer.discardReadBytes()
            self.buffer.writeBuffer(&chunk)
        }
    }

    /// The next whole line without its end, or nil when there is none yet.
    mutating func next() throws -> ByteBuffer? {
        let view = self.buffer.readableBytesView
        let start = view.startIndex + self.searched
        guard let end = view[start...].firstIndex(of: UInt8(ascii: "\n")) else {
            self.searched = view.count
            guard view.count <= Self.longestLine else { throw ControlClientError.unreadable("a line has no end") }
            return nil
        }
        let line = self.buffer.readSlice(length: end - view.startIndex)
        self.buffer.moveReaderIndex(forwardBy: 1)
        self.searched = 0
        return line
    }
}
