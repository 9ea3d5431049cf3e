internal import ConfigLanguage
internal import Glibc

/// Configuration files of the file system.
struct FileSources: SourceProvider {
    func contents(of path: String, limit: Int) throws(SourceError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.systemError() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.systemError() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SourceError("not a regular file") }
        guard status.st_size <= limit else { throw SourceError("larger than \(limit) octets") }
        var bytes: [UInt8] = []
        // As long as a file of the expected size needs, and one octet to see that there is no more.
        var chunk = [UInt8](repeating: 0, count: min(65_536, max(1, Int(status.st_size) + 1)))
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count >= 0 else { throw Self.systemError() }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw SourceError("larger than \(limit) octets") }
        }
    }

    func entries(ofDirectory path: String) throws(SourceError) -> [String] {
        guard let directory = opendir(path.isEmpty ? "." : path) else {
            if errno == ENOENT { return [] }
            throw Self.systemError()
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func systemError() -> SourceError {
        SourceError(String(cString: strerror(errno)))
    }
}
