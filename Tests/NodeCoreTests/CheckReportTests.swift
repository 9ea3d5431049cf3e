import ControlAPI
import Foundation
import Testing

@testable import NodeCore

@Suite("martlet check --json")
struct CheckReportTests {
    /// The report about a file with this text, and the file's path.
    private static func report(_ text: String) throws -> (CheckReport, String) {
        let path = NSTemporaryDirectory() + "martlet-check-\(UUID().uuidString).conf"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let printed = try CheckReport(SpeakerConfiguration(path: path)).text
        return (try JSONDecoder().decode(CheckReport.self, from: Data(printed.utf8)), path)
    }

    @Test("Every finding has its place, its line and its width")
    func findings() throws {
        let (report, path) = try Self.report("watchdog warning 5 s;\nprotocol device {}\n  protocol statc {}\n")
        #expect(!report.valid)
        #expect(report.files == [path])
        let severities: [String] = report.diagnostics.map(\.severity.rawValue)
        #expect(severities == ["warning", "error"])
        let error = try #require(report.diagnostics.last)
        #expect(error.file == path)
        #expect(error.line == 3 && error.column == 12 && error.width == 5)
        #expect(error.message == "'statc' is not a kind of protocol; did you mean 'static'?")
        #expect(error.sourceLine == "  protocol statc {}")
    }

    @Test(
        "An error of every stage stands there as the loader reports it: letters, words, names, types, sets, protocols, includes",
        arguments: [
            ("define a = §;", "unexpected character '§'"), ("/* never", "comment is not closed"),
            ("foo;", "'foo' is not a statement of the configuration"),
            ("define x = 1; define x = 2;", "'x' is already defined as a constant"),
            ("filter f { if bgp_med then accept; }", "the condition must be of type bool, not int"),
            ("filter f { if net ~ [10.0.0.0/8, ::/0] then accept; }", "IPv4 and IPv6 prefixes cannot be in one set"),
            ("protocol bgp x { neighbor 192.0.2.1 as 5; }", "the local AS number is missing: 'local as N'"),
            (
                "protocol bgp x { local as 5; neighbor 192.0.2.1 as 5; ipv4 { secondary; }; }",
                "'secondary' needs a sorted table, as in: table master4 sorted;"
            ),
            ("include \"nowhere.conf\";", "cannot read"), ("router id 1.2.3.4;", "the configuration has no protocol"),
            (String(repeating: "x;\n", count: 60), "too many errors; the rest is not checked"),
        ]
    )
    func stages(text: String, message: String) throws {
        let (report, path) = try Self.report(text)
        #expect(!report.valid && report.files == [path])
        let found = report.diagnostics.filter { $0.severity.rawValue == "error" && $0.message.contains(message) }
        #expect(found.count == 1, "\(report.diagnostics.map(\.message))")
        #expect(found.allSatisfy { $0.file == path && $0.line >= 1 && $0.column >= 1 && $0.width >= 1 })
    }

    @Test("A line with a password is not quoted")
    func password() throws {
        let (report, _) = try Self.report("protocol bgp x { password \"hush\" foo; }\n")
        #expect(!report.diagnostics.isEmpty)
        #expect(report.diagnostics.allSatisfy { $0.sourceLine == nil })
    }

    @Test("A configuration with warnings alone is valid")
    func valid() throws {
        let (report, _) = try Self.report("timeformat log iso long;\nrouter id 1.2.3.4;\nprotocol device {}\n")
        #expect(report.valid)
        #expect(report.diagnostics.map(\.message) == ["'timeformat' has no effect here; remove it"])
    }
}
