internal import Glibc

/// The file operations of a cycle, with errors that name path and operation.
enum FileTree {
    struct Status: Hashable {
        var mode: UInt32
        var userID: UInt32
        var groupID: UInt32
        var isRegular: Bool
        var isDirectory: Bool
        var size: Int
        var identity: Identity
    }

    /// What changes when anyone writes to a file, replaces it or changes its mode.
    struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
        var size: Int
        var modified: Int64
        var changed: Int64
    }

    /// Nanoseconds of a time.
    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// The time that identities are about.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return self.nanoseconds(time)
    }

    /// Whether a path stays where it is put: relative, no empty, `.` or `..` components, no control characters.
    static func isPlainRelativePath(_ path: String) -> Bool {
        !path.isEmpty && path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            && path.split(separator: "/", omittingEmptySubsequences: false)
                .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }

    static func text(ofError number: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
        let octets = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: octets, as: UTF8.self)
    }

    private static func fault(_ operation: String, _ path: String) -> ConfdError {
        .file(path: path, operation: operation, errorNumber: errno)
    }

    /// Status without following links; nil when there is nothing.
    static func status(of path: String) throws(ConfdError) -> Status? {
        var buffer = stat()
        guard lstat(path, &buffer) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw self.fault("stat", path)
        }
        return Status(
            mode: buffer.st_mode & 0o7777,
            userID: buffer.st_uid,
            groupID: buffer.st_gid,
            isRegular: buffer.st_mode & S_IFMT == S_IFREG,
            isDirectory: buffer.st_mode & S_IFMT == S_IFDIR,
            size: Int(buffer.st_size),
            identity: Identity(
                device: UInt64(buffer.st_dev),
                inode: UInt64(buffer.st_ino),
                size: Int(buffer.st_size),
                modified: self.nanoseconds(buffer.st_mtim),
                changed: self.nanoseconds(buffer.st_ctim)
            )
        )
    }

    /// Reads a regular file of at most `limit` bytes.
    static func read(_ path: String, limit: Int) throws(ConfdError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw self.fault("open", path) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        // As long as a file of the expected size needs, and one octet to see that there is no more.
        var buffer = [UInt8](repeating: 0, count: limit < 65_536 ? limit + 1 : 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw self.fault("read", path)
            }
            if count == 0 { return content }
            guard content.count + count <= limit else {
                throw .file(path: path, operation: "read", errorNumber: EFBIG)
            }
            content += buffer[..<count]
        }
    }

    /// Names in a directory, sorted; none when it is missing.
    static func names(in path: String) throws(ConfdError) -> [String] {
        guard let directory = opendir(path) else {
            if errno == ENOENT { return [] }
            throw self.fault("opendir", path)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            // The name is an array inside the entry, ended by a zero, and valid until the next call.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes a directory and those above it.
    static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(ConfdError) {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw self.fault("mkdir", path)
        }
        try self.makeDirectory(String(path[..<slash]))
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw self.fault("mkdir", path) }
    }

    /// Writes a file that must not exist yet, readable by its owner alone until mode and owner are set.
    static func create(
        _ path: String,
        content: [UInt8],
        mode: UInt32,
        userID: UInt32,
        groupID: UInt32
    ) throws(ConfdError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw self.fault("create", path) }
        defer { close(descriptor) }
        try self.write(content, to: descriptor, path: path)
        if userID != geteuid() || groupID != getegid() {
            guard fchown(descriptor, userID, groupID) == 0 else { throw self.fault("chown", path) }
        }
        guard fchmod(descriptor, mode) == 0 else { throw self.fault("chmod", path) }
    }

    private static func write(_ content: [UInt8], to descriptor: Int32, path: String) throws(ConfdError) {
        var rest = content[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw self.fault("write", path)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Puts a staged file in the place of another.
    ///
    /// A destination that is a mount of its own cannot be renamed over; its content is replaced instead, which is the
    /// one case where a reader can see half a file.
    static func replace(_ destination: String, with staged: String) throws(ConfdError) {
        if rename(staged, destination) == 0 { return }
        guard errno == EBUSY || errno == EXDEV else { throw self.fault("rename", destination) }
        let content = try self.read(staged, limit: .max)
        let descriptor = open(destination, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw self.fault("open", destination) }
        defer { close(descriptor) }
        try self.write(content, to: descriptor, path: destination)
        try self.remove(staged)
    }

    /// Makes a second name for a file, or a copy where the file system cannot.
    static func link(_ source: String, as path: String) throws(ConfdError) {
        if Glibc.link(source, path) == 0 { return }
        let content = try self.read(source, limit: .max)
        try self.create(path, content: content, mode: 0o600, userID: geteuid(), groupID: getegid())
    }

    /// Removes a file; one that is not there is fine.
    static func remove(_ path: String) throws(ConfdError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw self.fault("unlink", path) }
    }

    /// Removes a directory with all that is in it, without following links.
    static func removeTree(_ path: String) throws(ConfdError) {
        guard let status = try self.status(of: path) else { return }
        guard status.isDirectory else { return try self.remove(path) }
        for name in try self.names(in: path) { try self.removeTree(path + "/" + name) }
        guard rmdir(path) == 0 || errno == ENOENT else { throw self.fault("rmdir", path) }
    }
}
