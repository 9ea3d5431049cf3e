import Datastore
import EtcdDatastore
import IPAddressing
import Logging
import Resources
import Synchronization
import TestSupport
import Testing

/// A pool whose annotation counts its versions, so that each must be told once and in order.
func pool(_ number: Int, version: Int, padding: String = "") throws -> Resource {
    let cidr = try #require(IPPrefix("10.\(number % 256).0.0/16"))
    let annotations = ["version": "\(version)", "padding": padding]
    return .ipPool(IPPool(metadata: ResourceMetadata(name: "pool-\(number)", annotations: annotations), cidr: cidr))
}

func poolKey(_ number: Int) -> ResourceKey { ResourceKey(kind: .ipPool, name: "pool-\(number)") }

func version(_ resource: Resource?) -> Int? {
    guard case .ipPool(let pool)? = resource else { return nil }
    return pool.metadata.annotations["version"].flatMap { Int($0) }
}

/// Logs nothing.
let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Settings with times short enough for tests.
func shortSettings(_ endpoints: [String]) -> EtcdSettings {
    var settings = EtcdSettings(endpoints: endpoints.compactMap { EtcdEndpoint($0) })
    settings.requestTimeout = .seconds(1)
    settings.probeInterval = .milliseconds(500)
    settings.statusTTL = .seconds(2)
    return settings
}

/// A store, closed at the end.
@discardableResult
func withStore<Result: Sendable>(
    _ settings: EtcdSettings,
    _ body: (EtcdDatastore) async throws -> Result
) async throws -> Result {
    let store = try EtcdDatastore(settings: settings, logger: quietLogger)
    do {
        let result = try await body(store)
        await store.close()
        return result
    } catch {
        await store.close()
        throw error
    }
}

/// Follows a store's pools, noting what a syncer promises never to do.
final class Follower: Sendable {
    struct State: Sendable {
        var objects: [ResourceKey: Resource] = [:]
        /// Versions told, by key, in order.
        var versions: [ResourceKey: [Int]] = [:]
        var breaches: [String] = []
        var status: SyncStatus?
        var statuses: [SyncStatus] = []
        var syncs = 0
    }

    /// Shared with the task, which must not keep the follower alive.
    private final class Notes: Sendable {
        let state = Mutex(State())
    }

    private let notes = Notes()
    private let task: Task<Void, Never>

    var state: State { self.notes.state.withLock { $0 } }

    init(_ store: EtcdDatastore) {
        let notes = self.notes
        self.task = Task {
            let backOff = BackOff(minimum: .milliseconds(20), maximum: .milliseconds(300))
            for await batch in Syncer(datastore: store, kinds: [.ipPool], backOff: backOff) {
                notes.state.withLock { state in
                    for update in batch { Self.take(update, &state) }
                }
            }
        }
    }

    deinit { self.task.cancel() }

    private static func take(_ update: SyncerUpdate, _ state: inout State) {
        switch update {
        case .upserted(let resource):
            if state.objects.updateValue(resource, forKey: resource.key) == resource {
                state.breaches.append("told twice: \(resource.key) version \(version(resource) ?? -1)")
            }
            let number = version(resource) ?? -1
            if let last = state.versions[resource.key]?.last, last >= number {
                state.breaches.append("went back: \(resource.key) from \(last) to \(number)")
            }
            state.versions[resource.key, default: []].append(number)
        case .removed(let key):
            if state.objects.removeValue(forKey: key) == nil { state.breaches.append("removed twice: \(key)") }
            state.versions[key] = nil
        case .inSync: state.syncs += 1
        case .statusChanged(let status):
            state.status = status
            state.statuses.append(status)
        }
    }

    /// Waits until the state is as wanted; the state as it is then.
    @discardableResult
    func waits(for what: String, timeout: Duration = .seconds(20), _ isMet: (State) -> Bool) async throws -> State {
        let isThere = try await eventually(timeout: timeout, every: .milliseconds(20)) { isMet(self.state) }
        let state = self.state
        if !isThere {
            throw Command.Failure("\(what): status \(String(describing: state.status)), versions \(state.versions)")
        }
        return state
    }
}
