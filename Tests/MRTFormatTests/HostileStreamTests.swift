import BGPWire
import IPAddressing
import Testing

@testable import MRTFormat

/// Truncated, mutated and random streams: items or an error, never a trap.
@Suite("Hostile MRT streams")
struct HostileStreamTests {
    /// A stream with every kind of record.
    static let stream: [UInt8] = {
        let attributes = originAndPath + nextHopField + abbreviatedReach + octets("c00808 fbf00001 fbf00002")
        let addPath = octets("0001 4d83dd34 00000005") + [0, UInt8(attributes.count)] + attributes
        let ends = octets("0003 0001 c0000202 c0000201")
        let message = Array(repeating: UInt8(255), count: 16) + octets("0017 02 0000 0000")
        var stream = peerTableRecord
        stream += record(13, 2, octets("00000001 17 c63364 0002") + entry(attributes) + entry(peer: 1, attributes))
        stream += record(13, 4, octets("00000002 20 20010db8 0001") + entry(attributes))
        stream += record(13, 6, octets("00000003 0002 01 20 20010db8 0001") + entry(attributes))
        stream += record(13, 8, octets("00000004 08 0b 0001") + addPath)
        stream += record(13, 10, octets("00000005 08 20 0001") + addPath)
        stream += record(13, 12, octets("00000006 0001 01 00000009 08 0b 0001") + entry(attributes))
        stream += record(16, 0, octets("fc00 fc01") + ends + octets("0003 0006"))
        stream += record(16, 5, octets("0000fc00 0000fc01") + ends + octets("0003 0006"))
        stream += record(16, 1, octets("fc00 fc01") + ends + message)
        stream += record(17, 4, octets("00000001 0000fc00 0000fc01") + ends + message)
        stream += record(12, 1, [1, 2, 3])
        return stream
    }()

    /// Reads everything a stream leads to, and checks what must hold of it.
    func judge(_ stream: [UInt8], chunk: Int = .max) {
        var reader = MRTReader(maximumRecordLength: 4096)
        var decoder = RIBAttributeDecoder()
        let (items, _) = readAll(stream, chunk: chunk, reader: &reader)
        #expect(reader.recordCount + reader.malformedCount == UInt64(items.count))
        for case .record(let record) in items {
            var output: [UInt8] = []
            #expect(throws: Never.self) { try MRTWriter.append(record, to: &output) }
            if case .rib(let rib) = record.content {
                #expect(rib.prefix.length <= (rib.prefix.isIPv4 ? 32 : 128))
                for entry in rib.entries {
                    guard let route = try? decoder.decode(entry.attributes, isIPv4: rib.prefix.isIPv4) else { continue }
                    let again = RIBEntry(peerIndex: 0, originatedTime: 0, route: route, isIPv4: rib.prefix.isIPv4)
                    let decoded = try? decoder.decode(again.attributes, isIPv4: rib.prefix.isIPv4)
                    #expect(decoded == route)
                }
            }
        }
    }

    @Test("The stream itself is sound")
    func sound() {
        var reader = MRTReader()
        let (items, error) = readAll(Self.stream, reader: &reader)
        #expect(error == nil)
        #expect(items.count == 11 && reader.malformedCount == 0 && reader.skippedCount == 1)
    }

    @Test("Every truncation yields items and an error")
    func truncations() {
        for count in 0...Self.stream.count { self.judge(Array(Self.stream.prefix(count))) }
    }

    @Test("Every octet of the stream may have any of many values")
    func everyOctet() {
        for position in Self.stream.indices {
            for value in [0, 1, 2, 16, 127, 128, 254, 255] as [UInt8] {
                var stream = Self.stream
                stream[position] = value
                self.judge(stream)
            }
        }
    }

    @Test("Random mutations of several octets, in random chunks")
    func mutations() {
        var random = SplitMix64(state: 11)
        for _ in 0..<20_000 {
            var stream = Self.stream
            for _ in 0...random.below(6) {
                let position = Int(random.below(UInt64(stream.count)))
                switch random.below(3) {
                case 0: stream[position] = UInt8(random.below(256))
                case 1: stream.remove(at: position)
                default: stream.insert(UInt8(random.below(256)), at: position)
                }
            }
            self.judge(stream, chunk: 1 + Int(random.below(200)))
        }
    }

    @Test("Random attributes of entries")
    func randomAttributes() {
        var random = SplitMix64(state: 5)
        var decoder = RIBAttributeDecoder()
        for _ in 0..<20_000 {
            let attributes = (0..<random.below(60)).map { _ in UInt8(random.below(256)) }
            for isIPv4 in [true, false] { _ = try? decoder.decode(attributes, isIPv4: isIPv4) }
            let after = originAndPath + attributes + nextHopField + abbreviatedReach
            for isIPv4 in [true, false] { _ = try? decoder.decode(after, isIPv4: isIPv4) }
        }
    }

    @Test("A count of entries or peers reserves no more than the record has room for")
    func promisedCounts() {
        var table = PeerIndexTable(collector: RouterID(rawValue: 0), peers: [])
        #expect(throws: MRTProblem.fieldPastEnd("peer type")) {
            let octets = octets("00000000 0000 ffff")
            var reader = OctetReader(unsafe octets.span.bytes)
            table = try PeerIndexTable(&reader)
        }
        #expect(table.peers.capacity == 0)
        #expect(problemAfterPeers(record(13, 2, octets("00000000 00 ffff"))) == .fieldPastEnd("peer index"))
    }
}
