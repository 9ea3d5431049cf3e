import Foundation
import Testing

@testable import ConfigLanguage

@Suite("The reference of the configuration")
struct StatementReferenceTests {
    private static func read(_ name: String) throws -> String {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/\(name)")
        return try String(contentsOf: file.standardizedFileURL, encoding: .utf8)
    }

    /// A place where statements stand: how text gets there, the heading of its table, and the parser's statements.
    private static let places: [(before: String, after: String, heading: String, words: [String])] = [
        ("", "", "## Top level", Parser.statements),
        ("protocol bgp x { ", " }", "## Every protocol", Parser.commonStatements),
        ("protocol direct { ipv4 { ", " }; }", "## Channels", Parser.channelStatements),
        ("protocol bgp x { ipv4 { ", " }; }", "## Channels", Parser.bgpChannelStatements),
        ("protocol bgp x { ", " }", "## bgp", Parser.bgpStatements),
        ("protocol kernel { ", " }", "## kernel", Parser.kernelStatements),
        ("protocol static { ", " }", "## static", Parser.staticStatements),
        ("protocol pipe { ", " }", "## pipe", Parser.pipeStatements),
    ]

    /// The text between a heading and the next.
    private static func section(_ heading: String, of text: String) throws -> String {
        let rest = try #require(text.components(separatedBy: heading + "\n").dropFirst().first)
        return rest.components(separatedBy: "\n## ").first ?? ""
    }

    /// Whether the parser says of a statement that there is none like it.
    private static func isUnknown(_ words: String, before: String, after: String) -> Bool {
        let first = words.prefix { $0 != " " }
        return load(before + words + ";" + after).errors.contains {
            $0.message.hasPrefix("'\(first)' is not a statement of")
        }
    }

    @Test("Every statement that errors suggest is one")
    func known() {
        for place in Self.places {
            let unknown = place.words.filter { Self.isUnknown($0, before: place.before, after: place.after) }
            #expect(unknown == [], "\(place.heading)")
        }
    }

    @Test("Every statement is in the reference, or among the differences from BIRD")
    func documented() throws {
        let reference = try Self.read("configuration.md")
        let differences = try Self.read("bird-differences.md")
        for place in Self.places {
            let section = try Self.section(place.heading, of: reference)
            let missing = place.words.filter { words in
                // Switches of one kind share a row: `path metric` `igp metric` `[on|off];`.
                !["\(words) ", "\(words);", "\(words)`"].contains { section.contains("`" + $0) }
                    && !differences.contains("`\(words)")
            }
            #expect(missing == [], "\(place.heading)")
        }
    }

    @Test("Every option in the first column of the reference's tables is one that the parser suggests")
    func parsed() throws {
        let reference = try Self.read("configuration.md")
        let pattern = /`((?:[a-z_0-9]+ ?)+)/
        for place in Self.places where place.heading != "## Channels" {
            let first = Set(place.words.map { $0.prefix { $0 != " " } })
            for line in try Self.section(place.heading, of: reference).split(separator: "\n")
            where line.hasPrefix("| `") {
                let cell = line.dropFirst(2).prefix { $0 != "|" }
                for match in cell.matches(of: pattern) {
                    let word = match.output.1.prefix { $0 != " " }
                    #expect(first.contains(word), "\(place.heading): \(match.output.1)")
                }
            }
        }
    }
}
