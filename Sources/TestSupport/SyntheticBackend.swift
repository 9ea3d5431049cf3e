public import ControlAPI
import IPAddressing
import Synchronization

/// A control backend with fixed answers and any number of made-up routes, for tests of servers and clients.
public final class SyntheticBackend: ControlBackend {
    /// Routes in the table `master4`.
    public let routeCount: UInt64
    /// Routes per page.
    public let pageSize: UInt64
    /// The page at which a walk fails, if any.
    public let failingPage: UInt64?
    private let state = Mutex(State())

    private struct State {
        var produced: UInt64 = 0
        var calls: [String] = []
        var isReady = true
    }

    /// Creates a backend.
    public init(routeCount: UInt64 = 3, pageSize: UInt64 = 1000, failingPage: UInt64? = nil) {
        self.routeCount = routeCount
        self.pageSize = max(1, pageSize)
        self.failingPage = failingPage
    }

    /// Routes handed out so far.
    public var producedRoutes: UInt64 { self.state.withLock { $0.produced } }

    /// Actions asked for so far, one line each.
    public var calls: [String] { self.state.withLock { $0.calls } }

    /// Sets what ``status()`` says about readiness.
    public func setReady(_ ready: Bool) {
        self.state.withLock { $0.isReady = ready }
    }

    /// 2026-01-02T03:04:05Z.
    public static let start = Timestamp(milliseconds: 1_767_323_045_000)

    /// A status with two tables and two protocols.
    public func status() async throws -> Status {
        let ready = self.state.withLock { $0.isReady }
        return Status(
            version: "1.2.3",
            routerID: "192.0.2.1",
            startedAt: Self.start,
            uptimeSeconds: 93_784,
            configurationFile: "/etc/martlet/speaker.conf",
            lastReload: Status.Reload(time: Self.start, outcome: .applied, message: "2 protocols added"),
            readiness: Readiness(ready: ready, reasons: ready ? [] : ["peer1 is not established"]),
            memoryBytes: 12_897_485,
            tables: [
                TableStatus(name: "master4", family: "ipv4", routes: self.routeCount, paths: self.routeCount),
                TableStatus(name: "master6", family: "ipv6", routes: 0, paths: 0),
            ],
            protocols: [
                ProtocolStatus(
                    name: "peer1",
                    kind: "bgp",
                    state: "up",
                    tables: ["master4", "master6"],
                    info: "Established",
                    since: Self.start
                ),
                ProtocolStatus(
                    name: "kernel4",
                    kind: "kernel",
                    state: "up",
                    tables: ["master4"],
                    info: "",
                    since: Self.start
                ),
            ]
        )
    }

    /// One session of the mesh, and a peer that is refused.
    public func plan() async throws -> PlanStatus {
        PlanStatus(
            node: "a",
            routerID: "10.0.0.1",
            localAS: 64_512,
            pending: nil,
            sessions: [
                PlannedSession(
                    name: "Mesh_10_0_0_2",
                    resource: nil,
                    address: "10.0.0.2",
                    port: 179,
                    remoteAS: 64_512,
                    localAS: 64_512,
                    passive: true,
                    state: "Established"
                )
            ],
            problems: [
                PlanProblem(
                    resource: "BGPPeer/tor",
                    place: "/m/peers.yaml:3:1",
                    reason: "spec.peerIP: is missing",
                    refused: true
                )
            ]
        )
    }

    /// Two structures and the runtime.
    public func memory() async throws -> MemoryStatus {
        MemoryStatus(
            structures: [
                .init(name: "ipv4 destinations", bytes: 4_000_000), .init(name: "attribute sets", bytes: 2_000_000),
                .init(name: "runtime", bytes: 6_000_000),
            ],
            residentBytes: 12_897_485
        )
    }

    /// Two neighbours: `peer1`, established, and `peer2`, idle after an error.
    public func neighbors(name: String?) async throws -> [NeighborStatus] {
        var first = NeighborStatus(
            name: "peer1",
            address: "192.0.2.2",
            localAS: 64_512,
            remoteAS: 4_200_000_000,
            state: .established,
            sessionType: .external
        )
        first.description = "upstream"
        first.localAddress = "192.0.2.1"
        first.establishedAt = Self.start
        first.uptimeSeconds = 3661
        first.holdTime = 90
        first.keepaliveTime = 30
        first.remoteRouterID = "192.0.2.2"
        first.capabilities = NeighborStatus.Capabilities(
            local: ["ipv4", "route refresh"],
            remote: ["ipv4"]
        )
        first.routes = NeighborStatus.RouteCounts(received: 10, accepted: 9, best: 8, exported: 7)
        first.families = [
            NeighborStatus.FamilyStatus(family: "ipv4", table: "master4", negotiated: true, routes: first.routes)
        ]
        first.families[0].endOfRIB = false
        first.families[0].staleRoutes = 3
        first.families[0].staleWait = .endOfRIB
        first.families[0].staleSeconds = 42
        first.gracefulRestart = NeighborStatus.GracefulRestart(
            local: .init(restarted: false, restartSeconds: 0, longLived: true, families: []),
            remote: .init(
                restarted: true,
                restartSeconds: 120,
                longLived: true,
                families: [
                    .init(family: "ipv4", restarts: true, forwardingPreserved: true, longLivedSeconds: 3600)
                ]
            ),
            notification: true,
            restarting: false
        )
        first.messages.sent = NeighborStatus.Messages.Counts(open: 1, update: 2, keepalive: 3)
        first.messages.received = NeighborStatus.Messages.Counts(open: 1, update: 4, keepalive: 5, routeRefresh: 6)
        first.transitions = 1
        var second = NeighborStatus(
            name: "peer2",
            address: "2001:db8::2",
            localAS: 64_512,
            remoteAS: nil,
            state: .idle,
            sessionType: .external
        )
        second.idleReason = "error wait 60 s"
        second.lastError = NeighborStatus.SessionError(
            direction: .received,
            text: "Cease: Administrative Shutdown \u{1B}[2J",
            at: Self.start
        )
        second.lastNotificationReceived = .init(
            code: 6,
            subcode: 2,
            text: "Cease: Administrative Shutdown \u{1B}[2J",
            data: "041b5b324a",
            at: Self.start
        )
        guard let name else { return [first, second] }
        guard let found = [first, second].first(where: { $0.name == name }) else {
            throw ControlError(.notFound, "no such neighbor: \(name)")
        }
        return [found]
    }

    /// Loopback and one Ethernet interface.
    public func interfaces() async throws -> [InterfaceStatus] {
        [
            InterfaceStatus(name: "lo", index: 1, up: true, mtu: 65_536, addresses: ["127.0.0.1/8", "::1/128"]),
            InterfaceStatus(name: "eth0", index: 12, up: false, mtu: 1500, addresses: []),
        ]
    }

    /// The route with a number: `10.0.0.0/32` and up.
    public static func route(_ number: UInt64) -> Route {
        let address = IPv4Address(rawValue: 0x0A00_0000 &+ UInt32(truncatingIfNeeded: number))
        var route = Route(
            prefix: .v4(IPv4Prefix(address: address, length: 32)),
            table: "master4",
            best: true,
            source: .bgp,
            protocolName: "peer1",
            preference: 100
        )
        route.from = .v4(IPv4Address(rawValue: 0xC000_0202))
        route.nextHop = route.from
        route.gateway = route.from
        route.interface = "eth0"
        route.asPath = [.number(4_200_000_000), .number(65_001)]
        route.localPref = 100
        route.origin = .igp
        route.communities = ["64512:1"]
        return route
    }

    /// Routes that use every field.
    public static func sampleRoutes() -> [Route] {
        var full = self.route(7)
        full.prefix = .v6(IPv6Prefix(address: IPv6Address(high: 0x2001_0DB8_0000_0000, low: 0), length: 32))
        full.nextHop = .v6(IPv6Address(high: 0xFE80_0000_0000_0000, low: 1))
        full.interface = "eth\"0\\\n"
        full.table = "tab\u{1}\u{1F}\u{e9}"
        full.asPath = [.number(1), .set([2, 3]), .confederationSequence([4]), .confederationSet([5, 6])]
        full.med = 0
        full.localPref = .max
        full.origin = .incomplete
        full.communities = ["1:2", "65535:65535"]
        full.largeCommunities = ["1:2:3"]
        full.extendedCommunities = ["rt:1:2"]
        full.originatorID = RouterID(rawValue: 0xFF00_0A01)
        full.clusterList = [RouterID(rawValue: 1), RouterID(rawValue: 2)]
        full.atomicAggregate = true
        full.aggregator = .init(number: 64_513, id: RouterID(rawValue: 0xC000_0207))
        full.aigp = .max
        full.onlyToCustomer = 65_001
        full.otherAttributes = [
            .init(type: 99, name: "attribute 99", partial: true, value: "00ff"),
            .init(type: 40, name: "PREFIX_SID", partial: false, value: ""),
        ]
        full.metric = 20
        full.rejected = "as path loop"
        full.pathID = 9
        full.ageSeconds = 4_000_000_000
        full.best = false
        var bare = Route(
            prefix: .v4(IPv4Prefix(address: .any, length: 0)),
            table: "master4",
            best: true,
            source: .static,
            protocolName: "static1",
            preference: 200
        )
        bare.discard = "blackhole"
        var local = bare
        local.asPath = []
        return [self.route(0), full, bare, local]
    }

    /// Made-up routes; `not-found` for tables other than `master4` and neighbours other than `peer1`.
    public func routes(_ query: RouteQuery, from continuation: RouteContinuation?) async throws -> RoutePage {
        if let table = query.table, table != "master4" { throw ControlError(.notFound, "no such table: \(table)") }
        if let neighbor = query.neighbor, neighbor.name != "peer1" {
            throw ControlError(.notFound, "no such neighbor: \(neighbor.name)")
        }
        var start = continuation?.position ?? 0
        var end = min(start + self.pageSize, self.routeCount)
        switch query.selection {
        case .all: break
        case .prefix(.v4(let prefix)) where prefix.length == 32:
            start = min(UInt64(prefix.address.rawValue &- 0x0A00_0000), self.routeCount)
            end = min(start + 1, self.routeCount)
        case .longestMatch(.v4(let address)):
            start = min(UInt64(address.rawValue &- 0x0A00_0000), self.routeCount)
            end = min(start + 1, self.routeCount)
        default: return RoutePage(routes: [], next: nil)
        }
        if let failing = self.failingPage, start / self.pageSize >= failing {
            throw ControlError(.unavailable, "the walk was cut off")
        }
        self.state.withLock { $0.produced += end - start }
        let more = query.selection == .all && end < self.routeCount
        return RoutePage(
            routes: (start..<end).map(Self.route),
            next: more ? RouteContinuation(stage: 0, position: end) : nil
        )
    }

    /// Three paths of any destination in `master4` and three neighbors; nothing in other tables.
    public func explain(_ query: ExplainQuery) async throws -> [Explanation] {
        if let neighbor = query.neighbor, !["peer1", "peer2", "peer3"].contains(neighbor) {
            throw ControlError(.notFound, "no such neighbor: \(neighbor)")
        }
        guard query.table ?? "master4" == "master4" else { return [] }
        func path(_ name: String, _ verdict: Explanation.Verdict, _ reason: String) -> Explanation.Path {
            var route = Self.route(1)
            route.protocolName = name
            route.best = verdict == .best
            return Explanation.Path(route: route, verdict: verdict, reason: reason)
        }
        var best = path("peer1", .best, "AS_PATH length: 2 against 3 of peer2")
        (best.step, best.rival) = ("AS_PATH length", "peer2")
        var lost = path("peer2", .lost, "AS_PATH length: 3 against 2 of peer1")
        (lost.step, lost.rival) = ("AS_PATH length", "peer1")
        var rejected = path("peer3", .rejected, "rejected by the import policy")
        rejected.place = "/etc/martlet/speaker.conf:12"
        let neighbors = [
            Explanation.Neighbor(
                name: "peer1",
                state: .withheld,
                reasons: [.init(path: "peer1", reason: "it came from this neighbor")]
            ),
            Explanation.Neighbor(name: "peer2", state: .announced, sent: [Self.route(1)]),
            Explanation.Neighbor(
                name: "peer3",
                state: .down,
                reasons: [.init(path: nil, reason: "there is no session")]
            ),
        ]
        return [
            Explanation(
                prefix: "10.0.0.1/32",
                table: "master4",
                paths: [best, lost, rejected],
                neighbors: neighbors.filter { query.neighbor == nil || $0.name == query.neighbor }
            )
        ]
    }

    /// Pieces of ten octets, the number of the piece in each; fails at ``failingPage``.
    public func tableDump(_ query: TableDumpQuery) async throws -> any TableDump {
        if let table = query.table, table != "master4" { throw ControlError(.notFound, "no such table: \(table)") }
        return Pieces(count: query.family == .ipv6 ? 0 : self.routeCount, failing: self.failingPage)
    }

    private struct Pieces: TableDump {
        var count: UInt64
        var failing: UInt64?
        var number: UInt64 = 0

        mutating func next() async throws -> [UInt8]? {
            guard self.number < self.count else { return nil }
            if self.number == self.failing { throw ControlError(.unavailable, "the dump was cut off") }
            defer { self.number += 1 }
            return [UInt8](repeating: UInt8(truncatingIfNeeded: self.number), count: 10)
        }
    }

    /// Rejects the file `bad.conf`, applies any other.
    public func reload(_ request: ReloadRequest) async throws -> ReloadResult {
        let options = [
            request.soft ? " soft" : "", request.check ? " check" : "",
            request.confirmWithinSeconds.map { " within \($0)" } ?? "",
        ]
        self.state.withLock { $0.calls.append("reload \(request.file ?? "-")" + options.joined()) }
        if request.file?.hasSuffix("bad.conf") == true {
            return ReloadResult(
                outcome: .rejected,
                message: "1 error in bad.conf",
                diagnostics: [Diagnostic(file: "bad.conf", line: 3, column: 7, message: "unknown option: colour")]
            )
        }
        return ReloadResult(
            outcome: .applied,
            message: "1 protocol reconfigured, 1 unchanged",
            changes: [
                ReloadResult.Change(protocolName: "peer1", action: .reconfigured, reason: "import filter"),
                ReloadResult.Change(protocolName: "kernel4", action: .unchanged),
            ]
        )
    }

    /// Records the call.
    public func confirmReload() async throws -> ReloadResult {
        self.state.withLock { $0.calls.append("confirm") }
        return ReloadResult(outcome: .confirmed, message: "the reload is confirmed")
    }

    /// Refuses: nothing was reloaded.
    public func undoReload() async throws -> ReloadResult {
        self.state.withLock { $0.calls.append("undo") }
        throw ControlError(.conflict, "there is no reload to undo")
    }

    /// Records the action.
    public func perform(
        _ action: NeighborAction,
        neighbor: String,
        message: String?
    ) async throws -> NeighborActionResult {
        _ = try await self.neighbors(name: neighbor)
        self.state.withLock { $0.calls.append("\(action.rawValue) \(neighbor) \(message ?? "-")") }
        guard action != .refreshIn || neighbor != "peer2" else {
            throw ControlError(.conflict, "peer2 is not established")
        }
        return NeighborActionResult(name: neighbor, action: action, message: "\(action.rawValue) done")
    }

    /// Records the call.
    public func shutdown() async throws {
        self.state.withLock { $0.calls.append("shutdown") }
    }
}
