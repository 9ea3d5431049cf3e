internal import Glibc
internal import Synchronization

/// A thread that owns a ``NetlinkKernel`` and performs work on it in the order in which it was submitted.
///
/// For callers that must not block: event loops and tasks. Keep one batch outstanding; the queue has no bound of its own.
public final class KernelThread: Sendable {
    private typealias Work = @Sendable (any NetlinkKernel) -> Void

    private struct State {
        var queue: [Work] = []
        var isStopped = false
    }

    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    private let shared = Shared()
    private let wakeUp: WakeUp
    private let thread = Mutex<OwnThread?>(nil)

    private enum Opening {
        case pending
        case open
        case failed(NetlinkError)
    }

    /// Starts the thread and opens the kernel on it, so that `open` may first enter a network namespace.
    public init(
        name: String = "kernel",
        open: @escaping @Sendable () throws(NetlinkError) -> any NetlinkKernel = { () throws(NetlinkError) in
            try LinuxKernel()
        }
    ) throws(NetlinkError) {
        let wakeUp = try WakeUp()
        self.wakeUp = wakeUp
        let opened = try WakeUp()
        let opening = SharedValue<Opening>(.pending)
        let thread = try OwnThread(name: name) { [shared] in
            do throws(NetlinkError) {
                let kernel = try open()
                opening.set(.open)
                opened.signal()
                Self.run(kernel, shared, wakeUp)
            } catch {
                opening.set(.failed(error))
                opened.signal()
            }
        }
        while case .pending = opening.get() { opened.wait() }
        if case .failed(let error) = opening.get() {
            thread.join()
            throw error
        }
        self.thread.withLock { $0 = thread }
    }

    deinit {
        self.shared.state.withLock { $0.isStopped = true }
        self.wakeUp.signal()
        self.thread.withLock { $0.take() }?.detach()
    }

    private static func run(_ kernel: any NetlinkKernel, _ shared: Shared, _ wakeUp: WakeUp) {
        while true {
            let (work, isStopped) = shared.state.withLock { state in
                let work = state.queue
                state.queue = []
                return (work, state.isStopped)
            }
            for work in work { work(kernel) }
            if !work.isEmpty { continue }
            if isStopped { return }
            wakeUp.wait()
        }
    }

    /// Queues work; false when the thread was stopped.
    @discardableResult
    public func submit(_ work: @escaping @Sendable (any NetlinkKernel) -> Void) -> Bool {
        let (accepted, wasEmpty) = self.shared.state.withLock { state in
            guard !state.isStopped else { return (false, false) }
            state.queue.append(work)
            return (true, state.queue.count == 1)
        }
        if wasEmpty { self.wakeUp.signal() }
        return accepted
    }

    /// Performs work and returns its result; throws ESHUTDOWN when the thread was stopped.
    public func perform<Value: Sendable>(
        _ work: @escaping @Sendable (any NetlinkKernel) throws(NetlinkError) -> Value
    ) async throws(NetlinkError) -> Value {
        let result: Result<Value, NetlinkError> = await withCheckedContinuation { continuation in
            let accepted = self.submit { kernel in
                do throws(NetlinkError) {
                    continuation.resume(returning: .success(try work(kernel)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
            if !accepted {
                continuation.resume(
                    returning: .failure(NetlinkError(code: ESHUTDOWN, request: "use a stopped kernel thread"))
                )
            }
        }
        return try result.get()
    }

    /// Finishes queued work, then ends the thread and closes the kernel.
    ///
    /// Refuses further work.
    public func stop() {
        self.shared.state.withLock { $0.isStopped = true }
        self.wakeUp.signal()
        guard let thread = self.thread.withLock({ $0.take() }) else { return }
        if thread.isCurrent { thread.detach() } else { thread.join() }
    }
}

/// A value that threads hand to each other.
final class SharedValue<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }

    func get() -> Value { self.value.withLock { $0 } }

    func set(_ value: Value) { self.value.withLock { $0 = value } }
}
