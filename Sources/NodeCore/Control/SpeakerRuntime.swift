internal import ConfigLanguage
internal import ControlAPI
internal import Logging
internal import Speaker
internal import SpeakerSettings

/// The speaker of this process with its configuration file: what reloads and control requests act on.
actor SpeakerRuntime {
    nonisolated let speaker: Speaker
    nonisolated let configurationPath: String
    nonisolated let logger: Logger
    private nonisolated let router: LogRouter
    private(set) var lastReload: Status.Reload?
    private var shutdownRequest: (@Sendable () -> Void)?
    private(set) var isFinal = false

    init(settings: SpeakerSettings, path: String, options: Speaker.Options, router: LogRouter, logger: Logger) throws {
        self.speaker = try Speaker(settings: settings, options: options, logger: logger)
        self.configurationPath = path
        self.router = router
        self.logger = logger
        for failure in router.configure(settings.logs) { logger.error("\(failure)") }
    }

    /// Reads the file again and applies what differs; a file with errors changes nothing.
    func reload(file: String? = nil) async -> ReloadResult {
        let configuration = SpeakerConfiguration(path: file ?? self.configurationPath)
        let diagnostics = configuration.diagnostics.map(\.control)
        let result: ReloadResult
        if let settings = configuration.settings {
            let plan = await self.speaker.reload(settings)
            if plan.logsChanged {
                for failure in self.router.configure(settings.logs) { self.logger.error("\(failure)") }
            }
            let changes = plan.protocols.map(\.control)
            let touched = changes.filter { $0.action != .unchanged }.count
            result = ReloadResult(
                outcome: plan.isEmpty ? .unchanged : .applied,
                message: plan.isEmpty ? "nothing changed" : "\(touched) of \(changes.count) protocols changed",
                changes: changes,
                diagnostics: diagnostics
            )
        } else {
            result = ReloadResult(
                outcome: .rejected,
                message: "the configuration has errors and was not applied",
                diagnostics: diagnostics
            )
            for diagnostic in configuration.diagnostics { self.logger.error("\(diagnostic)") }
        }
        self.lastReload = Status.Reload(time: .now, outcome: result.outcome, message: result.message)
        self.logger.info("Reload", metadata: ["outcome": "\(result.outcome)", "message": "\(result.message)"])
        return result
    }

    /// Says how a final shutdown is asked for.
    func onShutdown(_ request: @escaping @Sendable () -> Void) {
        self.shutdownRequest = request
    }

    /// Ends the process for good: withdraws everything.
    func shutDown() {
        self.isFinal = true
        self.shutdownRequest?()
    }
}

extension ProtocolChange {
    /// The change as the control interface shows it.
    var control: ReloadResult.Change {
        switch self.action {
        case .add: .init(protocolName: self.name, action: .added)
        case .remove: .init(protocolName: self.name, action: .removed)
        case .keep: .init(protocolName: self.name, action: .unchanged)
        case .update(let changes):
            .init(
                protocolName: self.name,
                action: .reconfigured,
                reason: changes.map { "\($0)" }.sorted().joined(separator: ", ")
            )
        case .restart(let reasons):
            .init(protocolName: self.name, action: .restarted, reason: reasons.joined(separator: ", "))
        }
    }
}
