import AsyncHTTPClient
public import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A client of the control interface on a Unix socket.
///
/// Functions throw ``ControlError`` for what the speaker answered and ``ControlClientError`` for everything else.
public struct ControlClient: Sendable {
    /// Where the speaker listens unless told otherwise.
    public static let defaultSocketPath = "/run/martlet/speaker.sock"

    /// Path of the socket.
    public let socketPath: String
    private let http: HTTPClient
    /// How long the beginning of an answer may take; a reload may have much to read.
    private let patience: Duration
    private static let reloadPatience = Duration.seconds(300)

    /// Creates a client; ``close()`` must be called at the end.
    public init(socketPath: String = ControlClient.defaultSocketPath, patience: Duration = .seconds(30)) {
        self.socketPath = socketPath
        self.patience = patience
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(5))
        )
        configuration.connectionPool.retryConnectionEstablishment = false
        self.http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes connections.
    public func close() async {
        try? await self.http.shutdown()
    }

    /// `GET /v1/memory`.
    public func memory() async throws -> MemoryStatus { try await self.get("/v1/memory") }

    /// `GET /v1/plan`.
    public func plan() async throws -> PlanStatus { try await self.get("/v1/plan") }

    /// `GET /v1/status`.
    public func status() async throws -> Status { try await self.get("/v1/status") }

    /// `GET /v1/ready`; a speaker that is not ready is no error.
    public func readiness() async throws -> Readiness {
        try Self.decode(try await self.send(.get, "/v1/ready", accepting: [200, 503]))
    }

    /// `GET /v1/neighbors`.
    public func neighbors() async throws -> [NeighborStatus] { try await self.get("/v1/neighbors") }

    /// `GET /v1/neighbors/{name}`.
    public func neighbor(_ name: String) async throws -> NeighborStatus {
        try await self.get("/v1/neighbors/\(percentEncoded(name))")
    }

    /// `GET /v1/interfaces`.
    public func interfaces() async throws -> [InterfaceStatus] { try await self.get("/v1/interfaces") }

    /// `POST /v1/reload`; an outcome of `rejected` or `failed` is no error.
    public func reload(_ request: ReloadRequest = ReloadRequest()) async throws -> ReloadResult {
        try Self.decode(try await self.send(.post, "/v1/reload", body: JSONEncoder().encode(request)))
    }

    /// `POST /v1/reload` of the running configuration's file or another.
    public func reload(file: String) async throws -> ReloadResult {
        try await self.reload(ReloadRequest(file: file))
    }

    /// `POST /v1/reload/confirm`: keeps what a reload with a time limit did.
    public func confirmReload() async throws -> ReloadResult {
        try Self.decode(
            try await self.send(.post, "/v1/reload/confirm", body: JSONEncoder().encode([String: String]()))
        )
    }

    /// `POST /v1/reload/undo`: goes back to the configuration before the last reload.
    public func undoReload() async throws -> ReloadResult {
        try Self.decode(try await self.send(.post, "/v1/reload/undo", body: JSONEncoder().encode([String: String]())))
    }

    /// `POST /v1/neighbors/{name}/{action}`.
    public func perform(
        _ action: NeighborAction,
        neighbor: String,
        message: String? = nil
    ) async throws -> NeighborActionResult {
        let body = try JSONEncoder().encode(NeighborActionRequest(message: message))
        let path = "/v1/neighbors/\(percentEncoded(neighbor))/\(action.rawValue)"
        return try Self.decode(try await self.send(.post, path, body: body))
    }

    /// `POST /v1/shutdown`.
    public func shutdown() async throws {
        _ = try await self.send(.post, "/v1/shutdown", body: Data("{}".utf8))
    }

    /// `GET /v1/routes`, all in memory; for answers that are known to be small.
    public func routes(_ query: RouteQuery = RouteQuery()) async throws -> [Route] {
        var routes: [Route] = []
        try await self.forEachRoute(query) { routes.append($0) }
        return routes
    }

    /// `GET /v1/routes`, one route at a time; a slow body slows the speaker's walk down, an error ends it.
    public func forEachRoute(_ query: RouteQuery, _ body: (Route) async throws -> Void) async throws {
        let decoder = JSONDecoder()
        try await self.forEachRouteLine(query) { line in
            let route: Route
            do {
                route = try decoder.decode(Route.self, from: Data(line.readableBytesView))
            } catch {
                throw ControlClientError.unreadable("a route that is no route: \(String(buffer: line).prefix(200))")
            }
            try await body(route)
        }
    }

    /// `GET /v1/routes`, one line of JSON at a time, without its line end.
    public func forEachRouteLine(_ query: RouteQuery, _ body: (ByteBuffer) async throws -> Void) async throws {
        let response = try await self.open(.get, "/v1/routes\(query.queryString)")
        try await self.check(response, accepting: [200])
        var lines = LineSplitter()
        do {
            for try await chunk in response.body {
                lines.append(chunk)
                while let line = try lines.next() { try await self.deliver(line, body) }
            }
        } catch let error as HTTPClientError {
            throw ControlClientError.interrupted(self.socketPath, "\(error)")
        } catch let error as IOError {
            throw ControlClientError.interrupted(self.socketPath, "\(error)")
        }
        guard lines.isEmpty else { throw ControlClientError.interrupted(self.socketPath, "the last line is not whole") }
    }

    /// `GET /v1/explain`.
    public func explain(_ query: ExplainQuery) async throws -> [Explanation] {
        try await self.get("/v1/explain\(query.queryString)")
    }

    /// `GET /v1/mrt`: tables as MRT records, in pieces of any size; an error means that the dump is not whole.
    public func dumpTables(_ query: TableDumpQuery, _ body: (ByteBuffer) async throws -> Void) async throws {
        let response = try await self.open(.get, "/v1/mrt\(query.queryString)")
        try await self.check(response, accepting: [200])
        var chunks = response.body.makeAsyncIterator()
        while true {
            let chunk: ByteBuffer?
            do {
                chunk = try await chunks.next()
            } catch {
                throw ControlClientError.interrupted(self.socketPath, "\(error)")
            }
            guard let chunk else { return }
            try await body(chunk)
        }
    }

    /// A stream that fails after it began ends with a line that holds the error.
    private func deliver(_ line: ByteBuffer, _ body: (ByteBuffer) async throws -> Void) async throws {
        if line.readableBytesView.starts(with: "{\"error\":".utf8) {
            let failure = try? JSONDecoder().decode(StreamFailure.self, from: Data(line.readableBytesView))
            throw failure?.error ?? ControlError(.internal, "the speaker ended the answer with an error")
        }
        try await body(line)
    }

    private func get<Value: Decodable>(_ path: String) async throws -> Value {
        try Self.decode(try await self.send(.get, path))
    }

    private static func decode<Value: Decodable>(_ body: ByteBuffer) throws -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(body.readableBytesView))
        } catch {
            throw ControlClientError.unreadable("\(error)")
        }
    }

    private func send(
        _ method: HTTPMethodName,
        _ path: String,
        body: Data? = nil,
        accepting statuses: Set<UInt> = [200, 202]
    ) async throws -> ByteBuffer {
        let response = try await self.open(method, path, body: body)
        try await self.check(response, accepting: statuses)
        return try await self.collect(response)
    }

    private func open(
        _ method: HTTPMethodName,
        _ path: String,
        body: Data? = nil
    ) async throws -> HTTPClientResponse {
        let patience = path.hasPrefix("/v1/reload") ? max(Self.reloadPatience, self.patience) : self.patience
        var request = HTTPClientRequest(url: "http+unix://\(percentEncoded(self.socketPath))\(path)")
        if method == .post { request.method = .POST }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        do {
            // The deadline is that of the answer's head.
            return try await self.http.execute(request, deadline: .now() + TimeAmount(patience))
        } catch let error as CancellationError {
            throw error
        } catch let error as HTTPClientError where error == .deadlineExceeded {
            throw ControlClientError.unreachable(self.socketPath, "no answer within \(patience.components.seconds) s")
        } catch let error as IOError {
            throw ControlClientError.unreachable(self.socketPath, systemErrorText(error.errnoCode))
        } catch {
            throw ControlClientError.unreachable(self.socketPath, "\(error)")
        }
    }

    private func check(_ response: HTTPClientResponse, accepting statuses: Set<UInt>) async throws {
        guard !statuses.contains(response.status.code) else { return }
        let body = try await self.collect(response)
        if let error = try? JSONDecoder().decode(ControlError.self, from: Data(body.readableBytesView)) { throw error }
        throw ControlClientError.unreadable("HTTP status \(response.status.code)")
    }

    private func collect(_ response: HTTPClientResponse) async throws -> ByteBuffer {
        do {
            return try await response.body.collect(upTo: 64 << 20)
        } catch {
            throw ControlClientError.interrupted(self.socketPath, "\(error)")
        }
    }

    private enum HTTPMethodName {
        case get
        case post
    }
}

/// The last line of a stream that failed after it began.
struct StreamFailure: Codable {
    var error: ControlError
}
