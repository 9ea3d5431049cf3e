import Foundation
import Glibc
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import ControlServer

@Suite("Metrics over HTTP")
struct MetricsServerTests {
    /// Runs `body` with the port of a server.
    private func withServer(
        port: Int = 0,
        idleTime: Duration = .seconds(30),
        _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        let (ready, continuation) = AsyncStream<Int>.makeStream()
        let server = MetricsServer(
            host: "127.0.0.1",
            port: port,
            idleTime: idleTime,
            retryTime: .milliseconds(20),
            logger: quietLogger(),
            onListening: { continuation.yield($0) },
            text: { "martlet_up 1\n" }
        )
        let services = ServiceGroup(services: [server], logger: quietLogger())
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await services.run() }
            for await port in ready {
                try await body(port)
                break
            }
            await services.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// What comes back for a request until the server closes the connection.
    private static func exchange(_ port: Int, _ request: String) async -> String {
        await withCheckedContinuation { continuation in
            // On a thread of its own: waiting in the kernel would take one from the server.
            Thread.detachNewThread { continuation.resume(returning: Self.blockingExchange(port, request)) }
        }
    }

    private static func blockingExchange(_ port: Int, _ request: String) -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = Self.address(port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { return "no connection" }
        let octets = Array(request.utf8)
        guard send(descriptor, octets, octets.count, Int32(MSG_NOSIGNAL)) == octets.count else {
            return "not sent"
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0 { return "no end: " + String(decoding: answer, as: UTF8.self) }
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private static func request(_ line: String) -> String { "\(line) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" }

    @Test("GET /metrics is answered with text for Prometheus")
    func metrics() async throws {
        try await self.withServer { port in
            let answer = await Self.exchange(port, Self.request("GET /metrics"))
            #expect(answer.hasPrefix("HTTP/1.1 200 "))
            #expect(answer.lowercased().contains("content-type: text/plain; version=0.0.4"))
            #expect(answer.hasSuffix("\r\n\r\nmartlet_up 1\n"))
            let head = await Self.exchange(port, Self.request("HEAD /metrics"))
            #expect(head.hasPrefix("HTTP/1.1 200 ") && head.hasSuffix("\r\n\r\n"))
        }
    }

    @Test(
        "Anything else is refused",
        arguments: [("GET /", 404), ("GET /metrics/x", 404), ("POST /metrics", 405), ("PUT /v1/reload", 404)]
    )
    func refused(line: String, status: Int) async throws {
        try await self.withServer { port in
            let answer = await Self.exchange(port, Self.request(line))
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        }
    }

    @Test("Noise and silence do not hold a connection open")
    func noise() async throws {
        try await self.withServer(idleTime: .milliseconds(200)) { port in
            #expect(await !Self.exchange(port, "\u{0}\u{1}nonsense\r\n\r\n").hasPrefix("no end"))
            #expect(await !Self.exchange(port, "GET /metr").hasPrefix("no end"))
            #expect(await Self.exchange(port, Self.request("GET /metrics")).hasSuffix("martlet_up 1\n"))
        }
    }

    @Test("An address that is taken does not end the process, and is tried again")
    func taken() async throws {
        let blocker = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(blocker, pointer, length) == 0 && listen(blocker, 1) == 0
                    && getsockname(blocker, pointer, &length) == 0
            }
        }
        #expect(bound)
        let port = Int(UInt16(bigEndian: address.sin_port))
        let release = Task {
            try? await Task.sleep(for: .milliseconds(200))
            close(blocker)
        }
        try await self.withServer(port: port) { port in
            #expect(await Self.exchange(port, Self.request("GET /metrics")).hasSuffix("martlet_up 1\n"))
        }
        await release.value
    }
}
