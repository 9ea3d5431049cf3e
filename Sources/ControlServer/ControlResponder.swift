import ControlAPI
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Turns requests into calls of the backend.
struct ControlResponder: HTTPResponder {
    typealias Context = ConnectionContext

    /// Larger request bodies are refused.
    static let largestBody = 64 << 10

    let backend: any ControlBackend
    let access: AccessRule
    let logger: Logger

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        do {
            guard let peer = await context.peerCredentials(), self.access.admits(peer) else {
                throw ControlError(.forbidden, "this user may not control the speaker")
            }
            switch Endpoint.match(method: request.method.rawValue, path: request.uri.path) {
            case .found(let endpoint, let arguments):
                return try await self.answer(endpoint, arguments.map(Self.decoded), request)
            case .methodNotAllowed:
                throw ControlError(
                    .methodNotAllowed,
                    "\(request.uri.path) does not answer to \(request.method.rawValue)"
                )
            case .notFound:
                throw ControlError(.notFound, "no such path: \(request.uri.path)")
            }
        } catch let error as ControlError {
            return try Self.json(error, status: error.code.status)
        } catch {
            self.logger.error(
                "control request failed",
                metadata: ["path": "\(request.uri.path)", "reason": "\(error)"]
            )
            return try Self.json(ControlError(.internal, "\(error)"), status: 500)
        }
    }

    private func answer(_ endpoint: Endpoint, _ arguments: [String], _ request: Request) async throws -> Response {
        if ![.routes, .explain, .mrt].contains(endpoint), let query = request.uri.query, !query.isEmpty {
            throw ControlError(.invalidRequest, "\(request.uri.path) takes no query parameters")
        }
        switch endpoint {
        case .status:
            return try Self.json(try await self.backend.status())
        case .memory:
            return try Self.json(try await self.backend.memory())
        case .plan:
            return try Self.json(try await self.backend.plan())
        case .ready:
            let readiness = try await self.backend.status().readiness
            return try Self.json(readiness, status: readiness.ready ? 200 : 503)
        case .neighbors:
            return try Self.json(try await self.backend.neighbors(name: nil))
        case .neighbor:
            guard let neighbor = try await self.backend.neighbors(name: arguments[0]).first else {
                throw ControlError(.notFound, "no such neighbor: \(arguments[0])")
            }
            return try Self.json(neighbor)
        case .routes:
            let query = try RouteQuery(queryString: request.uri.query ?? "")
            let first = try await self.backend.routes(query, from: nil)
            let stream = RouteStream(backend: self.backend, query: query, first: first)
            return Response(
                status: .ok,
                headers: [.contentType: "application/x-ndjson"],
                body: ResponseBody { try await stream.write(to: &$0) }
            )
        case .explain:
            return try Self.json(
                try await self.backend.explain(ExplainQuery(queryString: request.uri.query ?? ""))
            )
        case .mrt:
            // Begun before the answer's head, so that an unknown table is a proper 404.
            let dump = try await self.backend.tableDump(TableDumpQuery(queryString: request.uri.query ?? ""))
            return Response(
                status: .ok,
                headers: [.contentType: "application/octet-stream"],
                body: ResponseBody { try await Self.write(dump, to: &$0) }
            )
        case .interfaces:
            return try Self.json(try await self.backend.interfaces())
        case .reload:
            let body: ReloadRequest = try await Self.body(of: request) ?? ReloadRequest()
            guard body.confirmWithinSeconds.map({ (1...ReloadRequest.longestWait).contains($0) }) ?? true else {
                throw ControlError(
                    .invalidRequest,
                    "a reload can wait for its confirmation for 1 to \(ReloadRequest.longestWait) seconds"
                )
            }
            guard !body.check || body.confirmWithinSeconds == nil else {
                throw ControlError(.invalidRequest, "a check applies nothing that could be confirmed")
            }
            return try Self.json(try await self.backend.reload(body))
        case .confirmReload:
            return try Self.json(try await self.backend.confirmReload())
        case .undoReload:
            return try Self.json(try await self.backend.undoReload())
        case .neighborAction:
            guard let action = NeighborAction(rawValue: arguments[1]) else {
                throw ControlError(.notFound, "no such action: \(arguments[1])")
            }
            let body: NeighborActionRequest = try await Self.body(of: request) ?? NeighborActionRequest()
            guard body.message == nil || action == .down || action == .restart else {
                throw ControlError(.invalidRequest, "\(action.rawValue) takes no message")
            }
            guard (body.message?.utf8.count ?? 0) <= 255 else {
                throw ControlError(.invalidRequest, "the message is longer than 255 octets (RFC 9003)")
            }
            return try Self.json(
                try await self.backend.perform(action, neighbor: arguments[0], message: body.message)
            )
        case .shutdown:
            try await self.backend.shutdown()
            return Response(
                status: .accepted,
                headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "{}\n"))
            )
        }
    }

    /// Writes a dump; an error closes the connection before the answer's end, so that the client knows it is not whole.
    @concurrent
    private static func write(_ dump: any TableDump, to writer: inout any ResponseBodyWriter) async throws {
        var dump = dump
        while let octets = try await dump.next() {
            if Task.isShuttingDownGracefully { throw ControlError(.unavailable, "the speaker stops") }
            try await writer.write(ByteBuffer(bytes: octets))
        }
        try await writer.finish(nil)
    }

    private static func decoded(_ component: Substring) throws -> String {
        guard let text = percentDecoded(component), !text.isEmpty else {
            throw ControlError(.invalidRequest, "malformed path component: \(component)")
        }
        return text
    }

    /// The request's JSON body; nil when it is empty.
    private static func body<Value: Decodable>(of request: Request) async throws -> Value? {
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: Self.largestBody)
        } catch is NIOTooManyBytesError {
            throw ControlError(.invalidRequest, "the request body is longer than \(Self.largestBody) bytes")
        }
        guard buffer.readableBytes > 0 else { return nil }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(buffer.readableBytesView))
        } catch {
            throw ControlError(.invalidRequest, "the request body is not the JSON expected here")
        }
    }

    private static func json(_ value: some Encodable, status: Int = 200) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var buffer = ByteBuffer(bytes: try encoder.encode(value))
        buffer.writeStaticString("\n")
        return Response(
            status: HTTPResponse.Status(code: status),
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: buffer)
        )
    }
}
