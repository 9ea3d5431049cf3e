import BGPWire
import IPAddressing
import SpeakerSettings

/// Statements of `protocol bgp` about what a neighbour must be able to do and which of its routes count.
extension Parser {
    static let bgpRuleStatements = [
        "local role", "require roles", "require route refresh", "require enhanced route refresh", "require as4",
        "require extended messages", "enable enhanced route refresh", "confederation", "confederation member",
        "allow as sets", "allow bgp_local_pref", "as override", "honor graceful shutdown", "max attributes",
        "max communities", "max path length", "max paths", "min hold time", "min keepalive time", "allow bgp_med",
        "require graceful restart", "require long lived graceful restart",
    ]

    /// Roles by BIRD's names.
    private static let roles: [String: BGPRole] = [
        "provider": .provider, "rs_server": .routeServer, "rs_client": .routeServerClient, "customer": .customer,
        "peer": .peer,
    ]

    mutating func parseBGPRule(_ bgp: inout BGPDraft) throws(SyntaxError) -> Bool {
        let start = self.location
        if self.accept("local", "role") {
            guard case .word(let word) = self.token.kind, let role = Self.roles[word] else {
                throw self.unexpectedChoice("a role", ["provider", "rs_server", "rs_client", "customer", "peer"])
            }
            self.advance()
            bgp.rules.role = role
            bgp.ruleLocations[.role] = start
        } else if self.accept("confederation", "member") {
            bgp.rules.isConfederationMember = try self.parseSwitch()
            bgp.ruleLocations[.member] = start
        } else if self.accept("confederation") {
            bgp.rules.confederation = ASNumber(
                rawValue: try self.parseNumber("confederation identifier", in: 1...UInt32.max - 1)
            )
        } else if self.accept("allow", "as", "sets") {
            bgp.rules.allowsASSets = try self.parseSwitch()
        } else if self.accept("allow", "bgp_local_pref") {
            bgp.rules.allowsLocalPreference = try self.parseSwitch()
        } else if self.accept("allow", "bgp_med") {
            bgp.rules.sendsMED = try self.parseSwitch()
        } else if self.accept("as", "override") {
            bgp.rules.overridesAS = try self.parseSwitch()
            bgp.ruleLocations[.override] = start
        } else if self.accept("honor", "graceful", "shutdown") {
            bgp.rules.honorsGracefulShutdown = try self.parseSwitch()
        } else if self.accept("enable", "enhanced", "route", "refresh") {
            bgp.rules.enhancedRouteRefresh = try self.parseSwitch()
        } else if self.accept("max", "attributes") {
            bgp.rules.limits.attributes = try self.parseNumber("number of attributes", in: 8...256)
        } else if self.accept("max", "communities") {
            bgp.rules.limits.communities = try self.parseNumber("number of communities", in: 0...16_383)
        } else if self.accept("max", "path", "length") {
            bgp.rules.limits.pathLength = try self.parseNumber("path length", in: 1...16_383)
        } else if self.accept("max", "paths") {
            bgp.rules.maximumPaths = try self.parseNumber("number of paths", in: 1...65_535)
        } else if self.accept("min", "hold", "time") {
            bgp.rules.minimumHoldTime = max(3, try self.parseNumber("hold time", in: 0...UInt16.max))
        } else if self.accept("min", "keepalive", "time") {
            bgp.rules.minimumKeepaliveTime = try self.parseNumber("keepalive time", in: 0...UInt16.max)
        } else {
            return try self.parseRequirement(&bgp)
        }
        return true
    }

    private mutating func parseRequirement(_ bgp: inout BGPDraft) throws(SyntaxError) -> Bool {
        let start = self.location
        let requirement: BGPRules.Requirements
        if self.accept("require", "roles") {
            bgp.rules.requiresRole = try self.parseSwitch()
            bgp.ruleLocations[.requiredRole] = start
            return true
        } else if self.accept("require", "route", "refresh") {
            requirement = .routeRefresh
        } else if self.accept("require", "enhanced", "route", "refresh") {
            requirement = .enhancedRouteRefresh
        } else if self.accept("require", "as4") {
            requirement = .fourOctetAS
        } else if self.accept("require", "extended", "messages") {
            requirement = .extendedMessages
        } else if self.accept("require", "graceful", "restart") {
            requirement = .gracefulRestart
        } else if self.accept("require", "long", "lived", "graceful", "restart") {
            requirement = .longLivedGracefulRestart
        } else {
            return false
        }
        bgp.ruleLocations[.requirement] = start
        if try self.parseSwitch() {
            bgp.rules.required.insert(requirement)
        } else {
            bgp.rules.required.remove(requirement)
        }
        return true
    }

    /// What only makes sense together.
    func checkRules(_ bgp: BGPDraft, isInternal: Bool, at location: Location) throws(SyntaxError) {
        let rules = bgp.rules
        func place(_ rule: BGPDraft.Rule) -> Location { bgp.ruleLocations[rule] ?? location }
        if rules.role != nil, isInternal || rules.isConfederationMember {
            throw self.fail(place(.role), "a role is for neighbours outside of the own AS and confederation (RFC 9234)")
        }
        if rules.requiresRole, rules.role == nil {
            throw self.fail(place(.requiredRole), "'require roles' needs 'local role'")
        }
        if rules.isConfederationMember, rules.confederation == nil {
            throw self.fail(place(.member), "'confederation member' needs 'confederation N'")
        }
        if rules.isConfederationMember, bgp.isServed {
            throw self.fail(place(.member), "a member of the confederation cannot be a route server client")
        }
        if rules.overridesAS, isInternal || rules.isConfederationMember || bgp.isServed {
            throw self.fail(
                place(.override),
                "'as override' is for external neighbours that are neither members of the confederation nor route server clients"
            )
        }
        let needsRefresh = !rules.required.isDisjoint(with: [.routeRefresh, .enhancedRouteRefresh])
        if needsRefresh && !bgp.routeRefresh
            || rules.required.contains(.enhancedRouteRefresh) && !rules.enhancedRouteRefresh
            || rules.required.contains(.extendedMessages) && !bgp.extendedMessages
            || !rules.required.isDisjoint(with: [.gracefulRestart, .longLivedGracefulRestart])
                && bgp.restart.mode == .off
            || rules.required.contains(.longLivedGracefulRestart) && bgp.restart.longLivedMode == .off
        {
            throw self.fail(place(.requirement), "what is required of the neighbour must be enabled here, too")
        }
    }
}
