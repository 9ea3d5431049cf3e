internal import IPAddressing

/// One path: what one source says about a destination.
///
/// 16 octets per route and peer.
///
/// received 4, accepted 4, path id 4, source 2, flags 1, reason 1. The target is part of the attribute set's identity.
struct Path: BitwiseCopyable, Equatable {
    /// The set as received (Adj-RIB-In).
    var received: AttributeID = 0
    /// The set after import policy; 0 when rejected.
    var accepted: AttributeID = 0
    /// Path identifier (RFC 7911).
    var pathID: UInt32 = 0
    /// Index of the source.
    var source: UInt16 = 0
    /// The source's epoch when the path was last announced, four bits; for stale marks.
    var epoch: UInt8 = 0
    /// Why it is not accepted; 0 when it is.
    ///
    /// Raw value of ``RejectReason``.
    var reason: UInt8 = 0
}

/// A prefix with its first path inline: 40 octets for IPv4, 56 for IPv6.
///
/// prefix 8 or 24, path 16, journal 4, node 4, count 2, holders 2, kinds 1, flags 1, sources 2. When there is a best
/// path it is the inline one, so export reads one cache line. Further paths sit in ``PathNode``s.
struct Destination<P: IPPrefixProtocol>: BitwiseCopyable {
    var prefix: P
    var path = Path()
    /// Low half of the latest journal position.
    var journal: UInt32 = 0
    /// First node, 0 none.
    var node: UInt32 = 0
    /// Number of paths.
    var count: UInt16 = 0
    /// Consumers that have announced this destination; it is not reused while there is any.
    var holders: UInt16 = 0
    /// Kinds of the latest journal entry.
    var kinds: ChangeKinds = []
    var flags: Flags = []
    /// Sources that have had a path since there was none, by ``bit(_:)``: whoever is missing needs no search.
    var sources: UInt16 = 0

    typealias Flags = DestinationFlags

    @inline(__always)
    var hasBest: Bool { self.flags.contains(.hasBest) }

    /// The bit of a source, shared by those with the same index modulo 16.
    @inline(__always)
    static func bit(_ source: UInt16) -> UInt16 { 1 << (source & 15) }
}

/// State bits of a destination.
struct DestinationFlags: OptionSet, BitwiseCopyable {
    var rawValue: UInt8
    /// The inline path is the best one.
    static let hasBest = DestinationFlags(rawValue: 1)
    /// The entry is in use.
    static let isLive = DestinationFlags(rawValue: 2)
    /// Some path had a MULTI_EXIT_DISC since the entry was made.
    static let hasMED = DestinationFlags(rawValue: 4)
}

/// Three more paths of a destination: 64 octets, one cache line.
///
/// Only the first node of a chain is partly filled.
struct PathNode: BitwiseCopyable {
    static let capacity: UInt32 = 3

    var first = Path()
    var second = Path()
    var third = Path()
    /// Next node, 0 none.
    var next: UInt32 = 0
    /// Entries in use, from `first`.
    var count: UInt32 = 0
    var reserved: UInt64 = 0

    subscript(_ index: UInt32) -> Path {
        @inline(__always)
        get {
            switch index {
            case 0: self.first
            case 1: self.second
            default: self.third
            }
        }
        @inline(__always)
        set {
            switch index {
            case 0: self.first = newValue
            case 1: self.second = newValue
            default: self.third = newValue
            }
        }
    }
}

/// Where a path of a destination lies: node 0 is the inline one.
struct PathSlot: Equatable {
    var node: UInt32
    var index: UInt32

    static let inline = PathSlot(node: 0, index: 0)
}

/// What changed about a destination.
public struct ChangeKinds: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// The bits.
    public let rawValue: UInt8

    /// Creates a set.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Another path is best now, or there is one where there was none, or none where there was one.
    public static let best = ChangeKinds(rawValue: 1)
    /// The best path is the same but its attributes or gateways differ.
    public static let attributes = ChangeKinds(rawValue: 2)
    /// Some path that is not best came, went or changed.
    public static let path = ChangeKinds(rawValue: 4)
}
