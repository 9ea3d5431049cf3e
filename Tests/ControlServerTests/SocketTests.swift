import ControlAPI
import Foundation
import Glibc
import TestSupport
import Testing

@testable import ControlServer

@Suite("Control socket")
struct SocketTests {
    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test("The socket has mode 0660, lies in a folder of mode 0750, and is gone after shutdown")
    func modes() async throws {
        let folder = temporaryFolder()
        let socket = try await withControlServer(SyntheticBackend(), folder: folder) { path in
            let modes = [try self.mode(path), try self.mode((path as NSString).deletingLastPathComponent)]
            #expect(modes == [0o660, 0o750])
            return path
        }
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    @Test("A socket that nobody answers at is replaced")
    func staleSocket() async throws {
        let folder = temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder + "/c", withIntermediateDirectories: true)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: (folder + "/c/s.sock").utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(descriptor)
        try await withControlServer(SyntheticBackend(), folder: folder) { path in
            let status = try await withClient(path) { try await $0.status() }
            #expect(status.version == "1.2.3")
        }
    }

    @Test("A socket at which another process answers is left alone")
    func livingSocket() async throws {
        try await withControlServer(SyntheticBackend()) { path in
            #expect(throws: ControlServerError.unusable(path, "another process answers there")) {
                try SocketPath(path: path).prepare()
            }
            let status = try await withClient(path) { try await $0.status() }
            #expect(status.version == "1.2.3")
        }
    }

    @Test("A file that is no socket is left alone")
    func otherFile() throws {
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("precious".utf8).write(to: URL(filePath: folder + "/s.sock"))
        #expect(throws: ControlServerError.unusable(folder + "/s.sock", "it exists and is no socket")) {
            try SocketPath(path: folder + "/s.sock").prepare()
        }
        #expect(try String(contentsOfFile: folder + "/s.sock", encoding: .utf8) == "precious")
    }

    @Test("A path longer than a socket address is refused")
    func longPath() {
        #expect(throws: ControlServerError.self) {
            try SocketPath(path: "/tmp/" + String(repeating: "x", count: 120)).prepare()
        }
    }

    @Test("Root, the server's user and the configured group are admitted, others are not")
    func accessRule() {
        let rule = AccessRule(uid: 100, gid: 7)
        func peer(_ uid: UInt32, _ gid: UInt32) -> PeerCredentials { PeerCredentials(pid: 1, uid: uid, gid: gid) }
        #expect(rule.admits(peer(0, 0)))
        #expect(rule.admits(peer(100, 50)))
        #expect(rule.admits(peer(200, 7)))
        #expect(!rule.admits(peer(200, 8)))
        #expect(!AccessRule(uid: 100, gid: nil).admits(peer(200, 0)))
    }

    @Test(
        "Another user gets 403 even where the file's mode would let it in",
        .enabled(if: geteuid() == 0, "needs root")
    )
    func otherUser() async throws {
        try await withControlServer(SyntheticBackend()) { path in
            let folder = (path as NSString).deletingLastPathComponent
            chmod((folder as NSString).deletingLastPathComponent, 0o755)
            chmod(folder, 0o755)
            chmod(path, 0o666)
            let script = """
                use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!; \
                print $s "GET /v1/status HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n"; \
                $s->flush; print while <$s>;
                """
            let arguments = ["--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/perl", "-e", script, path]
            let result = try await blocking { try Command.run("/usr/bin/setpriv", arguments) }
            #expect(result.output.hasPrefix("HTTP/1.1 403 "), "\(result)")
        }
    }
}
