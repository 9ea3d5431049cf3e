import BGPWire

/// Which BIRD's language a configuration is written in.
public enum Dialect: String, Hashable, Sendable, CaseIterable {
    /// BIRD 2: both families, options of a family stand in channels.
    case bird2
    /// BIRD 1.6, the IPv4 daemon: one family, its options stand in the protocol itself.
    case bird1IPv4 = "bird1-v4"
    /// BIRD 1.6, the IPv6 daemon.
    case bird1IPv6 = "bird1-v6"

    /// The only family there is; nil where there are both.
    var onlyFamily: AddressFamily? {
        switch self {
        case .bird2: nil
        case .bird1IPv4: .ipv4Unicast
        case .bird1IPv6: .ipv6Unicast
        }
    }
}
