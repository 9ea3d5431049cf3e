internal import DeltaSync
internal import IPAddressing
internal import Logging
internal import Netlink
internal import Resources

/// What a neighbour entry is known by.
struct NeighborKey: Hashable, Comparable {
    var interface: UInt32
    var address: IPAddress

    static func < (lhs: NeighborKey, rhs: NeighborKey) -> Bool {
        (lhs.interface, lhs.address) < (rhs.interface, rhs.address)
    }
}

/// Makes this node's kernel look as the calculation wants it.
///
/// Belongs to one thread. Inputs only change memory; ``apply(now:)`` does the work. Only routes with felix's protocol number
/// are ever removed or replaced.
final class Dataplane {
    let settings: FelixSettings
    let kernel: any NetlinkKernel
    let logger: Logger

    /// What the calculation told.
    private(set) var endpoints: [ResourceKey: LocalEndpoint] = [:]
    private(set) var blocks: Set<IPPrefix> = []
    private(set) var priorities = RoutePriorities()
    private(set) var isInSync = false

    /// Links as last seen.
    var linksByName: [String: Link] = [:]
    private var linkNames: [UInt32: String] = [:]
    private var endpointsByInterface: [String: Set<ResourceKey>] = [:]

    /// Routes with felix's protocol number in the table.
    var routes = DeltaTracker<RouteKey, KernelRoute, NetlinkError>()
    /// The endpoint whose route a key is, for wanted workload routes.
    var routeHolders: [RouteKey: ResourceKey] = [:]
    /// The endpoint whose neighbour entry a key is.
    private var neighborHolders: [NeighborKey: ResourceKey] = [:]
    /// Wanted routes and neighbours by endpoint.
    var wanted: [ResourceKey: (routes: Set<RouteKey>, neighbors: Set<NeighborKey>)] = [:]
    /// Permanent entries of the addresses of endpoints.
    var neighbors = DeltaTracker<NeighborKey, MACAddress, NetlinkError>()
    /// Sysctls of workload interfaces that are up, by interface index.
    var sysctls = DeltaTracker<UInt32, InterfaceProfile, NetlinkError>()
    var defaultReversePathFilter = "1"

    /// What has to be read from the kernel before the next comparison.
    var unread: Unread = .everything
    private var dirtyEndpoints: Set<ResourceKey> = []
    private var isHostPrepared = false
    private var hostRetry = Duration.zero
    private var nextReconcile = Duration.zero
    private var readFailures = 0
    private var readRetry = Duration.zero

    struct Unread: OptionSet {
        var rawValue: UInt8
        static let links = Unread(rawValue: 1)
        static let routes = Unread(rawValue: 2)
        static let neighbors = Unread(rawValue: 4)
        static let sysctls = Unread(rawValue: 8)
        static let everything: Unread = [.links, .routes, .neighbors, .sysctls]
    }

    init(settings: FelixSettings, kernel: any NetlinkKernel, logger: Logger) {
        self.settings = settings
        self.kernel = kernel
        self.logger = logger
    }

    // MARK: Inputs

    func receive(_ updates: [CalculationUpdate]) {
        for update in updates {
            switch update {
            case .inSync: self.isInSync = true
            case .priorities(let priorities):
                guard priorities != self.priorities else { continue }
                self.priorities = priorities
                self.dirtyEndpoints.formUnion(self.endpoints.keys)
            case .endpointUpdated(let endpoint): self.setEndpoint(endpoint.key, endpoint)
            case .endpointRemoved(let key): self.setEndpoint(key, nil)
            case .blockAdded(let block):
                self.blocks.insert(block)
                let route = self.blackhole(block)
                self.routes.setDesired(route.key, route)
            case .blockRemoved(let block):
                self.blocks.remove(block)
                self.routes.setDesired(self.blackhole(block).key, nil)
            }
        }
    }

    private func blackhole(_ block: IPPrefix) -> KernelRoute {
        KernelRoute(
            prefix: block,
            table: self.settings.table,
            protocolNumber: felixRouteProtocol,
            type: .blackhole
        )
    }

    private func setEndpoint(_ key: ResourceKey, _ endpoint: LocalEndpoint?) {
        if let old = self.endpoints[key] {
            self.endpointsByInterface[old.interfaceName]?.remove(key)
            self.refreshSysctls(old.interfaceName, leaving: key)
        }
        self.endpoints[key] = endpoint
        if let endpoint { self.endpointsByInterface[endpoint.interfaceName, default: []].insert(key) }
        self.dirtyEndpoints.insert(key)
    }

    func handle(_ events: [KernelEvent]) {
        for event in events {
            switch event {
            case .overrun: self.unread = .everything
            case .linkChanged(let link):
                let old = self.linksByName[link.name]
                guard old != link else { continue }
                self.setLink(link)
            case .linkRemoved(let link): self.forgetLink(link.index)
            case .addressRemoved(let address):
                // With the last IPv4 address of an interface its routes go silently.
                if self.linkNames[address.interface].map({ self.isWorkloadInterface($0) }) == true {
                    self.unread.insert(.routes)
                }
            case .addressAdded, .neighborChanged, .neighborRemoved: continue
            case .routeChanged(let route):
                guard route.table == self.settings.table else { continue }
                let isOwn = route.protocolNumber == felixRouteProtocol
                if isOwn ? self.routes.observed[route.key] != route : self.routes.observed[route.key] != nil {
                    self.unread.insert(.routes)
                }
            case .routeRemoved(let route):
                guard route.table == self.settings.table else { continue }
                if route.protocolNumber != felixRouteProtocol {
                    self.routes.unblock(route.key)
                } else if self.routes.observed[route.key] != nil {
                    self.unread.insert(.routes)
                }
            }
        }
    }

    private func isWorkloadInterface(_ name: String) -> Bool {
        self.endpointsByInterface[name]?.isEmpty == false
    }

    private func setLink(_ link: Link) {
        if let name = self.linkNames[link.index], name != link.name { self.forgetLink(link.index) }
        if let other = self.linksByName[link.name], other.index != link.index { self.forgetLink(other.index) }
        self.linksByName[link.name] = link
        self.linkNames[link.index] = link.name
        self.linkChanged(link.name, index: link.index, isUp: link.isOperUp)
    }

    private func forgetLink(_ index: UInt32) {
        guard let name = self.linkNames.removeValue(forKey: index) else { return }
        self.linksByName[name] = nil
        self.linkChanged(name, index: index, isUp: false)
    }

    private func linkChanged(_ name: String, index: UInt32, isUp: Bool) {
        if !isUp {
            // A link that comes up again may be another one, or may have lost its settings.
            self.sysctls.setDesired(index, nil)
            self.sysctls.setObserved(index, nil)
        }
        guard let keys = self.endpointsByInterface[name], !keys.isEmpty else { return }
        self.dirtyEndpoints.formUnion(keys)
        self.unread.formUnion([.routes, .neighbors])
    }

    // MARK: Work

    /// Makes the next ``apply(now:)`` read and compare everything.
    func reconcile() {
        self.nextReconcile = .zero
    }

    /// Reads what may have changed, compares, and repairs differences.
    ///
    /// Returns when to call again at the latest.
    func apply(now: Duration) -> Duration {
        if !self.isHostPrepared, now >= self.hostRetry { self.prepareHost(now) }
        if now >= self.nextReconcile {
            self.unread = .everything
            self.nextReconcile = now + self.settings.reconcileInterval
            for key in self.routes.blocked { self.routes.unblock(key) }
        }
        if now >= self.readRetry { self.read(now) }
        // Without a current picture nothing is written.
        guard self.isInSync, self.unread.isEmpty else { return self.deadline(now) }
        for key in self.dirtyEndpoints.sorted() { self.refresh(key) }
        self.dirtyEndpoints = []
        self.applySysctls(now)
        self.applyNeighbors(now)
        self.applyRoutes(now)
        return self.deadline(now)
    }

    private func deadline(_ now: Duration) -> Duration {
        var next = self.nextReconcile
        if !self.isHostPrepared { next = min(next, self.hostRetry) }
        if !self.unread.isEmpty { next = min(next, max(self.readRetry, now)) }
        for retry in [self.routes.nextRetry, self.neighbors.nextRetry, self.sysctls.nextRetry] {
            if let retry, self.isInSync { next = min(next, retry) }
        }
        return next
    }

    private func prepareHost(_ now: Duration) {
        do throws(NetlinkError) {
            if let key = SysctlKey(path: "net/ipv4/conf/default/rp_filter") {
                self.defaultReversePathFilter = (try? self.kernel.readSysctl(key)) ?? "1"
            }
            if self.settings.enablesForwarding, let key = SysctlKey(path: "net/ipv4/ip_forward") {
                try self.kernel.writeSysctl(key, "1")
            }
            if self.settings.enablesForwarding, let key = SysctlKey(path: "net/ipv6/conf/all/forwarding") {
                do throws(NetlinkError) {
                    try self.kernel.writeSysctl(key, "1")
                } catch  where error.isNotFound {
                    self.logger.info("the kernel has no IPv6", metadata: ["reason": "\(error)"])
                }
            }
            self.isHostPrepared = true
        } catch {
            self.hostRetry = now + .seconds(5)
            self.logger.error("forwarding is not enabled", metadata: ["reason": "\(error)"])
        }
    }

    private func read(_ now: Duration) {
        guard !self.unread.isEmpty else { return }
        do throws(NetlinkError) {
            if self.unread.contains(.links) {
                let links = try self.kernel.links()
                let indices = Set(links.map(\.index))
                for index in self.linkNames.keys where !indices.contains(index) { self.forgetLink(index) }
                for link in links where self.linksByName[link.name] != link { self.setLink(link) }
                self.unread.remove(.links)
            }
            if self.unread.contains(.routes) {
                let filter = RouteFilter(table: self.settings.table, protocolNumber: felixRouteProtocol)
                let found = try self.kernel.routes(filter)
                self.routes.replaceObserved(with: Dictionary(found.map { ($0.key, $0) }) { first, _ in first })
                self.unread.remove(.routes)
            }
            if self.unread.contains(.neighbors) {
                try self.readNeighbors()
                self.unread.remove(.neighbors)
            }
            if self.unread.contains(.sysctls) {
                self.readSysctls()
                self.unread.remove(.sysctls)
            }
            self.readFailures = 0
        } catch {
            self.readFailures = min(self.readFailures + 1, 16)
            self.readRetry = now + Backoff(initial: .milliseconds(100)).delay(afterFailures: self.readFailures)
            self.logger.warning("the kernel could not be read", metadata: ["reason": "\(error)"])
        }
    }

    /// Recomputes what is wanted for one endpoint.
    private func refresh(_ key: ResourceKey) {
        let endpoint = self.endpoints[key]
        let link = endpoint.flatMap { self.usableLink($0) }
        var routes: Set<RouteKey> = []
        var neighbors: Set<NeighborKey> = []
        if let endpoint, let link {
            for address in endpoint.addresses {
                let route = KernelRoute(
                    prefix: address.hostPrefix,
                    table: self.settings.table,
                    protocolNumber: felixRouteProtocol,
                    metric: address.isIPv4 ? self.priorities.v4 : self.priorities.v6,
                    nextHops: [KernelNextHop(interface: link.index)]
                )
                routes.insert(route.key)
                self.routeHolders[route.key] = key
                self.routes.setDesired(route.key, route)
                if address.isIPv4, let mac = endpoint.mac {
                    let entry = NeighborKey(interface: link.index, address: address)
                    neighbors.insert(entry)
                    self.neighborHolders[entry] = key
                    self.neighbors.setDesired(entry, mac)
                }
            }
        }
        let before = self.wanted[key]
        for old in before?.routes ?? [] where !routes.contains(old) && self.routeHolders[old] == key {
            self.routeHolders[old] = nil
            self.routes.setDesired(old, nil)
        }
        for old in before?.neighbors ?? [] where !neighbors.contains(old) && self.neighborHolders[old] == key {
            self.neighborHolders[old] = nil
            self.neighbors.setDesired(old, nil)
        }
        self.wanted[key] = endpoint == nil ? nil : (routes, neighbors)
        if let endpoint { self.refreshSysctls(endpoint.interfaceName, leaving: nil) }
    }

    /// The endpoint's interface if packets can go over it.
    private func usableLink(_ endpoint: LocalEndpoint) -> Link? {
        guard self.isAcceptable(endpoint.interfaceName), let link = self.linksByName[endpoint.interfaceName],
            link.isOperUp
        else { return nil }
        return link
    }

    /// Whether endpoints may use an interface of this name.
    func isAcceptable(_ interfaceName: String) -> Bool {
        self.settings.interfacePrefixes.contains { !$0.isEmpty && interfaceName.hasPrefix($0) }
    }

    private func refreshSysctls(_ name: String, leaving: ResourceKey?) {
        guard let link = self.linksByName[name] else { return }
        let users = (self.endpointsByInterface[name] ?? []).filter { $0 != leaving }.compactMap { self.endpoints[$0] }
        guard !users.isEmpty, link.isOperUp, self.isAcceptable(name) else {
            self.sysctls.setDesired(link.index, nil)
            return
        }
        self.sysctls.setDesired(
            link.index,
            InterfaceProfile(
                name: name,
                reversePathFilter: users.contains { $0.allowsSpoofing } ? "0" : self.defaultReversePathFilter,
                hasIPv6: users.contains { $0.addresses.contains { !$0.isIPv4 } }
            )
        )
    }
}
