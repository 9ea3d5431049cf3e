public import BGPWire

/// A table of a routing core.
public struct TableID: Hashable, Sendable, BitwiseCopyable {
    let rawValue: UInt16

    init(index: Int, isIPv4: Bool) {
        self.rawValue = UInt16(index) | (isIPv4 ? 0 : 0x8000)
    }

    /// Whether the table holds IPv4 routes, else IPv6.
    public var isIPv4: Bool { self.rawValue & 0x8000 == 0 }
    /// The family of its routes.
    public var family: AddressFamily { self.isIPv4 ? .ipv4Unicast : .ipv6Unicast }
    var index: Int { Int(self.rawValue & 0x7FFF) }
}

/// A source of routes: a channel of a BGP peer or of a local protocol instance.
///
/// Reused after removal is complete.
public struct SourceID: Hashable, Sendable, Comparable, BitwiseCopyable {
    /// Index of the source.
    public let rawValue: UInt16

    init(_ index: Int) { self.rawValue = UInt16(index) }
    var index: Int { Int(self.rawValue) }

    /// Order of indices.
    public static func < (lhs: SourceID, rhs: SourceID) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// An export group: BGP peers that are sent the same messages.
public struct GroupID: Hashable, Sendable, BitwiseCopyable {
    let index: Int
}

/// A consumer of route changes.
public struct ConsumerID: Hashable, Sendable, BitwiseCopyable {
    let index: Int
}
