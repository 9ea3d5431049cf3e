import Testing

@testable import Confd

@Suite("TOML")
struct TOMLReaderTests {
    typealias Value = TOMLReader.Value

    @Test(
        "Values are read as TOML 1.0 has them",
        arguments: [
            (#""a\t\"\\\u00e9\U0001F600 #""#, .string("a\t\"\\é😀 #")), (#"'C:\n'"#, .string(#"C:\n"#)),
            (#""""#, .string("")),
            ("\"\"\"\nx\r\ny\"\"\"", .string("x\ny")), ("\"\"\"a\\  \n\n   b\"\"\"", .string("ab")),
            ("\"\"\"\"\"two\"\"\"\"\"", .string("\"\"two\"\"")), ("'''\n'[{'\\'''", .string("'[{'\\")),
            ("0", .integer(0)),
            ("-1_000", .integer(-1000)), ("+99", .integer(99)), ("0xDEAD_beef", .integer(0xDEAD_BEEF)),
            ("0o755", .integer(0o755)), ("0b1_0", .integer(2)), ("-9223372036854775808", .integer(.min)),
            ("true", .boolean(true)), ("false # no", .boolean(false)), ("[]", .array([])),
            ("[ # [{\n 1, 'a'\n, [ 2 ,] ,\n]", .array([.integer(1), .string("a"), .array([.integer(2)])])),
            ("{ a = 1, b.c = '' }", .table(["a": .integer(1), "b": .table(["c": .string("")])])), ("{}", .table([:])),
        ] as [(String, Value)]
    )
    func values(text: String, value: Value) throws {
        for end in ["", "\n", " # comment\r\n\r\n"] where !text.contains("#") || end != "" {
            #expect(try TOMLReader.read("key = \(text)\(end)") == ["key": value])
        }
    }

    @Test("Keys may be quoted and have dots, tables are named by their heads")
    func structure() throws {
        let text = "\u{FEFF}# x\n'a b' . \"c\" = 1\n\n[ t . u ]\nx=1 # y\n\t[t]\n z.w = 2\n1-_ = 3\n[v]"
        #expect(
            try TOMLReader.read(text) == [
                "a b": .table(["c": .integer(1)]),
                "t": .table([
                    "u": .table(["x": .integer(1)]), "z": .table(["w": .integer(2)]), "1-_": .integer(3),
                ]),
                "v": .table([:]),
            ]
        )
        #expect(try TOMLReader.read("") == [:])
    }

    @Test(
        "What is none is an error of its line",
        arguments: [
            ("[{", 1), ("x = 1\n[[{", 2), ("a = \"\"\"\n[{\n\"\"\"\"\"\n[ {{name}}]", 4), ("\t[\n]", 1), ("[é]", 1),
            ("[a", 1),
            ("[]", 1), ("[a.]", 1), ("[a] b", 1), ("[a]\n\n[a]", 3), ("[[a]]", 1), ("a", 1), ("a =", 1), ("= 1", 1),
            ("a = 1 b = 2", 1), ("a = 1\na = 2", 2), ("a = 1\na.b = 2", 2), ("a.b = 1\na = 2", 2), ("a = 1\n[a]", 2),
            ("a = 1\r", 1), ("a = \"x\n\"", 1), ("a = \"\"\"x\n", 1), ("a = '", 1), ("a = \"\\q\"", 1),
            ("a = \"\\uD800\"", 1),
            ("a = \"\\u-001\"", 1), ("a = \"\\u0000\"", 1), ("a = \"\u{0}\"", 1), ("\u{0}", 1), ("# \u{1}", 1),
            ("a = 01", 1),
            ("a = 1__0", 1), ("a = _1", 1), ("a = 1_", 1), ("a = 0x", 1), ("a = 0x-1", 1), ("a = +-1", 1),
            ("a = 1.5", 1),
            ("a = 9223372036854775808", 1), ("a = 2026-01-02T03:04:05Z", 1), ("a = nan", 1), ("a = [1", 1),
            ("a = [1 2]", 1),
            ("a = [\n,]", 2), ("a = {b = 1,}", 1), ("a = {b = 1\n}", 1), ("a = {b = 1, b = 2}", 1), ("a = ]", 1),
        ]
    )
    func faults(text: String, line: Int) {
        let fault = #expect(throws: TOMLReader.Fault.self) { try TOMLReader.read(text) }
        #expect(fault?.line == line && fault?.reason.isEmpty == false, "\(String(describing: fault))")
    }

    @Test("Nesting is bounded, and an unclosed one does not take long")
    func bounds() {
        for text in [
            "a = " + String(repeating: "[", count: 100_000), "a = " + String(repeating: "{a=", count: 100_000),
        ] {
            #expect(throws: TOMLReader.Fault.self) { try TOMLReader.read(text) }
        }
        #expect(throws: TOMLReader.Fault.self) {
            try TOMLReader.read(String(repeating: "a.", count: 100_000) + "a = 1")
        }
        #expect(throws: TOMLReader.Fault.self) {
            try TOMLReader.read("a = \"" + String(repeating: "\\\\", count: 500_000))
        }
    }
}
