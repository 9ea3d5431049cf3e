import IPAddressing
import Testing

@testable import Netlink

@Suite("Netlink messages")
struct MessageCodecTests {
    private func samples() throws -> [RouteOperation] {
        let v4 = try address("10.0.0.2")
        let v6 = try address("2001:db8::2")
        return [
            .add(KernelRoute(prefix: try prefix("10.1.0.0/16"), protocolNumber: .felix, metric: 5, type: .blackhole)),
            .replace(
                KernelRoute(
                    prefix: try prefix("10.2.0.0/16"),
                    table: 70_000,
                    protocolNumber: .felix,
                    nextHops: [
                        KernelNextHop(gateway: v4, interface: 3, weight: 256), KernelNextHop(gateway: v6, interface: 4),
                    ],
                    preferredSource: try address("10.0.0.1")
                )
            ),
            .add(
                KernelRoute(
                    prefix: try prefix("2001:db8:1::/48"),
                    protocolNumber: .felix,
                    nextHops: [KernelNextHop(gateway: v6, interface: 3, isOnLink: true)]
                )
            ),
            .delete(RouteKey(prefix: try prefix("2001:db8:2::/48"), table: 9), protocolNumber: .felix),
        ]
    }

    private func decode(_ bytes: [UInt8]) -> (routes: [KernelRoute], events: [KernelEvent], isMalformed: Bool) {
        bytes.withUnsafeBytes { buffer in
            var reader = MessageReader(NetlinkBytes(buffer))
            var routes: [KernelRoute] = []
            var events: [KernelEvent] = []
            while let message = reader.next() {
                if let route = KernelRoute(message.payload) { routes.append(route) }
                if let event = KernelEvent(message) { events.append(event) }
                _ = message.acknowledgement
                _ = Link(message.payload)
                _ = LinkAddress(message.payload)
                _ = Neighbor(message.payload)
            }
            return (routes, events, reader.isMalformed)
        }
    }

    @Test("A route message reads back as the route it was made from")
    func roundTrip() throws {
        for operation in try self.samples() {
            var writer = MessageWriter()
            writer.append(operation, sequence: 7)
            #expect(writer.bytes.count.isMultiple(of: 4))
            let decoded = self.decode(writer.bytes)
            switch operation {
            case .add(let route), .replace(let route):
                #expect(decoded.routes == [route])
                #expect(decoded.events == [.routeChanged(route)])
            case .delete(let key, let number):
                #expect(decoded.routes.first?.key == key)
                #expect(decoded.routes.first?.protocolNumber == number)
            }
        }
    }

    @Test("Every truncation of a message is survived, and reported as malformed")
    func truncation() throws {
        for operation in try self.samples() {
            var writer = MessageWriter()
            writer.append(operation, sequence: 7)
            for length in 1..<writer.bytes.count {
                #expect(self.decode(Array(writer.bytes.prefix(length))).isMalformed)
            }
        }
    }

    @Test("Random and mutated octets never trap and always end")
    func mutation() throws {
        var random = SystemRandomNumberGenerator()
        var writer = MessageWriter()
        for (index, operation) in try self.samples().enumerated() {
            writer.append(operation, sequence: UInt32(index))
        }
        let types: [UInt8] = [2, 3, 4, 16, 17, 20, 21, 24, 25, 28, 29]
        for _ in 0..<40_000 {
            var bytes = writer.bytes
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            bytes[4] = types.randomElement(using: &random) ?? 24
            _ = self.decode(bytes)
        }
        for _ in 0..<40_000 {
            var bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            if bytes.count >= 16 {
                bytes.replaceSubrange(0..<8, with: [UInt8(bytes.count), 0, 0, 0, types.randomElement() ?? 24, 0, 0, 3])
            }
            if bytes.count >= 28 { bytes[16] = [0, 2, 10].randomElement(using: &random) ?? 0 }
            _ = self.decode(bytes)
        }
    }
}
