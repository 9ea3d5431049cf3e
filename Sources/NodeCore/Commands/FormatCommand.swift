public import ArgumentParser
internal import ConfigLanguage
internal import Glibc

/// `martlet fmt FILE…`: lays configurations out in one way.
public struct FormatCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "fmt",
        abstract: "Print a speaker configuration in canonical layout.",
        discussion: """
            Only blanks and line ends change; comments are kept, and files that the configuration includes are left \
            alone. '-' reads standard input.
            """
    )

    @Argument(help: "Configuration files.")
    var files: [String]

    @Flag(help: "Change nothing; name the files whose layout differs, and fail if there are any.")
    var check = false

    @Flag(name: .shortAndLong, help: "Write files back instead of printing them.")
    var write = false

    /// Creates the command.
    public init() {}

    /// Refuses combinations without meaning.
    public func validate() throws {
        guard !(self.check && self.write) else { throw ValidationError("--check and --write exclude each other") }
        guard !self.files.isEmpty else { throw ValidationError("name a file, or '-' for standard input") }
        guard !self.write || !self.files.contains("-") else {
            throw ValidationError("standard input cannot be written back")
        }
    }

    /// Exit status 1 when a file cannot be read or laid out, or differs with `--check`.
    public func run() async throws {
        var failed = false
        for file in self.files {
            do {
                let bytes = try Self.read(file)
                let result = try ConfigurationFormatter.format(bytes, path: file)
                if self.check {
                    if result != bytes {
                        writeOutput(file)
                        failed = true
                    }
                } else if self.write {
                    if result != bytes { try AtomicFile.replace(file, with: result) }
                } else {
                    writeAll(result, to: 1)
                }
            } catch let diagnostic as Diagnostic {
                writeError("\(diagnostic)")
                failed = true
            } catch let error as SourceError {
                writeError("\(file): \(error.message)")
                failed = true
            }
        }
        if failed { throw ExitCode.failure }
    }

    private static func read(_ file: String) throws -> [UInt8] {
        let limit = 32 << 20
        guard file == "-" else { return try FileSources().contents(of: file, limit: limit) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(0, &chunk, chunk.count)
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw SourceError("larger than \(limit) octets") }
        }
    }
}

/// Writing a file in one step.
enum AtomicFile {
    /// Replaces a file's contents: whoever reads it sees the old ones or the new ones, whole.
    ///
    /// Owner and mode stay; a symbolic link stays one.
    static func replace(_ path: String, with bytes: [UInt8]) throws(SourceError) {
        guard let resolved = realpath(path, nil) else { throw Self.systemError() }
        let target = String(cString: resolved)
        free(resolved)
        var status = stat()
        guard stat(target, &status) == 0 else { throw Self.systemError() }
        var name = Array((target + ".XXXXXX").utf8CString)
        let descriptor = mkstemp(&name)
        guard descriptor >= 0 else { throw Self.systemError() }
        let temporary = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var isDone = fchmod(descriptor, status.st_mode & 0o7777) == 0
        // Only root may give files away; then the file belongs to whoever writes it.
        if isDone, geteuid() == 0 { isDone = fchown(descriptor, status.st_uid, status.st_gid) == 0 }
        isDone = isDone && writeAll(bytes, to: descriptor) && fsync(descriptor) == 0
        let failure = Self.systemError()
        isDone = close(descriptor) == 0 && isDone
        guard isDone, rename(temporary, target) == 0 else {
            unlink(temporary)
            throw isDone ? Self.systemError() : failure
        }
    }

    private static func systemError() -> SourceError { SourceError(String(cString: strerror(errno))) }
}
