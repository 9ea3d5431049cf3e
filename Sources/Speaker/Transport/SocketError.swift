internal import Glibc

/// A failed socket call.
public struct SocketError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call, such as `bind 192.0.2.1:179`.
    public var operation: String
    /// errno.
    public var code: Int32

    init(_ operation: String, code: Int32 = errno) {
        self.operation = operation
        self.code = code
    }

    /// `operation: reason`.
    public var description: String {
        "\(self.operation): \(systemErrorText(self.code))"
    }
}

/// The C library's words for an errno.
func systemErrorText(_ code: CInt) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    _ = strerror_r(code, &buffer, buffer.count)
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
