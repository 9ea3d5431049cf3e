internal import Glibc
public import Logging
internal import Resources

/// Turns a snapshot of the resources into files in place and a reloaded speaker.
///
/// One cycle: plan, render, compare, stage, check, replace, reload. What fails before the replacing leaves the files in
/// place as they were. Unlike in confd a file that does not exist yet is not installed unchecked: files that include
/// each other are checked together.
public actor ConfdEngine {
    private let settings: ConfdSettings
    private let hooks: ConfdHooks
    private let logger: Logger
    private var planner: IncrementalPlanner
    private var cache: RenderCache
    private var contexts = ContextCache()
    /// By the root of the set, or the path of a file by itself.
    private var ledgers: [String: FileLedger] = [:]
    /// Reloads owed for files that are in place already, with the file each is about.
    private var pendingReloads: [(command: TemplateResource.Command, file: String, resource: String)] = []
    /// How cycles and template resources have fared.
    public private(set) var statistics = ConfdStatistics()
    /// What went wrong for resources in this cycle.
    var faults: [String: String] = [:]
    /// Resources of which this cycle does not tell anything: they wait, or others of their set failed.
    var held: Set<String> = []
    /// When what failed is tried again: ``all``, sets and files by themselves by path, reloads by command.
    var backOffs: BackOffs
    /// How the present cycle was asked for.
    private var turn = Turn(triesAll: true, instant: nil)
    private var lastDiagnostics: [PlanDiagnostic] = []
    /// The shortest `interval` of a template resource, in seconds.
    private(set) var shortestInterval: UInt32?
    nonisolated let start = ContinuousClock.now
    /// The newest plan; nil before the first one.
    public private(set) var lastPlan: BGPPlan?

    /// Stands for whole cycles among what may fail.
    private static let all = ""

    private struct Turn {
        var triesAll: Bool
        var instant: Duration?
    }

    /// The time of the present cycle, since ``start``.
    var now: Duration { self.turn.instant ?? self.start.duration(to: .now) }

    /// Creates an engine.
    public init(settings: ConfdSettings, hooks: ConfdHooks, logger: Logger) {
        self.settings = settings
        var environment = settings.environment
        environment.separatesFamilies = settings.templates.usesEmbedded && settings.templates.target == .bird1
        self.planner = IncrementalPlanner(nodeName: settings.nodeName, environment: environment)
        self.cache = RenderCache(settings.serviceLookup)
        self.hooks = hooks
        self.logger = logger
        self.backOffs = BackOffs(first: settings.schedule.firstBackOff, longest: settings.schedule.longestBackOff)
    }

    /// Runs one cycle in which all is tried that is not as it should be.
    ///
    /// - Throws: `PlanError` or `ConfdError`; reloads that are owed run at the next cycle.
    @discardableResult
    public func cycle(_ snapshot: ResourceSnapshot) async throws -> CycleReport {
        let outcome = await self.attempt(snapshot, triesAll: true)
        if outcome.errors.count > 1 {
            throw ConfdError.several(outcome.errors.compactMap { $0 as? ConfdError })
        }
        if let error = outcome.errors.first { throw error }
        return outcome.report
    }

    /// Runs one cycle in which what failed before is tried only if its time has come or it is not the same any more.
    ///
    /// - Returns: what was done, and what failed this time.
    func attempt(
        _ snapshot: ResourceSnapshot,
        triesAll: Bool = false,
        at instant: Duration? = nil
    ) async -> (report: CycleReport, errors: [any Error]) {
        self.faults = [:]
        self.held = []
        self.turn = Turn(triesAll: triesAll, instant: instant)
        var report = CycleReport()
        var errors: [any Error]
        do {
            errors = try await self.perform(snapshot, report: &report)
            self.backOffs.succeeded(Self.all)
            self.settle(isGood: errors.isEmpty, isPlanned: true)
        } catch {
            self.backOffs.failed(Self.all, at: self.now, reason: "\(error)")
            errors = [error]
            self.settle(isGood: false, isPlanned: false)
        }
        self.writeMetrics()
        return (report, errors)
    }

    /// When something that failed is to be tried again, since ``start``; nil when nothing failed.
    var nextRetry: Duration? { self.backOffs.next }

    /// Why files or the speaker are not as they should be; nil when they are.
    var pendingReason: String? { self.backOffs.reasons }

    /// Counts what the cycle came to.
    private func settle(isGood: Bool, isPlanned: Bool) {
        let now = FileTree.now / 1_000_000_000
        if isGood { self.statistics.goodCycles += 1 } else { self.statistics.failedCycles += 1 }
        for (file, count) in self.cache.rendered { self.statistics.resources[file]?.renderedCount += count }
        for file in self.statistics.resources.keys {
            if let fault = self.faults[file] {
                self.statistics.resources[file]?.failureCount += 1
                self.statistics.resources[file]?.lastError = fault
                self.statistics.resources[file]?.lastErrorTime = now
                self.statistics.resources[file]?.isFailing = true
            } else if isPlanned, !self.held.contains(file) {
                self.statistics.resources[file]?.lastSuccess = now
                self.statistics.resources[file]?.isFailing = false
            }
        }
    }

    private func writeMetrics() {
        guard let path = self.settings.metricsFile, !self.settings.isDryRun else { return }
        let staged = path + ".stage"
        do {
            try FileTree.remove(staged)
            try FileTree.create(
                staged,
                content: Array(self.statistics.prometheusText.utf8),
                mode: 0o644,
                userID: geteuid(),
                groupID: getegid()
            )
            try FileTree.replace(path, with: staged)
        } catch {
            self.logger.warning("Metrics are not written", metadata: ["reason": "\(error)"])
        }
    }

    private func perform(_ snapshot: ResourceSnapshot, report: inout CycleReport) async throws -> [any Error] {
        var snapshot = snapshot
        snapshot.workloadPeers += WorkloadPeer.read(
            prefix: self.settings.endpointStatusPrefix ?? snapshot.endpointStatusPrefix(of: self.settings.nodeName)
        )
        let plan = try self.planner.plan(snapshot)
        self.lastPlan = plan
        self.log(plan.diagnostics)
        let bundle = try self.settings.templates.load()
        var resources = try bundle.resources()
        if let prefix = self.settings.prefix {
            for index in resources.indices { resources[index].prefix = prefix }
        }
        if !self.settings.isDryRun, !self.settings.syncsOnly { try self.checkHooks(of: resources) }
        self.shortestInterval = resources.compactMap(\.interval).min()
        let known = self.statistics.resources
        self.statistics.resources = [:]
        for resource in resources { self.statistics.resources[resource.file] = known[resource.file] ?? .init() }
        // Flattening a large cluster costs more than planning one node of it.
        let needsKeys = resources.contains { !$0.keys.isEmpty }
        let view =
            needsKeys
            ? KeyValueView(snapshot).adding(plan, peers: snapshot.peers).adding(try self.settings.keySources.values())
            : KeyValueView(values: [:])
        let rendered = self.cache.render(
            resources,
            bundle: bundle,
            context: self.contexts.context(of: plan),
            view: view,
            nodeName: self.settings.nodeName,
            at: self.start.duration(to: .now),
            isDue: { self.isDue(self.place(of: $0)) }
        )
        report.renderedCount = self.cache.renderedCount
        report.diagnostics = plan.diagnostics
        var errors = self.noteUnrendered(resources)
        let sets = self.sets(of: rendered)
        self.backOffs.keep(
            Set(
                resources.map { self.place(of: $0) } + sets.map { self.place(of: $0.set) }
                    + self.pendingReloads.map { Self.place(of: $0.command) }
                    + [Self.all]
            )
        )
        // What fails again and again comes last, so that it holds up nothing else.
        let failing = Set(sets.map { self.place(of: $0.set) }.filter(self.backOffs.isFailing))
        for isFailing in failing.isEmpty ? [false] : [false, true] {
            for (set, members) in sets where failing.contains(self.place(of: set)) == isFailing {
                errors += await self.tryApplying(set, members: members, report: &report)
            }
            errors += await self.runReloads(&report)
        }
        return errors
    }

    /// Whether something may be tried in this cycle.
    func isDue(_ place: String, fingerprint: @autoclosure () -> Int? = nil) -> Bool {
        self.turn.triesAll || self.backOffs.isDue(place, at: self.now, fingerprint: fingerprint())
    }

    /// Notes the resources that could not be rendered.
    ///
    /// - Returns: the errors that are not known from earlier cycles already.
    private func noteUnrendered(_ resources: [TemplateResource]) -> [any Error] {
        var errors: [any Error] = []
        for resource in resources {
            guard let error = self.cache.failed[resource.file] else { continue }
            let place = self.place(of: resource)
            if resource.isInSet { self.held.formUnion(resources.filter(\.isInSet).map(\.file)) }
            guard self.isDue(place) || self.backOffs.reason(place) != "\(error)" else {
                self.held.insert(resource.file)
                continue
            }
            self.backOffs.failed(place, at: self.now, reason: "\(error)")
            self.faults[resource.file] = "\(error)"
            errors.append(error)
        }
        return errors
    }

    /// Puts a set in place, unless it failed and waits.
    private func tryApplying(
        _ set: FileSet,
        members: [TemplateResource],
        report: inout CycleReport
    ) async -> [any Error] {
        let place = self.place(of: set)
        guard self.isDue(place, fingerprint: set.files.hashValue) else {
            self.held.formUnion(members.map(\.file))
            return []
        }
        do {
            try await self.apply(set, resources: members, report: &report)
            self.backOffs.succeeded(place)
            for resource in members { self.backOffs.succeeded(self.place(of: resource)) }
            return []
        } catch {
            // A check is one resource's; what else goes wrong is so for the whole set.
            var files = members.map(\.file)
            self.held.formUnion(files)
            if case .checkFailed(let file, _)? = error as? ConfdError { files = [file] }
            for file in files { self.faults[file] = "\(error)" }
            self.backOffs.failed(place, at: self.now, reason: "\(error)", fingerprint: set.files.hashValue)
            return [error]
        }
    }

    /// What stands for the rendering of a resource among what may fail; that of a set is one thing.
    private func place(of resource: TemplateResource) -> String {
        "template " + (resource.isInSet ? self.settings.outputDirectory : resource.file)
    }

    /// What stands for a set among what may fail.
    private func place(of set: FileSet) -> String { set.root ?? set.files.first?.destination ?? "" }

    /// What stands for a reload among what may fail.
    private static func place(of command: TemplateResource.Command) -> String { "reload \(command)" }

    /// Says each diagnostic once, when it is new.
    private func log(_ diagnostics: [PlanDiagnostic]) {
        for diagnostic in diagnostics where !self.lastDiagnostics.contains(diagnostic) {
            let resource = diagnostic.resource?.description ?? "environment"
            self.logger.warning("\(diagnostic.reason)", metadata: ["resource": "\(resource)"])
        }
        self.lastDiagnostics = diagnostics
    }

    private func checkHooks(of resources: [TemplateResource]) throws(ConfdError) {
        for resource in resources {
            if case .builtIn(let name) = resource.check, self.hooks.checks[name] == nil {
                throw .manifest(
                    file: resource.file,
                    line: nil,
                    reason: "template.check_cmd: there is no check @\(name)"
                )
            }
            if case .builtIn(let name) = resource.reload, self.hooks.reloads[name] == nil {
                throw .manifest(
                    file: resource.file,
                    line: nil,
                    reason: "template.reload_cmd: there is no reload @\(name)"
                )
            }
        }
    }

    /// Relative destinations form one set, each absolute one is a set by itself.
    private func sets(
        of rendered: [(resource: TemplateResource, files: [RenderedFile])]
    ) -> [(set: FileSet, resources: [TemplateResource])] {
        var common = FileSet(root: self.settings.outputDirectory, files: [])
        var members: [TemplateResource] = []
        var sets: [(set: FileSet, resources: [TemplateResource])] = []
        for (resource, files) in rendered {
            guard resource.isInSet else {
                sets += files.map { (FileSet(root: nil, files: [$0]), [resource]) }
                continue
            }
            common.files += files
            members.append(resource)
            if resource.each != nil { common.patterns.append(resource.pattern) }
        }
        if !members.isEmpty { sets.insert((common, members), at: 0) }
        return sets
    }

    private func apply(
        _ set: FileSet,
        resources: [TemplateResource],
        report: inout CycleReport
    ) async throws {
        let name = self.place(of: set)
        // Out of the dictionary while it changes, or it would be copied.
        var ledger = self.ledgers.removeValue(forKey: name) ?? FileLedger()
        defer { self.ledgers[name] = ledger }
        let changes = try set.changes(&ledger)
        if ledger.count > set.files.count { ledger.keep(Set(set.files.map { set.path(of: $0.destination) })) }
        let changed = Set(changes.map(\.destination))
        let changedFiles = changed.isEmpty ? [] : set.files.filter { changed.contains($0.destination) }
        let owners = Dictionary(changedFiles.map { ($0.destination, $0.resource) }) { first, _ in first }
        guard !changes.isEmpty else { return }
        guard !self.settings.isDryRun else { return report.note(changes, of: set) }
        do {
            try set.stage(changes, linksOthers: !self.settings.syncsOnly, &ledger)
            if !self.settings.syncsOnly { try await self.check(set, resources: resources, changes: changes) }
            try set.swap(changes)
        } catch {
            // Someone may have been in the stage: the next cycle makes it anew.
            ledger.staged = nil
            if !self.settings.keepsStage { try? set.clean(&ledger) }
            throw error
        }
        report.note(changes, of: set)
        if !self.settings.keepsStage { try set.clean(&ledger) }
        for change in changes {
            guard let owner = owners[change.destination] ?? resources.first(where: { $0.each != nil })?.file else {
                continue
            }
            self.statistics.resources[owner]?.changedCount += 1
        }
        guard !self.settings.syncsOnly else { return }
        for resource in resources {
            guard let command = resource.reload else { continue }
            // Other files may be what it takes.
            self.backOffs.expedite(Self.place(of: command), at: self.now)
            guard !self.pendingReloads.contains(where: { $0.command == command }) else { continue }
            let file = set.files.first { $0.resource == resource.file }?.destination ?? resource.destination
            self.pendingReloads.append((command, set.path(of: file), resource.file))
        }
    }

    /// Runs the check of every resource of the set; of a repeated resource, on its changed files.
    private func check(_ set: FileSet, resources: [TemplateResource], changes: [FileSet.Change]) async throws {
        let changed = Set(changes.map(\.destination))
        for resource in resources {
            guard let check = resource.check else { continue }
            for file in set.files where file.resource == resource.file {
                if resource.each != nil, !changed.contains(file.destination) { continue }
                let path = set.stagedPath(of: file.destination)
                if let reason = await self.refusal(check, of: path) {
                    throw ConfdError.checkFailed(resource: resource.file, reason: reason)
                }
            }
        }
    }

    private func refusal(_ check: TemplateResource.Command, of path: String) async -> String? {
        switch check {
        case .builtIn(let name):
            guard let hook = self.hooks.checks[name] else { return "there is no check @\(name)" }
            do {
                try await hook(path)
                return nil
            } catch {
                return "\(error)"
            }
        case .shell(let text):
            return await self.run(text, source: path)
        }
    }

    /// Runs what is owed; a reload that fails stays owed.
    private func runReloads(_ report: inout CycleReport) async -> [any Error] {
        var errors: [any Error] = []
        var failed: [(command: TemplateResource.Command, file: String, resource: String)] = []
        let owed = self.pendingReloads
        self.pendingReloads = []
        for (command, file, resource) in owed {
            let place = Self.place(of: command)
            // With all to be tried, one that failed in this cycle already is not.
            guard self.isDue(place), self.faults[resource] == nil || self.backOffs.reason(place) == nil else {
                self.held.insert(resource)
                failed.append((command, file, resource))
                continue
            }
            var reason: String?
            switch command {
            case .builtIn(let name):
                do {
                    try await self.hooks.reloads[name]?(file)
                } catch {
                    reason = "\(error)"
                }
            case .shell(let text): reason = await self.run(text, source: file)
            }
            if let reason {
                failed.append((command, file, resource))
                self.faults[resource] = reason
                let error = ConfdError.reloadFailed(command: command.description, reason: reason)
                self.backOffs.failed(place, at: self.now, reason: "\(error)")
                errors.append(error)
            } else {
                self.backOffs.succeeded(place)
                self.statistics.resources[resource]?.reloadCount += 1
                report.reloads.append(command.description)
            }
        }
        self.pendingReloads = failed + self.pendingReloads
        return errors
    }

    /// Runs a shell command; nil when it ended well.
    private func run(_ text: String, source: String) async -> String? {
        guard source.utf8.allSatisfy(Self.isPlainInShell) else { return "\(source): not a plain path for a command" }
        var command = text
        for placeholder in ["{{src}}", "{{.src}}", "{{ src }}", "{{ .src }}"] {
            command.replace(placeholder, with: source)
        }
        let outcome = await CommandRunner.run(command, timeout: self.settings.commandTimeout)
        guard let failure = outcome.failure else { return nil }
        let lines = outcome.output.split(whereSeparator: \.isNewline).prefix(20)
        return ([failure] + lines.map(String.init)).joined(separator: "\n  ")
    }

    private static func isPlainInShell(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_./+-@:,=".utf8.contains(octet)
        }
    }
}

extension CycleReport {
    /// Notes what is, or would be, done to a set.
    fileprivate mutating func note(_ changes: [FileSet.Change], of set: FileSet) {
        for change in changes {
            let path = set.path(of: change.destination)
            switch change.kind {
            case .create: self.created.append(path)
            case .modify: self.modified.append(path)
            case .delete: self.deleted.append(path)
            }
        }
    }
}

extension TemplateResource {
    /// What the names of a repeated resource's files look like.
    var pattern: FileSet.Pattern {
        let slash = self.destination.lastIndex(of: "/")
        let name = slash.map { self.destination[self.destination.index(after: $0)...] } ?? self.destination[...]
        let parts = name.split(separator: "{{name}}", omittingEmptySubsequences: false)
        return FileSet.Pattern(
            directory: slash.map { String(self.destination[..<$0]) } ?? "",
            prefix: String(parts.first ?? ""),
            suffix: String(parts.count > 1 ? parts[1] : "")
        )
    }
}
