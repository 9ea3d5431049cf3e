public import ControlAPI
import Foundation

/// A `martlet speaker` in a namespace.
///
/// Its control socket is a file, so the client works from outside.
public struct MartletProcess: Sendable {
    /// The running daemon.
    public let process: DaemonProcess
    /// Path of the control socket.
    public let socketPath: String
    /// Path of the configuration file; rewrite it and call ``ControlClient/reload(file:)`` to change the configuration.
    public let configurationFile: String

    /// Path of a program of this package: `$MARTLET_BINARY` for `martlet`, for the others beside that, else beside the test bundle.
    public static func binary(_ name: String = "martlet") throws -> String {
        let given = ProcessInfo.processInfo.environment["MARTLET_BINARY"]
        if name == "martlet", let given { return given }
        let bundle = CommandLine.arguments.first ?? ""
        let candidates = [
            given ?? "", (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "", bundle,
        ].map { ($0 as NSString).deletingLastPathComponent + "/" + name }
        guard let path = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw Command.Failure("no \(name) beside the tests (\(candidates.joined(separator: ", "))); build it first")
        }
        return path
    }

    /// Starts `martlet speaker` with a configuration and waits until its control interface answers.
    public static func start(
        _ name: String,
        in namespace: Lab.Namespace,
        _ lab: Lab,
        configuration: String,
        arguments: [String] = []
    ) async throws -> MartletProcess {
        let file = try lab.write("\(name).conf", configuration)
        return try await Self.start(name, in: namespace, lab, file: file, arguments: arguments)
    }

    /// Starts `martlet speaker` with a configuration file and waits until its control interface answers.
    public static func start(
        _ name: String,
        in namespace: Lab.Namespace,
        _ lab: Lab,
        file: String,
        arguments: [String] = []
    ) async throws -> MartletProcess {
        let folder = "\(lab.folder)/\(name)"
        let socket = "\(folder)/s.sock"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let process = try lab.start(
            name,
            in: namespace,
            try Self.binary(),
            ["speaker", "--config", file, "--control-socket", socket] + arguments
        )
        let martlet = MartletProcess(process: process, socketPath: socket, configurationFile: file)
        try await lab.require("\(name) answers at its control socket") {
            guard process.isRunning else { throw Command.Failure("\(name) ended with code \(process.exitCode ?? -1)") }
            return (try? await martlet.withClient { try await $0.status() }) != nil
        }
        return martlet
    }

    /// Runs `body` with a client of the control interface.
    public func withClient<Result>(_ body: (ControlClient) async throws -> Result) async throws -> Result {
        let client = ControlClient(socketPath: self.socketPath)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }

    /// Whether the neighbour called `name` is established.
    public func isEstablished(_ name: String) async throws -> Bool {
        try await self.withClient { try await $0.neighbor(name).state == .established }
    }

    /// Routes of a table in the form that compares with other speakers.
    public func routes(table: String = "master4", bestOnly: Bool = false) async throws -> [PeerRoute] {
        let query = RouteQuery(table: table, bestOnly: bestOnly)
        return PeerRoute.ordered(try await self.withClient { try await $0.routes(query) }.map { PeerRoute($0) })
    }

    /// What `bgpctl` prints and returns for `arguments`.
    public func bgpctl(_ arguments: String...) throws -> Command.Result {
        try Command.run(try Self.binary("bgpctl"), ["--socket", self.socketPath] + arguments)
    }
}
