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

/// A prefix with its first path inline: 32 octets for IPv4, half a cache line, and 48 for IPv6.
///
/// prefix 5 or 17, state 1, holders 2, path 16, journal 4, node 4. When there is a best path it is the inline one, so
/// export reads one cache line. Further paths, and what is counted of them, sit in ``PathNode``s.
struct Destination<P: IPPrefixProtocol>: BitwiseCopyable {
    var prefix: P
    /// Flags, and above them the kinds of the latest journal entry.
    private var state: UInt8 = 0
    /// Consumers that have announced this destination; it is not reused while there is any.
    var holders: UInt16 = 0
    var path = Path()
    /// Low half of the latest journal position.
    var journal: UInt32 = 0
    /// First node of the paths beside the inline one, 0 none.
    var node: UInt32 = 0

    typealias Flags = DestinationFlags

    init(prefix: P) {
        self.prefix = prefix
    }

    var flags: Flags {
        @inline(__always)
        get { Flags(rawValue: self.state & 15) }
        @inline(__always)
        set { self.state = self.state & 0xF0 | newValue.rawValue }
    }

    /// Kinds of the latest journal entry.
    var kinds: ChangeKinds {
        @inline(__always)
        get { ChangeKinds(rawValue: self.state >> 4) }
        @inline(__always)
        set { self.state = self.state & 15 | newValue.rawValue << 4 }
    }

    @inline(__always)
    var hasBest: Bool { self.flags.contains(.hasBest) }

    @inline(__always)
    var hasPath: Bool { self.flags.contains(.hasPath) }

    /// Whether there are paths beside the inline one.
    @inline(__always)
    var hasSeveralPaths: Bool { self.node != 0 }

    @inline(__always)
    var hasOnePath: Bool { self.hasPath && self.node == 0 }
}

/// State bits of a destination; four of them.
struct DestinationFlags: OptionSet, BitwiseCopyable {
    var rawValue: UInt8
    /// The inline path is the best one.
    static let hasBest = DestinationFlags(rawValue: 1)
    /// The entry is in use.
    static let isLive = DestinationFlags(rawValue: 2)
    /// Some path had a MULTI_EXIT_DISC since the entry was made.
    static let hasMED = DestinationFlags(rawValue: 4)
    /// There is a path.
    static let hasPath = DestinationFlags(rawValue: 8)
}

/// Three more paths of a destination: 64 octets, one cache line.
///
/// Only the first node of a chain is partly filled, and it alone knows what is counted of the whole destination.
struct PathNode: BitwiseCopyable {
    static let capacity: UInt32 = 3

    var first = Path()
    var second = Path()
    var third = Path()
    /// Next node, 0 none.
    var next: UInt32 = 0
    /// Entries in use, from `first`.
    var count: UInt32 = 0
    /// In the first node: all paths of the destination, the inline one included.
    var total: UInt32 = 0
    /// In the first node: sources that have had a path since there is one, by ``bit(_:)``; whoever is missing needs no
    /// search.
    var sources: UInt16 = 0

    /// The bit of a source, shared by those with the same index modulo 16.
    @inline(__always)
    static func bit(_ source: UInt16) -> UInt16 { 1 << (source & 15) }

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

/// What changed about a destination; three bits.
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
