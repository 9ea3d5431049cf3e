/// How a template resource has fared since the program started.
public struct ResourceStatistics: Hashable, Sendable {
    /// Files rendered.
    public var renderedCount = 0
    /// Files created, replaced and removed.
    public var changedCount = 0
    /// Reloads that ran.
    public var reloadCount = 0
    /// Cycles in which it failed.
    public var failureCount = 0
    /// When its files were last what they should be, in seconds of the epoch; nil is never.
    public var lastSuccess: Int64?
    /// What went wrong last; it stays when the resource is well again.
    public var lastError: String?
    /// When that was, in seconds of the epoch.
    public var lastErrorTime: Int64?
    /// Whether the last cycle failed for it.
    public var isFailing = false

    /// Creates the statistics of a resource nothing was done for.
    public init() {}
}

/// Statistics of all resources, and of cycles.
public struct ConfdStatistics: Hashable, Sendable {
    /// Cycles without and with an error.
    public var goodCycles = 0
    /// Cycles that failed.
    public var failedCycles = 0
    /// By file of the template resource.
    public var resources: [String: ResourceStatistics] = [:]

    /// Creates empty statistics.
    public init() {}

    /// The statistics as Prometheus reads them from a file.
    public var prometheusText: String {
        var text = ""
        func family(_ name: String, _ kind: String, _ help: String, _ samples: [(labels: String, value: String)]) {
            guard !samples.isEmpty else { return }
            text += "# HELP martlet_confd_\(name) \(help)\n# TYPE martlet_confd_\(name) \(kind)\n"
            for sample in samples { text += "martlet_confd_\(name)\(sample.labels) \(sample.value)\n" }
        }
        family(
            "cycles_total",
            "counter",
            "Cycles by result.",
            [("{result=\"good\"}", "\(self.goodCycles)"), ("{result=\"failed\"}", "\(self.failedCycles)")]
        )
        let sorted = self.resources.sorted { $0.key < $1.key }
        func each(
            _ name: String,
            _ kind: String,
            _ help: String,
            _ value: (ResourceStatistics) -> (some BinaryInteger)?
        ) {
            family(
                name,
                kind,
                help,
                sorted.compactMap { file, statistics in
                    value(statistics).map { ("{resource=\"\(Self.escaped(file))\"}", "\($0)") }
                }
            )
        }
        each("resource_rendered_files_total", "counter", "Files rendered.") { $0.renderedCount }
        each("resource_changed_files_total", "counter", "Files created, replaced and removed.") { $0.changedCount }
        each("resource_reloads_total", "counter", "Reloads that ran.") { $0.reloadCount }
        each("resource_failures_total", "counter", "Cycles in which the resource failed.") { $0.failureCount }
        each("resource_failing", "gauge", "Whether the last cycle failed for the resource.") { $0.isFailing ? 1 : 0 }
        each("resource_last_success_timestamp_seconds", "gauge", "When the files were last as they should be.") {
            $0.lastSuccess
        }
        each("resource_last_error_timestamp_seconds", "gauge", "When the resource failed last.") { $0.lastErrorTime }
        family(
            "resource_last_error_info",
            "gauge",
            "What went wrong last.",
            sorted.compactMap { file, statistics in
                statistics.lastError.map {
                    ("{resource=\"\(Self.escaped(file))\",reason=\"\(Self.escaped(String($0.prefix(500))))\"}", "1")
                }
            }
        )
        return text
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
