internal import IPAddressing
internal import Resources

/// Keeps the plan of a node up to date while resources change.
///
/// The plan is always the one that ``BGPPlan`` makes of the same snapshot. What changes often in a large cluster costs only
/// what it touches: other nodes, block affinities, services. All else, and the node itself, makes the plan anew.
struct IncrementalPlanner {
    private let nodeName: String
    private let environment: PlanEnvironment
    private var state: State?
    /// Plans that were made anew.
    private(set) var freshCount = 0

    /// More changed nodes than this at once make the plan anew.
    private static let nodeLimit = 100

    private struct State {
        /// The last change that the plan knows.
        var head: UInt64
        var workloads: [WorkloadPeer]
        var plan: BGPPlan
        /// Made at the first change that it is needed for.
        var parts: Parts?
    }

    /// What the plan is put together from.
    private struct Parts {
        var cluster: ClusterView
        var local: Node
        var ledger: PeerLedger
        /// Affinities of this node.
        var affinities: [String: BlockAffinity]
        /// Diagnostics of the configuration, and of the router id.
        var configuration: [PlanDiagnostic]
        var routerID: [PlanDiagnostic]
    }

    /// What a set of changes is about.
    private struct Changes {
        var nodes: [String] = []
        var affinities: [String] = []
        var hasServices = false
        var hasEndpoints = false
        var hasFelix = false

        /// Nil when the plan has to be made anew.
        init?(_ keys: Set<ResourceKey>, nodeName: String) {
            for key in keys {
                switch key.kind {
                case .node where key.name != nodeName: self.nodes.append(key.name)
                case .blockAffinity: self.affinities.append(key.name)
                case .service, .endpointSlice: self.hasServices = true
                case .workloadEndpoint: self.hasEndpoints = true
                case .felixConfiguration: self.hasFelix = true
                default: return nil
                }
            }
            guard self.nodes.count <= IncrementalPlanner.nodeLimit else { return nil }
        }
    }

    init(nodeName: String, environment: PlanEnvironment) {
        self.nodeName = nodeName
        self.environment = environment
    }

    /// The plan of a snapshot.
    mutating func plan(_ snapshot: ResourceSnapshot) throws(PlanError) -> BGPPlan {
        // Out of its place while it changes, or it would be copied.
        let state = self.state
        self.state = nil
        guard var state, state.workloads == snapshot.workloadPeers,
            let keys = snapshot.journal.keys(after: state.head),
            let changes = Changes(keys, nodeName: self.nodeName)
        else { return try self.fresh(snapshot) }
        if keys.isEmpty {
            self.state = state
            return state.plan
        }
        guard snapshot.nodes[self.nodeName] != nil else { throw .nodeUnknown(self.nodeName) }
        if state.parts == nil {
            state.parts = self.parts(of: snapshot)
        } else if changes.hasEndpoints, state.parts?.ledger.hasWorkloads ?? true {
            return try self.fresh(snapshot)
        } else {
            self.update(&state.parts, snapshot, changes)
        }
        guard let parts = state.parts else { return try self.fresh(snapshot) }
        self.assemble(parts, changes, into: &state.plan)
        state.head = snapshot.journal.head
        self.state = state
        return state.plan
    }

    private mutating func fresh(_ snapshot: ResourceSnapshot) throws(PlanError) -> BGPPlan {
        let plan = try BGPPlan(snapshot, nodeName: self.nodeName, environment: self.environment)
        self.freshCount += 1
        self.state = State(head: snapshot.journal.head, workloads: snapshot.workloadPeers, plan: plan)
        return plan
    }

    private func parts(of snapshot: ResourceSnapshot) -> Parts? {
        guard let local = snapshot.nodes[self.nodeName] else { return nil }
        let cluster = ClusterView(snapshot)
        var routerID: [PlanDiagnostic] = []
        _ = RouterID.planned(
            environment: self.environment.routerID,
            nodeName: self.nodeName,
            ipv4: local.address(isIPv4: true)
        ) { routerID.append(PlanDiagnostic(resource: nil, reason: $0)) }
        return Parts(
            cluster: cluster,
            local: local,
            ledger: PeerLedger(self.maker(cluster, local), self.planners(cluster, local)),
            affinities: snapshot.affinities.filter { $0.value.node == self.nodeName },
            configuration: BGPPlan.configurationDiagnostics(cluster, local: local, self.environment),
            routerID: routerID
        )
    }

    private func maker(_ cluster: ClusterView, _ local: Node) -> RecordMaker {
        RecordMaker(cluster: cluster, local: local, separatesFamilies: self.environment.separatesFamilies)
    }

    private func planners(_ cluster: ClusterView, _ local: Node) -> PeerLedger.Planners {
        func planner(_ isIPv4: Bool) -> SessionPlanner? {
            guard let address = local.address(isIPv4: isIPv4) else { return nil }
            return SessionPlanner(
                cluster: cluster,
                local: local,
                environment: self.environment,
                ownAddress: address,
                listenPort: cluster.listenPort(of: local),
                listenAddress: cluster.defaults?.bindMode == .nodeIP ? address : nil
            )
        }
        return (planner(true), planner(false))
    }

    private func update(_ parts: inout Parts?, _ snapshot: ResourceSnapshot, _ changes: Changes) {
        guard var next = parts else { return }
        parts = nil
        let nodes = next.cluster.update(snapshot, nodes: changes.nodes)
        if !nodes.isEmpty {
            next.ledger.update(nodes, self.maker(next.cluster, next.local), self.planners(next.cluster, next.local))
        }
        if changes.hasFelix {
            next.configuration = BGPPlan.configurationDiagnostics(next.cluster, local: next.local, self.environment)
        }
        for name in changes.affinities {
            next.affinities[name] = snapshot.affinities[name].flatMap { $0.node == self.nodeName ? $0 : nil }
        }
        parts = next
    }

    /// Puts what changed into the plan.
    private func assemble(_ parts: Parts, _ changes: Changes, into plan: inout BGPPlan) {
        let snapshot = parts.cluster.snapshot
        for path in [\BGPPlan.ipv4, \BGPPlan.ipv6] {
            let isIPv4 = plan[keyPath: path].isIPv4
            plan[keyPath: path].sessions = isIPv4 ? parts.ledger.ipv4.sessions : parts.ledger.ipv6.sessions
            plan[keyPath: path].peerStatics =
                plan[keyPath: path].nodeAddress == nil ? [] : parts.ledger.peerStatics(isIPv4: isIPv4)
            plan[keyPath: path].wireguardPeers = BGPPlan.wireguardPeers(
                parts.cluster,
                local: parts.local,
                isIPv4: isIPv4
            )
            BGPPlan.addBlocks(
                parts.affinities.values,
                local: parts.local,
                environment: self.environment,
                to: &plan[keyPath: path]
            )
        }
        if changes.hasServices {
            let services = ServicePlanner(snapshot, local: parts.local, environment: self.environment)
            for path in [\BGPPlan.ipv4, \BGPPlan.ipv6] {
                let isIPv4 = plan[keyPath: path].isIPv4
                plan[keyPath: path].serviceStatics = services.announced.filter { $0.isIPv4 == isIPv4 }
                plan[keyPath: path].serviceRanges = services.ranges.filter { $0.isIPv4 == isIPv4 }
            }
        }
        plan.diagnostics =
            parts.configuration + parts.ledger.faults + parts.ledger.duplicates + parts.routerID
            + parts.ledger.remarks(isIPv4: true) + parts.ledger.remarks(isIPv4: false)
    }
}
