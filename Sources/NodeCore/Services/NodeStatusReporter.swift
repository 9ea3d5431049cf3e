internal import ControlAPI
internal import Datastore
internal import IPAddressing
internal import Logging
internal import Resources
internal import ServiceLifecycle
internal import Synchronization

/// Answers CalicoNodeStatus resources: writes what they ask of this node into their status, as often as they ask.
struct NodeStatusReporter: Service {
    /// Routes in one report; a status is one object of the datastore and must not grow with the table.
    static let largestRouteCount = 5000

    let nodeName: String
    let datastore: any Datastore
    let backend: any ControlBackend
    let logger: Logger
    private let requests = Requests()

    init(nodeName: String, datastore: any Datastore, backend: any ControlBackend, logger: Logger) {
        self.nodeName = nodeName
        self.datastore = datastore
        self.backend = backend
        self.logger = logger
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await batch in Syncer(datastore: self.datastore, kinds: [.calicoNodeStatus]) {
                        self.requests.take(batch, nodeName: self.nodeName)
                    }
                }
                let clock = ContinuousClock()
                let start = clock.now
                while !Task.isCancelled {
                    for key in self.requests.due(at: start.duration(to: clock.now)) { await self.report(key) }
                    try await Task.sleep(for: .seconds(1))
                }
            }
        }
    }

    private func report(_ key: ResourceKey) async {
        do {
            let stored = try await self.datastore.get(key)
            guard case .calicoNodeStatus(var resource) = stored.resource else { return }
            resource.status = try await self.backend.report(resource.classes)
            try await self.datastore.update(.calicoNodeStatus(resource), ifRevision: stored.revision)
            self.requests.failures.withLock { $0[key] = nil }
        } catch {
            // Said once, not with every attempt: a manifest that an operator keeps is never rewritten.
            let text = "\(error)"
            let isNew = self.requests.failures.withLock { failures in
                defer { failures[key] = text }
                return failures[key] != text
            }
            guard isNew else { return }
            self.logger.warning(
                "Cannot report the node's status",
                metadata: ["resource": "\(key)", "reason": "\(text)"]
            )
        }
    }

    /// The resources for this node, and when each is to be answered next.
    private final class Requests: Sendable {
        struct Request {
            var period: UInt32
            var classes: Set<CalicoNodeStatus.Class>
            var dueAt: Duration?
        }

        let failures = Mutex<[ResourceKey: String]>([:])
        private let requests = Mutex<[ResourceKey: Request]>([:])

        func take(_ batch: [SyncerUpdate], nodeName: String) {
            self.requests.withLock { requests in
                for update in batch {
                    switch update {
                    case .upserted(.calicoNodeStatus(let resource)) where resource.node == nodeName:
                        let key = Resource.calicoNodeStatus(resource).key
                        let known = requests[key]
                        // The report itself changes the object; only what is asked for makes a new answer due.
                        if let known, known.period == resource.updatePeriodSeconds, known.classes == resource.classes {
                            continue
                        }
                        requests[key] = Request(
                            period: resource.updatePeriodSeconds,
                            classes: resource.classes,
                            // A period of 0 stops further reports.
                            dueAt: resource.updatePeriodSeconds == 0 ? nil : .zero
                        )
                    case .upserted(let resource): requests[resource.key] = nil
                    case .removed(let key): requests[key] = nil
                    case .inSync, .statusChanged: break
                    }
                }
            }
        }

        func due(at now: Duration) -> [ResourceKey] {
            self.requests.withLock { requests in
                var due: [ResourceKey] = []
                for (key, request) in requests {
                    guard let time = request.dueAt, time <= now else { continue }
                    requests[key]?.dueAt = now + .seconds(Int64(request.period))
                    due.append(key)
                }
                return due.sorted()
            }
        }
    }
}

extension ControlBackend {
    /// What a CalicoNodeStatus asks of the node.
    func report(_ classes: Set<CalicoNodeStatus.Class>) async throws -> CalicoNodeStatus.Report {
        var report = CalicoNodeStatus.Report()
        report.lastUpdated = "\(Timestamp.now)"
        if classes.contains(.agent) {
            let status = try await self.status()
            var agent = CalicoNodeStatus.Agent(isReady: status.readiness.ready)
            agent.version = "Martlet \(status.version)"
            agent.routerID = status.routerID
            agent.lastBootTime = "\(status.startedAt)"
            agent.lastReconfigurationTime = status.lastReload.map { "\($0.time)" }
            report.agentV4 = agent
            report.agentV6 = agent
        }
        if classes.contains(.bgp) {
            let peers = try await self.neighbors(name: nil).map { neighbor in
                (
                    isIPv4: !neighbor.address.utf8.contains(UInt8(ascii: ":")),
                    peer: CalicoNodeStatus.Peer(
                        peerIP: String(neighbor.address.prefix { $0 != "%" }),
                        type: Self.peerType(neighbor.name),
                        state: neighbor.state.rawValue,
                        since: neighbor.establishedAt.map { "\($0)" }
                    )
                )
            }
            report.peersV4 = peers.filter(\.isIPv4).map(\.peer)
            report.peersV6 = peers.filter { !$0.isIPv4 }.map(\.peer)
        }
        if classes.contains(.routes) {
            report.routesV4 = try await self.routes(.ipv4)
            report.routesV6 = try await self.routes(.ipv6)
        }
        return report
    }

    /// The first word of a session's name says where it comes from.
    private static func peerType(_ name: String) -> String {
        if name.hasPrefix("Mesh_") { return "NodeMesh" }
        return name.hasPrefix("Global_") ? "GlobalPeer" : "NodePeer"
    }

    private func routes(_ family: RouteQuery.Family) async throws -> [CalicoNodeStatus.Route] {
        var query = RouteQuery()
        query.family = family
        var routes: [CalicoNodeStatus.Route] = []
        var next: RouteContinuation?
        repeat {
            let page = try await self.routes(query, from: next)
            for route in page.routes.prefix(NodeStatusReporter.largestRouteCount - routes.count) {
                var entry = CalicoNodeStatus.Route(
                    type: route.best ? "FIB" : "RIB",
                    destination: route.prefix.description,
                    gateway: (route.gateway ?? route.nextHop)?.description ?? "N/A",
                    interface: route.interface ?? "",
                    sourceType: Self.sourceType(of: route)
                )
                if route.source == .bgp { entry.peerIP = route.from?.description }
                routes.append(entry)
            }
            next = page.next
        } while next != nil && routes.count < NodeStatusReporter.largestRouteCount
        return routes
    }

    private static func sourceType(of route: Route) -> String {
        switch route.source {
        case .static: "Static"
        case .kernel: "Kernel"
        case .device: "Direct"
        case .bgp: route.protocolName.hasPrefix("Mesh_") ? "NodeMesh" : "BGPPeer"
        }
    }
}
