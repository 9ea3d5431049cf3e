internal import Glibc

/// Runs shell commands with a time limit and bounded output.
enum CommandRunner {
    /// Bytes of output that are kept.
    static let largestOutput = 64 << 10

    struct Outcome: Sendable {
        /// Nil when the command ended by itself with status 0; else what happened.
        var failure: String?
        /// Standard output and error, at most `largestOutput` bytes.
        var output: String
    }

    /// Runs `/bin/sh -c command` in a process group of its own, which is killed at the time limit or on cancellation.
    static func run(_ command: String, timeout: Duration) async -> Outcome {
        let child: Child
        switch Child.start(command) {
        case .success(let started): child = started
        case .failure(let failure): return Outcome(failure: failure.reason, output: "")
        }
        defer { close(child.output) }
        var output: [UInt8] = []
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: timeout)
        var pause = Duration.milliseconds(1)
        while true {
            child.drain(into: &output)
            var status: Int32 = 0
            if waitpid(child.process, &status, WNOHANG) == child.process {
                child.drain(into: &output)
                let text = String(decoding: output, as: UTF8.self)
                return Outcome(failure: Self.failure(status: status), output: text)
            }
            let isLate = clock.now >= deadline
            if isLate || Task.isCancelled {
                kill(-child.process, SIGKILL)
                while waitpid(child.process, &status, 0) < 0 && errno == EINTR {}
                child.drain(into: &output)
                let reason = isLate ? "no end within \(timeout)" : "cancelled"
                return Outcome(failure: reason, output: String(decoding: output, as: UTF8.self))
            }
            // Cancellation shows at the top of the loop.
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(50))
        }
    }

    private static func failure(status: Int32) -> String? {
        if status == 0 { return nil }
        let signal = status & 0x7F
        return signal == 0 ? "exit status \((status >> 8) & 0xFF)" : "killed by signal \(signal)"
    }
}

private struct StartFailure: Error {
    var reason: String
}

private struct Child {
    var process: pid_t
    /// Read end of the pipe that is the child's standard output and error; does not block.
    var output: Int32

    static func start(_ command: String) -> Result<Child, StartFailure> {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            return .failure(StartFailure(reason: "pipe: \(FileTree.text(ofError: errno))"))
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The daemon may block signals for its signal handling; the child starts with none blocked.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        var arguments: [UnsafeMutablePointer<CChar>?] = []
        for argument in ["sh", "-c", command] { arguments.append(strdup(argument)) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, "/bin/sh", &actions, &attributes, &arguments, environ)
        guard status == 0 else {
            close(ends[0])
            return .failure(StartFailure(reason: "sh: \(FileTree.text(ofError: status))"))
        }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        return .success(Child(process: process, output: ends[0]))
    }

    /// Takes what is in the pipe; what goes beyond the limit is dropped so that the child never blocks.
    func drain(into output: inout [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // A child that writes without end must not keep the caller here.
        for _ in 0..<64 {
            let count = read(self.output, &buffer, buffer.count)
            guard count > 0 else { return }
            let space = CommandRunner.largestOutput - output.count
            output += buffer[..<min(count, max(space, 0))]
        }
    }
}
