import ArgumentParser
import ControlAPI

/// `bgpctl show neighbors`.
struct ShowNeighbors: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "neighbors",
        abstract: "Show BGP neighbors, or one of them in detail.",
        aliases: ["neighbor", "neighbours", "neighbour"]
    )

    @OptionGroup
    var options: ControlOptions

    @Argument(help: "Name of a neighbor.")
    var name: String?

    func execute(_ invocation: Invocation) async throws {
        if let name = self.name {
            let neighbor = try await invocation.client.neighbor(name)
            if invocation.json { return try invocation.writeJSON(neighbor) }
            for line in Self.details(neighbor) { invocation.output.writeLine(line) }
        } else {
            let neighbors = try await invocation.client.neighbors()
            if invocation.json { return try invocation.writeJSON(neighbors) }
            for line in Self.summary(neighbors) { invocation.output.writeLine(line) }
        }
    }

    static func summary(_ neighbors: [NeighborStatus]) -> [String] {
        TextTable.lines(
            [
                .text("NEIGHBOR"), .text("ADDRESS"), .number("AS"), .text("STATE"), .text("UP"), .number("RECEIVED"),
                .number("ACCEPTED"), .number("BEST"), .number("EXPORTED"), .text("LAST ERROR"),
            ],
            neighbors.map { neighbor in
                [
                    neighbor.name, neighbor.address, neighbor.remoteAS.map { String($0) } ?? "any",
                    neighbor.state.rawValue, neighbor.uptimeSeconds.map(durationText) ?? "-",
                    String(neighbor.routes.received), String(neighbor.routes.accepted), String(neighbor.routes.best),
                    String(neighbor.routes.exported),
                    [neighbor.idleReason, Self.errorText(neighbor)].compactMap(\.self).joined(separator: "; "),
                ]
            }
        )
    }

    static func details(_ neighbor: NeighborStatus) -> [String] {
        var rows: [(String, String)] = []
        func add(_ label: String, _ value: String?) {
            if let value, !value.isEmpty { rows.append((label, value)) }
        }
        add("Neighbor", neighbor.name)
        add("Description", neighbor.description)
        add("State", neighbor.state.rawValue + (Self.waitText(neighbor).map { " (\($0))" } ?? ""))
        add("Established", neighbor.establishedAt.map { "\($0), \(durationText(neighbor.uptimeSeconds ?? 0)) ago" })
        add("Address", "\(neighbor.address) port \(neighbor.port)" + (neighbor.passive ? ", passive" : ""))
        add("Local address", neighbor.localAddress)
        add(
            "AS",
            "local \(neighbor.localAS), neighbor \(neighbor.remoteAS.map { String($0) } ?? "any"), "
                + neighbor.sessionType.rawValue
        )
        add("Router ID", neighbor.remoteRouterID)
        add("Timers", Self.timersText(neighbor))
        add(
            "Attributes",
            neighbor.attributeBytes.map { bytes in
                mebibytesText(bytes) + (neighbor.attributeLimitBytes.map { " of at most \(mebibytesText($0))" } ?? "")
            }
        )
        add("Restart", neighbor.gracefulRestart.map(Self.restartText))
        add("Last error", Self.errorText(neighbor))
        add("NOTIFICATION sent", neighbor.lastNotificationSent.map(Self.notificationText))
        add("NOTIFICATION received", neighbor.lastNotificationReceived.map(Self.notificationText))
        add("Sessions", neighbor.transitions == 0 ? "none so far" : "\(neighbor.transitions) since the start")
        add(
            "Left out",
            neighbor.families.compactMap { family in
                family.droppedRoutes.map { "\($0) announcements of \(family.family), over a limit" }
            }
            .joined(separator: ", ")
        )
        add("Local capabilities", neighbor.capabilities.local.joined(separator: ", "))
        add("Remote capabilities", neighbor.capabilities.remote.joined(separator: ", "))
        let width = rows.map(\.0.count).max() ?? 0
        var lines = rows.map { label, value in
            printable(label + ":" + String(repeating: " ", count: width - label.count + 2) + value)
        }
        lines.append("")
        lines += Self.families(neighbor.families)
        lines.append("")
        lines += Self.messages(neighbor.messages)
        if let errors = neighbor.updateErrors, !errors.isEmpty {
            lines.append("")
            lines += Self.errors(errors)
        }
        return lines
    }

    /// What the session waits for, before it is up.
    private static func waitText(_ neighbor: NeighborStatus) -> String? {
        func seconds(_ value: Double) -> String { "\(Int(value.rounded(.up))) s" }
        let timers = neighbor.timers ?? .init()
        switch neighbor.state {
        case .idle:
            return neighbor.idleReason.map { $0 + (timers.idleHold.map { ", \(seconds($0)) left" } ?? "") }
        case .connect, .active:
            if let left = timers.delayOpen { return "the OPEN goes in \(seconds(left))" }
            if neighbor.passive { return "waits for the neighbor to connect" }
            return timers.connectRetry.map { "next attempt in \(seconds($0))" }
        case .openSent, .openConfirm, .established: return nil
        }
    }

    /// The times that hold, and what is left of them.
    private static func timersText(_ neighbor: NeighborStatus) -> String {
        func text(_ name: String, _ value: UInt64, _ left: Double?) -> String {
            "\(name) \(value) s" + (left.map { " (\(Int($0.rounded(.up))) s left)" } ?? "")
        }
        let timers = neighbor.timers ?? .init()
        var parts = [
            text("hold", UInt64(neighbor.holdTime), timers.hold),
            text("keepalive", UInt64(neighbor.keepaliveTime), timers.keepalive),
        ]
        if let time = neighbor.sendHoldTime { parts.append(text("send hold", time, timers.sendHold)) }
        return parts.joined(separator: ", ")
    }

    private static func restartText(_ restart: NeighborStatus.GracefulRestart) -> String {
        func text(_ side: NeighborStatus.GracefulRestart.Side) -> String {
            let families = side.families.map { family in
                var parts: [String] = []
                if family.restarts { parts.append("\(side.restartSeconds) s") }
                if family.longLivedSeconds > 0 { parts.append("then \(family.longLivedSeconds) s as a last resort") }
                if family.forwardingPreserved { parts.append("forwarding") }
                return "\(family.family) (\(parts.joined(separator: ", ")))"
            }
            return (side.restarted ? "restarted, " : "")
                + (families.isEmpty ? "helper" : families.joined(separator: " "))
                + (side.longLived ? ", long-lived" : "")
        }
        return (restart.restarting ? "neighbor is away; " : "")
            + "local \(text(restart.local)); neighbor \(text(restart.remote))"
            + (restart.notification ? "; also over NOTIFICATIONs" : "")
    }

    private static func errors(_ errors: [NeighborStatus.UpdateErrorCount]) -> [String] {
        TextTable.lines(
            [.text("UPDATE ERROR"), .text("CAUSE"), .text("ACTION"), .number("COUNT")],
            errors.map { [$0.attribute, $0.cause, $0.action.rawValue, String($0.count)] }
        )
    }

    private static func families(_ families: [NeighborStatus.FamilyStatus]) -> [String] {
        let rows = families.map { family -> [String] in
            let counts = family.routes
            let numbers = [counts.received, counts.accepted, counts.best, counts.exported, family.staleRoutes ?? 0]
            let marker = family.endOfRIB.map { $0 ? "yes" : "no" } ?? "-"
            let wait = family.staleWait.map { "\($0.rawValue) \(family.staleSeconds ?? 0) s" } ?? ""
            return [family.family, family.table, family.negotiated ? "yes" : "no"] + numbers.map { String($0) }
                + [marker, wait]
        }
        let columns: [TextTable.Column] = [
            .text("FAMILY"), .text("TABLE"), .text("NEGOTIATED"), .number("RECEIVED"), .number("ACCEPTED"),
            .number("BEST"), .number("EXPORTED"), .number("STALE"), .text("END OF RIB"), .text("WAITS FOR"),
        ]
        return TextTable.lines(columns, rows)
    }

    private static func messages(_ messages: NeighborStatus.Messages) -> [String] {
        func row(_ label: String, _ counts: NeighborStatus.Messages.Counts) -> [String] {
            let numbers = [counts.open, counts.update, counts.notification, counts.keepalive, counts.routeRefresh]
            return [label] + numbers.map { String($0) }
        }
        let columns: [TextTable.Column] = [
            .text("MESSAGES"), .number("OPEN"), .number("UPDATE"), .number("NOTIFICATION"), .number("KEEPALIVE"),
            .number("ROUTE REFRESH"),
        ]
        return TextTable.lines(columns, [row("sent", messages.sent), row("received", messages.received)])
    }

    private static func notificationText(_ record: NeighborStatus.NotificationRecord) -> String {
        "\(record.text) (\(record.code)/\(record.subcode)) at \(record.at)"
    }

    private static func errorText(_ neighbor: NeighborStatus) -> String? {
        neighbor.lastError.map { "\($0.direction.rawValue): \($0.text) at \($0.at)" }
    }
}
