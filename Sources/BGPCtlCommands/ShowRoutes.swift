import ArgumentParser
import ControlAPI
import IPAddressing
import NIOCore

/// `bgpctl show routes`.
struct ShowRoutes: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes",
        abstract: "Show routes: all, those of a prefix, or those that an address would use.",
        discussion: """
            The first column marks the best route of a prefix with *, a route that policy or validation rejected with !,
            one that its restarting neighbor has not announced again with s, one kept as a last resort with S.
            Path identifiers (RFC 7911) have a column where there are any; those of exported routes are this speaker's.
            With --attributes, or --json, each route is shown with all its attributes.
            """
    )

    /// Rows that are held to find the columns' widths.
    static let measuredRows = 500

    @OptionGroup
    var options: ControlOptions

    @Option(help: "Only this table.")
    var table: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Routes received from or exported to a neighbor.", valueName: "name received|exported")
    )
    var neighbor: [String] = []

    @Option(help: "Only routes of this source: static, kernel, device or bgp.")
    var source: String?

    @Option(help: "Only this family: ipv4 or ipv6.")
    var family: String?

    @Flag(help: "Only the best route of each prefix.")
    var best = false

    @Flag(help: "Show all attributes of each route on lines below it.")
    var attributes = false

    @Argument(help: ArgumentHelp("A prefix, or the word for and an address.", valueName: "prefix | for address"))
    var selection: [String] = []

    func validate() throws {
        _ = try self.query()
    }

    func query() throws -> RouteQuery {
        var query = RouteQuery(table: self.table, bestOnly: self.best)
        var words = self.selection
        if !self.neighbor.isEmpty {
            guard self.neighbor.count >= 2,
                let direction = RouteQuery.NeighborView.Direction(rawValue: self.neighbor[1])
            else { throw ValidationError("--neighbor takes a name and one of: received, exported") }
            query.neighbor = RouteQuery.NeighborView(name: self.neighbor[0], direction: direction)
            // An option of several values swallows the words that follow it.
            words += self.neighbor.dropFirst(2)
        }
        if let source = self.source {
            guard let value = Route.Source(rawValue: source) else {
                throw ValidationError("--source is one of: static, kernel, device, bgp")
            }
            query.source = value
        }
        if let family = self.family {
            guard let value = RouteQuery.Family(rawValue: family) else {
                throw ValidationError("--family is one of: ipv4, ipv6")
            }
            query.family = value
        }
        switch words.count {
        case 0: break
        case 1:
            guard let prefix = IPPrefix(words[0]) ?? IPAddress(words[0])?.hostPrefix else {
                throw ValidationError("not a prefix: \(words[0])")
            }
            query.selection = .prefix(prefix)
        case 2 where words[0] == "for":
            guard let address = IPAddress(words[1]) else { throw ValidationError("not an address: \(words[1])") }
            query.selection = .longestMatch(address)
        default: throw ValidationError("expected a prefix, or: for ADDRESS")
        }
        return query
    }

    func execute(_ invocation: Invocation) async throws {
        let query = try self.query()
        let output = invocation.output
        if invocation.json {
            return try await invocation.client.forEachRouteLine(query) { line in
                try output.stream(line.readableBytesView)
            }
        }
        var printer = RoutePrinter(output: output, showsAttributes: self.attributes)
        do {
            try await invocation.client.forEachRoute(query) { try printer.add($0) }
        } catch {
            // What came before the error is still worth showing.
            if !printer.isEmpty { try printer.finish() }
            throw error
        }
        try printer.finish()
    }
}

/// Prints routes as they come; only the first ones are held, to measure the columns.
struct RoutePrinter {
    /// Where path identifiers stand.
    private static let pathIDColumn = 2
    private static let columns: [TextTable.Column] = [
        .text(""), .text("PREFIX"), .number("PATH ID"), .text("TABLE"), .text("NEXT HOP"), .text("INTERFACE"),
        .text("PROTOCOL"),
        .number("PREF"), .number("LOCAL PREF"), .number("MED"), .text("AS PATH"),
    ]

    private let output: Console
    private let showsAttributes: Bool
    private var table = TextTable(Self.columns)
    private var held: [(row: [String], attributes: [String])] = []
    private var isMeasured = false
    private var showsPathIDs = true

    init(output: Console, showsAttributes: Bool = false) {
        self.output = output
        self.showsAttributes = showsAttributes
    }

    /// Whether there was no route yet.
    var isEmpty: Bool { self.held.isEmpty && !self.isMeasured }

    mutating func add(_ route: Route) throws {
        let row = Self.row(route)
        let attributes = self.showsAttributes ? route.attributeLines : []
        guard !self.isMeasured else { return try self.print(row, attributes) }
        self.held.append((row, attributes))
        if self.held.count >= ShowRoutes.measuredRows { try self.measure() }
    }

    mutating func finish() throws {
        if !self.isMeasured { try self.measure() }
    }

    private mutating func measure() throws {
        self.isMeasured = true
        self.showsPathIDs = self.held.contains { !$0.row[Self.pathIDColumn].isEmpty }
        if !self.showsPathIDs {
            var columns = Self.columns
            columns.remove(at: Self.pathIDColumn)
            self.table = TextTable(columns)
        }
        self.table.fit(self.held.map { self.cells($0.row) })
        try self.output.stream(self.table.header.utf8)
        for (row, attributes) in self.held { try self.print(row, attributes) }
        self.held = []
    }

    private func print(_ row: [String], _ attributes: [String]) throws {
        try self.output.stream(self.line(row).utf8)
        for line in attributes { try self.output.stream("    \(printable(line))\n".utf8) }
    }

    private func cells(_ row: [String]) -> [String] {
        guard !self.showsPathIDs else { return row }
        var row = row
        let id = row.remove(at: Self.pathIDColumn)
        // The first of many that has one comes too late for a column.
        if !id.isEmpty { row[1] += " id \(id)" }
        return row
    }

    private func line(_ row: [String]) -> String { self.table.line(self.cells(row)) }

    static func row(_ route: Route) -> [String] {
        let path = [
            route.asPathText.flatMap { $0.isEmpty ? nil : $0 },
            route.origin.map { $0 == .igp ? "i" : $0 == .egp ? "e" : "?" },
            route.rejected.map { "[\($0)]" },
        ]
        return [
            (route.rejected != nil ? "!" : route.best ? "*" : " ")
                + (route.stale.map { $0 == .longLived ? "S" : "s" } ?? ""),
            route.prefix.description,
            route.pathID.map { String($0) } ?? "",
            route.table,
            route.nextHop?.description ?? route.discard ?? "-",
            route.interface ?? "-",
            route.protocolName,
            String(route.preference),
            route.localPref.map { String($0) } ?? "",
            route.med.map { String($0) } ?? "",
            path.compactMap { $0 }.joined(separator: " "),
        ]
    }
}
