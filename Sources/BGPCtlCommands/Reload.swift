import ArgumentParser
import ControlAPI

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `bgpctl reload`.
struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Load the configuration again; one that does not check changes nothing.",
        subcommands: [ReloadApply.self, ReloadConfirm.self, ReloadUndo.self],
        defaultSubcommand: ReloadApply.self
    )
}

/// `bgpctl reload [FILE]`.
struct ReloadApply: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Load a file and apply what differs, as one step; the word may be left out."
    )

    @OptionGroup
    var options: ControlOptions

    @Flag(help: "Changed filters wait until their protocol starts again, or until a reload without --soft.")
    var soft = false

    @Flag(help: "Check the file and print what would change, without changing anything.")
    var check = false

    @Option(help: "Undo the reload after this time (30, 30s, 5m, 1h) unless 'bgpctl reload confirm' comes first.")
    var confirmWithin: Wait?

    @Argument(help: "File to load instead of the running one's.")
    var file: String?

    /// A number of seconds with a unit.
    struct Wait: ExpressibleByArgument {
        var seconds: UInt32

        init?(argument: String) {
            let units: [Character: UInt32] = ["s": 1, "m": 60, "h": 3600]
            let unit = argument.last.flatMap { units[$0] }
            guard let number = UInt32(unit == nil ? argument : String(argument.dropLast())), number <= 86_400 else {
                return nil
            }
            let seconds = number * (unit ?? 1)
            guard (1...ReloadRequest.longestWait).contains(seconds) else { return nil }
            self.seconds = seconds
        }
    }

    func validate() throws {
        guard !self.check || self.confirmWithin == nil else {
            throw ValidationError("--check applies nothing that could be confirmed")
        }
    }

    func execute(_ invocation: Invocation) async throws {
        let request = ReloadRequest(
            file: self.file.map(Self.absolute),
            soft: self.soft,
            check: self.check,
            confirmWithinSeconds: self.confirmWithin?.seconds
        )
        try invocation.report(try await invocation.client.reload(request))
    }

    /// The daemon has a folder of its own.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }
}

/// `bgpctl reload confirm`.
struct ReloadConfirm: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Keep what a reload with --confirm-within did."
    )

    @OptionGroup
    var options: ControlOptions

    func execute(_ invocation: Invocation) async throws {
        try invocation.report(try await invocation.client.confirmReload())
    }
}

/// `bgpctl reload undo`.
struct ReloadUndo: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Go back to the configuration before the last reload."
    )

    @OptionGroup
    var options: ControlOptions

    func execute(_ invocation: Invocation) async throws {
        try invocation.report(try await invocation.client.undoReload())
    }
}

extension Invocation {
    /// Prints how a reload ended; one that did not check or could not be applied is a failure.
    fileprivate func report(_ result: ReloadResult) throws {
        let isFailure = result.outcome == .rejected || result.outcome == .failed
        if self.json {
            try self.writeJSON(result)
        } else {
            for diagnostic in result.diagnostics { self.output.writeLine(printable("\(diagnostic)")) }
            let changes = result.changes.filter { $0.action != .unchanged }
            if !changes.isEmpty {
                let rows = changes.map { [$0.protocolName, $0.action.rawValue, $0.reason] }
                let columns: [TextTable.Column] = [.text("PROTOCOL"), .text("ACTION"), .text("REASON")]
                for line in TextTable.lines(columns, rows) { self.output.writeLine(line) }
            }
            if !isFailure { self.output.writeLine(printable(result.message)) }
        }
        guard !isFailure else { throw CommandFailure(description: result.message) }
    }
}
