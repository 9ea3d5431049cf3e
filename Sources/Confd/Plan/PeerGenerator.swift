internal import IPAddressing
internal import Resources

/// One BGPPeer in one of the passes of ``PeerExpansion``: what makes records of it, and from what.
struct PeerGenerator {
    /// Where the records come from.
    enum Source {
        /// The address that the peer names.
        case address(IPAddress)
        /// Workloads of this node.
        case workloads
        /// One node.
        case node(String)
        /// Nodes with labels; all for nil.
        case nodes(Selector?)
    }

    let peer: BGPPeer
    let kind: SessionPlan.Kind
    let source: Source
    /// Families in which the peer is mirrored; empty when it is not a mirror.
    let reversedFamilies: [Bool]

    var isReverse: Bool { !self.reversedFamilies.isEmpty }

    /// The generators of a node in the order of the passes, and what is wrong with other peers.
    static func all(_ maker: RecordMaker) -> (generators: [PeerGenerator], faults: [PlanDiagnostic]) {
        var faults: [PlanDiagnostic] = []
        let peers = maker.cluster.snapshot.peers.values.sorted { $0.metadata.name < $1.metadata.name }.filter { peer in
            guard let fault = PeerExpansion.fault(of: peer) else { return true }
            faults.append(PlanDiagnostic(resource: peer.key, reason: fault))
            return false
        }
        var generators = peers.filter(\.isGlobal).map { PeerGenerator(forward: $0, kind: .global) }
        generators += peers.filter { !$0.isGlobal && maker.cluster.applies($0, to: maker.local) }
            .map { PeerGenerator(forward: $0, kind: .node) }
        for peer in peers where peer.reversePeering != .manual {
            let families = maker.reversedFamilies(of: peer)
            guard !families.isEmpty else { continue }
            let source = peer.node.map(Source.node) ?? .nodes(peer.nodeSelector)
            generators.append(PeerGenerator(peer: peer, kind: .node, source: source, reversedFamilies: families))
        }
        return (generators, faults)
    }

    private init(peer: BGPPeer, kind: SessionPlan.Kind, source: Source, reversedFamilies: [Bool]) {
        self.peer = peer
        self.kind = kind
        self.source = source
        self.reversedFamilies = reversedFamilies
    }

    private init(forward peer: BGPPeer, kind: SessionPlan.Kind) {
        let source: Source =
            if let address = peer.peerIP { .address(address) } else if let selector = peer.peerSelector {
                .nodes(selector)
            } else { .workloads }
        self.init(peer: peer, kind: kind, source: source, reversedFamilies: [])
    }

    /// The records that a node is the reason for.
    func records(of node: Node, _ maker: RecordMaker) -> [PeerRecord] {
        switch self.source {
        case .address, .workloads: return []
        case .node(let name): guard name == node.metadata.name else { return [] }
        case .nodes(let selector): guard selector?.matches(node.metadata.labels) ?? true else { return [] }
        }
        guard self.isReverse else {
            return [true, false].compactMap { maker.forward(self.peer, kind: self.kind, node: node, isIPv4: $0) }
        }
        return self.reversedFamilies.compactMap { maker.reverse(self.peer, node: node, isIPv4: $0) }
    }
}
