import Glibc
import IPAddressing
import NIOCore
import Testing

@testable import Speaker

@Suite("Rules of the transport")
struct TransportRuleTests {
    private func endpoint(_ text: String) throws -> SocketEndpoint {
        SocketEndpoint(address: try #require(IPAddress(text)), port: 179)
    }

    @Test("A listener drops SYNs below the least TTL that all of its neighbours allow (RFC 5082 §3)")
    func listenerTTL() throws {
        var expected = Listeners.Expected()
        expected.add(try self.endpoint("192.0.2.1"), SessionSocketOptions(minimumTTL: 255))
        #expect(expected.minimumTTL == 255)
        expected.add(try self.endpoint("192.0.2.2"), SessionSocketOptions(minimumTTL: 253))
        #expect(expected.minimumTTL == 253)
        // One without TTL security must still be heard, so the session's own socket has to check the others.
        expected.add(try self.endpoint("192.0.2.3"), SessionSocketOptions())
        #expect(expected.minimumTTL == 0)
    }

    @Test("TTL and least TTL are set on the socket, as hop limits for IPv6", arguments: ["192.0.2.1", "2001:db8::1"])
    func socketTTL(address: String) throws {
        let address = try #require(IPAddress(address))
        let descriptor = try BGPSocket.make(for: address)
        defer { close(descriptor) }
        try BGPSocket.apply(SessionSocketOptions(outgoingTTL: 255, minimumTTL: 254), to: descriptor, family: address)
        func option(_ level: Int32, _ name: Int32) -> Int32 {
            var value: Int32 = -1
            var length = socklen_t(MemoryLayout<Int32>.size)
            return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : -1
        }
        let isIPv4 = address.isIPv4
        let level = Int32(isIPv4 ? IPPROTO_IP : IPPROTO_IPV6)
        #expect(option(level, isIPv4 ? IP_TTL : IPV6_UNICAST_HOPS) == 255)
        // IP_MINTTL and IPV6_MINHOPCOUNT of Linux.
        #expect(option(level, isIPv4 ? 21 : 73) == 254)
        try BGPSocket.apply(SessionSocketOptions(minimumTTL: 0), to: descriptor, family: address)
        #expect(option(level, isIPv4 ? 21 : 73) == 0)
    }

    @Test("A send hold timer that runs out ends a session only if a write has waited that long (RFC 9687 §3.1)")
    func sendHold() {
        var connection = PeerSession.Connection()
        let now = NIODeadline.uptimeNanoseconds(100_000_000_000)
        #expect(connection.takesWrites(within: .seconds(9), at: now))
        connection.pendingWrites = 1
        connection.pendingSince = now - .seconds(8)
        #expect(connection.takesWrites(within: .seconds(9), at: now))
        connection.pendingSince = now - .seconds(9)
        #expect(!connection.takesWrites(within: .seconds(9), at: now))
        connection.pendingWrites = 0
        #expect(connection.takesWrites(within: .seconds(9), at: now))
    }
}
