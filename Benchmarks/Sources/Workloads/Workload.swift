/// Something to measure.
public struct Workload: Sendable {
    /// Name, also of its threshold files: letters, digits and underscores.
    public let name: String
    /// Builds what one measurement needs, and returns what is measured.
    public let prepare: @Sendable () -> () -> Void

    init(_ name: String, _ prepare: @escaping @Sendable () -> () -> Void) {
        self.name = name
        self.prepare = prepare
    }

    /// Small ones, whose counters are exact.
    public static let small: [Workload] = wire + filters + table(destinations: 10_000, prefix: "")

    /// A table of a million prefixes, for times: caches do not hold it.
    public static let large: [Workload] = table(destinations: 1_000_000, prefix: "full_")
}
