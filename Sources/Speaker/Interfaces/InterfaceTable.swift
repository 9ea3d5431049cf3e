internal import IPAddressing
internal import Netlink
internal import RouteModel
internal import SpeakerSettings

/// The host's links and addresses as last seen (`protocol device`).
struct InterfaceTable: Sendable {
    private(set) var links: [UInt32: Link] = [:]
    private(set) var addresses: [UInt32: [LinkAddress]] = [:]
    /// Every address of the host.
    private(set) var own: Set<IPAddress> = []

    /// Replaces everything by the outcome of a dump.
    ///
    /// Returns whether anything differs.
    mutating func replace(links: [Link], addresses: [LinkAddress]) -> Bool {
        let newLinks = Dictionary(links.map { ($0.index, $0) }) { _, last in last }
        let newAddresses = Dictionary(grouping: addresses.filter { !$0.isTentative }) { $0.interface }
        let differs = newLinks != self.links || newAddresses != self.addresses
        self.links = newLinks
        self.addresses = newAddresses
        if differs { self.collectOwn() }
        return differs
    }

    /// Applies one monitor event.
    ///
    /// Returns whether anything changed.
    mutating func apply(_ event: KernelEvent) -> Bool {
        switch event {
        case .linkChanged(let link):
            guard self.links[link.index] != link else { return false }
            self.links[link.index] = link
        case .linkRemoved(let link):
            guard self.links.removeValue(forKey: link.index) != nil else { return false }
            self.addresses[link.index] = nil
        case .addressAdded(let address):
            var list = self.addresses[address.interface] ?? []
            if address.isTentative {
                guard list.contains(where: { $0.address == address.address }) else { return false }
                list.removeAll { $0.address == address.address }
            } else {
                guard !list.contains(address) else { return false }
                list.removeAll { $0.address == address.address }
                list.append(address)
            }
            self.addresses[address.interface] = list
        case .addressRemoved(let address):
            guard var list = self.addresses[address.interface],
                list.contains(where: { $0.address == address.address })
            else { return false }
            list.removeAll { $0.address == address.address }
            self.addresses[address.interface] = list.isEmpty ? nil : list
        case .neighborChanged, .neighborRemoved, .routeChanged, .routeRemoved, .overrun:
            return false
        }
        self.collectOwn()
        return true
    }

    private mutating func collectOwn() {
        self.own = Set(self.addresses.values.joined().map(\.address.address))
    }

    /// Index of the interface with a name.
    func index(named name: String) -> UInt32? {
        self.links.values.first { $0.name == name }?.index
    }

    /// Name of an interface.
    func name(of index: UInt32) -> String? {
        self.links[index]?.name
    }

    /// Whether packets can leave through an interface.
    func isUp(_ index: UInt32) -> Bool {
        self.links[index]?.isOperUp ?? false
    }

    /// The usable interface whose network contains `address`, the most specific network winning.
    func interface(reaching address: IPAddress) -> UInt32? {
        var best: (length: UInt8, index: UInt32)?
        for (index, list) in self.addresses where self.isUp(index) {
            for entry in list {
                let network = entry.peer.map(\.hostPrefix) ?? entry.address.network
                guard network.contains(address), entry.address.address != address else { continue }
                if best.map({ ($0.length, index) < (network.length, $0.index) }) ?? true {
                    best = (network.length, index)
                }
            }
        }
        return best?.index
    }

    /// Whether the host itself has `address` on any interface.
    func isLocal(_ address: IPAddress) -> Bool {
        self.own.contains(address)
    }

    /// Whether some interface that is up has `address`.
    func isUsableLocal(_ address: IPAddress) -> Bool {
        self.addresses.contains { index, list in
            self.isUp(index) && list.contains { $0.address.address == address }
        }
    }

    /// The lowest IPv4 address of interfaces other than loopback, else the lowest of all: the router id when none is set.
    var candidateRouterID: RouterID? {
        func lowest(loopback: Bool) -> RouterID? {
            self.addresses.flatMap { index, list -> [IPv4Address] in
                guard (self.links[index]?.isLoopback ?? false) == loopback else { return [] }
                return list.compactMap {
                    if case .v4(let address) = $0.address.address, !address.isLoopback { address } else { nil }
                }
            }.min().map(RouterID.init)
        }
        return lowest(loopback: false) ?? lowest(loopback: true)
    }

    /// The lowest first IPv4 address of a network on an interface that is up and that the patterns choose: the router id
    /// of `router id from`.
    func candidateRouterID(_ patterns: [InterfacePattern]) -> RouterID? {
        self.addresses.flatMap { index, list -> [IPv4Address] in
            guard let link = self.links[index], link.isAdminUp else { return [] }
            return list.compactMap {
                guard case .v4(let address) = $0.address.address, !address.isLoopback, !$0.isSecondary,
                    patterns.choose(link.name, .v4(address))
                else { return nil }
                return address
            }
        }
        .min().map(RouterID.init)
    }

    /// Networks of interfaces that `patterns` choose, one per prefix, with the interface: what `protocol direct` announces.
    ///
    /// Those of loopback interfaces lead to no neighbour, but services have addresses there; 127.0.0.0/8, ::1 and IPv6
    /// link-local addresses are nobody else's business on any interface.
    func connectedNetworks(_ patterns: [InterfacePattern], isIPv4: Bool, withLoopback: Bool = true) -> [IPPrefix:
        UInt32]
    {
        var result: [IPPrefix: UInt32] = [:]
        for (index, list) in self.addresses {
            guard let link = self.links[index], link.isOperUp, withLoopback || !link.isLoopback else { continue }
            for entry in list {
                let prefix = entry.peer.map(\.hostPrefix) ?? entry.address.network
                guard prefix.isIPv4 == isIPv4, !entry.address.address.isLinkLocal, !entry.address.address.isLoopback,
                    patterns.choose(link.name, entry.address.address)
                else { continue }
                // The lowest index wins where two interfaces share a network, so that the answer is stable.
                result[prefix] = min(result[prefix] ?? index, index)
            }
        }
        return result
    }
}

extension IPAddress {
    /// Whether it is one of those that every host has.
    fileprivate var isLoopback: Bool {
        switch self {
        case .v4(let address): address.isLoopback
        case .v6(let address): address.isLoopback
        }
    }
}

extension [InterfacePattern] {
    /// Whether the first matching pattern is a positive one; an empty list chooses everything.
    func choose(_ name: String, _ address: IPAddress) -> Bool {
        guard !self.isEmpty else { return true }
        for pattern in self {
            let named = pattern.glob.map { globMatches($0[...], name[...]) } ?? true
            let placed = pattern.prefix.map { $0.contains(address) } ?? true
            if named && placed { return !pattern.isNegative }
        }
        return false
    }
}

/// Shell-like matching with `*` and `?`, in time linear in the product of both lengths.
func globMatches(_ pattern: Substring, _ text: Substring) -> Bool {
    let pattern = Array(pattern.utf8)
    let text = Array(text.utf8)
    var p = 0
    var t = 0
    var star: (pattern: Int, text: Int)?
    while t < text.count {
        if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
            star = (p, t)
            p += 1
        } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
            p += 1
            t += 1
        } else if let mark = star {
            star = (mark.pattern, mark.text + 1)
            p = mark.pattern + 1
            t = mark.text + 1
        } else {
            return false
        }
    }
    while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
    return p == pattern.count
}
