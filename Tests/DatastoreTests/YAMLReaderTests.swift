import Resources
import Testing

@testable import Datastore

@Suite("YAML reader")
struct YAMLReaderTests {
    private func read(_ text: String) throws -> [ManifestValue] { try YAMLReader.documents(Array(text.utf8)) }

    @Test(
        "Plain scalars resolve by the core schema, and yes, no, on and off as truth values",
        arguments: [
            ("~", .null), ("007", .string("007")), ("0", .integer(0)), ("null", .null), ("true", .bool(true)),
            ("False", .bool(false)), ("yes", .bool(true)), ("Off", .bool(false)), ("y", .string("y")),
            ("'no'", .string("no")),
            ("12", .integer(12)), ("-1", .integer(-1)), ("0x1F", .integer(31)), ("0o17", .integer(15)),
            ("1.5", .float(1.5)),
            ("5663:12", .string("5663:12")), ("100:555:107", .string("100:555:107")), ("'12'", .string("12")),
            ("\"true\"", .string("true")), ("10.0.0.1", .string("10.0.0.1")), ("!!str 12", .string("12")),
            ("99999999999999999999", .float(1e20)), ("2001::1/64", .string("2001::1/64")),
            ("-", .array([ManifestValue(.null)])),
        ] as [(String, ManifestValue.Content)]
    )
    func scalars(_ text: String, _ expected: ManifestValue.Content) throws {
        #expect(try self.read(text).map(\.content) == [expected])
    }

    @Test("Every node knows its place")
    func positions() throws {
        let documents = try self.read("a: 1\nb:\n  - x\n  - c: 2\n---\nd: 3\n")
        #expect(documents.count == 2)
        #expect(documents[0]["a"]?.position == SourcePosition(line: 1, column: 4))
        guard case .array(let elements)? = documents[0]["b"]?.content else {
            Issue.record("b is no list")
            return
        }
        #expect(elements[1]["c"]?.position == SourcePosition(line: 4, column: 8))
        #expect(documents[1]["d"]?.position == SourcePosition(line: 6, column: 4))
    }

    @Test("Aliases stand for what they name")
    func aliases() throws {
        let document = try #require(try self.read("a: &x {k: [1]}\nb: *x\n").first)
        #expect(document["a"] == document["b"])
    }

    @Test(
        "What exceeds a bound or has no clear meaning is an error",
        arguments: [
            "a: *x", "a: 1\na: 2", "[1]: 2", "? {a: 1}\n: 2", "a: [", "a: \"\\ud800\"", "a: b: c", "\t- a",
            "a: &x [*x]",
            "a: &x {b: 1}\n*x : 2", String(repeating: "[", count: 200), String(repeating: "- ", count: 5000) + "x",
        ]
    )
    func errors(_ text: String) {
        #expect(throws: YAMLReader.Failure.self) { try self.read(text) }
    }

    @Test("A file that multiplies itself through aliases is refused")
    func aliasExpansion() throws {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1..<20 {
            let list = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            text += "a\(level): &a\(level) [\(list)]\n"
        }
        #expect { try self.read(text) } throws: { ($0 as? YAMLReader.Failure)?.message.contains("aliases") ?? false }
    }

    @Test("A file of very many tag directives is refused before the parser compares them all")
    func tagDirectives() throws {
        let text = (0..<200_000).map { "%TAG !\($0)! x\n" }.joined() + "--- a\n"
        #expect { try self.read(text) } throws: { ($0 as? YAMLReader.Failure)?.message.contains("%TAG") ?? false }
        #expect(try self.read("%TAG !e! tag:x,1:\n--- !e!y a\n").map(\.content) == [.string("a")])
    }

    @Test("Bytes that are no UTF-8 are refused")
    func invalidUTF8() {
        #expect(throws: YAMLReader.Failure.self) { try YAMLReader.documents([0x61, 0x3A, 0x20, 0xFF]) }
    }

    @Test("What is written as JSON reads back the same")
    func jsonRoundTrip() throws {
        let text =
            String(String.UnicodeScalarView((1..<0x3000).compactMap { Unicode.Scalar($0) })) + "\u{1F600}\u{FEFF}"
        let value = ManifestValue(
            .map([
                .init("a b: \"c\"", ManifestValue(.string(text))), .init("n", ManifestValue(.null)),
                .init("list", ManifestValue(.array([ManifestValue(.integer(.min)), ManifestValue(.bool(false))]))),
                .init("empty", ManifestValue(.array([]))), .init("map", ManifestValue(.map([]))),
            ])
        )
        #expect(try self.read(value.jsonText) == [value])
    }

    @Test("Mutated manifests never trap, and whatever decodes survives encoding")
    func mutations() throws {
        let seedText =
            (1...3).map { poolText($0) }.joined(separator: "---\n") + """
                ---
                {apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: {name: p, labels: &l {a: 'b'}},
                 spec: {peerIP: "[fd00::1]:179", asNumber: "1.5", nodeSelector: "a == 'b' || has(c)", keepaliveTime: 1m30s}}
                ---
                kind: List
                apiVersion: v1
                items:
                - {apiVersion: v1, kind: Secret, metadata: {name: s}, data: {k: cGFzcw==}}
                """
        let seed = Array(seedText.utf8)
        var generator = SplitMix(state: 11)
        var decoded = 0
        for _ in 0..<3000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 0..<6, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert("-:[]{}&*!|>'\"%@`#?\n 0".utf8.randomElement(using: &generator) ?? 0, at: index)
                default:
                    let end = min(bytes.count, index + Int.random(in: 0..<40, using: &generator))
                    bytes.insert(contentsOf: bytes[index..<end], at: Int.random(in: 0..<bytes.count, using: &generator))
                }
            }
            guard let documents = try? YAMLReader.documents(bytes) else { continue }
            for resource in documents.flatMap({ ManifestDecoder().decode($0).resources }) {
                decoded += 1
                let again = try YAMLReader.documents(Array(resource.resource.manifest.jsonText.utf8))
                #expect(again.flatMap { ManifestDecoder().decode($0).resources.map(\.resource) } == [resource.resource])
            }
        }
        #expect(decoded > 1000)
    }
}
