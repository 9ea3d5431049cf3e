import Foundation
public import Glibc

/// A daemon that runs in the foreground as a child of the test.
///
/// `ip netns exec` replaces itself, so the process id is the daemon's own.
public final class DaemonProcess: @unchecked Sendable {
    /// Name for messages.
    public let name: String
    /// Process id.
    public let processIdentifier: pid_t
    private let process: Process
    private let log: String

    // `Process` is used for waiting only, which is thread-safe; everything else is constant.

    init(name: String, path: String, arguments: [String], environment: [String: String], log: String) throws {
        self.name = name
        self.log = log
        try Data().write(to: URL(filePath: log))
        guard let handle = FileHandle(forWritingAtPath: log) else { throw Command.Failure("cannot write \(log)") }
        handle.seekToEndOfFile()
        self.process = Process()
        self.process.executableURL = URL(filePath: path)
        self.process.arguments = arguments
        self.process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        self.process.standardInput = FileHandle.nullDevice
        self.process.standardOutput = handle
        self.process.standardError = handle
        try self.process.runWithoutBlockedSignals()
        self.processIdentifier = self.process.processIdentifier
        Cleanup.shared.add(process: self.processIdentifier)
    }

    /// Whether the daemon still runs.
    public var isRunning: Bool { self.process.isRunning }

    /// Exit code once it ended; 128 and more for a signal.
    public var exitCode: Int32? {
        guard !self.process.isRunning else { return nil }
        return self.process.terminationStatus + (self.process.terminationReason == .exit ? 0 : 128)
    }

    /// Resident memory in bytes; 0 when it does not run.
    public var residentBytes: Int {
        let path = "/proc/\(self.processIdentifier)/statm"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return 0 }
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
    }

    /// Processor time the daemon and its threads have used.
    public func cpuTime() throws -> Duration {
        let text = try String(contentsOfFile: "/proc/\(self.processIdentifier)/stat", encoding: .utf8)
        // The name in parentheses may contain anything; user and system time are the 12th and 13th fields after it.
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else {
            throw Command.Failure("malformed /proc/\(self.processIdentifier)/stat")
        }
        return .milliseconds((user + system) * 1000 / sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Everything the daemon wrote.
    public var output: String { (try? String(contentsOfFile: self.log, encoding: .utf8)) ?? "" }

    /// The last lines of it.
    public var logTail: String { self.output.split(separator: "\n").suffix(60).joined(separator: "\n") }

    /// Sends a signal if it runs.
    public func signal(_ number: Int32) {
        if self.process.isRunning { kill(self.processIdentifier, number) }
    }

    /// Ends the daemon: SIGTERM, and SIGKILL after `patience` seconds.
    public func stop(patience: Double = 5) {
        self.signal(SIGTERM)
        let deadline = Date().addingTimeInterval(patience)
        while self.process.isRunning, Date() < deadline { usleep(10_000) }
        self.signal(SIGKILL)
        while self.process.isRunning { usleep(10_000) }
        Cleanup.shared.remove(process: self.processIdentifier)
    }
}
