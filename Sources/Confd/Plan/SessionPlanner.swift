internal import IPAddressing
internal import Resources

/// Makes the sessions of one node and family.
struct SessionPlanner {
    let cluster: ClusterView
    let local: Node
    let environment: PlanEnvironment
    let ownAddress: IPAddress
    let listenPort: UInt16
    let listenAddress: IPAddress?
    private(set) var sessions: [SessionPlan] = []
    private(set) var peerStatics: [FamilyPlan.PeerStatic] = []
    private(set) var diagnostics: [PlanDiagnostic] = []
    /// Sessions so far by address and port, for the rule that there is one session to each.
    private var names: Set<PeerRecord.Key> = []

    init(
        cluster: ClusterView,
        local: Node,
        environment: PlanEnvironment,
        ownAddress: IPAddress,
        listenPort: UInt16,
        listenAddress: IPAddress?
    ) {
        self.cluster = cluster
        self.local = local
        self.environment = environment
        self.ownAddress = ownAddress
        self.listenPort = listenPort
        self.listenAddress = listenAddress
    }

    private var nodeAS: ASNumber { self.cluster.asNumber(of: self.local) }

    /// Adds the sessions of BGPPeers.
    ///
    /// Records for the own address are dropped: a node does not peer with itself.
    mutating func addExplicit(_ records: [PeerRecord]) {
        for record in records
        where record.address.isIPv4 == self.ownAddress.isIPv4 && record.address != self.ownAddress {
            guard let session = self.session(of: record) else { continue }
            self.names.insert(record.key)
            self.sessions.append(session)
            if let gateway = record.reachableBy {
                let prefix = record.address.hostPrefix
                if !self.peerStatics.contains(where: { $0.prefix == prefix }) {
                    self.peerStatics.append(FamilyPlan.PeerStatic(prefix: prefix, gateway: gateway))
                }
            }
        }
        self.peerStatics.sort { $0.prefix < $1.prefix }
    }

    /// Adds the mesh: a session with every node, unless this node or the other has a cluster id.
    ///
    /// The AS of a node without one is the cluster's default, not this node's AS. Where a BGPPeer gives a session with the
    /// same address and port, that one stands and the mesh has none: two sessions between the same addresses would
    /// only disturb each other.
    mutating func addMesh() {
        guard self.isInMesh else { return }
        for node in self.cluster.nodes {
            guard let key = self.meshKey(of: node) else { continue }
            guard self.names.insert(key).inserted else {
                self.diagnostics.append(Self.duplicate(node, key))
                continue
            }
            if let session = self.meshSession(with: node, key) { self.sessions.append(session) }
        }
    }

    /// Whether the node has sessions with all others.
    var isInMesh: Bool {
        (self.cluster.defaults?.nodeToNodeMeshEnabled ?? true) && self.local.bgp?.routeReflectorClusterID == nil
    }

    /// Where a node of the mesh is reached; nil when it is none, or this one.
    func meshKey(of node: Node) -> PeerRecord.Key? {
        guard node.metadata.name != self.local.metadata.name, node.bgp?.routeReflectorClusterID == nil,
            let address = node.address(isIPv4: self.ownAddress.isIPv4), address != self.ownAddress
        else { return nil }
        if !address.isIPv4, self.carriesBoth(with: node) { return nil }
        return PeerRecord.Key(address: address, port: self.cluster.listenPort(of: node))
    }

    /// Whether one session of the mesh carries both families to a node.
    private func carriesBoth(with node: Node) -> Bool {
        (self.cluster.defaults?.meshCarriesBothFamilies ?? false) && !self.environment.separatesFamilies
            && self.local.hasBothFamilies && node.hasBothFamilies
    }

    /// A session of the mesh; nil, with a diagnostic, when its password is missing.
    mutating func meshSession(with node: Node, _ key: PeerRecord.Key) -> SessionPlan? {
        let name = SessionPlan.name(kind: .mesh, address: key.address, port: nil)
        var session = SessionPlan(
            name: name,
            kind: .mesh,
            peerAddress: key.address,
            peerPort: key.port == 179 ? nil : key.port,
            peerAS: self.cluster.asNumber(of: node),
            localAS: self.nodeAS,
            localPort: self.listenPort,
            sourceAddress: self.ownAddress,
            bindsStrictly: self.listenAddress != nil,
            isPassive: self.waits(for: key.address),
            nextHop: .standard,
            allowedLocalAS: 0
        )
        if let reference = self.cluster.defaults?.nodeMeshPassword {
            let owner = ResourceKey(kind: .bgpConfiguration, name: "default")
            guard let password = self.password(reference, session: name, owner: owner) else { return nil }
            session.password = password
        }
        session.restartSeconds = self.cluster.defaults?.nodeMeshMaxRestartSeconds.flatMap { $0 == 0 ? nil : $0 }
        if key.address.isIPv4, self.carriesBoth(with: node), let address = self.local.address(isIPv4: false) {
            session.otherFamily = SessionPlan.OtherFamily(address: address)
        }
        return session
    }

    /// What is said of a node of the mesh with which there is a session already.
    static func duplicate(_ node: Node, _ key: PeerRecord.Key) -> PlanDiagnostic {
        let name = SessionPlan.name(kind: .mesh, address: key.address, port: nil)
        let resource = ResourceKey(kind: .node, name: node.metadata.name)
        return PlanDiagnostic(resource: resource, reason: .duplicateSession(name: name))
    }

    /// Which side waits: the one whose address is the lesser text.
    ///
    /// Compared as text and not as number, because both ends must agree, and nodes that run BIRD compare so.
    private func waits(for peer: IPAddress) -> Bool { peer.description > self.ownAddress.description }

    /// The session of a record; nil, with a diagnostic, when its password is missing.
    mutating func session(of record: PeerRecord) -> SessionPlan? {
        let peer = record.peer
        var localAS = self.nodeAS
        if let given = record.localAS, given.rawValue != 0 { localAS = given }
        let isInternal = record.asNumber == localAS
        // A strictly bound session has to name its address, also where the peer leaves the source to the kernel.
        let isWorkload = record.kind == .localWorkload
        let namesSource = !isWorkload && (peer.sourceAddress == .useNodeIP || self.listenAddress != nil)
        var session = SessionPlan(
            name: record.name,
            kind: record.kind,
            peerAddress: record.address,
            peerPort: record.port,
            peerAS: record.asNumber,
            localAS: localAS,
            localPort: self.listenPort,
            sourceAddress: namesSource ? self.ownAddress : nil,
            bindsStrictly: self.listenAddress != nil && !isWorkload,
            isPassive: isWorkload
                || (record.kind == .global && record.isClusterNode && self.waits(for: record.address)),
            nextHop: Self.nextHop(of: peer, isInternal: isInternal),
            allowedLocalAS: record.allowedLocalAS,
            resource: peer.metadata.name
        )
        if let hops = peer.ttlSecurity, hops > 0 { session.ttlSecurityHops = hops }
        // A peer with another cluster id is a client too, one with the same id a plain iBGP peer.
        if let own = self.local.bgp?.routeReflectorClusterID, isInternal, record.clusterID != own {
            session.clusterID = own
        }
        session.isSourceBound = namesSource && peer.sourceAddress != .useNodeIP
        session.namesLocalAS = record.localAS.map { $0.rawValue != 0 } ?? false
        session.restartSeconds = peer.maxRestartSeconds.flatMap { $0 == 0 ? nil : $0 }
        session.holdSeconds = peer.holdSeconds
        session.maximumPrefixes = peer.maximumPrefixes
        let isIPv4 = record.address.isIPv4
        session.importFilters = self.calls(.import, of: record, isIPv4: isIPv4)
        session.exportFilters = self.calls(.export, of: record, isIPv4: isIPv4)
        if record.carriesBothFamilies, let address = self.local.address(isIPv4: !isIPv4) {
            session.otherFamily = SessionPlan.OtherFamily(
                address: address,
                importFilters: self.calls(.import, of: record, isIPv4: !isIPv4),
                exportFilters: self.calls(.export, of: record, isIPv4: !isIPv4)
            )
        }
        self.reportMissingFilters(of: record)
        if let seconds = peer.keepaliveSeconds, seconds != 0 {
            if seconds < session.holdSeconds ?? 240 {
                session.keepaliveSeconds = seconds
            } else {
                self.diagnostics.append(PlanDiagnostic(resource: peer.key, reason: .keepaliveOutOfRange(seconds)))
            }
        }
        if let reference = peer.password {
            guard let password = self.password(reference, session: record.name, owner: peer.key) else { return nil }
            session.password = password
        }
        return session
    }

    /// The functions of the peer's filters, in order; one without rules for the direction and family is not asked.
    private func calls(
        _ direction: BGPFilter.Direction,
        of record: PeerRecord,
        isIPv4: Bool
    ) -> [SessionPlan.FilterCall] {
        record.peer.filters.compactMap { name in
            guard let filter = self.cluster.snapshot.filters[name] else { return .missing(name) }
            let rules = filter.rules(direction, isIPv4: isIPv4)
            guard !rules.isEmpty else { return nil }
            return .function(
                FilterFunction.name(name, direction, isIPv4: isIPv4),
                takesPeerType: rules.contains { $0.peerType != nil }
            )
        }
    }

    private mutating func reportMissingFilters(of record: PeerRecord) {
        for name in record.peer.filters where self.cluster.snapshot.filters[name] == nil {
            let reason = PlanDiagnostic.Reason.missingFilter(session: record.name, filter: name)
            self.diagnostics.append(PlanDiagnostic(resource: record.peer.key, reason: reason))
        }
    }

    /// `nextHopMode` decides; only where it is absent or Auto the older field counts, and that on eBGP only.
    private static func nextHop(of peer: BGPPeer, isInternal: Bool) -> SessionPlan.NextHop {
        switch peer.nextHopMode {
        case .self: .self
        case .keep: .keep
        case .auto, nil: peer.keepOriginalNextHop && !isInternal ? .keep : .standard
        }
    }

    /// The password, or nil with a diagnostic: a session that should have one is never made without.
    private mutating func password(_ reference: SecretKeyReference, session: String, owner: ResourceKey) -> String? {
        let namespace = self.environment.secretNamespace
        let secret = ResourceKey(kind: .secret, namespace: namespace, name: reference.name)
        let shown = "\(namespace)/\(reference.name)"
        guard let octets = self.cluster.snapshot.secrets[secret]?.values[reference.key] else {
            let reason = PlanDiagnostic.Reason.missingSecret(session: session, secret: shown, key: reference.key)
            self.diagnostics.append(PlanDiagnostic(resource: owner, reason: reason))
            return nil
        }
        let isPrintable = octets.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        guard (1...80).contains(octets.count), isPrintable else {
            let reason = PlanDiagnostic.Reason.unusablePassword(session: session, secret: shown, key: reference.key)
            self.diagnostics.append(PlanDiagnostic(resource: owner, reason: reason))
            return nil
        }
        return String(decoding: octets, as: UTF8.self)
    }
}
