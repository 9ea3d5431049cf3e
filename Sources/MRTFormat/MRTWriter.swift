public import IPAddressing

/// Writes MRT records (RFC 6396, RFC 8050).
public enum MRTWriter {
    /// Appends a record to `output`, which is left as it was when an error is thrown.
    ///
    /// - Throws: ``MRTWriteError`` for what the format has no room for.
    public static func append(_ record: MRTRecord, to output: inout [UInt8]) throws(MRTWriteError) {
        let start = output.count
        do throws(MRTWriteError) {
            let kind = try record.content.kind(time: record.time)
            output.append(bigEndian: record.time.seconds)
            output.append(bigEndian: kind.type)
            output.append(bigEndian: kind.subtype)
            output.append(bigEndian: UInt32(0))
            if let microseconds = record.time.microseconds { output.append(bigEndian: microseconds) }
            switch record.content {
            case .peerIndexTable(let table): try table.encode(into: &output)
            case .rib(let rib): try rib.encode(into: &output)
            case .message(let message):
                message.session.encode(message.hasFourOctetAS, into: &output)
                output += message.octets
            case .stateChange(let change):
                change.session.encode(change.hasFourOctetAS, into: &output)
                output.append(bigEndian: change.oldState.rawValue)
                output.append(bigEndian: change.newState.rawValue)
            }
            guard let length = UInt32(exactly: output.count - start - MRTKind.headerSize) else {
                throw .tooLong("record", output.count - start)
            }
            output.store(bigEndian: length, at: start + 8)
        } catch {
            output.removeSubrange(start...)
            throw error
        }
    }
}

/// Why a record cannot be written.
public enum MRTWriteError: Error, Hashable, Sendable {
    /// A part has more octets or elements than its length field can say.
    case tooLong(String, Int)
    /// Microseconds on a table dump, which has no extended timestamp (RFC 6396 §3).
    case microsecondsInTableDump
    /// An AS number that needs four octets in a record of two (RFC 6396 §4.4.2).
    case numberTooLarge(ASNumber)
    /// The two addresses of a session are of different families.
    case mixedFamilies
    /// Entries of a RIB_GENERIC_ADDPATH with different path identifiers (RFC 8050 §4.2).
    case differentPathIDs
    /// A path identifier in a form that has no place for one.
    case unexpectedPathID(UInt32)
}

extension MRTWriteError: CustomStringConvertible {
    /// The cause in one line.
    public var description: String {
        switch self {
        case .tooLong(let part, let count): "the \(part) is too long: \(count)"
        case .microsecondsInTableDump: "table dumps have no microseconds"
        case .numberTooLarge(let number): "AS\(number) does not fit into two octets"
        case .mixedFamilies: "the addresses of the session are of different families"
        case .differentPathIDs: "a RIB_GENERIC_ADDPATH record has one path identifier"
        case .unexpectedPathID(let identifier): "the record has no place for path identifier \(identifier)"
        }
    }
}

extension MRTRecord.Content {
    /// Type and subtype to write.
    fileprivate func kind(time: MRTTime) throws(MRTWriteError) -> MRTKind {
        let isExtended = time.microseconds != nil
        let messages = isExtended ? MRTKind.bgp4mpExtended : MRTKind.bgp4mp
        switch self {
        case .peerIndexTable:
            guard !isExtended else { throw .microsecondsInTableDump }
            return MRTKind(type: MRTKind.tableDumpV2, subtype: 1)
        case .rib(let record):
            guard !isExtended else { throw .microsecondsInTableDump }
            return MRTKind(type: MRTKind.tableDumpV2, subtype: record.subtype)
        case .message(let message):
            try message.session.check(message.hasFourOctetAS)
            let subtype: UInt16 =
                switch (message.hasFourOctetAS, message.isLocal) {
                case (false, false): message.hasPathIDs ? 8 : 1
                case (true, false): message.hasPathIDs ? 9 : 4
                case (false, true): message.hasPathIDs ? 10 : 6
                case (true, true): message.hasPathIDs ? 11 : 7
                }
            return MRTKind(type: messages, subtype: subtype)
        case .stateChange(let change):
            try change.session.check(change.hasFourOctetAS)
            return MRTKind(type: messages, subtype: change.hasFourOctetAS ? 5 : 0)
        }
    }
}

extension PeerIndexTable {
    fileprivate func encode(into output: inout [UInt8]) throws(MRTWriteError) {
        output.append(bigEndian: self.collector.rawValue)
        guard let length = UInt16(exactly: self.viewName.utf8.count) else {
            throw .tooLong("view name", self.viewName.utf8.count)
        }
        output.append(bigEndian: length)
        output += self.viewName.utf8
        guard let count = UInt16(exactly: self.peers.count) else { throw .tooLong("list of peers", self.peers.count) }
        output.append(bigEndian: count)
        for peer in self.peers {
            output.append((peer.address.isIPv4 ? 0 : 1) | (peer.number.isTwoOctet ? 0 : 2))
            output.append(bigEndian: peer.identifier.rawValue)
            output.append(peer.address)
            if peer.number.isTwoOctet {
                output.append(bigEndian: UInt16(truncatingIfNeeded: peer.number.rawValue))
            } else {
                output.append(bigEndian: peer.number.rawValue)
            }
        }
    }
}

extension RIBRecord {
    fileprivate var subtype: UInt16 {
        switch self.form {
        case .specific: self.prefix.isIPv4 ? 2 : 4
        case .specificAddPath: self.prefix.isIPv4 ? 8 : 10
        case .generic: 6
        case .genericAddPath: 12
        }
    }

    fileprivate func encode(into output: inout [UInt8]) throws(MRTWriteError) {
        output.append(bigEndian: self.sequence)
        if self.form == .generic || self.form == .genericAddPath {
            output.append(bigEndian: UInt16(self.prefix.isIPv4 ? 1 : 2))
            output.append(1)
        }
        let commonPathID = self.form == .genericAddPath ? self.entries.first?.pathID ?? 0 : 0
        if self.form == .genericAddPath { output.append(bigEndian: commonPathID) }
        output.append(self.prefix)
        guard let count = UInt16(exactly: self.entries.count) else {
            throw .tooLong("list of entries", self.entries.count)
        }
        output.append(bigEndian: count)
        for entry in self.entries {
            output.append(bigEndian: entry.peerIndex)
            output.append(bigEndian: entry.originatedTime)
            if self.form == .specificAddPath {
                output.append(bigEndian: entry.pathID)
            } else if entry.pathID != commonPathID {
                throw self.form == .genericAddPath ? .differentPathIDs : .unexpectedPathID(entry.pathID)
            }
            guard let length = UInt16(exactly: entry.attributes.count) else {
                throw .tooLong("list of attributes", entry.attributes.count)
            }
            output.append(bigEndian: length)
            output += entry.attributes
        }
    }
}

extension BGP4MPSession {
    fileprivate func check(_ hasFourOctetAS: Bool) throws(MRTWriteError) {
        guard self.peerAddress.isIPv4 == self.localAddress.isIPv4 else { throw .mixedFamilies }
        for number in [self.peerAS, self.localAS] where !hasFourOctetAS && !number.isTwoOctet {
            throw .numberTooLarge(number)
        }
    }

    fileprivate func encode(_ hasFourOctetAS: Bool, into output: inout [UInt8]) {
        for number in [self.peerAS, self.localAS] {
            if hasFourOctetAS {
                output.append(bigEndian: number.rawValue)
            } else {
                output.append(bigEndian: UInt16(truncatingIfNeeded: number.rawValue))
            }
        }
        output.append(bigEndian: self.interfaceIndex)
        output.append(bigEndian: UInt16(self.peerAddress.isIPv4 ? 1 : 2))
        output.append(self.peerAddress)
        output.append(self.localAddress)
    }
}
