internal import Glibc
public import IPAddressing
internal import Synchronization

/// A kernel in memory, as strict as the real one in what it accepts.
///
/// It answers EEXIST, ESRCH, ENODEV, ENETDOWN and ENETUNREACH as Linux does, matches deletes by protocol, keeps connected
/// routes, and drops the routes of a link that goes down: IPv4 ones without an event.
public final class FakeKernel: NetlinkKernel, Sendable {
    private struct State {
        var links: [UInt32: Link] = [:]
        var addresses: [LinkAddress] = []
        var routes: [RouteKey: KernelRoute] = [:]
        var neighbors: [NeighborKey: Neighbor] = [:]
        var sysctls: [SysctlKey: String] = [:]
        var failures: [NetlinkError] = []
        var rejection: (@Sendable (RouteOperation) -> NetlinkError?)?
        var written: [RouteOperation] = []
        var nextIndex: UInt32 = 2
    }

    private struct NeighborKey: Hashable {
        var interface: UInt32
        var address: IPAddress
    }

    private let state: Mutex<State>
    private let sink = Mutex<(@Sendable ([KernelEvent]) -> Void)?>(nil)

    /// Creates a kernel with a loopback interface and the host-wide forwarding sysctls, both off.
    public init() {
        var state = State()
        state.links[1] = Link(index: 1, name: "lo", isLoopback: true, mtu: 65_536)
        for path in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/default/rp_filter"] {
            if let key = SysctlKey(path: path) { state.sysctls[key] = "0" }
        }
        self.state = Mutex(state)
    }

    // MARK: Test controls

    /// Delivers events to `sink` from now on, on the thread that causes them.
    public func deliverEvents(to sink: (@Sendable ([KernelEvent]) -> Void)?) {
        self.sink.withLock { $0 = sink }
    }

    /// Every route operation that was asked for, in order, failed ones included.
    public var written: [RouteOperation] { self.state.withLock { $0.written } }

    /// Forgets ``written``.
    public func forgetWritten() { self.state.withLock { $0.written = [] } }

    /// Makes the next call that reads or writes throw `error`.
    public func failNext(_ error: NetlinkError) { self.state.withLock { $0.failures.append(error) } }

    /// Refuses single route operations for which `rejection` returns an error.
    public func reject(_ rejection: (@Sendable (RouteOperation) -> NetlinkError?)?) {
        self.state.withLock { $0.rejection = rejection }
    }

    /// Adds a link and returns its index; its per-interface sysctls appear.
    @discardableResult
    public func addLink(_ name: String, isUp: Bool = true, mac: MACAddress? = nil, kind: String? = "veth") -> UInt32 {
        let link = self.state.withLock { state in
            let link = Link(
                index: state.nextIndex,
                name: name,
                isAdminUp: isUp,
                isOperUp: isUp,
                mac: mac,
                kind: kind
            )
            state.nextIndex += 1
            state.links[link.index] = link
            for key in Self.interfaceSysctls(name) { state.sysctls[key] = "0" }
            return link
        }
        self.emit([.linkChanged(link)])
        return link.index
    }

    /// Removes a link with all that hangs on it.
    ///
    /// IPv4 routes go silently.
    public func removeLink(_ index: UInt32) {
        let events = self.state.withLock { state -> [KernelEvent] in
            guard let link = state.links.removeValue(forKey: index) else { return [] }
            var events = Self.dropRoutes(of: index, &state)
            for address in state.addresses where address.interface == index { events.append(.addressRemoved(address)) }
            state.addresses.removeAll { $0.interface == index }
            state.neighbors = state.neighbors.filter { $0.key.interface != index }
            for key in Self.interfaceSysctls(link.name) { state.sysctls[key] = nil }
            events.append(.linkRemoved(link))
            return events
        }
        self.emit(events)
    }

    /// Gives a link an address, with its connected route when the link is up.
    public func addAddress(_ address: AddressWithLength, to index: UInt32) {
        let events = self.state.withLock { state -> [KernelEvent] in
            let entry = LinkAddress(interface: index, address: address)
            guard let link = state.links[index], !state.addresses.contains(entry) else { return [] }
            state.addresses.append(entry)
            return [.addressAdded(entry)] + (link.isAdminUp ? Self.connect(entry, &state) : [])
        }
        self.emit(events)
    }

    /// Takes an address away, with its connected route and the IPv4 routes that prefer it as source.
    public func removeAddress(_ address: AddressWithLength, from index: UInt32) {
        let events = self.state.withLock { state -> [KernelEvent] in
            guard let position = state.addresses.firstIndex(where: { $0.interface == index && $0.address == address })
            else { return [] }
            let entry = state.addresses.remove(at: position)
            var events: [KernelEvent] = [.addressRemoved(entry)]
            for route in state.routes.values where route.preferredSource == address.address {
                state.routes[route.key] = nil
                events.append(.routeRemoved(route))
            }
            return events
        }
        self.emit(events)
    }

    /// Removes a route whoever owns it, as an administrator would.
    public func removeRoute(_ key: RouteKey) {
        let removed = self.state.withLock { $0.routes.removeValue(forKey: key) }
        if let removed { self.emit([.routeRemoved(removed)]) }
    }

    /// Changes a link's carrier.
    public func setCarrier(_ index: UInt32, present: Bool) {
        let link = self.state.withLock { state -> Link? in
            guard var link = state.links[index] else { return nil }
            link.isOperUp = present && link.isAdminUp
            state.links[index] = link
            return link
        }
        if let link { self.emit([.linkChanged(link)]) }
    }

    private func emit(_ events: [KernelEvent]) {
        guard !events.isEmpty, let sink = self.sink.withLock({ $0 }) else { return }
        sink(events)
    }

    private static func interfaceSysctls(_ name: String) -> [SysctlKey] {
        let v4 = ["route_localnet", "proxy_arp", "forwarding", "rp_filter"].map { ["net", "ipv4", "conf", name, $0] }
        let v6 = ["accept_ra", "proxy_ndp", "forwarding"].map { ["net", "ipv6", "conf", name, $0] }
        return (v4 + v6 + [["net", "ipv4", "neigh", name, "proxy_delay"]]).compactMap { SysctlKey($0) }
    }

    // MARK: Routes

    /// The routes that pass `filter`, in key order.
    public func routes(_ filter: RouteFilter) throws(NetlinkError) -> [KernelRoute] {
        try self.failIfAsked()
        return self.state.withLock { $0.routes.values.filter { filter.matches($0) } }
            .sorted {
                ($0.prefix.address, $0.prefix.length, $0.metric) < ($1.prefix.address, $1.prefix.length, $1.metric)
            }
    }

    /// Performs `operations` in order and returns those that failed.
    public func apply(_ operations: [RouteOperation]) throws(NetlinkError) -> [OperationFailure] {
        try self.failIfAsked()
        let (failures, events) = self.state.withLock { state in
            var failures: [OperationFailure] = []
            var events: [KernelEvent] = []
            for (index, operation) in operations.enumerated() {
                state.written.append(operation)
                if let error = state.rejection?(operation) {
                    failures.append(OperationFailure(index: index, error: error))
                    continue
                }
                switch Self.perform(operation, &state) {
                case .success(let event): if let event { events.append(event) }
                case .failure(let refusal):
                    let error = NetlinkError(
                        code: refusal.code,
                        text: refusal.text,
                        request: operation.description
                    )
                    failures.append(OperationFailure(index: index, error: error))
                }
            }
            return (failures, events)
        }
        self.emit(events)
        return failures
    }

    private struct Refusal: Error {
        var code: Int32
        var text: String?
    }

    private static func perform(_ operation: RouteOperation, _ state: inout State) -> Result<KernelEvent?, Refusal> {
        switch operation {
        case .add(let route):
            return self.checked(route, state).flatMap { route in
                guard state.routes[route.key] == nil else { return .failure(Refusal(code: EEXIST)) }
                state.routes[route.key] = route
                return .success(.routeChanged(route))
            }
        case .replace(let route):
            return self.checked(route, state).map { route in
                let old = state.routes.updateValue(route, forKey: route.key)
                return old == route ? nil : .routeChanged(route)
            }
        case .delete(let key, let number):
            var match = state.routes[key]
            if key.prefix.isIPv4, key.metric == 0, match?.protocolNumber != number {
                match = state.routes.values
                    .filter {
                        $0.protocolNumber == number
                            && $0.key
                                == RouteKey(
                                    prefix: key.prefix,
                                    table: key.table,
                                    metric: $0.metric,
                                    typeOfService: key.typeOfService
                                )
                    }
                    .min { $0.metric < $1.metric }
            }
            guard let match, match.protocolNumber == number else { return .failure(Refusal(code: ESRCH)) }
            state.routes[match.key] = nil
            return .success(.routeRemoved(match))
        }
    }

    /// The route with links of its gateways filled in, or why the kernel would refuse it.
    private static func checked(_ route: KernelRoute, _ state: State) -> Result<KernelRoute, Refusal> {
        var route = route
        if let source = route.preferredSource, !state.addresses.contains(where: { $0.address.address == source }) {
            return .failure(Refusal(code: EINVAL, text: "Invalid source address"))
        }
        if route.type.isSpecial { return .success(route) }
        guard !route.nextHops.isEmpty else { return .failure(Refusal(code: ENODEV)) }
        for index in route.nextHops.indices {
            let leg = route.nextHops[index]
            // IPv4 looks the gateway up first: over a link that is absent or down it is just not reachable.
            let isLookedUp = route.prefix.isIPv4 && leg.gateway?.isIPv4 == true && !leg.isOnLink
            if leg.interface != 0 {
                let link = state.links[leg.interface]
                if link == nil && !isLookedUp { return .failure(Refusal(code: ENODEV)) }
                if link?.isAdminUp == false && !isLookedUp {
                    if let gateway = leg.gateway, !gateway.isIPv4, !gateway.isLinkLocal, !leg.isOnLink {
                        return .failure(Refusal(code: EHOSTUNREACH))
                    }
                    let isDirect = route.prefix.isIPv4 && leg.gateway == nil
                    let text = isDirect ? "Device for nexthop is not up" : "Nexthop device is not up"
                    return .failure(Refusal(code: ENETDOWN, text: text))
                }
            } else if leg.gateway == nil || leg.isOnLink {
                return .failure(Refusal(code: ENODEV))
            }
            guard let gateway = leg.gateway else { continue }
            if leg.isOnLink { continue }
            if gateway.isLinkLocal, !gateway.isIPv4 {
                guard leg.interface != 0 else { return .failure(Refusal(code: EINVAL)) }
                continue
            }
            let direct = state.routes.values.first { candidate in
                candidate.type == .unicast && candidate.prefix.contains(gateway)
                    && candidate.nextHops.contains {
                        $0.gateway == nil && (leg.interface == 0 || $0.interface == leg.interface)
                    }
            }
            guard let via = direct?.nextHops.first(where: { $0.gateway == nil }) else {
                let code = gateway.isIPv4 ? ENETUNREACH : EHOSTUNREACH
                return .failure(Refusal(code: code, text: gateway.isIPv4 ? "Nexthop has invalid gateway" : nil))
            }
            if leg.interface == 0 { route.nextHops[index].interface = via.interface }
        }
        return .success(route)
    }

    private static func connect(_ entry: LinkAddress, _ state: inout State) -> [KernelEvent] {
        let prefix = entry.address.network
        guard !prefix.isHost else { return [] }
        let route = KernelRoute(
            prefix: prefix,
            protocolNumber: .kernel,
            metric: prefix.isIPv4 ? 0 : 256,
            nextHops: [KernelNextHop(interface: entry.interface)],
            preferredSource: prefix.isIPv4 ? entry.address.address : nil
        )
        guard state.routes[route.key] == nil else { return [] }
        state.routes[route.key] = route
        return [.routeChanged(route)]
    }

    /// Drops what goes over a link that is down or gone; returns events, which the kernel gives for IPv6 only.
    private static func dropRoutes(of index: UInt32, _ state: inout State) -> [KernelEvent] {
        var events: [KernelEvent] = []
        for route in state.routes.values where !route.nextHops.isEmpty {
            let isDead = route.nextHops.allSatisfy { leg in
                leg.interface == index || state.links[leg.interface]?.isAdminUp != true
            }
            guard isDead else { continue }
            state.routes[route.key] = nil
            if !route.prefix.isIPv4 { events.append(.routeRemoved(route)) }
        }
        return events
    }

    // MARK: Links, addresses, neighbours

    /// All links, by index.
    public func links() throws(NetlinkError) -> [Link] {
        try self.failIfAsked()
        return self.state.withLock { $0.links.values.sorted { $0.index < $1.index } }
    }

    /// All addresses.
    public func addresses() throws(NetlinkError) -> [LinkAddress] {
        try self.failIfAsked()
        return self.state.withLock { $0.addresses }
    }

    /// Neighbour entries of one family.
    public func neighbors(family: IPFamily, interface: UInt32?) throws(NetlinkError) -> [Neighbor] {
        try self.failIfAsked()
        return self.state.withLock { state in
            state.neighbors.values
                .filter { $0.address.isIPv4 == (family == .v4) && (interface == nil || interface == $0.interface) }
                .sorted { ($0.interface, $0.address) < ($1.interface, $1.address) }
        }
    }

    /// Performs `operations` in order and returns those that failed.
    public func apply(_ operations: [NeighborOperation]) throws(NetlinkError) -> [OperationFailure] {
        try self.failIfAsked()
        var failures: [OperationFailure] = []
        var events: [KernelEvent] = []
        for (index, operation) in operations.enumerated() {
            let code = self.state.withLock { state -> Int32 in
                switch operation {
                case .add(let entry), .replace(let entry):
                    let key = NeighborKey(interface: entry.interface, address: entry.address)
                    guard let link = state.links[entry.interface] else { return ENODEV }
                    guard link.isAdminUp else { return ENETDOWN }
                    if case .add = operation, state.neighbors[key] != nil { return EEXIST }
                    state.neighbors[key] = entry
                    events.append(.neighborChanged(entry))
                case .delete(let interface, let address):
                    guard state.links[interface] != nil else { return ENODEV }
                    let key = NeighborKey(interface: interface, address: address)
                    guard let entry = state.neighbors.removeValue(forKey: key) else { return ENOENT }
                    events.append(.neighborRemoved(entry))
                }
                return 0
            }
            if code != 0 {
                let error = NetlinkError(code: code, request: operation.description)
                failures.append(OperationFailure(index: index, error: error))
            }
        }
        self.emit(events)
        return failures
    }

    /// Sets a link up or down.
    ///
    /// Down drops its routes, its neighbours and its IPv6 addresses.
    public func setLink(_ index: UInt32, up: Bool) throws(NetlinkError) {
        try self.failIfAsked()
        let events = self.state.withLock { state -> [KernelEvent]? in
            guard var link = state.links[index] else { return nil }
            guard link.isAdminUp != up else { return [] }
            link.isAdminUp = up
            link.isOperUp = up
            state.links[index] = link
            var events: [KernelEvent] = []
            if up {
                for address in state.addresses where address.interface == index {
                    events += Self.connect(address, &state)
                }
            } else {
                events = Self.dropRoutes(of: index, &state)
                for address in state.addresses where address.interface == index && !address.address.address.isIPv4 {
                    events.append(.addressRemoved(address))
                }
                state.addresses.removeAll { $0.interface == index && !$0.address.address.isIPv4 }
                state.neighbors = state.neighbors.filter { $0.key.interface != index }
            }
            return events + [.linkChanged(link)]
        }
        guard let events else {
            throw NetlinkError(code: ENODEV, request: "set link #\(index) \(up ? "up" : "down")")
        }
        self.emit(events)
    }

    // MARK: Sysctls

    /// The value of a sysctl; ENOENT when there is none.
    public func readSysctl(_ key: SysctlKey) throws(NetlinkError) -> String {
        guard let value = self.state.withLock({ $0.sysctls[key] }) else {
            throw NetlinkError(code: ENOENT, request: "read \(key.path)")
        }
        return value
    }

    /// Sets a sysctl; ENOENT when there is none.
    public func writeSysctl(_ key: SysctlKey, _ value: String) throws(NetlinkError) {
        let isKnown = self.state.withLock { state in
            guard state.sysctls[key] != nil else { return false }
            state.sysctls[key] = value
            return true
        }
        guard isKnown else { throw NetlinkError(code: ENOENT, request: "write \(value) to \(key.path)") }
    }

    private func failIfAsked() throws(NetlinkError) {
        let failure = self.state.withLock { $0.failures.isEmpty ? nil : $0.failures.removeFirst() }
        if let failure { throw failure }
    }
}
