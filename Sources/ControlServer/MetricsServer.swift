import Glibc
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle

/// Metrics as text for Prometheus over HTTP: `GET /metrics`, and nothing else.
///
/// It says nothing that is secret and changes nothing, but it is no interface for the world: who wants it elsewhere than on
/// the loopback has to say so. An address that is taken does not end the process; it is tried again.
public struct MetricsServer: Service {
    private let host: String
    private let port: Int
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void
    private let text: @Sendable () async -> String

    /// Connections at one time; further ones wait.
    static let mostConnections = 16
    /// A connection on which nothing comes is closed after this time.
    private let idleTime: Duration
    private let retryTime: Duration

    /// Creates a server; `text` gives what is answered, and `onListening` is called once it answers.
    public init(
        host: String,
        port: Int,
        idleTime: Duration = .seconds(30),
        retryTime: Duration = .seconds(10),
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in },
        text: @escaping @Sendable () async -> String
    ) {
        self.host = host
        self.port = port
        self.idleTime = idleTime
        self.retryTime = retryTime
        self.logger = logger
        self.onListening = onListening
        self.text = text
    }

    /// Serves until graceful shutdown.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                while !Task.isCancelled {
                    do {
                        try await self.application.run()
                        return
                    } catch {
                        let place = "\(self.host):\(self.port)"
                        self.logger.error(
                            "Metrics are not served",
                            metadata: ["address": "\(place)", "reason": "\(error)"]
                        )
                    }
                    try await Task.sleep(for: self.retryTime)
                }
            }
            tasks.addTask { try await gracefulShutdown() }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    private var application: some ApplicationProtocol {
        var quiet = self.logger
        quiet.logLevel = .critical
        return Application(
            responder: MetricsResponder(text: self.text),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    idleTimeout: .milliseconds(
                        self.idleTime.components.seconds * 1000
                            + self.idleTime.components.attoseconds / 1_000_000_000_000_000
                    )
                )
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(self.host, port: self.port),
                serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections)
            ),
            onServerRunning: { [onListening, logger, host] channel in
                let port = channel.localAddress?.port ?? 0
                logger.info("Metrics are served", metadata: ["address": "\(host):\(port)"])
                await onListening(port)
            },
            logger: quiet
        )
    }
}

/// Answers with the metrics, and to anything else with an error.
private struct MetricsResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let text: @Sendable () async -> String

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        guard request.uri.path == "/metrics" else { return Response(status: .notFound) }
        guard request.method == .get || request.method == .head else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
        }
        let text = await self.text()
        let body = ByteBuffer(string: request.method == .head ? "" : text)
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/plain; version=0.0.4; charset=utf-8", .contentLength: "\(text.utf8.count)",
            ],
            body: ResponseBody(byteBuffer: body)
        )
    }
}
