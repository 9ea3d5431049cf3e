#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Where a command's text goes: a file descriptor, or memory in tests.
///
/// Not thread-safe: one command writes to it.
public final class Console {
    private let descriptor: Int32?
    private var buffer: [UInt8] = []
    private var isClosed = false

    /// A console that writes to an open descriptor.
    public init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// A console that keeps what is written.
    public init() {
        self.descriptor = nil
    }

    /// The descriptor was closed at its other end, as by `| head`.
    struct Closed: Error {}

    /// What was written and not flushed yet.
    public var text: String { String(decoding: self.buffer, as: UTF8.self) }

    /// Adds a line.
    public func writeLine(_ line: String) {
        self.buffer.append(contentsOf: line.utf8)
        self.buffer.append(UInt8(ascii: "\n"))
    }

    /// Adds a line and passes full blocks on; throws when nobody reads them.
    func stream(_ line: some Sequence<UInt8>) throws {
        self.buffer.append(contentsOf: line)
        try self.stream(octets: CollectionOfOne(UInt8(ascii: "\n")))
    }

    /// Adds octets and passes full blocks on; throws when nobody reads them.
    func stream(octets: some Sequence<UInt8>) throws {
        self.buffer.append(contentsOf: octets)
        if self.descriptor != nil, self.buffer.count >= 64 << 10 { self.flush() }
        if self.isClosed { throw Closed() }
    }

    /// Passes everything on.
    public func flush() {
        guard let descriptor = self.descriptor else { return }
        var rest = self.buffer[...]
        while !rest.isEmpty, !self.isClosed {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                self.isClosed = true
            }
        }
        self.buffer.removeAll(keepingCapacity: true)
    }
}
