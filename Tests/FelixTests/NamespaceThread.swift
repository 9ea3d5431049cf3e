import CLinux
import Glibc
import Netlink
import Synchronization

/// A thread in a network namespace of its own; both vanish together.
///
/// Tasks that prefer it run there.
final class NamespaceThread: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isStopped = false
        var namespace: Int32 = -1
    }

    private final class Shared: Sendable {
        let state = Mutex(State())
        let descriptor = eventfd(0, 0)

        func signal() {
            var one: UInt64 = 1
            _ = write(self.descriptor, &one, 8)
        }

        func wait() {
            var value: UInt64 = 0
            _ = read(self.descriptor, &value, 8)
        }

        deinit {
            close(self.descriptor)
            self.state.withLock { if $0.namespace >= 0 { close($0.namespace) } }
        }
    }

    private let shared = Shared()

    /// Descriptor of the namespace, for other threads to enter.
    var namespace: Int32 { self.shared.state.withLock { $0.namespace } }

    func start() {
        final class Box: Sendable {
            let owner: NamespaceThread
            init(_ owner: NamespaceThread) { self.owner = owner }
        }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(self))
        pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let owner = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().owner
                let shared = owner.shared
                precondition(clinux_unshare(CLONE_NEWNET) == 0, "tests need root")
                shared.state.withLock { $0.namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC) }
                while true {
                    let (jobs, isStopped) = shared.state.withLock { state in
                        let jobs = state.jobs
                        state.jobs = []
                        return (jobs, state.isStopped)
                    }
                    for job in jobs { job.runSynchronously(on: owner.asUnownedTaskExecutor()) }
                    if jobs.isEmpty && isStopped { return nil }
                    if jobs.isEmpty { shared.wait() }
                }
            },
            box.toOpaque()
        )
        pthread_detach(thread)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.shared.state.withLock { $0.jobs.append(job) }
        self.shared.signal()
    }

    func stop() {
        self.shared.state.withLock { $0.isStopped = true }
        self.shared.signal()
    }

    /// Moves the calling thread into the namespace.
    func enter() throws(NetlinkError) {
        guard clinux_setns(self.namespace, CLONE_NEWNET) == 0 else {
            throw NetlinkError(code: errno, request: "enter namespace")
        }
    }
}

/// Runs `body` on a thread in a fresh network namespace that has `lo` up.
func withNamespace(_ body: @Sendable (NamespaceThread) async throws -> Void) async throws {
    let thread = NamespaceThread()
    thread.start()
    defer { thread.stop() }
    try await withTaskExecutorPreference(thread) {
        try ip("link set lo up")
        try await body(thread)
    }
}

struct CommandFailure: Error {
    var command: String
    var status: Int32
}

/// Runs a program in the calling thread's namespace; `words` are split at spaces.
func run(_ words: String) throws {
    let arguments = words.split(separator: " ").map(String.init)
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    var pid = pid_t()
    let result = posix_spawnp(&pid, arguments[0], nil, nil, pointers, environ)
    guard result == 0 else { throw CommandFailure(command: words, status: result) }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    guard status == 0 else { throw CommandFailure(command: words, status: status) }
}

/// Runs `ip`.
func ip(_ words: String) throws {
    try run("ip " + words)
}

/// Polls until `condition` holds or five seconds have passed.
func eventually(_ condition: () throws -> Bool) async throws -> Bool {
    for _ in 0..<3000 {
        if try condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return try condition()
}
