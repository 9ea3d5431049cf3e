internal import IPAddressing
internal import Resources

/// All that asks for sessions of a node, by neighbour, so that a change of a node touches only its own.
///
/// What wins where several ask for one session is decided as ``PeerExpansion`` and ``SessionPlanner`` do.
struct PeerLedger {
    /// The place of a record among all: generator, node, family.
    struct Order: Comparable, Hashable {
        var generator: Int
        var node: String
        var index: Int

        static func < (one: Order, other: Order) -> Bool {
            (one.generator, one.node, one.index) < (other.generator, other.node, other.index)
        }
    }

    private struct Candidate {
        var order: Order
        var record: PeerRecord
        var isReverse: Bool
    }

    /// Where a session stands among those of its family.
    fileprivate struct Place: Comparable {
        var name: String
        var order: Order

        static func < (one: Place, other: Place) -> Bool { (one.name, one.order) < (other.name, other.order) }
    }

    /// What those who ask for one session come to.
    private struct Outcome {
        var place: Place?
        var gateway: (order: Order, address: IPAddress)?
        /// Of records that lost.
        var duplicates: [(order: Order, diagnostic: PlanDiagnostic)] = []
        /// Of the session.
        var remarks: [(order: Order, diagnostic: PlanDiagnostic)] = []

        var hasRemarks: Bool { !self.duplicates.isEmpty || !self.remarks.isEmpty }
    }

    /// One family's sessions, and where each stands.
    struct Family {
        var sessions: [SessionPlan] = []
        fileprivate var places: [Place] = []
    }

    private let generators: [PeerGenerator]
    /// What is wrong with whole peers.
    let faults: [PlanDiagnostic]
    private var candidates: [PeerRecord.Key: [Candidate]] = [:]
    private var mesh: [PeerRecord.Key: [String]] = [:]
    private var outcomes: [PeerRecord.Key: Outcome] = [:]
    private var remarked: Set<PeerRecord.Key> = []
    private var gateways: Set<PeerRecord.Key> = []
    private(set) var ipv4 = Family()
    private(set) var ipv6 = Family()
    /// The address of each generator that names one, to find it by the address.
    private var addressed: [IPAddress: [Int]] = [:]
    private var keys: [Int: PeerRecord.Key] = [:]

    /// How the sessions of a family are made; nil without an address of the node.
    typealias Planners = (ipv4: SessionPlanner?, ipv6: SessionPlanner?)

    init(_ maker: RecordMaker, _ planners: Planners) {
        (self.generators, self.faults) = PeerGenerator.all(maker)
        var touched: Set<PeerRecord.Key> = []
        for (index, generator) in self.generators.enumerated() {
            switch generator.source {
            case .address(let address):
                self.addressed[address, default: []].append(index)
                self.placeAddressed(index, maker, &touched)
            case .workloads:
                var place = 0
                for workload in maker.cluster.workloads(of: generator.peer, on: maker.local.metadata.name) {
                    for case let address? in [workload.address(isIPv4: true), workload.address(isIPv4: false)]
                    where address.isUsableNextHop {
                        let order = Order(generator: index, node: "", index: place)
                        self.add(maker.record(generator.peer, workload: address), order, isReverse: false, &touched)
                        place += 1
                    }
                }
            case .node, .nodes: break
            }
        }
        for node in maker.cluster.nodes { self.add(node, maker, planners, &touched) }
        // Sorted once, not once for each.
        for key in touched { self.settle(key, maker.cluster, planners, isFirst: true) }
        self.ipv4.sort()
        self.ipv6.sort()
    }

    /// Whether workloads of this node may be neighbours.
    var hasWorkloads: Bool {
        self.generators.contains { if case .workloads = $0.source { true } else { false } }
    }

    /// Follows nodes that changed.
    mutating func update(_ changes: [(old: Node?, new: Node?)], _ maker: RecordMaker, _ planners: Planners) {
        var touched: Set<PeerRecord.Key> = []
        var addressed: Set<Int> = []
        for (old, new) in changes {
            if let old { self.remove(old, maker, planners, &touched) }
            if let new { self.add(new, maker, planners, &touched) }
            for node in [old, new] {
                for address in node.map(ClusterView.addresses(of:)) ?? [] {
                    addressed.formUnion(self.addressed[address] ?? [])
                }
            }
        }
        for index in addressed { self.placeAddressed(index, maker, &touched) }
        for key in touched { self.settle(key, maker.cluster, planners, isFirst: false) }
    }

    // MARK: - Candidates

    private mutating func placeAddressed(_ index: Int, _ maker: RecordMaker, _ touched: inout Set<PeerRecord.Key>) {
        let generator = self.generators[index]
        guard case .address(let address) = generator.source else { return }
        let order = Order(generator: index, node: "", index: 0)
        if let key = self.keys[index] { self.drop(key, order, &touched) }
        let record = maker.record(generator.peer, kind: generator.kind, address: address)
        self.keys[index] = record.key
        self.add(record, order, isReverse: false, &touched)
    }

    private mutating func add(
        _ node: Node,
        _ maker: RecordMaker,
        _ planners: Planners,
        _ touched: inout Set<PeerRecord.Key>
    ) {
        let name = node.metadata.name
        for (index, generator) in self.generators.enumerated() {
            for (place, record) in generator.records(of: node, maker).enumerated() {
                let order = Order(generator: index, node: name, index: place)
                self.add(record, order, isReverse: generator.isReverse, &touched)
            }
        }
        for case let planner? in [planners.ipv4, planners.ipv6] where planner.isInMesh {
            guard let key = planner.meshKey(of: node) else { continue }
            let names = self.mesh[key] ?? []
            self.mesh[key, default: []].insert(name, at: names.partitioningIndex { $0 >= name })
            touched.insert(key)
        }
    }

    private mutating func remove(
        _ node: Node,
        _ maker: RecordMaker,
        _ planners: Planners,
        _ touched: inout Set<PeerRecord.Key>
    ) {
        let name = node.metadata.name
        for (index, generator) in self.generators.enumerated() {
            for (place, record) in generator.records(of: node, maker).enumerated() {
                self.drop(record.key, Order(generator: index, node: name, index: place), &touched)
            }
        }
        for case let planner? in [planners.ipv4, planners.ipv6] where planner.isInMesh {
            guard let key = planner.meshKey(of: node) else { continue }
            self.mesh[key]?.removeAll { $0 == name }
            if self.mesh[key]?.isEmpty ?? false { self.mesh[key] = nil }
            touched.insert(key)
        }
    }

    private mutating func add(
        _ record: PeerRecord,
        _ order: Order,
        isReverse: Bool,
        _ touched: inout Set<PeerRecord.Key>
    ) {
        let list = self.candidates[record.key] ?? []
        let candidate = Candidate(order: order, record: record, isReverse: isReverse)
        self.candidates[record.key, default: []].insert(candidate, at: list.partitioningIndex { $0.order >= order })
        touched.insert(record.key)
    }

    private mutating func drop(_ key: PeerRecord.Key, _ order: Order, _ touched: inout Set<PeerRecord.Key>) {
        self.candidates[key]?.removeAll { $0.order == order }
        if self.candidates[key]?.isEmpty ?? false { self.candidates[key] = nil }
        touched.insert(key)
    }

    // MARK: - Sessions

    /// Decides who wins a session, and makes it.
    private mutating func settle(
        _ key: PeerRecord.Key,
        _ cluster: ClusterView,
        _ planners: Planners,
        isFirst: Bool
    ) {
        var outcome = Outcome()
        var session: SessionPlan?
        let candidates = self.candidates[key] ?? []
        for lost in candidates.dropFirst() where !lost.isReverse {
            let reason = PlanDiagnostic.Reason.duplicateSession(name: lost.record.name)
            outcome.duplicates.append((lost.order, PlanDiagnostic(resource: lost.record.peer.key, reason: reason)))
        }
        if var planner = key.address.isIPv4 ? planners.ipv4 : planners.ipv6 {
            if let winner = candidates.first, winner.record.address != planner.ownAddress {
                session = planner.session(of: winner.record)
                outcome.remarks += planner.diagnostics.map { (winner.order, $0) }
                if let session {
                    outcome.place = Place(name: session.name, order: winner.order)
                    outcome.gateway = winner.record.reachableBy.map { (winner.order, $0) }
                }
            }
            var isTaken = session != nil
            for name in self.mesh[key] ?? [] {
                guard let node = cluster.snapshot.nodes[name] else { continue }
                let order = Order(generator: self.generators.count, node: name, index: 0)
                if isTaken {
                    outcome.remarks.append((order, SessionPlanner.duplicate(node, key)))
                    continue
                }
                isTaken = true
                let before = planner.diagnostics.count
                session = planner.meshSession(with: node, key)
                outcome.remarks += planner.diagnostics[before...].map { (order, $0) }
                if let session { outcome.place = Place(name: session.name, order: order) }
            }
        }
        let old = self.outcomes.updateValue(outcome, forKey: key)
        if candidates.isEmpty, self.mesh[key] == nil { self.outcomes[key] = nil }
        if outcome.hasRemarks { self.remarked.insert(key) } else { self.remarked.remove(key) }
        if outcome.gateway != nil { self.gateways.insert(key) } else { self.gateways.remove(key) }
        let path: WritableKeyPath<PeerLedger, Family> = key.address.isIPv4 ? \.ipv4 : \.ipv6
        if isFirst {
            if let session, let place = outcome.place {
                self[keyPath: path].sessions.append(session)
                self[keyPath: path].places.append(place)
            }
            return
        }
        if let place = old?.place, place != outcome.place { self[keyPath: path].remove(place) }
        if let session, let place = outcome.place { self[keyPath: path].put(session, place) }
    }

    /// Routes to neighbours behind a gateway; of several to one address the first counts.
    func peerStatics(isIPv4: Bool) -> [FamilyPlan.PeerStatic] {
        let gateways = self.gateways.filter { $0.isIPv4 == isIPv4 }
            .compactMap { key in self.outcomes[key]?.gateway.map { (key: key, order: $0.order, address: $0.address) } }
            .sorted { $0.order < $1.order }
        var statics: [FamilyPlan.PeerStatic] = []
        var seen: Set<IPPrefix> = []
        for gateway in gateways where seen.insert(gateway.key.address.hostPrefix).inserted {
            statics.append(FamilyPlan.PeerStatic(prefix: gateway.key.address.hostPrefix, gateway: gateway.address))
        }
        return statics.sorted { $0.prefix < $1.prefix }
    }

    /// What is said of records that lost.
    var duplicates: [PlanDiagnostic] { self.diagnostics { $0.duplicates } }

    /// What is said of the sessions of a family.
    func remarks(isIPv4: Bool) -> [PlanDiagnostic] {
        self.diagnostics(of: { $0.isIPv4 == isIPv4 }, \.remarks)
    }

    private func diagnostics(
        of isWanted: (PeerRecord.Key) -> Bool = { _ in true },
        _ list: (Outcome) -> [(order: Order, diagnostic: PlanDiagnostic)]
    ) -> [PlanDiagnostic] {
        self.remarked.filter(isWanted).flatMap { self.outcomes[$0].map(list) ?? [] }.enumerated()
            .sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }.map(\.element.diagnostic)
    }
}

extension PeerLedger.Family {
    fileprivate mutating func sort() {
        let indices = self.places.indices.sorted { self.places[$0] < self.places[$1] }
        self.sessions = indices.map { self.sessions[$0] }
        self.places = indices.map { self.places[$0] }
    }

    fileprivate mutating func remove(_ place: PeerLedger.Place) {
        let index = self.places.partitioningIndex { $0 >= place }
        guard index < self.places.count, self.places[index] == place else { return }
        self.places.remove(at: index)
        self.sessions.remove(at: index)
    }

    fileprivate mutating func put(_ session: SessionPlan, _ place: PeerLedger.Place) {
        let index = self.places.partitioningIndex { $0 >= place }
        if index < self.places.count, self.places[index] == place {
            if self.sessions[index] != session { self.sessions[index] = session }
            return
        }
        self.places.insert(place, at: index)
        self.sessions.insert(session, at: index)
    }
}

extension PeerRecord.Key {
    fileprivate var isIPv4: Bool { self.address.isIPv4 }
}
