import BGPWire
import IPAddressing

/// One attribute with Extended Length where the value needs it.
func attribute(_ flags: UInt8, _ type: UInt8, _ value: [UInt8]) -> [UInt8] {
    value.count > 255
        ? [flags | 0x10, type, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
        : [flags, type, UInt8(value.count)] + value
}

/// ORIGIN IGP.
let originIGP = attribute(0x40, 1, [0])
/// AS_PATH 65001 65002 with four-octet numbers.
let path = attribute(0x40, 2, [2, 2, 0, 0, 0xFD, 0xE9, 0, 0, 0xFD, 0xEA])
/// NEXT_HOP 192.0.2.1.
let nextHop = attribute(0x40, 3, [192, 0, 2, 1])
/// What an announcement in the NLRI field must have.
let mandatory = originIGP + path + nextHop
/// 10.1.0.0/16 as NLRI.
let tenOne: [UInt8] = [16, 10, 1]
/// 2001:db8::/32 as NLRI.
let documentation: [UInt8] = [32, 0x20, 0x01, 0x0D, 0xB8]
/// 2001:db8::1.
let globalNextHop: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1]
/// fe80::1.
let linkLocalNextHop: [UInt8] = [0xFE, 0x80] + Array(repeating: 0, count: 13) + [1]
/// MP_REACH_NLRI that announces 2001:db8::/32 by 2001:db8::1.
let reachIPv6 = attribute(0x80, 14, [0, 2, 1, 16] + globalNextHop + [0] + documentation)

/// The body of an UPDATE.
func update(withdrawn: [UInt8] = [], _ attributes: [UInt8] = [], nlri: [UInt8] = []) -> [UInt8] {
    let head = [UInt8(withdrawn.count >> 8), UInt8(withdrawn.count & 255)] + withdrawn
    return head + [UInt8(attributes.count >> 8), UInt8(attributes.count & 255)] + attributes + nlri
}

/// An external four-octet session with AS 65001, both families.
func external(_ change: (inout UpdateContext) -> Void = { _ in }) -> UpdateContext {
    var context = UpdateContext(
        ipv4: UpdateContext.FamilyUse(isNegotiated: true),
        ipv6: UpdateContext.FamilyUse(isNegotiated: true),
        hasFourOctetAS: true,
        isInternal: false,
        peerAS: 65001
    )
    change(&context)
    return context
}

/// An internal four-octet session.
func internalPeer(_ change: (inout UpdateContext) -> Void = { _ in }) -> UpdateContext {
    external {
        $0.isInternal = true
        change(&$0)
    }
}

func decode(_ body: [UInt8], _ context: UpdateContext = external()) throws(Notification) -> UpdateDecoder {
    var decoder = UpdateDecoder()
    try decoder.decode(body.span.bytes, context)
    return decoder
}

/// The error a decoder throws, nil if none.
func failure(_ body: () throws(Notification) -> Void) -> Notification? {
    do throws(Notification) {
        try body()
        return nil
    } catch {
        return error
    }
}

func v4(_ text: String) -> IPv4Prefix {
    IPPrefix(text).flatMap(IPv4Prefix.init(_:)) ?? IPv4Prefix(address: .any, length: 0)
}

func v6(_ text: String) -> IPv6Prefix {
    IPPrefix(text).flatMap(IPv6Prefix.init(_:)) ?? IPv6Prefix(address: .any, length: 0)
}

/// Messages of a stream, each as type and body.
func messages(_ stream: [UInt8]) -> [(type: MessageType, body: [UInt8])] {
    var result: [(type: MessageType, body: [UInt8])] = []
    var rest = stream[...]
    while let header = try? parseHeader(Array(rest), 65_535),
        header.length <= rest.count
    {
        result.append((header.type, Array(rest.prefix(header.length).dropFirst(MessageHeader.size))))
        rest = rest.dropFirst(header.length)
    }
    return rest.isEmpty ? result : []
}

func decodeOpen(_ body: [UInt8]) throws(Notification) -> Open {
    try Open.decode(body: body.span.bytes)
}

func capability(_ code: UInt8, _ value: [UInt8]) -> Capability {
    Capability(code: code, value: value.span.bytes)
}

func decodeRefresh(_ body: [UInt8]) throws(Notification) -> RouteRefresh {
    try RouteRefresh.decode(body: body.span.bytes)
}

func decodeNotification(_ body: [UInt8]) -> Notification? {
    Notification.decode(body: body.span.bytes)
}

func parseHeader(_ bytes: [UInt8], _ maximumLength: Int) throws(Notification) -> MessageHeader? {
    try MessageHeader.parse(bytes.span.bytes, maximumLength: maximumLength)
}
