internal import IPAddressing
internal import Resources

extension BGPPlan {
    /// The plan as templates see it: `node`, `families`, `sessions`.
    ///
    /// Fields without a value are absent; templates test them with `if`.
    public var templateContext: [String: TemplateValue] {
        [
            "node": self.nodeContext,
            "families": .list([self.ipv4.templateContext, self.ipv6.templateContext]),
            "sessions": .list(self.sessions.map(\.templateContext)),
        ]
    }

    private var nodeContext: TemplateValue {
        .fields([
            "name": .text(Self.printable(self.nodeName)),
            "router_id": .text(of: self.routerID),
            "local_as": .text(of: self.localAS),
            "log_level": .text(self.logLevel.rawValue),
            "direct_interfaces": .list(
                self.directInterfaces.map {
                    .fields(["pattern": .text($0.pattern), "excluded": .flag($0.isExcluded)])
                }
            ),
        ])
    }

    /// Text that may stand in a comment or a quoted string whatever the resource's name was.
    static func printable(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value >= 0x20 && $0.value < 0x7F && $0 != "\"" ? Character($0) : "?" })
    }
}

extension FamilyPlan {
    fileprivate var name: String { self.isIPv4 ? "ipv4" : "ipv6" }

    fileprivate var templateContext: TemplateValue {
        .fields([
            "name": .text(self.name),
            "suffix": .text(self.isIPv4 ? "v4" : "v6"),
            "title": .text(self.isIPv4 ? "IPv4" : "IPv6"),
            "normal_priority": .text(of: self.normalPriority),
            "largest_priority": .text("2147483647"),
            "local_preference_threshold": .text(of: self.localPreferenceThreshold),
            "pools": .list(
                self.pools.map {
                    .fields([
                        "prefix": .text(of: $0.prefix), "exported": .flag($0.isExported),
                        "kernel": .text($0.kernel.rawValue),
                    ])
                }
            ),
            "block_statics": .list(self.blockStatics.map { .text(of: $0) }),
            "peer_statics": .list(
                self.peerStatics.map { .fields(["prefix": .text(of: $0.prefix), "gateway": .text(of: $0.gateway)]) }
            ),
            "aggregates": .list(self.aggregates.map { .text(of: $0) }),
            "advertisements": .list(self.advertisements.map(\.templateContext)),
        ])
    }
}

extension BGPConfiguration.PrefixAdvertisement {
    fileprivate var templateContext: TemplateValue {
        var standard: [TemplateValue] = []
        var large: [TemplateValue] = []
        for community in self.communities {
            switch community {
            case .standard(let high, let low): standard.append(.text("\(high), \(low)"))
            case .large(let global, let first, let second): large.append(.text("\(global), \(first), \(second)"))
            }
        }
        return .fields(["prefix": .text(of: self.cidr), "standard": .list(standard), "large": .list(large)])
    }
}

extension SessionPlan {
    /// One session as its fragment's template sees it.
    var templateContext: TemplateValue {
        let description =
            self.kind == .mesh ? "node mesh" : "BGPPeer " + BGPPlan.printable(self.resource ?? "")
        var fields: [String: TemplateValue] = [
            "name": .text(self.name),
            "description": .text(description),
            "family": .text(self.peerAddress.isIPv4 ? "ipv4" : "ipv6"),
            "suffix": .text(self.peerAddress.isIPv4 ? "v4" : "v6"),
            "peer_address": .text(of: self.peerAddress),
            "peer_port": .text(of: self.peerPort ?? 179),
            "peer_as": .text(of: self.peerAS),
            "local_as": .text(of: self.localAS),
            "local_port": .text(of: self.localPort),
            "strict_bind": .flag(self.bindsStrictly),
            "passive": .flag(self.isPassive),
            "internal": .flag(self.isInternal),
            "next_hop": .text(self.nextHop.rawValue),
        ]
        if let address = self.sourceAddress { fields["source_address"] = .text(of: address) }
        if let hops = self.ttlSecurityHops { fields["ttl_security_hops"] = .text(of: hops) }
        if let password = self.password { fields["password"] = .text(password) }
        if let seconds = self.keepaliveSeconds { fields["keepalive_seconds"] = .text(of: seconds) }
        if self.allowedLocalAS > 0 { fields["allowed_local_as"] = .text(of: self.allowedLocalAS) }
        if let identifier = self.clusterID { fields["cluster_id"] = .text(of: identifier) }
        return .fields(fields)
    }
}
