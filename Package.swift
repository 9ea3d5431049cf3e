// swift-tools-version: 6.3
import PackageDescription

/// Targets without I/O: they import neither NIO nor Foundation, and memory safety is checked strictly.
let pure: [Target] = [
    .target(name: "IPAddressing"),
    .target(name: "BGPWire", dependencies: ["IPAddressing"]),
    .target(name: "RouteModel", dependencies: ["BGPWire", "IPAddressing"]),
    .target(name: "Policy", dependencies: ["RouteModel", "BGPWire", "IPAddressing"]),
    .target(name: "Resources", dependencies: ["IPAddressing"]),
    .target(name: "SpeakerSettings", dependencies: ["Policy", "RouteModel", "BGPWire", "IPAddressing"]),
]

for target in pure {
    target.swiftSettings = [.strictMemorySafety()]
}

let package = Package(
    name: "Martlet",
    targets: pure,
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            .enableUpcomingFeature("InferIsolatedConformances"),
            .enableUpcomingFeature("ImmutableWeakCaptures"),
            .enableExperimentalFeature("Lifetimes"),
            .treatAllWarnings(as: .error),
        ]
}
