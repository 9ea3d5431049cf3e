internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import Netlink
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings
internal import Synchronization

/// The single writer: owns tables, protocol instances and the picture of the host, on one event loop.
actor SpeakerCore {
    nonisolated let loop: any EventLoop
    private nonisolated let executor: any SerialExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }
    nonisolated let inbox: Inbox<CoreMessage>
    /// Who may connect: by address and scope.
    ///
    /// Read by the acceptor's thread.
    nonisolated let registry = PeerRegistry()

    /// Peers are spread over them in turn.
    nonisolated let sessionLoops: [SessionLoop]
    var nextLoop = 0
    /// Hashes of the sets looked up next.
    var hashes: [UInt64] = []
    let options: Speaker.Options
    let logger: Logger
    let startedAt = NIODeadline.now()
    let startTime = wallClock()

    var settings: SpeakerSettings
    var routerID = RouterID(rawValue: 0)
    /// Nobody outside knows where attribute sets and prefixes lie in hash tables, so nobody can make them collide.
    nonisolated let hashSeed = UInt64.random(in: .min ... .max)
    var routing: RoutingCore<FilterProgram>
    /// Judges given out so far.
    var judgeCount: UInt32 = 0
    var interfaces = InterfaceTable()
    var peers: [PeerID: PeerEntry] = [:]
    var peersByName: [String: PeerID] = [:]
    /// Where what a source's peer is sent goes, by index of the source.
    var outlets: [Outlet?] = []
    var nextPeer: UInt32 = 1
    var statics: [String: StaticInstance] = [:]
    var directs: [String: DirectInstance] = [:]
    var kernels: [String: KernelInstance] = [:]
    var pipes: [String: PipeInstance] = [:]
    /// Those that the monitor's thread shows events to.
    nonisolated let kernelWriters = KernelWriters()
    /// What those may take who are not peers.
    var pace = ConsumerPace()
    var since: [String: Double] = [:]
    /// Instances whose running filters are older than their settings, since a soft reload.
    var waitingFilters: Set<String> = []
    var connectedTables: [AddressFamily: TableID] = [:]
    var connected: [AddressFamily: (id: SourceID, announced: [IPPrefix: UInt32])] = [:]

    /// What a former run left, and what this one waits for before it speaks.
    var ownRestart: OwnRestart?
    /// Families in which this run had routes in the kernel.
    var kernelFamilies: Set<AddressFamily> = []
    /// Peers that a reload takes down and makes again.
    var returningPeers: Set<String> = []
    /// Numbers of timers of stale routes.
    var staleNumber: UInt64 = 0
    var listeners: Listeners?
    var kernelThread: KernelThread?
    var monitor: KernelMonitor?
    var monitorTopics: KernelMonitor.Topics = []
    var deviceScan: RepeatedTask?
    var isStarted = false
    var isStopping = false
    private var isRunScheduled = false
    /// What was taken out of the inbox, and how far this is with it.
    private var messages: [CoreMessage] = []
    private var nextMessage = 0
    var trimming = Trimming()
    /// Peers whose limits of routes are looked at once no work on their routes is left.
    var limitsDue: Set<PeerID> = []
    /// Peers with an `export limit`, and when they are looked at next.
    var exportLimited: Set<PeerID> = []
    var isExportCheckScheduled = false
    /// Whether some peer's charge for attribute sets is under review.
    var hasChargeReviews = false

    init(
        loop: any EventLoop,
        sessionLoops: any EventLoopGroup,
        settings: SpeakerSettings,
        options: Speaker.Options,
        logger: Logger
    ) {
        self.loop = loop
        self.executor = loop.executor
        self.inbox = Inbox(loop: loop)
        let inbox = self.inbox
        self.sessionLoops = sessionLoops.makeIterator().map { SessionLoop(loop: $0, core: inbox) }
        self.routing = RoutingCore(hashSeed: self.hashSeed)
        self.settings = settings
        self.options = options
        self.logger = logger
    }

    // MARK: - Life

    func start() async throws {
        let thread = try KernelThread(name: "bgp-kernel", open: self.options.openKernel)
        self.kernelThread = thread
        let topics = Self.monitorTopics(for: self.settings)
        if let monitor = try self.makeMonitor(topics) { self.use(monitor, topics) }
        let (links, addresses) = try await thread.perform { kernel throws(NetlinkError) in
            (try kernel.links(), try kernel.addresses())
        }
        _ = self.interfaces.replace(links: links, addresses: addresses)
        guard let routerID = self.chosenRouterID(self.settings) ?? self.anyRouterID(self.settings) else {
            throw SpeakerError.noRouterID
        }
        self.routerID = routerID
        self.tellInterfaces(to: [:])
        for table in self.settings.tables { _ = self.routing.addTable(table.name, family: table.family) }
        self.addConnectedTables()
        self.inbox.setReader { [weak self] in self?.assumeIsolated { $0.run() } }
        // State first, listeners last: what a peer sees of this speaker is complete from its first OPEN on.
        let kernels = self.settings.protocols.filter { if case .kernel = $0 { true } else { false } }
        for settings in self.settings.protocols where !kernels.contains(settings) { self.add(settings) }
        for settings in kernels { self.add(settings) }
        for name in Array(self.kernels.keys) { await self.firstScan(name) }
        guard !self.isStopping else { return }
        self.recognizeRestart()
        let registry = self.registry
        self.listeners = try Listeners { descriptor, _, remote in registry.offer(descriptor, from: remote) }
        self.isStarted = true
        self.scheduleTrimming()
        self.updateListeners()
        for id in Array(self.peers.keys) { self.startPeer(id) }
        self.beginDeferral()
        self.writeRestartMarker()
        self.logger.info("Speaker started", metadata: ["routerID": "\(routerID)", "peers": "\(self.peers.count)"])
        self.scheduleRun()
    }

    func stop(_ mode: Speaker.StopMode) async {
        guard !self.isStopping else { return }
        self.isStopping = true
        self.listeners?.stop()
        self.deviceScan?.cancel()
        self.trimming.task?.cancel()
        for instance in self.kernels.values { instance.scanTask?.cancel() }
        for entry in self.peers.values { await entry.session.stop(self.farewell(to: entry, mode)) }
        if mode == .final {
            self.removeRestartMarker()
            for (name, instance) in self.kernels where !instance.settings.persists {
                await self.releaseEverything(name)
            }
        }
        // The NOTIFICATIONs have left the sessions' loops when their connections are closed.
        for _ in 0..<40 {
            var open = false
            for entry in self.peers.values where await entry.session.hasConnections { open = true }
            if !open { break }
            try? await Task.sleep(for: .milliseconds(50))
        }
        self.monitor?.stop()
        self.kernelThread?.stop()
        self.inbox.close()
        for entry in self.peers.values { entry.session.inbox.close() }
        for loop in self.sessionLoops { loop.close() }
    }

    // MARK: - The loop

    /// Runs soon; several calls make one run.
    func scheduleRun() {
        guard !self.isRunScheduled, !self.isStopping else { return }
        self.isRunScheduled = true
        self.loop.execute { [weak self] in
            self?.assumeIsolated {
                $0.isRunScheduled = false
                $0.run()
            }
        }
    }

    /// One turn: take what waits for up to about a millisecond, do a slice of queued work, then send what is owed.
    ///
    /// Idle means that a single change goes out at once; under load many changes share messages and writes.
    private func run() {
        guard !self.isStopping else { return }
        let begin = NIODeadline.now()
        let isEmpty = self.takeMessages(until: begin + .milliseconds(1))
        if self.routing.hasWork { _ = self.routing.work(16_384) }
        if !self.limitsDue.isEmpty { self.checkRouteLimits() }
        let hasImages = self.drainPipes()
        self.finishChargeReviews()
        let hasOutput = self.flushGroups()
        self.pace.notePeers(begin, NIODeadline.now())
        let hasChanges = self.drainKernels()
        self.checkExportLimits()
        // Pipes and flushes may have made work for the tables.
        if !isEmpty || hasImages || hasOutput || hasChanges || self.routing.hasWork { self.scheduleRun() }
    }

    /// Takes messages until none waits, which it returns, or time is up.
    ///
    /// What comes in while time is up waits, so that what is owed for it goes out while it is still in the processor's
    /// caches, and no group falls behind the journal for the length of the queue.
    private func takeMessages(until deadline: NIODeadline) -> Bool {
        repeat {
            if self.nextMessage == self.messages.count {
                var taken: [CoreMessage] = []
                swap(&taken, &self.messages)
                self.inbox.recycle(taken)
                self.messages = self.inbox.receive()
                self.nextMessage = 0
                if self.messages.isEmpty { return true }
            }
            // Nothing of a message stays behind: it may be large.
            var message = CoreMessage.ready
            swap(&message, &self.messages[self.nextMessage])
            self.nextMessage += 1
            self.take(message)
        } while NIODeadline.now() < deadline
        return false
    }

    private func take(_ message: CoreMessage) {
        switch message {
        case .reached(let id): self.peers[id]?.wasReached = true
        case .established(let serial, let session): self.sessionIsUp(serial, session)
        case .down(let serial, _, let keepsRoutes): self.sessionIsDown(serial, keepsRoutes: keepsRoutes)
        case .disabled(let id, let reason): self.peerIsDisabled(id, reason)
        case .routes(let serial, let batch): self.ingest(batch, serial)
        case .refresh(let serial, let refresh): self.refresh(refresh, serial)
        case .ready: break
        }
    }

    // MARK: - Protocol instances

    /// Brings one protocol instance into being.
    func add(_ settings: ProtocolSettings) {
        self.since[settings.common.name] = wallClock()
        if !settings.isBGP { self.trace(settings.common, .states, "State changed", ["to": "up"]) }
        switch settings {
        case .bgp(let settings): self.addPeer(settings)
        case .static(let settings): self.addStatic(settings)
        case .direct(let settings): self.addDirect(settings)
        case .kernel(let settings): self.addKernel(settings)
        case .device(let settings): self.scheduleDeviceScan(settings)
        case .pipe(let settings): self.addPipe(settings)
        }
    }

    /// Ends one protocol instance; its routes go.
    func remove(_ settings: ProtocolSettings, _ notification: Notification) {
        let name = settings.common.name
        self.since[name] = nil
        if !settings.isBGP { self.trace(settings.common, .states, "State changed", ["to": "down"]) }
        switch settings {
        case .bgp: self.removePeer(name, notification)
        case .static:
            if let source = self.statics.removeValue(forKey: name)?.source { self.routing.removeSource(source) }
        case .direct:
            for source in self.directs.removeValue(forKey: name)?.sources.values.map(\.id) ?? [] {
                self.routing.removeSource(source)
            }
        case .kernel: self.removeKernel(name)
        case .pipe: self.removePipe(name)
        case .device:
            self.deviceScan?.cancel()
            self.deviceScan = nil
        }
        self.scheduleRun()
    }

    /// Time in seconds that scan tasks and the like are told in.
    static func seconds(_ value: UInt16) -> TimeAmount { .seconds(Int64(max(value, 1))) }
}

/// Peers by the address they connect from: the only thing the acceptor's thread reads.
final class PeerRegistry: Sendable {
    private struct Key: Hashable {
        var address: IPAddress
        var scope: UInt32
    }

    private let peers = Mutex<[Key: PeerSession]>([:])
    private let refused = Atomic<UInt64>(0)

    /// Makes a peer known.
    func insert(_ peer: PeerSession, for remote: SocketEndpoint) {
        self.peers.withLock { $0[Key(address: remote.address, scope: remote.scope)] = peer }
    }

    /// Forgets a peer, if it is still the one at that address.
    func remove(_ peer: PeerSession, for remote: SocketEndpoint) {
        self.peers.withLock { peers in
            let key = Key(address: remote.address, scope: remote.scope)
            if peers[key] === peer { peers[key] = nil }
        }
    }

    /// Hands a connection to its peer's loop; one from a stranger is reset.
    func offer(_ descriptor: CInt, from remote: SocketEndpoint) {
        let peer = self.peers.withLock { $0[Key(address: remote.address, scope: remote.scope)] }
        guard let peer else {
            self.refused.add(1, ordering: .relaxed)
            BGPSocket.abort(descriptor)
            return
        }
        peer.loop.execute { peer.assumeIsolated { $0.offer(descriptor) } }
    }

    /// Connections from strangers so far.
    var refusedCount: UInt64 { self.refused.load(ordering: .relaxed) }
}
