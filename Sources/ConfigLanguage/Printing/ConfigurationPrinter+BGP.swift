import BGPWire
import IPAddressing
import SpeakerSettings

/// `protocol bgp`.
extension ConfigurationPrinter {
    mutating func write(_ settings: BGPSettings) {
        self.write(settings.common)
        self.writeAddressing(settings)
        self.say("rr client", settings.isRouteReflectorClient)
        if let id = settings.clusterID { self.say("rr cluster id \(id)") }
        self.say("rs client", settings.isRouteServerClient)
        self.say(settings.allowedLocalAS == .max ? "allow local as" : "allow local as \(settings.allowedLocalAS)")
        self.say("interpret communities", settings.interpretsCommunities)
        self.say("enforce first as", settings.enforcesFirstAS)
        self.say("enable route refresh", settings.routeRefresh)
        self.say("enable extended messages", settings.extendedMessages)
        self.say("attribute limit \(settings.attributeLimit >> 20)")
        self.say("default bgp_local_pref \(settings.defaultLocalPreference)")
        self.say("default bgp_med \(settings.defaultMED)")
        self.say("path metric", settings.comparesPathLength)
        self.say("igp metric", settings.comparesIGPMetric)
        self.say("med metric", settings.comparesMEDAlways)
        self.say("deterministic med", settings.deterministicMED)
        self.say("prefer older", settings.prefersOlder)
        self.say("disable after error", settings.disablesAfterError)
        self.say("disable after cease " + Self.words(ceases: settings.disablingCeases))
        self.write(settings.timers)
        self.write(settings.restart)
        self.write(settings.rules)
        for channel in settings.channels { self.write(channel, of: settings) }
    }

    private mutating func writeAddressing(_ settings: BGPSettings) {
        let own = settings.localAddress.map { "\($0) " } ?? ""
        self.say("local \(own)port \(settings.localPort) as \(settings.localAS.rawValue)")
        let kind = settings.neighborAS.map { "as \($0.rawValue)" } ?? "external"
        self.say("neighbor \(settings.neighborAddress) port \(settings.neighborPort) \(kind)")
        if let name = settings.interfaceName { self.say("interface \"\(name)\"") }
        self.say(settings.multihopTTL.map { "multihop \($0)" } ?? "direct")
        self.say("ttl security", settings.ttlSecurity)
        self.say("passive", settings.isPassive)
        if let listen = settings.listenAddress, listen != settings.localAddress {
            self.remark("listens on \(listen) only: 'listen bgp address' of BIRD 1.6")
        } else {
            self.say("strict bind", settings.listenAddress != nil)
        }
        if let password = settings.password {
            self.say("password \"\(self.isSecretShown ? password : "hidden")\"")
        }
    }

    private mutating func write(_ timers: BGPTimers) {
        self.say("hold time \(timers.hold)")
        self.say("startup hold time \(timers.startupHold)")
        if let time = timers.keepalive {
            self.say("keepalive time \(time)")
        } else {
            self.remark("keepalive time: a third of the negotiated hold time")
        }
        self.say("connect delay time \(timers.connectDelay)")
        self.say("connect retry time \(timers.connectRetry)")
        self.say("error wait time \(timers.errorWait.lowerBound), \(timers.errorWait.upperBound)")
        self.say("error forget time \(timers.errorForget)")
        if let time = timers.sendHold {
            self.say("send hold time \(time)")
        } else {
            self.remark("send hold time: the larger of 480 and twice the hold time")
        }
    }

    private mutating func write(_ restart: RestartSettings) {
        self.say("graceful restart \(Self.word(restart.mode))")
        self.say("graceful restart time \(restart.time)")
        self.say("min graceful restart time \(restart.timeLimits.lowerBound)")
        self.say("max graceful restart time \(restart.timeLimits.upperBound)")
        self.say("long lived graceful restart \(Self.word(restart.longLivedMode))")
        self.say("long lived stale time \(restart.staleTime)")
        self.say("min long lived stale time \(restart.staleTimeLimits.lowerBound)")
        self.say("max long lived stale time \(restart.staleTimeLimits.upperBound)")
        self.say("stale path time \(restart.stalePathTime)")
    }

    private mutating func write(_ rules: BGPRules) {
        if let role = rules.role { self.say("local role \(Self.word(role))") }
        self.say("require roles", rules.requiresRole)
        if let number = rules.confederation { self.say("confederation \(number.rawValue)") }
        self.say("confederation member", rules.isConfederationMember)
        self.say("allow as sets", rules.allowsASSets)
        self.say("allow bgp_local_pref", rules.allowsLocalPreference)
        self.say("as override", rules.overridesAS)
        self.say("honor graceful shutdown", rules.honorsGracefulShutdown)
        self.say("max attributes \(rules.limits.attributes)")
        self.say("max communities \(rules.limits.communities)")
        self.say("max path length \(rules.limits.pathLength)")
        self.say("max paths \(rules.maximumPaths)")
        self.say("require route refresh", rules.required.contains(.routeRefresh))
        self.say("require enhanced route refresh", rules.required.contains(.enhancedRouteRefresh))
        self.say("require as4", rules.required.contains(.fourOctetAS))
        self.say("require extended messages", rules.required.contains(.extendedMessages))
        self.say("require graceful restart", rules.required.contains(.gracefulRestart))
        self.say("require long lived graceful restart", rules.required.contains(.longLivedGracefulRestart))
        self.say("enable enhanced route refresh", rules.enhancedRouteRefresh)
        self.say("min hold time \(rules.minimumHoldTime)")
        self.say("min keepalive time \(rules.minimumKeepaliveTime)")
        self.say("allow bgp_med", rules.sendsMED)
    }

    private mutating func write(_ channel: BGPChannelSettings, of settings: BGPSettings) {
        let isIPv4 = channel.channel.family == .ipv4Unicast
        self.block(isIPv4 ? "ipv4" : "ipv6", end: "};\n") { printer in
            printer.writeBody(channel.channel, of: settings.common.name)
            printer.say("next hop self \(Self.word(channel.nextHopSelf))")
            printer.say("next hop keep \(Self.word(channel.nextHopKeep))")
            if let address = channel.nextHopAddress {
                printer.say("next hop address \(address)")
            } else {
                printer.remark("next hop address: the session's own address")
            }
            switch channel.gateway {
            case .direct: printer.say("gateway direct")
            case .recursive: printer.say("gateway recursive")
            case nil: printer.remark("gateway: \(settings.multihopTTL == nil ? "direct" : "recursive")")
            }
            printer.say("igp table \(printer.quoted(channel.igpTable ?? channel.channel.table))", if: channel.igpTable)
            switch channel.preferredNextHop {
            case .global: printer.say("next hop prefer global")
            case .local: printer.say("next hop prefer local")
            case nil: printer.remark("next hop prefer: local with gateway recursive, else global")
            }
            printer.say("cost \(channel.cost)")
            if isIPv4 { printer.say("extended next hop", channel.extendedNextHop) }
            printer.say("require extended next hop", channel.requiresExtendedNextHop)
            printer.say("require add paths", channel.requiresAddPaths)
            switch channel.aigp {
            case .off: printer.say("aigp off")
            case .on: printer.say("aigp on")
            case .originate: printer.say("aigp originate")
            case nil: printer.remark("aigp: on within the own AS or confederation, else off")
            }
            printer.say("mandatory", channel.isMandatory)
            let directions = (channel.addPathsReceive, channel.addPathsSend)
            printer.say(
                "add paths " + (directions == (true, true) ? "on" : directions.0 ? "rx" : directions.1 ? "tx" : "off")
            )
            if let count = channel.addPathsCount { printer.say("add paths best \(count)") }
            printer.say("secondary", channel.isSecondary)
            printer.say("graceful restart", channel.restarts)
            printer.say("long lived graceful restart", channel.restartsLongLived)
            printer.say(
                "long lived stale time \(channel.longLivedStaleTime ?? settings.restart.staleTime)",
                if: channel.longLivedStaleTime.map { "\($0)" }
            )
            let limits = settings.restart.staleTimeLimits
            printer.say(
                "min long lived stale time \(channel.minimumStaleTime ?? limits.lowerBound)",
                if: channel.minimumStaleTime.map { "\($0)" }
            )
            printer.say(
                "max long lived stale time \(channel.maximumStaleTime ?? limits.upperBound)",
                if: channel.maximumStaleTime.map { "\($0)" }
            )
        }
    }

    /// A statement about a value that was given, a remark about one that was not.
    private mutating func say(_ statement: String, if given: String?) {
        if given == nil {
            self.remark(statement)
        } else {
            self.say(statement)
        }
    }

    private static func word(_ mode: RestartSettings.Mode) -> String {
        switch mode {
        case .off: "off"
        case .aware: "aware"
        case .on: "on"
        }
    }

    private static func word(_ role: BGPRole) -> String {
        switch role {
        case .provider: "provider"
        case .routeServer: "rs_server"
        case .routeServerClient: "rs_client"
        case .customer: "customer"
        case .peer: "peer"
        }
    }

    private static func words(ceases: UInt16) -> String {
        if ceases == 0 { return "off" }
        if ceases == ~(1 << 7) { return "on" }
        return "{ "
            + Parser.ceases.enumerated().filter { ceases & 1 << UInt16($0.offset) != 0 }.map(\.element)
            .joined(separator: ", ") + " }"
    }

    private static func word(_ selection: BGPChannelSettings.Selection) -> String {
        switch selection {
        case .never: "off"
        case .always: "on"
        case .fromInternal: "ibgp"
        case .fromExternal: "ebgp"
        }
    }
}
