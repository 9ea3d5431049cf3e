public import ArgumentParser
internal import ConfigLanguage
internal import ControlAPI
internal import ControlServer
internal import Logging
internal import ServiceLifecycle
internal import Speaker
internal import UnixSignals

/// `martlet speaker`: the BGP speaker alone, for route reflectors and route servers.
public struct SpeakerCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "speaker",
        abstract: "Run the BGP speaker with a configuration in the BIRD 2 language.",
        discussion: "SIGHUP reloads the configuration. SIGTERM ends the process and leaves forwarding as it is."
    )

    @Option(name: .shortAndLong, help: "The configuration file.")
    var config: String = "/etc/martlet/speaker.conf"

    @Option(help: DialectOption.help)
    var dialect: DialectOption = .bird2

    @OptionGroup
    var control: ControlOptions

    @OptionGroup
    var logging: LoggingOptions

    /// Creates the command.
    public init() {}

    /// Runs until SIGTERM, SIGINT or a final shutdown.
    public func run() async throws {
        let router = LogRouter()
        let logger = self.logging.logger("martlet", router)
        let configuration = SpeakerConfiguration(path: self.config, dialect: self.dialect.dialect)
        for diagnostic in configuration.diagnostics { writeError("\(diagnostic)") }
        guard let settings = configuration.settings else { throw ExitCode.failure }
        let runtime = try SpeakerRuntime(
            settings: settings,
            path: self.config,
            dialect: self.dialect.dialect,
            options: Speaker.Options(restartMarker: self.control.restartMarker),
            router: router,
            logger: logger
        )
        let speaker = SpeakerService(runtime: runtime)
        let server = ControlServer(
            socketPath: self.control.controlSocket,
            backend: SpeakerBackend { runtime },
            group: self.control.controlGroup,
            logger: logger
        )
        let reload = ReloadSignalService { _ = await runtime.reload() }
        try await runServices([speaker, reload, server], logger: logger) { request in await runtime.onShutdown(request)
        }
    }
}

/// The language of a configuration by name on the command line.
enum DialectOption: String, CaseIterable, ExpressibleByArgument {
    case bird2
    case bird1IPv4 = "bird1-v4"
    case bird1IPv6 = "bird1-v6"

    static let help: ArgumentHelp =
        "The file's language: bird2, or that of BIRD 1.6's IPv4 or IPv6 daemon: bird1-v4, bird1-v6."

    /// The parser's word for it.
    var dialect: Dialect {
        switch self {
        case .bird2: .bird2
        case .bird1IPv4: .bird1IPv4
        case .bird1IPv6: .bird1IPv6
        }
    }
}

/// Where the control interface is.
struct ControlOptions: ParsableArguments {
    @Option(help: "Path of the control socket.")
    var controlSocket: String = ControlClient.defaultSocketPath

    @Option(help: "Numeric id of a group that may use the control socket beside root and the daemon's own user.")
    var controlGroup: UInt32?

    /// Where a run leaves its mark for the next one: beside the socket.
    var restartMarker: String {
        let path = self.controlSocket
        return (path.hasSuffix(".sock") ? String(path.dropLast(5)) : path) + ".restart"
    }
}

/// How much is logged.
struct LoggingOptions: ParsableArguments {
    @Option(help: "Least severe level to log: trace, debug, info, notice, warning, error, critical.")
    var logLevel: LogLevel = .info

    /// A logger that writes through `router`.
    func logger(_ label: String, _ router: LogRouter) -> Logger {
        let level = self.logLevel.level
        return Logger(label: label) { RouterLogHandler(label: $0, router: router, level: level) }
    }
}

/// Log levels by name on the command line.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical

    /// The logger's word for it.
    var level: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        case .critical: .critical
        }
    }
}

/// Runs services until a signal ends them, or the request that `onShutdown` is given is made.
func runServices(
    _ services: [any Service],
    logger: Logger,
    onShutdown: (_ request: @escaping @Sendable () -> Void) async -> Void = { _ in }
) async throws {
    var quiet = logger
    quiet.logLevel = max(quiet.logLevel, .warning)
    let group = ServiceGroup(
        configuration: .init(
            services: (services + [StartupPagesService()]).map { .init(service: $0) },
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: quiet
        )
    )
    await onShutdown { Task { await group.triggerGracefulShutdown() } }
    try await group.run()
}
