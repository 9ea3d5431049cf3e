import IPAddressing

extension PeerIndexTable {
    /// Reads a PEER_INDEX_TABLE (RFC 6396 §4.3.1).
    init(_ reader: inout OctetReader) throws(MRTProblem) {
        self.collector = RouterID(rawValue: try reader.uint32("collector identifier"))
        let length = Int(try reader.uint16("view name length"))
        self.viewName = String(decoding: try reader.octets(length, "view name"), as: UTF8.self)
        let count = Int(try reader.uint16("peer count"))
        self.peers = []
        // The smallest peer has 11 octets: a count alone reserves no more than the record has room for.
        self.peers.reserveCapacity(min(count, reader.remaining / 11))
        for _ in 0..<count {
            let type = try reader.uint8("peer type")
            let identifier = RouterID(rawValue: try reader.uint32("peer identifier"))
            let address = try reader.address(isIPv4: type & 1 == 0, "peer address")
            let number = type & 2 == 0 ? UInt32(try reader.uint16("peer AS")) : try reader.uint32("peer AS")
            self.peers.append(Peer(identifier: identifier, address: address, number: ASNumber(rawValue: number)))
        }
    }
}

extension RIBRecord {
    /// Reads a RIB record (RFC 6396 §4.3.2, §4.3.3, RFC 8050 §4); nil for a family other than IPv4 and IPv6 unicast.
    init?(_ reader: inout OctetReader, subtype: UInt16, peers: Int?) throws(MRTProblem) {
        self.form =
            switch subtype {
            case 2, 4: .specific
            case 8, 10: .specificAddPath
            case 6: .generic
            default: .genericAddPath
            }
        self.sequence = try reader.uint32("sequence number")
        var isIPv4 = subtype == 2 || subtype == 8
        var commonPathID: UInt32 = 0
        if self.form == .generic || self.form == .genericAddPath {
            let afi = try reader.uint16("address family")
            let safi = try reader.uint8("subsequent address family")
            guard afi == 1 || afi == 2, safi == 1 else { return nil }
            isIPv4 = afi == 1
            if self.form == .genericAddPath { commonPathID = try reader.uint32("path identifier") }
        }
        self.prefix = try reader.prefix(isIPv4: isIPv4)
        let count = Int(try reader.uint16("entry count"))
        guard let peers else { throw .noPeerIndexTable }
        self.entries = []
        // The smallest entry has 8 octets.
        self.entries.reserveCapacity(min(count, reader.remaining / 8))
        for _ in 0..<count {
            let peer = try reader.uint16("peer index")
            guard Int(peer) < peers else { throw .peerIndex(peer, peers: peers) }
            let time = try reader.uint32("originated time")
            let pathID = self.form == .specificAddPath ? try reader.uint32("path identifier") : commonPathID
            let length = Int(try reader.uint16("attribute length"))
            let attributes = try reader.octets(length, "attributes")
            self.entries.append(
                RIBEntry(peerIndex: peer, originatedTime: time, pathID: pathID, attributes: attributes)
            )
        }
    }
}

extension MRTRecord.Content {
    /// Reads a BGP4MP record behind its timestamps (RFC 6396 §4.4, RFC 8050 §3).
    init(bgp4mp reader: inout OctetReader, subtype: UInt16) throws(MRTProblem) {
        let isStateChange = subtype == 0 || subtype == 5
        let hasFourOctetAS = [4, 5, 7, 9, 11].contains(subtype)
        let session = try BGP4MPSession(&reader, hasFourOctetAS: hasFourOctetAS)
        if isStateChange {
            let oldState = BGP4MPStateChange.State(rawValue: try reader.uint16("old state"))
            self = .stateChange(
                BGP4MPStateChange(
                    session: session,
                    hasFourOctetAS: hasFourOctetAS,
                    oldState: oldState,
                    newState: BGP4MPStateChange.State(rawValue: try reader.uint16("new state"))
                )
            )
        } else {
            self = .message(
                BGP4MPMessage(
                    session: session,
                    hasFourOctetAS: hasFourOctetAS,
                    isLocal: [6, 7, 10, 11].contains(subtype),
                    hasPathIDs: subtype >= 8,
                    octets: try reader.octets(reader.remaining, "message")
                )
            )
        }
    }
}

extension BGP4MPSession {
    init(_ reader: inout OctetReader, hasFourOctetAS: Bool) throws(MRTProblem) {
        let isWide = hasFourOctetAS
        self.peerAS = ASNumber(rawValue: isWide ? try reader.uint32("peer AS") : UInt32(try reader.uint16("peer AS")))
        self.localAS = ASNumber(
            rawValue: isWide ? try reader.uint32("local AS") : UInt32(try reader.uint16("local AS"))
        )
        self.interfaceIndex = try reader.uint16("interface index")
        let family = try reader.uint16("address family")
        guard family == 1 || family == 2 else { throw .addressFamily(family) }
        self.peerAddress = try reader.address(isIPv4: family == 1, "peer address")
        self.localAddress = try reader.address(isIPv4: family == 1, "local address")
    }
}
