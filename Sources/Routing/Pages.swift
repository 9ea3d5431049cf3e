internal import Glibc

/// Memory taken from and given back to the system in whole pages, past the allocator.
///
/// What the allocator frees may stay with the process because something else lies behind it; what is unmapped or
/// discarded here does not.
enum Pages {
    /// Octets of a page; sizes here are rounded up to it.
    static let size = 4096

    static func rounded(_ count: Int) -> Int { (count + self.size - 1) & ~(self.size - 1) }

    /// Zeroed pages that become resident as they are touched.
    @unsafe
    static func map(_ count: Int) -> UnsafeMutableRawPointer {
        let memory = unsafe mmap(
            nil,
            self.rounded(count),
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS,
            -1,
            0
        )
        // Out of memory ends the process, as in the runtime. MAP_FAILED is all ones.
        guard let memory = unsafe memory, Int(bitPattern: memory) != -1 else {
            preconditionFailure("out of memory")
        }
        return unsafe memory
    }

    /// Makes pages resident that are about to be written, with one call instead of a fault for each, and without the
    /// system's page of zeros in between where they are read first.
    ///
    /// Where the system does not know how, nothing happens, and they become resident as they are touched.
    @unsafe
    static func populate(_ memory: UnsafeMutableRawPointer, _ count: Int) {
        unsafe _ = madvise(memory, self.rounded(count), Self.populateForWriting)
    }

    /// MADV_POPULATE_WRITE, since Linux 5.14.
    private static let populateForWriting: CInt = 23

    /// Gives a mapping of `count` octets back.
    @unsafe
    static func unmap(_ memory: UnsafeMutableRawPointer, _ count: Int) {
        unsafe _ = munmap(memory, self.rounded(count))
    }

    /// Gives the pages back but keeps the addresses: they read as zeros from now on.
    @unsafe
    static func discard(_ memory: UnsafeMutableRawPointer, _ count: Int) {
        unsafe _ = madvise(memory, self.rounded(count), MADV_DONTNEED)
    }
}

/// Which entries of a chunk are in use, and where to get the next one.
///
/// Shared by the pools of fixed-size entries and the slabs of byte strings. The free list itself lies in the entries.
struct ChunkUse: BitwiseCopyable {
    /// First entry given back, plus one; 0 none.
    var free: UInt32 = 0
    /// Entries in use.
    var live: UInt32 = 0
    /// Entries ever used since the pages were fresh.
    var fresh: UInt32 = 0
    /// Whether a list of chunks with room names this one.
    var isListed = false
    /// Whether the pages are with the system.
    var isVacant = false
}
