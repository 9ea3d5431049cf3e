public import IPAddressing

/// A capability of an OPEN (RFC 5492): a typed value where the code is known and well formed, else its octets.
public enum Capability: Hashable, Sendable {
    /// Code 1 (RFC 4760).
    case multiprotocol(AddressFamily)
    /// Code 2 (RFC 2918).
    case routeRefresh
    /// Code 5 (RFC 8950): NLRI family and AFI of the next hop.
    case extendedNextHop([ExtendedNextHop])
    /// Code 6 (RFC 8654).
    case extendedMessage
    /// Code 9 (RFC 9234).
    case role(BGPRole)
    /// Code 64 (RFC 4724, N bit of RFC 8538).
    case gracefulRestart(GracefulRestart)
    /// Code 65 (RFC 6793).
    case fourOctetAS(ASNumber)
    /// Code 69 (RFC 7911).
    case addPath([AddPath])
    /// Code 70 (RFC 7313).
    case enhancedRouteRefresh
    /// Code 71 (RFC 9494).
    case longLivedGracefulRestart([LongLivedGracefulRestart])
    /// Code 73: host and domain name, raw octets as received.
    case fqdn(host: [UInt8], domain: [UInt8])
    /// Code 75: raw octets as received.
    case softwareVersion([UInt8])
    /// Any other code, or a known one whose value does not parse; kept so that it can be shown.
    case unknown(code: UInt8, value: [UInt8])

    /// One entry of code 5.
    public struct ExtendedNextHop: Hashable, Sendable, BitwiseCopyable {
        /// Family of the NLRI.
        public var family: AddressFamily
        /// AFI of the next hop, 2 for IPv6.
        public var nextHopAFI: UInt16

        /// Creates an entry.
        public init(family: AddressFamily, nextHopAFI: UInt16) {
            self.family = family
            self.nextHopAFI = nextHopAFI
        }
    }

    /// The value of code 64.
    public struct GracefulRestart: Hashable, Sendable {
        /// R bit: the sender has restarted.
        public var restartState: Bool
        /// N bit (RFC 8538).
        public var notification: Bool
        /// Restart time in seconds, 0 to 4095.
        public var restartTime: UInt16
        /// Families and their F bit.
        public var families: [FamilyState]

        /// A family and its F (forwarding state kept) bit.
        public struct FamilyState: Hashable, Sendable, BitwiseCopyable {
            /// The family.
            public var family: AddressFamily
            /// F bit.
            public var forwardingPreserved: Bool

            /// Creates an entry.
            public init(family: AddressFamily, forwardingPreserved: Bool) {
                self.family = family
                self.forwardingPreserved = forwardingPreserved
            }
        }

        /// Creates a value.
        public init(restartState: Bool, notification: Bool, restartTime: UInt16, families: [FamilyState]) {
            self.restartState = restartState
            self.notification = notification
            self.restartTime = min(restartTime, 4095)
            self.families = families
        }
    }

    /// One entry of code 69.
    public struct AddPath: Hashable, Sendable, BitwiseCopyable {
        /// The family.
        public var family: AddressFamily
        /// Whether the sender is able to receive multiple paths.
        public var receive: Bool
        /// Whether the sender is able to send multiple paths.
        public var send: Bool

        /// Creates an entry.
        public init(family: AddressFamily, receive: Bool, send: Bool) {
            self.family = family
            self.receive = receive
            self.send = send
        }
    }

    /// One entry of code 71.
    public struct LongLivedGracefulRestart: Hashable, Sendable, BitwiseCopyable {
        /// The family.
        public var family: AddressFamily
        /// F bit.
        public var forwardingPreserved: Bool
        /// Stale time in seconds, 24 bits.
        public var staleTime: UInt32

        /// Creates an entry.
        public init(family: AddressFamily, forwardingPreserved: Bool, staleTime: UInt32) {
            self.family = family
            self.forwardingPreserved = forwardingPreserved
            self.staleTime = min(staleTime, 0xFF_FFFF)
        }
    }
}

/// BGP role (RFC 9234 §4.1).
public enum BGPRole: UInt8, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// 0.
    case provider = 0
    /// 1.
    case routeServer = 1
    /// 2.
    case routeServerClient = 2
    /// 3.
    case customer = 3
    /// 4.
    case peer = 4

    /// Whether routes go up or sideways to the neighbour, so that one that went down before is a leak there
    /// (RFC 9234 §5): the neighbour is a provider, a peer or a route server.
    @inlinable
    public var isFacingUp: Bool { self == .customer || self == .peer || self == .routeServerClient }

    /// Whether routes go down or sideways to the neighbour, so that they are marked: the neighbour is a customer, a peer
    /// or a client of the route server.
    @inlinable
    public var isFacingDown: Bool { self == .provider || self == .peer || self == .routeServer }
}

extension BGPRole: CustomStringConvertible {
    /// The registered name.
    public var description: String {
        switch self {
        case .provider: "provider"
        case .routeServer: "route server"
        case .routeServerClient: "route server client"
        case .customer: "customer"
        case .peer: "peer"
        }
    }
}
