internal import BGPSession
public import BGPWire
internal import CLinux
internal import Glibc
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import SpeakerSettings
internal import Synchronization

/// Runs one configured peer on its event loop: feeds the state machine, owns timers and connections, frames and decodes.
actor PeerSession {
    nonisolated let loop: any EventLoop
    nonisolated let id: PeerID
    nonisolated let inbox: Inbox<PeerMessage>
    private nonisolated let executor: any SerialExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    let core: Inbox<CoreMessage>
    /// Seed of attribute hashes.
    let hashSeed: UInt64
    /// UPDATEs the transport does not have yet.
    nonisolated let unsent = Unsent()
    var logger: Logger
    var settings: BGPSettings
    var transport: TransportSettings
    var machine: PeerStateMachine
    private var inputs = CircularBuffer<PeerInput>()
    private var isHandling = false
    var connections: [ConnectionID: Connection] = [:]
    var timers: [PeerTimer: RunningTimer] = [:]
    var session: SessionSerial?
    var sessionCount: UInt32 = 0
    var establishedAt: NIODeadline?
    var establishedTime: Double?
    /// When the machine was told last that octets left.
    var transmissionNoted = NIODeadline.uptimeNanoseconds(0)
    var lastErrorTime: Double?
    /// What the last error does not tell once an attempt to connect failed.
    var lastSent: NotedNotification?
    var lastReceived: NotedNotification?
    var counters = MessageCounters()
    var errorLines = LogAllowance()
    var sessionLines = LogAllowance()
    var unused = UnusedRoutes()
    var decoder = UpdateDecoder()
    var batch = RouteBatch()
    /// Import policies that run here.
    var judges = ImportJudges()
    /// Octets of batches that the core has not taken in yet.
    var outstanding = 0
    /// A descriptor offered by the listener while the machine decides about it.
    var offered: CInt?
    /// Connections the machine has given up that still send their NOTIFICATION.
    var closing = 0
    /// Spreads timers; drawn from with every write, so it must not ask the kernel.
    var random = JitterGenerator()

    /// Above this many octets under way to the core, the socket is not read.
    static let outstandingLimit = 4 << 20

    /// How the transport of a peer is set up beyond what the machine knows.
    struct TransportSettings: Hashable, Sendable {
        /// The neighbour's end for our own attempts.
        var remote: SocketEndpoint
        /// Source address of our attempts.
        var local: SocketEndpoint?
        /// MD5, TTL, GTSM.
        var options: SessionSocketOptions
    }

    struct Connection {
        var channel: (any Channel)?
        /// The channel's socket, for writes past it; good for as long as the channel is active.
        var descriptor: CInt = -1
        var handler: NIOLoopBound<ConnectionHandler>?
        /// Written before the channel was there.
        var backlog: [ByteBuffer] = []
        /// Received octets that are not a whole message yet.
        var rest: ByteBuffer?
        /// Set once the session is Established.
        var context: UpdateContext?
        var maximumMessageLength = MessageHeader.standardMaximumLength
        /// The UPDATE event was reported for the octets being read.
        var deliversUpdates = false
        /// Writes that the transport has not taken, and since when there are any.
        var pendingWrites = 0
        var pendingSince = NIODeadline.distantPast
    }

    /// A timer with the deadline it has now; the scheduled task may be older and is then renewed when it fires.
    struct RunningTimer {
        var deadline: NIODeadline
        var task: Scheduled<Void>
        var taskDeadline: NIODeadline
        var isGraceUsed = false
    }

    init(
        id: PeerID,
        loop: any EventLoop,
        settings: BGPSettings,
        configuration: SessionConfiguration,
        transport: TransportSettings,
        core: Inbox<CoreMessage>,
        hashSeed: UInt64,
        logger: Logger
    ) {
        self.id = id
        self.loop = loop
        self.executor = loop.executor
        self.inbox = Inbox(loop: loop)
        self.core = core
        self.hashSeed = hashSeed
        self.settings = settings
        self.transport = transport
        self.machine = PeerStateMachine(configuration: configuration)
        self.logger = logger
        self.logger[metadataKey: "peer"] = "\(settings.common.name)"
    }

    /// Begins to take messages of the core.
    nonisolated func activate() {
        self.inbox.setReader { [weak self] in
            self?.assumeIsolated { $0.drainInbox() }
        }
    }

    /// Gives the machine an input and does what it says.
    func handle(_ input: PeerInput) {
        // An attempt can fail, or a write complete, while an action is performed: its event waits for the other actions.
        self.inputs.append(input)
        guard !self.isHandling else { return }
        self.isHandling = true
        defer { self.isHandling = false }
        while let next = self.inputs.popFirst() {
            if self.settings.common.debug.contains(.events), next.isEvent {
                self.logger.info("Event", metadata: ["event": "\(next)"])
            }
            for action in self.machine.handle(next) { self.perform(action) }
        }
    }

    // MARK: - Orders

    /// Starts the peer.
    func start() {
        self.handle(.start)
    }

    /// Stops the peer for good or until `start`.
    func stop(_ notification: Notification?) {
        self.handle(.stop(notification))
    }

    /// Ends the session and lets it come back.
    func reset(_ notification: Notification) {
        if self.machine.isStopped { return }
        self.handle(.reset(notification))
    }

    /// Takes settings that need no new session.
    func update(_ settings: BGPSettings, configuration: SessionConfiguration, transport: TransportSettings) {
        self.settings = settings
        self.transport = transport
        self.machine.reconfigure(configuration)
    }

    /// Reports the state of the peer's interface or of the session's local address.
    func setLink(up: Bool) {
        self.handle(up ? .linkUp : .linkDown)
    }

    /// Asks the peer for its routes again; false when the session cannot.
    func requestRefresh(_ family: AddressFamily) -> Bool {
        guard let negotiated = self.machine.negotiated, negotiated.routeRefresh,
            negotiated.parameters(of: family) != nil, let id = self.machine.establishedConnection
        else { return false }
        var octets: [UInt8] = []
        RouteRefresh(family: family).encode(into: &octets)
        self.counters.sent.routeRefresh += 1
        self.write(ByteBuffer(bytes: octets), on: id)
        return true
    }

    /// Takes a connection that the listener accepted.
    ///
    /// With a local address configured, the session is had on that address alone, whatever the socket listens on.
    func offer(_ descriptor: CInt) {
        if let local = self.transport.local, BGPSocket.localEnd(of: descriptor)?.address != local.address {
            BGPSocket.abort(descriptor)
            return
        }
        // What arrived before the connection gets its own minimum TTL would be heard (RFC 5082 §3).
        if let minimum = self.transport.options.minimumTTL {
            let ttl = clinux_syn_ttl(descriptor)
            guard ttl < 0 || ttl >= CInt(minimum) else {
                self.logger.debug("Connection refused", metadata: ["reason": "TTL security", "ttl": "\(ttl)"])
                BGPSocket.abort(descriptor)
                return
            }
        }
        self.offered = descriptor
        self.handle(.connectionOffered)
        if let descriptor = self.offered {
            // No answer of the machine: treat it as a refusal.
            self.offered = nil
            close(descriptor)
        }
    }

    /// Whether any connection is open, or being closed with something still to send.
    var hasConnections: Bool { !self.connections.isEmpty || self.closing > 0 }

    private func drainInbox() {
        while true {
            let messages = self.inbox.receive()
            if messages.isEmpty { return }
            for message in messages {
                switch message {
                case .processed(let serial, let count):
                    guard serial == self.session else { continue }
                    self.outstanding -= count
                    self.resumeIfPossible()
                case .end(let serial, let notification, let restart):
                    guard serial == self.session else { continue }
                    self.handle(.automaticStop(notification, restart))
                    if restart == .never, let reason = self.machine.lastError {
                        self.core.send(.disabled(self.id, reason))
                    }
                case .judge(let serial, let family, let judge):
                    guard serial == self.session else { continue }
                    self.setJudge(judge, family)
                }
            }
            self.inbox.recycle(messages)
        }
    }
}

/// Octets of UPDATEs on their way from the core to a peer's socket; both sides count.
final class Unsent: Sendable {
    /// Above this many octets a peer does not read fast enough: it gets a group of its own and waits.
    static let limit = 4 << 20

    private let octets = Atomic<Int>(0)
    private let isAwaited = Atomic<Bool>(false)

    /// Octets under way.
    var count: Int { self.octets.load(ordering: .relaxed) }

    /// Counts what the core hands over.
    func add(_ count: Int) { self.octets.add(count, ordering: .sequentiallyConsistent) }

    /// Counts what the transport took; true when the core waits for it.
    func remove(_ count: Int) -> Bool {
        let left = self.octets.subtract(count, ordering: .sequentiallyConsistent).newValue
        return left <= Self.limit && self.isAwaited.exchange(false, ordering: .sequentiallyConsistent)
    }

    /// Whether the peer takes more now; if not, the core is told when it does.
    var isReady: Bool {
        if self.octets.load(ordering: .sequentiallyConsistent) <= Self.limit { return true }
        self.isAwaited.store(true, ordering: .sequentiallyConsistent)
        return self.octets.load(ordering: .sequentiallyConsistent) <= Self.limit
    }
}

/// Messages sent and received by type, since the peer was made.
struct MessageCounters: Sendable {
    struct Counts: Sendable {
        var open: UInt64 = 0
        var update: UInt64 = 0
        var notification: UInt64 = 0
        var keepalive: UInt64 = 0
        var routeRefresh: UInt64 = 0
    }

    var sent = Counts()
    var received = Counts()
    /// UPDATEs treated as withdrawals (RFC 7606).
    var treatedAsWithdraw: UInt64 = 0
    /// Attributes discarded (RFC 7606).
    var discardedAttributes: UInt64 = 0
    /// Both by attribute and cause.
    var errors: [UpdateErrorKind: UInt64] = [:]

    /// Counts an error.
    mutating func count(_ error: AttributeError, isDiscarded: Bool) {
        self.count(UpdateErrorKind(type: error.type, cause: error.cause, isDiscarded: isDiscarded))
    }

    /// Counts an error that occurred a number of times.
    mutating func count(_ kind: UpdateErrorKind, times: Int = 1) {
        // Types are 256 and causes few, but a peer need not fill memory with all of them.
        guard self.errors.count < 256 || self.errors[kind] != nil else { return }
        self.errors[kind, default: 0] &+= UInt64(times)
    }
}

/// Which error an UPDATE had and what was done about it.
public struct UpdateErrorKind: Hashable, Sendable {
    /// The attribute.
    public var type: PathAttributeType
    /// What was wrong.
    public var cause: AttributeError.Cause
    /// Whether the attribute was left out; else the routes count as withdrawn.
    public var isDiscarded: Bool
}

/// Limits how much a peer can write into the log: ten lines at once, then one a second.
struct LogAllowance: Sendable {
    private static let burst = 10
    private var left = Self.burst
    private var last = NIODeadline.now()
    /// Lines left out since the last one that was not.
    private(set) var suppressed: UInt64 = 0

    /// Whether to write a line now; if so, how many were left out before.
    mutating func take(at now: NIODeadline) -> UInt64? {
        let seconds = Int(clamping: (now - self.last).nanoseconds / 1_000_000_000)
        if seconds > 0 {
            self.left = min(Self.burst, self.left + min(seconds, Self.burst))
            self.last = now
        }
        guard self.left > 0 else {
            self.suppressed &+= 1
            return nil
        }
        self.left -= 1
        defer { self.suppressed = 0 }
        return self.suppressed
    }
}

/// Random numbers for timers: splitmix64 (Steele, Lea, Flood 2014) with a random seed.
struct JitterGenerator: RandomNumberGenerator {
    private var state = UInt64.random(in: .min ... .max)

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
