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
