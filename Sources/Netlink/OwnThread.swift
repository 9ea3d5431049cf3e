internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread that runs one closure.
package final class OwnThread: @unchecked Sendable {
    // `handle` is written once, before `init` returns, and read by the one caller of `join`.
    private var handle = pthread_t()

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts the thread; `name` is cut to 15 octets.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(NetlinkError) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        let result = pthread_create(
            &self.handle,
            nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                clinux_name_thread(start.name)
                start.body()
                return nil
            },
            start.toOpaque()
        )
        guard result == 0 else {
            start.release()
            throw NetlinkError(code: result, request: "start thread \(name)")
        }
    }

    /// Whether the caller runs on this thread.
    package var isCurrent: Bool { pthread_equal(pthread_self(), self.handle) != 0 }

    /// Waits for the closure's end.
    ///
    /// Call it at most once.
    package func join() {
        pthread_join(self.handle, nil)
    }

    /// Lets the thread go on its own.
    ///
    /// Call it instead of ``join()``.
    package func detach() {
        pthread_detach(self.handle)
    }
}

/// An eventfd: wakes a thread that waits in poll or read.
package final class WakeUp: Sendable {
    let fd: Int32

    package init() throws(NetlinkError) {
        self.fd = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard self.fd >= 0 else { throw NetlinkError(code: errno, request: "create eventfd") }
    }

    deinit {
        close(self.fd)
    }

    package func signal() {
        var one: UInt64 = 1
        _ = write(self.fd, &one, 8)
    }

    /// Takes back signals so far.
    package func clear() {
        var value: UInt64 = 0
        _ = read(self.fd, &value, 8)
    }

    /// Waits for a signal, at most `milliseconds`; negative waits for ever.
    ///
    /// Takes the signal back.
    package func wait(milliseconds: Int32 = -1) {
        var descriptor = pollfd(fd: self.fd, events: Int16(POLLIN), revents: 0)
        _ = poll(&descriptor, 1, milliseconds)
        self.clear()
    }
}
