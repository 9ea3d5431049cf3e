import Glibc
import Synchronization

/// Tells of finished changes in a set of directories: a thread that waits on inotify, with polling as fallback.
///
/// A file counts as changed when a writer closed it, or it was renamed, linked or removed: never half-written.
final class DirectoryWatcher: Sendable {
    enum Change: Hashable, Sendable {
        /// Entries with these paths changed.
        case entries(Set<String>)
        /// Everything may have changed: a directory appeared or was swapped, or events were lost.
        case everything
        /// Time to look for what no event told.
        case poll
    }

    private let inotify: Int32
    private let wakeWriter: Int32
    private let directories = Mutex<[Int32: String]>([:])

    /// Starts the thread; nil when the system has no descriptors or threads left.
    init?(pollMilliseconds: Int32, handler: @escaping @Sendable (Change) -> Void) {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        var pipe: [Int32] = [-1, -1]
        guard descriptor >= 0 else { return nil }
        guard Glibc.pipe(&pipe) == 0 else {
            close(descriptor)
            return nil
        }
        for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        self.inotify = descriptor
        self.wakeWriter = pipe[1]
        let wakeReader = pipe[0]
        let body = ThreadBody { [weak self] in
            Self.run(descriptor, wakeReader, pollMilliseconds, { self?.read() }, handler)
        }
        var thread = pthread_t()
        let reference = Unmanaged.passRetained(body)
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            },
            reference.toOpaque()
        )
        guard result == 0 else {
            reference.release()
            close(descriptor)
            close(wakeReader)
            return nil
        }
        pthread_detach(thread)
    }

    // The thread sees the closed pipe, ends and closes the other two descriptors.
    deinit { close(self.wakeWriter) }

    private final class ThreadBody: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// Watches `directory` from now on; again is harmless.
    func add(_ directory: String) {
        let mask =
            UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_DELETE)
            | UInt32(IN_CREATE) | UInt32(IN_ONLYDIR)
        let watch = inotify_add_watch(self.inotify, directory, mask)
        guard watch >= 0 else { return }
        self.directories.withLock { $0[watch] = directory }
    }

    private static func run(
        _ inotify: Int32,
        _ wakeReader: Int32,
        _ pollMilliseconds: Int32,
        _ read: () -> Change?,
        _ handler: (Change) -> Void
    ) {
        var descriptors = [
            pollfd(fd: inotify, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let count = Glibc.poll(&descriptors, 2, pollMilliseconds)
            if descriptors[1].revents != 0 { break }
            if count == 0 { handler(.poll) }
            guard count > 0, descriptors[0].revents != 0 else { continue }
            if let change = read() { handler(change) }
        }
        close(inotify)
        close(wakeReader)
    }

    private func read() -> Change? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var paths: Set<String> = []
        var isEverything = false
        while true {
            let count = Glibc.read(self.inotify, &buffer, buffer.count)
            guard count > 0 else { break }
            var offset = 0
            let header = MemoryLayout<inotify_event>.size
            while offset + header <= count {
                let (watch, mask, length) = buffer.withUnsafeBytes {
                    let event = $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    return (event.wd, event.mask, Int(event.len))
                }
                let end = min(offset + header + length, count)
                let name = String(decoding: buffer[(offset + header)..<end].prefix { $0 != 0 }, as: UTF8.self)
                offset = end
                if mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    isEverything = true
                } else if mask & UInt32(IN_IGNORED) != 0 {
                    self.directories.withLock { $0[watch] = nil }
                } else if let directory = self.directories.withLock({ $0[watch] }) {
                    let path = "\(directory)/\(name)"
                    if mask & UInt32(IN_ISDIR) != 0 || name == "..data" {
                        isEverything = true
                    } else if mask & UInt32(IN_CREATE) == 0 || Self.isLink(path) {
                        paths.insert(path)
                    }
                }
            }
        }
        if isEverything { return .everything }
        return paths.isEmpty ? nil : .entries(paths)
    }

    /// Links are complete the moment they are created; other new files are waited for until closed.
    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT == S_IFLNK || status.st_nlink > 1
    }
}
