import IPAddressing

/// Appends canonical attributes as they are sent, with NEXT_HOP in its place when there is one.
func encodeAttributes(_ bytes: RawSpan, nextHop: IPv4Address?, _ hasFourOctetAS: Bool, into output: inout [UInt8]) {
    let view = PathAttributesView(bytes)
    if hasFourOctetAS {
        var offset = 0
        if let nextHop {
            while let element = view.element(at: offset), element.type < .nextHop { offset = element.extent.upperBound }
            output.append(octetsOf: bytes, 0..<offset)
            appendNextHop(nextHop, to: &output)
        }
        output.append(octetsOf: bytes, offset..<bytes.byteCount)
        return
    }
    var pendingNextHop = nextHop
    let as4Path = fourOctetPath(view.asPath)
    var pendingPath = as4Path.isEmpty ? nil : as4Path
    var pendingAggregator: [UInt8]?
    func flush(before type: Int) {
        if let address = pendingNextHop, type > 3 {
            appendNextHop(address, to: &output)
            pendingNextHop = nil
        }
        if let path = pendingPath, type > 17 {
            appendAttribute(.as4Path, [.optional, .transitive], path, to: &output)
            pendingPath = nil
        }
        if let aggregator = pendingAggregator, type > 18 {
            appendAttribute(.as4Aggregator, [.optional, .transitive], aggregator, to: &output)
            pendingAggregator = nil
        }
    }
    var offset = 0
    while let element = view.element(at: offset) {
        offset = element.extent.upperBound
        flush(before: Int(element.type.rawValue))
        switch element.type {
        case .asPath:
            appendAttribute(.asPath, element.flags, twoOctetPath(view.asPath), to: &output)
        case .aggregator where element.value.count == 8:
            let number = bytes.uint32(element.value.lowerBound)
            var value: [UInt8] = []
            value.append(bigEndian: UInt16(exactly: number) ?? UInt16(ASNumber.transition.rawValue))
            value.append(octetsOf: bytes, element.value.lowerBound + 4..<element.value.upperBound)
            appendAttribute(.aggregator, element.flags, value, to: &output)
            if number > 0xFFFF { pendingAggregator = bytes.octets(element.value) }
        default:
            output.append(octetsOf: bytes, element.extent)
        }
    }
    flush(before: 256)
}

/// Appends an attribute with Extended Length used only over 255 octets.
private func appendAttribute(
    _ type: PathAttributeType,
    _ flags: PathAttributeFlags,
    _ value: [UInt8],
    to output: inout [UInt8]
) {
    let flags = flags.intersection([.optional, .transitive, .partial])
    if value.count > 255 {
        output += [flags.union(.extendedLength).rawValue, type.rawValue]
        output.append(bigEndian: UInt16(clamping: value.count))
    } else {
        output += [flags.rawValue, type.rawValue, UInt8(value.count)]
    }
    output += value
}

private func appendNextHop(_ address: IPv4Address, to output: inout [UInt8]) {
    output += [PathAttributeFlags.transitive.rawValue, PathAttributeType.nextHop.rawValue, 4]
    output.append(bigEndian: address.rawValue)
}

/// AS_PATH for a two-octet speaker: larger numbers become AS_TRANS.
private func twoOctetPath(_ path: borrowing ASPathView) -> [UInt8] {
    var result: [UInt8] = []
    path.forEachSegment { kind, numbers in
        result += [kind.rawValue, UInt8(numbers.byteCount / 4)]
        for offset in stride(from: 0, to: numbers.byteCount, by: 4) {
            let number = numbers.uint32(offset)
            result.append(bigEndian: UInt16(exactly: number) ?? UInt16(ASNumber.transition.rawValue))
        }
    }
    return result
}

/// AS4_PATH for a two-octet speaker, without confederation segments; empty when every number fits into two octets.
private func fourOctetPath(_ path: borrowing ASPathView) -> [UInt8] {
    var result: [UInt8] = []
    var isNeeded = false
    path.forEachSegment { kind, numbers in
        guard kind == .sequence || kind == .set else { return }
        result += [kind.rawValue, UInt8(numbers.byteCount / 4)]
        result.append(octetsOf: numbers, 0..<numbers.byteCount)
        for offset in stride(from: 0, to: numbers.byteCount, by: 4) where numbers.uint32(offset) > 0xFFFF {
            isNeeded = true
        }
    }
    return isNeeded ? result : []
}

/// Appends the length and the octets of a next hop in MP_REACH_NLRI.
func appendMultiprotocolNextHop(_ nextHop: BGPNextHop, to output: inout [UInt8]) {
    let address =
        switch nextHop.address {
        case .v6(let address): address
        case .v4(let address): IPv6Address(high: 0, low: 0xFFFF_0000_0000 | UInt64(address.rawValue))
        }
    output.append(nextHop.linkLocal == nil ? 16 : 32)
    output.append(bigEndian: address.high)
    output.append(bigEndian: address.low)
    if let linkLocal = nextHop.linkLocal {
        output.append(bigEndian: linkLocal.high)
        output.append(bigEndian: linkLocal.low)
    }
}
