internal import BGPWire
internal import Glibc

/// What a run leaves for the next one: that it was there, and in which families it had routes in the kernel.
///
/// A few lines of text in the run directory. It counts for as long as the host is up, as routes in the kernel do.
struct RestartMarker: Equatable {
    /// Families with routes of the speaker in a kernel table.
    var kernelFamilies: Set<AddressFamily>

    private static let head = "martlet speaker 1"
    /// More than any that is written.
    private static var limit: Int { 512 }

    init(kernelFamilies: Set<AddressFamily>) {
        self.kernelFamilies = kernelFamilies
    }

    /// Reads the mark of a former run; nil when there is none, or none since the host came up.
    init?(contentsOf path: String) {
        guard let text = Self.read(path) else { return nil }
        self.init(text, boot: Self.boot)
    }

    /// Reads the text of a mark; nil when it is none, or one of another time of the host's.
    init?(_ text: String, boot: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 3, lines[0] == Self.head, lines[1] == boot else { return nil }
        let words = lines[2].split(separator: " ", omittingEmptySubsequences: false)
        guard words.first == "kernel" else { return nil }
        self.kernelFamilies = []
        for word in words.dropFirst() {
            switch word {
            case "ipv4": self.kernelFamilies.insert(.ipv4Unicast)
            case "ipv6": self.kernelFamilies.insert(.ipv6Unicast)
            default: return nil
            }
        }
    }

    /// Writes the mark, all of it or nothing.
    func write(to path: String) throws(SocketError) {
        let text = Array(self.text(boot: Self.boot).utf8)
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw SocketError("open", code: errno) }
        let written = Glibc.write(descriptor, text, text.count)
        let code = errno
        close(descriptor)
        guard written == text.count else { throw SocketError("write", code: code) }
        guard rename(temporary, path) == 0 else { throw SocketError("rename", code: errno) }
    }

    /// The text of the mark.
    func text(boot: String) -> String {
        let families = self.kernelFamilies.sorted().map { $0 == .ipv4Unicast ? " ipv4" : " ipv6" }.joined()
        return "\(Self.head)\n\(boot)\nkernel\(families)\n"
    }

    /// Takes the mark away.
    static func remove(_ path: String) { unlink(path) }

    /// What tells this time of the host's from the one before.
    private static var boot: String {
        Self.read("/proc/sys/kernel/random/boot_id")?.split(separator: "\n").first.map(String.init) ?? ""
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var octets = [UInt8](repeating: 0, count: Self.limit)
        let count = Glibc.read(descriptor, &octets, octets.count)
        guard count > 0 else { return nil }
        return String(decoding: octets.prefix(count), as: UTF8.self)
    }
}
