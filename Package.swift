// swift-tools-version: 6.3
import PackageDescription

/// Targets without I/O: they import neither NIO nor Foundation, and memory safety is checked strictly.
let pure: [Target] = [
    .target(name: "IPAddressing"),
    .target(name: "BGPWire", dependencies: ["IPAddressing"]),
    .target(name: "MRTFormat", dependencies: ["BGPWire", "IPAddressing"]),
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
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let runtime: [Target] = [
    .target(name: "Netlink", dependencies: ["CNetlinkRoute", "CLinux", "IPAddressing"]),
    .target(
        name: "Speaker",
        dependencies: [
            "BGPSession", "Routing", "SpeakerSettings", "Policy", "RouteModel", "BGPWire", "IPAddressing", "Netlink",
            "CLinux", nioCore, nioPosix, logging,
        ]
    ),
    .target(name: "Datastore", dependencies: ["Resources", "IPAddressing", "Yams"]),
    .target(
        name: "EtcdDatastore",
        dependencies: [
            "Datastore", "Resources", "IPAddressing", nioCore, nioHTTP1, logging,
            .product(name: "AsyncHTTPClient", package: "async-http-client"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
        ]
    ),
    .target(
        name: "Felix",
        dependencies: ["Resources", "DeltaSync", "Netlink", "CLinux", "IPAddressing", "Datastore", logging]
    ),
    .target(
        name: "Confd",
        dependencies: ["Resources", "IPAddressing", "CCrypto", "Stencil", logging]
    ),
    .target(
        name: "ControlAPI",
        dependencies: [
            "IPAddressing", nioCore, nioHTTP1, .product(name: "AsyncHTTPClient", package: "async-http-client"),
        ]
    ),
    .target(
        name: "ControlServer",
        dependencies: [
            "ControlAPI", "IPAddressing", nioCore, nioPosix, logging, serviceLifecycle,
            .product(name: "Hummingbird", package: "hummingbird"),
            .product(name: "HummingbirdCore", package: "hummingbird"),
        ]
    ),
    .target(
        name: "NodeCore",
        dependencies: [
            "Speaker", "ConfigLanguage", "SpeakerSettings", "Policy", "RouteModel", "Routing", "BGPSession", "BGPWire",
            "Felix",
            "CLinux", "Confd", "Datastore", "EtcdDatastore", "Resources", "ControlAPI", "ControlServer", "Netlink",
            "MRTCommands",
            "MRTFormat", "IPAddressing",
            logging, argumentParser, serviceLifecycle,
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        ]
    ),
    .target(
        name: "MRTCommands",
        dependencies: [
            "MRTFormat", "BGPSession", "BGPWire", "IPAddressing", nioCore, nioPosix, argumentParser,
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        ]
    ),
    .target(name: "BGPCtlCommands", dependencies: ["ControlAPI", "IPAddressing", argumentParser, nioCore]),
]

/// The programs carry the Swift runtime: they run on a machine without a toolchain.
let staticRuntime: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-stdlib", "-lFoundation", "-lCoreFoundation", "-lFoundationInternationalization",
            "-lFoundationEssentials", "-l_FoundationICU", "-l_FoundationCShims", "-l_FoundationCollections",
            "-lswiftDispatch", "-ldispatch", "-lBlocksRuntime", "-lswift_RegexParser", "-lswiftSynchronization",
            "-lstdc++",
        ]
    )
]

let programs: [Target] = [
    .executableTarget(name: "martlet", dependencies: ["NodeCore"], linkerSettings: staticRuntime),
    .executableTarget(name: "bgpctl", dependencies: ["BGPCtlCommands"], linkerSettings: staticRuntime),
]

let tests: [Target] = [
    .target(name: "TestSupport", dependencies: ["ControlAPI", "IPAddressing"]),
    .testTarget(name: "IPAddressingTests", dependencies: ["IPAddressing"]),
    .testTarget(name: "BGPWireTests", dependencies: ["BGPWire", "IPAddressing"]),
    .testTarget(name: "MRTFormatTests", dependencies: ["MRTFormat", "BGPWire", "IPAddressing"]),
    .testTarget(name: "BGPSessionTests", dependencies: ["BGPSession", "BGPWire", "IPAddressing"]),
    .testTarget(name: "RouteModelTests", dependencies: ["RouteModel", "BGPWire", "IPAddressing"]),
    .testTarget(name: "RoutingTests", dependencies: ["Routing", "RouteModel", "BGPWire", "IPAddressing"]),
    .testTarget(name: "PolicyTests", dependencies: ["Policy", "RouteModel", "BGPWire", "IPAddressing"]),
    .testTarget(
        name: "SpeakerSettingsTests",
        dependencies: ["SpeakerSettings", "Policy", "RouteModel", "BGPWire", "IPAddressing"]
    ),
    .testTarget(
        name: "ConfigLanguageTests",
        dependencies: ["ConfigLanguage", "SpeakerSettings", "Policy", "RouteModel", "BGPWire", "IPAddressing"]
    ),
    .testTarget(name: "ResourcesTests", dependencies: ["Resources", "IPAddressing"]),
    .testTarget(name: "DeltaSyncTests", dependencies: ["DeltaSync"]),
    .testTarget(name: "NetlinkTests", dependencies: ["Netlink", "CLinux", "IPAddressing"]),
    .testTarget(
        name: "DatastoreTests",
        dependencies: ["Datastore", "EtcdDatastore", "Resources", "IPAddressing", "TestSupport", logging]
    ),
    .testTarget(
        name: "EtcdDatastoreTests",
        dependencies: [
            "EtcdDatastore", "Datastore", "Resources", "IPAddressing", "TestSupport", nioCore, nioPosix, logging,
        ]
    ),
    .testTarget(
        name: "FelixTests",
        dependencies: ["Felix", "Datastore", "Resources", "DeltaSync", "Netlink", "CLinux", "IPAddressing", logging]
    ),
    .testTarget(
        name: "ConfdTests",
        dependencies: [
            "Confd", "Datastore", "Resources", "ConfigLanguage", "SpeakerSettings", "Policy", "RouteModel", "BGPWire",
            "IPAddressing",
            logging,
        ]
    ),
    .testTarget(name: "ControlAPITests", dependencies: ["ControlAPI", "IPAddressing", "TestSupport", nioCore]),
    .testTarget(
        name: "ControlServerTests",
        dependencies: [
            "ControlServer", "ControlAPI", "IPAddressing", "TestSupport", serviceLifecycle, logging, nioCore, nioPosix,
        ]
    ),
    .testTarget(
        name: "BGPCtlCommandsTests",
        dependencies: [
            "BGPCtlCommands", "ControlServer", "ControlAPI", "IPAddressing", "TestSupport", serviceLifecycle, logging,
            argumentParser,
        ]
    ),
    .testTarget(
        name: "MRTCommandsTests",
        dependencies: ["MRTCommands", "MRTFormat", "BGPWire", "IPAddressing", argumentParser]
    ),
    .testTarget(name: "TestSupportTests", dependencies: ["TestSupport"]),
    .testTarget(
        name: "SpeakerTests",
        dependencies: [
            "Speaker", "BGPSession", "Routing", "SpeakerSettings", "Policy", "RouteModel", "BGPWire", "IPAddressing",
            "Netlink", "CLinux", nioCore, nioPosix, logging,
        ]
    ),
    .testTarget(
        name: "NodeCoreTests",
        dependencies: [
            "NodeCore", "Speaker", "Netlink", "ControlAPI", "MRTFormat", "RouteModel", "BGPWire", "IPAddressing",
            "Datastore", "EtcdDatastore", argumentParser,
            "Resources", "TestSupport", logging,
        ]
    ),
    .testTarget(
        name: "InteropTests",
        dependencies: ["TestSupport", "ControlAPI", "MRTFormat", "BGPWire", "CLinux", "IPAddressing"]
    ),
]

let package = Package(
    name: "Martlet",
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .executable(name: "bgpctl", targets: ["bgpctl"]),
        // For Benchmarks/ and Fuzz/, which are packages of their own.
        .library(name: "IPAddressing", targets: ["IPAddressing"]),
        .library(name: "BGPWire", targets: ["BGPWire"]),
        .library(name: "RouteModel", targets: ["RouteModel"]),
        .library(name: "Routing", targets: ["Routing"]),
        .library(name: "Policy", targets: ["Policy"]),
        .library(name: "SpeakerSettings", targets: ["SpeakerSettings"]),
        .library(name: "ConfigLanguage", targets: ["ConfigLanguage"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/stencilproject/Stencil", from: "0.15.1"),
    ],
    targets: pure + system + runtime + programs + tests,
    swiftLanguageModes: [.v6]
)

// `Scripts/sanitize` builds sessions, core and speaker alone: everything else would take it several times as long.
if Context.environment["MARTLET_SANITIZE"] != nil {
    let tested = [
        "IPAddressing", "BGPWire", "BGPSession", "RouteModel", "Policy", "Routing", "SpeakerSettings", "Speaker",
    ]
    let kept = Set(tested + tested.map { "\($0)Tests" } + ["Netlink", "CNetlinkRoute", "CLinux"])
    package.targets.removeAll { !kept.contains($0.name) }
    package.targets.append(.target(name: "MutexAnnotations", path: "Tests/MutexAnnotations"))
    package.targets.first { $0.name == "SpeakerTests" }?.dependencies.append("MutexAnnotations")
    package.products = []
}

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
