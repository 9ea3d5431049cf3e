internal import Confd
internal import ConfigLanguage
internal import Foundation
internal import Glibc

/// A BIRD 1.6 of one family that confd writes for: how its files are checked and how it is told.
struct Bird1Daemon: Sendable {
    /// `bird` or `bird6`.
    let name: String
    /// Directory of the daemons' control sockets.
    let socketDirectory: String
    /// Whether a daemon that is not there is no error: the first files are made before its first start.
    let mayBeAbsent: Bool

    /// The daemons of both families.
    static func both(socketDirectory: String, mayBeAbsent: Bool) -> [Bird1Daemon] {
        ["bird", "bird6"].map {
            Bird1Daemon(name: $0, socketDirectory: socketDirectory, mayBeAbsent: mayBeAbsent)
        }
    }

    /// Why a file cannot be used.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Asks the daemon's program, if it is here and is a BIRD 1, whether it reads a file.
    ///
    /// Without it the file is taken unchecked: only the program itself knows its language with certainty.
    func check(_ file: String) throws {
        guard let program = Self.program(self.name) else {
            return writeError("there is no \(self.name) of version 1 here: \(file) was not checked")
        }
        let outcome = Self.run(program, ["-p", "-c", file])
        guard outcome.status == 0 else { throw Failure(description: outcome.output) }
    }

    /// Tells the daemon through its control socket to read its file again.
    func reload() throws {
        let path = self.socketDirectory + "/\(self.name).ctl"
        if self.mayBeAbsent, access(path, F_OK) != 0 {
            return writeError("no \(self.name) at \(path): nothing to reload")
        }
        let reply = try Bird1Socket.command("configure", at: path)
        // 3: reconfigured, 4: in progress, 18: queued; 8 and 9 thousand are errors.
        guard ["0003", "0004", "0018"].contains(String(reply.prefix(4))) else {
            throw Failure(description: "\(self.name): \(reply)")
        }
    }

    private static func program(_ name: String) -> String? {
        let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/bin", "/sbin"]
        let path = getenv("PATH").map { String(cString: $0).split(separator: ":").map(String.init) } ?? []
        return (path + folders).map { $0 + "/" + name }.first { candidate in
            guard access(candidate, X_OK) == 0 else { return false }
            return Self.run(candidate, ["--version"]).output.contains("version 1.")
        }
    }

    private static func run(_ program: String, _ arguments: [String]) -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        do {
            try process.run()
        } catch {
            return (-1, "\(error)")
        }
        let output = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output.prefix(64 << 10), as: UTF8.self))
    }
}

/// The control socket of BIRD 1.6: lines of text with four digits in front.
enum Bird1Socket {
    /// Longest wait for a connection or an answer.
    private static let timeout = 10

    /// Sends one command and returns the line that ends its answer.
    static func command(_ text: String, at path: String) throws -> String {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let octets = Array(path.utf8)
        guard octets.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Bird1Daemon.Failure(description: "\(path): too long for a socket")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: octets) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure(path) }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: Self.timeout, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Self.failure(path) }
        var buffer: [UInt8] = []
        _ = try Self.lastLine(of: "banner", descriptor, &buffer, path)
        let line = Array((text + "\n").utf8)
        guard write(descriptor, line, line.count) == line.count else { throw Self.failure(path) }
        return try Self.lastLine(of: text, descriptor, &buffer, path)
    }

    /// Reads to the line that has a space after its number: the last one of an answer.
    private static func lastLine(
        of command: String,
        _ descriptor: Int32,
        _ buffer: inout [UInt8],
        _ path: String
    ) throws -> String {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeSubrange(...end)
                // Lines in between have a hyphen after the number, or a space in its place.
                if line.utf8.count >= 5, line.prefix(4).allSatisfy(\.isNumber), Array(line.utf8)[4] == 32 {
                    return line
                }
            }
            guard buffer.count < 1 << 20 else {
                throw Bird1Daemon.Failure(description: "\(path): the answer to \(command) has no end")
            }
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else {
                throw count == 0
                    ? Bird1Daemon.Failure(description: "\(path): closed without an answer to \(command)")
                    : Self.failure(path)
            }
            buffer += chunk[..<count]
        }
    }

    private static func failure(_ path: String) -> Bird1Daemon.Failure {
        Bird1Daemon.Failure(description: "\(path): \(String(cString: strerror(errno)))")
    }
}
