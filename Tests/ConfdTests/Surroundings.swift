import Confd
import Foundation
import Logging
import Synchronization

/// A directory that lives as long as its value.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("confd-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    func write(_ name: String, _ text: String) throws {
        let path = self.path + "/" + name
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: self.path + "/" + name, encoding: .utf8) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: self.path + "/" + name) }

    /// Every file below, by relative path.
    func files(below folder: String = "") throws -> [String: String] {
        var files: [String: String] = [:]
        let root = self.path + (folder.isEmpty ? "" : "/" + folder)
        for case let name as String in FileManager.default.enumerator(atPath: root) ?? .init() {
            var isDirectory: ObjCBool = false
            let path = root + "/" + name
            if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
                files[name] = try String(contentsOfFile: path, encoding: .utf8)
            }
        }
        return files
    }

    func permissions(_ name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: self.path + "/" + name)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }
}

struct Refused: Error, CustomStringConvertible {
    var description: String
}

/// Checks and reloads that only count, and refuse on demand.
final class Recorder: Sendable {
    struct State {
        var checks: [String] = []
        var reloads: [String] = []
        var refusesChecks = false
        var refusesReloads = false
    }

    let state = Mutex(State())

    var hooks: ConfdHooks {
        ConfdHooks(
            checks: [
                "speaker": { path in
                    let isRefused = self.state.withLock {
                        $0.checks.append(path)
                        return $0.refusesChecks
                    }
                    if isRefused { throw Refused(description: "no such thing") }
                }
            ],
            reloads: [
                "speaker": { path in
                    let isRefused = self.state.withLock {
                        $0.reloads.append(path)
                        return $0.refusesReloads
                    }
                    if isRefused { throw Refused(description: "speaker is away") }
                }
            ]
        )
    }

    var checkCount: Int { self.state.withLock { $0.checks.count } }
    var reloadCount: Int { self.state.withLock { $0.reloads.count } }
    func set(_ change: (inout State) -> Void) { self.state.withLock { change(&$0) } }
}

/// A directory, hooks and an engine over them.
struct Bench {
    let directory: TemporaryDirectory
    let recorder = Recorder()
    var settings: ConfdSettings

    init(embedded: Bool = true) throws {
        self.directory = try TemporaryDirectory()
        self.settings = ConfdSettings(nodeName: "a", outputDirectory: self.directory.path + "/out")
        self.settings.templates = TemplateSource(usesEmbedded: embedded, directory: self.directory.path + "/templates")
    }

    func makeEngine() -> ConfdEngine {
        ConfdEngine(
            settings: self.settings,
            hooks: self.recorder.hooks,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }
}
