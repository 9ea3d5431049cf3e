import BGPWire
import IPAddressing
import Testing

@Suite("Message header")
struct MessageHeaderTests {
    func header(_ length: UInt16, _ type: UInt8) -> [UInt8] {
        Array(repeating: 255, count: 16) + [UInt8(length >> 8), UInt8(length & 255), type]
    }

    func error(_ bytes: [UInt8], maximum: Int = 4096) -> Notification? {
        failure { () throws(Notification) in _ = try parseHeader(bytes, maximum) }
    }

    @Test("A header needs 19 octets")
    func incomplete() throws {
        for count in 0..<19 {
            let bytes = Array(self.header(19, 4).prefix(count))
            #expect(try parseHeader(bytes, 4096) == nil)
        }
    }

    @Test("A marker that is not all ones is 1/1", arguments: 0..<16)
    func marker(position: Int) {
        var bytes = self.header(19, 4)
        bytes[position] = 0x7F
        #expect(self.error(bytes) == .messageHeader(.connectionNotSynchronized))
    }

    @Test(
        "A length not allowed for the type is 1/2 with the length",
        arguments: [
            (18, 4), (0, 2), (28, 1), (4097, 1), (22, 2), (4097, 2), (20, 3), (4097, 3), (20, 4), (4097, 4), (4097, 5),
            (65_535, 2),
        ] as [(UInt16, UInt8)]
    )
    func badLength(length: UInt16, type: UInt8) {
        #expect(
            self.error(self.header(length, type))
                == .messageHeader(.badMessageLength, data: [UInt8(length >> 8), UInt8(length & 255)])
        )
    }

    @Test("An unknown type is 1/3 with the type", arguments: [0, 6, 255] as [UInt8])
    func badType(type: UInt8) {
        #expect(self.error(self.header(30, type)) == .messageHeader(.badMessageType, data: [type]))
    }

    @Test("The least length of each type is accepted", arguments: [(29, 1), (23, 2), (21, 3), (19, 4), (23, 5)])
    func leastLength(length: Int, type: Int) throws {
        let bytes = self.header(UInt16(length), UInt8(type))
        let header = try parseHeader(bytes, 4096)
        #expect(header?.length == length)
        #expect(header?.bodyLength == length - 19)
        #expect(header.map { Int($0.type.rawValue) } == type)
    }

    @Test("With extended messages an UPDATE has up to 65535 octets, an OPEN still 4096")
    func extended() throws {
        let bytes = self.header(65_535, 2)
        #expect(try parseHeader(bytes, 65_535)?.length == 65_535)
        #expect(
            self.error(self.header(4097, 1), maximum: 65_535) == .messageHeader(.badMessageLength, data: [0x10, 0x01])
        )
    }

    @Test("A KEEPALIVE is a header alone")
    func keepalive() {
        var bytes: [UInt8] = []
        Keepalive.encode(into: &bytes)
        #expect(bytes == self.header(19, 4))
    }
}

@Suite("ROUTE-REFRESH")
struct RouteRefreshTests {
    @Test(
        "Bytes and value convert both ways",
        arguments: [
            ([0, 1, 0, 1], RouteRefresh(family: .ipv4Unicast)),
            ([0, 2, 1, 1], RouteRefresh(family: .ipv6Unicast, subtype: .beginning)),
            ([0, 25, 2, 70], RouteRefresh(family: AddressFamily(afi: 25, safi: 70), subtype: .end)),
            ([0, 1, 9, 1], RouteRefresh(family: .ipv4Unicast, subtype: .init(rawValue: 9))),
        ] as [([UInt8], RouteRefresh)]
    )
    func fixture(body: [UInt8], value: RouteRefresh) throws {
        #expect(try decodeRefresh(body) == value)
        var stream: [UInt8] = []
        value.encode(into: &stream)
        #expect(messages(stream).map(\.body) == [body])
        #expect(messages(stream).map(\.type) == [.routeRefresh])
    }

    @Test("A wrong length is 7/1 with the whole message", arguments: [[], [0, 1, 0], [0, 1, 0, 1, 7]] as [[UInt8]])
    func wrongLength(body: [UInt8]) {
        let error = failure { () throws(Notification) in _ = try decodeRefresh(body) }
        let message = Array(repeating: UInt8(255), count: 16) + [0, UInt8(19 + body.count), 5] + body
        #expect(error == Notification(code: .routeRefresh, subcode: 1, data: message))
    }

    @Test("An unknown subtype is returned whatever follows it")
    func unknownSubtype() throws {
        let body: [UInt8] = [0, 1, 77, 1, 1, 2, 3]
        #expect(try decodeRefresh(body).subtype.rawValue == 77)
    }
}

@Suite("NOTIFICATION")
struct NotificationTests {
    @Test(
        "Bytes and value convert both ways",
        arguments: [
            ([6, 2], Notification.cease(.administrativeShutdown)),
            ([6, 2, 3, 0x62, 0x79, 0x65], .cease(.administrativeShutdown, communication: "bye")),
            ([2, 1, 0, 4], .open(.unsupportedVersionNumber, data: [0, 4])),
            ([200, 201, 1], Notification(code: .init(rawValue: 200), subcode: 201, data: [1])),
        ] as [([UInt8], Notification)]
    )
    func fixture(body: [UInt8], value: Notification) {
        #expect(decodeNotification(body) == value)
        var stream: [UInt8] = []
        value.encode(into: &stream)
        #expect(messages(stream).map(\.body) == [body])
    }

    @Test("One without a subcode is no value", arguments: [[], [6]] as [[UInt8]])
    func short(body: [UInt8]) {
        #expect(decodeNotification(body) == nil)
    }

    @Test("Data is cut to fit 4096 octets")
    func bounded() {
        let long = Notification(code: .cease, data: Array(repeating: 1, count: 70_000))
        var stream: [UInt8] = []
        long.encode(into: &stream)
        #expect(stream.count == 4096)
        let body = [6, 0] + Array(repeating: UInt8(1), count: 60_000)
        #expect(decodeNotification(body)?.data.count == Notification.maximumDataLength)
    }

    @Test(
        "Codes and subcodes have names",
        arguments: [
            (6, 2, "Cease: Administrative Shutdown"), (1, 1, "Message Header Error: Connection Not Synchronized"),
            (2, 11, "OPEN Message Error: Role Mismatch"), (3, 11, "UPDATE Message Error: Malformed AS_PATH"),
            (4, 0, "Hold Timer Expired"), (5, 3, "Finite State Machine Error: Unexpected Message in Established"),
            (6, 10, "Cease: BFD Down"), (6, 99, "Cease: subcode 99"),
            (7, 1, "ROUTE-REFRESH Message Error: Invalid Message Length"), (8, 0, "Send Hold Timer Expired"),
            (99, 1, "Error 99/1"),
        ] as [(UInt8, UInt8, String)]
    )
    func names(code: UInt8, subcode: UInt8, text: String) {
        #expect(Notification(code: .init(rawValue: code), subcode: subcode).summary == text)
    }

    @Test("A shutdown communication is shown with unsafe characters replaced")
    func sanitised() {
        let octets: [UInt8] = [0x61, 0x1B, 0x0A, 0xFF, 0xC2, 0x9B, 0xE2, 0x80, 0xAE, 0x62]
        let notification = Notification(code: .cease, subcode: 4, data: [UInt8(octets.count)] + octets)
        #expect(notification.shutdownCommunication == "a\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}b")
    }

    @Test("A communication length past the data ends with the data")
    func overlong() {
        #expect(Notification(code: .cease, subcode: 2, data: [200, 0x68, 0x69]).shutdownCommunication == "hi")
        #expect(Notification(code: .cease, subcode: 2, data: [200]).shutdownCommunication == nil)
        #expect(Notification(code: .cease, subcode: 2, data: [0, 0x68]).shutdownCommunication == nil)
        #expect(Notification(code: .cease, subcode: 3, data: [1, 0x68]).shutdownCommunication == nil)
    }

    @Test("A communication is cut to 255 octets at a character boundary")
    func cut() {
        let notification = Notification.cease(
            .administrativeReset,
            communication: String(repeating: "\u{E4}", count: 200)
        )
        #expect(notification.data.count == 255)
        #expect(notification.shutdownCommunication == String(repeating: "\u{E4}", count: 127))
    }

    @Test("A Hard Reset shows the error inside")
    func hardReset() {
        let notification = Notification(code: .cease, subcode: 9, data: [6, 2, 2, 0x68, 0x69])
        #expect(notification.hardResetReason == .cease(.administrativeShutdown, communication: "hi"))
        #expect(notification.description == "Cease: Hard Reset (Cease: Administrative Shutdown \"hi\")")
        #expect(Notification(code: .cease, subcode: 9, data: [6]).hardResetReason == nil)
        #expect(Notification(code: .cease, subcode: 9, data: [6, 9, 6, 9, 6, 2]).shutdownCommunication == nil)
    }
}
