import BGPWire
import IPAddressing
import Testing

/// Inputs behind published advisories of other daemons: what brought one of them down must be an error with a name, or
/// nothing at all, here.
@Suite("Inputs behind advisories of other daemons")
struct AdvisoryTests {
    // MARK: OPEN

    /// An OPEN body of AS 65001 with octets from the parameter length on.
    private func open(_ parameters: [UInt8]) -> [UInt8] { [4, 0xFD, 0xE9, 0, 90, 10, 0, 0, 1] + parameters }

    private func error(_ body: [UInt8]) -> Notification? {
        failure { () throws(Notification) in _ = try decodeOpen(body) }
    }

    private func capabilities(_ octets: [UInt8]) throws -> [Capability] {
        try decodeOpen(self.open([UInt8(octets.count + 2), 2, UInt8(octets.count)] + octets)).capabilities
    }

    @Test(
        "CVE-2022-40302, FRR: an extended parameter needs three octets of header, and two are left",
        arguments: [[255, 255, 0, 2, 2, 0], [255, 255, 0, 1, 2], [255, 255, 0, 7, 2, 0, 2, 2, 0, 2, 0]] as [[UInt8]]
    )
    func extendedParameterHeader(parameters: [UInt8]) {
        #expect(self.error(self.open(parameters))?.code == .open)
    }

    @Test(
        "CVE-2022-40318, FRR: an extended length that is longer than the message",
        arguments: [[255, 255, 0, 200, 2, 0, 2, 2, 0], [255, 255, 255, 255], [255, 255, 0, 5, 2, 0, 200, 2, 0]]
            as [[UInt8]]
    )
    func extendedLengthOverrun(parameters: [UInt8]) {
        #expect(self.error(self.open(parameters))?.code == .open)
    }

    @Test(
        "CVE-2022-43681, FRR: the message ends with the length octet that announces more, or within the extended head"
    )
    func endsWithOptionLength() {
        for tail in [[], [1], [255], [255, 255], [255, 255, 0], [2, 2]] as [[UInt8]] {
            #expect(self.error(self.open(tail))?.code == (tail.isEmpty ? .messageHeader : .open), "\(tail)")
        }
    }

    @Test("CVE-2022-36440, FRR: a four-octet-AS capability that overruns its parameter, in a peek as in the real parse")
    func truncatedFourOctetAS() throws {
        for length in 0..<4 {
            let octets = [65, UInt8(length)] + Array(repeating: 1, count: length)
            #expect(try self.capabilities(octets).first?.code == 65)
            let decoded = try decodeOpen(self.open([UInt8(octets.count + 2), 2, UInt8(octets.count)] + octets))
            #expect(decoded.fourOctetAS == nil && decoded.effectiveAS == 65001)
        }
        #expect(self.error(self.open([6, 2, 4, 65, 4, 0, 1]))?.code == .open)
        #expect(self.error(self.open([4, 2, 2, 65, 4]))?.code == .open)
    }

    @Test("CVE-2018-5381, Quagga: a multiprotocol capability of an unknown family ends the loop over capabilities")
    func unknownFamily() throws {
        let found = try self.capabilities([1, 4, 0x7F, 0xFF, 0, 0xFE, 1, 4, 0, 1, 0, 1])
        #expect(found.count == 2)
        #expect(found.last == .multiprotocol(.ipv4Unicast))
    }

    @Test("CVE-2012-1820, Quagga: an outbound-route-filter capability that counts more entries than it has")
    func filterCapability() throws {
        let value: [UInt8] = [0, 1, 0, 1, 255, 64, 3]
        #expect(try self.capabilities([3, 7] + value) == [.unknown(code: 3, value: value)])
        #expect(try self.capabilities([130, 4, 0, 1, 0, 1]) == [.unknown(code: 130, value: [0, 1, 0, 1])])
    }

    @Test("CVE-2012-0255, Quagga: a four-octet-AS capability that is malformed leaves the OPEN what it is")
    func malformedFourOctetAS() throws {
        #expect(try self.capabilities([65, 5, 0, 1, 0, 0, 0]) == [.unknown(code: 65, value: [0, 1, 0, 0, 0])])
    }

    @Test("CVE-2023-31489, FRR: a long-lived restart capability whose length is no multiple of its entries")
    func longLivedLength() throws {
        for length in [1, 6, 8, 13] {
            let octets = [71, UInt8(length)] + Array(repeating: UInt8(1), count: length)
            #expect(try self.capabilities(octets).first?.code == 71)
        }
        #expect(self.error(self.open([6, 2, 4, 71, 7, 0, 1]))?.code == .open)
    }

    @Test("CVE-2023-41361, FRR: a software version longer than its capability, or than anybody reads")
    func longSoftwareVersion() throws {
        #expect(try self.capabilities([75, 2, 255, 0x41]) == [.unknown(code: 75, value: [255, 0x41])])
        let text = Array(repeating: UInt8(0x41), count: 200)
        #expect(try self.capabilities([75, 201, 200] + text) == [.softwareVersion(text)])
    }

    @Test("CVE-2025-43971, GoBGP: a software version capability of which the length octet says 0, or is not there")
    func emptySoftwareVersion() throws {
        #expect(try self.capabilities([75, 0]) == [.unknown(code: 75, value: [])])
        #expect(try self.capabilities([75, 1, 0]).count == 1)
    }

    // MARK: Other messages

    @Test("CVE-2022-37032, CVE-2024-31949, FRR: a dynamic CAPABILITY message, never negotiated, is a bad type")
    func dynamicCapability() {
        let message = Array(repeating: UInt8(255), count: 16) + [0, 23, 6, 0, 1, 0, 1]
        let error = failure { () throws(Notification) in _ = try parseHeader(message, 4096) }
        #expect(error == .messageHeader(.badMessageType, data: [6]))
    }

    @Test("CVE-2010-2948, Quagga and CVE-2023-41360, FRR: a route refresh with filters appended is a wrong length")
    func refreshWithFilters() {
        for body in [
            [0, 1, 0, 1, 1, 128, 0, 4, 0, 0, 0, 0], [0, 1, 0, 1, 1], [0, 1, 0, 1, 1, 128, 255, 255], [0, 1], [],
        ]
            as [[UInt8]]
        {
            #expect(failure { () throws(Notification) in _ = try decodeRefresh(body) } != nil, "\(body)")
        }
    }

    @Test("CVE-2019-16159, BIRD: a shutdown communication longer than its octets or than 128, and one that is no text")
    func shutdownCommunication() {
        let text = Array(repeating: UInt8(0x41), count: 255)
        for body in [
            [6, 2, 255], [6, 2, 200, 0x41], [6, 2, 255] + text, [6, 2, 128, 0xFF], [6, 2, 1, 0xFF], [6, 9, 6, 2, 255],
        ]
            as [[UInt8]]
        {
            let notification = decodeNotification(body)
            #expect(notification?.code == .cease)
            #expect((notification?.description.utf8.count ?? 0) < 600)
        }
        let whole = decodeNotification([6, 2, 255] + text)
        #expect(whole?.shutdownCommunication?.utf8.count ?? 255 == 255)
    }

    @Test("CVE-2018-5380, Quagga: codes and subcodes without a name have a description of their numbers")
    func unnamedCodes() {
        for code in UInt8.min...UInt8.max {
            for subcode in [0, 1, 11, 12, 127, 255] as [UInt8] {
                #expect(decodeNotification([code, subcode])?.description.isEmpty == false)
            }
        }
    }

    @Test("CVE-2018-5378, Quagga: the data of a NOTIFICATION about an attribute is no more than what was received")
    func notificationData() {
        let tail: [UInt8] = [0x90, 14, 0xFF, 0xFF, 0, 2, 1]
        let error = failure { () throws(Notification) in _ = try decode(update(mandatory + tail, nlri: tenOne)) }
        #expect(error?.data == tail)
    }
}
