import Policy
import SpeakerSettings
import Testing

@testable import ConfigLanguage

@Suite("Readings that parse only what changed")
struct ConfigurationMemoTests {
    private static let root = """
        router id 10.0.0.1;
        include "filters.conf";
        protocol device { }
        include "peers/*.conf";
        """

    private static func peer(_ number: Int, _ body: String = "") -> String {
        """
        protocol bgp p\(number) {
          local 10.0.0.1 as 65000;
          neighbor 10.0.0.\(number) as 65001;
          \(body)
          ipv4 { import filter taken; export none; };
        }
        """
    }

    private static func sources(_ count: Int) -> InMemorySources {
        var sources = InMemorySources(["main.conf": Self.root, "filters.conf": "filter taken { accept; }"])
        for number in 2..<(2 + count) { sources.files["peers/\(number).conf"] = Self.peer(number) }
        return sources
    }

    /// Reads with the memo, and checks the result against a reading without.
    private func read(_ sources: InMemorySources, _ memo: inout ConfigurationMemo, _ note: String = "") -> LoadResult {
        let result = ConfigurationLoader.load(root: "main.conf", provider: sources, memo: &memo)
        let fresh = ConfigurationLoader.load(root: "main.conf", provider: sources)
        #expect(result.settings == fresh.settings, "\(note)")
        #expect(result.diagnostics == fresh.diagnostics, "\(note)")
        #expect(result.sources == fresh.sources, "\(note)")
        return result
    }

    /// Marks the fragments, so that a protocol taken over from the memo can be told.
    private func mark(_ memo: inout ConfigurationMemo) {
        for path in memo.fragments.keys { memo.fragments[path]?.protocols[0].draft.description = "kept" }
    }

    private func kept(_ sources: InMemorySources, _ memo: inout ConfigurationMemo) -> [String] {
        let result = ConfigurationLoader.load(root: "main.conf", provider: sources, memo: &memo)
        return (result.settings?.protocols ?? []).filter { $0.common.description == "kept" }.map(\.common.name)
    }

    @Test("Only a fragment that changed is parsed")
    func fragment() {
        var sources = Self.sources(3)
        var memo = ConfigurationMemo()
        _ = self.read(sources, &memo)
        #expect(memo.fragments.keys.sorted() == ["peers/2.conf", "peers/3.conf", "peers/4.conf"])
        self.mark(&memo)
        sources.files["peers/3.conf"] = Self.peer(3, "passive;")
        #expect(self.kept(sources, &memo) == ["p2", "p4"])
        #expect(memo.fragments.count == 3)
    }

    /// Two sessions with a template in a file of its own, which starts from another one.
    private static var derived: InMemorySources {
        var sources = Self.sources(1)
        sources.files["main.conf"] = "include \"templates.conf\";\n" + Self.root
        sources.files["templates.conf"] = """
            template bgp base { local 10.0.0.1 as 65000; hold time 90; }
            template bgp members from base { ipv4 { import all; export none; }; }
            """
        for number in [8, 9] {
            sources.files["peers/\(number).conf"] =
                "protocol bgp p\(number) from members { neighbor 10.0.0.\(number) as 65001; }"
        }
        return sources
    }

    @Test("A fragment whose sessions start from a template is taken over while the template is the same")
    func template() {
        var sources = Self.derived
        var memo = ConfigurationMemo()
        #expect(self.read(sources, &memo).errors.isEmpty)
        #expect(memo.fragments.keys.sorted() == ["peers/2.conf", "peers/8.conf", "peers/9.conf"])
        self.mark(&memo)
        sources.files["peers/8.conf"] =
            "protocol bgp p8 from members { neighbor 10.0.0.8 as 65001; passive; hold time 30; }"
        #expect(self.kept(sources, &memo) == ["p2", "p9"])
    }

    @Test("A fragment is parsed again when the template of its sessions changed, also that of the template")
    func changedTemplate() {
        for (old, new) in [("import all", "import none"), ("hold time 90", "hold time 60")] {
            var sources = Self.derived
            var memo = ConfigurationMemo()
            _ = self.read(sources, &memo)
            self.mark(&memo)
            let text = sources.files["templates.conf"] ?? ""
            sources.files["templates.conf"] = text.replacing(old, with: new)
            #expect(self.kept(sources, &memo).isEmpty)
            let result = self.read(sources, &memo)
            let sessions = (result.settings?.protocols ?? []).compactMap { instance in
                if case .bgp(let session) = instance { session } else { nil }
            }
            for session in sessions where session.common.name != "p2" {
                #expect(session.timers.hold == (new == "hold time 60" ? 60 : 90))
                #expect(
                    session.channels.first?.channel.importPolicy == (new == "import none" ? .rejectAll : .acceptAll)
                )
            }
        }
    }

    @Test("A session whose template starts from a session of a fragment follows that session")
    func templateOfInstance() {
        var sources = Self.sources(2)
        sources.files["main.conf"] =
            Self.root + "\ntemplate bgp t from p2 { passive; }\ninclude \"late/*.conf\";"
        sources.files["late/9.conf"] = "protocol bgp p9 from t { neighbor 10.0.0.9 as 65001; }"
        var memo = ConfigurationMemo()
        #expect(self.read(sources, &memo).errors.isEmpty)
        #expect(memo.fragments.keys.sorted() == ["peers/2.conf", "peers/3.conf"])
        sources.files["peers/2.conf"] = Self.peer(2, "hold time 30;")
        let result = self.read(sources, &memo)
        #expect(
            (result.settings?.protocols ?? []).contains { instance in
                if case .bgp(let session) = instance {
                    session.common.name == "p9" && session.timers.hold == 30
                } else {
                    false
                }
            }
        )
    }

    @Test("A changed file that is no fragment makes all be parsed")
    func environment() {
        var sources = Self.sources(3)
        var memo = ConfigurationMemo()
        _ = self.read(sources, &memo)
        self.mark(&memo)
        sources.files["filters.conf"] = "filter taken { reject; }"
        #expect(self.kept(sources, &memo).isEmpty)
        _ = self.read(sources, &memo)
    }

    @Test(
        "What depends on other fragments, has no name or holds more than BGP protocols is no fragment",
        arguments: [
            "protocol bgp p9 from p2 { neighbor 10.0.0.9 as 65001; }",
            "protocol bgp { local 10.0.0.1 as 65000; neighbor 10.0.0.9 as 65001; ipv4 { import none; export none; }; }",
            "define x = 1; " + peer(9), peer(9) + "\ninclude \"other/more.conf\";", "protocol static s { ipv4; }",
            ";" + peer(9),
        ]
    )
    func noFragment(text: String) {
        var sources = Self.sources(2)
        sources.files["peers/other/more.conf"] = ""
        sources.files["peers/9.conf"] = text
        var memo = ConfigurationMemo()
        let result = self.read(sources, &memo)
        #expect(result.errors.isEmpty)
        #expect(memo.fragments.keys.sorted() == ["peers/2.conf", "peers/3.conf"])
        sources.files["peers/2.conf"] = Self.peer(2, "passive;")
        _ = self.read(sources, &memo)
    }

    @Test("A block that begins in one file and ends in another is no fragment")
    func split() {
        var sources = Self.sources(1)
        sources.files["peers/5.conf"] = "protocol bgp p5 { local 10.0.0.1 as 65000; neighbor 10.0.0.5 as 65001;"
        sources.files["peers/6.conf"] = "ipv4 { import all; export none; }; }"
        var memo = ConfigurationMemo()
        #expect(self.read(sources, &memo).errors.isEmpty)
        #expect(memo.fragments.keys.sorted() == ["peers/2.conf"])
        sources.files["peers/2.conf"] = Self.peer(2, "passive;")
        _ = self.read(sources, &memo)
    }

    @Test("Errors are those of a reading without a memo, and leave what is known as it is")
    func errors() {
        var sources = Self.sources(3)
        var memo = ConfigurationMemo()
        _ = self.read(sources, &memo)
        for broken in [Self.peer(3, "nonsense;"), Self.peer(2), "protocol bgp p3 {"] {
            sources.files["peers/3.conf"] = broken
            #expect(!self.read(sources, &memo).errors.isEmpty)
        }
        sources.files["peers/3.conf"] = Self.peer(3)
        self.mark(&memo)
        #expect(self.kept(sources, &memo) == ["p2", "p3", "p4"])
    }

    @Test("After any sequence of changes a reading comes to what one without a memo comes to", arguments: [1, 2, 3])
    func property(seed: UInt64) {
        var random = Numbers(state: seed)
        var sources = Self.sources(6)
        var memo = ConfigurationMemo()
        for step in 0..<150 {
            let number = Int.random(in: 2...9, using: &random)
            let path = "peers/\(number).conf"
            switch Int.random(in: 0..<13, using: &random) {
            case 0: sources.files[path] = nil
            case 1: sources.files[path] = Self.peer(number == 9 ? 2 : number, "passive;")
            case 2: sources.files[path] = Self.peer(number, "import;")
            case 3: sources.files[path] = "filter f\(number) { accept; }\n" + Self.peer(number)
            case 4: sources.files[path] = Self.peer(number) + Self.peer(number + 20)
            case 5: sources.files["filters.conf"] = "filter taken { if net.len > \(number) then accept; reject; }"
            case 6:
                sources.files["main.conf"] =
                    Self.root + "\nprotocol bgp last from p\(number) { neighbor 10.0.1.1 as 1; }"
            case 7: sources.files["main.conf"] = Self.root
            case 8:
                sources.files["filters.conf"] =
                    "filter taken { accept; } template bgp t { local 10.0.0.1 as \(65000 + number); ipv4 { import all; export none; }; }"
            case 9:
                sources.files[path] = "protocol bgp p\(number) from t { neighbor 10.0.0.\(number) as 65001; }"
            default: sources.files[path] = Self.peer(number, "description \"\(step)\";")
            }
            _ = self.read(sources, &memo, "seed \(seed), step \(step)")
        }
    }

    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return self.state ^ self.state >> 29
        }
    }
}
