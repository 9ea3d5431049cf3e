/// Octets with a place up to which they were read.
package struct ByteBuffer: Hashable, Sendable {
    private var octets: [UInt8]
    private var readerIndex = 0

    package init() { self.octets = [] }
    package init(bytes: some Sequence<UInt8>) { self.octets = Array(bytes) }

    package var readableBytes: Int { self.octets.count - self.readerIndex }
    package var capacity: Int { self.octets.capacity }

    package var readableBytesSpan: RawSpan {
        @_lifetime(borrow self)
        borrowing get { self.octets.span.bytes.extracting(droppingFirst: self.readerIndex) }
    }

    package func withUnsafeReadableBytes<Value>(_ body: (UnsafeRawBufferPointer) throws -> Value) rethrows -> Value {
        try self.array.withUnsafeBytes(body)
    }

    package var array: [UInt8] { Array(self.octets[self.readerIndex...]) }

    package var readableBytesView: ArraySlice<UInt8> { self.octets[self.readerIndex...] }

    package mutating func readSlice(length: Int) -> ByteBuffer? {
        let slice = self.getSlice(at: self.readerIndex, length: length)
        if slice != nil { self.readerIndex += length }
        return slice
    }

    @discardableResult
    package mutating func writeBuffer(_ other: inout ByteBuffer) -> Int {
        let count = other.readableBytes
        self.octets += other.octets[other.readerIndex...]
        other.readerIndex += count
        return count
    }

    package mutating func moveReaderIndex(forwardBy count: Int) {
        precondition(count >= 0 && count <= self.readableBytes)
        self.readerIndex += count
    }

    @discardableResult
    package mutating func discardReadBytes() -> Bool {
        self.octets.removeFirst(self.readerIndex)
        self.readerIndex = 0
        return true
    }

    @discardableResult
    package mutating func writeImmutableBuffer(_ other: ByteBuffer) -> Int {
        self.octets += other.octets[other.readerIndex...]
        return other.readableBytes
    }

    package func getSlice(at start: Int, length: Int) -> ByteBuffer? {
        guard start >= self.readerIndex, length >= 0, start + length <= self.octets.count else { return nil }
        return ByteBuffer(bytes: self.octets[start..<start + length])
    }
}
