/// Settings of the confd cycle.
public struct ConfdSettings: Sendable {
    /// Name of the node that is rendered for.
    public var nodeName: String
    /// What the plan takes from the environment.
    public var environment: PlanEnvironment
    /// Where templates come from.
    public var templates: TemplateSource
    /// Directory below which relative destinations lie.
    public var outputDirectory: String
    /// Replaces the `prefix` of every template resource when not nil.
    public var prefix: String?
    /// Only says what would change.
    public var isDryRun: Bool
    /// Replaces files but neither checks nor reloads.
    public var syncsOnly: Bool
    /// Leaves staged files in place, for a look at what was checked.
    public var keepsStage: Bool
    /// Time limit of each check and reload command.
    public var commandTimeout: Duration
    /// When cycles run.
    public var schedule: CycleSchedule.Settings
    /// Directory in whose `endpoint-status` felix says which workloads are BGP neighbours; nil leaves it to the resources.
    public var endpointStatusPrefix: String?

    /// Keys besides those of the datastore.
    public var keySources: KeySources
    /// How often a cycle runs though nothing changed, so that files which others changed are repaired; nil is never.
    public var interval: Duration?
    /// Whether changes of the resources bring a cycle; else only the interval and orders do.
    public var watches: Bool

    /// Finds SRV records for templates; nil where nothing can.
    public var serviceLookup: ServiceLookup?
    /// File that gets metrics after each cycle, as text for Prometheus; nil is none.
    public var metricsFile: String?

    /// Finds the SRV records of a name, or throws.
    public typealias ServiceLookup = @Sendable (_ name: String) throws -> [ServiceRecord]

    /// Environment variable for `endpointStatusPrefix`.
    public static let endpointStatusVariable = "CALICO_ENDPOINT_STATUS_PATH_PREFIX"

    /// Creates settings with defaults.
    public init(nodeName: String, outputDirectory: String = "/run/martlet/config") {
        self.nodeName = nodeName
        self.environment = PlanEnvironment()
        self.templates = TemplateSource()
        self.outputDirectory = outputDirectory
        self.isDryRun = false
        self.syncsOnly = false
        self.keepsStage = false
        self.commandTimeout = .seconds(30)
        self.schedule = CycleSchedule.Settings()
        self.keySources = KeySources()
        self.watches = true
    }
}

/// One SRV record, as templates see it.
public struct ServiceRecord: Hashable, Sendable {
    /// Name of the host.
    public var target: String
    /// Its port.
    public var port: UInt16
    /// Hosts of the lowest are asked first.
    public var priority: UInt16
    /// Share among those of one priority.
    public var weight: UInt16

    /// Creates a record.
    public init(target: String, port: UInt16, priority: UInt16 = 0, weight: UInt16 = 0) {
        self.target = target
        self.port = port
        self.priority = priority
        self.weight = weight
    }
}

/// What the process itself does for `check_cmd = "@name"` and `reload_cmd = "@name"`.
public struct ConfdHooks: Sendable {
    /// Checks by name: given the path of the staged file, throw to refuse it.
    ///
    /// The error's text is shown.
    public var checks: [String: @Sendable (_ stagedFile: String) async throws -> Void]
    /// Reloads by name: given the path of the file in place, throw when it could not be taken over.
    public var reloads: [String: @Sendable (_ file: String) async throws -> Void]

    /// Creates hooks.
    public init(
        checks: [String: @Sendable (_ stagedFile: String) async throws -> Void] = [:],
        reloads: [String: @Sendable (_ file: String) async throws -> Void] = [:]
    ) {
        self.checks = checks
        self.reloads = reloads
    }
}

/// What one cycle did, or with a dry run would do.
public struct CycleReport: Hashable, Sendable {
    /// Files, by full path.
    public var created: [String] = []
    /// Files whose content, mode or owner differ.
    public var modified: [String] = []
    /// Files of sessions that are gone.
    public var deleted: [String] = []
    /// Reloads that ran.
    public var reloads: [String] = []
    /// Files that were rendered; the others were known from earlier cycles.
    public var renderedCount = 0
    /// What the plan left out.
    public var diagnostics: [PlanDiagnostic] = []

    /// Whether no file differs.
    public var isUnchanged: Bool { self.created.isEmpty && self.modified.isEmpty && self.deleted.isEmpty }

    /// Creates an empty report.
    public init() {}
}
