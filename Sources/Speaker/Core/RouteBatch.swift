internal import BGPWire
internal import IPAddressing
internal import RouteModel
internal import Routing

/// What one session read at a go, as flat arrays: the unit that crosses from a session's loop to the core.
struct RouteBatch: Sendable {
    /// One attribute set with its prefixes, or a mark in the stream.
    ///
    /// Order matters.
    struct Segment: Sendable {
        /// What the segment says.
        var kind: Kind
        /// Whether its prefixes are in `ipv4`, else in `ipv6`.
        var isIPv4: Bool
        /// What the import policy said of an announcement.
        var judgement = Judgement.open
        /// Hash of the attribute octets as the decoder computed it.
        var attributesHash: UInt64 = 0
        /// Canonical attribute octets in `attributes`.
        var attributes: Range<Int> = 0..<0
        /// Next hop of announcements.
        var nextHop: BGPNextHop?
        /// Prefixes in `ipv4` or `ipv6`.
        var nlri: Range<Int> = 0..<0

        /// Kinds of segments.
        enum Kind: UInt8, Sendable {
            case announce
            case withdraw
            case endOfRIB
            case beginningOfRefresh
            case endOfRefresh
        }
    }

    /// What the import policy said of a segment's routes on the session's loop: four octets, which fit between a
    /// segment's other fields.
    struct Judgement: Hashable, Sendable, BitwiseCopyable {
        private var value: Int32

        /// It was not asked: the core runs it.
        static let open = Judgement(value: -1)
        static let accepted = Judgement(value: -2)
        static let rejected = Judgement(value: -3)

        /// What it made of them is at this place in `changes`.
        static func changed(_ index: Int) -> Judgement { Judgement(value: Int32(truncatingIfNeeded: index)) }

        /// The place in `changes`, if it changed them.
        var change: Int? { self.value >= 0 ? Int(self.value) : nil }
    }

    /// Routes as the import policy left them.
    struct Change: Sendable {
        /// Canonical attribute octets in `attributes`.
        var attributes: Range<Int>
        var judgement: ImportJudgement
    }

    var segments: [Segment] = []
    var changes: [Change] = []
    /// The judges that ran the import policies, by ``ImportJudge/generation``; 0 nobody.
    var judgeIPv4: UInt32 = 0
    var judgeIPv6: UInt32 = 0
    var attributes: [UInt8] = []
    var ipv4: [NLRI<IPv4Prefix>] = []
    var ipv6: [NLRI<IPv6Prefix>] = []

    /// Approximate octets held, for back-pressure.
    var size: Int {
        self.attributes.count + self.ipv4.count * MemoryLayout<NLRI<IPv4Prefix>>.stride
            + self.ipv6.count * MemoryLayout<NLRI<IPv6Prefix>>.stride
            + self.segments.count * MemoryLayout<Segment>.stride
            + self.changes.count * MemoryLayout<Change>.stride
    }

    /// Octets held.
    var capacity: Int {
        self.attributes.capacity + self.ipv4.capacity * MemoryLayout<NLRI<IPv4Prefix>>.stride
            + self.ipv6.capacity * MemoryLayout<NLRI<IPv6Prefix>>.stride
            + self.segments.capacity * MemoryLayout<Segment>.stride
            + self.changes.capacity * MemoryLayout<Change>.stride
    }

    var isEmpty: Bool { self.segments.isEmpty }
}
