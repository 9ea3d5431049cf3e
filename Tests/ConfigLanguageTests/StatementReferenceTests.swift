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

    @Test("Every statement about sessions and their routes that has an effect is in a test against a peer")
    func exercised() throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "..").standardizedFileURL
        var text = ""
        for folder in ["BlackBox", "Matrix", "InteropTests", "SpeakerTests", "NodeCoreTests"] {
            let files = try FileManager.default.contentsOfDirectory(
                at: tests.appending(path: folder),
                includingPropertiesForKeys: nil
            )
            for file in files where ["py", "swift"].contains(file.pathExtension) {
                text += try String(contentsOf: file, encoding: .utf8)
            }
        }
        // Read without effect, or only to be switched off.
        let idle: Set = [
            "free bind", "bfd", "check link", "advertise hostname", "setkey", "disable rx", "import table",
            "export table", "rpki reload", "missing lladdr", "link local next hop format",
        ]
        let words =
            Parser.bgpStatements + Parser.channelStatements + Parser.bgpChannelStatements + Parser.pipeStatements
        let missing = words.filter { !idle.contains($0) && !text.contains($0) }
        #expect(missing == [])
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

    /// How the text of an option becomes a configuration, by the first column of the list of BIRD's options.
    private static let surroundings: [(name: String, before: String, after: String)] = [
        ("top level", "", ""), ("tables", "ipv4 table x { ", " };"), ("every protocol", "protocol bgp x { ", " }"),
        ("channels", "protocol direct x { ipv4 { ", " }; }"), ("bgp", "protocol bgp x { ", " }"),
        ("channels of bgp", "protocol bgp x { ipv4 { ", " }; }"), ("device", "protocol device x { ", " }"),
        ("direct", "protocol direct x { ", " }"), ("kernel", "protocol kernel x { ", " }"),
        ("static", "protocol static x { ipv4; ", " }"), ("pipe", "protocol pipe x { ", " }"),
        ("protocols", "protocol ", " x { }"),
    ]

    /// Errors about an option, but for those about what else a protocol needs.
    private static func errors(about option: String, _ before: String, _ after: String) -> [String] {
        load(before + option + after).errors.filter {
            $0.column > before.count && $0.column < before.count + option.count
        }
        .map(\.message).filter { $0.contains("not supported") || $0.contains("is not a") || $0.contains("; ") }
    }

    @Test("What the list of BIRD's options calls done or without effect is read, the rest is refused with advice")
    func options() throws {
        let rows = try Self.section("## Options of BIRD 2.19, one by one", of: Self.read("configuration.md"))
            .split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| in ") }
            .map { $0.split(separator: "|", omittingEmptySubsequences: false) }
        #expect(rows.map { $0[1].trimmingPrefix(" ").dropLast() } == Self.surroundings.map { Substring($0.name) })
        for (row, place) in zip(rows, Self.surroundings) {
            func options(_ column: Int) -> [String] {
                row[column].split(separator: "`", omittingEmptySubsequences: false).enumerated()
                    .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            }
            for option in options(2) + options(3) {
                let refusals = Self.errors(about: option, place.before, place.after)
                #expect(refusals == [], "\(place.name): \(option)")
            }
            for option in options(4) {
                let errors = load(place.before + option + place.after).errors.map(\.message)
                #expect(
                    errors.contains { $0.contains("; ") },
                    "\(place.name): \(option): \(errors)"
                )
                #expect(!errors.contains { $0.contains("is not a") }, "\(place.name): \(option): \(errors)")
            }
        }
    }

    @Test("Every method of BIRD 2.19 is one here, or is about routes that there are none of")
    func methods() {
        let methods = [
            "add", "append", "asn", "data", "data1", "data2", "delete", "dst", "empty", "evpn_esi", "evpn_tag",
            "evpn_type", "filter", "first", "ip", "is_v4", "last", "last_nonaggregated", "len", "mac", "mask", "max",
            "maxlen", "min", "prepend", "rd", "router_ip", "src", "type", "vlan_id",
        ]
        let known = Set(Parser.plainMethods.keys).union(Parser.argumentMethods.keys).union(Parser.foreignMethods.keys)
        #expect(known == Set(methods))
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
