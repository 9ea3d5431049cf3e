import ArgumentParser
import ControlAPI
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `bgpctl dump`.
struct Dump: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write running tables to a file.",
        subcommands: [DumpMRT.self]
    )
}

/// `bgpctl dump mrt`.
struct DumpMRT: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrt",
        abstract: "Write tables as MRT TABLE_DUMP_V2 records (RFC 6396).",
        discussion: """
            The file holds all accepted routes. It is written under another name and renamed at the end, so that a dump \
            that broke off never looks whole; '-' is standard output.
            """
    )

    @OptionGroup
    var options: ControlOptions

    @Option(help: "Only this table.")
    var table: String?

    @Option(help: "Only tables of this family: ipv4 or ipv6.")
    var family: String?

    @Argument(help: "File to write.")
    var file: String

    private func query() throws -> TableDumpQuery {
        var query = TableDumpQuery(table: self.table)
        guard let family = self.family else { return query }
        guard let value = RouteQuery.Family(rawValue: family) else {
            throw ValidationError("--family is one of: ipv4, ipv6")
        }
        query.family = value
        return query
    }

    func validate() throws { _ = try self.query() }

    func execute(_ invocation: Invocation) async throws {
        let query = try self.query()
        guard self.file != "-" else {
            return try await invocation.client.dumpTables(query) { chunk in
                try invocation.output.stream(octets: chunk.readableBytesView)
            }
        }
        let target = try DumpFile(path: self.file)
        do {
            try await invocation.client.dumpTables(query) { try target.write($0) }
            try target.finish()
        } catch {
            target.discard()
            throw error
        }
        if invocation.json {
            try invocation.writeJSON(Result(file: self.file, bytes: target.count))
        } else {
            invocation.output.writeLine(printable("\(self.file): \(target.count) octets"))
        }
    }

    struct Result: Codable {
        var file: String
        var bytes: UInt64
    }
}

/// A file that has its name only once it is whole.
private final class DumpFile {
    private let path: String
    private let temporaryPath: String
    private var descriptor: Int32
    private(set) var count: UInt64 = 0

    init(path: String) throws {
        self.path = path
        self.temporaryPath = "\(path).\(getpid()).part"
        self.descriptor = open(self.temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard self.descriptor >= 0 else { throw Self.failure(self.temporaryPath) }
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure(description: "\(path): \(String(cString: strerror(errno)))")
    }

    func write(_ chunk: ByteBuffer) throws {
        var rest = chunk.readableBytesView[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Self.write(self.descriptor, $0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(self.temporaryPath) }
            rest = rest.dropFirst(count)
        }
        self.count += UInt64(chunk.readableBytes)
    }

    private static func write(_ descriptor: Int32, _ octets: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, octets.baseAddress, octets.count)
        #else
        Musl.write(descriptor, octets.baseAddress, octets.count)
        #endif
    }

    /// Gives the file its name.
    func finish() throws {
        // What the disk does not hold must not take the place of an older dump.
        guard fsync(self.descriptor) == 0 || errno == EINVAL || errno == EROFS, self.close() == 0,
            rename(self.temporaryPath, self.path) == 0
        else { throw Self.failure(self.path) }
    }

    /// Leaves nothing behind.
    func discard() {
        _ = self.close()
        unlink(self.temporaryPath)
    }

    private func close() -> Int32 {
        guard self.descriptor >= 0 else { return 0 }
        defer { self.descriptor = -1 }
        #if canImport(Glibc)
        return Glibc.close(self.descriptor)
        #else
        return Musl.close(self.descriptor)
        #endif
    }
}
