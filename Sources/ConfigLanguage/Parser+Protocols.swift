import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

extension Parser {
    /// `KIND [NAME] [from TEMPLATE] { … }` after `protocol` or `template`.
    mutating func parseProtocol(isTemplate: Bool, at start: Location) throws(SyntaxError) {
        guard case .word(let word) = self.token.kind else { throw self.unexpected("a kind of protocol") }
        guard let kind = ProtocolKind(rawValue: word) else {
            let others = [
                "aggregator", "babel", "bfd", "bmp", "bridge", "evpn", "l3vpn", "mrt", "ospf", "perf", "radv", "rip",
                "rpki",
            ]
            if others.contains(word) { throw self.unsupported(self.location, "protocol \(word)") }
            let hint = nearest(to: word, in: ProtocolKind.allCases.map(\.rawValue)).map { "; did you mean '\($0)'?" }
            throw self.fail(self.location, "'\(word)' is not a kind of protocol\(hint ?? "")")
        }
        // The word before the kind is the first of the definition.
        let first = self.index - 1
        let (chargeBefore, remarksBefore) = (self.expansion, self.diagnostics.count)
        self.advance()
        var name: String?
        var nameLocation = start
        if !self.sees(.openBrace) && !self.sees("from") {
            (name, nameLocation) = try self.expectName("a name for the protocol")
        } else if isTemplate {
            throw self.unexpected("a name for the template")
        }
        var draft = ProtocolDraft(kind: kind, isTemplate: isTemplate)
        draft.debug = self.defaultDebug
        // BIRD 1.6 has no channels: what it says of routes belongs to the one there is.
        if let family = self.dialect.onlyFamily, kind != .device, kind != .pipe {
            draft.channels = [ChannelDraft(family: family, location: nameLocation)]
        }
        if self.accept("from") {
            guard case .protocolDraft(let base) = self.nextSymbol else { throw self.undefinedName("a template") }
            guard base.kind == kind else {
                throw self.fail(
                    self.location,
                    "'\(self.nextName ?? "")' is a \(base.kind.rawValue) protocol and cannot be the template of one of kind \(kind.rawValue)"
                )
            }
            self.advance()
            draft = base.derived(isTemplate: isTemplate)
            draft.dependsOnInstance = base.dependsOnInstance || !base.isTemplate
        }
        let isNamed = name != nil
        let fullName = name ?? self.nextDefaultName(kind)
        if isNamed, let old = self.symbols[fullName] {
            self.report(.error, nameLocation, "'\(fullName)' is already defined as \(old.described)")
        }
        let errorsBefore = self.errorCount
        try self.parseProtocolBody(&draft)
        if self.symbols[fullName] == nil { self.symbols[fullName] = .protocolDraft(draft) }
        // What is missing is judged only where nothing was refused: one mistake, one error.
        if !isTemplate, self.errorCount == errorsBefore {
            let file = nameLocation.file
            let isInOneFile = self.tokens[first].file == file && self.previousLocation.file == file
            if kind == .bgp, isNamed, !draft.dependsOnInstance, isInOneFile,
                self.diagnostics.count == remarksBefore
            {
                self.recorded.append(
                    ParsedProtocol(
                        name: fullName,
                        location: nameLocation,
                        draft: draft,
                        charge: self.expansion - chargeBefore,
                        range: first..<self.index
                    )
                )
            }
            self.transcript.note(draft, name: fullName)
            self.finish(draft, name: fullName, at: nameLocation)
        }
    }

    private mutating func nextDefaultName(_ kind: ProtocolKind) -> String {
        while true {
            self.nameCounters[kind, default: 0] += 1
            let name = "\(kind.rawValue)\(self.nameCounters[kind] ?? 0)"
            if self.symbols[name] == nil { return name }
        }
    }

    private mutating func parseProtocolBody(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        try self.expect(.openBrace)
        while !self.accept(.closeBrace) {
            guard self.token.kind != .end else { throw self.unexpected("'}' at the end of the protocol") }
            if self.accept(.semicolon) { continue }
            let before = self.index
            do throws(SyntaxError) {
                try self.parseProtocolStatement(&draft)
                try self.expect(.semicolon)
            } catch {
                self.report(error)
                self.recover()
                if self.index == before, !self.sees(.closeBrace) { self.advance() }
            }
        }
    }

    /// Statements of every protocol.
    static let commonStatements = [
        "debug", "description", "disabled", "router id", "vrf default", "ipv4", "ipv6",
    ]

    private mutating func parseProtocolStatement(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        let start = self.location
        if self.accept("disabled") {
            draft.isDisabled = try self.parseSwitch()
        } else if self.accept("description") {
            draft.description = try self.parseText("a description in quotes")
        } else if self.accept("debug") {
            draft.debug = try self.parseDebug()
        } else if self.accept("router", "id") {
            draft.routerID = try self.parseRouterID("a router id")
        } else if self.accept("vrf", "default") {
            // All there is.
        } else if self.sees("mrtdump") || self.sees("vrf") || self.sees("hostname") {
            throw self.unsupported(start, "'\(self.nextName ?? "")'")
        } else if draft.kind != .device, draft.kind != .pipe, self.sees("ipv4") || self.sees("ipv6") {
            guard self.dialect == .bird2 else {
                throw self.fail(start, "BIRD 1.6 has no channels: write their options in the protocol itself")
            }
            try self.parseChannel(&draft)
        } else if self.dialect != .bird2, draft.kind != .pipe, self.seesChannelStatement(draft.kind),
            !draft.channels.isEmpty
        {
            var channel = draft.channels[0]
            defer { draft.channels[0] = channel }
            try self.parseChannelStatement(&channel, of: draft.kind)
        } else {
            switch draft.kind {
            case .bgp: try self.parseBGPStatement(&draft.bgp)
            case .kernel: try self.parseKernelStatement(&draft)
            case .static: try self.parseStaticStatement(&draft)
            case .direct: try self.parseDirectStatement(&draft)
            case .device: try self.parseDeviceStatement(&draft)
            case .pipe: try self.parsePipeStatement(&draft)
            }
        }
    }

    /// Whether what comes next is a statement that BIRD 2 has in channels.
    private func seesChannelStatement(_ kind: ProtocolKind) -> Bool {
        guard case .word(let word) = self.token.kind else { return false }
        switch word {
        case "import", "export", "receive", "table", "preference": return true
        case "next", "gateway", "secondary", "missing": return kind == .bgp
        case "route": return kind == .bgp && self.peek(1).kind == .word("limit")
        case "add": return kind == .bgp && self.peek(1).kind == .word("paths")
        case "igp": return kind == .bgp && self.peek(1).kind == .word("table")
        default: return false
        }
    }

    func unknownStatement(of kind: ProtocolKind, _ known: [String]) -> SyntaxError {
        if case .word(let word) = self.token.kind, ["import", "export", "table", "preference"].contains(word) {
            return self.fail(
                self.location,
                "'\(word)' belongs into a channel: ipv4 { \(word) …; }; or ipv6 { \(word) …; };"
            )
        }
        return self.unknownStatement("protocol \(kind.rawValue)", known + Self.commonStatements)
    }

    // MARK: - Kernel and device

    private mutating func parseKernelStatement(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        let start = self.location
        if self.accept("learn") {
            draft.learnsKernelRoutes = self.accept("all")
            draft.learns = draft.learnsKernelRoutes ? true : try self.parseSwitch()
        } else if self.accept("persist") {
            draft.persists = try self.parseSwitch()
        } else if self.accept("scan", "time") {
            draft.scanTime = try self.parseNumber("scan time", in: 1...UInt16.max)
        } else if self.accept("merge", "paths") {
            try self.parseMergePaths(&draft)
        } else if self.accept("kernel", "table") {
            draft.kernelTable = try self.parseNumber("kernel table", in: 1...UInt32.max)
        } else if self.accept("metric") {
            draft.metric = try self.parseNumber("metric", in: 0...UInt32.max)
        } else if self.accept("netlink", "rx", "buffer") {
            // The buffer of the event socket is as large as the kernel lets it be, and what was lost is looked up.
            let _: UInt32 = try self.parseNumber("octets", in: 0...UInt32.max)
            self.report(.warning, start, "'netlink rx buffer' has no effect here; remove it")
        } else if self.accept("graceful", "restart") {
            // Routes of an earlier run always stay until every neighbour said what it has: off would be a lie.
            guard try self.parseSwitch() else {
                throw self.fail(
                    start,
                    "routes in the kernel always stay over a restart; 'bgpctl shutdown' removes them"
                )
            }
        } else {
            throw self.unknownStatement(of: .kernel, Self.kernelStatements)
        }
    }

    /// Statements of the kernel protocol.
    static let kernelStatements = [
        "learn", "persist", "scan time", "merge paths", "kernel table", "metric", "graceful restart",
        "netlink rx buffer",
    ]

    /// `merge paths [on|off] [limit N]`; 16 when no limit is given.
    private mutating func parseMergePaths(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        let isOn = self.sees("limit") ? true : try self.parseSwitch()
        var limit: UInt16 = 16
        if self.accept("limit") { limit = try self.parseNumber("limit", in: 1...UInt16(255)) }
        draft.mergePaths = isOn ? limit : nil
    }

    private mutating func parseDeviceStatement(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        if self.accept("scan", "time") {
            draft.scanTime = try self.parseNumber("scan time", in: 1...UInt16.max)
        } else if self.sees("interface") {
            throw self.unsupported(self.location, "'interface' in protocol device")
        } else {
            throw self.unknownStatement("protocol device", ["scan", "debug", "description", "disabled"])
        }
    }

    // MARK: - Direct

    private mutating func parseDirectStatement(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        if self.accept("interface") {
            // Several statements add up: their patterns are tried in order.
            draft.interfaces += try self.parseInterfacePatterns()
        } else if self.accept("check", "link") {
            _ = try self.parseSwitch()
        } else {
            throw self.unknownStatement(of: .direct, ["interface", "check"])
        }
    }

    /// Patterns with commas between them.
    mutating func parseInterfacePatterns() throws(SyntaxError) -> [InterfacePattern] {
        var patterns: [InterfacePattern] = []
        repeat { patterns.append(try self.parseInterfacePattern()) } while self.accept(.comma)
        return patterns
    }

    /// `[-] "glob" [prefix]` or `[-] prefix`.
    private mutating func parseInterfacePattern() throws(SyntaxError) -> InterfacePattern {
        let isNegative = self.accept(.minus)
        var glob: String?
        if case .text(let text) = self.token.kind {
            self.advance()
            glob = text
        }
        var prefix: IPPrefix?
        switch self.token.kind {
        case .ipv4, .ipv6: prefix = try self.parsePrefix("a prefix")
        default:
            guard glob != nil else { throw self.unexpected("an interface name in quotes, or a prefix") }
        }
        return InterfacePattern(isNegative: isNegative, glob: glob, prefix: prefix)
    }
}
