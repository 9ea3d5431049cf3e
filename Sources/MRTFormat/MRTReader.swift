import IPAddressing

/// Reads an MRT stream that arrives in chunks (RFC 6396).
///
/// Append what was read, take items until there is none, and so on; at the end call ``finish()``. Memory is bounded by one
/// record of at most ``maximumRecordLength`` octets plus one chunk, and grows with octets that arrived, never with a length
/// that was only promised. Records of other types, multicast and other families are left out and counted.
public struct MRTReader: Sendable {
    /// The longest record that is read, in octets behind the common header.
    public let maximumRecordLength: Int
    /// Records that were read.
    public private(set) var recordCount: UInt64 = 0
    /// Records with contents that cannot be read.
    public private(set) var malformedCount: UInt64 = 0
    /// Records of kinds that are not read.
    public private(set) var skippedCount: UInt64 = 0
    /// How many records of which kinds were left out, for the first 64 kinds.
    public private(set) var skippedKinds: [MRTKind: UInt64] = [:]
    /// Peers of the last PEER_INDEX_TABLE; nil before one.
    public private(set) var peerCount: Int?

    private var buffer: [UInt8] = []
    private var head = 0
    /// Octets of a record being left out that did not arrive yet.
    private var unreadOctets = 0
    /// Offset of `head` in the stream.
    private var offset: UInt64 = 0
    private var failure: MRTStreamError?

    /// Creates a reader; the largest records in the wild are some hundred kilobytes.
    public init(maximumRecordLength: Int = 16 << 20) {
        self.maximumRecordLength = min(max(maximumRecordLength, 0), Int(Int32.max))
    }

    /// Adds octets of the stream.
    public mutating func append(_ octets: RawSpan) {
        var octets = octets
        if self.unreadOctets > 0 {
            let count = min(self.unreadOctets, octets.byteCount)
            self.unreadOctets -= count
            self.offset &+= UInt64(count)
            octets = octets.extracting(count..<octets.byteCount)
        }
        guard self.failure == nil, !octets.isEmpty else { return }
        if self.head > 0 {
            self.buffer.removeSubrange(0..<self.head)
            self.head = 0
        }
        // Safe: the pointer is used only inside the closure, for reading within its bounds.
        unsafe octets.withUnsafeBytes { unsafe self.buffer.append(contentsOf: $0) }
    }

    /// Adds octets of the stream.
    public mutating func append(_ octets: [UInt8]) {
        // Safe: octets have no padding and every bit pattern is valid.
        self.append(unsafe octets.span.bytes)
    }

    /// The next record; nil until more octets are appended.
    ///
    /// - Throws: ``MRTStreamError`` when the records after this one cannot be found; then at every further call.
    public mutating func next() throws(MRTStreamError) -> MRTItem? {
        if let failure = self.failure { throw failure }
        while self.unreadOctets == 0, let header = self.header() {
            let start = self.head + MRTKind.headerSize
            let available = self.buffer.count - start
            guard header.kind.isRead else {
                self.skip(header.kind)
                let count = min(header.length, available)
                self.unreadOctets = header.length - count
                self.consume(MRTKind.headerSize + count)
                continue
            }
            guard header.length <= self.maximumRecordLength else {
                let failure = MRTStreamError.recordTooLong(
                    offset: self.offset,
                    length: header.length,
                    maximum: self.maximumRecordLength
                )
                self.failure = failure
                throw failure
            }
            guard header.length <= available else { return nil }
            let offset = self.offset
            defer { self.consume(MRTKind.headerSize + header.length) }
            do throws(MRTProblem) {
                let range = start..<start + header.length
                if let record = try self.record(header, range) {
                    self.recordCount &+= 1
                    return .record(record)
                }
                self.skip(header.kind)
            } catch {
                self.malformedCount &+= 1
                return .malformed(MRTMalformedRecord(offset: offset, kind: header.kind, problem: error))
            }
        }
        return nil
    }

    /// Says that the stream is over.
    ///
    /// - Throws: ``MRTStreamError/truncated(offset:)`` when it ended inside a record.
    public mutating func finish() throws(MRTStreamError) {
        if let failure = self.failure { throw failure }
        guard self.unreadOctets == 0, self.head == self.buffer.count else {
            let failure = MRTStreamError.truncated(offset: self.offset)
            self.failure = failure
            throw failure
        }
    }

    private struct Header {
        var seconds: UInt32
        var kind: MRTKind
        var length: Int
    }

    /// The common header at the head of the buffer (RFC 6396 §2).
    private func header() -> Header? {
        guard self.buffer.count - self.head >= MRTKind.headerSize else { return nil }
        // Safe: octets have no padding and every bit pattern is valid.
        let span = unsafe self.buffer.span.bytes
        var reader = OctetReader(span.extracting(self.head..<self.buffer.count))
        guard let seconds = try? reader.uint32("timestamp"), let type = try? reader.uint16("type"),
            let subtype = try? reader.uint16("subtype"), let length = try? reader.uint32("length")
        else { return nil }
        return Header(seconds: seconds, kind: MRTKind(type: type, subtype: subtype), length: Int(length))
    }

    private mutating func consume(_ count: Int) {
        self.head += count
        self.offset &+= UInt64(count)
    }

    private mutating func skip(_ kind: MRTKind) {
        self.skippedCount &+= 1
        if let count = self.skippedKinds[kind] {
            self.skippedKinds[kind] = count &+ 1
        } else if self.skippedKinds.count < 64 {
            self.skippedKinds[kind] = 1
        }
    }

    /// Reads a record of a kind that is read; nil for a RIB_GENERIC of another family.
    private mutating func record(_ header: Header, _ range: Range<Int>) throws(MRTProblem) -> MRTRecord? {
        let buffer = self.buffer
        // Safe: octets have no padding and every bit pattern is valid.
        let span = unsafe buffer.span.bytes
        var reader = OctetReader(span.extracting(range))
        var time = MRTTime(seconds: header.seconds)
        let content: MRTRecord.Content?
        switch header.kind.type {
        case MRTKind.tableDumpV2:
            if header.kind.subtype == 1 {
                content = .peerIndexTable(try PeerIndexTable(&reader))
            } else {
                content = try RIBRecord(&reader, subtype: header.kind.subtype, peers: self.peerCount).map { .rib($0) }
                if content == nil { return nil }
            }
        default:
            if header.kind.type == MRTKind.bgp4mpExtended {
                time.microseconds = try reader.uint32("microseconds")
            }
            content = try .init(bgp4mp: &reader, subtype: header.kind.subtype)
        }
        guard let content else { return nil }
        guard reader.remaining == 0 else { throw .octetsLeftOver(reader.remaining) }
        if case .peerIndexTable(let table) = content { self.peerCount = table.peers.count }
        return MRTRecord(time: time, content: content)
    }
}

/// Why the rest of a stream cannot be read.
public enum MRTStreamError: Error, Hashable, Sendable {
    /// A record claims to be longer than what is read; `offset` is where it starts.
    case recordTooLong(offset: UInt64, length: Int, maximum: Int)
    /// The stream ends inside the record that starts at `offset`.
    case truncated(offset: UInt64)
}

extension MRTStreamError: CustomStringConvertible {
    /// Place and cause in one line.
    public var description: String {
        switch self {
        case .recordTooLong(let offset, let length, let maximum):
            "record at octet \(offset): length \(length) is above \(maximum); this may be no MRT file"
        case .truncated(let offset): "the file ends inside the record at octet \(offset)"
        }
    }
}

extension MRTKind {
    /// Whether records of the kind are read.
    var isRead: Bool {
        switch self.type {
        // PEER_INDEX_TABLE, RIB_IPV4_UNICAST, RIB_IPV6_UNICAST, RIB_GENERIC and their add-path variants.
        case Self.tableDumpV2: [1, 2, 4, 6, 8, 10, 12].contains(self.subtype)
        // All but the obsolete ENTRY and SNAPSHOT (RFC 6396 appendix B.2).
        case Self.bgp4mp, Self.bgp4mpExtended: self.subtype <= 11 && self.subtype != 2 && self.subtype != 3
        default: false
        }
    }
}
