public import IPAddressing

/// The routes to one prefix in a table dump (RFC 6396 §4.3.2, §4.3.3, RFC 8050 §4).
public struct RIBRecord: Hashable, Sendable {
    /// How it is written.
    public var form: Form
    /// Counts the records of a dump from 0, and wraps around.
    public var sequence: UInt32
    /// The destination.
    public var prefix: IPPrefix
    /// Routes, one per peer, or more with path identifiers.
    public var entries: [RIBEntry]

    /// Creates a record.
    public init(form: Form = .specific, sequence: UInt32, prefix: IPPrefix, entries: [RIBEntry]) {
        self.form = form
        self.sequence = sequence
        self.prefix = prefix
        self.entries = entries
    }

    /// Ways to write a record; the family is that of the prefix.
    public enum Form: Hashable, Sendable, CaseIterable {
        /// RIB_IPV4_UNICAST, RIB_IPV6_UNICAST.
        case specific
        /// RIB_IPV4_UNICAST_ADDPATH, RIB_IPV6_UNICAST_ADDPATH: a path identifier in every entry (RFC 8050 §4.1).
        case specificAddPath
        /// RIB_GENERIC: the family stands in the record.
        case generic
        /// RIB_GENERIC_ADDPATH: one path identifier with the prefix, for all entries (RFC 8050 §4.2).
        case genericAddPath
    }
}

/// One route of a RIB record (RFC 6396 §4.3.4).
public struct RIBEntry: Hashable, Sendable {
    /// Position of the peer in the PEER_INDEX_TABLE.
    public var peerIndex: UInt16
    /// When the route arrived, in seconds since 1970.
    public var originatedTime: UInt32
    /// Path identifier (RFC 7911); 0 in forms without one.
    public var pathID: UInt32
    /// The attributes as they stand in the record, MP_REACH_NLRI abbreviated; see ``RIBAttributeDecoder``.
    public var attributes: [UInt8]

    /// Creates an entry of attributes as they stand in a record.
    public init(peerIndex: UInt16, originatedTime: UInt32, pathID: UInt32 = 0, attributes: [UInt8]) {
        self.peerIndex = peerIndex
        self.originatedTime = originatedTime
        self.pathID = pathID
        self.attributes = attributes
    }
}
