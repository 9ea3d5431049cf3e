import Glibc

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A Unix socket's place in the file system.
struct SocketPath: Sendable {
    let path: String

    /// Makes the place ready for `bind`.
    ///
    /// Creates the folder (mode 0750) where absent and removes a socket that nobody answers at. Throws when the path is too
    /// long, is something other than a socket, or when another process answers there.
    func prepare() throws(ControlServerError) {
        guard self.path.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else {
            throw .unusable(self.path, "the path is longer than a socket address holds")
        }
        if let slash = self.path.lastIndex(of: "/"), slash > self.path.startIndex {
            let folder = String(self.path[..<slash])
            guard mkdir(folder, 0o750) == 0 || errno == EEXIST else {
                throw .unusable(self.path, "cannot create \(folder): \(String(cString: strerror(errno)))")
            }
        }
        // Asks about the link itself, not what it points to.
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: self.path) else {
            guard access(self.path, F_OK) != 0, errno == ENOENT else { throw .unusable(self.path, "it cannot be read") }
            return
        }
        guard attributes[.type] as? FileAttributeType == .typeSocket else {
            throw .unusable(self.path, "it exists and is no socket")
        }
        guard !self.isAnswered() else { throw .unusable(self.path, "another process answers there") }
        guard unlink(self.path) == 0 || errno == ENOENT else {
            throw .unusable(self.path, "cannot remove it: \(String(cString: strerror(errno)))")
        }
    }

    /// Lets owner and group use the socket, nobody else.
    func restrict(to group: gid_t?) throws(ControlServerError) {
        if let group, chown(self.path, uid_t.max, group) != 0 {
            throw .unusable(self.path, "cannot give it to group \(group): \(String(cString: strerror(errno)))")
        }
        guard chmod(self.path, 0o660) == 0 else { throw .unusable(self.path, String(cString: strerror(errno))) }
    }

    private func isAnswered() -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: self.path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        return result == 0 || (errno != ECONNREFUSED && errno != ENOENT)
    }
}

/// A control server that cannot start.
public enum ControlServerError: Error, Hashable, Sendable {
    /// The socket's path cannot be used, and why.
    case unusable(String, String)
}

extension ControlServerError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .unusable(let path, let reason): "cannot listen on \(path): \(reason)"
        }
    }
}
