import Foundation

/// A gobgpd in a namespace.
public struct GoBGP: Sendable {
    /// The running daemon.
    public let process: DaemonProcess
    private let namespace: Lab.Namespace

    /// Starts `/usr/bin/gobgpd` with a TOML configuration and waits until it answers.
    public static func start(
        _ name: String,
        in namespace: Lab.Namespace,
        _ lab: Lab,
        configuration: String,
        arguments: [String] = []
    ) async throws -> GoBGP {
        let file = try lab.write("\(name).toml", configuration)
        let process = try lab.start(
            name,
            in: namespace,
            "/usr/bin/gobgpd",
            ["-f", file, "--api-hosts", "127.0.0.1:50051", "--pprof-disable", "-p"] + arguments
        )
        let daemon = GoBGP(process: process, namespace: namespace)
        try await lab.require("\(name) answers gobgp") { try daemon.run("global").contains("Router-ID") }
        return daemon
    }

    /// What the `gobgp` command prints.
    @discardableResult
    public func run(_ command: String) throws -> String {
        let words = ["-u", "127.0.0.1", "-p", "50051"] + command.split(separator: " ").map { String($0) }
        let arguments = ["netns", "exec", self.namespace.name, "/usr/bin/gobgp"] + words
        return try Command.run(ipPath, arguments).output
    }

    /// Whether the session with `neighbor` is established.
    public func isEstablished(_ neighbor: String) throws -> Bool {
        try self.run("neighbor \(neighbor)").contains("BGP state = ESTABLISHED")
    }

    /// Routes of a family, `ipv4` or `ipv6`.
    public func routes(family: String = "ipv4") throws -> [PeerRoute] {
        let text = try self.run("global rib -a \(family) -j")
        let table = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [[String: Any]]]
        return PeerRoute.ordered((table ?? [:]).flatMap { prefix, paths in paths.map { Self.route(prefix, $0) } })
    }

    private static func route(_ prefix: String, _ path: [String: Any]) -> PeerRoute {
        var route = PeerRoute(prefix: prefix, best: path["best"] as? Bool ?? false)
        for attribute in path["attrs"] as? [[String: Any]] ?? [] {
            let number = (attribute["value"] as? NSNumber)?.uint32Value
            switch (attribute["type"] as? NSNumber)?.intValue {
            case 1: route.origin = number.flatMap { $0 < 3 ? ["igp", "egp", "incomplete"][Int($0)] : nil }
            case 2: route.asPath = Self.path(attribute["as_paths"] as? [[String: Any]] ?? [])
            case 3, 14: route.nextHop = attribute["nexthop"] as? String
            case 4: route.med = (attribute["metric"] as? NSNumber)?.uint32Value
            case 5: route.localPref = number
            case 8:
                let values = (attribute["communities"] as? [NSNumber] ?? []).map(\.uint32Value)
                route.communities = values.map { "\($0 >> 16):\($0 & 0xFFFF)" }.sorted()
            case 9: route.originatorID = attribute["value"] as? String
            case 10: route.clusterList = attribute["value"] as? [String] ?? []
            case 32:
                let values = attribute["value"] as? [[String: NSNumber]] ?? []
                route.largeCommunities = values.map { value in
                    ["ASN", "LocalData1", "LocalData2"].map { value[$0]?.stringValue ?? "?" }.joined(separator: ":")
                }.sorted()
            default: break
            }
        }
        return route
    }

    private static func path(_ segments: [[String: Any]]) -> String {
        segments.map { segment in
            let numbers = (segment["asns"] as? [NSNumber] ?? []).map(\.stringValue).joined(separator: " ")
            return (segment["segment_type"] as? NSNumber)?.intValue == 1 ? "{\(numbers)}" : numbers
        }.joined(separator: " ")
    }
}
