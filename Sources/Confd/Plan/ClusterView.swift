internal import IPAddressing
internal import Resources

/// Answers questions about nodes with the cluster's defaults filled in.
struct ClusterView {
    private(set) var snapshot: ResourceSnapshot
    /// Nodes sorted by name.
    private(set) var nodes: [Node]
    /// `asNumber` of the default configuration, else 64512.
    let defaultAS: ASNumber
    private var owners: [IPAddress: [Node]]

    init(_ snapshot: ResourceSnapshot) {
        self.snapshot = snapshot
        self.nodes = snapshot.nodes.values.sorted { $0.metadata.name < $1.metadata.name }
        var defaultAS: ASNumber = 64_512
        if let given = snapshot.configurations["default"]?.asNumber, given.rawValue != 0 { defaultAS = given }
        self.defaultAS = defaultAS
        var owners: [IPAddress: [Node]] = [:]
        for node in self.nodes {
            for address in [node.address(isIPv4: true), node.address(isIPv4: false)] {
                if let address { owners[address, default: []].append(node) }
            }
        }
        self.owners = owners
    }

    /// Takes over a snapshot in which nodes changed and nothing else that is kept here.
    ///
    /// - Returns: each changed node as it was and as it is.
    mutating func update(_ snapshot: ResourceSnapshot, nodes names: [String]) -> [(old: Node?, new: Node?)] {
        self.snapshot = snapshot
        return names.map { name in
            let place = self.nodes.partitioningIndex { $0.metadata.name >= name }
            let old = place < self.nodes.count && self.nodes[place].metadata.name == name ? self.nodes[place] : nil
            let new = snapshot.nodes[name]
            switch (old, new) {
            case (nil, nil): break
            case (nil, let new?): self.nodes.insert(new, at: place)
            case (_?, nil): self.nodes.remove(at: place)
            case (_?, let new?): self.nodes[place] = new
            }
            for address in old.map(Self.addresses(of:)) ?? [] {
                self.owners[address]?.removeAll { $0.metadata.name == name }
                if self.owners[address]?.isEmpty ?? false { self.owners[address] = nil }
            }
            for address in new.map(Self.addresses(of:)) ?? [] {
                guard let new else { continue }
                let others = self.owners[address] ?? []
                self.owners[address, default: []].insert(new, at: others.partitioningIndex { $0.metadata.name >= name })
            }
            return (old, new)
        }
    }

    static func addresses(of node: Node) -> [IPAddress] {
        [node.address(isIPv4: true), node.address(isIPv4: false)].compactMap(\.self)
    }

    /// The default configuration.
    var defaults: BGPConfiguration? { self.snapshot.configurations["default"] }

    /// The node's own configuration.
    func configuration(of name: String) -> BGPConfiguration? { self.snapshot.configurations["node." + name] }

    /// The node's AS.
    func asNumber(of node: Node) -> ASNumber {
        guard let given = node.bgp?.asNumber, given.rawValue != 0 else { return self.defaultAS }
        return given
    }

    /// The port on which a node accepts sessions: its own setting, else the default one, else 179.
    func listenPort(of node: Node) -> UInt16 {
        let given = self.configuration(of: node.metadata.name)?.listenPort ?? self.defaults?.listenPort ?? 0
        return given == 0 ? 179 : given
    }

    /// Nodes with this address, by name.
    func owners(of address: IPAddress) -> [Node] { self.owners[address] ?? [] }

    /// Nodes that the peer is for on its own side: `node`, else `nodeSelector`, else all.
    func localNodes(of peer: BGPPeer) -> [Node] {
        if let name = peer.node { return self.snapshot.nodes[name].map { [$0] } ?? [] }
        guard let selector = peer.nodeSelector else { return self.nodes }
        return self.nodes(matching: selector)
    }

    /// Nodes whose labels match.
    func nodes(matching selector: Selector) -> [Node] {
        self.nodes.filter { selector.matches($0.metadata.labels) }
    }

    /// Whether the peer is for this node.
    func applies(_ peer: BGPPeer, to node: Node) -> Bool {
        if let name = peer.node { return name == node.metadata.name }
        return peer.nodeSelector.map { $0.matches(node.metadata.labels) } ?? true
    }
}

extension Node {
    /// Whether the node has an address of each family.
    var hasBothFamilies: Bool { self.address(isIPv4: true) != nil && self.address(isIPv4: false) != nil }

    /// The node's BGP address in a family.
    func address(isIPv4: Bool) -> IPAddress? {
        guard let address = (isIPv4 ? self.bgp?.ipv4Address : self.bgp?.ipv6Address)?.address else { return nil }
        return address.isIPv4 == isIPv4 ? address : nil
    }
}

extension BGPPeer {
    /// Whether the peer is for every node.
    var isGlobal: Bool { self.node == nil && self.nodeSelector == nil }
}

extension Array {
    /// The index of the first element for which the condition holds, when it holds for all behind it too.
    func partitioningIndex(where isBehind: (Element) -> Bool) -> Int {
        var low = 0
        var high = self.count
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
