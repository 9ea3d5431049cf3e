import ControlAPI
import Foundation
import Glibc
import Logging
import ServiceLifecycle
import TestSupport

@testable import ControlServer

/// Runs `body` against a server on a socket of its own and stops the server gracefully afterwards.
func withControlServer<Result: Sendable>(
    _ backend: any ControlBackend,
    folder: String = temporaryFolder(),
    group: UInt32? = nil,
    _ body: @Sendable (String) async throws -> Result
) async throws -> Result {
    let path = folder + "/c/s.sock"
    let (ready, continuation) = AsyncStream<Void>.makeStream()
    let server = ControlServer(
        socketPath: path,
        backend: backend,
        group: group,
        logger: quietLogger(),
        onListening: { continuation.yield() }
    )
    let services = ServiceGroup(services: [server], logger: quietLogger())
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { continuation.finish() }
            try await services.run()
        }
        for await _ in ready { break }
        do {
            let result = try await body(path)
            await services.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return result
        } catch {
            await services.triggerGracefulShutdown()
            throw error
        }
    }
}

/// A logger that says nothing but errors.
func quietLogger() -> Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}

/// A folder of its own, short enough for a socket address.
func temporaryFolder() -> String {
    var template = Array("/tmp/mtctlXXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { return "/nonexistent" }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Runs `body` with a client that is closed at the end.
func withClient<Result>(_ path: String, _ body: (ControlClient) async throws -> Result) async throws -> Result {
    let client = ControlClient(socketPath: path)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}

/// Sends `request` as it is on a connection of its own and returns everything that comes back.
func exchange(_ path: String, _ request: String) async throws -> String {
    try await blocking { try blockingExchange(path, request) }
}

private func blockingExchange(_ path: String, _ request: String) throws -> String {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    guard connected == 0 else { throw ControlServerError.unusable(path, String(cString: strerror(errno))) }
    let bytes = Array(request.utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count else { throw ControlServerError.unusable(path, "write") }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { break }
        answer += buffer.prefix(count)
    }
    return String(decoding: answer, as: UTF8.self)
}

/// Resident memory of this process in bytes.
func residentBytes() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(getpagesize())
}
