import ArgumentParser
import ControlAPI

/// `bgpctl neighbor`.
struct Neighbor: ControlCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start, stop, restart or refresh a neighbor."
    )

    @OptionGroup
    var options: ControlOptions

    @Option(help: "Text for the neighbor with down and restart (RFC 9003).")
    var message: String?

    @Argument(help: "Name of the neighbor.")
    var name: String

    @Argument(help: "up, down, restart or refresh.")
    var action: Action

    @Argument(help: "With refresh: in, out, or both when absent.")
    var direction: Direction?

    enum Action: String, ExpressibleByArgument, CaseIterable {
        case up
        case down
        case restart
        case refresh
    }

    enum Direction: String, ExpressibleByArgument, CaseIterable {
        case `in`
        case out
    }

    func validate() throws {
        guard self.direction == nil || self.action == .refresh else {
            throw ValidationError("only refresh takes a direction")
        }
        guard self.message == nil || self.action == .down || self.action == .restart else {
            throw ValidationError("--message goes with down and restart only")
        }
    }

    var requests: [NeighborAction] {
        switch (self.action, self.direction) {
        case (.up, _): [.up]
        case (.down, _): [.down]
        case (.restart, _): [.restart]
        case (.refresh, .in?): [.refreshIn]
        case (.refresh, .out?): [.refreshOut]
        case (.refresh, nil): [.refreshIn, .refreshOut]
        }
    }

    func execute(_ invocation: Invocation) async throws {
        var results: [NeighborActionResult] = []
        for request in self.requests {
            let result = try await invocation.client.perform(request, neighbor: self.name, message: self.message)
            results.append(result)
            if !invocation.json { invocation.output.writeLine(printable("\(result.name): \(result.message)")) }
        }
        if invocation.json { try invocation.writeJSON(results) }
    }
}

/// `bgpctl shutdown`.
struct Shutdown: ControlCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop the speaker for good: neighbors are told, its kernel routes are removed."
    )

    @OptionGroup
    var options: ControlOptions

    func execute(_ invocation: Invocation) async throws {
        try await invocation.client.shutdown()
        if invocation.json {
            try invocation.writeJSON(["outcome": "stopping"])
        } else {
            invocation.output.writeLine("The speaker stops.")
        }
    }
}
