internal import Glibc
internal import ServiceLifecycle

/// Pages of the program's own files that only the start touched.
///
/// The runtime reads most of its metadata once while it looks up conformances, and the kernel maps sixteen pages for
/// each one touched: tens of MiB that are never looked at again. They are clean and unwritable, so they can be dropped
/// at any time; what is still needed comes back from the page cache.
enum StartupPages {
    /// Drops them; does nothing where `/proc` cannot be read.
    ///
    /// Returns how many octets of address space were told to the kernel.
    @discardableResult
    static func release() -> Int {
        var total = 0
        for range in self.droppable(in: self.contents("/proc/self/smaps")) {
            guard let start = UnsafeMutableRawPointer(bitPattern: range.lowerBound),
                madvise(start, range.count, MADV_DONTNEED) == 0
            else { continue }
            total += range.count
        }
        return total
    }

    /// Address ranges, from the text of an `smaps` file, of unwritable mappings of files without a page of their own.
    ///
    /// A relocated page (RELRO) is unwritable as well but exists nowhere else: mappings with anonymous pages stay.
    static func droppable(in smaps: String) -> [Range<UInt>] {
        var ranges: [Range<UInt>] = []
        var mapping: Range<UInt>?
        for line in smaps.split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard let first = fields.first else { continue }
            if first == "Anonymous:" {
                if let range = mapping, fields.count > 1, fields[1] == "0" { ranges.append(range) }
                mapping = nil
            } else if !first.hasSuffix(":") {
                let bounds = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
                let isFile = fields.count > 5 && fields[5].hasPrefix("/")
                let isUnwritable = fields.count > 1 && ["r--p", "r-xp"].contains(fields[1])
                mapping =
                    isFile && isUnwritable && bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : nil
            }
        }
        return ranges
    }

    private static func contents(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < 1 << 22 {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Drops the pages of the start once the services run.
struct StartupPagesService: Service {
    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            try await Task.sleep(for: .seconds(2))
            StartupPages.release()
            // The group ends with its first service.
            try await gracefulShutdown()
        }
    }
}
