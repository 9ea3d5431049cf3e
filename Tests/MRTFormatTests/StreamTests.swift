import MRTFormat
import Testing

/// What the reader does between records.
@Suite("MRT streams")
struct StreamTests {
    let rib = record(13, 2, octets("00000000 08 0b 0001") + entry(originAndPath + nextHopField))

    @Test(
        "Records are found whatever the chunks they arrive in (RFC 6396 §2)",
        arguments: [1, 2, 7, 12, 13, 64, 1 << 20]
    )
    func chunks(size: Int) {
        let stream = peerTableRecord + record(11, 0, Array(repeating: 7, count: 100)) + self.rib + self.rib
        var whole = MRTReader()
        var parts = MRTReader()
        let expected = readAll(stream, reader: &whole)
        let found = readAll(stream, chunk: size, reader: &parts)
        #expect(expected.0.count == 3 && expected.1 == nil)
        #expect(found == expected)
        #expect(parts.skippedCount == 1 && parts.recordCount == 3)
    }

    @Test("Records of other types are skipped and counted, whatever their length (RFC 6396 §4)")
    func otherTypes() {
        var reader = MRTReader(maximumRecordLength: 64)
        let stream =
            record(12, 1, Array(repeating: 0, count: 1000)) + record(48, 0, []) + record(13, 3, [1])
            + record(12, 1, [9]) + record(16, 2, []) + peerTableRecord
        let (items, error) = readAll(stream, chunk: 10, reader: &reader)
        #expect(error == nil)
        #expect(items.count == 1)
        #expect(reader.skippedCount == 5)
        #expect(reader.skippedKinds[MRTKind(type: 12, subtype: 1)] == 2)
        #expect(reader.skippedKinds.count == 4)
    }

    @Test("Kinds that are skipped are told apart up to a limit, and counted beyond it")
    func manyKinds() {
        var reader = MRTReader()
        let (_, error) = readAll((0..<1000).flatMap { record(UInt16(100 + $0), 0, []) }, reader: &reader)
        #expect(error == nil)
        #expect(reader.skippedCount == 1000)
        #expect(reader.skippedKinds.count == 64)
    }

    @Test("A record above the limit ends the reading, before its octets are kept")
    func tooLong() {
        var reader = MRTReader(maximumRecordLength: 64)
        reader.append(peerTableRecord + record(13, 1, Array(repeating: 0, count: 65)).prefix(12))
        #expect(throws: Never.self) { try reader.next() }
        let offset = UInt64(peerTableRecord.count)
        let expected = MRTStreamError.recordTooLong(offset: offset, length: 65, maximum: 64)
        #expect(throws: expected) { try reader.next() }
        reader.append([1, 2, 3])
        #expect(throws: expected) { try reader.next() }
        #expect(throws: expected) { try reader.finish() }
    }

    @Test("A stream that ends inside a record is an error that names its place")
    func truncated() {
        let stream = peerTableRecord + self.rib
        for count in peerTableRecord.count + 1..<stream.count {
            let (items, error) = readAll(Array(stream.prefix(count)))
            #expect(items.count == 1)
            #expect(error == .truncated(offset: UInt64(peerTableRecord.count)))
        }
        // Also where octets of a record that is skipped are missing.
        let skipped = record(12, 1, Array(repeating: 0, count: 100))
        #expect(readAll(Array(skipped.prefix(50))).1 == .truncated(offset: 50))
    }

    @Test("A record with contents that cannot be read does not hide those after it")
    func malformed() {
        var reader = MRTReader()
        let damaged = record(13, 2, octets("00000000 08"))
        let (items, error) = readAll(peerTableRecord + damaged + self.rib, reader: &reader)
        #expect(error == nil)
        #expect(items.count == 3)
        #expect(reader.malformedCount == 1 && reader.recordCount == 2)
        guard case .malformed(let found) = items[1] else {
            Issue.record("the record was read")
            return
        }
        #expect(found.offset == UInt64(peerTableRecord.count))
        #expect(found.problem == .fieldPastEnd("prefix"))
    }

    @Test("A malformed PEER_INDEX_TABLE does not replace the one before it (RFC 6396 §4.3.1)")
    func damagedTable() {
        var reader = MRTReader()
        _ = readAll(peerTableRecord + record(13, 1, octets("c0000201 0000 0000 ff")), reader: &reader)
        #expect(reader.malformedCount == 1)
        #expect(reader.peerCount == 2)
    }
}
