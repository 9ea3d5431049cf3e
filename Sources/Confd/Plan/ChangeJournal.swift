internal import Resources
internal import Synchronization

/// The last changes of a snapshot, so that who has seen an earlier state of it need not compare the whole.
///
/// Every change in the process has a number of its own. So two snapshots that began as one and changed differently are never
/// taken for states of one. It is no part of the snapshot's value.
struct ChangeJournal: Sendable {
    private struct Entry: Sendable {
        var key: ResourceKey
        var number: UInt64
    }

    private static let nextNumber = Atomic<UInt64>(1)
    /// More changes than this are not worth following one by one.
    private static let capacity = 1024

    private var recent: [Entry] = []

    /// The number of the last change; 0 before the first.
    var head: UInt64 { self.recent.last?.number ?? 0 }

    /// Notes that the object with a key was changed or removed.
    mutating func note(_ key: ResourceKey) {
        if self.recent.count >= 2 * Self.capacity { self.recent.removeFirst(Self.capacity) }
        let number = Self.nextNumber.wrappingAdd(1, ordering: .relaxed).oldValue
        self.recent.append(Entry(key: key, number: number))
    }

    /// What changed after the change with a number; nil when that is not known.
    func keys(after number: UInt64) -> Set<ResourceKey>? {
        guard number != 0 else { return nil }
        var keys: Set<ResourceKey> = []
        for entry in self.recent.reversed() {
            if entry.number == number { return keys }
            keys.insert(entry.key)
        }
        return nil
    }
}

extension ChangeJournal: Hashable {
    /// Always true.
    static func == (_: ChangeJournal, _: ChangeJournal) -> Bool { true }

    /// Hashes nothing.
    func hash(into _: inout Hasher) {}
}
