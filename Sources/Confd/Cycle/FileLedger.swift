/// What earlier cycles know of the files in place and of the stage, so that a cycle reads and links only what it must.
///
/// Nothing is taken for granted that someone else could change: a file in place counts as known while its identity is
/// the one under which its content was compared.
struct FileLedger {
    private struct Seen {
        var identity: FileTree.Identity
        var content: [UInt8]
    }

    private var seen: [String: Seen] = [:]
    /// Inodes that the kept stage holds links to, by destination; nil when there is no kept stage.
    var staged: [String: UInt64]?
    /// The directories of the kept stage as the last cycle left them.
    var stageIdentities: [FileTree.Identity]?

    /// A file that was written less than this before its comparison, in nanoseconds, may be written again without a sign:
    /// clocks of file systems tick slowly.
    private static let tick: Int64 = 100_000_000

    /// Files known.
    var count: Int { self.seen.count }

    /// Whether a file with that identity was found to have that content.
    func knows(_ path: String, _ identity: FileTree.Identity, _ content: [UInt8]) -> Bool {
        guard let seen = self.seen[path] else { return false }
        return seen.identity == identity && seen.content == content
    }

    /// Notes a comparison that found both equal.
    mutating func note(_ path: String, _ identity: FileTree.Identity, _ content: [UInt8]) {
        let isSettled = FileTree.now - max(identity.changed, identity.modified) > Self.tick
        self.seen[path] = isSettled ? Seen(identity: identity, content: content) : nil
    }

    /// Forgets files that are not wanted any more.
    mutating func keep(_ paths: Set<String>) {
        self.seen = self.seen.filter { paths.contains($0.key) }
    }
}
