import BGPWire
import IPAddressing
import MRTFormat

/// Feeds one input to the MRT reader in chunks, and what it finds to the attribute decoder and the writer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMRT(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: start, count: count)
    guard let choice = input.first else { return 0 }
    let stream = Array(input.dropFirst())
    if choice == 0 {
        var decoder = RIBAttributeDecoder()
        _ = try? decoder.decode(stream, isIPv4: true)
        _ = try? decoder.decode(stream, isIPv4: false)
        return 0
    }
    var reader = MRTReader(maximumRecordLength: 1 << 16)
    var decoder = RIBAttributeDecoder()
    var rest = stream[...]
    while !rest.isEmpty {
        reader.append(Array(rest.prefix(Int(choice))))
        rest = rest.dropFirst(Int(choice))
        while let item = try? reader.next() {
            switch item {
            case .malformed(let record): _ = record.description
            case .record(let record): judge(record, &decoder)
            }
        }
    }
    _ = try? reader.finish()
    return 0
}

/// What was read can be written, and is read again as the same.
private func judge(_ record: MRTRecord, _ decoder: inout RIBAttributeDecoder) {
    var output: [UInt8] = []
    do {
        try MRTWriter.append(record, to: &output)
    } catch {
        // A view name that is no UTF-8 grows when it is repaired.
        guard case .peerIndexTable = record.content else { fail("cannot write: \(error)") }
        return
    }
    guard case .rib(let rib) = record.content else { return }
    for entry in rib.entries {
        guard let route = try? decoder.decode(entry.attributes, isIPv4: rib.prefix.isIPv4) else { continue }
        let again = RIBEntry(peerIndex: 0, originatedTime: 0, route: route, isIPv4: rib.prefix.isIPv4)
        // A set of nearly 65,535 octets may have no room for a longer next hop.
        guard again.attributes.count <= 65_535 else { continue }
        let decoded = try? decoder.decode(again.attributes, isIPv4: rib.prefix.isIPv4)
        require(decoded == route)
    }
}
