/// When what failed is tried again: each by itself, and later each time it fails again.
///
/// A value without a clock: instants are durations since any fixed moment.
struct BackOffs: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        var wait: Duration
        var at: Duration
        var reason: String
        var fingerprint: Int?
    }

    private let first: Duration
    private let longest: Duration
    private var entries: [String: Entry] = [:]

    /// Creates a record of no failure.
    init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    /// Whether something failed when it was last tried.
    func isFailing(_ name: String) -> Bool { self.entries[name] != nil }

    /// Why something failed when it was last tried.
    func reason(_ name: String) -> String? { self.entries[name]?.reason }

    /// Whether something may be tried: it has not failed, or has waited, or is not what it was when it failed.
    func isDue(_ name: String, at now: Duration, fingerprint: @autoclosure () -> Int? = nil) -> Bool {
        guard let entry = self.entries[name], now < entry.at else { return true }
        return entry.fingerprint != nil && entry.fingerprint != fingerprint()
    }

    /// Notes a failure.
    mutating func failed(_ name: String, at now: Duration, reason: String, fingerprint: Int? = nil) {
        let wait = self.entries[name].map { min($0.wait * 2, self.longest) } ?? self.first
        self.entries[name] = Entry(wait: wait, at: now + wait, reason: reason, fingerprint: fingerprint)
    }

    /// Notes that something is as it should be.
    mutating func succeeded(_ name: String) { self.entries[name] = nil }

    /// Lets something be tried at once; if it fails again it waits longer all the same.
    mutating func expedite(_ name: String, at now: Duration) { self.entries[name]?.at = now }

    /// Forgets what is not among these names.
    mutating func keep(_ names: Set<String>) { self.entries = self.entries.filter { names.contains($0.key) } }

    /// When the next is to be tried; nil when none failed.
    var next: Duration? { self.entries.values.map(\.at).min() }

    /// Everything that fails, one line each.
    var reasons: String? {
        guard !self.entries.isEmpty else { return nil }
        return self.entries.sorted { $0.key < $1.key }.map(\.value.reason).joined(separator: "\n")
    }
}
