import ConfigLanguage
import Datastore
import Foundation
import Resources
import Testing

@testable import Confd

/// Whole clusters as manifests, in the groups of Calico's own suite of confd, and what is rendered of them.
///
/// `Fixtures/cases` holds the manifests, a folder being a case whose files are states one after the other;
/// `Fixtures/golden/cases` what is rendered for node alpha. `MARTLET_UPDATE_GOLDEN=1` writes the golden files anew.
@Suite("Cases by group")
struct CaseGroupTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures").path
    private static var inputs: String { self.fixtures + "/cases" }
    private static var goldens: String { self.fixtures + "/golden/cases" }

    /// Groups, with how many cases of each there are at least.
    private static let groups = [
        "bgpfilter": 19, "daemon": 9, "explicit-peering": 13, "extra": 12, "mesh": 12, "ttl-security": 3,
    ]

    /// Cases by group and name.
    static let cases: [String] = {
        var names: Set<String> = []
        for group in (try? FileManager.default.contentsOfDirectory(atPath: inputs)) ?? [] {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: inputs + "/" + group)) ?? [] {
                names.insert(group + "/" + name.replacingOccurrences(of: ".yaml", with: ""))
            }
        }
        return names.sorted()
    }()

    /// The states of a case, by the name of their golden file.
    private static func states(_ name: String) throws -> [(name: String, resources: [Resource])] {
        let folder = self.inputs + "/" + name
        var files = [name]
        if let steps = try? FileManager.default.contentsOfDirectory(atPath: folder) {
            files = steps.sorted().map { name + "/" + $0.replacingOccurrences(of: ".yaml", with: "") }
        }
        return try files.map { file in
            var resources: [Resource] = []
            for document in try ManifestFile.read(self.inputs + "/" + file + ".yaml") {
                let outcome = ManifestDecoder().decode(document)
                #expect(outcome.diagnostics.isEmpty, "\(file): \(outcome.diagnostics)")
                resources += outcome.resources.map(\.resource)
            }
            return (file, resources)
        }
    }

    private func bench(_ name: String, _ target: TemplateSource.Target) throws -> Bench {
        var bench = try Bench()
        bench.settings.nodeName = "alpha"
        bench.settings.templates.target = target
        bench.settings.syncsOnly = target == .bird1
        bench.settings.endpointStatusPrefix = bench.directory.path + "/none"
        if name == "mesh/hash" { bench.settings.environment.routerID = "hash" }
        return bench
    }

    /// A set of files as one text.
    private static func text(_ files: [String: String]) -> String {
        files.sorted { $0.key < $1.key }.map { "######## \($0.key)\n\($0.value)" }.joined()
    }

    private static func compare(_ files: [String: String], _ name: String) throws {
        let path = self.goldens + "/" + name
        let text = self.text(files)
        if ProcessInfo.processInfo.environment["MARTLET_UPDATE_GOLDEN"] == "1" {
            let folder = (path as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try text.write(toFile: path, atomically: false, encoding: .utf8)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text, "\(name)")
    }

    @Test("There are cases of every group")
    func groups() {
        for (group, count) in Self.groups {
            #expect(Self.cases.count { $0.hasPrefix(group + "/") } >= count, "\(group)")
        }
    }

    @Test(
        "The speaker's files are the golden ones after each step, and BIRD 2 and the speaker accept them",
        arguments: cases
    )
    func speaker(name: String) async throws {
        let bench = try self.bench(name, .speaker)
        let engine = bench.makeEngine()
        var snapshot = ResourceSnapshot(endpointNode: "alpha")
        var keys: Set<ResourceKey> = []
        for (file, resources) in try Self.states(name) {
            let present = Set(resources.map(\.key))
            for key in keys.subtracting(present) { snapshot.remove(key) }
            for resource in resources { snapshot.update(resource) }
            keys = present
            try await engine.cycle(snapshot)
            let files = try bench.directory.files(below: "out")
            try Self.compare(files, file + ".speaker.conf")
            let result = ConfigurationLoader.load(root: "speaker.conf", provider: InMemorySources(files))
            #expect(result.settings != nil && result.diagnostics.isEmpty, "\(file): \(result.diagnostics)")
            let command = "/usr/sbin/bird -p -c \(bench.directory.path)/out/speaker.conf 2>&1"
            let outcome = await CommandRunner.run(command, timeout: .seconds(60))
            #expect(outcome.failure == nil, "\(file): \(outcome.output)")
        }
    }

    @Test("The files for BIRD 1.6 are the golden ones after each step, and it accepts them", arguments: cases)
    func bird1(name: String) async throws {
        let bench = try self.bench(name, .bird1)
        let engine = bench.makeEngine()
        let programs = try RenderingTests.bird1Programs()
        for (file, resources) in try Self.states(name) {
            var snapshot = ResourceSnapshot(endpointNode: "alpha")
            for resource in resources { snapshot.update(resource) }
            try await engine.cycle(snapshot)
            let files = try bench.directory.files(below: "out")
            try Self.compare(files, file + ".bird1.conf")
            // Calico's own BIRD has an attribute more than BIRD.
            let known = try TemporaryDirectory()
            for (name, text) in files {
                let text = text.replacing(/if [^;{]*then krt_tunnel="";\s*else/, with: "")
                    .replacing(/krt_tunnel="[^"]*";/, with: "")
                try known.write(name, text)
            }
            for daemon in ["bird", "bird6"] {
                let command = "\(programs)/\(daemon) -p -c \(known.path)/\(daemon).cfg 2>&1"
                let outcome = await CommandRunner.run(command, timeout: .seconds(60))
                #expect(outcome.failure == nil, "\(file): \(outcome.output)")
            }
        }
    }
}
