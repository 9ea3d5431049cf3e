import ControlAPI
import Foundation
import Glibc
import IPAddressing
import NIOCore
import TestSupport
import Testing

@testable import ControlServer

@Suite("Control server")
struct ControlServerTests {
    @Test("The hand-written JSON of a route equals its Codable form")
    func routeWriter() throws {
        for route in SyntheticBackend.sampleRoutes() {
            var buffer = ByteBuffer()
            RouteWriter.write(route, into: &buffer)
            let bytes = Data(buffer.readableBytesView)
            #expect(bytes.last == UInt8(ascii: "\n"))
            #expect(try JSONDecoder().decode(Route.self, from: bytes) == route)
            let written = try #require(try JSONSerialization.jsonObject(with: bytes) as? NSDictionary)
            let coded = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(route))
            #expect(written == coded as? NSDictionary)
        }
    }

    @Test("Every endpoint answers through a real socket")
    func endpoints() async throws {
        let backend = SyntheticBackend()
        try await withControlServer(backend) { path in
            try await withClient(path) { client in
                #expect(try await client.status().version == "1.2.3")
                #expect(try await client.readiness().ready)
                #expect(try await client.neighbors().map(\.name) == ["peer1", "peer2"])
                #expect(try await client.neighbor("peer2").state == .idle)
                #expect(try await client.memory().accountedBytes == 12_000_000)
                #expect(try await client.interfaces().map(\.name) == ["lo", "eth0"])
                #expect(try await client.routes().map(\.prefix.description).last == "10.0.0.2/32")
                #expect(try await client.reload().outcome == .applied)
                #expect(try await client.reload(file: "bad.conf").diagnostics.first?.line == 3)
                #expect(try await client.confirmReload().outcome == .confirmed)
                await #expect(throws: ControlError.self) { try await client.undoReload() }
                await #expect(throws: ControlError.self) {
                    try await client.reload(ReloadRequest(confirmWithinSeconds: 86_401))
                }
                await #expect(throws: ControlError.self) {
                    try await client.reload(ReloadRequest(check: true, confirmWithinSeconds: 5))
                }
                #expect(try await client.perform(.down, neighbor: "peer1", message: "bye").action == .down)
                try await client.shutdown()
            }
        }
        #expect(backend.calls == ["reload -", "reload bad.conf", "confirm", "undo", "down peer1 bye", "shutdown"])
    }

    @Test("Routes can be asked for by prefix and by address")
    func selections() async throws {
        try await withControlServer(SyntheticBackend(routeCount: 100)) { path in
            try await withClient(path) { client in
                let exact = try await client.routes(
                    RouteQuery(selection: .prefix(try #require(IPPrefix("10.0.0.7/32"))))
                )
                #expect(exact == [SyntheticBackend.route(7)])
                let match = RouteQuery(selection: .longestMatch(try #require(IPAddress("10.0.0.9"))))
                #expect(try await client.routes(match) == [SyntheticBackend.route(9)])
            }
        }
    }

    @Test("A speaker that is not ready answers 503 with the reasons")
    func notReady() async throws {
        let backend = SyntheticBackend()
        backend.setReady(false)
        try await withControlServer(backend) { path in
            let answer = try await exchange(path, "GET /v1/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 503 "))
            #expect(answer.contains("peer1 is not established"))
        }
    }

    @Test(
        "A request that cannot be answered gets the right status and a JSON error",
        arguments: [
            ("GET /v1/nothing", 404, "not-found"), ("GET /", 404, "not-found"),
            ("GET /v1/neighbors/nobody", 404, "not-found"), ("GET /v1/routes?table=x", 404, "not-found"),
            ("GET /v1/routes?colour=red", 400, "invalid-request"), ("GET /v1/status?x=1", 400, "invalid-request"),
            ("POST /v1/status", 405, "method-not-allowed"), ("GET /v1/reload", 405, "method-not-allowed"),
            ("POST /v1/neighbors/peer1/explode", 404, "not-found"),
            ("POST /v1/neighbors/peer2/refresh-in", 409, "conflict"),
            ("POST /v1/neighbors/%ff/up", 400, "invalid-request"),
        ]
    )
    func failures(request: String, status: Int, code: String) async throws {
        try await withControlServer(SyntheticBackend()) { path in
            let answer = try await exchange(
                path,
                "\(request) HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            #expect(answer.contains("\"code\":\"\(code)\""))
        }
    }

    @Test("A request body that is no JSON, or too long, is refused")
    func bodies() async throws {
        try await withControlServer(SyntheticBackend()) { path in
            let head = "POST /v1/reload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length:"
            let malformed = try await exchange(path, "\(head) 3\r\n\r\n{{{")
            #expect(malformed.hasPrefix("HTTP/1.1 400 "))
            let long = String(repeating: " ", count: 70_000)
            let tooLong = try await exchange(path, "\(head) 70000\r\n\r\n\(long)")
            #expect(tooLong.hasPrefix("HTTP/1.1 400 "))
            let message = "{\"message\":\"\(String(repeating: "x", count: 256))\"}"
            let down = "POST /v1/neighbors/peer1/down HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            let answer = try await exchange(path, "\(down)content-length: \(message.utf8.count)\r\n\r\n\(message)")
            #expect(answer.contains("RFC 9003"))
        }
    }

    @Test("Bytes that are no HTTP do not disturb others")
    func garbage() async throws {
        try await withControlServer(SyntheticBackend()) { path in
            _ = try await exchange(path, "\u{0}\u{1}\u{2} garbage\r\n\r\n\r\n")
            let status = try await withClient(path) { try await $0.status() }
            #expect(status.version == "1.2.3")
        }
    }

    @Test("A walk that fails in the middle ends with an error that the client throws")
    func failingWalk() async throws {
        try await withControlServer(SyntheticBackend(routeCount: 5000, pageSize: 100, failingPage: 10)) { path in
            try await withClient(path) { client in
                var count = 0
                let error = await #expect(throws: ControlError.self) {
                    try await client.forEachRoute(RouteQuery()) { _ in count += 1 }
                }
                #expect(error == ControlError(.unavailable, "the walk was cut off"))
                #expect(count == 1000)
            }
        }
    }

    @Test("The walk stops soon after the client went away")
    func disconnect() async throws {
        let backend = SyntheticBackend(routeCount: 50_000_000)
        struct Enough: Error {}
        try await withControlServer(backend) { path in
            try await withClient(path) { client in
                var count = 0
                await #expect(throws: Enough.self) {
                    try await client.forEachRouteLine(RouteQuery()) { _ in
                        count += 1
                        if count == 1000 { throw Enough() }
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(300))
            let produced = backend.producedRoutes
            try await Task.sleep(for: .milliseconds(300))
            #expect(backend.producedRoutes == produced)
            #expect(produced < 1_000_000)
        }
    }

    @Test("A client that does not read pauses the walk")
    func backPressure() async throws {
        let backend = SyntheticBackend(routeCount: 50_000_000)
        try await withControlServer(backend) { path in
            try await withClient(path) { client in
                var count = 0
                struct Enough: Error {}
                await #expect(throws: Enough.self) {
                    try await client.forEachRouteLine(RouteQuery()) { _ in
                        count += 1
                        if count == 10 {
                            try await Task.sleep(for: .milliseconds(500))
                            let produced = backend.producedRoutes
                            try await Task.sleep(for: .milliseconds(300))
                            #expect(backend.producedRoutes == produced)
                            #expect(produced < 100_000)
                            throw Enough()
                        }
                    }
                }
            }
        }
    }

    @Test("A million routes pass through with less than 8 MiB of growth")
    func boundedMemory() async throws {
        // A process of its own, so that other tests do not count.
        await #expect(processExitsWith: .success) {
            let backend = SyntheticBackend(routeCount: 1_000_000)
            try await withControlServer(backend) { path in
                try await withClient(path) { client in
                    var count = 0
                    var baseline = 0
                    var peak = 0
                    for _ in 0..<2 {
                        count = 0
                        try await client.forEachRouteLine(RouteQuery()) { _ in
                            count += 1
                            if count == 100_000, baseline == 0 { baseline = residentBytes() }
                            if count % 50_000 == 0 { peak = max(peak, residentBytes()) }
                        }
                        #expect(count == 1_000_000)
                    }
                    print("resident: \(baseline >> 10) KiB after 100,000 routes, at most \(peak >> 10) KiB")
                    #expect(baseline > 0 && peak - baseline < 8 << 20)
                }
            }
        }
    }

    @Test("A dump comes in pieces, an unknown table is refused, and one that is cut off is an error")
    func dump() async throws {
        func dump(_ query: TableDumpQuery, _ backend: SyntheticBackend) async throws -> [UInt8] {
            try await withControlServer(backend) { path in
                try await withClient(path) { client in
                    var octets: [UInt8] = []
                    try await client.dumpTables(query) { octets += $0.readableBytesView }
                    return octets
                }
            }
        }
        let whole = try await dump(TableDumpQuery(table: "master4"), SyntheticBackend(routeCount: 1000))
        #expect(whole == (0..<1000).flatMap { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: 10) })
        #expect(try await dump(TableDumpQuery(family: .ipv6), SyntheticBackend()) == [])
        await #expect(throws: ControlError(.notFound, "no such table: other")) {
            _ = try await dump(TableDumpQuery(table: "other"), SyntheticBackend())
        }
        do {
            _ = try await dump(TableDumpQuery(), SyntheticBackend(routeCount: 1000, failingPage: 500))
            Issue.record("a dump that was cut off looks whole")
        } catch let error as ControlClientError {
            guard case .interrupted = error else { throw error }
        }
        #expect(throws: ControlError.self) { try TableDumpQuery(queryString: "prefix=10.0.0.0/8") }
        #expect(throws: ControlError.self) { try TableDumpQuery(queryString: "color=red") }
    }

    @Test("Every path in docs/openapi.yaml is served, and every endpoint is described there")
    func openAPI() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/openapi.yaml")
        let text = try String(contentsOf: file.standardizedFileURL, encoding: .utf8)
        var described: Set<String> = []
        var path = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("  /v1/"), line.hasSuffix(":") {
                path = line.dropFirst(2).dropLast().description
            } else if line == "    get:" || line == "    post:" {
                described.insert("\(line.dropFirst(4).dropLast().uppercased()) \(path)")
            } else if line == "components:" {
                break
            }
        }
        #expect(described == Set(Endpoint.allCases.map(\.rawValue)))
    }
}
