import ArgumentParser
import BGPWire
import IPAddressing
import MRTFormat
import Testing

@testable import MRTCommands

/// Arguments and lines of output.
@Suite("MRT commands")
struct CommandTests {
    @Test("A peer is an address, or an address with a port")
    func peers() throws {
        let plain = try #require(PeerArgument(argument: "192.0.2.1"))
        #expect(plain.address == .v4(IPv4Address(192, 0, 2, 1)) && plain.port == 179)
        #expect(PeerArgument(argument: "192.0.2.1:1179")?.port == 1179)
        let six = IPAddress.v6(IPv6Address(high: 0x2001_0DB8_0000_0000, low: 1))
        #expect(PeerArgument(argument: "2001:db8::1")?.address == six)
        let bracketed = try #require(PeerArgument(argument: "[2001:db8::1]:1179"))
        #expect(bracketed.address == six && bracketed.port == 1179)
        #expect(bracketed.description == "[2001:db8::1]:1179")
        for text in ["", "x", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "[192.0.2.1]:1", "2001:db8::1:x"] {
            #expect(PeerArgument(argument: text) == nil, "\(text)")
        }
    }

    @Test(
        "Options that contradict each other or make no sense are refused",
        arguments: [
            ["--limit", "0"], ["--rate", "0"], ["--hold-time", "2"], ["--next-hop4", "2001:db8::1"],
            ["--next-hop6", "192.0.2.1"], ["--keep-next-hop", "--next-hop4", "192.0.2.1"],
            ["--local-address", "2001:db8::1"], ["--peer-as", "23456"], ["--family", "ipv5"],
        ]
    )
    func refused(options: [String]) {
        let base = ["f.mrt", "--peer", "192.0.2.1", "--local-as", "64512"]
        #expect(throws: Never.self) { try MRTInjectCommand.parse(base) }
        #expect(throws: (any Error).self) { try MRTInjectCommand.parse(base + options) }
    }

    @Test("A table of nothing, or of more than there can be, is refused")
    func generate() {
        #expect(throws: (any Error).self) { try MRTGenerateCommand.parse(["f"]) }
        #expect(throws: (any Error).self) { try MRTGenerateCommand.parse(["--ipv4", "4000001", "f"]) }
        #expect(throws: (any Error).self) { try MRTGenerateCommand.parse(["--ipv6", "-1", "f"]) }
        #expect(throws: Never.self) { try MRTGenerateCommand.parse(["--ipv6", "1", "f"]) }
    }

    let time = MRTTime(seconds: 1_300_475_700)

    func rib(_ route: RIBRoute) -> MRTRecord {
        let prefix = IPv4Prefix(address: IPv4Address(198, 51, 100, 0), length: 24)
        let entry = RIBEntry(peerIndex: 0, originatedTime: 1_300_475_700, route: route, isIPv4: true)
        return MRTRecord(
            time: self.time,
            content: .rib(RIBRecord(sequence: 3, prefix: .v4(prefix), entries: [entry]))
        )
    }

    var peerTable: MRTRecord {
        let peer = PeerIndexTable.Peer(
            identifier: RouterID(rawValue: 1),
            address: .v4(IPv4Address(192, 0, 2, 1)),
            number: 64_496
        )
        return MRTRecord(
            time: self.time,
            content: .peerIndexTable(PeerIndexTable(collector: RouterID(rawValue: 1), peers: [peer]))
        )
    }

    @Test("A route is shown with peer, time, next hop and attributes, as text and as JSON")
    func route() throws {
        var printer = RecordPrinter(selection: nil, isJSON: false)
        #expect(
            try printer.lines(of: self.peerTable) == [
                "2011-03-18T19:15:00Z  peers  collector 0.0.0.1  0: 192.0.2.1 AS64496"
            ]
        )
        let record = self.rib(RoutePoolTests.route([64_496, 65_536]))
        #expect(
            try printer.lines(of: record) == [
                "2011-03-18T19:15:00Z  route  198.51.100.0/24  from 192.0.2.1 AS64496  next hop 192.0.2.1  "
                    + "ORIGIN: IGP, AS_PATH: 64496 65536"
            ]
        )
        var json = RecordPrinter(selection: nil, isJSON: true)
        _ = try json.lines(of: self.peerTable)
        #expect(
            try json.lines(of: record) == [
                #"{"attributes":{"AS_PATH":"64496 65536","ORIGIN":"IGP"},"nextHop":"192.0.2.1","#
                    + #""peer":{"address":"192.0.2.1","as":64496,"identifier":"0.0.0.1"},"prefix":"198.51.100.0/24","#
                    + #""seconds":1300475700,"sequence":3,"type":"route"}"#
            ]
        )
    }

    @Test("A collector's own route, which has no attributes, is shown without any")
    func ownRoute() throws {
        var printer = RecordPrinter(selection: nil, isJSON: false)
        let prefix = IPPrefix.v4(IPv4Prefix(address: IPv4Address(11, 0, 0, 0), length: 8))
        let entry = RIBEntry(peerIndex: 0, originatedTime: 0, attributes: [])
        let rib = MRTRecord(time: self.time, content: .rib(RIBRecord(sequence: 0, prefix: prefix, entries: [entry])))
        #expect(try printer.lines(of: rib) == ["1970-01-01T00:00:00Z  route  11.0.0.0/8"])
        #expect(printer.unusableCount == 0)
    }

    @Test("A route that cannot be used is shown with the cause, and counted")
    func unusable() throws {
        var printer = RecordPrinter(selection: nil, isJSON: false)
        let route = RIBRoute(attributes: PathAttributes(), nextHop: BGPNextHop(.v4(IPv4Address(192, 0, 2, 1))))
        #expect(try printer.lines(of: self.rib(route)).first?.contains("unusable: ") == true)
        #expect(printer.unusableCount == 1)
    }

    @Test("A selection leaves out everything but the prefix and more specific ones")
    func selection() throws {
        let record = self.rib(RoutePoolTests.route([1]))
        for (text, count) in [("198.51.100.0/24", 1), ("198.51.0.0/16", 1), ("198.51.100.0/25", 0), ("::/0", 0)] {
            var printer = RecordPrinter(selection: IPPrefix(text), isJSON: false)
            #expect(try printer.lines(of: self.peerTable).isEmpty)
            #expect(try printer.lines(of: record).count == count, "\(text)")
        }
    }

    @Test("Messages and changes of state are shown with the session")
    func messages() throws {
        let session = BGP4MPSession(
            peerAS: 64_512,
            localAS: 64_513,
            peerAddress: .v4(IPv4Address(192, 0, 2, 2)),
            localAddress: .v4(IPv4Address(192, 0, 2, 1))
        )
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
        var update: [UInt8] = []
        let prefix = IPv4Prefix(address: IPv4Address(11, 0, 0, 0), length: 8)
        let route = RoutePoolTests.route([64_512])
        try encoder.announce([NLRI(prefix)], attributes: route.attributes, nextHop: route.nextHop, into: &update)
        var printer = RecordPrinter(selection: nil, isJSON: false)
        func lines(_ content: MRTRecord.Content) throws -> [String] {
            try printer.lines(of: MRTRecord(time: MRTTime(seconds: 0, microseconds: 5), content: content))
        }
        #expect(
            try lines(.message(BGP4MPMessage(session: session, octets: update))) == [
                "1970-01-01T00:00:00.000005Z  message  from 192.0.2.2 AS64512  UPDATE  announced 11.0.0.0/8  "
                    + "next hop 192.0.2.1  ORIGIN: IGP, AS_PATH: 64512"
            ]
        )
        let change = BGP4MPStateChange(session: session, oldState: .openConfirm, newState: .established)
        #expect(
            try lines(.stateChange(change)) == [
                "1970-01-01T00:00:00.000005Z  state  from 192.0.2.2 AS64512  OpenConfirm to Established"
            ]
        )
        #expect(try lines(.message(BGP4MPMessage(session: session, octets: [1]))).first?.contains("not whole") == true)
        #expect(printer.unusableCount == 1)
        var selected = RecordPrinter(selection: .v4(prefix), isJSON: false)
        let record = MRTRecord(time: self.time, content: .message(BGP4MPMessage(session: session, octets: update)))
        #expect(try selected.lines(of: record).count == 1)
        var other = RecordPrinter(selection: IPPrefix("12.0.0.0/8"), isJSON: false)
        #expect(try other.lines(of: record).isEmpty)
    }
}
