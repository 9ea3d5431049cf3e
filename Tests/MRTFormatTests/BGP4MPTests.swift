import BGPWire
import IPAddressing
import MRTFormat
import Testing

/// BGP4MP and BGP4MP_ET records, octet by octet.
@Suite("Recorded messages")
struct BGP4MPTests {
    let session = BGP4MPSession(
        peerAS: 64_512,
        localAS: 64_513,
        interfaceIndex: 3,
        peerAddress: .v4(IPv4Address(192, 0, 2, 2)),
        localAddress: .v4(IPv4Address(192, 0, 2, 1))
    )
    let keepalive = Array(repeating: UInt8(255), count: 16) + [0, 19, 4]

    /// Reads the only record of `stream`, and checks that it is written as it was read.
    func roundTrip(_ stream: [UInt8]) throws -> MRTRecord {
        let (items, error) = readAll(stream)
        #expect(error == nil)
        guard items.count == 1, case .record(let record) = items[0] else { throw Unexpected(item: items[0]) }
        var output: [UInt8] = []
        try MRTWriter.append(record, to: &output)
        #expect(output == stream)
        return record
    }

    @Test("BGP4MP_STATE_CHANGE has AS numbers of two octets and two states (RFC 6396 §4.4.1)")
    func stateChange() throws {
        let found = try self.roundTrip(record(16, 0, octets("fc00 fc01 0003 0001 c0000202 c0000201 0003 0006")))
        let change = BGP4MPStateChange(
            session: self.session,
            hasFourOctetAS: false,
            oldState: .active,
            newState: .established
        )
        #expect(found.content == .stateChange(change))
    }

    @Test("BGP4MP_STATE_CHANGE_AS4 has AS numbers of four octets (RFC 6396 §4.4.4)")
    func stateChangeAS4() throws {
        let stream = record(
            16,
            5,
            octets("00010000 0000fc01 0003 0002") + ipv6One + ipv6One + octets("0006 0001")
        )
        guard case .stateChange(let change) = try self.roundTrip(stream).content else {
            Issue.record("no state change")
            return
        }
        #expect(change.session.peerAS == 65_536)
        #expect(change.session.peerAddress == .v6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1)))
        #expect(change.oldState == .established && change.newState == .idle)
    }

    @Test(
        "Every variant of BGP4MP_MESSAGE has its subtype (RFC 6396 §4.4.2, §4.4.3, §4.4.5, RFC 8050 §3)",
        arguments: [
            (1, false, false, false), (4, true, false, false), (6, false, true, false), (7, true, true, false),
            (8, false, false, true), (9, true, false, true), (10, false, true, true), (11, true, true, true),
        ] as [(UInt16, Bool, Bool, Bool)]
    )
    func message(subtype: UInt16, isWide: Bool, isLocal: Bool, hasPathIDs: Bool) throws {
        let numbers = isWide ? "0000fc00 0000fc01" : "fc00 fc01"
        let body = octets(numbers + "0003 0001 c0000202 c0000201") + self.keepalive
        let message = BGP4MPMessage(
            session: self.session,
            hasFourOctetAS: isWide,
            isLocal: isLocal,
            hasPathIDs: hasPathIDs,
            octets: self.keepalive
        )
        #expect(try self.roundTrip(record(16, subtype, body)).content == .message(message))
    }

    @Test("BGP4MP_ET has microseconds, which its length includes (RFC 6396 §3)")
    func extendedTimestamp() throws {
        let body = octets("000f423f fc00 fc01 0003 0001 c0000202 c0000201") + self.keepalive
        let found = try self.roundTrip(record(17, 1, body))
        #expect(found.time == MRTTime(seconds: 1_300_475_700, microseconds: 999_999))
    }

    @Test("An address family other than IPv4 and IPv6 is malformed (RFC 6396 §4.4.2)")
    func addressFamily() {
        let stream = record(16, 1, octets("fc00 fc01 0003 0003 c0000202 c0000201"))
        #expect(problemAfterPeers(stream) == .addressFamily(3))
    }

    @Test("A four-octet AS number is not cut to two octets (RFC 6396 §4.4.2)")
    func numberTooLarge() {
        var session = self.session
        session.localAS = 65_536
        let message = BGP4MPMessage(session: session, hasFourOctetAS: false, octets: self.keepalive)
        var output: [UInt8] = []
        #expect(throws: MRTWriteError.numberTooLarge(65_536)) {
            try MRTWriter.append(MRTRecord(time: MRTTime(seconds: 0), content: .message(message)), to: &output)
        }
    }

    @Test("Both addresses of a session are of one family (RFC 6396 §4.4.2)")
    func mixedFamilies() {
        var session = self.session
        session.localAddress = .v6(.loopback)
        let change = BGP4MPStateChange(session: session, oldState: .idle, newState: .idle)
        var output: [UInt8] = []
        #expect(throws: MRTWriteError.mixedFamilies) {
            try MRTWriter.append(MRTRecord(time: MRTTime(seconds: 0), content: .stateChange(change)), to: &output)
        }
    }
}
