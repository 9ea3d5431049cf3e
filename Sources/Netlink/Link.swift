public import IPAddressing

/// A network interface.
public struct Link: Hashable, Sendable {
    /// Interface index.
    public var index: UInt32
    /// Name, at most 15 octets.
    public var name: String
    /// Whether the administrator set it up (IFF_UP).
    public var isAdminUp: Bool
    /// Whether it can carry packets: up, with carrier, and RFC 2863 state `up` or `unknown`.
    public var isOperUp: Bool
    /// Whether it is the loopback interface.
    public var isLoopback: Bool
    /// Largest packet in octets.
    public var mtu: UInt32
    /// Hardware address, where the link has a 48-bit one.
    public var mac: MACAddress?
    /// Kind such as `veth` or `bridge`; nil for hardware.
    public var kind: String?
    /// Index of the bridge, bond or VRF it belongs to.
    public var master: UInt32?
    /// Interface flags (IFF_*) as the kernel gave them.
    public var flags: UInt32

    /// Creates a link.
    public init(
        index: UInt32,
        name: String,
        isAdminUp: Bool = true,
        isOperUp: Bool = true,
        isLoopback: Bool = false,
        mtu: UInt32 = 1500,
        mac: MACAddress? = nil,
        kind: String? = nil,
        master: UInt32? = nil,
        flags: UInt32 = 0
    ) {
        self.index = index
        self.name = name
        self.isAdminUp = isAdminUp
        self.isOperUp = isOperUp
        self.isLoopback = isLoopback
        self.mtu = mtu
        self.mac = mac
        self.kind = kind
        self.master = master
        self.flags = flags
    }
}

/// An address of an interface.
public struct LinkAddress: Hashable, Sendable {
    /// Interface index.
    public var interface: UInt32
    /// The interface's own address with the length of its network.
    public var address: AddressWithLength
    /// The other end of a point-to-point link, where it differs from the own address.
    public var peer: IPAddress?
    /// How far the address is valid.
    public var scope: RouteScope
    /// Address flags (IFA_F_*): tentative, deprecated, permanent and others.
    public var flags: UInt32

    /// Creates an address.
    public init(
        interface: UInt32,
        address: AddressWithLength,
        peer: IPAddress? = nil,
        scope: RouteScope = .universe,
        flags: UInt32 = 0x80
    ) {
        self.interface = interface
        self.address = address
        self.peer = peer
        self.scope = scope
        self.flags = flags
    }

    /// Whether the address is a secondary one of its network (IFA_F_SECONDARY).
    public var isSecondary: Bool { self.flags & 0x01 != 0 }

    /// Whether duplicate detection has not finished (IFA_F_TENTATIVE).
    public var isTentative: Bool { self.flags & 0x40 != 0 }
}

/// An entry of the neighbour (ARP, NDP) table.
public struct Neighbor: Hashable, Sendable {
    /// Interface index.
    public var interface: UInt32
    /// Address on the link.
    public var address: IPAddress
    /// Hardware address, when known.
    public var mac: MACAddress?
    /// State (NUD_*).
    public var state: State

    /// Creates an entry; permanent unless said otherwise.
    public init(interface: UInt32, address: IPAddress, mac: MACAddress?, state: State = .permanent) {
        self.interface = interface
        self.address = address
        self.mac = mac
        self.state = state
    }

    /// A NUD_* value.
    public struct State: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
        /// The number.
        public var rawValue: UInt16

        /// Creates a state from its number.
        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// Confirmed lately.
        public static let reachable = State(rawValue: 0x02)
        /// Known, to be confirmed on use.
        public static let stale = State(rawValue: 0x04)
        /// No answer.
        public static let failed = State(rawValue: 0x20)
        /// Not subject to resolution.
        public static let noARP = State(rawValue: 0x40)
        /// Set by an administrator; never expires.
        public static let permanent = State(rawValue: 0x80)
    }
}
