internal import BGPSession
internal import BGPWire
internal import CLinux
internal import ConfigLanguage
internal import ControlAPI
internal import Glibc
internal import IPAddressing
internal import RouteModel
internal import Routing
internal import Speaker
internal import SpeakerSettings

/// Answers control requests from the speaker.
struct SpeakerBackend: ControlBackend {
    /// The speaker, or an error while there is none yet.
    let runtime: @Sendable () async throws -> SpeakerRuntime
    /// What the other parts of the process still owe, in words.
    let pending: @Sendable () async -> [String]
    /// The plan of confd in this process, given the states of the speaker's sessions by name.
    let planned: (@Sendable (_ states: [String: String]) async -> PlanStatus?)?

    init(
        runtime: @escaping @Sendable () async throws -> SpeakerRuntime,
        pending: @escaping @Sendable () async -> [String] = { [] },
        planned: (@Sendable (_ states: [String: String]) async -> PlanStatus?)? = nil
    ) {
        self.runtime = runtime
        self.pending = pending
        self.planned = planned
    }

    func status() async throws -> Status {
        let runtime = try await self.runtime()
        let snapshot = await runtime.speaker.snapshot()
        var reasons = await self.pending()
        if !snapshot.isStarted { reasons.insert("speaker: the kernel's routes are not read yet", at: 0) }
        var status = Status(
            version: MartletVersion.text,
            routerID: snapshot.routerID.description,
            startedAt: Timestamp(seconds: snapshot.startTime),
            uptimeSeconds: UInt64(max(0, snapshot.uptime.components.seconds)),
            configurationFile: runtime.configurationPath,
            lastReload: await runtime.lastReload,
            readiness: Readiness(ready: reasons.isEmpty, reasons: reasons),
            memoryBytes: residentMemory().resident,
            tables: snapshot.tables.map {
                TableStatus(
                    name: $0.name,
                    family: $0.family.description,
                    routes: UInt64($0.destinations),
                    paths: UInt64($0.paths)
                )
            },
            protocols: snapshot.protocols.map {
                ProtocolStatus(
                    name: $0.name,
                    kind: $0.kind,
                    state: $0.state,
                    tables: $0.tables,
                    info: $0.detail,
                    since: Timestamp(seconds: $0.since)
                )
            }
        )
        status.reloadRevertsAt = await runtime.revertsAt
        return status
    }

    func plan() async throws -> PlanStatus {
        guard let planned = self.planned else {
            throw ControlError(.unavailable, "confd does not run in this process")
        }
        // There may be a plan before there is a speaker.
        let neighbors = (try? await self.neighbors(name: nil)) ?? []
        let states = Dictionary(neighbors.map { ($0.name, $0.state.rawValue) }) { first, _ in first }
        guard let plan = await planned(states) else {
            throw ControlError(.unavailable, "nothing was planned yet: the node's resource is missing or not read yet")
        }
        return plan
    }

    func memory() async throws -> MemoryStatus {
        let snapshot = await (try self.runtime()).speaker.memory()
        let core = snapshot.core
        let (resident, program) = residentMemory()
        // The allocator's memory holds some of the structures; the rest of it is the runtime's, with the program itself.
        let heap = Int(clamping: clinux_heap_in_use())
        let parts: [(String, Int)] = [
            ("ipv4 destinations", core.ipv4Destinations), ("ipv6 destinations", core.ipv6Destinations),
            ("paths", core.paths), ("attribute sets", core.attributes), ("indices", core.indices),
            ("journals", core.journals), ("announced bitmaps", core.consumers), ("export scratch", core.scratch),
            ("session buffers", snapshot.sessions), ("learned kernel routes", snapshot.learnedRoutes),
            ("installed kernel routes", snapshot.installedRoutes),
            ("runtime", max(0, heap - snapshot.allocated) + Int(clamping: program)),
        ]
        return MemoryStatus(
            structures: parts.map { .init(name: $0.0, bytes: UInt64(clamping: $0.1)) },
            residentBytes: resident
        )
    }

    func neighbors(name: String?) async throws -> [NeighborStatus] {
        let runtime = try await self.runtime()
        do throws(ControlFailure) {
            return try await runtime.speaker.neighbors(named: name).map(NeighborStatus.init)
        } catch {
            throw error.control
        }
    }

    func interfaces() async throws -> [InterfaceStatus] {
        try await self.runtime().speaker.interfaces().map {
            InterfaceStatus(
                name: $0.name,
                index: $0.index,
                up: $0.isUp,
                mtu: $0.mtu,
                addresses: $0.addresses.map(\.description)
            )
        }
    }

    func routes(_ query: RouteQuery, from continuation: RouteContinuation?) async throws -> RoutePage {
        var selection = RouteSelection()
        selection.table = query.table
        selection.family = query.family.map { $0 == .ipv4 ? .ipv4Unicast : .ipv6Unicast }
        switch query.selection {
        case .all: selection.destination = .all
        case .prefix(let prefix): selection.destination = .prefix(prefix)
        case .longestMatch(let address): selection.destination = .longestMatch(address)
        }
        if let neighbor = query.neighbor {
            selection.neighbor = neighbor.direction == .received ? .received(neighbor.name) : .exported(neighbor.name)
        }
        let position = continuation.map {
            RouteSlice.Position(stage: Int(clamping: $0.stage), offset: UInt32(clamping: $0.position))
        }
        let runtime = try await self.runtime()
        do throws(ControlFailure) {
            let slice = try await runtime.speaker.routes(selection, from: position)
            let routes = slice.routes.map(Route.init).filter { route in
                (query.source.map { $0 == route.source } ?? true) && (!query.bestOnly || route.best)
            }
            return RoutePage(
                routes: routes,
                next: slice.next.map { RouteContinuation(stage: UInt64($0.stage), position: UInt64($0.offset)) }
            )
        } catch {
            throw error.control
        }
    }

    func explain(_ query: ExplainQuery) async throws -> [Explanation] {
        var selection = RouteSelection()
        selection.table = query.table
        switch query.selection {
        case .all: throw ControlError(.invalidRequest, "explain needs a prefix or an address")
        case .prefix(let prefix): selection.destination = .prefix(prefix)
        case .longestMatch(let address): selection.destination = .longestMatch(address)
        }
        let runtime = try await self.runtime()
        do throws(ControlFailure) {
            return try await runtime.speaker.explain(selection, neighbor: query.neighbor).map(Explanation.init)
        } catch {
            throw error.control
        }
    }

    func tableDump(_ query: TableDumpQuery) async throws -> any TableDump {
        try await SpeakerTableDump(query, try await self.runtime())
    }

    func reload(_ request: ReloadRequest) async throws -> ReloadResult {
        try await self.runtime().reload(request)
    }

    func confirmReload() async throws -> ReloadResult {
        try await self.runtime().confirmReload()
    }

    func undoReload() async throws -> ReloadResult {
        try await self.runtime().undoReload()
    }

    func perform(_ action: NeighborAction, neighbor: String, message: String?) async throws -> NeighborActionResult {
        let order: Speaker.NeighborAction =
            switch action {
            case .up: .up
            case .down: .down
            case .restart: .restart
            case .refreshIn: .refreshIn
            case .refreshOut: .refreshOut
            }
        let runtime = try await self.runtime()
        do throws(ControlFailure) {
            let text = try await runtime.speaker.perform(order, on: neighbor, message: message)
            return NeighborActionResult(name: neighbor, action: action, message: text)
        } catch {
            throw error.control
        }
    }

    func shutdown() async throws {
        try await self.runtime().shutDown()
    }
}

extension ControlFailure {
    /// The failure as the control interface reports it.
    var control: ControlError {
        switch self {
        case .unknownNeighbor(let name, let known):
            // People have the address at hand, or a name in other letters.
            let found =
                IPAddress(name).flatMap { address in known.keys.sorted().first { known[$0] == address } }
                ?? known.keys.sorted().first { $0.lowercased() == name.lowercased() }
                ?? nearest(to: name, in: known.keys.sorted())
            return ControlError(.notFound, "no neighbor named '\(name)'" + Self.hint(found))
        case .unknownTable(let name, let known):
            return ControlError(.notFound, "no table named '\(name)'" + Self.hint(nearest(to: name, in: known)))
        case .notPossible(let text): return ControlError(.conflict, text)
        }
    }

    private static func hint(_ name: String?) -> String { name.map { "; did you mean '\($0)'?" } ?? "" }
}

extension Timestamp {
    /// Creates a moment from seconds since 1970.
    init(seconds: Double) {
        self.init(milliseconds: Int64(seconds * 1000))
    }
}

/// Resident memory of the process in octets, and the part that pages of files make up; 0 when /proc does not say.
private func residentMemory() -> (resident: UInt64, files: UInt64) {
    guard let file = fopen("/proc/self/statm", "r") else { return (0, 0) }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 128)
    guard fgets(&buffer, 128, file) != nil else { return (0, 0) }
    let words = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        .split(separator: " ")
    guard words.count > 2, let resident = UInt64(words[1]), let files = UInt64(words[2]) else { return (0, 0) }
    let page = UInt64(sysconf(Int32(_SC_PAGESIZE)))
    return (resident &* page, files &* page)
}
