import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Speaker

@Suite("Route batches")
struct RouteBatchTests {
    let context = UpdateContext(
        ipv4: .init(isNegotiated: true, receivesPathIDs: false, allowsExtendedNextHop: false),
        ipv6: .init(isNegotiated: true, receivesPathIDs: false, allowsExtendedNextHop: false),
        hasFourOctetAS: true,
        isInternal: false,
        peerAS: 65001
    )

    @Test("IPv4 routes of the UPDATE's field and of MP_REACH_NLRI each keep their next hop")
    func twoNextHops() throws {
        let reach: [UInt8] = [0x80, 14, 12, 0, 1, 1, 4, 192, 0, 2, 2, 0, 16, 10, 2]
        let attributes: [UInt8] =
            reach + [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xE9, 0x40, 3, 4, 192, 0, 2, 1]
        let body: [UInt8] = [0, 2, 8, 11, 0, UInt8(attributes.count)] + attributes + [16, 10, 1]
        var decoder = UpdateDecoder()
        try decoder.decode(body.span.bytes, self.context)
        #expect(decoder.failure == nil)
        var batch = RouteBatch()
        batch.append(decoder, ImportJudges())
        try #require(batch.segments.map(\.kind) == [.withdraw, .announce, .announce])
        func text(_ segment: RouteBatch.Segment) -> [String] { batch.ipv4[segment.nlri].map { "\($0.prefix)" } }
        #expect(text(batch.segments[0]) == ["11.0.0.0/8"])
        let announced = Dictionary(
            uniqueKeysWithValues: batch.segments[1...].map { (text($0), $0.nextHop?.address) }
        )
        #expect(announced == [["10.1.0.0/16"]: try address("192.0.2.1"), ["10.2.0.0/16"]: try address("192.0.2.2")])
    }

    @Test("An empty UPDATE is End-of-RIB of IPv4")
    func endOfRIB() throws {
        var decoder = UpdateDecoder()
        let body: [UInt8] = [0, 0, 0, 0]
        try decoder.decode(body.span.bytes, self.context)
        var batch = RouteBatch()
        batch.append(decoder, ImportJudges())
        #expect(batch.segments.map(\.kind) == [.endOfRIB])
        #expect(batch.segments.first?.isIPv4 == true)
    }

    @Test("A segment of a batch takes 96 octets")
    func layout() {
        #expect(MemoryLayout<RouteBatch.Segment>.stride == 96)
    }
}
