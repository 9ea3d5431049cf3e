public import IPAddressing

/// The two ends of a session whose messages are recorded (RFC 6396 §4.4).
public struct BGP4MPSession: Hashable, Sendable, BitwiseCopyable {
    /// The peer's AS.
    public var peerAS: ASNumber
    /// The collector's AS.
    public var localAS: ASNumber
    /// The collector's interface; 0 when it is not told.
    public var interfaceIndex: UInt16
    /// The peer's address.
    public var peerAddress: IPAddress
    /// The collector's address, of the same family.
    public var localAddress: IPAddress

    /// Creates a value.
    public init(
        peerAS: ASNumber,
        localAS: ASNumber,
        interfaceIndex: UInt16 = 0,
        peerAddress: IPAddress,
        localAddress: IPAddress
    ) {
        self.peerAS = peerAS
        self.localAS = localAS
        self.interfaceIndex = interfaceIndex
        self.peerAddress = peerAddress
        self.localAddress = localAddress
    }
}

/// A recorded BGP message: BGP4MP_MESSAGE and its variants (RFC 6396 §4.4.2, §4.4.3, §4.4.5, RFC 8050 §3).
public struct BGP4MPMessage: Hashable, Sendable {
    /// The session.
    public var session: BGP4MPSession
    /// Whether the session's AS numbers have four octets in the record and in the message (`_AS4`).
    public var hasFourOctetAS: Bool
    /// Whether the collector sent the message itself (`_LOCAL`).
    public var isLocal: Bool
    /// Whether prefixes in the message carry path identifiers (`_ADDPATH`, RFC 8050 §3).
    public var hasPathIDs: Bool
    /// The message as it was on the wire, header included.
    public var octets: [UInt8]

    /// Creates a record of a message.
    public init(
        session: BGP4MPSession,
        hasFourOctetAS: Bool = true,
        isLocal: Bool = false,
        hasPathIDs: Bool = false,
        octets: [UInt8]
    ) {
        self.session = session
        self.hasFourOctetAS = hasFourOctetAS
        self.isLocal = isLocal
        self.hasPathIDs = hasPathIDs
        self.octets = octets
    }
}

/// A recorded change of a session's state: BGP4MP_STATE_CHANGE and BGP4MP_STATE_CHANGE_AS4 (RFC 6396 §4.4.1, §4.4.4).
public struct BGP4MPStateChange: Hashable, Sendable {
    /// The session.
    public var session: BGP4MPSession
    /// Whether AS numbers have four octets in the record.
    public var hasFourOctetAS: Bool
    /// The state before.
    public var oldState: State
    /// The state after.
    public var newState: State

    /// Creates a change.
    public init(session: BGP4MPSession, hasFourOctetAS: Bool = true, oldState: State, newState: State) {
        self.session = session
        self.hasFourOctetAS = hasFourOctetAS
        self.oldState = oldState
        self.newState = newState
    }

    /// A state of the session, as records number it.
    public struct State: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
        /// 1 (Idle) to 6 (Established).
        public var rawValue: UInt16

        /// Creates a state, known or not.
        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// Idle.
        public static let idle = State(rawValue: 1)
        /// Connect.
        public static let connect = State(rawValue: 2)
        /// Active.
        public static let active = State(rawValue: 3)
        /// OpenSent.
        public static let openSent = State(rawValue: 4)
        /// OpenConfirm.
        public static let openConfirm = State(rawValue: 5)
        /// Established.
        public static let established = State(rawValue: 6)
    }
}

extension BGP4MPStateChange.State: CustomStringConvertible {
    /// The state's name, or `state` and the number.
    public var description: String {
        switch self {
        case .idle: "Idle"
        case .connect: "Connect"
        case .active: "Active"
        case .openSent: "OpenSent"
        case .openConfirm: "OpenConfirm"
        case .established: "Established"
        default: "state \(self.rawValue)"
        }
    }
}
