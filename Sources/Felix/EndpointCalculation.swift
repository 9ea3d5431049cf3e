public import Datastore
public import IPAddressing
public import Resources

/// Turns resources into what this node's dataplane has to do.
///
/// The result is a function of the set of resources alone, not of the order in which they came. Nothing is told before the
/// stream is in sync. The stream is not trusted to be minimal: it may repeat, and remove what was never there. Endpoints and block affinities of other nodes, and kinds that have no part in it, are ignored.
public struct EndpointCalculation: Sendable {
    /// Everything that the dataplane should know.
    public struct Outcome: Hashable, Sendable {
        /// Endpoints of this node.
        public var endpoints: [ResourceKey: LocalEndpoint] = [:]
        /// Blocks of this node that are larger than a host.
        public var blocks: Set<IPPrefix> = []
        /// Metrics of workload routes.
        public var priorities = RoutePriorities()

        /// Creates an empty outcome.
        public init() {}
    }

    /// What has been told.
    public private(set) var told = Outcome()
    /// Whether the stream has been in sync.
    public private(set) var isInSync = false

    private let nodeName: String
    private var endpoints: [ResourceKey: WorkloadEndpoint] = [:]
    private var affinities: [ResourceKey: IPPrefix] = [:]
    private var affinityCounts: [IPPrefix: Int] = [:]
    private var claims: [IPAddress: Set<ResourceKey>] = [:]
    private var priorities = RoutePriorities()
    private var dirtyEndpoints: Set<ResourceKey> = []
    private var dirtyBlocks: Set<IPPrefix> = []
    private var hasToldInSync = false

    /// Creates a calculation for one node.
    public init(nodeName: String) {
        self.nodeName = nodeName
    }

    // MARK: Inputs

    /// Takes one step of the stream.
    public mutating func receive(_ input: SyncerUpdate) {
        switch input {
        case .inSync: self.isInSync = true
        case .statusChanged: break
        case .removed(let key):
            self.setEndpoint(key, nil)
            self.setAffinity(key, nil)
            if Self.isDefaultConfiguration(key) { self.priorities = RoutePriorities() }
        case .upserted(let resource):
            let key = resource.key
            switch resource {
            case .workloadEndpoint(let endpoint):
                self.setEndpoint(key, endpoint.node == self.nodeName ? endpoint : nil)
            case .blockAffinity(let affinity):
                self.setAffinity(key, self.isOwned(affinity) ? affinity.cidr : nil)
            case .bgpConfiguration(let configuration) where Self.isDefaultConfiguration(key):
                self.priorities = RoutePriorities(
                    v4: max(configuration.ipv4NormalRoutePriority ?? 1024, 1),
                    v6: max(configuration.ipv6NormalRoutePriority ?? 1024, 1)
                )
            default: break
            }
        }
    }

    private static func isDefaultConfiguration(_ key: ResourceKey) -> Bool {
        key.kind == .bgpConfiguration && key.name == "default"
    }

    /// Claimed by this node as a host, not being released, and not a single address.
    private func isOwned(_ affinity: BlockAffinity) -> Bool {
        affinity.node == self.nodeName && affinity.type == "host" && !affinity.isDeleted && !affinity.cidr.isHost
            && (affinity.state == .confirmed || affinity.state == .implicit)
    }

    private mutating func setEndpoint(_ key: ResourceKey, _ endpoint: WorkloadEndpoint?) {
        let old = self.endpoints[key]
        guard old != endpoint else { return }
        self.endpoints[key] = endpoint
        self.dirtyEndpoints.insert(key)
        for address in Self.addresses(of: old) { self.setClaim(address, key, isMade: false) }
        for address in Self.addresses(of: endpoint) { self.setClaim(address, key, isMade: true) }
    }

    private mutating func setClaim(_ address: IPAddress, _ key: ResourceKey, isMade: Bool) {
        var holders = self.claims[address] ?? []
        // Who holds the address may change for all of them.
        self.dirtyEndpoints.formUnion(holders)
        if isMade { holders.insert(key) } else { holders.remove(key) }
        self.claims[address] = holders.isEmpty ? nil : holders
    }

    private mutating func setAffinity(_ key: ResourceKey, _ block: IPPrefix?) {
        let old = self.affinities[key]
        guard old != block else { return }
        self.affinities[key] = block
        for (prefix, change) in [(old, -1), (block, 1)] {
            guard let prefix else { continue }
            let count = (self.affinityCounts[prefix] ?? 0) + change
            self.affinityCounts[prefix] = count > 0 ? count : nil
            self.dirtyBlocks.insert(prefix)
        }
    }

    private static func addresses(of endpoint: WorkloadEndpoint?) -> Set<IPAddress> {
        Set((endpoint?.ipNetworks ?? []).filter(\.isHost).map(\.address))
    }

    // MARK: Output

    /// What changed since the last call; empty before the stream is in sync.
    public mutating func flush() -> [CalculationUpdate] {
        guard self.isInSync else { return [] }
        var removed: [CalculationUpdate] = []
        var added: [CalculationUpdate] = []
        if !self.hasToldInSync || self.priorities != self.told.priorities {
            self.told.priorities = self.priorities
            removed.append(.priorities(self.priorities))
        }
        for key in self.dirtyEndpoints.sorted() {
            let endpoint = self.endpoints[key].map { self.local(key, $0) }
            guard endpoint != self.told.endpoints[key] else { continue }
            self.told.endpoints[key] = endpoint
            if let endpoint {
                added.append(.endpointUpdated(endpoint))
            } else {
                removed.append(.endpointRemoved(key))
            }
        }
        var blocks: [CalculationUpdate] = []
        for block in self.dirtyBlocks.sorted(by: { ($0.address, $0.length) < ($1.address, $1.length) }) {
            let isWanted = self.affinityCounts[block] != nil
            guard isWanted != self.told.blocks.contains(block) else { continue }
            if isWanted {
                self.told.blocks.insert(block)
                blocks.append(.blockAdded(block))
            } else {
                self.told.blocks.remove(block)
                removed.append(.blockRemoved(block))
            }
        }
        self.dirtyEndpoints = []
        self.dirtyBlocks = []
        var updates = removed + blocks + added
        if !self.hasToldInSync {
            self.hasToldInSync = true
            updates.append(.inSync)
        }
        return updates
    }

    private func local(_ key: ResourceKey, _ endpoint: WorkloadEndpoint) -> LocalEndpoint {
        let addresses = Self.addresses(of: endpoint).sorted()
        // An address that several endpoints claim leads to the one with the lowest key.
        let held = addresses.filter { self.claims[$0]?.min() == key }
        return LocalEndpoint(
            key: key,
            interfaceName: endpoint.interfaceName,
            mac: endpoint.mac,
            addresses: held,
            contested: addresses.filter { !held.contains($0) },
            allowsSpoofing: !endpoint.allowSpoofedSourcePrefixes.isEmpty
        )
    }
}
