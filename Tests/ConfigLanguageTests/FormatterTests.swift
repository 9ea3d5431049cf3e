import Foundation
import Testing

@testable import ConfigLanguage

/// Configurations of the repository, each with what it includes.
enum RepositoryConfigurations {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL

    struct Entry: CustomStringConvertible, Sendable {
        var path: String
        var dialect: Dialect
        var description: String { self.path }

        /// The files by path, for reading from memory.
        func sources() throws -> InMemorySources {
            let folder = (self.path as NSString).deletingLastPathComponent
            var files: [String: String] = [:]
            for name in try FileManager.default.subpathsOfDirectory(atPath: folder)
            where name.hasSuffix(".conf") || name.hasSuffix(".cfg") {
                files["\(folder)/\(name)"] = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
            }
            return InMemorySources(files)
        }

        func load(_ sources: InMemorySources) -> LoadResult {
            ConfigurationLoader.load(root: self.path, provider: sources, dialect: self.dialect)
        }
    }

    /// Root files of the fixtures.
    static let entries: [Entry] = {
        let folder = Self.root.appending(path: "Fixtures").path
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
        return names.sorted().compactMap { name in
            switch (name as NSString).lastPathComponent {
            case "speaker.conf": Entry(path: "\(folder)/\(name)", dialect: .bird2)
            case "bird.cfg": Entry(path: "\(folder)/\(name)", dialect: .bird1IPv4)
            case "bird6.cfg": Entry(path: "\(folder)/\(name)", dialect: .bird1IPv6)
            default: nil
            }
        }
    }()

    /// Texts that stand alone.
    static let texts: [String] =
        OracleCorpus.accepted + [
            FilterOracleTests.configuration(
                FilterOracleTests.functions + FilterOracleTests.newerFunctions,
                FilterOracleTests.snippets + FilterOracleTests.newerSnippets
            )
        ]
}

@Suite("Canonical layout")
struct FormatterTests {
    private static func format(_ text: String) throws -> String {
        String(decoding: try ConfigurationFormatter.format(Array(text.utf8), path: "t.conf"), as: UTF8.self)
    }

    @Test("Statements have lines, blocks are indented, comments stay where they were")
    func layout() throws {
        let text = """
            # Head.


            router id 10.0.0.1;define A=[10.0.0.0/8{ 16 , 24 },  10.1.0.0/16+ , 10.2.0.0/16-];   # the list
            function f( int a ;bool b)-> bool
            { if a>5&&b then {return true ; } else
             { /* why */ return false; } }
            function nothing() {
            }
            filter g {
              if f(1,true)
                && net~A then
                reject;
              case bgp_med { 1,2..5:accept;
                else: bgp_med=- 1;  # sign
                  reject; }


              bgp_community=-empty-;bgp_community.add( (64512 , 100) );
              accept; }
            protocol bgp x{ local as 1; neighbor 10.0.0.2   as 1; debug {states,routes};
              interface "eth0"; ipv4{ import filter{ accept; };export all; }; }
            protocol direct { interface - "cali*", # no workloads
             "*"; ipv4; }
            protocol device { }
            """
        #expect(
            try Self.format(text) == """
                # Head.

                router id 10.0.0.1;
                define A = [10.0.0.0/8{16,24}, 10.1.0.0/16+, 10.2.0.0/16-]; # the list
                function f(int a; bool b) -> bool
                {
                  if a > 5 && b then { return true; } else { /* why */
                    return false;
                  }
                }
                function nothing()
                {
                }
                filter g
                {
                  if f(1, true)
                      && net ~ A then
                    reject;
                  case bgp_med {
                    1, 2..5: accept;
                    else: bgp_med = -1; # sign
                      reject;
                  }

                  bgp_community = -empty-;
                  bgp_community.add((64512, 100));
                  accept;
                }
                protocol bgp x {
                  local as 1;
                  neighbor 10.0.0.2 as 1;
                  debug { states, routes };
                  interface "eth0";
                  ipv4 { import filter { accept; }; export all; };
                }
                protocol direct {
                  interface -"cali*", # no workloads
                      "*";
                  ipv4;
                }
                protocol device {}

                """
        )
    }

    @Test("Long lists have a line for each element, short ones one line unless they began one")
    func lists() throws {
        let elements = (0..<20).map { "10.\($0).0.0/16" }
        #expect(
            try Self.format("define A = [ \(elements.joined(separator: ",")) ];")
                == "define A = [\n" + elements.map { "  \($0)" }.joined(separator: ",\n") + "\n];\n"
        )
        #expect(try Self.format("define A = [ 1,\n 2 ];") == "define A = [1, 2];\n")
        #expect(try Self.format("define A = [\n1, 2 ];") == "define A = [\n  1,\n  2\n];\n")
        #expect(try Self.format("define A = [1, # one\n 2];") == "define A = [\n  1, # one\n  2\n];\n")
        #expect(try Self.format("define M = [=   1 +  * (2+3) [4,5] =];") == "define M = [= 1 + * (2 + 3) [4, 5] =];\n")
    }

    @Test("'else' stands below the 'if' that it belongs to")
    func dangling() throws {
        let text = "filter f {\nif a then\nif b then\naccept;\nelse\nreject;\nelse\naccept;\nreject;\n}"
        #expect(
            try Self.format(text) == """
                filter f
                {
                  if a then
                    if b then
                      accept;
                    else
                      reject;
                  else
                    accept;
                  reject;
                }

                """
        )
    }

    @Test("Text that is none of the language, and brackets without counterpart, are errors with their place")
    func errors() {
        func message(_ text: String) -> String? {
            do throws(Diagnostic) {
                _ = try ConfigurationFormatter.format(Array(text.utf8), path: "t.conf")
                return nil
            } catch {
                return "\(error.line):\(error.column) \(error.message)"
            }
        }
        #expect(message("a {\n b ];\n}") == "2:4 ']' closes nothing")
        #expect(message("a {\n b;") == "1:3 this is never closed")
        #expect(message("a \"b\n;") == "1:3 string is not closed on its line")
        #expect(message("") == nil)
    }

    @Test("What confd renders is laid out so already")
    func rendered() throws {
        for entry in RepositoryConfigurations.entries where entry.path.contains("/golden/confd/") {
            // Rules of BGPFilters are one line each, as Calico writes them.
            for (path, text) in try entry.sources().files where !path.contains("/filters/") {
                #expect(try Self.format(text) == text, "\(path)")
            }
        }
    }

    @Test(
        "Laying out a fixture changes no setting, and doing it again changes nothing",
        arguments: RepositoryConfigurations.entries
    )
    func fixtures(_ entry: RepositoryConfigurations.Entry) throws {
        let sources = try entry.sources()
        let before = entry.load(sources)
        #expect(before.errors.map(\.description) == [])
        var laidOut = sources
        for (path, text) in sources.files {
            let once = try Self.format(text)
            #expect(try Self.format(once) == once, "\(path)")
            laidOut.files[path] = once
        }
        #expect(entry.load(laidOut).settings == before.settings)
    }

    @Test("The same of generated files with blanks, line ends and comments anywhere", arguments: 0..<8)
    func generated(_ seed: UInt64) throws {
        var generator = FuzzTests.Generator(state: seed)
        let gaps = [
            " ", "  ", "\n", "\n\n\n", "\t", " # note\n", "\n# own line\n", " /* a */ ", "\n/* b\n   c */\n",
            "\n\n# far\n\n",
        ]
        for text in RepositoryConfigurations.texts {
            let before = try #require(load(text).settings)
            // Tokens that touched stay together: apart they may be others.
            var loose = ""
            for (index, lexeme) in try Lexeme.all(of: Array(text.utf8)).enumerated() {
                if index > 0, !lexeme.isAdjacent { loose += gaps.randomElement(using: &generator) ?? " " }
                loose += String(decoding: lexeme.text, as: UTF8.self)
            }
            #expect(load(loose).settings == before)
            let once = try Self.format(loose)
            #expect(load(once).settings == before)
            let twice = try Self.format(once)
            let difference = zip(once.split(separator: "\n"), twice.split(separator: "\n")).first { $0 != $1 }
            #expect(twice == once, "\(String(describing: difference))")
        }
    }

    @Test("Any mutation is laid out with the same tokens or refused, in bounded time", arguments: 0..<4)
    func mutations(_ seed: UInt64) throws {
        var generator = FuzzTests.Generator(state: seed)
        let clock = ContinuousClock()
        for _ in 0..<200 {
            var text = Array((OracleCorpus.accepted.randomElement(using: &generator) ?? "").utf8)
            for _ in 0..<Int.random(in: 1...6, using: &generator) where !text.isEmpty {
                let at = Int.random(in: 0..<text.count, using: &generator)
                if Bool.random(using: &generator) {
                    text[at] = Array("{}[]();,:-+&|\n #".utf8).randomElement(using: &generator) ?? 0
                } else {
                    text.remove(at: at)
                }
            }
            let took = clock.measure {
                guard let once = try? ConfigurationFormatter.format(text, path: "") else { return }
                #expect((try? ConfigurationFormatter.format(once, path: "")) == once)
            }
            #expect(took < .seconds(2))
        }
    }
}
