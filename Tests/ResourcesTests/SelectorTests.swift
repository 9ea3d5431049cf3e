import Testing

@testable import Resources

@Suite("Selectors")
struct SelectorTests {
    @Test(
        "Each operator matches what it says",
        arguments: [
            ("", [:], true), ("  \t", [:], true), ("all()", [:], true), ("all( )", [:], true),
            ("has(a)", ["a": ""], true), ("has(a)", [:], false), ("has( a )", ["a": ""], true),
            ("!has(a)", [:], true), ("!!has(a)", [:], false), ("! ! ! has(a)", [:], true),
            ("a == 'b'", ["a": "b"], true), ("a == \"b\"", ["a": "c"], false), ("a=='b'", [:], false),
            ("a != 'b'", ["a": "c"], true), ("a != 'b'", [:], true), ("a != 'b'", ["a": "b"], false),
            ("a in {'b','c'}", ["a": "c"], true), ("a in {'b', 'c',}", ["a": "d"], false),
            ("a in {}", ["a": ""], false),
            ("a in {'b'}", [:], false), ("a not in {'b'}", [:], true), ("a notin {'b'}", ["a": "b"], false),
            ("a not in {}", ["a": "b"], true), ("a not  in{'b'}", ["a": "c"], true),
            ("a contains 'b'", ["a": "abc"], true), ("a contains 'b'", ["a": "ac"], false),
            ("a contains ''", ["a": ""], true), ("a contains 'b'", [:], false),
            ("a starts with 'x'", ["a": "xy"], true), ("a startswith 'x'", ["a": "yx"], false),
            ("a starts with 'x'", [:], false), ("a ends with 'x'", ["a": "yx"], true),
            ("a endswith 'x'", ["a": "xy"], false), ("a ends with 'x'", [:], false),
            ("a == '1' || b == '1' && c == '1'", ["a": "1"], true),
            ("(a == '1' || b == '1') && c == '1'", ["a": "1"], false),
            ("a == '1' && b == '1' || c == '1'", ["c": "1"], true),
            ("!(a == '1' && b == '1')", ["a": "1"], true),
            ("x/y.z-0_A == 'v'", ["x/y.z-0_A": "v"], true),
            ("in in {'in'}", ["in": "in"], true), ("has == 'x'", ["has": "x"], true),
            ("all == 'x'", ["all": "x"], true),
            ("a == 'say \"hi\"'", ["a": "say \"hi\""], true),
            ("global()", [:], true), ("!global( )", ["a": "b"], false), ("global() && has(a)", [:], false),
        ] as [(String, [String: String], Bool)]
    )
    func matches(_ text: String, _ labels: [String: String], _ expected: Bool) throws {
        #expect(try Selector(parsing: text).matches(labels) == expected)
    }

    @Test(
        "Canonical text drops spacing, quoting and needless parentheses",
        arguments: [
            ("", "all()"), (" ( global( ) ) ", "global()"), ("group=='one'", "group == \"one\""),
            ("((has( a )))", "has(a)"), ("!!has(a)", "has(a)"),
            ("!!!has(a)", "!has(a)"), ("!(!has(a))", "has(a)"), ("!(!(!has(a)))", "!has(a)"),
            ("a notin {'c','b','c'}", "a not in {\"b\", \"c\"}"),
            ("a startswith 'b'", "a starts with \"b\""),
            ("(a=='1'||b=='1')&&c=='1'", "(a == \"1\" || b == \"1\") && c == \"1\""),
            ("(a=='1'&&b=='1')||c=='1'", "a == \"1\" && b == \"1\" || c == \"1\""),
            ("!(a=='1'&&b=='1')", "!(a == \"1\" && b == \"1\")"), ("a == '\"'", "a == '\"'"),
        ]
    )
    func canonicalText(_ text: String, _ expected: String) throws {
        let selector = try Selector(parsing: text)
        #expect(selector.text == expected)
        #expect(try Selector(parsing: selector.text) == selector)
    }

    @Test(
        "Errors name the column",
        arguments: [
            ("a", 2), ("a ==", 5), ("a == b", 6), ("a == 'b", 6), ("a = 'b'", 3), ("(has(a)", 8), ("has(a))", 7),
            ("has()", 5), ("a in 'b'", 6), ("a in {'b' 'c'}", 11), ("&& has(a)", 1), ("has(a) &&", 10),
            ("has(a) & has(b)", 8),
            ("foo(a)", 1), ("global(a)", 8), ("a inx {}", 3), ("a starts 'x'", 3), ("has(a)\n", 7), ("é == 'x'", 1),
            ("a not 'x'", 3), ("!", 2), ("a == 'b' c == 'd'", 10), ("a in {,}", 7),
        ]
    )
    func errors(_ text: String, _ column: Int) {
        #expect { try Selector(parsing: text) } throws: { ($0 as? SelectorError)?.column == column }
    }

    @Test("Nesting beyond the bound is an error, at the bound it is not")
    func depth() throws {
        let open = String(repeating: "(", count: Selector.maximumDepth)
        let close = String(repeating: ")", count: Selector.maximumDepth)
        #expect(try Selector(parsing: "\(open)all()\(close)").text == "all()")
        #expect { try Selector(parsing: "(\(open)all()\(close))") } throws: {
            ($0 as? SelectorError)?.problem == .tooDeep
        }
    }

    @Test("Text beyond the bound is an error")
    func length() {
        let text = String(repeating: "!", count: Selector.maximumLength) + "all()"
        #expect(throws: SelectorError(column: 1, problem: .tooLong)) { try Selector(parsing: text) }
    }

    @Test("Random text never traps, and what parses prints and parses to itself")
    func randomText() throws {
        let pieces = [
            "a", "b", "has(", ")", "(", "all()", "==", "!=", "!", "&&", "||", "'x'", "\"y\"", " ", "in", "not in", "{",
            "}",
            ",", "contains", "starts with", "global()", "é", "\t", "'", "\0",
        ]
        var generator = SplitMix(state: 7)
        var parsed = 0
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0..<12, using: &generator))
                .map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            guard let selector = try? Selector(parsing: text) else { continue }
            parsed += 1
            #expect(try Selector(parsing: selector.text) == selector)
            let labels = ["a": "x"]
            #expect(try Selector(parsing: selector.text).matches(labels) == selector.matches(labels))
        }
        #expect(parsed > 100)
    }
}
