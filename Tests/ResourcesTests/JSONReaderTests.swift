import Testing

@testable import Resources

@Suite("JSON")
struct JSONReaderTests {
    private static func read(_ text: String) throws -> ManifestValue { try JSONReader.value(Array(text.utf8)) }

    @Test("Values of every shape are read")
    func shapes() throws {
        let value = try Self.read(#" { "a" : [ 1, -2.5, 1e3, true, false, null, "x" ], "b" : { } } "#)
        let elements: [ManifestValue.Content] = [
            .integer(1), .float(-2.5), .float(1000), .bool(true), .bool(false), .null, .string("x"),
        ]
        #expect(value["a"]?.content == .array(elements.map { ManifestValue($0) }))
        #expect(value["b"]?.content == .map([]))
    }

    @Test(
        "Escapes are decoded",
        arguments: [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\uD83E\uDD89""#, "é🦉"), (#""é🦉""#, "é🦉"),
        ]
    )
    func escapes(_ text: String, _ expected: String) throws {
        #expect(try Self.read(text).string == expected)
    }

    @Test(
        "What RFC 8259 does not allow is refused",
        arguments: [
            "", " ", "{", "}", "[1,]", "[,1]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{'a':1}", "01", "-", "1.", ".5", "1e",
            "+1", "nul", "truex", "1 2", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"\n\"", "NaN", "Infinity", "1e999", "{\"a\":1,\"a\":2}", "[1}", "/**/1",
        ]
    )
    func refused(_ text: String) {
        #expect(throws: JSONReader.Failure.self) { try Self.read(text) }
    }

    @Test("Octets that are no UTF-8 are refused")
    func encoding() {
        for octets in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0x5C, 0x6E, 0xED, 0xA0, 0x80, 0x22]]
            as [[UInt8]]
        {
            #expect(throws: JSONReader.Failure.self) { try JSONReader.value(octets) }
        }
    }

    @Test("Depth is bounded")
    func depth() throws {
        let limit = JSONReader.maximumDepth
        _ = try Self.read(String(repeating: "[", count: limit) + String(repeating: "]", count: limit))
        #expect(throws: JSONReader.Failure.self) { try Self.read(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONReader.Failure.self) { try Self.read(String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test("What is written is read back")
    func roundTrip() throws {
        var generator = SplitMix(state: 7)
        func value(_ depth: Int) -> ManifestValue {
            switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &generator) {
            case 0: ManifestValue(.null)
            case 1: ManifestValue(.bool(Bool.random(using: &generator)))
            case 2: ManifestValue(.integer(Int64.random(in: .min ... .max, using: &generator)))
            case 3: ManifestValue(.float(Double.random(in: -1e9...1e9, using: &generator)))
            case 4:
                ManifestValue(
                    .string(["", "\"\\\n\u{1}", "é\u{2028}🦉", "plain"].randomElement(using: &generator) ?? "")
                )
            case 5: ManifestValue(.array((0..<Int.random(in: 0..<4, using: &generator)).map { _ in value(depth + 1) }))
            default:
                ManifestValue(
                    .map(
                        (0..<Int.random(in: 0..<4, using: &generator)).map {
                            ManifestValue.Field("k\($0)\n", value(depth + 1))
                        }
                    )
                )
            }
        }
        for _ in 0..<500 {
            let original = value(0)
            #expect(try Self.read(original.compactJSON) == original)
        }
    }
}
