import BGPWire
import IPAddressing
import SpeakerSettings
import Testing

@testable import ConfigLanguage
@testable import Policy

/// Reads one file.
func load(_ text: String, files: [String: String] = [:]) -> LoadResult {
    var files = files
    files["t.conf"] = text
    return ConfigurationLoader.load(root: "t.conf", provider: InMemorySources(files))
}

/// The settings of a text that has to be fine, with a device protocol added to make it complete.
func settings(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> SpeakerSettings {
    let result = load("protocol device extra {}\n" + text)
    #expect(result.errors.map(\.description) == [], sourceLocation: sourceLocation)
    return try #require(result.settings, sourceLocation: sourceLocation)
}

/// The one BGP session of a text.
func session(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> BGPSettings {
    let all = try settings(text, sourceLocation: sourceLocation).protocols.compactMap {
        if case .bgp(let session) = $0 { session } else { nil }
    }
    return try #require(all.first, sourceLocation: sourceLocation)
}

/// An external session with `options` in it and `channel` in its IPv4 channel.
func externalSession(_ options: String = "", channel: String = "") -> String {
    "protocol bgp b { local 192.0.2.1 as 65001; neighbor 192.0.2.2 as 65002; \(options)"
        + " ipv4 { import all; export none; \(channel) }; }"
}

/// `line:column message` of each error.
func errors(_ text: String, files: [String: String] = [:]) -> [String] {
    load(text, files: files).errors.map { "\($0.line):\($0.column) \($0.message)" }
}
