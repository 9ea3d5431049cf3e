import ArgumentParser
import ControlAPI

/// `bgpctl show`.
struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the state of the speaker.",
        subcommands: [
            ShowStatus.self, ShowMemory.self, ShowNeighbors.self, ShowRoutes.self, ShowInterfaces.self, ShowPlan.self,
        ]
    )
}

/// `bgpctl show status`.
struct ShowStatus: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show version, configuration, tables and protocols."
    )

    @OptionGroup
    var options: ControlOptions

    func execute(_ invocation: Invocation) async throws {
        let status = try await invocation.client.status()
        if invocation.json { return try invocation.writeJSON(status) }
        for line in Self.lines(status) { invocation.output.writeLine(line) }
    }

    static func lines(_ status: Status) -> [String] {
        var lines = [
            "Martlet \(status.version), router ID \(status.routerID ?? "not chosen yet"), "
                + "up \(durationText(status.uptimeSeconds)) since \(status.startedAt)",
            "Ready:          \(status.readiness.ready ? "yes" : "no")"
                + (status.readiness.reasons.isEmpty ? "" : ": " + status.readiness.reasons.joined(separator: "; ")),
            "Configuration:  \(status.configurationFile ?? "none")",
        ]
        if let reload = status.lastReload {
            lines.append("Last load:      \(reload.outcome.rawValue) at \(reload.time): \(reload.message)")
        }
        if let time = status.reloadRevertsAt {
            lines.append("Unconfirmed:    undone at \(time) unless 'bgpctl reload confirm' comes first")
        }
        lines.append("Memory:         \(mebibytesText(status.memoryBytes))")
        lines = lines.map(printable)
        lines.append("")
        lines += TextTable.lines(
            [.text("TABLE"), .text("FAMILY"), .number("ROUTES"), .number("PATHS")],
            status.tables.map { [$0.name, $0.family, String($0.routes), String($0.paths)] }
        )
        lines.append("")
        lines += TextTable.lines(
            [.text("PROTOCOL"), .text("KIND"), .text("STATE"), .text("SINCE"), .text("TABLES"), .text("DETAILS")],
            status.protocols.map {
                [$0.name, $0.kind, $0.state, "\($0.since)", $0.tables.joined(separator: ","), $0.info]
            }
        )
        return lines
    }
}

/// `bgpctl show memory`.
struct ShowMemory: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory",
        abstract: "Show what holds the memory of the speaker."
    )

    @OptionGroup
    var options: ControlOptions

    func execute(_ invocation: Invocation) async throws {
        let memory = try await invocation.client.memory()
        if invocation.json { return try invocation.writeJSON(memory) }
        let rows =
            memory.structures.map { ($0.name, $0.bytes) } + [
                ("sum", memory.accountedBytes), ("resident", memory.residentBytes),
            ]
        let lines = TextTable.lines(
            [.text("STRUCTURE"), .number("BYTES"), .number("SIZE")],
            rows.map { [$0.0, String($0.1), mebibytesText($0.1)] }
        )
        for line in lines { invocation.output.writeLine(line) }
    }
}

/// `bgpctl show interfaces`.
struct ShowInterfaces: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "interfaces",
        abstract: "Show network interfaces as the speaker sees them."
    )

    @OptionGroup
    var options: ControlOptions

    func execute(_ invocation: Invocation) async throws {
        let interfaces = try await invocation.client.interfaces()
        if invocation.json { return try invocation.writeJSON(interfaces) }
        let lines = TextTable.lines(
            [.number("INDEX"), .text("INTERFACE"), .text("STATE"), .number("MTU"), .text("ADDRESSES")],
            interfaces.map {
                [
                    String($0.index), $0.name, $0.up ? "up" : "down", String($0.mtu),
                    $0.addresses.joined(separator: " "),
                ]
            }
        )
        for line in lines { invocation.output.writeLine(line) }
    }
}
