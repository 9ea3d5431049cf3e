/// A BIRD 2 in a namespace.
public struct Bird: Sendable {
    /// The running daemon.
    public let process: DaemonProcess
    private let socket: String

    /// Starts `/usr/sbin/bird` with a configuration and waits until it answers.
    public static func start(
        _ name: String,
        in namespace: Lab.Namespace,
        _ lab: Lab,
        configuration: String,
        arguments: [String] = []
    ) async throws -> Bird {
        let file = try lab.write("\(name).conf", configuration)
        let socket = "\(lab.folder)/\(name).ctl"
        let check = try namespace.run("/usr/sbin/bird", "-p", "-c", file)
        guard check.code == 0 else { throw Command.Failure("bird refuses \(name).conf: \(check)") }
        let process = try lab.start(
            name,
            in: namespace,
            "/usr/sbin/bird",
            ["-f", "-c", file, "-s", socket, "-P", "\(lab.folder)/\(name).pid"] + arguments
        )
        let bird = Bird(process: process, socket: socket)
        try await lab.require("\(name) answers birdc") { try bird.query("show status").contains("up and running") }
        return bird
    }

    /// What `birdc` prints for a command.
    public func query(_ command: String) throws -> String {
        try Command.run("/usr/sbin/birdc", ["-s", self.socket] + command.split(separator: " ").map(String.init)).output
    }

    /// Whether the protocol called `name` is an established session.
    public func isEstablished(_ name: String) throws -> Bool {
        try self.query("show protocols \(name)").split(separator: "\n").contains {
            $0.hasPrefix("\(name) ") && $0.contains(" Established")
        }
    }

    /// Routes of a table, all protocols; `filter` may narrow them (`protocol p1`, `export p1`).
    public func routes(table: String = "master4", _ filter: String = "") throws -> [PeerRoute] {
        Self.parse(try self.query("show route table \(table) \(filter) all"))
    }

    /// Reads the output of `show route all`.
    static func parse(_ text: String) -> [PeerRoute] {
        var routes: [PeerRoute] = []
        var prefix = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("\t") {
                guard !routes.isEmpty else { continue }
                Self.read(attribute: line.dropFirst(), into: &routes[routes.count - 1])
            } else {
                let words = line.split(separator: " ")
                guard let bracket = words.firstIndex(where: { $0.hasPrefix("[") }), bracket >= 1 else { continue }
                if !line.hasPrefix(" ") { prefix = String(words[0]) }
                routes.append(PeerRoute(prefix: prefix, best: words.contains("*")))
            }
        }
        return PeerRoute.ordered(routes)
    }

    private static func read(attribute line: Substring, into route: inout PeerRoute) {
        guard let colon = line.firstIndex(of: ":") else { return }
        let value = line[line.index(after: colon)...].drop { $0 == " " }
        switch line[..<colon] {
        case "BGP.origin": route.origin = value.lowercased()
        case "BGP.as_path": route.asPath = String(value)
        case "BGP.next_hop": route.nextHop = value.split(separator: " ").first.map { String($0) }
        case "BGP.med": route.med = UInt32(value)
        case "BGP.local_pref": route.localPref = UInt32(value)
        case "BGP.community": route.communities = Self.tuples(value)
        case "BGP.large_community": route.largeCommunities = Self.tuples(value)
        case "BGP.originator_id": route.originatorID = String(value)
        case "BGP.cluster_list": route.clusterList = value.split(separator: " ").map { String($0) }
        default: break
        }
    }

    /// `(1,2) (3, 4)` as `1:2` and `3:4`, sorted.
    private static func tuples(_ text: Substring) -> [String] {
        text.split(separator: ")").compactMap { part in
            guard let open = part.firstIndex(of: "(") else { return nil }
            return part[part.index(after: open)...].filter { $0 != " " }
                .split(separator: ",").joined(separator: ":")
        }.sorted()
    }
}
