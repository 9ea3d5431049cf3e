import BGPWire
import IPAddressing
import Testing

@testable import Speaker

@Suite("What is remembered of routes that are in no table")
struct UnusedRoutesTests {
    /// An UPDATE whose ORIGIN has a value, for prefixes of 24 bits.
    private static func decoder(origin: UInt8, _ prefixes: [[UInt8]]) throws -> UpdateDecoder {
        let attributes: [UInt8] =
            [0x40, 1, 1, origin, 0x40, 2, 6, 2, 1, 0, 0, 0xFC, 1, 0x40, 3, 4, 192, 0, 2, 1]
        let body = [0, 0, 0, UInt8(attributes.count)] + attributes + prefixes.flatMap { [24] + $0 }
        var decoder = UpdateDecoder()
        let context = UpdateContext(
            ipv4: .init(isNegotiated: true),
            ipv6: .init(isNegotiated: false),
            hasFourOctetAS: true,
            isInternal: false,
            peerAS: 64_513,
            enforcesFirstAS: false,
            rejectsASSets: false,
            hashSeed: 1
        )
        try decoder.decode(body.span.bytes, context)
        return decoder
    }

    private func note(_ routes: inout UnusedRoutes, _ prefixes: [[UInt8]], origin: UInt8 = 7, at time: Double) throws {
        let decoder = try Self.decoder(origin: origin, prefixes)
        routes.note(decoder, try #require(decoder.failure), at: time)
    }

    @Test("Each prefix of a message that failed is found with what was wrong, by prefix and by address")
    func found() throws {
        var routes = UnusedRoutes()
        try self.note(&routes, [[203, 0, 113], [198, 51, 100]], at: 5)
        try self.note(&routes, [[203, 0, 113]], at: 6)
        let prefix = try #require(IPPrefix("203.0.113.0/24"))
        let entries = routes.latest(.prefix(prefix))
        #expect(entries.map(\.time) == [6])
        #expect(entries.first?.reason == .malformed(.init(type: .origin, cause: .originValue, isDiscarded: false)))
        #expect(routes.latest(.longestMatch(try #require(IPAddress("198.51.100.77")))).map(\.time) == [5])
        #expect(routes.latest(.prefix(try #require(IPPrefix("203.0.113.0/25")))).isEmpty)
    }

    @Test("However many come, the latest of a bounded number are kept")
    func bounded() throws {
        var routes = UnusedRoutes()
        for number in 0..<1000 {
            try self.note(
                &routes,
                (0..<100).map { [10, UInt8(number >> 8), UInt8($0)] } + [
                    [11, UInt8(number >> 8), UInt8(number & 255)]
                ],
                at: Double(number)
            )
            #expect(routes.entries.count <= UnusedRoutes.limit)
        }
        #expect(routes.latest(.prefix(try #require(IPPrefix("11.3.231.0/24")))).map(\.time) == [999])
        #expect(routes.latest(.prefix(try #require(IPPrefix("11.0.0.0/24")))).isEmpty)
        try self.note(&routes, (0..<200).map { [12, 0, UInt8($0)] }, at: 2000)
        #expect(routes.entries.filter { $0.time == 2000 }.count == UnusedRoutes.limitOfMessage)
    }
}
