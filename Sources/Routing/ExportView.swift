/// Which paths of a destination a group of peers is sent.
public enum ExportView: Hashable, Sendable, BitwiseCopyable {
    /// The best path.
    ///
    /// If the export policy rejects it, or it is the member's own, the member gets nothing.
    case best
    /// The best of the paths that the export policy accepts and that are not the member's own (`secondary`).
    ///
    /// A path is a member's own when it came from it or names its address as next hop.
    case firstAccepted
    /// The best paths that the export policy accepts, at most so many, with identifiers (RFC 7911).
    ///
    /// A member's own paths count, and are left out of what it gets: it knows them.
    case bestPaths(UInt8)
    /// All paths that the export policy accepts, with identifiers (RFC 7911), the member's own left out.
    case allPaths

    /// Whether prefixes carry path identifiers.
    public var sendsPathIDs: Bool {
        switch self {
        case .best, .firstAccepted: false
        case .bestPaths, .allPaths: true
        }
    }

    /// The largest number of paths.
    var limit: Int {
        switch self {
        case .best, .firstAccepted: 1
        case .bestPaths(let count): Int(count)
        case .allPaths: .max
        }
    }

    /// Kinds of changes that matter.
    var kinds: ChangeKinds { self == .best ? [.best, .attributes] : [.best, .attributes, .path] }

    /// Whether what is known of a group of this view serves one of the other.
    func isCompatible(with other: ExportView) -> Bool {
        self == other || self.sendsPathIDs && other.sendsPathIDs
    }
}
