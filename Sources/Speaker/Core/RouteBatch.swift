internal import BGPWire
internal import IPAddressing
internal import RouteModel

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

    var segments: [Segment] = []
    var attributes: [UInt8] = []
    var ipv4: [NLRI<IPv4Prefix>] = []
    var ipv6: [NLRI<IPv6Prefix>] = []

    /// Approximate octets held, for back-pressure.
    var size: Int {
        self.attributes.count + self.ipv4.count * MemoryLayout<NLRI<IPv4Prefix>>.stride
            + self.ipv6.count * MemoryLayout<NLRI<IPv6Prefix>>.stride
            + self.segments.count * MemoryLayout<Segment>.stride
    }

    /// Octets held.
    var capacity: Int {
        self.attributes.capacity + self.ipv4.capacity * MemoryLayout<NLRI<IPv4Prefix>>.stride
            + self.ipv6.capacity * MemoryLayout<NLRI<IPv6Prefix>>.stride
            + self.segments.capacity * MemoryLayout<Segment>.stride
    }

    var isEmpty: Bool { self.segments.isEmpty }
}
