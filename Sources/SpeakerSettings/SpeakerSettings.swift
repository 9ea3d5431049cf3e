public import BGPWire
public import IPAddressing
public import Policy

/// The checked settings of a speaker: what a configuration file means once its syntax is gone.
public struct SpeakerSettings: Hashable, Sendable {
    /// `router id`; nil means the speaker picks one of the host's IPv4 addresses at start.
    public var routerID: RouterID?
    /// `router id from`: the addresses that the speaker picks from, at start and at each reload; empty means all.
    public var routerIDPatterns: [InterfacePattern] = []
    /// Tables in order of definition; `master4` and `master6` are always present.
    public var tables: [TableSettings]
    /// Protocol instances in order of definition; names are unique.
    public var protocols: [ProtocolSettings]
    /// `log` statements.
    public var logs: [LogSettings]
    /// `graceful restart wait`: seconds after a restart within which nobody is told of routes that may be incomplete.
    public var restartWait: UInt16 = 30

    /// Creates settings.
    public init(
        routerID: RouterID? = nil,
        tables: [TableSettings] = TableSettings.defaults,
        protocols: [ProtocolSettings] = [],
        logs: [LogSettings] = []
    ) {
        self.routerID = routerID
        self.tables = tables
        self.protocols = protocols
        self.logs = logs
    }
}

/// A routing table.
public struct TableSettings: Hashable, Sendable {
    /// Name, unique.
    public var name: String
    /// Family of its routes.
    public var family: AddressFamily
    /// `sorted`: channels of the table may be `secondary`.
    ///
    /// The order of paths is known for every table when it is needed, so nothing else depends on it.
    public var isSorted: Bool

    /// Creates a table.
    public init(name: String, family: AddressFamily, isSorted: Bool = false) {
        self.name = name
        self.family = family
        self.isSorted = isSorted
    }

    /// Whether both are one table to the routing core.
    func isSame(as other: TableSettings) -> Bool { self.name == other.name && self.family == other.family }

    /// `master4` and `master6`.
    public static let defaults = [
        TableSettings(name: "master4", family: .ipv4Unicast), TableSettings(name: "master6", family: .ipv6Unicast),
    ]
}

/// A `log` statement.
public struct LogSettings: Hashable, Sendable {
    /// Where lines go.
    public var destination: Destination
    /// Classes that are written.
    public var classes: Set<LogClass>

    /// Creates a statement.
    public init(destination: Destination, classes: Set<LogClass>) {
        self.destination = destination
        self.classes = classes
    }

    /// Log destinations.
    public enum Destination: Hashable, Sendable {
        /// Standard error.
        case standardError
        /// The system log, under the given program name.
        case syslog(name: String?)
        /// A file, appended to.
        case file(path: String)
    }
}

/// Classes of log lines, by BIRD's names.
public enum LogClass: String, Hashable, Sendable, CaseIterable {
    /// `debug`.
    case debug
    /// `trace`.
    case trace
    /// `info`.
    case info
    /// `remote`: errors made by others.
    case remote
    /// `warning`.
    case warning
    /// `error`.
    case error
    /// `auth`.
    case auth
    /// `fatal`.
    case fatal
    /// `bug`.
    case bug
}

/// What a protocol's `debug` statement asks to trace.
public enum DebugCategory: String, Hashable, Sendable, CaseIterable {
    /// `states`.
    case states
    /// `routes`.
    case routes
    /// `filters`.
    case filters
    /// `interfaces`.
    case interfaces
    /// `events`.
    case events
    /// `packets`.
    case packets
}

/// A protocol instance.
public enum ProtocolSettings: Hashable, Sendable {
    /// `protocol bgp`.
    case bgp(BGPSettings)
    /// `protocol kernel`.
    case kernel(KernelSettings)
    /// `protocol static`.
    case `static`(StaticSettings)
    /// `protocol direct`.
    case direct(DirectSettings)
    /// `protocol device`.
    case device(DeviceSettings)
    /// `protocol pipe`.
    case pipe(PipeSettings)

    /// Whether this is a BGP peer.
    public var isBGP: Bool {
        if case .bgp = self { true } else { false }
    }

    /// What all instances have.
    public var common: CommonSettings {
        switch self {
        case .bgp(let settings): settings.common
        case .kernel(let settings): settings.common
        case .static(let settings): settings.common
        case .direct(let settings): settings.common
        case .device(let settings): settings.common
        case .pipe(let settings): settings.common
        }
    }

    /// Its channels.
    public var channels: [ChannelSettings] {
        switch self {
        case .bgp(let settings): settings.channels.map(\.channel)
        case .kernel(let settings): [settings.channel]
        case .static(let settings): [settings.channel]
        case .direct(let settings): settings.channels
        case .device: []
        case .pipe(let settings): [settings.channel]
        }
    }
}

/// Settings of every protocol instance.
public struct CommonSettings: Hashable, Sendable {
    /// Name; unnamed instances get the kind and a number, as in BIRD (`bgp1`).
    public var name: String
    /// `disabled`.
    public var isDisabled: Bool
    /// `description`.
    public var description: String?
    /// `debug`.
    public var debug: Set<DebugCategory>
    /// Instance's own `router id`.
    public var routerID: RouterID?

    /// Creates settings.
    public init(
        name: String,
        isDisabled: Bool = false,
        description: String? = nil,
        debug: Set<DebugCategory> = [],
        routerID: RouterID? = nil
    ) {
        self.name = name
        self.isDisabled = isDisabled
        self.description = description
        self.debug = debug
        self.routerID = routerID
    }
}

/// The connection between a protocol instance and a table.
public struct ChannelSettings: Hashable, Sendable {
    /// Family.
    public var family: AddressFamily
    /// Table name.
    public var table: String
    /// `import`: routes from the protocol into the table.
    public var importPolicy: FilterProgram
    /// `export`: routes from the table to the protocol.
    public var exportPolicy: FilterProgram
    /// `preference` given to imported routes.
    public var preference: UInt16
    /// `import limit`, `receive limit`, `export limit`.
    public var importLimit: LimitSettings?
    /// Counts routes before the import filter.
    public var receiveLimit: LimitSettings?
    /// Counts exported routes.
    public var exportLimit: LimitSettings?
    /// `import keep filtered`: rejected routes stay visible (they always stay in Adj-RIB-In here).
    public var keepsFiltered: Bool

    /// Creates settings.
    public init(
        family: AddressFamily,
        table: String,
        importPolicy: FilterProgram,
        exportPolicy: FilterProgram,
        preference: UInt16
    ) {
        self.family = family
        self.table = table
        self.importPolicy = importPolicy
        self.exportPolicy = exportPolicy
        self.preference = preference
        self.keepsFiltered = false
    }
}

/// A route limit and what happens at it.
public struct LimitSettings: Hashable, Sendable {
    /// Number of routes.
    public var count: UInt32
    /// What happens when the number is exceeded.
    public var action: Action
    /// `warning`: a line is logged at this part of the number, in percent.
    public var warningPercent: UInt8?
    /// `restart after`: seconds until the session comes back; nil is the error wait.
    public var restartAfter: UInt32?

    /// Creates a limit.
    public init(count: UInt32, action: Action) {
        self.count = count
        self.action = action
    }

    /// Actions by BIRD's names.
    public enum Action: String, Hashable, Sendable {
        /// Log once.
        case warn
        /// Ignore further routes.
        case block
        /// Cease 6/1, start again after the error wait.
        case restart
        /// Cease 6/1, stay down.
        case disable
    }
}

/// `protocol bgp`.
public struct BGPSettings: Hashable, Sendable {
    /// Name, description, debug.
    public var common: CommonSettings
    /// Local AS.
    public var localAS: ASNumber
    /// Source address of the session and address to listen on (`local IP`, `source address`).
    public var localAddress: IPAddress?
    /// Listening port (`local … port`); 179.
    public var localPort: UInt16
    /// Listen on this address alone instead of all (`strict bind`, `listen bgp address` of BIRD 1.6).
    public var listenAddress: IPAddress?
    /// Neighbour's address.
    public var neighborAddress: IPAddress
    /// Interface that scopes a link-local neighbour (`neighbor fe80::1%eth0`, `interface "eth0"`).
    public var interfaceName: String?
    /// Neighbour's port; 179.
    public var neighborPort: UInt16
    /// Neighbour's AS; nil with `external` (any AS but the local one).
    public var neighborAS: ASNumber?
    /// Whether the neighbour must be in the local AS (`internal` or equal numbers).
    public var isInternal: Bool
    /// `direct` or `multihop [ttl]`: nil is direct, a number is the TTL of outgoing packets (255 when not given).
    ///
    /// iBGP without either statement is multihop, eBGP direct.
    public var multihopTTL: UInt8?
    /// `ttl security`: GTSM (RFC 5082).
    public var ttlSecurity: Bool
    /// `passive`.
    public var isPassive: Bool
    /// `password`: TCP MD5 (RFC 2385), 1 to 80 octets.
    public var password: String?
    /// `rr client`.
    public var isRouteReflectorClient: Bool
    /// `rs client` (RFC 7947): AS_PATH, next hop and MED pass unchanged to the neighbour.
    public var isRouteServerClient: Bool
    /// `rr cluster id`; nil means the router id.
    public var clusterID: RouterID?
    /// `allow local as`: how often the own AS may occur in a received path; 0 when absent.
    public var allowedLocalAS: UInt32
    /// `interpret communities`: honour NO_EXPORT, NO_ADVERTISE, NO_EXPORT_SUBCONFED on export; default on.
    public var interpretsCommunities: Bool
    /// `enforce first as`.
    public var enforcesFirstAS: Bool
    /// `default bgp_local_pref`; 100.
    public var defaultLocalPreference: UInt32
    /// `default bgp_med`; 0, used for comparison when absent.
    public var defaultMED: UInt32
    /// `deterministic med`.
    public var deterministicMED: Bool
    /// `med metric`: compare MED between different neighbour ASes.
    public var comparesMEDAlways: Bool
    /// `prefer older`.
    public var prefersOlder: Bool
    /// `path metric`: compare AS_PATH lengths; default on.
    public var comparesPathLength: Bool
    /// `igp metric`: compare IGP metrics; default on.
    public var comparesIGPMetric: Bool
    /// `enable route refresh`; default on.
    public var routeRefresh: Bool
    /// `enable extended messages`; default off.
    public var extendedMessages: Bool
    /// `attribute limit`: octets of attribute sets the neighbour may be charged for before the session is ended.
    public var attributeLimit: Int
    /// `disable after error`: an error that either side reports keeps the session down until someone enables it.
    public var disablesAfterError: Bool
    /// `disable after cease`: subcodes of a Cease that do, as bits.
    public var disablingCeases: UInt16
    /// Timers.
    public var timers: BGPTimers
    /// `graceful restart`, `long lived graceful restart` and their times.
    public var restart: RestartSettings
    /// What is asked of the neighbour and its routes besides.
    public var rules = BGPRules()
    /// Channels, at most one per family.
    public var channels: [BGPChannelSettings]

    /// Enough for well over a million sets of usual size.
    public static let defaultAttributeLimit = 512 << 20

    /// Creates settings with BIRD's defaults.
    public init(
        common: CommonSettings,
        localAS: ASNumber,
        neighborAddress: IPAddress,
        neighborAS: ASNumber?,
        isInternal: Bool
    ) {
        self.common = common
        self.localAS = localAS
        self.localPort = 179
        self.neighborAddress = neighborAddress
        self.neighborPort = 179
        self.neighborAS = neighborAS
        self.isInternal = isInternal
        self.multihopTTL = isInternal ? 255 : nil
        self.ttlSecurity = false
        self.isPassive = false
        self.isRouteReflectorClient = false
        self.isRouteServerClient = false
        self.allowedLocalAS = 0
        self.interpretsCommunities = true
        self.enforcesFirstAS = false
        self.defaultLocalPreference = 100
        self.defaultMED = 0
        self.deterministicMED = false
        self.comparesMEDAlways = false
        self.prefersOlder = false
        self.comparesPathLength = true
        self.comparesIGPMetric = true
        self.routeRefresh = true
        self.extendedMessages = false
        self.attributeLimit = Self.defaultAttributeLimit
        self.disablesAfterError = false
        self.disablingCeases = 0
        self.timers = BGPTimers()
        self.restart = RestartSettings()
        self.channels = []
    }
}

/// Session timers in seconds unless the type says otherwise; defaults are BIRD's.
public struct BGPTimers: Hashable, Sendable {
    /// `hold time`; 0 means none, 1 and 2 are not allowed.
    public var hold: UInt16 = 240
    /// `startup hold time`: before the OPEN of the neighbour arrived.
    public var startupHold: UInt16 = 240
    /// `keepalive time`; nil means a third of the negotiated hold time.
    public var keepalive: UInt16?
    /// `connect delay time`: from start to the first attempt.
    public var connectDelay: UInt16 = 5
    /// `connect retry time`: between attempts.
    public var connectRetry: UInt16 = 120
    /// `error wait time`: first and largest wait after an error; doubles between them.
    public var errorWait: ClosedRange<UInt16> = 60...300
    /// `error forget time`: after this long without error the wait starts over.
    public var errorForget: UInt16 = 300
    /// Send hold time (RFC 9687); nil means the larger of 8 minutes and twice the hold time.
    public var sendHold: UInt16?

    /// Creates the defaults.
    public init() {}
}

/// Graceful restart of a session (RFC 4724, RFC 8538, RFC 9494); defaults are BIRD's.
public struct RestartSettings: Hashable, Sendable {
    /// `graceful restart`.
    public var mode = Mode.aware
    /// `graceful restart time` in seconds: how long the neighbour is to keep routes of this speaker.
    public var time: UInt16 = 120
    /// `min graceful restart time` and `max …`: bounds for what the neighbour asks for.
    public var timeLimits: ClosedRange<UInt16> = 0...4095
    /// `long lived graceful restart`.
    public var longLivedMode = Mode.aware
    /// `long lived stale time` in seconds.
    public var staleTime: UInt32 = 3600
    /// `min long lived stale time` and `max …`: bounds for what the neighbour asks for.
    public var staleTimeLimits: ClosedRange<UInt32> = 0...0xFF_FFFF
    /// `stale path time` in seconds: how long End-of-RIB of a neighbour that is back, or EoRR of one that sends its routes
    /// again, is waited for before what it did not announce goes.
    public var stalePathTime: UInt16 = 360

    /// Creates the defaults.
    public init() {}

    /// Who may restart.
    public enum Mode: Hashable, Sendable {
        /// `off`: nobody, the capability is not sent.
        case off
        /// `aware`: the neighbour; its routes are kept meanwhile.
        case aware
        /// `on`: both.
        case on
    }
}

/// A channel of `protocol bgp`.
public struct BGPChannelSettings: Hashable, Sendable {
    /// Family, table, policies, limits.
    public var channel: ChannelSettings
    /// `next hop self`.
    public var nextHopSelf: Selection
    /// `next hop keep`.
    public var nextHopKeep: Selection
    /// `next hop address`: what "self" means here; nil is the session's local address.
    public var nextHopAddress: IPAddress?
    /// `gateway`: how received next hops resolve; nil is direct for single-hop sessions, recursive for multihop.
    public var gateway: GatewayMode?
    /// `igp table`; nil is the channel's own table.
    public var igpTable: String?
    /// `next hop prefer global|local`: which of two IPv6 next hops packets go to; nil is local where they resolve
    /// through the igp table, else global.
    public var preferredNextHop: NextHopPreference?
    /// `cost`: the distance to next hops that are not resolved through the igp table.
    public var cost: UInt32 = 0
    /// `require extended next hop`: a neighbour without it is refused.
    public var requiresExtendedNextHop = false
    /// `require add paths`: a neighbour that does not do the other side of it is refused.
    public var requiresAddPaths = false
    /// `extended next hop` (RFC 8950), IPv4 channels only.
    public var extendedNextHop: Bool
    /// `aigp` (RFC 7311); nil is on with neighbours in the own AS or confederation, off with others.
    public var aigp: AIGPUse?
    /// `mandatory`: the session does not come up without this family.
    public var isMandatory: Bool
    /// `secondary`: where the best route is rejected or the neighbour's own, the next one that is neither is sent.
    ///
    /// Without effect while path identifiers are sent.
    public var isSecondary: Bool
    /// `add paths rx`: the neighbour may send several paths of a prefix (RFC 7911).
    public var addPathsReceive: Bool
    /// `add paths tx`: all accepted paths are sent to a neighbour that takes them (RFC 7911).
    public var addPathsSend: Bool
    /// `add paths best`: at most so many, the best ones.
    public var addPathsCount: UInt8?
    /// `graceful restart`: whether the family takes part where the session does.
    public var restarts = true
    /// `long lived graceful restart`, likewise.
    public var restartsLongLived = true
    /// `long lived stale time` of the family; nil is the session's.
    public var longLivedStaleTime: UInt32?
    /// `min long lived stale time` of the family; nil is the session's.
    public var minimumStaleTime: UInt32?
    /// `max long lived stale time` of the family; nil is the session's.
    public var maximumStaleTime: UInt32?

    /// Creates a channel with defaults.
    public init(channel: ChannelSettings) {
        self.channel = channel
        self.nextHopSelf = .never
        self.nextHopKeep = .never
        self.extendedNextHop = false
        self.isMandatory = false
        self.isSecondary = false
        self.addPathsReceive = false
        self.addPathsSend = false
    }

    /// For which routes a next-hop option holds: by the session the route was learned on.
    public enum Selection: Hashable, Sendable {
        /// `off`.
        case never
        /// `on`.
        case always
        /// `ibgp`.
        case fromInternal
        /// `ebgp`.
        case fromExternal
    }

    /// `aigp on|off|originate`.
    public enum AIGPUse: Hashable, Sendable {
        /// The accumulated metric is neither taken nor sent.
        case off
        /// Taken and sent.
        case on
        /// And sent with routes that no BGP neighbour sent.
        case originate
    }

    /// One of two next hops.
    public enum NextHopPreference: Hashable, Sendable {
        /// The global address.
        case global
        /// The link-local address.
        case local
    }

    /// `gateway direct|recursive`.
    public enum GatewayMode: Hashable, Sendable {
        /// The next hop must be on a connected network.
        case direct
        /// The next hop resolves through the igp table.
        case recursive
    }
}

/// `protocol kernel`.
public struct KernelSettings: Hashable, Sendable {
    /// Name, description, debug.
    public var common: CommonSettings
    /// The one channel.
    public var channel: ChannelSettings
    /// `learn`: import foreign routes of the kernel table.
    public var learns: Bool
    /// `learn all`: those of the kernel itself too.
    public var learnsKernelRoutes = false
    /// `persist`: leave routes in place at shutdown.
    ///
    /// SIGTERM always leaves them; this adds `bgpctl` shutdown.
    public var persists: Bool
    /// `scan time` in seconds.
    public var scanTime: UInt16
    /// `merge paths`: the largest number of ECMP next hops, nil when off.
    public var mergePaths: UInt16?
    /// `kernel table`; 254, main.
    public var kernelTable: UInt32
    /// `metric` of all routes; nil (`metric 0`) is a route's own `krt_metric`, or the kernel's default without one.
    public var metric: UInt32?

    /// Creates settings with defaults.
    public init(common: CommonSettings, channel: ChannelSettings) {
        self.common = common
        self.channel = channel
        self.learns = false
        self.persists = false
        self.scanTime = 60
        self.kernelTable = 254
        self.metric = 32
    }
}

/// `protocol static`.
public struct StaticSettings: Hashable, Sendable {
    /// Name, description, debug.
    public var common: CommonSettings
    /// The one channel.
    public var channel: ChannelSettings
    /// `igp table` for recursive routes; nil is the channel's own.
    public var igpTable: String?
    /// Routes in order.
    public var routes: [StaticRouteSettings]

    /// Creates settings.
    public init(common: CommonSettings, channel: ChannelSettings, routes: [StaticRouteSettings] = []) {
        self.common = common
        self.channel = channel
        self.routes = routes
    }
}

/// One `route` statement.
public struct StaticRouteSettings: Hashable, Sendable {
    /// Destination.
    public var prefix: IPPrefix
    /// Where it sends packets.
    public var target: Target
    /// Statements of the route's own block, run on the route when it is made; accept-all when absent.
    public var attributes: FilterProgram

    /// Creates a route.
    public init(prefix: IPPrefix, target: Target, attributes: FilterProgram = .acceptAll) {
        self.prefix = prefix
        self.target = target
        self.attributes = attributes
    }

    /// Targets.
    public enum Target: Hashable, Sendable {
        /// `via` one or more next hops.
        case via([NextHop])
        /// `recursive IP`.
        case recursive(IPAddress)
        /// `blackhole`.
        case blackhole
        /// `unreachable`.
        case unreachable
        /// `prohibit`.
        case prohibit
    }

    /// One `via`.
    public struct NextHop: Hashable, Sendable {
        /// Neighbour's address; nil for `via "eth0"`.
        public var address: IPAddress?
        /// Interface name where given.
        public var interfaceName: String?
        /// `weight`, 1 to 256.
        public var weight: UInt16
        /// `onlink`.
        public var onlink: Bool

        /// Creates a next hop.
        public init(address: IPAddress?, interfaceName: String?, weight: UInt16 = 1, onlink: Bool = false) {
            self.address = address
            self.interfaceName = interfaceName
            self.weight = weight
            self.onlink = onlink
        }
    }
}

/// `protocol direct`.
public struct DirectSettings: Hashable, Sendable {
    /// Name, description, debug.
    public var common: CommonSettings
    /// One channel per family that is wanted.
    public var channels: [ChannelSettings]
    /// `interface` patterns; empty means every interface.
    public var interfaces: [InterfacePattern]

    /// Creates settings.
    public init(common: CommonSettings, channels: [ChannelSettings], interfaces: [InterfacePattern] = []) {
        self.common = common
        self.channels = channels
        self.interfaces = interfaces
    }
}

/// One element of an `interface` statement: the first that matches decides.
public struct InterfacePattern: Hashable, Sendable {
    /// Whether a match excludes the interface (`-"cali*"`).
    public var isNegative: Bool
    /// Shell-like glob with `*` and `?`, where given.
    public var glob: String?
    /// Network the interface must have an address in, where given.
    public var prefix: IPPrefix?

    /// Creates a pattern.
    public init(isNegative: Bool, glob: String?, prefix: IPPrefix? = nil) {
        self.isNegative = isNegative
        self.glob = glob
        self.prefix = prefix
    }
}

/// `protocol device`.
public struct DeviceSettings: Hashable, Sendable {
    /// Name, description, debug.
    public var common: CommonSettings
    /// `scan time` in seconds.
    public var scanTime: UInt16

    /// Creates settings.
    public init(common: CommonSettings, scanTime: UInt16 = 10) {
        self.common = common
        self.scanTime = scanTime
    }
}

/// `protocol pipe`: routes of one table are routes of another too.
public struct PipeSettings: Hashable, Sendable {
    /// Name, description, debug.
    public var common: CommonSettings
    /// The primary table; `export` is from it to the other one, `import` the other way, and so are the limits.
    public var channel: ChannelSettings
    /// `peer table`: the other one.
    public var peerTable: String
    /// `max generation`: routes that went through so many pipes go through no other.
    public var maximumGeneration: UInt8

    /// Creates settings.
    public init(common: CommonSettings, channel: ChannelSettings, peerTable: String, maximumGeneration: UInt8 = 16) {
        self.common = common
        self.channel = channel
        self.peerTable = peerTable
        self.maximumGeneration = maximumGeneration
    }
}
