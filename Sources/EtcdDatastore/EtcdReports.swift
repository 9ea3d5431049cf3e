internal import Datastore
import Resources
import Synchronization

/// What is wrong with stored objects, and how those that are invalid now were before.
final class EtcdReports: Sendable {
    /// Keys about which remarks are kept; what is said about more is counted by none.
    private static let maximumKeys = 1000

    private struct State {
        var remarks: [String: [DatastoreDiagnostic]] = [:]
        var lastGood: [String: StoredResource] = [:]
        var listeners: [UInt64: AsyncStream<[DatastoreDiagnostic]>.Continuation] = [:]
        var nextListener: UInt64 = 0

        var all: [DatastoreDiagnostic] { self.remarks.sorted { $0.key < $1.key }.flatMap(\.value) }
    }

    private let state = Mutex(State())

    var current: [DatastoreDiagnostic] { self.state.withLock { $0.all } }

    func changes() -> AsyncStream<[DatastoreDiagnostic]> {
        let (stream, continuation) = AsyncStream<[DatastoreDiagnostic]>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = self.state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = continuation
            continuation.yield(state.all)
            return state.nextListener
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.listeners[id] = nil }
        }
        return stream
    }

    /// Decodes an object and notes what there is to say; nil when it is invalid.
    func take(_ item: KeyValue, as key: ResourceKey, _ revision: Revision) -> StoredResource? {
        let decoded = EtcdLayout.decode(item, as: key)
        self.note(item.key, decoded.diagnostics)
        guard let resource = decoded.resource else { return nil }
        self.state.withLock { _ = $0.lastGood.removeValue(forKey: item.key) }
        return StoredResource(resource: resource, revision: revision)
    }

    /// How an object that is invalid now was before, if that is known.
    func lastGood(_ key: String) -> StoredResource? { self.state.withLock { $0.lastGood[key] } }

    /// Remembers how an object was that is invalid now.
    func remember(_ key: String, _ stored: StoredResource) {
        self.state.withLock { state in
            if state.lastGood.count < Self.maximumKeys { state.lastGood[key] = stored }
        }
    }

    func forget(_ key: String) {
        self.note(key, [])
        self.state.withLock { _ = $0.lastGood.removeValue(forKey: key) }
    }

    /// Drops everything about keys that are gone.
    func keep(_ isKept: (String) -> Bool) {
        let gone = self.state.withLock { state in
            Set(state.remarks.keys).union(state.lastGood.keys).filter { !isKept($0) }
        }
        for key in gone { self.forget(key) }
    }

    private func note(_ key: String, _ diagnostics: [ManifestDiagnostic]) {
        // What merely has no effect here is Calico's business in a store that it shares.
        let remarks = diagnostics.filter { $0.severity == .error }.prefix(20)
            .map { DatastoreDiagnostic(file: "etcd:\(key.prefix(600))", diagnostic: $0) }
        self.state.withLock { state in
            guard state.remarks[key] ?? [] != remarks else { return }
            if remarks.isEmpty {
                state.remarks[key] = nil
            } else if state.remarks[key] != nil || state.remarks.count < Self.maximumKeys {
                state.remarks[key] = remarks
            }
            let all = state.all
            for listener in state.listeners.values { listener.yield(all) }
        }
    }
}
