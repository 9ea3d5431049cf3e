internal import Glibc

/// A name below /proc/sys, as path components: interface names may contain dots.
public struct SysctlKey: Hashable, Sendable {
    /// Components, such as `["net", "ipv4", "ip_forward"]`.
    public let components: [String]

    /// Creates a key; nil when a component is empty, too long, or would leave the directory.
    public init?(_ components: [String]) {
        guard !components.isEmpty, components.count <= 8,
            components.allSatisfy({ part in
                !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 64
                    && !part.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
            })
        else { return nil }
        self.components = components
    }

    /// Creates a key from a path such as `net/ipv4/ip_forward`.
    public init?(path: String) {
        self.init(path.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
    }

    /// The file.
    public var path: String { "/proc/sys/" + self.components.joined(separator: "/") }
}

/// Reads and writes /proc/sys.
///
/// Values of `net` belong to the calling thread's network namespace.
public enum Sysctl {
    /// The value without its line end; at most 4096 octets are read.
    public static func read(_ key: SysctlKey) throws(NetlinkError) -> String {
        let request = "read \(key.path)"
        let fd = open(key.path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw NetlinkError(code: errno, request: request) }
        defer { close(fd) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(fd, &buffer, buffer.count)
        guard count >= 0 else { throw NetlinkError(code: errno, request: request) }
        var bytes = buffer.prefix(count)
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: " ") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Sets the value, at most 256 octets.
    public static func write(_ key: SysctlKey, _ value: String) throws(NetlinkError) {
        let request = "write \(value) to \(key.path)"
        let bytes = Array(value.utf8)
        guard bytes.count <= 256 else { throw NetlinkError(code: EINVAL, request: "write to \(key.path)") }
        let fd = open(key.path, O_WRONLY | O_CLOEXEC)
        guard fd >= 0 else { throw NetlinkError(code: errno, request: request) }
        defer { close(fd) }
        let count = Glibc.write(fd, bytes, bytes.count)
        guard count == bytes.count else { throw NetlinkError(code: count < 0 ? errno : EIO, request: request) }
    }
}
