import BGPWire
import IPAddressing
import MRTFormat
import RouteModel
import Speaker
import Testing

@testable import NodeCore

@Suite("Table dumps")
struct TableDumpEncoderTests {
    private func peer(_ name: String, _ address: String, _ number: UInt32) throws -> TableDumpEncoder.Peer {
        TableDumpEncoder.Peer(
            protocolName: name,
            entry: PeerIndexTable.Peer(
                identifier: RouterID(rawValue: number),
                address: try #require(IPAddress(address)),
                number: ASNumber(rawValue: number)
            ),
            since: 1000 + number
        )
    }

    private func route(_ peer: String?, pathID: UInt32 = 0, _ attributes: PathAttributes = PathAttributes())
        -> TableSlice.Route
    {
        TableSlice.Route(
            origin: RouteOrigin(source: peer == nil ? .static : .bgp, protocolName: peer ?? "static1"),
            pathID: pathID,
            attributes: attributes,
            nextHop: peer == nil ? nil : BGPNextHop(.v4(IPv4Address(192, 0, 2, 1)))
        )
    }

    private func destination(_ text: String, _ routes: TableSlice.Route...) throws -> TableSlice.Destination {
        TableSlice.Destination(prefix: try #require(IPPrefix(text)), routes: routes)
    }

    private func records(_ octets: [UInt8]) throws -> [RIBRecord] {
        var reader = MRTReader()
        reader.append(octets)
        var records: [RIBRecord] = []
        while let item = try reader.next() {
            guard case .record(let record) = item else {
                Issue.record("\(item)")
                break
            }
            #expect(record.time == MRTTime(seconds: 5000))
            if case .rib(let rib) = record.content { records.append(rib) }
        }
        try reader.finish()
        return records
    }

    private func encoder(_ output: inout [UInt8]) throws -> TableDumpEncoder {
        let encoder = TableDumpEncoder(
            time: 5000,
            started: 900,
            peers: [try self.peer("one", "192.0.2.1", 1), try self.peer("two", "2001:db8::1", 2)]
        )
        try encoder.begin(table: "master4", collector: RouterID(rawValue: 7), to: &output)
        return encoder
    }

    @Test("Entries name their peer and the begin of its session; local routes name the speaker and its start")
    func peers() throws {
        var output: [UInt8] = []
        var encoder = try self.encoder(&output)
        try encoder.append(
            self.destination("198.51.100.0/24", self.route("two"), self.route("one"), self.route(nil)),
            to: &output
        )
        try encoder.append(self.destination("2001:db8::/32", self.route(nil)), to: &output)
        let records = try self.records(output)
        #expect(records.map(\.sequence) == [0, 1])
        #expect(records.first?.entries.map(\.peerIndex) == [2, 1, 0])
        #expect(records.first?.entries.map(\.originatedTime) == [1002, 1001, 900])
        #expect(records.allSatisfy { $0.form == .specific })
        // Mandatory attributes are there though a local route has none.
        var decoder = RIBAttributeDecoder()
        let entry = try #require(records.last?.entries.first)
        let decoded = try decoder.decode(entry.attributes, isIPv4: false)
        #expect(decoded.attributes.origin == .incomplete)
        #expect(decoded.attributes.asPath?.segments.isEmpty == true)
        #expect(decoded.nextHop.address == .v6(.any))
    }

    @Test("Path identifiers are kept in records of the add-path kind")
    func pathIDs() throws {
        var output: [UInt8] = []
        var encoder = try self.encoder(&output)
        try encoder.append(
            self.destination("198.51.100.0/24", self.route("one", pathID: 9), self.route("one", pathID: 4)),
            to: &output
        )
        try encoder.append(self.destination("203.0.113.0/24", self.route("one")), to: &output)
        let records = try self.records(output)
        #expect(records.map(\.form) == [.specificAddPath, .specific])
        #expect(records.first?.entries.map(\.pathID) == [9, 4])
    }

    @Test("What the format has no place for is counted, and the rest is dumped")
    func omitted() throws {
        var output: [UInt8] = []
        var encoder = try self.encoder(&output)
        var long = PathAttributes()
        long.set(.communities, flags: [.optional, .transitive], value: [UInt8](repeating: 1, count: 65_528))
        try encoder.append(
            self.destination("198.51.100.0/24", self.route("new"), self.route("one", long), self.route("two")),
            to: &output
        )
        try encoder.append(self.destination("203.0.113.0/24", self.route("new")), to: &output)
        #expect(encoder.omitted == 3)
        let records = try self.records(output)
        #expect(records.map { $0.entries.map(\.peerIndex) } == [[2]])
    }

    @Test("More routes than a record counts make a second record of the prefix")
    func many() throws {
        var output: [UInt8] = []
        var encoder = try self.encoder(&output)
        let routes = (0..<70_000).map { self.route("one", pathID: UInt32($0) + 1) }
        let prefix = try #require(IPPrefix("198.51.100.0/24"))
        try encoder.append(TableSlice.Destination(prefix: prefix, routes: routes), to: &output)
        #expect(try self.records(output).map(\.entries.count) == [65_535, 4465])
    }
}
