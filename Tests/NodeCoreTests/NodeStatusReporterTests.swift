import ControlAPI
import Datastore
import Logging
import Resources
import TestSupport
import Testing

@testable import NodeCore

@Suite("CalicoNodeStatus")
struct NodeStatusReporterTests {
    private func request(_ name: String, node: String, period: UInt32) -> CalicoNodeStatus {
        CalicoNodeStatus(
            metadata: ResourceMetadata(name: name),
            node: node,
            classes: [.agent, .bgp, .routes],
            updatePeriodSeconds: period
        )
    }

    private func status(_ name: String, _ datastore: InMemoryDatastore) async throws -> CalicoNodeStatus.Report? {
        let stored = try await datastore.get(ResourceKey(kind: .calicoNodeStatus, name: name))
        guard case .calicoNodeStatus(let resource) = stored.resource else { return nil }
        return resource.status
    }

    @Test("What is asked of this node is written into the resource, again each period; of other nodes nothing is")
    func report() async throws {
        let datastore = InMemoryDatastore()
        try await datastore.create(.calicoNodeStatus(self.request("mine", node: "a", period: 1)))
        try await datastore.create(.calicoNodeStatus(self.request("other", node: "b", period: 1)))
        try await datastore.create(.calicoNodeStatus(self.request("stopped", node: "a", period: 0)))
        let reporter = NodeStatusReporter(
            nodeName: "a",
            datastore: datastore,
            backend: SyntheticBackend(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let running = Task { try await reporter.run() }
        var first: CalicoNodeStatus.Report?
        var last: CalicoNodeStatus.Report?
        for _ in 0..<1000 where last == nil || last?.lastUpdated == first?.lastUpdated {
            try await Task.sleep(for: .milliseconds(10))
            last = try await self.status("mine", datastore)
            first = first ?? last
        }
        running.cancel()
        _ = await running.result
        let report = try #require(last)
        #expect(report.lastUpdated != first?.lastUpdated)
        #expect(report.agentV4?.routerID == "192.0.2.1")
        #expect((report.peersV4?.count ?? 0) + (report.peersV6?.count ?? 0) == 2)
        let routes = (report.routesV4 ?? []) + (report.routesV6 ?? [])
        #expect(!routes.isEmpty && routes.count <= 2 * NodeStatusReporter.largestRouteCount)
        #expect(try await self.status("other", datastore) == nil)
        #expect(try await self.status("stopped", datastore) == nil)
    }
}
