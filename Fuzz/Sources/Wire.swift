import BGPWire
import IPAddressing

/// Feeds one input to every decoder of the wire codec; the first octet chooses decoder and session.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWire(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: start, count: count)
    guard let choice = input.first else { return 0 }
    let body = Array(input.dropFirst())
    switch choice & 7 {
    case 0: fuzzOpen(body)
    case 1:
        if let notification = Notification.decode(body: body.span.bytes) {
            _ = notification.description
            var output: [UInt8] = []
            notification.encode(into: &output)
        }
    case 2:
        _ = try? RouteRefresh.decode(body: body.span.bytes)
        _ = try? MessageHeader.parse(body.span.bytes, maximumLength: 65_535)
    case 3: _ = PathAttributes(canonical: body).description
    default: fuzzUpdate(body, choice)
    }
    return 0
}

private func fuzzOpen(_ body: [UInt8]) {
    guard let open = try? Open.decode(body: body.span.bytes) else { return }
    var output: [UInt8] = []
    open.encode(into: &output)
    require(output.count <= MessageHeader.standardMaximumLength)
}

private func fuzzUpdate(_ body: [UInt8], _ choice: UInt8) {
    let ipv4 = UpdateContext.FamilyUse(
        isNegotiated: true,
        receivesPathIDs: choice & 8 != 0,
        allowsExtendedNextHop: choice & 16 != 0
    )
    let context = UpdateContext(
        ipv4: ipv4,
        ipv6: UpdateContext.FamilyUse(isNegotiated: true, receivesPathIDs: choice & 8 != 0),
        hasFourOctetAS: choice & 32 != 0,
        isInternal: choice & 64 != 0,
        peerAS: 65001,
        enforcesFirstAS: choice & 128 != 0,
        rejectsASSets: choice & 128 != 0,
        acceptsAIGP: choice & 1 != 0
    )
    var decoder = UpdateDecoder()
    guard (try? decoder.decode(body.span.bytes, context)) != nil, decoder.isAnnouncing else { return }
    let set = PathAttributes(canonical: decoder.attributes)
    require(set.elements.last?.extent.upperBound == decoder.attributes.count)
    require(zip(set.elements, set.elements.dropFirst()).allSatisfy { $0.type < $1.type })
    _ = set.description
    for index in decoder.announcedIPv4.indices { require(decoder.nextHop(ofIPv4At: index) != nil) }
    for hasFourOctetAS in [true, false] {
        let encoding = UpdateEncoding(maximumLength: 65_535, hasFourOctetAS: hasFourOctetAS, sendsPathIDs: true)
        var output: [UInt8] = []
        if let nextHop = decoder.multiprotocolNextHop {
            var encoder = UpdateEncoder<IPv6Prefix>(encoding)
            try? encoder.announce(decoder.announcedIPv6, attributes: set, nextHop: nextHop, into: &output)
        }
        if let nextHop = decoder.nextHop ?? decoder.multiprotocolNextHop {
            var encoder = UpdateEncoder<IPv4Prefix>(encoding)
            try? encoder.announce(decoder.announcedIPv4, attributes: set, nextHop: nextHop, into: &output)
        }
        var rest = output[...]
        while !rest.isEmpty {
            let head = Array(rest.prefix(MessageHeader.size))
            guard let header = try? MessageHeader.parse(head.span.bytes, maximumLength: 65_535) else {
                fail("own output has a bad header")
            }
            rest = rest.dropFirst(header.length)
        }
    }
}
