internal import IPAddressing
internal import Resources

extension BGPPlan {
    /// Version of what templates see; it changes when a name goes or changes its meaning.
    public static let contextVersion = 1

    /// The plan as templates see it: `node`, `families`, `sessions`, and `bird`, `bird6` for one family alone.
    ///
    /// Fields without a value are absent; templates test them with `if`.
    public var templateContext: [String: TemplateValue] {
        self.templateContext([self.ipv4, self.ipv6].map { $0.sessions.map(\.templateContext) })
    }

    /// The same with the contexts of the sessions of both families.
    fileprivate func templateContext(_ sessions: [[TemplateValue]]) -> [String: TemplateValue] {
        let called = self.calledFunctions
        let families = [self.ipv4, self.ipv6].map { $0.templateContext(called) }
        return [
            "context_version": .number(Self.contextVersion),
            "node": self.nodeContext,
            "families": .list(families),
            "sessions": .list(sessions[0] + sessions[1]),
            "bird": Self.context(families[0], sessions[0], file: "bird"),
            "bird6": Self.context(families[1], sessions[1], file: "bird6"),
        ]
    }

    /// Names of the functions that sessions call.
    private var calledFunctions: Set<String> {
        var names: Set<String> = []
        for session in self.sessions {
            let other = session.otherFamily.map { $0.importFilters + $0.exportFilters } ?? []
            for case .function(let name, _) in session.importFilters + session.exportFilters + other {
                names.insert(name)
            }
        }
        return names
    }

    /// A family with its sessions, for a speaker that has no other.
    private static func context(_ family: TemplateValue, _ sessions: [TemplateValue], file: String) -> TemplateValue {
        guard case .fields(var fields) = family else { return family }
        fields["sessions"] = .list(sessions)
        fields["file"] = .text(file)
        return .fields(fields)
    }

    private var nodeContext: TemplateValue {
        .fields([
            "name": .text(Self.printable(self.nodeName)),
            "router_id": .text(of: self.routerID),
            "local_as": .text(of: self.localAS),
            "log_level": .text(self.logLevel.rawValue),
            "debug": .text(
                self.logLevel == .none ? "" : self.logLevel == .debug ? "all" : "{ states }"
            ),
            "session_debug": .text(
                self.logLevel == .none ? "" : self.logLevel == .debug ? "all" : "{ states, routes, filters, events }"
            ),
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

    fileprivate func templateContext(_ called: Set<String>) -> TemplateValue {
        var fields: [String: TemplateValue] = [
            "service_statics": .list(self.serviceStatics.map { .text(of: $0) }),
            "service_ranges": .list(self.serviceRanges.map { .text(of: $0) }),
            "reflected_services": .list(self.reflectedServices.map { .text(of: $0) }),
            "wireguard_peers": .list(self.wireguardPeers.map { .text(of: $0) }),
            "owns_ipip": .flag(self.ownsIPIP),
            "filters": .list(self.filters.map { $0.templateContext(isUsed: called.contains($0.name)) }),
            "has_statics": .flag(
                !self.blockStatics.isEmpty || !self.serviceStatics.isEmpty || !self.peerStatics.isEmpty
            ),
            "listen_port": .text(of: self.listenPort),
            "listens_elsewhere": .flag(self.listenPort != 179 || self.listenAddress != nil),
        ]
        if let address = self.nodeAddress { fields["address"] = .text(of: address) }
        if let address = self.listenAddress { fields["listen_address"] = .text(of: address) }
        if let network = self.network { fields["network"] = .text(of: network) }
        return .fields(fields.merging(self.routeContext) { first, _ in first })
    }

    private var routeContext: [String: TemplateValue] {
        [
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
        ]
    }
}

extension FilterFunction {
    fileprivate func templateContext(isUsed: Bool) -> TemplateValue {
        .fields([
            "name": .text(self.name), "filter": .text(BGPPlan.printable(self.filter)),
            "direction": .text(self.direction.rawValue), "takes_peer_type": .flag(self.takesPeerType),
            "statements": .list(self.statements.map { .text($0) }), "used": .flag(isUsed),
        ])
    }
}

extension SessionPlan.FilterCall {
    /// The call as a statement.
    fileprivate func statement(isInternal: Bool) -> String {
        switch self {
        case .function(let name, let takesPeerType): "'\(name)'(\(takesPeerType ? "\(isInternal)" : ""));"
        case .missing(let name): "reject; # There is no BGPFilter \(BGPPlan.printable(name))."
        }
    }
}

extension BGPConfiguration.PrefixAdvertisement {
    fileprivate var templateContext: TemplateValue {
        var standard: [TemplateValue] = []
        var large: [TemplateValue] = []
        var seen: Set<BGPConfiguration.CommunityValue> = []
        for community in self.communities where seen.insert(community).inserted {
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
            "kind": .text(self.kind.rawValue),
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
        if let address = self.sourceAddress {
            fields["source_address"] = .text(of: address)
            if !self.isSourceBound { fields["given_source_address"] = .text(of: address) }
        }
        if let hops = self.ttlSecurityHops { fields["ttl_security_hops"] = .text(of: hops) }
        if let password = self.password { fields["password"] = .text(password) }
        if let seconds = self.keepaliveSeconds { fields["keepalive_seconds"] = .text(of: seconds) }
        if self.allowedLocalAS > 0 { fields["allowed_local_as"] = .text(of: self.allowedLocalAS) }
        if let identifier = self.clusterID { fields["cluster_id"] = .text(of: identifier) }
        if self.namesLocalAS { fields["own_local_as"] = .text(of: self.localAS) }
        if let seconds = self.restartSeconds { fields["restart_seconds"] = .text(of: seconds) }
        if let seconds = self.holdSeconds { fields["hold_seconds"] = .text(of: seconds) }
        if let number = self.maximumPrefixes { fields["max_prefixes"] = .text(of: number) }
        if let port = self.peerPort { fields["given_peer_port"] = .text(of: port) }
        let isInternal = self.isInternal
        func statements(_ calls: [FilterCall]) -> TemplateValue {
            .list(calls.map { .text($0.statement(isInternal: isInternal)) })
        }
        func channel(isIPv4: Bool, _ imports: [FilterCall], _ exports: [FilterCall]) -> [String: TemplateValue] {
            [
                "family": .text(isIPv4 ? "ipv4" : "ipv6"), "suffix": .text(isIPv4 ? "v4" : "v6"),
                "import_filters": statements(imports), "export_filters": statements(exports),
            ]
        }
        fields["import_filters"] = statements(self.importFilters)
        fields["export_filters"] = statements(self.exportFilters)
        let isIPv4 = self.peerAddress.isIPv4
        var channels = [TemplateValue.fields(channel(isIPv4: isIPv4, self.importFilters, self.exportFilters))]
        if let other = self.otherFamily {
            var context = channel(isIPv4: !isIPv4, other.importFilters, other.exportFilters)
            context["next_hop_address"] = .text(of: other.address)
            channels.append(.fields(context))
        }
        fields["channels"] = .list(channels)
        return .fields(fields)
    }
}

/// Contexts of plans, of which those of sessions are made anew only when these change.
struct ContextCache {
    private var known: [String: (session: SessionPlan, context: TemplateValue)] = [:]

    /// The plan as templates see it.
    mutating func context(of plan: BGPPlan) -> [String: TemplateValue] {
        var next: [String: (session: SessionPlan, context: TemplateValue)] = [:]
        next.reserveCapacity(self.known.count)
        var contexts: [[TemplateValue]] = []
        for family in [plan.ipv4, plan.ipv6] {
            var list: [TemplateValue] = []
            list.reserveCapacity(family.sessions.count)
            for session in family.sessions {
                let known = self.known[session.name]
                let context = known?.session == session ? known?.context : nil
                let value = context ?? session.templateContext
                next[session.name] = (session, value)
                list.append(value)
            }
            contexts.append(list)
        }
        self.known = next
        return plan.templateContext(contexts)
    }
}
