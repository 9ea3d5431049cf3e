internal import IPAddressing
internal import Resources

/// One peering that the resources ask of the local node, before it becomes a session.
struct PeerRecord {
    /// Global records hold for every node and hide node records with the same key.
    var kind: SessionPlan.Kind
    var address: IPAddress
    /// Nil is 179, also where 179 was written.
    var port: UInt16?
    var asNumber: ASNumber
    var localAS: ASNumber?
    var allowedLocalAS: UInt32
    var reachableBy: IPAddress?
    /// Whether the peer was given by an address that belongs to a node of the cluster.
    var isClusterNode: Bool
    /// Cluster id of the node at the other end.
    var clusterID: RouterID?
    /// Whether the session carries the routes of the other family, too.
    var carriesBothFamilies = false
    /// The peer whose password, next hop, TTL security, keepalive time and source address hold.
    var peer: BGPPeer

    struct Key: Hashable {
        var address: IPAddress
        var port: UInt16
    }

    var key: Key { Key(address: self.address, port: self.port ?? 179) }
    var name: String { SessionPlan.name(kind: self.kind, address: self.address, port: self.port) }
}

extension SessionPlan {
    /// `Kind_address[_port_n]` with `.` and `:` as `_`.
    static func name(kind: Kind, address: IPAddress, port: UInt16?) -> String {
        let text = String(address.description.map { $0 == "." || $0 == ":" ? "_" : $0 })
        return "\(kind.rawValue)_\(text)" + (port.map { "_port_\($0)" } ?? "")
    }
}

/// Turns the BGPPeers into the records of one node.
///
/// Peers are taken in the order of their names, so that of two peers that give the same session the one with the lesser
/// name wins; Calico leaves that to chance. Three passes: peers for every node, peers for this node, and the reverse of
/// peers of other nodes with this one. The first record for an address and port stays, so what is written for a node
/// wins over what is merely the reverse of another node's peer.
struct PeerExpansion {
    let cluster: ClusterView
    let local: Node
    private let maker: RecordMaker
    private(set) var records: [PeerRecord] = []
    private(set) var diagnostics: [PlanDiagnostic] = []
    private var taken: Set<PeerRecord.Key> = []

    init(_ maker: RecordMaker) {
        let (cluster, local) = (maker.cluster, maker.local)
        self.cluster = cluster
        self.local = local
        self.maker = maker
        let peers = cluster.snapshot.peers.values.sorted { $0.metadata.name < $1.metadata.name }
            .filter { peer in
                guard let fault = Self.fault(of: peer) else { return true }
                self.diagnostics.append(PlanDiagnostic(resource: peer.key, reason: fault))
                return false
            }
        for peer in peers where peer.isGlobal { self.expandForward(peer, kind: .global) }
        for peer in peers where !peer.isGlobal && cluster.applies(peer, to: local) {
            self.expandForward(peer, kind: .node)
        }
        for peer in peers where peer.reversePeering != .manual { self.expandReverse(peer) }
    }

    /// What makes a peer unusable as a whole.
    static func fault(of peer: BGPPeer) -> PlanDiagnostic.Reason? {
        if peer.node != nil, peer.nodeSelector != nil { return .peerHasNodeAndNodeSelector }
        if peer.localWorkloadSelector != nil {
            let isAlone = peer.peerIP == nil && peer.peerSelector == nil
            return isAlone && peer.asNumber.map { $0.rawValue != 0 } ?? false ? nil : .unusableWorkloadPeer
        }
        guard (peer.peerIP == nil) != (peer.peerSelector == nil) else { return .peerNeedsOneOfAddressAndSelector }
        if let gateway = peer.reachableBy {
            guard let address = peer.peerIP, address.isIPv4 == gateway.isIPv4, !gateway.isUnspecified else {
                return .reachableByMismatch
            }
        }
        if let address = peer.peerIP {
            guard !address.isUnspecified else { return .unusablePeerAddress(address.description) }
            if case .v6 = address, address.isLinkLocal { return .linkLocalPeerAddress(address.description) }
        } else if let number = peer.asNumber, number.rawValue != 0 {
            return .asNumberWithPeerSelector
        }
        return nil
    }

    private mutating func add(_ record: PeerRecord, isReverse: Bool) {
        guard self.taken.insert(record.key).inserted else {
            if !isReverse {
                let reason = PlanDiagnostic.Reason.duplicateSession(name: record.name)
                self.diagnostics.append(PlanDiagnostic(resource: record.peer.key, reason: reason))
            }
            return
        }
        self.records.append(record)
    }

    private mutating func expandForward(_ peer: BGPPeer, kind: SessionPlan.Kind) {
        if let address = peer.peerIP {
            self.add(self.maker.record(peer, kind: kind, address: address), isReverse: false)
        } else if let selector = peer.peerSelector {
            for node in self.cluster.nodes(matching: selector) {
                for isIPv4 in [true, false] {
                    guard let record = self.maker.forward(peer, kind: kind, node: node, isIPv4: isIPv4) else {
                        continue
                    }
                    self.add(record, isReverse: false)
                }
            }
        } else if peer.localWorkloadSelector != nil {
            for workload in self.cluster.workloads(of: peer, on: self.local.metadata.name) {
                for isIPv4 in [true, false] {
                    guard let address = workload.address(isIPv4: isIPv4), address.isUsableNextHop else { continue }
                    self.add(self.maker.record(peer, workload: address), isReverse: false)
                }
            }
        }
    }

    /// Mirrors a peer: the local node is one that the peer points at, the others are those it is written for.
    ///
    /// The mirror of a peer with `localASNumber` expects that AS from the other side, because that is what the other side
    /// will say. `reachableBy` is not mirrored: the gateway is one of the other side's network.
    private mutating func expandReverse(_ peer: BGPPeer) {
        let families = self.maker.reversedFamilies(of: peer)
        guard !families.isEmpty else { return }
        for node in self.cluster.localNodes(of: peer) {
            for isIPv4 in families {
                guard let record = self.maker.reverse(peer, node: node, isIPv4: isIPv4) else { continue }
                self.add(record, isReverse: true)
            }
        }
    }
}

/// Makes single records.
struct RecordMaker {
    let cluster: ClusterView
    let local: Node
    /// Whether each family has a speaker of its own, so that no session can carry both.
    let separatesFamilies: Bool

    /// Of a peer given by selector; nil when the node has no address in the family.
    func forward(_ peer: BGPPeer, kind: SessionPlan.Kind, node: Node, isIPv4: Bool) -> PeerRecord? {
        guard var record = self.record(peer, kind: kind, node: node, isIPv4: isIPv4) else { return nil }
        record.localAS = peer.localASNumber
        record.allowedLocalAS = peer.numAllowedLocalASNumbers ?? 0
        return record
    }

    /// Of the mirror of a peer; nil when the node has no address in the family.
    func reverse(_ peer: BGPPeer, node: Node, isIPv4: Bool) -> PeerRecord? {
        guard var record = self.record(peer, kind: .node, node: node, isIPv4: isIPv4) else { return nil }
        if let localAS = peer.localASNumber, localAS.rawValue != 0 { record.asNumber = localAS }
        return record
    }

    /// The families in which a peer is mirrored for the local node.
    func reversedFamilies(of peer: BGPPeer) -> [Bool] {
        if let address = peer.peerIP {
            guard self.local.address(isIPv4: address.isIPv4) == address,
                self.cluster.asNumber(of: self.local) == self.asNumber(of: peer)
            else { return [] }
            if let port = peer.peerPort, port != 0, port != self.cluster.listenPort(of: self.local) { return [] }
            return [address.isIPv4]
        }
        return peer.peerSelector?.matches(self.local.metadata.labels) ?? false ? [true, false] : []
    }

    /// A peer that is a workload of this node.
    func record(_ peer: BGPPeer, workload address: IPAddress) -> PeerRecord {
        PeerRecord(
            kind: .localWorkload,
            address: address,
            asNumber: self.asNumber(of: peer),
            localAS: peer.localASNumber,
            allowedLocalAS: peer.numAllowedLocalASNumbers ?? 0,
            isClusterNode: false,
            peer: peer
        )
    }

    /// A peer given by address.
    ///
    /// An absent AS is the cluster's default, as it is in the reverse pass. Where no port is given and the address
    /// and AS are those of a node, the port is the one on which that node listens.
    func record(_ peer: BGPPeer, kind: SessionPlan.Kind, address: IPAddress) -> PeerRecord {
        let asNumber = self.asNumber(of: peer)
        let owners = self.cluster.owners(of: address)
        var port = peer.peerPort ?? 0
        if port == 0, let node = owners.first(where: { self.cluster.asNumber(of: $0) == asNumber }) {
            port = self.cluster.listenPort(of: node)
        }
        return PeerRecord(
            kind: kind,
            address: address,
            port: Self.normal(port),
            asNumber: asNumber,
            localAS: peer.localASNumber,
            allowedLocalAS: peer.numAllowedLocalASNumbers ?? 0,
            reachableBy: peer.reachableBy,
            isClusterNode: !owners.isEmpty,
            carriesBothFamilies: peer.carriesBothFamilies && !self.separatesFamilies && self.local.hasBothFamilies,
            peer: peer
        )
    }

    /// A peer that is a node; nil when the node has no address in the family.
    ///
    /// `localASNumber` and `numAllowedLocalASNumbers` hold for peers given by selector too; Calico ignores them there.
    func record(_ peer: BGPPeer, kind: SessionPlan.Kind, node: Node, isIPv4: Bool) -> PeerRecord? {
        guard let address = node.address(isIPv4: isIPv4) else { return nil }
        let carriesBoth =
            peer.carriesBothFamilies && !self.separatesFamilies && self.local.hasBothFamilies && node.hasBothFamilies
        // Where the peer names an address, that is the session's; else it is the one over IPv4 that there is.
        if carriesBoth, !isIPv4, peer.peerIP == nil { return nil }
        return PeerRecord(
            kind: kind,
            address: address,
            port: Self.normal(self.cluster.listenPort(of: node)),
            asNumber: self.cluster.asNumber(of: node),
            allowedLocalAS: 0,
            isClusterNode: false,
            clusterID: node.bgp?.routeReflectorClusterID,
            carriesBothFamilies: carriesBoth,
            peer: peer
        )
    }

    func asNumber(of peer: BGPPeer) -> ASNumber {
        guard let given = peer.asNumber, given.rawValue != 0 else { return self.cluster.defaultAS }
        return given
    }

    /// 179 and no port are the same session, so they get the same name.
    private static func normal(_ port: UInt16) -> UInt16? { port == 0 || port == 179 ? nil : port }
}

extension BGPPeer {
    /// Its resource key.
    var key: ResourceKey { ResourceKey(kind: .bgpPeer, name: self.metadata.name) }
}
