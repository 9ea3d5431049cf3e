import BGPWire
import IPAddressing

/// UPDATEs as peers send them: distinct prefixes in shuffled order, some to a message.
enum Updates {
    static let nextHop = BGPNextHop(.v4(IPv4Address(10, 0, 0, 2)))

    static let context = UpdateContext(
        ipv4: .init(isNegotiated: true),
        ipv6: .init(isNegotiated: true),
        hasFourOctetAS: true,
        isInternal: false,
        peerAS: 65_001
    )

    static func attributes(_ set: Int) -> PathAttributes {
        var attributes = PathAttributes()
        let number = UInt32(truncatingIfNeeded: set)
        attributes.origin = .igp
        attributes.asPath = ASPath(sequence: [65_001, 3356, 1299, ASNumber(rawValue: 100_000 + number), 7])
        attributes.communities = [Community(rawValue: number), Community(65_001, 77)]
        return attributes
    }

    /// Distinct up to a million.
    static func ipv4(_ index: Int) -> NLRI<IPv4Prefix> {
        let value = index * 7919 % 1_000_003
        return NLRI(IPv4Prefix(address: IPv4Address(rawValue: UInt32(0x140000 + value) << 8), length: 24))
    }

    static func ipv6(_ index: Int) -> NLRI<IPv6Prefix> {
        let value = UInt64(index * 7919 % 1_000_003)
        return NLRI(IPv6Prefix(address: IPv6Address(high: 0x2A00_0000_0000_0000 | value << 16, low: 0), length: 48))
    }

    /// One message for each eight prefixes, a seventh as many attribute sets as prefixes.
    static func messages(_ count: Int) -> [[UInt8]] {
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
        return stride(from: 0, to: count, by: 8).map { start in
            var message: [UInt8] = []
            let prefixes = (start..<min(start + 8, count)).map(Self.ipv4)
            let set = start / 8 * 7 % max(1, count / 7)
            encode(&encoder, prefixes, Self.attributes(set), Self.nextHop, &message)
            return message
        }
    }

    static func ipv6Messages(_ count: Int) -> [[UInt8]] {
        let nextHop = BGPNextHop(.v6(IPv6Address(high: 0x2001_0DB8_0000_0000, low: 2)))
        var encoder = UpdateEncoder<IPv6Prefix>(UpdateEncoding())
        return stride(from: 0, to: count, by: 8).map { start in
            var message: [UInt8] = []
            let prefixes = (start..<min(start + 8, count)).map(Self.ipv6)
            encode(&encoder, prefixes, Self.attributes(start), nextHop, &message)
            return message
        }
    }

    static func encode<Prefix>(
        _ encoder: inout UpdateEncoder<Prefix>,
        _ prefixes: [NLRI<Prefix>],
        _ attributes: PathAttributes,
        _ nextHop: BGPNextHop,
        _ output: inout [UInt8]
    ) {
        do {
            try encoder.announce(prefixes, attributes: attributes, nextHop: nextHop, into: &output)
        } catch {
            preconditionFailure("eight prefixes fit into a message: \(error)")
        }
    }

    /// Calls `body` with the decoder after each message.
    static func decode(_ messages: [[UInt8]], _ body: (borrowing UpdateDecoder) -> Void) {
        var decoder = UpdateDecoder()
        for message in messages {
            let octets = message.span.bytes.extracting(MessageHeader.size..<message.count)
            guard (try? decoder.decode(octets, Self.context)) != nil else {
                preconditionFailure("the encoder's messages decode")
            }
            body(decoder)
        }
    }
}

extension Workload {
    static let wire: [Workload] = [
        Workload("decode_update_ipv4") {
            let messages = Updates.messages(8_000)
            return {
                var count = 0
                Updates.decode(messages) { count += $0.announcedIPv4.count }
                precondition(count == 8_000, "the decoder lost prefixes")
            }
        },
        Workload("decode_update_ipv6") {
            let messages = Updates.ipv6Messages(8_000)
            return {
                var count = 0
                Updates.decode(messages) { count += $0.announcedIPv6.count }
                precondition(count == 8_000, "the decoder lost prefixes")
            }
        },
        Workload("encode_update_ipv4") {
            let prefixes = (0..<1_000).map { number in (0..<8).map { Updates.ipv4(number * 8 + $0) } }
            let sets = (0..<1_000).map { Updates.attributes($0) }
            return {
                var output: [UInt8] = []
                var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
                for (prefixes, set) in zip(prefixes, sets) {
                    Updates.encode(&encoder, prefixes, set, Updates.nextHop, &output)
                }
                precondition(encoder.messageCount == 1_000, "a message for each set")
            }
        },
    ]
}
