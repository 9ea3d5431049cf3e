import ConfigLanguage
import Foundation
import SpeakerSettings
import Testing

@testable import NodeCore

@Suite("Reading configuration files again and again")
struct ConfigurationReaderTests {
    /// A directory with a root file, peers, and a stage of the same.
    private final class Folder {
        let path = NSTemporaryDirectory() + "martlet-\(UUID().uuidString)"

        init() throws {
            for folder in ["/peers", "/.stage/peers"] {
                try FileManager.default.createDirectory(atPath: self.path + folder, withIntermediateDirectories: true)
            }
            for stage in ["", ".stage/"] {
                try self.write(
                    stage + "speaker.conf",
                    "router id 1.1.1.1; protocol device {} include \"peers/*.conf\";"
                )
                for number in 2...4 { try self.write(stage + "peers/\(number).conf", Self.peer(number)) }
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: self.path) }

        static func peer(_ number: Int, _ body: String = "") -> String {
            "protocol bgp p\(number) { local 10.0.0.1 as 65000; neighbor 10.0.0.\(number) as 65001; \(body) "
                + "ipv4 { import none; export none; }; }"
        }

        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: self.path + "/" + name, atomically: false, encoding: .utf8)
        }

        func passive(_ configuration: SpeakerConfiguration) -> [String] {
            (configuration.settings?.protocols ?? []).compactMap { (settings) -> String? in
                guard case .bgp(let settings) = settings, settings.isPassive else { return nil }
                return settings.common.name
            }
        }
    }

    @Test("A file that changed in place is read anew, also when its length and the second are the same")
    func inPlace() async throws {
        let folder = try Folder()
        let reader = ConfigurationReader()
        let root = folder.path + "/speaker.conf"
        for round in 0..<6 {
            // Both what is remembered and what is too young for it.
            if round % 2 == 0 { try await Task.sleep(for: .milliseconds(150)) }
            #expect(folder.passive(reader.read(root)) == (round % 2 == 0 ? [] : ["p3"]))
            try folder.write("peers/3.conf", Folder.peer(3, round % 2 == 0 ? "passive;" : "        "))
        }
        #expect(reader.read(root).settings?.protocols.count == 4)
        try FileManager.default.removeItem(atPath: folder.path + "/peers/4.conf")
        #expect(reader.read(root).settings?.protocols.count == 3)
    }

    @Test("A check reads the stage and not what is in place, and its errors name the staged file")
    func stage() async throws {
        let folder = try Folder()
        let reader = ConfigurationReader()
        let root = folder.path + "/speaker.conf"
        let staged = folder.path + "/.stage/speaker.conf"
        #expect(reader.read(root).diagnostics.isEmpty)
        try folder.write(".stage/peers/3.conf", Folder.peer(3, "passive;"))
        #expect(folder.passive(reader.check(staged)) == ["p3"])
        #expect(folder.passive(reader.read(root)).isEmpty)
        try folder.write(".stage/peers/3.conf", Folder.peer(3, "nonsense;"))
        let refused = reader.check(staged)
        #expect(refused.settings == nil)
        #expect(refused.diagnostics.map(\.path) == [folder.path + "/.stage/peers/3.conf"])
        // Other spellings of the same place.
        #expect(reader.check(folder.path + "//.stage/./speaker.conf").settings == nil)
        #expect(reader.read(folder.path + "/./speaker.conf").settings != nil)
    }
}
