import Datastore
import Logging
import Resources
import Testing

@testable import NodeCore

@Suite("Endpoint status in the datastore")
struct DatastoreStatusSinkTests {
    @Test("Statuses of endpoints that vanished while nobody looked are cleared at start", .timeLimit(.minutes(1)))
    func vanished() async throws {
        let store = InMemoryDatastore()
        let key = ResourceKey(kind: .workloadEndpoint, namespace: "default", name: "gone")
        try await store.updateStatus(of: key, to: EndpointStatus(state: .up))
        #expect(try await store.statuses().count == 1)
        let sink = DatastoreStatusSink(datastore: store, logger: Logger(label: "test"))
        let task = Task { try await sink.run() }
        for _ in 0..<200 where try await !store.statuses().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
        #expect(try await store.statuses().isEmpty)
        task.cancel()
    }
}
