/// The speaker as a whole: `GET /v1/status`.
public struct Status: Codable, Hashable, Sendable {
    /// Version of the program.
    public var version: String
    /// Router identifier as a dotted quad; nil while none was chosen.
    public var routerID: String?
    /// When the process started.
    public var startedAt: Timestamp
    /// Seconds since then.
    public var uptimeSeconds: UInt64
    /// Path of the running configuration's file.
    public var configurationFile: String?
    /// The last attempt to load a configuration; the first one is the start itself.
    public var lastReload: Reload?
    /// When the last reload undoes itself unless it is confirmed.
    public var reloadRevertsAt: Timestamp?
    /// Whether the speaker does its work.
    public var readiness: Readiness
    /// Resident memory of the process in bytes.
    public var memoryBytes: UInt64
    /// Routing tables.
    public var tables: [TableStatus]
    /// Protocol instances in order of definition.
    public var protocols: [ProtocolStatus]

    /// Creates a status.
    public init(
        version: String,
        routerID: String?,
        startedAt: Timestamp,
        uptimeSeconds: UInt64,
        configurationFile: String?,
        lastReload: Reload?,
        readiness: Readiness,
        memoryBytes: UInt64,
        tables: [TableStatus],
        protocols: [ProtocolStatus]
    ) {
        self.version = version
        self.routerID = routerID
        self.startedAt = startedAt
        self.uptimeSeconds = uptimeSeconds
        self.configurationFile = configurationFile
        self.lastReload = lastReload
        self.readiness = readiness
        self.memoryBytes = memoryBytes
        self.tables = tables
        self.protocols = protocols
    }

    /// How an attempt to load a configuration ended.
    public struct Reload: Codable, Hashable, Sendable {
        /// When.
        public var time: Timestamp
        /// How.
        public var outcome: ReloadResult.Outcome
        /// One line for people.
        public var message: String

        /// Creates a record.
        public init(time: Timestamp, outcome: ReloadResult.Outcome, message: String) {
            self.time = time
            self.outcome = outcome
            self.message = message
        }
    }
}

/// Whether the speaker does its work: `GET /v1/ready` answers 200 when it does and 503 when not, with this as body.
public struct Readiness: Codable, Hashable, Sendable {
    /// Whether everything that the configuration asks for runs.
    public var ready: Bool
    /// What is still missing, one line each; empty when ready.
    public var reasons: [String]

    /// Creates a value.
    public init(ready: Bool, reasons: [String] = []) {
        self.ready = ready
        self.reasons = reasons
    }
}

/// A routing table.
public struct TableStatus: Codable, Hashable, Sendable {
    /// Name.
    public var name: String
    /// `ipv4` or `ipv6`.
    public var family: String
    /// Number of destinations with a best route.
    public var routes: UInt64
    /// Number of paths, accepted or not.
    public var paths: UInt64

    /// Creates a value.
    public init(name: String, family: String, routes: UInt64, paths: UInt64) {
        self.name = name
        self.family = family
        self.routes = routes
        self.paths = paths
    }
}

/// A protocol instance of any kind.
public struct ProtocolStatus: Codable, Hashable, Sendable {
    /// Name.
    public var name: String
    /// `bgp`, `kernel`, `static`, `direct`, `device`.
    public var kind: String
    /// `up`, `start`, `down`.
    public var state: String
    /// Tables its channels are connected to, in order.
    public var tables: [String]
    /// Details for people, such as a BGP session's state.
    public var info: String
    /// When `state` was entered.
    public var since: Timestamp

    /// Creates a value.
    public init(name: String, kind: String, state: String, tables: [String], info: String, since: Timestamp) {
        self.name = name
        self.kind = kind
        self.state = state
        self.tables = tables
        self.info = info
        self.since = since
    }
}

/// A network interface as the speaker sees it: `GET /v1/interfaces`.
public struct InterfaceStatus: Codable, Hashable, Sendable {
    /// Name.
    public var name: String
    /// Kernel index.
    public var index: UInt32
    /// Whether it is administratively up and has carrier.
    public var up: Bool
    /// Largest packet in bytes.
    public var mtu: UInt32
    /// Addresses with prefix length.
    public var addresses: [String]

    /// Creates a value.
    public init(name: String, index: UInt32, up: Bool, mtu: UInt32, addresses: [String]) {
        self.name = name
        self.index = index
        self.up = up
        self.mtu = mtu
        self.addresses = addresses
    }
}
