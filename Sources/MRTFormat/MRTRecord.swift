/// When a record was made (RFC 6396 §2, §3).
public struct MRTTime: Hashable, Sendable, BitwiseCopyable {
    /// Seconds since 1970.
    public var seconds: UInt32
    /// Microseconds to add: present in records of the extended timestamp types alone.
    public var microseconds: UInt32?

    /// Creates a time.
    public init(seconds: UInt32, microseconds: UInt32? = nil) {
        self.seconds = seconds
        self.microseconds = microseconds
    }
}

/// Type and subtype of a record (RFC 6396 §4, RFC 8050 §3).
public struct MRTKind: Hashable, Sendable, BitwiseCopyable {
    /// The type, such as 13 for TABLE_DUMP_V2.
    public var type: UInt16
    /// The subtype within the type.
    public var subtype: UInt16

    /// Creates a kind, known or not.
    public init(type: UInt16, subtype: UInt16) {
        self.type = type
        self.subtype = subtype
    }

    /// TABLE_DUMP_V2.
    static let tableDumpV2: UInt16 = 13
    /// BGP4MP.
    static let bgp4mp: UInt16 = 16
    /// BGP4MP_ET.
    static let bgp4mpExtended: UInt16 = 17
    /// Octets of the common header.
    static let headerSize = 12
}

extension MRTKind: CustomStringConvertible {
    /// Such as `type 13 subtype 2`.
    public var description: String { "type \(self.type) subtype \(self.subtype)" }
}

/// One record of an MRT file, of the kinds that are read and written (RFC 6396 §2).
public struct MRTRecord: Hashable, Sendable {
    /// When it was made.
    public var time: MRTTime
    /// What it says.
    public var content: Content

    /// Creates a record.
    public init(time: MRTTime, content: Content) {
        self.time = time
        self.content = content
    }

    /// The kinds of records.
    public enum Content: Hashable, Sendable {
        /// The peers that the RIB records after it refer to (RFC 6396 §4.3.1).
        case peerIndexTable(PeerIndexTable)
        /// All routes to one prefix (RFC 6396 §4.3.2, §4.3.3, RFC 8050 §4).
        case rib(RIBRecord)
        /// A BGP message on its way (RFC 6396 §4.4.2, §4.4.3, RFC 8050 §3).
        case message(BGP4MPMessage)
        /// A session changed its state (RFC 6396 §4.4.1, §4.4.4).
        case stateChange(BGP4MPStateChange)
    }
}

/// What a reader finds in the place of one record.
public enum MRTItem: Hashable, Sendable {
    /// A record.
    case record(MRTRecord)
    /// A record of a known kind whose contents cannot be read; the records after it can.
    case malformed(MRTMalformedRecord)
}

/// A record whose contents cannot be read.
public struct MRTMalformedRecord: Hashable, Sendable {
    /// Where the record starts in the stream, in octets.
    public var offset: UInt64
    /// Its kind.
    public var kind: MRTKind
    /// What is wrong.
    public var problem: MRTProblem
}

extension MRTMalformedRecord: CustomStringConvertible {
    /// Place, kind and cause in one line.
    public var description: String { "record at octet \(self.offset) (\(self.kind)): \(self.problem)" }
}

/// What is wrong with the contents of a record.
public enum MRTProblem: Error, Hashable, Sendable {
    /// The record ends before this field does.
    case fieldPastEnd(String)
    /// Octets are left over behind the last field.
    case octetsLeftOver(Int)
    /// A prefix is longer than its family allows.
    case prefixLength(UInt8)
    /// Addresses of a family that is neither IPv4 nor IPv6.
    case addressFamily(UInt16)
    /// A RIB record came before any PEER_INDEX_TABLE (RFC 6396 §4.3.1).
    case noPeerIndexTable
    /// An entry refers to a peer the PEER_INDEX_TABLE does not have.
    case peerIndex(UInt16, peers: Int)
}

extension MRTProblem: CustomStringConvertible {
    /// The cause in a few words.
    public var description: String {
        switch self {
        case .fieldPastEnd(let field): "\(field) does not fit into the record"
        case .octetsLeftOver(let count): "\(count) octets are left over"
        case .prefixLength(let length): "a prefix length of \(length)"
        case .addressFamily(let number): "address family \(number)"
        case .noPeerIndexTable: "no PEER_INDEX_TABLE before it"
        case .peerIndex(let index, let peers): "peer index \(index) of \(peers) peers"
        }
    }
}
