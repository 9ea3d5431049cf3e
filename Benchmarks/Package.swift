// swift-tools-version: 6.3
import PackageDescription

// A package of its own: users of the root never resolve what only measuring needs.
let package = Package(
    name: "Benchmarks",
    dependencies: [.package(name: "Martlet", path: "..")],
    targets: [
        .executableTarget(
            name: "CoreBenchmark",
            dependencies: [
                .product(name: "Routing", package: "Martlet"), .product(name: "RouteModel", package: "Martlet"),
                .product(name: "BGPWire", package: "Martlet"), .product(name: "IPAddressing", package: "Martlet"),
            ]
        ),
        .executableTarget(
            name: "FilterBenchmark",
            dependencies: [
                .product(name: "ConfigLanguage", package: "Martlet"), .product(name: "Policy", package: "Martlet"),
                .product(name: "SpeakerSettings", package: "Martlet"), .product(name: "RouteModel", package: "Martlet"),
                .product(name: "BGPWire", package: "Martlet"), .product(name: "IPAddressing", package: "Martlet"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
