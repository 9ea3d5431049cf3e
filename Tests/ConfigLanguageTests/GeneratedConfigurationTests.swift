import Testing

@testable import ConfigLanguage

@Suite("Configurations as generators render them")
struct GeneratedConfigurationTests {
    private static let entries = RepositoryConfigurations.entries.filter { $0.path.contains("/bird2/") }

    @Test(
        "BIRD reads them, and they are read here without an error or warning that BIRD's user would miss",
        arguments: entries
    )
    func accepted(_ entry: RepositoryConfigurations.Entry) throws {
        let verdict = try Bird.run("/usr/sbin/bird", ["-p", "-c", entry.path])
        #expect(verdict.status == 0, "\(verdict.output)")
        let result = entry.load(try entry.sources())
        #expect(result.errors.map(\.description) == [])
        #expect(result.diagnostics.allSatisfy { $0.message.contains("'timeformat' has no effect") })
    }

    @Test("There is one of each kind")
    func all() {
        #expect(
            Set(Self.entries.map { $0.path.split(separator: "/").dropLast().last }) == [
                "anycast", "exchange", "transit",
            ]
        )
    }
}
