public import BGPWire
public import IPAddressing

/// What one peer's sessions are to be like: identities, timers, capabilities, and policy of the state machine.
public struct SessionConfiguration: Hashable, Sendable {
    /// Local AS on this session.
    public var localAS: ASNumber
    /// Which AS the peer must be in.
    public var remoteAS: RemoteAS
    /// Our BGP Identifier, not zero.
    public var localIdentifier: RouterID

    /// Proposed hold time in seconds, 0 (none) or at least 3.
    public var holdTime: UInt16 = 240
    /// The smallest non-zero hold time accepted from the peer, in seconds; below it the OPEN is refused with 2/6.
    public var minimumHoldTime: UInt16 = 3
    /// The shortest KEEPALIVE interval accepted, in seconds; an OPEN that leads to a shorter one is refused with 2/6.
    public var minimumKeepaliveTime: UInt16 = 0
    /// HoldTimer before the peer's OPEN.
    public var startupHoldTime: Duration = .seconds(240)
    /// KEEPALIVE interval in seconds; nil, zero, or more than a third of the negotiated hold time means that third.
    public var keepaliveTime: UInt16?
    /// SendHoldTimer (RFC 9687); nil means the larger of 8 minutes and twice the hold time.
    public var sendHoldTime: Duration?
    /// ConnectRetryTimer.
    public var connectRetryTime: Duration = .seconds(120)
    /// Time from a start to the first connection attempt; with zero it is made at once.
    public var connectDelay: Duration = .seconds(5)
    /// DelayOpenTime; nil is DelayOpen off.
    public var delayOpenTime: Duration?
    /// First and largest wait after an error; doubles between them.
    public var idleHoldTime: ClosedRange<Duration> = .seconds(60) ... .seconds(300)
    /// After this long without an error, counted from the end of the last wait, waits start over.
    public var errorForgetTime: Duration = .seconds(300)

    /// Families to negotiate; none means IPv4 unicast without saying so.
    public var families: [Family] = [Family(.ipv4Unicast)]
    /// Send capability 65 (RFC 6793).
    public var fourOctetAS = true
    /// Send capability 2 (RFC 2918).
    public var routeRefresh = true
    /// Send capability 70 (RFC 7313).
    public var enhancedRouteRefresh = true
    /// Send capability 6 (RFC 8654).
    public var extendedMessage = false
    /// Value of capability 64 to send.
    public var gracefulRestart: Capability.GracefulRestart?
    /// Value of capability 71 to send with capability 64; nil is none, no entries say that the peer's are understood.
    public var longLivedGracefulRestart: [Capability.LongLivedGracefulRestart]?
    /// Our role (RFC 9234), on external sessions.
    public var role: BGPRole?
    /// Whether a peer without a role is refused (RFC 9234 strict mode).
    public var requiresRole = false
    /// Capabilities without which a peer is refused (2/7).
    public var required: Set<RequiredCapability> = []
    /// Further capabilities to send as they are (host name, software version).
    public var otherCapabilities: [Capability] = []

    /// PassiveTcpEstablishment: never dial.
    public var isPassive = false
    /// SendNOTIFICATIONwithoutOPEN.
    public var sendsNotificationWithoutOpen = false
    /// DampPeerOscillations.
    public var dampsPeerOscillations = true
    /// CollisionDetectEstablishedState: compare identifiers even with an Established connection.
    public var detectsCollisionWhenEstablished = false
    /// Whether a new connection of a peer with which graceful restart was negotiated replaces an Established one.
    public var replacesEstablishedOnRestart = true
    /// Which waits after an error admit connections of the peer.
    public var incomingDuringIdleHold = IncomingDuringIdleHold.afterSilence

    /// Creates a configuration with defaults.
    public init(localAS: ASNumber, remoteAS: RemoteAS, localIdentifier: RouterID) {
        self.localAS = localAS
        self.remoteAS = remoteAS
        self.localIdentifier = localIdentifier
    }

    /// Which AS a peer must be in.
    public enum RemoteAS: Hashable, Sendable {
        /// This one.
        case exactly(ASNumber)
        /// Any but the local one.
        case external
        /// The local one.
        case `internal`
    }

    /// Which waits after an error admit connections of the peer.
    ///
    /// There is no wait after a plain close, so connections are always admitted then.
    public enum IncomingDuringIdleHold: Hashable, Sendable {
        /// None.
        case never
        /// Waits after a peer that fell silent (hold or send hold timer), which may be back with a clean slate.
        case afterSilence
        /// All.
        case always
    }

    /// Capabilities that a peer may be asked to have.
    public enum RequiredCapability: UInt8, Hashable, Sendable, CaseIterable {
        /// Code 2 (RFC 2918).
        case routeRefresh = 2
        /// Code 6 (RFC 8654).
        case extendedMessage = 6
        /// Code 64 (RFC 4724).
        case gracefulRestart = 64
        /// Code 65 (RFC 6793).
        case fourOctetAS = 65
        /// Code 70 (RFC 7313).
        case enhancedRouteRefresh = 70
        /// Code 71 (RFC 9494).
        case longLivedGracefulRestart = 71
    }

    /// A family to negotiate.
    public struct Family: Hashable, Sendable {
        /// The family.
        public var family: AddressFamily
        /// Whether a peer without it is refused with 2/7.
        public var isMandatory = false
        /// Offer IPv6 next hops (RFC 8950); for IPv4 families.
        public var extendedNextHop = false
        /// Offer to receive several paths (RFC 7911).
        public var addPathReceive = false
        /// Offer to send several paths (RFC 7911).
        public var addPathSend = false
        /// Whether a peer that does not offer IPv6 next hops is refused with 2/7.
        public var requiresExtendedNextHop = false
        /// Whether a peer that does not offer the other side of what is offered here is refused with 2/7.
        public var requiresAddPath = false

        /// Creates a family without options.
        public init(_ family: AddressFamily) {
            self.family = family
        }
    }
}

/// How much an OPEN offers; lowered when a peer answers with 2/4 or 2/7 (RFC 5492 §3).
public enum CapabilityLevel: UInt8, Hashable, Sendable, CaseIterable {
    /// Everything configured.
    case full
    /// Families and four-octet AS only.
    case essential
    /// No capabilities.
    case none
}

extension SessionConfiguration {
    /// The OPEN to send.
    public func localOpen(level: CapabilityLevel = .full) -> Open {
        var open = Open(
            myAS: UInt16(exactly: self.localAS.rawValue) ?? UInt16(truncatingIfNeeded: ASNumber.transition.rawValue),
            holdTime: self.holdTime == 1 || self.holdTime == 2 ? 3 : self.holdTime,
            identifier: self.localIdentifier,
            capabilities: []
        )
        guard level != .none else { return open }
        open.capabilities = self.families.map { .multiprotocol($0.family) }
        if self.fourOctetAS { open.capabilities.append(.fourOctetAS(self.localAS)) }
        guard level != .essential else { return open }
        if self.routeRefresh { open.capabilities.append(.routeRefresh) }
        let nextHops = self.families.filter(\.extendedNextHop)
            .map { Capability.ExtendedNextHop(family: $0.family, nextHopAFI: AddressFamily.ipv6Unicast.afi) }
        if !nextHops.isEmpty { open.capabilities.append(.extendedNextHop(nextHops)) }
        if self.extendedMessage { open.capabilities.append(.extendedMessage) }
        if let role = self.role, self.mayBeExternal { open.capabilities.append(.role(role)) }
        if let gracefulRestart = self.gracefulRestart { open.capabilities.append(.gracefulRestart(gracefulRestart)) }
        let paths = self.families.filter { $0.addPathReceive || $0.addPathSend }
            .map { Capability.AddPath(family: $0.family, receive: $0.addPathReceive, send: $0.addPathSend) }
        if !paths.isEmpty { open.capabilities.append(.addPath(paths)) }
        if self.routeRefresh && self.enhancedRouteRefresh { open.capabilities.append(.enhancedRouteRefresh) }
        if let longLived = self.longLivedGracefulRestart, self.gracefulRestart != nil {
            open.capabilities.append(.longLivedGracefulRestart(longLived))
        }
        open.capabilities += self.otherCapabilities
        return open
    }

    /// The next lower level that can still carry what is configured; nil when there is none.
    func level(below level: CapabilityLevel, skippingEssential: Bool) -> CapabilityLevel? {
        let offersNothingElse =
            self.localAS.isTwoOctet
            && (self.families.isEmpty || self.families.contains { $0.family == .ipv4Unicast })
            && !self.families.contains { $0.isMandatory && $0.family != .ipv4Unicast } && self.required.isEmpty
        switch level {
        case .full where !skippingEssential: return .essential
        case .full, .essential: return offersNothingElse ? CapabilityLevel.none : nil
        case .none: return nil
        }
    }

    private var mayBeExternal: Bool {
        switch self.remoteAS {
        case .exactly(let number): number != self.localAS
        case .external: true
        case .internal: false
        }
    }
}
