public import ArgumentParser
internal import BGPWire
internal import Glibc
internal import IPAddressing
internal import MRTFormat

/// `martlet mrt show FILE`: prints the records of an MRT file.
public struct MRTShowCommand: ParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print the records of an MRT file, one route or message a line.",
        discussion: """
            Records that cannot be read are reported on standard error with their place, and make the exit status 1. Kinds \
            that are not read are counted there.
            """
    )

    @Argument(help: "The file; '-' is standard input.")
    var file: String

    @Flag(help: "Print lines of JSON.")
    var json = false

    @Option(help: "Only routes and updates for this prefix or more specific ones.")
    var prefix: PrefixArgument?

    /// Creates the command.
    public init() {}

    /// Prints to standard output.
    public func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let output = try OutputFile(path: "-")
        var printer = RecordPrinter(selection: self.prefix?.prefix, isJSON: self.json)
        var failures = 0
        do {
            let reader = try MRTFile(path: self.file).forEachItem { item in
                switch item {
                case .malformed(let record):
                    failures += 1
                    writeError("\(self.file): \(record)")
                case .record(let record):
                    for line in try printer.lines(of: record) { try output.line(line) }
                }
                return true
            }
            try output.flush()
            for (kind, count) in reader.skippedKinds.sorted(by: {
                ($0.key.type, $0.key.subtype) < ($1.key.type, $1.key.subtype)
            }) {
                writeError("\(self.file): \(count) records of \(kind) are not read")
            }
        } catch let failure as FileFailure {
            try output.flush()
            writeError("\(failure)")
            throw ExitCode.failure
        }
        if printer.unusableCount > 0 {
            writeError("\(self.file): \(printer.unusableCount) routes or messages have contents that cannot be used")
        }
        if failures > 0 || printer.unusableCount > 0 { throw ExitCode.failure }
    }
}

/// A prefix on the command line.
struct PrefixArgument: ExpressibleByArgument {
    var prefix: IPPrefix

    init?(argument: String) {
        guard let prefix = IPPrefix(argument) ?? IPAddress(argument)?.hostPrefix else { return nil }
        self.prefix = prefix
    }
}
