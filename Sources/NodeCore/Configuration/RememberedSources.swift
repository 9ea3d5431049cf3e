internal import ConfigLanguage
internal import Glibc

/// Contents of files by device and inode: a file that is only linked or moved is known under its new path, too.
struct KnownContents: Sendable {
    fileprivate struct Place: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    fileprivate struct Identity: Equatable {
        var size: Int64
        var modified: timespec
        var changed: timespec

        static func == (one: Identity, other: Identity) -> Bool {
            one.size == other.size && one.modified.tv_sec == other.modified.tv_sec
                && one.modified.tv_nsec == other.modified.tv_nsec && one.changed.tv_sec == other.changed.tv_sec
                && one.changed.tv_nsec == other.changed.tv_nsec
        }
    }

    fileprivate struct Entry {
        var identity: Identity
        var bytes: [UInt8]
    }

    fileprivate var entries: [Place: Entry] = [:]
}

/// Configuration files of the file system, of which those that did not change since the last reading are not read again.
///
/// A file that changed less than a moment before it is read is not remembered: it may change again without a sign, because
/// the clocks of file systems tick slowly. For use by one reading.
final class RememberedSources: SourceProvider {
    private let files = FileSources()
    private let known: KnownContents
    private let place: (String) -> String
    /// What this reading saw.
    private(set) var seen = KnownContents()

    private static let tick: Int64 = 100_000_000

    /// Creates sources whose files lie where `place` says.
    init(known: KnownContents, place: @escaping (String) -> String) {
        self.known = known
        self.place = place
        self.seen.entries.reserveCapacity(known.entries.count)
    }

    func contents(of path: String, limit: Int) throws(SourceError) -> [UInt8] {
        let path = self.place(path)
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
            return try self.files.contents(of: path, limit: limit)
        }
        let key = KnownContents.Place(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        let identity = KnownContents.Identity(
            size: Int64(status.st_size),
            modified: status.st_mtim,
            changed: status.st_ctim
        )
        if let entry = self.known.entries[key], entry.identity == identity {
            self.seen.entries[key] = entry
            return entry.bytes
        }
        let bytes = try self.files.contents(of: path, limit: limit)
        if Self.isSettled(status), bytes.count == Int(status.st_size) {
            self.seen.entries[key] = KnownContents.Entry(identity: identity, bytes: bytes)
        }
        return bytes
    }

    func entries(ofDirectory path: String) throws(SourceError) -> [String] {
        guard !path.isEmpty else { return try self.files.entries(ofDirectory: path) }
        let directory = self.place(path.hasSuffix("/") ? path : path + "/")
        return try self.files.entries(ofDirectory: directory.count > 1 ? String(directory.dropLast()) : directory)
    }

    private static func isSettled(_ status: stat) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
        return nanoseconds(now) - max(nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)) > self.tick
    }
}
