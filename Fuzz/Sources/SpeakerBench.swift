import BGPWire
import ConfigLanguage
import IPAddressing
import Logging
import NIOCore
import Netlink
import Policy
import RouteModel
import SpeakerSettings
import Virtual

@testable import Routing
@testable import Speaker

/// Takes decisions from octets until they are used up.
struct Choices {
    private var octets: ArraySlice<UInt8>

    init(_ octets: [UInt8]) { self.octets = octets[...] }

    var isEmpty: Bool { self.octets.isEmpty }

    mutating func octet() -> UInt8 { self.octets.popFirst() ?? 0 }

    mutating func octets(_ count: Int) -> [UInt8] {
        let head = Array(self.octets.prefix(count))
        self.octets = self.octets.dropFirst(count)
        return head
    }

    /// So many octets as the next one says.
    mutating func some() -> [UInt8] { self.octets(Int(self.octet())) }
}

/// A whole speaker with neighbours that say what the input spells, and observers that hold it to what it tells them.
///
/// All is in virtual time and on one thread: sessions, state machines, routing core, kernel protocols and reload are the
/// product's own; sockets, event loops and the kernel are stand-ins.
final class SpeakerBench {
    let speaker: Speaker
    let kernel: FakeKernel
    private let executor = VirtualTaskExecutor()
    /// Octets of the input, for what may grow with it.
    var inputCount = 0
    var ends: [RemoteEnd] = []
    private var observers: [RemoteEnd] { self.ends.filter { $0.neighbor.isObserver } }
    private var isLinkUp = true
    /// Paths and attribute sets of the speaker alone.
    private var base = (paths: 0, sets: 0)
    private(set) var settings: SpeakerSettings
    /// Whether observers may lose their sessions: a reload may restart them.
    private let reloads: Bool
    private let isDebugged: Bool

    init(_ text: String, _ neighbors: [Neighbor], reloads: Bool) {
        VirtualTime.reset()
        VirtualNetwork.reset()
        KernelMonitor.reset()
        Logger.octets = 0
        self.reloads = reloads
        self.isDebugged = text.contains("debug protocols all")
        let kernel = FakeKernel()
        self.kernel = kernel
        let index = kernel.addLink("eth0")
        for text in ["192.0.2.1/24", "2001:db8::1/64", "fe80::1/64"] {
            if let address = AddressWithLength(text) { kernel.addAddress(address, to: index) }
        }
        kernel.deliverEvents { KernelMonitor.show($0) }
        VirtualRoute.locals = ["192.0.2.1", "2001:db8::1"].compactMap { try? SocketAddress(ipAddress: $0, port: 179) }
        let loaded = Self.load(text)
        guard let settings = loaded.settings else { fail("\(loaded.diagnostics)\n\(text)") }
        self.settings = settings
        let options = Speaker.Options(
            sessionThreads: 2,
            openKernel: { () throws(NetlinkError) in kernel }
        )
        guard let speaker = try? Speaker(settings: settings, options: options, logger: Logger(label: "fuzz")) else {
            fail("no speaker")
        }
        self.speaker = speaker
        self.ends = neighbors.map { RemoteEnd($0) }
        self.perform { try await speaker.start() }
        self.settle()
        require(self.core { $0.isStarted }, "the speaker did not start")
        for end in self.observers { self.establish(end) }
        self.settle()
        if !reloads { self.base = self.core { Self.holdings($0) } }
    }

    /// Ends sessions, whose connections hold them, and forgets what is queued.
    deinit {
        self.core { core in
            for entry in core.peers.values { entry.session.assumeIsolated { $0.stop(nil) } }
        }
        for attempt in VirtualNetwork.attempts { attempt.refuse() }
        for end in self.ends { end.channel?.isStalled = false }
        _ = VirtualTime.run()
        self.kernel.deliverEvents(to: nil)
        VirtualTime.reset()
        VirtualNetwork.reset()
        KernelMonitor.reset()
    }

    nonisolated(unsafe) private static var loaded: [String: LoadResult] = [:]

    static func load(_ text: String) -> LoadResult {
        if let known = self.loaded[text] { return known }
        if self.loaded.count > 1000 { self.loaded = [:] }
        let result = ConfigurationLoader.load(root: "f", provider: InMemorySources(["f": text]))
        self.loaded[text] = result
        return result
    }

    /// Does something with the core, which is on this thread as everything is.
    func core<Value: Sendable>(_ work: (isolated SpeakerCore) throws -> Value) rethrows -> Value {
        try withoutActuallyEscaping(work) { work in
            nonisolated(unsafe) let work = work
            return try self.speaker.core.assumeIsolated { core in try work(core) }
        }
    }

    /// Starts something that takes time.
    func perform(_ work: @escaping @Sendable () async throws -> Void) {
        Task(executorPreference: self.executor) { try? await work() }
    }

    // MARK: Time

    /// Lets time pass, in which observers keep their sessions up.
    func pass(_ milliseconds: Int) {
        var left = milliseconds
        repeat {
            let part = min(left, 20_000)
            require(VirtualTime.run(for: UInt64(part) * 1_000_000), "no rest")
            left -= part
            for end in self.ends { end.read() }
            for end in self.observers {
                if end.isEstablished { end.send(.keepalive, []) }
                if end.channel == nil, self.isLinkUp { self.establish(end) }
            }
        } while left > 0
        require(VirtualTime.run(), "no rest")
        for end in self.ends { end.read() }
    }

    /// Lets happen what follows from what happened.
    func settle() { self.pass(100) }

    // MARK: Neighbours

    /// Has a neighbour connect; its former connection, if any, ends.
    func connect(_ end: RemoteEnd) {
        end.channel?.finish(0)
        end.forget()
        guard
            let local = VirtualRoute.locals.first(where: {
                SocketEndpoint($0)?.address.isIPv4 == end.neighbor.address.isIPv4
            }),
            let remote = try? SocketAddress(ipAddress: "\(end.neighbor.address)", port: 40_000)
        else { return }
        let descriptor = VirtualNetwork.offer(local: local, remote: remote)
        self.speaker.core.registry.offer(descriptor, from: SocketEndpoint(address: end.neighbor.address, port: 40_000))
        require(VirtualTime.run(), "no rest")
        end.channel = VirtualNetwork.takeAccepted(descriptor)
    }

    private func establish(_ end: RemoteEnd) {
        self.connect(end)
        end.sendOpen(flags: 0xFF)
        end.send(.keepalive, [])
        require(VirtualTime.run(), "no rest")
        end.read()
    }

    /// Answers a connection that the speaker dials.
    func answer(_ choice: UInt8) {
        guard !VirtualNetwork.attempts.isEmpty else { return }
        let attempt = VirtualNetwork.attempts.remove(at: Int(choice >> 2) % VirtualNetwork.attempts.count)
        guard choice & 3 != 0 else { return attempt.refuse() }
        guard let remote = SocketEndpoint(attempt.remote),
            let end = self.ends.first(where: { $0.neighbor.address == remote.address }), !end.neighbor.isObserver
        else { return }
        end.channel?.finish(0)
        end.forget()
        end.channel = attempt.channel
        attempt.accept()
    }

    func setLink(_ choice: UInt8) {
        switch choice & 7 {
        case 0:
            self.isLinkUp = false
            self.kernel.setCarrier(2, present: false)
        case 1, 2, 3:
            self.isLinkUp = true
            self.kernel.setCarrier(2, present: true)
        case 4: if let address = AddressWithLength("198.51.100.1/24") { self.kernel.addAddress(address, to: 2) }
        case 5: if let address = AddressWithLength("198.51.100.1/24") { self.kernel.removeAddress(address, from: 2) }
        case 6: self.kernel.failNext(NetlinkError(code: 105, request: "anything"))
        default: KernelMonitor.show([.overrun])
        }
        // Sessions of a link that is gone end; observers come back with it.
        if !self.isLinkUp { for end in self.ends { end.channel?.finish(110) } }
    }

    func control(_ choice: UInt8) {
        let names = self.ends.filter { !$0.neighbor.isObserver }.map(\.neighbor.name)
        let name = names[Int(choice >> 3) % names.count]
        let actions: [Speaker.NeighborAction] = [
            .up, .down, .restart, .refreshIn, .refreshOut, .up, .restart, .refreshOut,
        ]
        let action = actions[Int(choice & 7)]
        self.perform { [speaker = self.speaker] in _ = try await speaker.perform(action, on: name) }
    }

    // MARK: Reload

    /// Reloads; the speaker must then run what it was told, or what it ran before.
    func reload(_ text: String, isSoft: Bool, fails: Bool) {
        guard let new = Self.load(text).settings else { fail("\(Self.load(text).diagnostics)\n\(text)") }
        let old = self.settings
        Listeners.failsNext = fails
        let isDone = self.core { core in
            do {
                _ = try core.reload(new, isSoft: isSoft)
                require(core.settings == new, "other settings than those reloaded")
                if !isSoft { require(core.plan(new, isSoft: false).isEmpty, "a reload that leaves something to do") }
                return true
            } catch {
                require(core.settings == old, "a reload failed and changed settings")
                return false
            }
        }
        Listeners.failsNext = false
        if isDone { self.settings = new }
    }

    // MARK: Promises

    private static func holdings(_ core: isolated SpeakerCore) -> (paths: Int, sets: Int) {
        let paths = core.routing.tables.reduce(0) { $0 + core.routing.counters($1).paths }
        return (paths, core.routing.attributeSetCount)
    }

    /// What must hold at rest.
    func check(input: Int) {
        self.settle()
        self.core { core in
            let broken = core.routing.checkInvariants()
            require(broken.isEmpty, broken.joined(separator: "\n"))
            require(core.routing.memory.total < 64 << 20, "the core holds \(core.routing.memory.total) octets")
            for entry in core.peers.values {
                let octets = entry.session.assumeIsolated { $0.bufferedOctets }
                require(octets < 12 << 20, "\(entry.settings.common.name) holds \(octets) octets")
                let connections = entry.session.assumeIsolated { $0.connections.count }
                require(connections <= 2, "\(entry.settings.common.name) has \(connections) connections")
            }
        }
        // Ten lines at once of up to 600 octets each, and some for every session; a line of each OPEN for who debugs.
        let octets = self.isDebugged ? 2000 : 400
        require(Logger.octets < 100_000 + octets * input, "\(Logger.octets) octets of log for \(input)")
        for end in self.observers { self.compare(end) }
    }

    /// An observer holds exactly what it is entitled to.
    private func compare(_ end: RemoteEnd) {
        let name = end.neighbor.name
        let isUp = self.core { core in core.peersByName[name].flatMap { core.peers[$0] }?.up != nil }
        if !self.reloads, self.isLinkUp {
            require(isUp && end.isEstablished, "\(name) lost its session: \(end.lastError ?? "")")
        }
        guard isUp, end.isEstablished else { return }
        let held = end.held
        for family in [AddressFamily.ipv4Unicast, .ipv6Unicast] {
            let expected: [RemoteEnd.Key: RemoteEnd.Route]? = self.core { core in
                guard let source = core.peersByName[name].flatMap({ core.peers[$0] })?.up?.channels[family]?.source
                else {
                    return nil
                }
                var routes: [RemoteEnd.Key: RemoteEnd.Route] = [:]
                for view in core.routing.exported(to: source, limit: .max).elements {
                    routes[RemoteEnd.Key(prefix: view.prefix, pathID: view.pathID ?? 0)] = RemoteEnd.Route(
                        attributes: view.attributes,
                        nextHop: view.nextHop
                    )
                }
                return routes
            }
            guard let expected else { continue }
            let actual = held.filter { $0.key.prefix.isIPv4 == (family == .ipv4Unicast) }
            for key in Set(expected.keys).union(actual.keys) where expected[key] != actual[key] {
                fail(
                    """
                    \(name) \(key.prefix) \(key.pathID)
                    is entitled to \(String(describing: expected[key]))
                    holds \(String(describing: actual[key]))
                    """
                )
            }
        }
    }

    /// When every neighbour but the observers is gone for long, nothing of theirs is left.
    func checkEnd(input: Int) {
        for end in self.ends where !end.neighbor.isObserver {
            end.channel?.finish(0)
            end.forget()
        }
        self.setLink(1)
        self.setLink(5)
        self.pass(600_000)
        self.check(input: input)
        let left = self.core { Self.holdings($0) }
        require(left == self.base, "\(left) is left, \(self.base) was there before")
    }
}
