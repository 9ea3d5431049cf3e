import ControlAPI
import Hummingbird
import NIOCore
import ServiceLifecycle

/// The body of `GET /v1/routes`: pulls slices from the backend only as fast as the client takes them.
struct RouteStream: Sendable {
    /// Bytes per write: smaller ones cost a system call each, larger ones only memory.
    static let chunkSize = 64 << 10

    let backend: any ControlBackend
    let query: RouteQuery
    /// The first slice, asked for before the answer's head, so that an unknown table is a proper 404.
    let first: RoutePage

    /// Writes everything; a write that throws means that the client went away, and ends the walk.
    @concurrent
    func write(to writer: inout any ResponseBodyWriter) async throws {
        var buffer = ByteBufferAllocator().buffer(capacity: Self.chunkSize + 4096)
        var page = self.first
        while true {
            for route in page.routes {
                RouteWriter.write(route, into: &buffer)
                if buffer.readableBytes >= Self.chunkSize {
                    try await writer.write(buffer)
                    buffer.clear()
                }
            }
            guard let next = page.next else { break }
            do {
                if Task.isShuttingDownGracefully { throw ControlError(.unavailable, "the speaker stops") }
                page = try await self.backend.routes(self.query, from: next)
            } catch {
                Self.write(error, into: &buffer)
                break
            }
        }
        if buffer.readableBytes > 0 { try await writer.write(buffer) }
        try await writer.finish(nil)
    }

    /// The status is sent already, so an error becomes the last line.
    private static func write(_ error: any Error, into buffer: inout ByteBuffer) {
        let error = error as? ControlError ?? ControlError(.internal, "\(error)")
        buffer.writeStaticString("{\"error\":{\"code\":\"")
        buffer.writeString(error.code.rawValue)
        buffer.writeStaticString("\",\"message\":")
        RouteWriter.write(string: error.message, into: &buffer)
        buffer.writeStaticString("}}\n")
    }
}
