// swift-tools-version: 6.3
import PackageDescription

/// Targets without I/O: they import neither NIO nor Foundation, and memory safety is checked strictly.
let pure: [Target] = [
    .target(name: "IPAddressing"),
    .target(name: "BGPWire", dependencies: ["IPAddressing"]),
    .target(name: "BGPSession", dependencies: ["BGPWire", "IPAddressing"]),
    .target(name: "RouteModel", dependencies: ["BGPWire", "IPAddressing"]),
    .target(name: "Policy", dependencies: ["RouteModel", "BGPWire", "IPAddressing"]),
    .target(name: "Routing", dependencies: ["RouteModel", "BGPWire", "IPAddressing"]),
    .target(name: "SpeakerSettings", dependencies: ["Policy", "RouteModel", "BGPWire", "IPAddressing"]),
    .target(
        name: "ConfigLanguage",
        dependencies: ["SpeakerSettings", "Policy", "RouteModel", "BGPWire", "IPAddressing"]
    ),
    .target(name: "Resources", dependencies: ["IPAddressing"]),
    .target(name: "DeltaSync"),
]

for target in pure {
    target.swiftSettings = [.strictMemorySafety()]
}

/// The C libraries, one module each.
let system: [Target] = [
    .systemLibrary(name: "CNetlinkRoute", pkgConfig: "libnl-route-3.0", providers: [.apt(["libnl-route-3-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CLinux"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let runtime: [Target] = [
    .target(name: "Netlink", dependencies: ["CNetlinkRoute", "CLinux", "IPAddressing"]),
    .target(
        name: "Speaker",
        dependencies: [
            "BGPSession", "Routing", "SpeakerSettings", "Policy", "RouteModel", "BGPWire", "IPAddressing", "Netlink",
            "CLinux", nioCore, nioPosix, logging,
        ]
    ),
    .target(
        name: "Datastore",
        dependencies: ["Resources", "IPAddressing", "CLinux", "Yams", logging]
    ),
    .target(
        name: "Felix",
        dependencies: ["Datastore", "Resources", "DeltaSync", "Netlink", "CLinux", "IPAddressing", logging]
    ),
    .target(
        name: "Confd",
        dependencies: ["Datastore", "Resources", "IPAddressing", "CCrypto", "CLinux", "Stencil", "TOMLKit", logging]
    ),
    .target(
        name: "ControlAPI",
        dependencies: [
            "IPAddressing", nioCore, .product(name: "AsyncHTTPClient", package: "async-http-client"),
        ]
    ),
    .target(
        name: "ControlServer",
        dependencies: [
            "ControlAPI", "IPAddressing", nioCore, logging, .product(name: "Hummingbird", package: "hummingbird"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        ]
    ),
    .target(
        name: "NodeCore",
        dependencies: [
            "Speaker", "ConfigLanguage", "SpeakerSettings", "Policy", "Routing", "RouteModel", "BGPSession", "BGPWire",
            "Felix", "Confd", "Datastore", "Resources", "ControlAPI", "ControlServer", "Netlink", "DeltaSync", "CLinux",
            "IPAddressing", nioCore, nioPosix, logging, argumentParser,
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        ]
    ),
    .target(name: "BGPCtlCommands", dependencies: ["ControlAPI", "IPAddressing", argumentParser]),
    .executableTarget(name: "martlet", dependencies: ["NodeCore"]),
    .executableTarget(name: "bgpctl", dependencies: ["BGPCtlCommands"]),
]

let package = Package(
    name: "Martlet",
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .executable(name: "bgpctl", targets: ["bgpctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/stencilproject/Stencil", from: "0.15.1"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: pure + system + runtime,
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
