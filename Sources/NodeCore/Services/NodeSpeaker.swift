internal import ControlAPI
internal import Logging
internal import ServiceLifecycle
internal import Speaker

/// The speaker of a node: starts with the first configuration that checks, then reloads.
actor NodeSpeaker {
    private let path: String
    private let reader: ConfigurationReader
    private let options: Speaker.Options
    private let router: LogRouter
    private let logger: Logger
    private(set) var runtime: SpeakerRuntime?
    private var isStopped = false
    private var shutdownRequest: (@Sendable () -> Void)?

    init(
        path: String,
        reader: ConfigurationReader,
        options: Speaker.Options,
        router: LogRouter,
        logger: Logger
    ) {
        self.path = path
        self.reader = reader
        self.options = options
        self.router = router
        self.logger = logger
    }

    /// Starts the speaker if it does not run, else reloads it.
    ///
    /// Throws `ConfigurationRefused` for a file with errors.
    func apply() async throws {
        guard !self.isStopped else { return }
        if let runtime {
            let result = await runtime.reload()
            guard result.outcome != .rejected else {
                throw ConfigurationRefused(errors: result.diagnostics.map(\.description))
            }
            guard result.outcome != .failed else { throw ConfigurationRefused(errors: [result.message]) }
            return
        }
        let configuration = self.reader.read(self.path)
        guard let settings = configuration.settings else {
            throw ConfigurationRefused(errors: configuration.diagnostics.map(\.control.description))
        }
        let runtime = try SpeakerRuntime(
            settings: settings,
            path: self.path,
            reader: self.reader,
            options: self.options,
            router: self.router,
            logger: self.logger
        )
        if let request = self.shutdownRequest { await runtime.onShutdown(request) }
        // Set before the start, which suspends: a second call must reload and not start another one.
        self.runtime = runtime
        do {
            try await runtime.speaker.start()
        } catch {
            self.runtime = nil
            await runtime.speaker.stop(.restart)
            throw error
        }
    }

    /// The running speaker, for control requests.
    func required() throws(ControlError) -> SpeakerRuntime {
        guard let runtime else { throw ControlError(.unavailable, "the speaker has no configuration yet") }
        return runtime
    }

    func onShutdown(_ request: @escaping @Sendable () -> Void) async {
        self.shutdownRequest = request
        await self.runtime?.onShutdown(request)
    }

    func stop() async {
        self.isStopped = true
        guard let runtime else { return }
        await runtime.speaker.stop(await runtime.isFinal ? .final : .restart)
    }
}

/// A configuration file has errors.
struct ConfigurationRefused: Error, CustomStringConvertible {
    var errors: [String]

    var description: String {
        self.errors.isEmpty ? "the configuration was refused" : self.errors.joined(separator: "; ")
    }
}

/// Keeps the node's speaker for the life of the process.
struct NodeSpeakerRole: Service {
    let speaker: NodeSpeaker
    let logger: Logger

    func run() async throws {
        // What an earlier run rendered is good until confd says otherwise: peers need not wait for the datastore.
        do {
            try await self.speaker.apply()
        } catch {
            self.logger.info("Waiting for the first configuration", metadata: ["reason": "\(error)"])
        }
        try? await gracefulShutdown()
        await self.speaker.stop()
    }
}
