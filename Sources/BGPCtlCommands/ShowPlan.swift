import ArgumentParser
import ControlAPI

/// `bgpctl show plan`.
struct ShowPlan: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show the sessions that the resources ask for, and what of the resources is not in force.",
        discussion: "Only where confd runs in the same process: martlet node."
    )

    @OptionGroup
    var options: ControlOptions

    func execute(_ invocation: Invocation) async throws {
        let plan = try await invocation.client.plan()
        if invocation.json { return try invocation.writeJSON(plan) }
        for line in Self.lines(plan) { invocation.output.writeLine(line) }
    }

    static func lines(_ plan: PlanStatus) -> [String] {
        var lines = [
            "Node \(plan.node), AS \(plan.localAS), router ID \(plan.routerID)",
            "In force: \(plan.pending.map { "no: \($0)" } ?? "yes")", "",
        ].map(printable)
        lines += TextTable.lines(
            [.text("SESSION"), .text("RESOURCE"), .text("ADDRESS"), .number("PORT"), .number("AS"), .text("STATE")],
            plan.sessions.map {
                [
                    $0.name, $0.resource ?? "mesh", $0.address, String($0.port), String($0.remoteAS),
                    $0.state ?? "not made",
                ]
            }
        )
        guard !plan.problems.isEmpty else { return lines }
        lines.append("")
        for problem in plan.problems {
            let parts = [problem.place, problem.resource, problem.reason].compactMap(\.self)
            lines.append(printable((problem.refused ? "refused: " : "") + parts.joined(separator: ": ")))
        }
        return lines
    }
}
