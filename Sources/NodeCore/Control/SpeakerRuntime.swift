internal import ConfigLanguage
internal import ControlAPI
internal import Logging
internal import Speaker
internal import SpeakerSettings

/// The speaker of this process with its configuration file: what reloads and control requests act on.
actor SpeakerRuntime {
    nonisolated let speaker: Speaker
    nonisolated let configurationPath: String
    private nonisolated let dialect: Dialect
    private nonisolated let reader: ConfigurationReader
    nonisolated let logger: Logger
    private nonisolated let router: LogRouter
    private(set) var lastReload: Status.Reload?
    private var shutdownRequest: (@Sendable () -> Void)?
    private(set) var isFinal = false

    /// What runs.
    private var current: Generation
    /// What ran before the last reload that changed something; undone once.
    private var previous: Generation?
    private var confirmation: Confirmation?
    private var isBusy = false
    private var queue: [CheckedContinuation<Void, Never>] = []

    /// Settings, and whether they were put in place softly.
    private struct Generation {
        var settings: SpeakerSettings
        var isSoft = false
    }

    /// A reload that undoes itself.
    private struct Confirmation {
        var number: UInt64
        /// What to go back to: what was last confirmed.
        var former: Generation
        var deadline: Timestamp
        var task: Task<Void, Never>
    }

    private var nextConfirmation: UInt64 = 0

    init(
        settings: SpeakerSettings,
        path: String,
        dialect: Dialect = .bird2,
        reader: ConfigurationReader = ConfigurationReader(),
        options: Speaker.Options,
        router: LogRouter,
        logger: Logger
    ) throws {
        self.dialect = dialect
        self.reader = reader
        self.speaker = try Speaker(settings: settings, options: options, logger: logger)
        self.configurationPath = path
        self.router = router
        self.logger = logger
        self.current = Generation(settings: settings)
        for failure in router.configure(settings.logs) { logger.error("\(failure)") }
    }

    /// When the last reload is undone unless it is confirmed.
    var revertsAt: Timestamp? { self.confirmation?.deadline }

    // MARK: - Reload

    /// Reads the file again and applies what differs; a file with errors changes nothing.
    ///
    /// A reload ends the wait for the confirmation of an earlier one. With a time limit of its own, what was last
    /// confirmed stays what to go back to; without, it counts as confirmed.
    func reload(_ request: ReloadRequest = ReloadRequest()) async -> ReloadResult {
        await self.enter()
        defer { self.leave() }
        let configuration = self.reader.read(request.file ?? self.configurationPath, dialect: self.dialect)
        let diagnostics = configuration.diagnostics.map(\.control)
        guard let settings = configuration.settings else {
            for diagnostic in configuration.diagnostics { self.logger.error("\(diagnostic)") }
            return self.record(
                ReloadResult(
                    outcome: .rejected,
                    message: "the configuration has errors and was not applied",
                    diagnostics: diagnostics
                ),
                isCheck: request.check
            )
        }
        if request.check {
            let plan = await self.speaker.plan(settings, isSoft: request.soft)
            return ReloadResult(
                outcome: .checked,
                message: plan.isEmpty ? "nothing would change" : "\(plan.summary) would change",
                changes: plan.protocols.map(\.control),
                diagnostics: diagnostics
            )
        }
        let former = self.confirmation?.former ?? self.current
        var result = await self.apply(Generation(settings: settings, isSoft: request.soft))
        result.diagnostics = diagnostics
        guard result.outcome != .failed else { return self.record(result) }
        let isPending = self.confirmation != nil
        self.stopWaiting()
        if let seconds = request.confirmWithinSeconds, result.outcome == .applied || isPending {
            result.revertsAt = self.wait(seconds, for: former)
            result.message += "; undone in \(seconds) s unless confirmed"
        } else if isPending {
            result.message += "; the reload before counts as confirmed"
        }
        return self.record(result)
    }

    /// Keeps what the last reload did.
    func confirmReload() async throws(ControlError) -> ReloadResult {
        await self.enter()
        defer { self.leave() }
        guard self.confirmation != nil else { throw ControlError(.conflict, "no reload waits to be confirmed") }
        self.stopWaiting()
        return self.record(ReloadResult(outcome: .confirmed, message: "the reload is confirmed"))
    }

    /// Goes back to what ran before the last reload, or to what was last confirmed while one waits.
    func undoReload() async throws(ControlError) -> ReloadResult {
        await self.enter()
        defer { self.leave() }
        guard let former = self.confirmation?.former ?? self.previous else {
            throw ControlError(.conflict, "there is no reload to undo")
        }
        return await self.goBack(to: former, "undone")
    }

    private func goBack(to former: Generation, _ how: String) async -> ReloadResult {
        // An undo of a soft reload is soft.
        var result = await self.apply(Generation(settings: former.settings, isSoft: self.current.isSoft))
        if result.outcome != .failed {
            self.stopWaiting()
            self.previous = nil
            result.message = "the reload is \(how): \(result.message)"
        }
        return self.record(result)
    }

    /// Makes settings those that run, or leaves everything as it is.
    private func apply(_ new: Generation) async -> ReloadResult {
        let logs = new.settings.logs != self.current.settings.logs ? self.router.open(new.settings.logs) : nil
        func failure(_ reason: String) -> ReloadResult {
            if let logs { self.router.discard(logs) }
            self.logger.error("Reload failed", metadata: ["reason": "\(reason)"])
            return ReloadResult(outcome: .failed, message: "\(reason); the former configuration runs on unchanged")
        }
        if let reason = logs?.newFailures.first { return failure(reason) }
        let plan: ReloadPlan
        do {
            plan = try await self.speaker.reload(new.settings, isSoft: new.isSoft)
        } catch {
            return failure(error.reason)
        }
        if let logs {
            self.router.use(logs)
            for failure in logs.failures { self.logger.error("\(failure)") }
        }
        if !plan.isEmpty { self.previous = self.current }
        self.current = new
        return ReloadResult(
            outcome: plan.isEmpty ? .unchanged : .applied,
            message: plan.isEmpty ? "nothing changed" : "\(plan.summary) changed",
            changes: plan.protocols.map(\.control)
        )
    }

    private func record(_ result: ReloadResult, isCheck: Bool = false) -> ReloadResult {
        guard !isCheck else { return result }
        self.lastReload = Status.Reload(time: .now, outcome: result.outcome, message: result.message)
        self.logger.info("Reload", metadata: ["outcome": "\(result.outcome)", "message": "\(result.message)"])
        return result
    }

    // MARK: - Confirmation

    private func wait(_ seconds: UInt32, for former: Generation) -> Timestamp {
        self.nextConfirmation += 1
        let number = self.nextConfirmation
        let task = Task { [weak self] in
            guard (try? await Task.sleep(for: .seconds(Int64(seconds)))) != nil else { return }
            await self?.revert(number)
        }
        let deadline = Timestamp(milliseconds: Timestamp.now.milliseconds + Int64(seconds) * 1000)
        self.confirmation = Confirmation(number: number, former: former, deadline: deadline, task: task)
        return deadline
    }

    private func stopWaiting() {
        self.confirmation?.task.cancel()
        self.confirmation = nil
    }

    /// Nobody confirmed in time.
    private func revert(_ number: UInt64) async {
        await self.enter()
        defer { self.leave() }
        guard let confirmation, confirmation.number == number else { return }
        self.logger.warning("The reload was not confirmed; going back to the configuration before it")
        let result = await self.goBack(to: confirmation.former, "undone, because nobody confirmed it")
        // Ports and files may be taken meanwhile; the wait is over all the same, and the log says so.
        if result.outcome == .failed { self.stopWaiting() }
    }

    // MARK: - One at a time

    private func enter() async {
        guard self.isBusy else {
            self.isBusy = true
            return
        }
        await withCheckedContinuation { self.queue.append($0) }
    }

    private func leave() {
        if self.queue.isEmpty { self.isBusy = false } else { self.queue.removeFirst().resume() }
    }

    // MARK: - End

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

extension ReloadPlan {
    /// How much differs, in words.
    fileprivate var summary: String {
        let touched = self.protocols.filter { $0.action != .keep }.count
        var parts = ["\(touched) of \(self.protocols.count) protocols"]
        if !self.addedTables.isEmpty || !self.removedTables.isEmpty { parts.append("tables") }
        if self.logsChanged { parts.append("logs") }
        if self.routerIDChanged { parts.append("router id") }
        return parts.joined(separator: ", ")
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
                reason: changes.map { "\($0)" + (self.waiting.contains($0) ? " (from the next start on)" : "") }
                    .sorted().joined(separator: ", ")
            )
        case .restart(let reasons):
            .init(protocolName: self.name, action: .restarted, reason: reasons.joined(separator: ", "))
        }
    }
}
