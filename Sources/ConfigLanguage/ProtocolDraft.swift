import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// Kinds of protocol.
enum ProtocolKind: String, Hashable, Sendable, CaseIterable {
    case bgp
    case kernel
    case `static`
    case direct
    case device
    case pipe

    /// Preference of routes unless a channel says otherwise.
    var defaultPreference: UInt16 {
        switch self {
        case .direct: 240
        case .static: 200
        case .bgp: 100
        case .kernel: 10
        case .device, .pipe: 0
        }
    }
}

/// `listen bgp` of BIRD 1.6.
struct ListenDraft: Sendable {
    var address: IPAddress?
    var port: UInt16?
}

/// What was said of a protocol or template so far; checked when an instance's block closes.
struct ProtocolDraft: Sendable {
    var kind: ProtocolKind
    var isTemplate: Bool
    /// Whether it, or a template that it was made from, starts from an instance, which may be part of a fragment.
    var dependsOnInstance = false
    var isDisabled = false
    var description: String?
    var debug: Set<DebugCategory> = []
    var routerID: RouterID?
    var channels: [ChannelDraft] = []
    var bgp = BGPDraft()
    /// `igp table` of a static protocol.
    var igpTable: TableSettings?
    var routes: [StaticRouteSettings] = []
    var routeLocations: [Location] = []
    /// Where the blocks of routes stand among the tokens, by destination.
    var routeTokens: [IPPrefix: Range<Int>] = [:]
    /// The ROA table of a static protocol that fills one, and what it fills in.
    var originTable: (name: String, isIPv4: Bool)?
    var authorizations: [ROATable.Authorization] = []
    var interfaces: [InterfacePattern] = []
    /// `peer table` and `max generation` of a pipe; its filters and limits are a channel's, whose family the tables tell.
    var peerTable: TableSettings?
    var pipeTable: TableSettings?
    var maximumGeneration: UInt8 = 16
    var scanTime: UInt16?
    var learns = false
    var learnsKernelRoutes = false
    var persists = false
    var mergePaths: UInt16?
    var kernelTable: UInt32 = 254
    var metric: UInt32?

    init(kind: ProtocolKind, isTemplate: Bool) {
        self.kind = kind
        self.isTemplate = isTemplate
    }

    /// The draft that an instance or template starts from.
    func derived(isTemplate: Bool) -> ProtocolDraft {
        var copy = self
        copy.isTemplate = isTemplate
        for index in copy.channels.indices { copy.channels[index].isInherited = true }
        return copy
    }
}

/// What was said of a channel so far.
struct ChannelDraft: Sendable {
    var family: AddressFamily
    var location: Location
    /// Whether it comes from a template: one mention in the instance may add to it.
    var isInherited = false
    var table: String?
    var importPolicy: FilterProgram?
    var exportPolicy: FilterProgram?
    /// Where they stand among the tokens.
    var importTokens: Range<Int>?
    var exportTokens: Range<Int>?
    var preference: UInt16?
    var importLimit: LimitSettings?
    var receiveLimit: LimitSettings?
    var exportLimit: LimitSettings?
    var keepsFiltered = false
    var nextHopSelf = BGPChannelSettings.Selection.never
    var nextHopKeep = BGPChannelSettings.Selection.never
    var nextHopAddress: IPAddress?
    var gateway: BGPChannelSettings.GatewayMode?
    var gatewayLocation: Location?
    var igpTable: String?
    var extendedNextHop = false
    var cost: UInt32 = 0
    var preferredNextHop: BGPChannelSettings.NextHopPreference?
    var requiresExtendedNextHop = false
    var requiresAddPaths = false
    var requirementLocation: Location?
    var isMandatory = false
    var aigp: BGPChannelSettings.AIGPUse?
    var isSecondary = false
    var secondaryLocation: Location?
    var addPathsReceive = false
    var addPathsSend = false
    var addPathsCount: UInt8?
    var addPathsLocation: Location?
    var restarts = true
    var restartsLongLived = true
    var longLivedStaleTime: UInt32?
    var longLivedStaleLimits: (least: UInt32?, most: UInt32?)

    init(family: AddressFamily, location: Location) {
        self.family = family
        self.location = location
    }

    /// The settings common to channels of all protocols.
    func settings(of kind: ProtocolKind) -> ChannelSettings {
        var settings = ChannelSettings(
            family: self.family,
            table: self.table ?? (self.family == .ipv4Unicast ? "master4" : "master6"),
            importPolicy: self.importPolicy ?? .acceptAll,
            exportPolicy: self.exportPolicy ?? .rejectAll,
            preference: self.preference ?? kind.defaultPreference
        )
        settings.importLimit = self.importLimit
        settings.receiveLimit = self.receiveLimit
        settings.exportLimit = self.exportLimit
        settings.keepsFiltered = self.keepsFiltered
        return settings
    }
}

/// What was said of a BGP session so far.
struct BGPDraft: Sendable {
    var localAS: ASNumber?
    var localAddress: IPAddress?
    var localAddressLocation: Location?
    var localPort: UInt16?
    var bindsStrictly = false
    var strictLocation: Location?
    var neighborAddress: IPAddress?
    var neighborLocation: Location?
    var neighborPort: UInt16?
    var peerType: PeerType?
    var interfaceName: String?
    var multihop: Multihop?
    var multihopLocation: Location?
    var ttlSecurity = false
    var isPassive = false
    var password: String?
    /// `authentication`; nil where a password alone decides.
    var authenticates: Bool?
    var authenticationLocation: Location?
    var isClient = false
    var clientLocation: Location?
    var clusterID: RouterID?
    var isServed = false
    var servedLocation: Location?
    var allowedLocalAS: UInt32 = 0
    var interpretsCommunities = true
    var enforcesFirstAS = false
    var enforceLocation: Location?
    var defaultLocalPreference: UInt32 = 100
    var defaultMED: UInt32 = 0
    var deterministicMED = false
    var comparesMEDAlways = false
    var prefersOlder = false
    var comparesPathLength = true
    var comparesIGPMetric = true
    var routeRefresh = true
    var extendedMessages = false
    /// In MiB.
    var attributeLimit = UInt32(BGPSettings.defaultAttributeLimit >> 20)
    var disablesAfterError = false
    var disablingCeases: UInt16 = 0
    var timers = BGPTimers()
    var restart = RestartSettings()
    /// Where long-lived graceful restart was turned on.
    var longLivedLocation: Location?
    var rules = BGPRules()
    var ruleLocations: [Rule: Location] = [:]

    /// Rules that are checked against others.
    enum Rule: Hashable, Sendable {
        case role
        case requiredRole
        case member
        case override
        case requirement
    }

    /// What is known of the neighbour's AS.
    enum PeerType: Sendable {
        case number(ASNumber)
        case `internal`
        case external
    }

    /// `direct` or `multihop`.
    enum Multihop: Sendable {
        case direct
        case ttl(UInt8)
    }
}
