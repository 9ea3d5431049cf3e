internal import Glibc

/// Why the kernel, or the way to it, refused a request.
public struct NetlinkError: Error, Hashable, Sendable {
    /// The kernel's errno, positive.
    public var code: Int32
    /// The kernel's own words (extended acknowledgement), where it gave any.
    public var text: String?
    /// What was asked, such as `add route 192.0.2.0/24 proto 80 via 10.0.0.1`.
    public var request: String

    /// Creates an error.
    public init(code: Int32, text: String? = nil, request: String) {
        self.code = code
        self.text = text
        self.request = request
    }

    /// EEXIST: there is such an object already.
    public var isAlreadyThere: Bool { self.code == EEXIST }

    /// ESRCH or ENOENT: there is no such object.
    public var isNotFound: Bool { self.code == ESRCH || self.code == ENOENT }

    /// ENODEV or ENXIO: the interface is gone.
    public var isMissingInterface: Bool { self.code == ENODEV || self.code == ENXIO }

    /// ENETDOWN: the interface is down.
    public var isInterfaceDown: Bool { self.code == ENETDOWN }
}

extension NetlinkError: CustomStringConvertible {
    /// `request: text (errno name)` text.
    public var description: String {
        let name = systemErrorText(self.code)
        guard let text = self.text, !text.isEmpty else { return "\(self.request): \(name)" }
        return "\(self.request): \(text) (\(name))"
    }
}

/// The C library's words for an errno.
func systemErrorText(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 128)
    _ = strerror_r(code, &buffer, buffer.count)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
