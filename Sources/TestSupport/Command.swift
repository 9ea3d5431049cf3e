import Foundation
import Glibc

/// A program run to its end.
public enum Command {
    /// What a program left behind.
    public struct Result: Sendable, CustomStringConvertible {
        /// Exit code; 128 and more for a signal.
        public var code: Int32
        /// Standard output.
        public var output: String
        /// Standard error.
        public var errors: String

        /// Everything, for messages of failed tests.
        public var description: String { "exit code \(self.code)\n\(self.output)\(self.errors)" }
    }

    /// A program that failed.
    public struct Failure: Error, CustomStringConvertible {
        /// What went wrong, with command line and output.
        public var description: String

        /// Creates a failure.
        public init(_ description: String) {
            self.description = description
        }
    }

    /// Runs a program by absolute path and waits for it; a program that runs longer than `timeout` seconds is killed.
    public static func run(
        _ path: String,
        _ arguments: [String] = [],
        input: String? = nil,
        timeout: Double = 60
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        let output = Pipe()
        let errors = Pipe()
        let source = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = source
        let outputReader = PipeReader(output)
        let errorReader = PipeReader(errors)
        try process.runWithoutBlockedSignals()
        if let input { try? source.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try? source.fileHandleForWriting.close()
        let identifier = process.processIdentifier
        let killer = DispatchWorkItem { kill(identifier, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + timeout, execute: killer)
        let text = outputReader.wait()
        let errorText = errorReader.wait()
        process.waitUntilExit()
        killer.cancel()
        let code = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
        return Result(code: code, output: text, errors: errorText)
    }

    /// Runs a program that must succeed, and returns its standard output.
    @discardableResult
    public static func check(
        _ path: String,
        _ arguments: [String] = [],
        input: String? = nil,
        timeout: Double = 60
    ) throws -> String {
        let result = try Self.run(path, arguments, input: input, timeout: timeout)
        guard result.code == 0 else {
            throw Failure("\(path) \(arguments.joined(separator: " ")): \(result)")
        }
        return result.output
    }
}

extension Process {
    /// Starts the program with no signal blocked.
    ///
    /// A child inherits the mask of the thread that starts it, and the threads that run tests block SIGTERM.
    func runWithoutBlockedSignals() throws {
        var empty = sigset_t()
        var previous = sigset_t()
        sigemptyset(&empty)
        pthread_sigmask(SIG_SETMASK, &empty, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        try self.run()
    }
}

/// Reads a pipe on a thread of its own, so that two pipes cannot block each other.
private final class PipeReader: @unchecked Sendable {
    // Written by the reading thread before the semaphore is signalled, read after it was waited for.
    private var data = Data()
    private let done = DispatchSemaphore(value: 0)

    init(_ pipe: Pipe) {
        let handle = pipe.fileHandleForReading
        let thread = Thread {
            self.data = (try? handle.readToEnd()) ?? Data()
            self.done.signal()
        }
        thread.start()
    }

    func wait() -> String {
        self.done.wait()
        return String(decoding: self.data, as: UTF8.self)
    }
}
