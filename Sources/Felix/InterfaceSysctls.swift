internal import Netlink

/// One sysctl of a workload interface.
struct InterfaceSysctl: Hashable {
    /// Below /proc/sys.
    var key: SysctlKey
    /// What it must be.
    var value: String
    /// Whether the workload works without it.
    var isOptional: Bool
}

/// What the sysctls of a workload interface depend on.
struct InterfaceProfile: Hashable, Sendable {
    /// Interface name.
    var name: String
    /// Value for `rp_filter`: the host's default, or 0 for workloads that may spoof.
    var reversePathFilter: String
    /// Whether a workload behind it has IPv6 addresses.
    var hasIPv6: Bool

    /// The host answers every ARP and NDP question on the interface and forwards what comes in.
    var sysctls: [InterfaceSysctl] {
        let v4 = ["net", "ipv4", "conf", self.name]
        let v6 = ["net", "ipv6", "conf", self.name]
        let needsNoIPv6 = !self.hasIPv6
        let list: [([String], String, Bool)] = [
            (v6 + ["accept_ra"], "0", true),
            (v4 + ["route_localnet"], "1", false),
            (["net", "ipv4", "neigh", self.name, "proxy_delay"], "0", true),
            (v4 + ["proxy_arp"], "1", false),
            (v4 + ["forwarding"], "1", false),
            (v4 + ["rp_filter"], self.reversePathFilter, false),
            (v6 + ["proxy_ndp"], "1", needsNoIPv6),
            (v6 + ["forwarding"], "1", needsNoIPv6),
        ]
        return list.compactMap { components, value, isOptional in
            SysctlKey(components).map { InterfaceSysctl(key: $0, value: value, isOptional: isOptional) }
        }
    }
}
