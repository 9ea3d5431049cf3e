import ArgumentParser
import ControlAPI
import IPAddressing

/// `bgpctl explain`.
struct Explain: ControlCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Tell why a route is the best one or not, and to whom it goes, to neighbors, kernels and other tables, or why not.",
        discussion: """
            With a prefix its own paths; with an address those of the most specific prefix around it. Paths are marked as by \
            'show routes': * for the best one, = for one as good up to the IGP metric, ! for one that was rejected or \
            cannot be used. A rejection names the line of the filter that decided.
            """
    )

    @OptionGroup
    var options: ControlOptions

    @Option(help: "Only this table.")
    var table: String?

    @Option(help: "Only what becomes of it on its way to this neighbor.")
    var neighbor: String?

    @Argument(help: "A prefix or an address.")
    var destination: String

    private func query() throws -> ExplainQuery {
        if let address = IPAddress(self.destination) {
            return ExplainQuery(.longestMatch(address), table: self.table, neighbor: self.neighbor)
        }
        guard let prefix = IPPrefix(self.destination) else {
            throw ValidationError("not a prefix or address: \(self.destination)")
        }
        return ExplainQuery(.prefix(prefix), table: self.table, neighbor: self.neighbor)
    }

    func validate() throws { _ = try self.query() }

    func execute(_ invocation: Invocation) async throws {
        let explanations = try await invocation.client.explain(try self.query())
        if invocation.json { return try invocation.writeJSON(explanations) }
        guard !explanations.isEmpty else {
            invocation.output.writeLine(printable("no table has a route to \(self.destination)"))
            return
        }
        for (index, explanation) in explanations.enumerated() {
            if index > 0 { invocation.output.writeLine("") }
            for line in explanation.lines { invocation.output.writeLine(printable(line)) }
        }
    }
}

extension Explanation {
    /// The text of `bgpctl explain`.
    var lines: [String] {
        var lines = ["\(self.prefix) in \(self.table)"]
        for path in self.paths {
            let from = path.route.from.map { " from \($0)" } ?? ""
            let via = path.route.nextHop.map { " via \($0)" } ?? path.route.interface.map { " on \($0)" } ?? ""
            let place = path.place.map { " at \($0)" } ?? ""
            lines.append("  \(path.verdict.mark) \(path.route.protocolName)\(from)\(via)")
            lines.append("      \(path.verdict.words): \(path.reason)\(place)")
        }
        if self.paths.isEmpty { lines.append("  no path") }
        for route in self.malformed {
            lines.append(
                "  \(route.neighbor) sent it in an UPDATE that counts as withdrawal: \(route.attribute): \(route.cause) at \(route.at)"
            )
        }
        for route in self.unused ?? [] {
            lines.append("  \(route.neighbor) sent it, and it was left out: \(route.reason), at \(route.at)")
        }
        for export in self.exports {
            lines.append("  \(export.name) to \(export.destination): \(export.state.rawValue)")
            lines += export.reasons.lines
        }
        guard !self.neighbors.isEmpty else { return lines }
        lines.append("  sent to")
        for neighbor in self.neighbors {
            lines.append("    \(neighbor.name): \(neighbor.state.rawValue)")
            for route in neighbor.sent {
                let parts = [
                    route.protocolName, route.pathID.map { "path id \($0)" }, route.nextHop.map { "next hop \($0)" },
                    route.asPathText.map { $0.isEmpty ? "empty AS path" : "AS path \($0)" },
                ]
                lines.append("      " + parts.compactMap(\.self).joined(separator: ", "))
            }
            lines += neighbor.reasons.lines
        }
        return lines
    }
}

extension [Explanation.Reason] {
    /// One line each; paths of a neighbor that share a reason share a line.
    fileprivate var lines: [String] {
        var groups: [(reason: Explanation.Reason, identifiers: [UInt32])] = []
        var places: [Explanation.Reason: Int] = [:]
        for reason in self {
            var key = reason
            key.pathID = nil
            if let index = places[key] {
                groups[index].identifiers.append(reason.pathID ?? 0)
            } else {
                places[key] = groups.count
                groups.append((key, [reason.pathID ?? 0]))
            }
        }
        return groups.map { reason, identifiers in
            let first = identifiers.prefix(4).map { String($0) }.joined(separator: ", ")
            let others = identifiers.count > 4 ? " and \(identifiers.count - 4) others" : ""
            let ids = identifiers == [0] ? "" : " path \(first)\(others)"
            return "      " + (reason.path.map { "not \($0)\(ids): " } ?? "") + reason.reason
                + (reason.place.map { " at \($0)" } ?? "")
        }
    }
}

extension Explanation.Verdict {
    fileprivate var mark: String {
        switch self {
        case .best: "*"
        case .equalCost: "="
        case .lost: " "
        case .unusable, .rejected: "!"
        }
    }

    fileprivate var words: String {
        switch self {
        case .best: "best"
        case .equalCost: "not the best one, but as good up to the IGP metric"
        case .lost: "not the best one"
        case .unusable: "cannot be used"
        case .rejected: "rejected"
        }
    }
}
