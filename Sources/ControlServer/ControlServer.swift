public import ControlAPI
import Glibc
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// The control interface on a Unix socket, documented in `docs/openapi.yaml`.
///
/// The socket has mode 0660. On every connection the kernel is asked who is at the other end: only root, the user the
/// server runs as, and `group` where given are served. Ends gracefully: requests in flight get five seconds.
public struct ControlServer: Service {
    /// Path of the socket.
    public let socketPath: String
    private let backend: any ControlBackend
    private let group: UInt32?
    private let logger: Logger
    private let onListening: @Sendable () async -> Void

    /// Connections at one time; further ones wait.
    static let mostConnections = 64

    /// Creates a server; `onListening` is called once it answers.
    public init(
        socketPath: String = ControlClient.defaultSocketPath,
        backend: any ControlBackend,
        group: UInt32? = nil,
        logger: Logger,
        onListening: @escaping @Sendable () async -> Void = {}
    ) {
        self.socketPath = socketPath
        self.backend = backend
        self.group = group
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until graceful shutdown; throws ``ControlServerError`` when it cannot listen.
    public func run() async throws {
        let place = SocketPath(path: self.socketPath)
        try place.prepare()
        var quiet = self.logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        let failure = Failure()
        let application = Application(
            responder: ControlResponder(
                backend: self.backend,
                access: AccessRule(uid: geteuid(), gid: self.group),
                logger: self.logger
            ),
            configuration: ApplicationConfiguration(
                address: .unixDomainSocket(path: self.socketPath),
                serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections)
            ),
            onServerRunning: { [group, onListening, logger, socketPath] channel in
                do throws(ControlServerError) {
                    try place.restrict(to: group)
                } catch {
                    await failure.set(error)
                    channel.close(promise: nil)
                    return
                }
                logger.info("control interface ready", metadata: ["socket": "\(socketPath)"])
                await onListening()
            },
            logger: quiet
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await application.run() }
            tasks.addTask {
                try await gracefulShutdown()
                try await Task.sleep(for: .seconds(5))
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
        if let error = await failure.error { throw error }
    }

    /// Why listening failed after the socket was bound.
    private actor Failure {
        var error: ControlServerError?

        func set(_ error: ControlServerError) { self.error = error }
    }
}
