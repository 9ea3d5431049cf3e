import Glibc
import Resources

/// The file operations of the directory store; each failure carries the path and the system's own words.
enum Files {
    /// Largest manifest that is read, in bytes.
    static let maximumSize = 16 * 1024 * 1024

    /// What tells one state of a file from another without reading it.
    struct Signature: Hashable, Sendable {
        var device: UInt
        var inode: UInt
        var size: Int
        var modified: [Int]
    }

    struct Failure: Error, CustomStringConvertible {
        var path: String
        var code: Int32

        var description: String { "\(self.path): \(String(cString: strerror(self.code)))" }
    }

    enum Entry {
        case file(Signature, modifiedAt: Int)
        case directory
    }

    /// What stands at `path`, symbolic links followed; nil when nothing does.
    static func entry(_ path: String) -> Entry? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .directory
        case S_IFREG:
            let times = [
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ]
            let signature = Signature(
                device: UInt(status.st_dev),
                inode: UInt(status.st_ino),
                size: Int(status.st_size),
                modified: times
            )
            return .file(signature, modifiedAt: status.st_mtim.tv_sec)
        default: return nil
        }
    }

    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(path: path, code: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(path: path, code: errno) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= Self.maximumSize else { throw Failure(path: path, code: EFBIG) }
        }
    }

    /// Replaces `path` so that every reader sees the old text or the new, also after a power cut.
    static func replace(_ path: String, with text: String) throws(Failure) {
        guard let slash = path.lastIndex(of: "/") else { throw Failure(path: path, code: EINVAL) }
        let directory = String(path[..<slash])
        try self.makeDirectories(directory)
        var generator = SystemRandomNumberGenerator()
        let temporary = "\(directory)/.tmp-\(getpid())-\(String(generator.next(), radix: 16))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(path: temporary, code: errno) }
        var rest = Array(text.utf8)[...]
        var code: Int32 = 0
        while !rest.isEmpty, code == 0 {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { code = errno }
        }
        if code == 0, fsync(descriptor) != 0 { code = errno }
        close(descriptor)
        if code == 0, rename(temporary, path) != 0 { code = errno }
        guard code == 0 else {
            unlink(temporary)
            throw Failure(path: path, code: code)
        }
        self.synchronize(directory)
    }

    static func remove(_ path: String) throws(Failure) {
        guard unlink(path) == 0 || errno == ENOENT else { throw Failure(path: path, code: errno) }
        if let slash = path.lastIndex(of: "/") { self.synchronize(String(path[..<slash])) }
    }

    static func makeDirectories(_ path: String) throws(Failure) {
        if case .directory? = self.entry(path) { return }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try self.makeDirectories(String(path[..<slash]))
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Failure(path: path, code: errno) }
    }

    private static func synchronize(_ directory: String) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }
}

/// An exclusive lock between processes, held until the value goes.
struct FileLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock at `path`, waiting up to five seconds for another holder.
    init(_ path: String) async throws(DatastoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unavailable("\(Files.Failure(path: path, code: errno))") }
        for _ in 0..<1000 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                self.descriptor = descriptor
                return
            }
            if (try? await Task.sleep(for: .milliseconds(5))) == nil { break }
        }
        close(descriptor)
        throw .unavailable("\(path) is locked by another process")
    }

    /// Gives the lock back, here and not earlier.
    consuming func release() {}

    deinit { close(self.descriptor) }
}
