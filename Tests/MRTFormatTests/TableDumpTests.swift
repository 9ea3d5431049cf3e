import BGPWire
import IPAddressing
import MRTFormat
import Testing

/// TABLE_DUMP_V2 records, octet by octet.
@Suite("Table dumps")
struct TableDumpTests {
    let peers = PeerIndexTable(
        collector: RouterID(rawValue: 0xC000_0201),
        viewName: "view",
        peers: [
            .init(identifier: RouterID(rawValue: 0xC000_0202), address: .v4(IPv4Address(192, 0, 2, 2)), number: 64_512),
            .init(
                identifier: RouterID(rawValue: 0xC000_0203),
                address: .v6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1)),
                number: 65_536
            ),
        ]
    )
    let time = MRTTime(seconds: 1_300_475_700)

    func written(_ content: MRTRecord.Content) throws -> [UInt8] {
        var output: [UInt8] = []
        try MRTWriter.append(MRTRecord(time: self.time, content: content), to: &output)
        return output
    }

    @Test("A PEER_INDEX_TABLE holds peers of both families and both widths of AS numbers (RFC 6396 §4.3.1)")
    func peerIndexTable() throws {
        let (items, error) = readAll(peerTableRecord)
        #expect(error == nil)
        #expect(items == [.record(MRTRecord(time: self.time, content: .peerIndexTable(self.peers)))])
        #expect(try self.written(.peerIndexTable(self.peers)) == peerTableRecord)
    }

    @Test("RIB_IPV4_UNICAST has sequence, prefix and entries (RFC 6396 §4.3.2)")
    func ipv4Unicast() throws {
        let stream = record(
            13,
            2,
            octets("0000002a 17 c63364 0002") + entry(originAndPath + nextHopField) + entry(peer: 1, originAndPath)
        )
        let rib = RIBRecord(
            sequence: 42,
            prefix: .v4(IPv4Prefix(address: IPv4Address(198, 51, 100, 0), length: 23)),
            entries: [
                RIBEntry(peerIndex: 0, originatedTime: 0x4D83_DD34, attributes: originAndPath + nextHopField),
                RIBEntry(peerIndex: 1, originatedTime: 0x4D83_DD34, attributes: originAndPath),
            ]
        )
        #expect(try contentAfterPeers(stream) == .rib(rib))
        #expect(try self.written(.rib(rib)) == stream)
    }

    @Test(
        "RIB_IPV6_UNICAST writes as many octets of a prefix as its length needs (RFC 6396 §4.3.2)",
        arguments: [0, 1, 33, 64, 65, 128]
    )
    func ipv6Unicast(length: Int) throws {
        let all = octets("20010db8ffffffffffffffffffffffff")
        let prefix = IPPrefix.v6(
            IPv6Prefix(
                address: IPv6Address(high: 0x2001_0DB8_FFFF_FFFF, low: ~0),
                length: UInt8(length)
            )
        )
        let rib = RIBRecord(
            sequence: 1,
            prefix: prefix,
            entries: [RIBEntry(peerIndex: 1, originatedTime: 0x4D83_DD34, attributes: originAndPath + abbreviatedReach)]
        )
        // What is read may have host bits set, what is written has none.
        let read = record(
            13,
            4,
            octets("00000001") + [UInt8(length)] + all.prefix((length + 7) / 8) + [0, 1]
                + entry(peer: 1, originAndPath + abbreviatedReach)
        )
        #expect(try contentAfterPeers(read) == .rib(rib))
        let output = try self.written(.rib(rib))
        #expect(output.count == read.count)
        #expect(try contentAfterPeers(output) == .rib(rib))
    }

    @Test("RIB_GENERIC names its family (RFC 6396 §4.3.3)")
    func generic() throws {
        let stream = record(13, 6, octets("00000007 0001 01 08 0b 0001") + entry(originAndPath + nextHopField))
        let rib = RIBRecord(
            form: .generic,
            sequence: 7,
            prefix: .v4(IPv4Prefix(address: IPv4Address(11, 0, 0, 0), length: 8)),
            entries: [RIBEntry(peerIndex: 0, originatedTime: 0x4D83_DD34, attributes: originAndPath + nextHopField)]
        )
        #expect(try contentAfterPeers(stream) == .rib(rib))
        #expect(try self.written(.rib(rib)) == stream)
    }

    @Test("A RIB_GENERIC of another family is skipped and counted (RFC 6396 §4.3.3)")
    func genericOtherFamily() {
        var reader = MRTReader()
        let stream = peerTableRecord + record(13, 6, octets("00000007 0001 80 70 00 00")) + peerTableRecord
        let (items, error) = readAll(stream, reader: &reader)
        #expect(error == nil)
        #expect(items.count == 2)
        #expect(reader.skippedKinds == [MRTKind(type: 13, subtype: 6): 1])
    }

    @Test("Add-path subtypes have a path identifier behind the originated time (RFC 8050 §4.1)")
    func addPath() throws {
        let attributes = originAndPath + nextHopField
        let body = octets("0000 4d83dd34 00000005") + [0, UInt8(attributes.count)] + attributes
        let stream = record(13, 8, octets("00000000 08 0b 0001") + body)
        let rib = RIBRecord(
            form: .specificAddPath,
            sequence: 0,
            prefix: .v4(IPv4Prefix(address: IPv4Address(11, 0, 0, 0), length: 8)),
            entries: [RIBEntry(peerIndex: 0, originatedTime: 0x4D83_DD34, pathID: 5, attributes: attributes)]
        )
        #expect(try contentAfterPeers(stream) == .rib(rib))
        #expect(try self.written(.rib(rib)) == stream)
        let six = RIBRecord(
            form: .specificAddPath,
            sequence: 0,
            prefix: .v6(IPv6Prefix(address: IPv6Address(high: 1 << 61, low: 0), length: 3)),
            entries: rib.entries
        )
        #expect(try self.written(.rib(six))[6...7] == [0, 10])
        #expect(try contentAfterPeers(self.written(.rib(six))) == .rib(six))
    }

    @Test("RIB_GENERIC_ADDPATH has the path identifier with the prefix (RFC 8050 §4.2)")
    func genericAddPath() throws {
        let attributes = originAndPath + nextHopField
        let stream = record(13, 12, octets("00000000 0001 01 00000009 08 0b 0001") + entry(attributes))
        var rib = RIBRecord(
            form: .genericAddPath,
            sequence: 0,
            prefix: .v4(IPv4Prefix(address: IPv4Address(11, 0, 0, 0), length: 8)),
            entries: [RIBEntry(peerIndex: 0, originatedTime: 0x4D83_DD34, pathID: 9, attributes: attributes)]
        )
        #expect(try contentAfterPeers(stream) == .rib(rib))
        #expect(try self.written(.rib(rib)) == stream)
        rib.entries.append(RIBEntry(peerIndex: 1, originatedTime: 0, pathID: 8, attributes: attributes))
        #expect(throws: MRTWriteError.differentPathIDs) { try self.written(.rib(rib)) }
    }

    @Test("A path identifier is not dropped where the form has no place for it (RFC 8050 §4)")
    func unexpectedPathID() throws {
        let entry = RIBEntry(peerIndex: 0, originatedTime: 0, pathID: 3, attributes: [])
        for form in [RIBRecord.Form.specific, .generic] {
            let rib = RIBRecord(form: form, sequence: 0, prefix: .v4(.init(address: .any, length: 0)), entries: [entry])
            #expect(throws: MRTWriteError.unexpectedPathID(3)) { try self.written(.rib(rib)) }
        }
    }

    @Test("A RIB record before any PEER_INDEX_TABLE is malformed (RFC 6396 §4.3.1)")
    func noPeers() {
        let stream = record(13, 2, octets("00000000 00 0000"))
        guard case .malformed(let found) = readAll(stream).0.first else {
            Issue.record("the record was read")
            return
        }
        #expect(found.problem == .noPeerIndexTable)
    }

    @Test("A peer index outside the PEER_INDEX_TABLE is malformed (RFC 6396 §4.3.4)")
    func peerIndex() {
        let stream = record(13, 2, octets("00000000 00 0001") + entry(peer: 2, originAndPath))
        #expect(problemAfterPeers(stream) == .peerIndex(2, peers: 2))
    }

    @Test("A prefix length above the family's is malformed (RFC 6396 §4.3.2)")
    func prefixLength() {
        #expect(problemAfterPeers(record(13, 2, octets("00000000 21 0a0000000a 0000"))) == .prefixLength(33))
        let long = record(13, 4, octets("00000000 81") + Array(repeating: 0, count: 17) + [0, 0])
        #expect(problemAfterPeers(long) == .prefixLength(129))
    }

    @Test("Octets behind the last entry are malformed (RFC 6396 §4.3.2)")
    func octetsLeftOver() {
        #expect(problemAfterPeers(record(13, 2, octets("00000000 00 0000 ff"))) == .octetsLeftOver(1))
    }

    @Test("Counts and lengths beyond their fields are refused, and the output stays as it was (RFC 6396 §4.3)")
    func tooLong() throws {
        var output: [UInt8] = [1, 2, 3]
        func refuse(_ content: MRTRecord.Content, _ error: MRTWriteError) {
            #expect(throws: error) { try MRTWriter.append(MRTRecord(time: self.time, content: content), to: &output) }
            #expect(output == [1, 2, 3])
        }
        var table = self.peers
        table.viewName = String(repeating: "x", count: 65_536)
        refuse(.peerIndexTable(table), .tooLong("view name", 65_536))
        table = self.peers
        table.peers = Array(repeating: table.peers[0], count: 65_536)
        refuse(.peerIndexTable(table), .tooLong("list of peers", 65_536))
        let attributes = Array(repeating: UInt8(0), count: 65_536)
        let long = RIBEntry(peerIndex: 0, originatedTime: 0, attributes: attributes)
        let prefix = IPPrefix.v4(IPv4Prefix(address: .any, length: 0))
        refuse(.rib(RIBRecord(sequence: 0, prefix: prefix, entries: [long])), .tooLong("list of attributes", 65_536))
        let short = RIBEntry(peerIndex: 0, originatedTime: 0, attributes: [])
        let many = Array(repeating: short, count: 65_536)
        refuse(.rib(RIBRecord(sequence: 0, prefix: prefix, entries: many)), .tooLong("list of entries", 65_536))
    }

    @Test("A table dump has no microseconds (RFC 6396 §3)")
    func microseconds() {
        var output: [UInt8] = []
        let record = MRTRecord(
            time: MRTTime(seconds: 0, microseconds: 1),
            content: .peerIndexTable(self.peers)
        )
        #expect(throws: MRTWriteError.microsecondsInTableDump) { try MRTWriter.append(record, to: &output) }
        #expect(output.isEmpty)
    }
}
