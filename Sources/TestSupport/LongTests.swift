import Foundation

/// Whether tests that run for minutes are wanted: `make test-long` sets `MARTLET_LONG_TESTS`.
///
/// Use it as a trait: `@Test("…", .enabled(if: longTestsAreWanted, "make test-long"))`.
public let longTestsAreWanted = !(ProcessInfo.processInfo.environment["MARTLET_LONG_TESTS"] ?? "").isEmpty
