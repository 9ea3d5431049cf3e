import Testing

@testable import ConfigLanguage

@Suite("Configurations that ask for more than their size", .timeLimit(.minutes(2)))
struct HostileConfigurationTests {
    private func first(_ text: String) -> String { errors(text).first ?? "" }

    private func lines(_ count: Int, _ line: (Int) -> String) -> String {
        (0..<count).map(line).joined(separator: "\n")
    }

    @Test("Operators that alternate nest to a bounded depth, instead of using up the stack")
    func alternation() {
        let terms = (0..<20_000).map { $0 % 2 == 0 ? "bgp_med = 1 &&" : "bgp_med = 2 ||" }.joined(separator: " ")
        #expect(self.first("filter f { if \(terms) true then accept; }").contains("expression is nested too deeply"))
    }

    @Test("Operators of all ranks together nest to a bounded depth")
    func mixedDepth() {
        let sum = Array(repeating: "1", count: 90).joined(separator: " + bgp_med * ")
        var text = sum
        for _ in 0..<20 { text = "(\(text)) + \(sum)" }
        #expect(self.first("filter f { if \(text) = 1 then accept; }").contains("expression is nested too deeply"))
    }

    @Test("A condition of very many terms is read in time that grows with its length only")
    func manyTerms() throws {
        let terms = Array(repeating: "bgp_med = 1", count: 100_000).joined(separator: " || ")
        _ = try settings("filter f { if \(terms) then accept; reject; }")
    }

    @Test("Short patterns that stand for many ranges are refused when they are too many together")
    func expandingSets() {
        let pairs = self.lines(200) { "define A\($0) = [(*, \($0))];" }
        #expect(self.first(pairs).contains("too large together"))
        let prefixes = (0..<20_000).map { "2001:db8:\(String($0, radix: 16))::1/128-" }.joined(separator: ", ")
        #expect(self.first("define A = [\(prefixes)];").contains("too large together"))
    }

    @Test("Filters that all carry the same large function are refused when they are too large together")
    func expandingFunctions() {
        let function = "function f() { \(String(repeating: "bgp_med = 1; ", count: 5000)) }\n"
        #expect(self.first(function + self.lines(1500) { "filter g\($0) { f(); accept; }" }).contains("too large"))
    }

    @Test("Instances that all inherit the same routes are refused when they are too many together")
    func expandingTemplates() {
        let routes = (0..<5000).map { "route 10.\($0 / 256).\($0 % 256).0/24 blackhole;" }.joined()
        let template = "template static t { ipv4; \(routes) }\n"
        #expect(self.first(template + self.lines(2000) { "protocol static s\($0) from t {}" }).contains("too large"))
    }

    @Test("Variables, tables, protocols and includes are bounded in number")
    func counts() {
        let variables = self.lines(1001) { "int v\($0);" }
        #expect(self.first("filter f { \(variables) accept; }").contains("more than 1000 variables"))
        #expect(self.first("function f() { \(variables) return 1; }").contains("more than 1000 variables"))
        #expect(self.first(self.lines(1000) { "ipv4 table t\($0);" }).contains("more than 1000 tables"))
        let protocols = self.lines(10_001) { _ in "protocol static { ipv4; }" }
        #expect(self.first(protocols).contains("more than 10000 protocols"))
        #expect(self.first(self.lines(10_001) { _ in "include \"none?\";" }).contains("more than 10000 includes"))
    }
}
