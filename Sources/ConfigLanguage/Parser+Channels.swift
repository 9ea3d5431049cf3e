import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// Channels.
extension Parser {
    /// `ipv4;`, `ipv4 { … }` and the same for IPv6.
    mutating func parseChannel(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        let start = self.location
        let family: AddressFamily = self.accept("ipv4") ? .ipv4Unicast : .ipv6Unicast
        if family == .ipv6Unicast { self.advance() }
        for word in ["multicast", "mpls"] where self.sees(word) {
            throw self.unsupported(start, "'\(family) \(word)'")
        }
        if draft.kind == .static || draft.kind == .kernel, draft.channels.contains(where: { $0.family != family }) {
            throw self.fail(start, "protocol \(draft.kind.rawValue) has one channel, and it is of the other family")
        }
        var position = draft.channels.count
        if let old = draft.channels.firstIndex(where: { $0.family == family }) {
            guard draft.channels[old].isInherited else { throw self.fail(start, "there is another \(family) channel") }
            position = old
            draft.channels[old].isInherited = false
            draft.channels[old].location = start
        } else {
            draft.channels.append(ChannelDraft(family: family, location: start))
        }
        guard self.accept(.openBrace) else { return }
        var channel = draft.channels[position]
        defer { draft.channels[position] = channel }
        while !self.accept(.closeBrace) {
            guard self.token.kind != .end else { throw self.unexpected("'}' at the end of the channel") }
            if self.accept(.semicolon) { continue }
            let before = self.index
            do throws(SyntaxError) {
                try self.parseChannelStatement(&channel, of: draft.kind)
                try self.expect(.semicolon)
            } catch {
                self.report(error)
                self.recover()
                if self.index == before, !self.sees(.closeBrace) { self.advance() }
            }
        }
    }

    /// Statements of every channel.
    static let channelStatements = [
        "table", "import", "import limit", "import keep filtered", "import table", "export", "export limit",
        "export table", "receive limit", "preference", "rpki reload",
    ]
    /// Statements of channels of BGP besides.
    static let bgpChannelStatements = [
        "next hop self", "next hop keep", "next hop address", "gateway", "igp table", "extended next hop",
        "next hop prefer", "missing lladdr", "mandatory", "add paths", "graceful restart",
        "long lived graceful restart", "long lived stale time", "secondary", "aigp", "require extended next hop",
        "require add paths", "min long lived stale time", "max long lived stale time", "link local next hop format",
        "cost",
    ]

    mutating func parseChannelStatement(_ channel: inout ChannelDraft, of kind: ProtocolKind)
        throws(SyntaxError)
    {
        let start = self.location
        if self.accept("table") {
            let location = self.location
            let table = try self.parseTableName()
            guard table.family == channel.family else {
                throw self.fail(location, "table '\(table.name)' is of the other family than the channel")
            }
            channel.table = table.name
        } else if self.accept("import", "limit") || self.dialect != .bird2 && self.accept("route", "limit") {
            channel.importLimit = try self.parseLimit(of: kind, at: start)
        } else if self.accept("receive", "limit") {
            channel.receiveLimit = try self.parseLimit(of: kind, at: start)
        } else if self.accept("export", "limit") {
            channel.exportLimit = try self.parseLimit(of: kind, at: start)
            if kind != .pipe, channel.exportLimit?.action == .block || kind != .bgp && channel.exportLimit != nil {
                throw self.unsupported(start, kind == .bgp ? "'export limit' with 'action block'" : "'export limit'")
            }
        } else if self.accept("import", "keep", "filtered") {
            channel.keepsFiltered = try self.parseSwitch()
        } else if kind == .bgp, self.accept("import", "table") || self.accept("export", "table") {
            // What was received is always kept, and what is sent is always known.
            _ = try self.parseSwitch()
        } else if self.accept("import") {
            let first = self.index
            channel.importPolicy = try self.parsePolicy()
            channel.importTokens = first..<self.index
        } else if self.accept("export") {
            let first = self.index
            channel.exportPolicy = try self.parsePolicy()
            channel.exportTokens = first..<self.index
        } else if self.accept("preference") {
            channel.preference = try self.parseNumber("preference", in: 0...UInt16.max)
        } else if self.accept("rpki", "reload") {
            // Routes are always judged again at once.
            _ = try self.parseSwitch()
        } else if self.sees("debug") || self.sees("description") || self.sees("roa") {
            throw self.unsupported(start, "'\(self.nextName ?? "")' in a channel")
        } else if kind == .bgp {
            try self.parseBGPChannelStatement(&channel)
        } else {
            throw self.unknownStatement("a channel of protocol \(kind.rawValue)", Self.channelStatements)
        }
    }

    /// `off` or `N [warning PERCENT] [action warn|block|restart [after SECONDS]|disable]`.
    private mutating func parseLimit(of kind: ProtocolKind, at start: Location) throws(SyntaxError) -> LimitSettings? {
        guard let limit = try self.parseLimitValue() else { return nil }
        // Who has no session to end can only leave routes out.
        let isPossible = kind == .bgp || limit.action == .block || kind == .pipe && limit.action == .warn
        guard isPossible else {
            let words = kind == .pipe ? "'action block' or 'action warn'" : "'action block'"
            throw self.fail(start, "protocol \(kind.rawValue) has no session to end at a limit: write \(words)")
        }
        return limit
    }

    private mutating func parseLimitValue() throws(SyntaxError) -> LimitSettings? {
        if self.accept("off") { return nil }
        let count: UInt32 = try self.parseNumber("limit", in: 0...UInt32.max)
        var limit = LimitSettings(count: count, action: .disable)
        if self.accept("warning") { limit.warningPercent = try self.parseNumber("percentage", in: 1...99) }
        guard self.accept("action") else { return limit }
        guard case .word(let word) = self.token.kind, let action = LimitSettings.Action(rawValue: word) else {
            throw self.unexpectedChoice("an action", ["warn", "block", "restart", "disable"])
        }
        self.advance()
        limit.action = action
        if action == .restart, self.accept("after") {
            limit.restartAfter = try self.parseNumber("number of seconds", in: 1...86_400)
        }
        return limit
    }

    private mutating func parseBGPChannelStatement(_ channel: inout ChannelDraft) throws(SyntaxError) {
        let start = self.location
        if self.accept("next", "hop", "self") {
            channel.nextHopSelf = try self.parseSelection()
        } else if self.accept("next", "hop", "keep") {
            channel.nextHopKeep = try self.parseSelection()
        } else if self.accept("next", "hop", "address") {
            channel.nextHopAddress = try self.parseAddress("an address")
        } else if self.accept("next", "hop", "prefer") {
            if self.accept("global") {
                channel.preferredNextHop = .global
            } else if self.accept("local") {
                channel.preferredNextHop = .local
            } else {
                throw self.unexpectedChoice("an address", ["global", "local"])
            }
        } else if self.accept("missing", "lladdr") {
            // BIRD ignores it, too.
            guard self.accept("ignore") || self.accept("self") || self.accept("drop") else {
                throw self.unexpectedChoice("what to do", ["ignore", "self", "drop"])
            }
            self.report(.warning, start, "'missing lladdr' has no effect here; remove it")
        } else if self.accept("gateway") {
            channel.gatewayLocation = self.location
            if self.accept("direct") {
                channel.gateway = .direct
            } else if self.accept("recursive") {
                channel.gateway = .recursive
            } else {
                throw self.unexpected("'direct' or 'recursive'")
            }
        } else if self.accept("igp", "table") {
            let location = self.location
            let table = try self.parseTableName()
            guard table.family == channel.family else {
                throw self.unsupported(location, "an igp table of the other family")
            }
            channel.igpTable = table.name
        } else if self.accept("extended", "next", "hop") {
            channel.extendedNextHop = try self.parseSwitch()
            guard !channel.extendedNextHop || channel.family == .ipv4Unicast else {
                throw self.fail(start, "'extended next hop' is about IPv4 routes with IPv6 next hops")
            }
        } else if self.accept("mandatory") {
            channel.isMandatory = try self.parseSwitch()
        } else if self.accept("add", "paths") {
            try self.parseAddPaths(&channel, at: start)
        } else if self.accept("graceful", "restart") {
            channel.restarts = try self.parseSwitch()
        } else if self.accept("long", "lived", "graceful", "restart") {
            channel.restartsLongLived = try self.parseSwitch()
        } else if self.accept("long", "lived", "stale", "time") {
            channel.longLivedStaleTime = try self.parseNumber("long lived stale time", in: 0...0xFF_FFFF)
        } else if self.accept("min", "long", "lived", "stale", "time") {
            channel.longLivedStaleLimits.least = try self.parseNumber("min long lived stale time", in: 0...0xFF_FFFF)
        } else if self.accept("max", "long", "lived", "stale", "time") {
            channel.longLivedStaleLimits.most = try self.parseNumber("max long lived stale time", in: 0...0xFF_FFFF)
        } else if self.accept("link", "local", "next", "hop", "format") {
            // Without a global address both halves of the next hop are the link-local one.
            guard self.accept("double") else { throw self.unsupported(start, "'link local next hop format'") }
        } else if self.accept("secondary") {
            channel.isSecondary = try self.parseSwitch()
            channel.secondaryLocation = start
        } else if self.accept("aigp") {
            channel.aigp = self.accept("originate") ? .originate : try self.parseSwitch() ? .on : .off
        } else if self.accept("require", "extended", "next", "hop") {
            channel.requiresExtendedNextHop = try self.parseSwitch()
            channel.requirementLocation = start
        } else if self.accept("require", "add", "paths") {
            channel.requiresAddPaths = try self.parseSwitch()
            channel.requirementLocation = start
        } else if self.accept("cost") {
            channel.cost = try self.parseNumber("cost", in: 0...UInt32.max)
        } else if self.sees("missing") || self.sees("validate") || self.sees("base")
            || self.sees("require")
        {
            throw self.unsupported(start, "'\(self.nextName ?? "")'")
        } else {
            throw self.unknownStatement(
                "a channel of protocol bgp",
                Self.channelStatements + Self.bgpChannelStatements
            )
        }
    }

    /// `rx`, `tx`, a switch for both, or `best N`, which limits what is sent.
    private mutating func parseAddPaths(_ channel: inout ChannelDraft, at start: Location) throws(SyntaxError) {
        if self.accept("best") {
            channel.addPathsCount = try self.parseNumber("number of paths", in: 1...UInt8.max)
            channel.addPathsLocation = start
            return
        }
        if self.accept("rx") {
            (channel.addPathsReceive, channel.addPathsSend) = (true, false)
        } else if self.accept("tx") {
            (channel.addPathsReceive, channel.addPathsSend) = (false, true)
        } else {
            let isOn = try self.parseSwitch()
            (channel.addPathsReceive, channel.addPathsSend) = (isOn, isOn)
        }
        // What a template said of the number means nothing to an instance that sends none.
        if !channel.addPathsSend { channel.addPathsCount = nil }
    }

    private mutating func parseSelection() throws(SyntaxError) -> BGPChannelSettings.Selection {
        if self.accept("ibgp") { return .fromInternal }
        if self.accept("ebgp") { return .fromExternal }
        return try self.parseSwitch() ? .always : .never
    }
}
