// swift-tools-version: 6.3
import PackageDescription

/// A benchmark is an executable in a folder below `Benchmarks`; the plugin finds it by that.
func benchmark(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["Workloads", .product(name: "Benchmark", package: "benchmark")] + dependencies,
        path: "Benchmarks/\(name)",
        plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
    )
}

// A package of its own: users of the root never resolve what only measuring needs.
let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "Martlet", path: ".."),
        // Without its interposers: allocations and references are counted by `CCounters`.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .target(name: "CCounters"),
        .target(
            name: "Workloads",
            dependencies: [
                "Routing", "RouteModel", "Policy", "ConfigLanguage", "SpeakerSettings", "BGPWire", "IPAddressing",
            ]
            .map { .product(name: $0, package: "Martlet") }
        ),
        benchmark("Times"),
        benchmark("Counters", ["CCounters"]),
        .executableTarget(
            name: "FilterBenchmark",
            dependencies: ["ConfigLanguage", "Policy", "SpeakerSettings", "RouteModel", "BGPWire", "IPAddressing"]
                .map { .product(name: $0, package: "Martlet") }
        ),
    ],
    swiftLanguageModes: [.v6]
)
