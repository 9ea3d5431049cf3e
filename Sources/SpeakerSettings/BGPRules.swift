public import BGPWire
public import IPAddressing

/// What a session asks of its neighbour and of the neighbour's routes beyond the base protocol.
public struct BGPRules: Hashable, Sendable {
    /// `local role` (RFC 9234), on external sessions.
    public var role: BGPRole?
    /// `require roles`: a neighbour without a role is refused.
    public var requiresRole = false
    /// `confederation`: the AS that the confederation is to others (RFC 5065).
    public var confederation: ASNumber?
    /// `confederation member`: the neighbour is in another AS of the same confederation.
    public var isConfederationMember = false
    /// `allow as sets`: paths with an AS_SET count, against RFC 9774.
    public var allowsASSets = false
    /// `allow bgp_local_pref`: LOCAL_PREF is taken from and sent to an external neighbour.
    public var allowsLocalPreference = false
    /// `as override`: the neighbour's AS is replaced by the own one in paths sent to it.
    public var overridesAS = false
    /// `honor graceful shutdown`: LOCAL_PREF 0 for routes of external neighbours with the community (RFC 8326).
    public var honorsGracefulShutdown = true
    /// `max attributes`, `max communities`, `max path length`.
    public var limits = AttributeLimits()
    /// `max paths`: paths of one prefix with different identifiers that are kept (RFC 7911).
    public var maximumPaths: UInt16 = 256
    /// `require …`: capabilities without which a neighbour is refused.
    public var required: Requirements = []
    /// `enable enhanced route refresh` (RFC 7313).
    public var enhancedRouteRefresh = true
    /// `min hold time`: the smallest one taken from a neighbour that wants any.
    public var minimumHoldTime: UInt16 = 3
    /// `min keepalive time`: a session whose KEEPALIVEs would follow each other faster is refused; 0 is any.
    public var minimumKeepaliveTime: UInt16 = 0
    /// `allow bgp_med`: the MED of routes that BGP neighbours sent goes to an external neighbour too.
    public var sendsMED = false

    /// Creates the defaults.
    public init() {}

    /// Capabilities that can be required.
    public struct Requirements: OptionSet, Hashable, Sendable {
        /// The bits.
        public let rawValue: UInt8

        /// Creates a set.
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// `require route refresh`.
        public static let routeRefresh = Requirements(rawValue: 1)
        /// `require enhanced route refresh`.
        public static let enhancedRouteRefresh = Requirements(rawValue: 2)
        /// `require as4`.
        public static let fourOctetAS = Requirements(rawValue: 4)
        /// `require extended messages`.
        public static let extendedMessages = Requirements(rawValue: 8)
        /// `require graceful restart`.
        public static let gracefulRestart = Requirements(rawValue: 16)
        /// `require long lived graceful restart`.
        public static let longLivedGracefulRestart = Requirements(rawValue: 32)
    }

    /// The options in which two differ, in the configuration's words.
    func differences(from other: BGPRules) -> [String] {
        var result: [String] = []
        func note<Value: Equatable>(_ path: KeyPath<BGPRules, Value>, _ name: String) {
            if self[keyPath: path] != other[keyPath: path] { result.append(name) }
        }
        note(\.role, "local role")
        note(\.requiresRole, "require roles")
        note(\.confederation, "confederation")
        note(\.isConfederationMember, "confederation member")
        note(\.allowsASSets, "allow as sets")
        note(\.allowsLocalPreference, "allow bgp_local_pref")
        note(\.overridesAS, "as override")
        note(\.honorsGracefulShutdown, "honor graceful shutdown")
        note(\.limits.attributes, "max attributes")
        note(\.limits.communities, "max communities")
        note(\.limits.pathLength, "max path length")
        note(\.maximumPaths, "max paths")
        note(\.required, "require")
        note(\.enhancedRouteRefresh, "enable enhanced route refresh")
        note(\.minimumHoldTime, "min hold time")
        note(\.minimumKeepaliveTime, "min keepalive time")
        note(\.sendsMED, "allow bgp_med")
        return result
    }
}
