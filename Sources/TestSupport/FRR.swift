import Foundation
import Glibc

/// FRR's bgpd and zebra in a namespace: it speaks BGP, and installs nothing unless it is told to.
///
/// Without zebra bgpd does not know its interfaces and refuses next hops with a link-local address.
public struct FRR: Sendable {
    /// The running daemon.
    public let process: DaemonProcess
    private let folder: String
    private let arguments: [String]

    /// Starts `/usr/lib/frr/bgpd` with a configuration and waits until it answers.
    public static func start(
        _ name: String,
        in namespace: Lab.Namespace,
        _ lab: Lab,
        configuration: String,
        installs: Bool = false
    ) async throws -> FRR {
        let file = try lab.write("\(name).conf", configuration)
        let folder = "\(lab.folder)/\(name).vty"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // zebra gives its privileges up.
        chmod(folder, 0o777)
        let zebra = "\(folder)/zserv.api"
        _ = try lab.start(
            "\(name)-zebra",
            in: namespace,
            "/usr/lib/frr/zebra",
            [
                "-u", "frr", "-g", "frr", "-f", try lab.write("\(name)-zebra.conf", ""), "-i", "\(folder)/zebra.pid",
                "-z", zebra, "--vty_socket", folder, "-P", "0", "--log", "stdout",
                // Routes of a bgpd that is gone stay for the next one.
                "-K", "60",
            ]
        )
        try await lab.require("\(name)'s zebra listens") { FileManager.default.fileExists(atPath: zebra) }
        let arguments =
            (installs ? [] : ["-n"]) + [
                "-z", zebra, "-S", "-f", file, "-i", "\(lab.folder)/\(name).pid", "--vty_socket", folder, "-P", "0",
                "--log", "stdout",
            ]
        return try await Self.start(name, in: namespace, lab, folder, arguments)
    }

    /// Starts bgpd again after its end; zebra runs on.
    public func restarted(in namespace: Lab.Namespace, _ lab: Lab) async throws -> FRR {
        try await Self.start(self.process.name, in: namespace, lab, self.folder, self.arguments)
    }

    private static func start(
        _ name: String,
        in namespace: Lab.Namespace,
        _ lab: Lab,
        _ folder: String,
        _ arguments: [String]
    ) async throws -> FRR {
        let process = try lab.start(name, in: namespace, "/usr/lib/frr/bgpd", arguments)
        let frr = FRR(process: process, folder: folder, arguments: arguments)
        try await lab.require("\(name) answers vtysh") { try frr.run("show version").contains("FRRouting") }
        return frr
    }

    /// What `vtysh` prints for commands.
    public func run(_ commands: String...) throws -> String {
        let arguments = commands.flatMap { ["-c", $0] }
        return try Command.run("/usr/bin/vtysh", ["-d", "bgpd", "--vty_socket", self.folder] + arguments).output
    }

    private func json(_ command: String) throws -> [String: Any] {
        let text = try self.run("\(command) json")
        return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    }

    /// Whether the session with `neighbor` is established.
    public func isEstablished(_ neighbor: String) throws -> Bool {
        let peer = try self.json("show bgp neighbors \(neighbor)")[neighbor] as? [String: Any]
        return peer?["bgpState"] as? String == "Established"
    }

    /// Routes of a family, `ipv4` or `ipv6`.
    public func routes(family: String = "ipv4") throws -> [PeerRoute] {
        let table = try self.json("show bgp \(family) unicast")
        let prefixes = (table["routes"] as? [String: Any] ?? [:]).keys
        let routes = try prefixes.flatMap { prefix -> [PeerRoute] in
            let detail = try self.json("show bgp \(family) unicast \(prefix)")
            return (detail["paths"] as? [[String: Any]] ?? []).map { Self.route(prefix, $0) }
        }
        return PeerRoute.ordered(routes)
    }

    private static func route(_ prefix: String, _ path: [String: Any]) -> PeerRoute {
        func number(_ key: String) -> UInt32? { (path[key] as? NSNumber)?.uint32Value }
        func text(_ key: String, _ field: String) -> String? { (path[key] as? [String: Any])?[field] as? String }
        func words(_ text: String?) -> [String] { (text ?? "").split(separator: " ").map { String($0) } }
        var route = PeerRoute(prefix: prefix)
        route.best = ((path["bestpath"] as? [String: Any])?["overall"] as? Bool) ?? false
        let path4 = text("aspath", "string") ?? ""
        route.asPath = path4 == "Local" ? "" : path4.replacing(",", with: " ")
        route.origin = (path["origin"] as? String)?.lowercased()
        route.med = number("metric")
        route.localPref = number("locPrf")
        route.communities = words(text("community", "string")).sorted()
        route.largeCommunities = words(text("largeCommunity", "string")).sorted()
        route.originatorID = path["originatorId"] as? String
        route.clusterList = (path["clusterList"] as? [String: Any])?["list"] as? [String] ?? []
        let hops = path["nexthops"] as? [[String: Any]] ?? []
        route.nextHop = (hops.first { $0["scope"] as? String != "link-local" } ?? hops.first)?["ip"] as? String
        return route
    }
}
