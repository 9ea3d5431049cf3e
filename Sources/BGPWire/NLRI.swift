public import IPAddressing

/// One prefix of an UPDATE with its path identifier (RFC 7911); the identifier is 0 without add-path.
public struct NLRI<Prefix: IPPrefixProtocol>: Hashable, Sendable, BitwiseCopyable {
    /// The path identifier, local to the session.
    public var pathID: UInt32
    /// The prefix.
    public var prefix: Prefix

    /// Creates a value.
    @inlinable
    public init(_ prefix: Prefix, pathID: UInt32 = 0) {
        self.prefix = prefix
        self.pathID = pathID
    }
}

/// A next hop as NEXT_HOP or MP_REACH_NLRI carries it.
public struct BGPNextHop: Hashable, Sendable, BitwiseCopyable {
    /// The (global) address.
    ///
    /// IPv4 routes may carry an IPv6 next hop (RFC 8950).
    public var address: IPAddress
    /// The link-local address of a 32-octet IPv6 next hop (RFC 2545 §3).
    public var linkLocal: IPv6Address?

    /// Creates a next hop.
    @inlinable
    public init(_ address: IPAddress, linkLocal: IPv6Address? = nil) {
        self.address = address
        self.linkLocal = linkLocal
    }
}
