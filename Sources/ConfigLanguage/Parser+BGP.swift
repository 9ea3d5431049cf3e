import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// `protocol bgp`.
extension Parser {
    /// Statements of a BGP session.
    static let bgpStatements =
        [
            "local", "neighbor", "source address", "interface", "direct", "multihop", "ttl security", "passive",
            "password", "rr client", "rr cluster id", "allow local as", "interpret communities", "enforce first as",
            "enable route refresh", "enable extended messages", "enable as4", "capabilities", "attribute limit",
            "default bgp_local_pref", "default bgp_med", "deterministic med", "med metric", "path metric", "igp metric",
            "prefer older", "hold time", "startup hold time", "keepalive time", "connect delay time",
            "connect retry time", "error wait time", "error forget time", "send hold time", "strict bind", "free bind",
            "graceful restart", "graceful restart time", "min graceful restart time", "max graceful restart time",
            "long lived graceful restart", "long lived stale time", "min long lived stale time",
            "max long lived stale time", "stale path time", "add paths", "bfd", "rs client", "check link",
            "disable after error", "disable after cease", "advertise hostname", "setkey", "authentication",
            "disable rx",
        ] + Self.bgpRuleStatements

    mutating func parseBGPStatement(_ bgp: inout BGPDraft) throws(SyntaxError) {
        if try self.parseBGPRule(&bgp) { return }
        if try self.parseBGPAddressing(&bgp) { return }
        if try self.parseBGPTimers(&bgp.timers) { return }
        if try self.parseBGPDecision(&bgp) { return }
        if try self.parseBGPRestart(&bgp) { return }
        let start = self.location
        if self.accept("rr", "client") {
            bgp.isClient = try self.parseSwitch()
            bgp.clientLocation = start
        } else if self.accept("rs", "client") {
            bgp.isServed = try self.parseSwitch()
            bgp.servedLocation = start
        } else if self.accept("rr", "cluster", "id") {
            bgp.clusterID = try self.parseRouterID("a cluster id")
        } else if self.accept("allow", "local", "as") {
            // Without a number the own AS may be in the path as often as it likes.
            bgp.allowedLocalAS = .max
            if !self.sees(.semicolon) { bgp.allowedLocalAS = try self.parseNumber("count", in: 0...255) }
        } else if self.accept("interpret", "communities") {
            bgp.interpretsCommunities = try self.parseSwitch()
        } else if self.accept("enforce", "first", "as") {
            bgp.enforcesFirstAS = try self.parseSwitch()
            bgp.enforceLocation = start
        } else if self.accept("enable", "route", "refresh") {
            bgp.routeRefresh = try self.parseSwitch()
        } else if self.accept("enable", "extended", "messages") {
            bgp.extendedMessages = try self.parseSwitch()
        } else if self.accept("attribute", "limit") {
            bgp.attributeLimit = try self.parseNumber("attribute limit in MiB", in: 1...1_048_576)
        } else if self.accept("enable", "as4") || self.accept("capabilities") {
            guard try self.parseSwitch() else {
                throw self.fail(start, "sessions always use capabilities and four-octet AS numbers; remove it")
            }
        } else if try !self.parseBGPOffOnly(&bgp) {
            throw self.unknownStatement(of: .bgp, Self.bgpStatements)
        }
    }

    /// Options of BIRD whose defaults this speaker has: they may be written down as off, not turned on.
    private mutating func parseBGPOffOnly(_ bgp: inout BGPDraft) throws(SyntaxError) -> Bool {
        let start = self.location
        if self.accept("add", "paths") {
            // A switch of BIRD 1.6, for all families.
            guard !self.sees("rx"), !self.sees("tx"), !self.sees("best"), !(try self.parseSwitch()) else {
                throw self.fail(start, "'add paths' is an option of channels: ipv4 { add paths on; }")
            }
        } else if self.accept("bfd") {
            if self.sees("graceful") || self.sees(.openBrace) { throw self.unsupported(start, "'bfd'") }
            try self.parseOffOnly("'bfd'", at: start)
        } else if self.accept("check", "link") {
            _ = try self.parseSwitch()
        } else if self.accept("strict", "bind") {
            bgp.bindsStrictly = try self.parseSwitch()
            bgp.strictLocation = start
        } else if self.accept("advertise", "ipv4") {
            try self.parseOffOnly("'advertise ipv4'", at: start)
        } else if self.accept("free", "bind") {
            // Addresses that are not there yet can always be bound.
            _ = try self.parseSwitch()
        } else if self.accept("disable", "after", "error") {
            bgp.disablesAfterError = try self.parseSwitch()
        } else if self.accept("disable", "after", "cease") {
            bgp.disablingCeases = try self.parseCeases()
        } else if self.accept("advertise", "hostname") {
            try self.parseOffOnly("'advertise hostname'", at: start)
        } else if self.accept("setkey") {
            // For BSD alone, in BIRD too.
            _ = try self.parseSwitch()
        } else if self.accept("disable", "rx") {
            try self.parseOffOnly("'disable rx'", at: start)
        } else if self.accept("authentication") {
            bgp.authenticationLocation = start
            if self.accept("md5") {
                bgp.authenticates = true
            } else if self.accept("none") {
                bgp.authenticates = false
            } else {
                throw self.sees("ao")
                    ? self.unsupported(start, "'authentication ao'")
                    : self.unexpectedChoice("a way of authentication", ["none", "md5", "ao"])
            }
        } else if self.accept("onlink") {
            try self.parseOffOnly("'onlink'", at: start)
        } else if self.sees("dynamic") || self.sees("require") || self.sees("tx") || self.sees("keys")
            || self.sees("llgr")
        {
            throw self.unsupported(start, "'\(self.nextName ?? "")'")
        } else {
            return false
        }
        return true
    }

    /// Kinds of Cease by their subcodes.
    static let ceases = [
        "cease", "prefix limit hit", "administrative shutdown", "peer deconfigured", "administrative reset",
        "connection rejected", "configuration change", "connection collision", "out of resources",
    ]

    /// A switch for all but collisions, or kinds in braces; as bits by subcode.
    private mutating func parseCeases() throws(SyntaxError) -> UInt16 {
        if self.accept(.openBrace) {
            var bits: UInt16 = 0
            repeat { bits |= 1 << (try self.parseCease()) } while self.accept(.comma)
            try self.expect(.closeBrace)
            return bits
        }
        return try self.parseSwitch() ? ~(1 << 7) : 0
    }

    private mutating func parseCease() throws(SyntaxError) -> UInt16 {
        for (subcode, name) in Self.ceases.enumerated() {
            let words = name.split(separator: " ").map(String.init)
            guard words.enumerated().allSatisfy({ self.peek($0.offset).kind == .word($0.element) }) else { continue }
            for _ in words { self.advance() }
            return UInt16(subcode)
        }
        throw self.unexpectedChoice("a kind of Cease", Self.ceases)
    }

    private mutating func parseBGPAddressing(_ bgp: inout BGPDraft) throws(SyntaxError) -> Bool {
        let start = self.location
        if self.accept("local") {
            try self.parseLocal(&bgp)
        } else if self.accept("neighbor") {
            try self.parseNeighbor(&bgp)
        } else if self.accept("source", "address") {
            bgp.localAddressLocation = self.location
            bgp.localAddress = try self.parseAddress("the session's own address")
        } else if self.accept("interface") {
            if self.sees("range") { throw self.unsupported(start, "'interface range'") }
            bgp.interfaceName = try self.parseText("the name of an interface in quotes")
        } else if self.accept("direct") {
            bgp.multihop = .direct
            bgp.multihopLocation = start
        } else if self.accept("multihop") {
            bgp.multihopLocation = start
            bgp.multihop = .ttl(255)
            if !self.sees(.semicolon) { bgp.multihop = .ttl(try self.parseNumber("number of hops", in: 1...UInt8.max)) }
        } else if self.accept("ttl", "security") {
            bgp.ttlSecurity = try self.parseSwitch()
        } else if self.accept("passive") {
            bgp.isPassive = try self.parseSwitch()
        } else if self.accept("password") {
            let location = self.location
            let password = try self.parseText("a password in quotes")
            guard (1...80).contains(password.utf8.count) else {
                throw self.fail(location, "a password has 1 to 80 octets")
            }
            bgp.password = password
        } else {
            return false
        }
        return true
    }

    /// `[IP] [port N] [as N]` after `local`.
    private mutating func parseLocal(_ bgp: inout BGPDraft) throws(SyntaxError) {
        guard !self.sees(.semicolon) else { throw self.unexpected("an address, 'port' or 'as'") }
        if !self.sees("port") && !self.sees("as") {
            bgp.localAddressLocation = self.location
            bgp.localAddress = try self.parseAddress("the session's own address")
            if let zone = try self.parseZone() { bgp.interfaceName = zone }
        }
        // In either order.
        while true {
            if self.accept("port") {
                bgp.localPort = try self.parseNumber("port", in: 1...UInt16.max)
            } else if self.accept("as") {
                bgp.localAS = try self.parseAS()
            } else {
                return
            }
        }
    }

    /// `[IP[%iface]] [port N] [as N|internal|external]` after `neighbor`.
    private mutating func parseNeighbor(_ bgp: inout BGPDraft) throws(SyntaxError) {
        guard !self.sees(.semicolon) else { throw self.unexpected("an address, 'port' or 'as'") }
        if self.sees("range") { throw self.unsupported(self.location, "'neighbor range'") }
        switch self.token.kind {
        case .word("port"), .word("as"), .word("internal"), .word("external"): break
        default:
            bgp.neighborLocation = self.location
            bgp.neighborAddress = try self.parseAddress("the neighbour's address")
            if let zone = try self.parseZone() { bgp.interfaceName = zone }
        }
        while true {
            if self.accept("port") {
                bgp.neighborPort = try self.parseNumber("port", in: 1...UInt16.max)
            } else if self.accept("as") {
                bgp.peerType = .number(try self.parseAS())
            } else if self.accept("internal") {
                bgp.peerType = .internal
            } else if self.accept("external") {
                bgp.peerType = .external
            } else {
                if self.sees("onlink") { throw self.unsupported(self.location, "'onlink'") }
                return
            }
        }
    }

    private mutating func parseAS() throws(SyntaxError) -> ASNumber {
        ASNumber(rawValue: try self.parseNumber("AS number", in: 1...UInt32.max - 1))
    }

    private mutating func parseBGPTimers(_ timers: inout BGPTimers) throws(SyntaxError) -> Bool {
        if self.accept("hold", "time") {
            timers.hold = try self.parseHoldTime()
        } else if self.accept("startup", "hold", "time") {
            timers.startupHold = try self.parseHoldTime()
        } else if self.accept("keepalive", "time") {
            timers.keepalive = try self.parseNumber("keepalive time", in: 1...UInt16.max)
        } else if self.accept("connect", "delay", "time") {
            timers.connectDelay = try self.parseNumber("connect delay time", in: 0...UInt16.max)
        } else if self.accept("connect", "retry", "time") {
            timers.connectRetry = try self.parseNumber("connect retry time", in: 1...UInt16.max)
        } else if self.accept("error", "wait", "time") {
            let start = self.location
            let first: UInt16 = try self.parseNumber("error wait time", in: 0...UInt16.max)
            try self.expect(.comma, "and the longest wait")
            let last: UInt16 = try self.parseNumber("error wait time", in: 0...UInt16.max)
            guard first <= last else { throw self.fail(start, "the first wait is longer than the longest") }
            timers.errorWait = first...last
        } else if self.accept("error", "forget", "time") {
            timers.errorForget = try self.parseNumber("error forget time", in: 0...UInt16.max)
        } else if self.accept("send", "hold", "time") {
            timers.sendHold = try self.parseNumber("send hold time", in: 0...UInt16.max)
        } else {
            return false
        }
        return true
    }

    /// Graceful restart (RFC 4724) and what is kept longer (RFC 9494).
    private mutating func parseBGPRestart(_ bgp: inout BGPDraft) throws(SyntaxError) -> Bool {
        let start = self.location
        if self.accept("graceful", "restart", "time") {
            bgp.restart.time = try self.parseNumber("graceful restart time", in: 0...4095)
        } else if self.accept("graceful", "restart") {
            bgp.restart.mode = try self.parseRestartMode()
        } else if self.accept("min", "graceful", "restart", "time") {
            let time: UInt16 = try self.parseNumber("min graceful restart time", in: 0...4095)
            bgp.restart.timeLimits = time...max(time, bgp.restart.timeLimits.upperBound)
        } else if self.accept("max", "graceful", "restart", "time") {
            let time: UInt16 = try self.parseNumber("max graceful restart time", in: 0...4095)
            bgp.restart.timeLimits = min(time, bgp.restart.timeLimits.lowerBound)...time
        } else if self.accept("long", "lived", "graceful", "restart") {
            bgp.restart.longLivedMode = try self.parseRestartMode()
            bgp.longLivedLocation = start
        } else if self.accept("long", "lived", "stale", "time") {
            bgp.restart.staleTime = try self.parseNumber("long lived stale time", in: 0...0xFF_FFFF)
        } else if self.accept("min", "long", "lived", "stale", "time") {
            let time: UInt32 = try self.parseNumber("min long lived stale time", in: 0...0xFF_FFFF)
            bgp.restart.staleTimeLimits = time...max(time, bgp.restart.staleTimeLimits.upperBound)
        } else if self.accept("max", "long", "lived", "stale", "time") {
            let time: UInt32 = try self.parseNumber("max long lived stale time", in: 0...0xFF_FFFF)
            bgp.restart.staleTimeLimits = min(time, bgp.restart.staleTimeLimits.lowerBound)...time
        } else if self.accept("stale", "path", "time") {
            bgp.restart.stalePathTime = try self.parseNumber("stale path time", in: 1...UInt16.max)
        } else {
            return false
        }
        return true
    }

    private mutating func parseRestartMode() throws(SyntaxError) -> RestartSettings.Mode {
        if self.accept("aware") { return .aware }
        return try self.parseSwitch() ? .on : .off
    }

    /// 0 or at least 3 (RFC 4271 §4.2).
    private mutating func parseHoldTime() throws(SyntaxError) -> UInt16 {
        let location = self.location
        let time: UInt16 = try self.parseNumber("hold time", in: 0...UInt16.max)
        guard time != 1 && time != 2 else {
            throw self.fail(location, "hold time must be 0 or at least 3 seconds (RFC 4271 §4.2)")
        }
        return time
    }

    private mutating func parseBGPDecision(_ bgp: inout BGPDraft) throws(SyntaxError) -> Bool {
        if self.accept("default", "bgp_local_pref") {
            bgp.defaultLocalPreference = try self.parseNumber("bgp_local_pref", in: 0...UInt32.max)
        } else if self.accept("default", "bgp_med") {
            bgp.defaultMED = try self.parseNumber("bgp_med", in: 0...UInt32.max)
        } else if self.accept("deterministic", "med") {
            bgp.deterministicMED = try self.parseSwitch()
        } else if self.accept("med", "metric") {
            bgp.comparesMEDAlways = try self.parseSwitch()
        } else if self.accept("path", "metric") {
            bgp.comparesPathLength = try self.parseSwitch()
        } else if self.accept("igp", "metric") {
            bgp.comparesIGPMetric = try self.parseSwitch()
        } else if self.accept("prefer", "older") {
            bgp.prefersOlder = try self.parseSwitch()
        } else {
            return false
        }
        return true
    }
}
