import BGPWire
import IPAddressing
import MRTFormat
import Testing

/// Octets from hexadecimal text; spaces and line ends are for people.
func octets(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.utf8.map { UInt8($0 < 58 ? $0 - 48 : $0 - 87) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// A record from its header fields and contents.
func record(_ type: UInt16, _ subtype: UInt16, seconds: UInt32 = 1_300_475_700, _ contents: [UInt8]) -> [UInt8] {
    func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) } }
    return word(seconds) + word(UInt32(type) << 16 | UInt32(subtype)) + word(UInt32(contents.count)) + contents
}

/// A table with an IPv4 peer of a two-octet AS and an IPv6 peer of a four-octet one.
let peerTable =
    octets("c0000201 0004 76696577 0002 00 c0000202 c0000202 fc00 03 c0000203") + ipv6One + octets("00010000")
let ipv6One = octets("20010db8000000000000000000000001")
let peerTableRecord = record(13, 1, peerTable)

/// ORIGIN and AS_PATH 64496.
let originAndPath = octets("40010100 4002060201 0000fbf0")
let nextHopField = octets("400304 c0000202")
let abbreviatedReach = octets("800e11 10") + ipv6One

/// One entry of peer 0, or another.
func entry(peer: UInt8 = 0, _ attributes: [UInt8]) -> [UInt8] {
    [0, peer] + octets("4d83dd34") + [UInt8(attributes.count >> 8), UInt8(attributes.count & 255)] + attributes
}

/// Everything a reader makes of a stream, and the error at its end.
func readAll(_ stream: [UInt8], chunk: Int = .max, reader: inout MRTReader) -> ([MRTItem], MRTStreamError?) {
    var items: [MRTItem] = []
    var rest = stream[...]
    do throws(MRTStreamError) {
        while !rest.isEmpty {
            reader.append(Array(rest.prefix(chunk)))
            rest = rest.dropFirst(chunk)
            while let item = try reader.next() { items.append(item) }
        }
        try reader.finish()
        return (items, nil)
    } catch {
        return (items, error)
    }
}

func readAll(_ stream: [UInt8], chunk: Int = .max) -> ([MRTItem], MRTStreamError?) {
    var reader = MRTReader()
    return readAll(stream, chunk: chunk, reader: &reader)
}

/// The only record of a stream, behind the table of peers.
func contentAfterPeers(_ stream: [UInt8]) throws -> MRTRecord.Content {
    let (items, error) = readAll(peerTableRecord + stream)
    #expect(error == nil)
    #expect(items.count == 2)
    guard case .record(let record) = try #require(items.last) else { throw Unexpected(item: items[1]) }
    return record.content
}

/// What is wrong with the record behind the table of peers.
func problemAfterPeers(_ stream: [UInt8]) -> MRTProblem? {
    guard case .malformed(let record) = readAll(peerTableRecord + stream).0.last else { return nil }
    return record.problem
}

struct Unexpected: Error {
    var item: MRTItem
}
