public import BGPWire
public import IPAddressing

/// What both OPENs of a session agree on.
public struct NegotiatedSession: Hashable, Sendable {
    /// The OPEN we sent.
    public var localOpen: Open
    /// The OPEN we received.
    public var peerOpen: Open
    /// The peer's AS, from capability 65 where present.
    public var peerAS: ASNumber
    /// Whether the peer is in our AS.
    public var isInternal: Bool
    /// Families both support, in our order.
    public var families: [Family]
    /// The smaller of both hold times; zero means no hold timer and no KEEPALIVEs.
    public var holdTime: Duration
    /// KEEPALIVE interval before jitter; zero with a zero hold time.
    public var keepaliveTime: Duration
    /// SendHoldTimer; zero with a zero hold time.
    public var sendHoldTime: Duration
    /// Both speak four-octet AS numbers.
    public var fourOctetAS: Bool
    /// Both take messages of up to 65535 octets.
    public var extendedMessage: Bool
    /// Both support ROUTE-REFRESH.
    public var routeRefresh: Bool
    /// Both support the markers of RFC 7313.
    public var enhancedRouteRefresh: Bool
    /// The peer's capability 64, where we sent ours.
    public var gracefulRestart: Capability.GracefulRestart?
    /// The peer's capability 71, where it sent one with capability 64 and we sent ours.
    public var longLivedGracefulRestart: [Capability.LongLivedGracefulRestart]?
    /// The peer's role, where we sent ours.
    public var peerRole: BGPRole?

    /// A family and how its routes are encoded.
    public struct Family: Hashable, Sendable {
        /// The family.
        public var family: AddressFamily
        /// Next hops may be IPv6 (RFC 8950).
        public var extendedNextHop: Bool
        /// The peer sends path identifiers to us (RFC 7911).
        public var addPathReceive: Bool
        /// We send path identifiers to the peer (RFC 7911).
        public var addPathSend: Bool
    }

    /// The peer's BGP Identifier.
    public var peerIdentifier: RouterID { self.peerOpen.identifier }

    /// The parameters of a family; nil when it was not negotiated.
    public func parameters(of family: AddressFamily) -> Family? { self.families.first { $0.family == family } }

    /// Largest message, header included, to send or expect: 4096, or 65535 with extended messages.
    public var maximumMessageLength: Int { self.extendedMessage ? 65_535 : 4096 }

    /// Whether both sides keep routes over a NOTIFICATION that is no Hard Reset (RFC 8538).
    public var restartsOnNotification: Bool {
        self.gracefulRestart?.notification == true && self.localOpen.sentGracefulRestart?.notification == true
    }

    /// How long after the end of the session the peer's routes of a family may be kept, in seconds.
    ///
    /// First as they are (RFC 4724 §4.2), then as a last resort (RFC 9494 §4.2); a family that the peer's capabilities do
    /// not list has nil.
    public func retention(of family: AddressFamily) -> (restart: UInt16?, longLived: UInt32?) {
        guard let gracefulRestart = self.gracefulRestart else { return (nil, nil) }
        let isListed = gracefulRestart.families.contains { $0.family == family }
        let longLived = self.longLivedGracefulRestart?.last { $0.family == family }
        return (isListed ? gracefulRestart.restartTime : nil, longLived?.staleTime)
    }

    /// Whether the peer kept forwarding a family over its restart: the F bit of capability 64 (RFC 4724 §4.2), or that of
    /// 71 where its routes are a last resort already (RFC 9494 §4.2).
    public func preservedForwarding(of family: AddressFamily, isLongLived: Bool) -> Bool {
        guard let gracefulRestart = self.gracefulRestart else { return false }
        return isLongLived
            ? self.longLivedGracefulRestart?.last { $0.family == family }?.forwardingPreserved ?? false
            : gracefulRestart.families.contains { $0.family == family && $0.forwardingPreserved }
    }

    /// Whether the peer's routes are kept as stale after the session ended so (RFC 4724 §4.2, RFC 8538 §4).
    ///
    /// Only families in the peer's capability are kept, see `gracefulRestart`.
    public func keepsRoutes(after reason: SessionEndReason) -> Bool {
        guard self.gracefulRestart != nil else { return false }
        switch reason {
        case .connectionFailed, .linkDown, .replaced: return true
        case .stoppedSilently, .abandoned, .errorNotSent: return false
        case .notificationSent(let notification), .notificationReceived(let notification):
            guard self.restartsOnNotification else { return false }
            return !(notification.code == .cease && notification.subcode == CeaseSubcode.hardReset.rawValue)
        }
    }
}

extension Open {
    var sentGracefulRestart: Capability.GracefulRestart? {
        // Of several the last counts (RFC 4724 §3).
        var last: Capability.GracefulRestart?
        for case .gracefulRestart(let value) in self.capabilities { last = value }
        return last
    }

    /// Families of capability 1; IPv4 unicast when there is none (RFC 4760 §8).
    var families: Set<AddressFamily> {
        var families = Set<AddressFamily>()
        for case .multiprotocol(let family) in self.capabilities { families.insert(family) }
        return families.isEmpty ? [.ipv4Unicast] : families
    }
}
