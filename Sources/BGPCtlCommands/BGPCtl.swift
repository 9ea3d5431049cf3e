public import ArgumentParser
import ControlAPI

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The `bgpctl` command line.
public struct BGPCtl: ParsableCommand {
    /// Name, abstract and subcommands.
    public static let configuration = CommandConfiguration(
        commandName: "bgpctl",
        abstract: "Show and control a running speaker.",
        discussion: """
            Exit codes: 0 done; 1 the speaker refused or could not do it (also a reload that did not check); \
            2 the speaker cannot be reached or its answer broke off; 64 the command line is wrong.
            """,
        subcommands: [Show.self, Explain.self, Dump.self, Reload.self, Neighbor.self, Shutdown.self]
    )

    @OptionGroup
    var options: ControlOptions

    /// Creates the root command.
    public init() {}

    /// Runs the command that `arguments` (without the program's name) describe and returns the exit code.
    ///
    /// The socket is that of `--socket`, else of `environment["MARTLET_SOCKET"]`, else the default.
    public static func run(
        arguments: [String],
        environment: [String: String],
        output: Console,
        errors: Console
    ) async -> Int32 {
        let command: any ControlCommand
        do {
            var parsed = try BGPCtl.parseAsRoot(arguments)
            guard let control = parsed as? any ControlCommand else {
                // A group of commands, or the help command: running it throws the text to print.
                try parsed.run()
                return ExitCode.success.rawValue
            }
            command = control
        } catch {
            let code = BGPCtl.exitCode(for: error)
            let text = BGPCtl.fullMessage(for: error)
            if !text.isEmpty { (code == .success ? output : errors).writeLine(text) }
            output.flush()
            errors.flush()
            return code.rawValue
        }
        let path = command.options.socket ?? environment["MARTLET_SOCKET"] ?? ControlClient.defaultSocketPath
        let client = ControlClient(socketPath: path)
        var code: Int32 = 0
        do {
            try await command.execute(Invocation(client: client, output: output, json: command.options.json))
        } catch is Console.Closed {
            // The reader of a pipe has seen enough.
        } catch {
            code = error is ControlClientError ? 2 : 1
            errors.writeLine("bgpctl: \(printable("\(error)"))")
        }
        await client.close()
        output.flush()
        errors.flush()
        return code
    }
}

/// Options of every command; they may stand before or after its name.
struct ControlOptions: ParsableArguments {
    @Option(help: "Unix socket of the speaker (default: $MARTLET_SOCKET or \(ControlClient.defaultSocketPath)).")
    var socket: String?

    @Flag(help: "Print JSON: one object a line for routes, one document otherwise.")
    var json = false
}

/// What a command needs to run.
struct Invocation {
    let client: ControlClient
    let output: Console
    let json: Bool

    /// Prints `value` as a JSON document.
    func writeJSON(_ value: some Encodable) throws {
        self.output.writeLine(try prettyJSON(value))
    }
}

/// A command that talks to the speaker.
protocol ControlCommand: ParsableCommand {
    var options: ControlOptions { get }

    func execute(_ invocation: Invocation) async throws
}

/// A command that failed after the speaker answered properly.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String
}
