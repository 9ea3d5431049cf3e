import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// Attributes and ROA tables that the configuration defines.
extension Parser {
    /// `attribute TYPE NAME;` and `attribute bgp CODE bytestring NAME;`.
    mutating func parseAttributeDefinition() throws(SyntaxError) {
        var code: UInt8?
        if self.accept("bgp") {
            let start = self.location
            let number: UInt8 = try self.parseNumber("type code", in: 1...255)
            if let name = Self.knownAttribute(number) {
                throw self.fail(start, "attribute \(number) is \(name), which filters know already")
            }
            code = number
        }
        let start = self.location
        let type = try self.parseType()
        if code != nil, type != .bytestring {
            throw self.fail(start, "the attribute must be of type bytestring, not \(type)")
        }
        guard FilterType.ofCustomAttributes.contains(type) else {
            let types = FilterType.ofCustomAttributes.map(\.description).joined(separator: ", ")
            throw self.fail(start, "there are no attributes of type \(type), only of \(types)")
        }
        let (name, location) = try self.expectName("a name for the attribute")
        guard name.utf8.count <= 255 else { throw self.fail(location, "the name is too long") }
        let attribute = FilterCustomAttribute(name: name, type: type, code: code)
        if case .attribute(attribute) = self.symbols[name] {
            // As in BIRD, one attribute may be defined again alike.
        } else {
            try self.define(name, .attribute(attribute), at: location)
        }
        try self.expect(.semicolon)
    }

    /// Attributes of BGP that the speaker reads itself.
    private static func knownAttribute(_ code: UInt8) -> String? {
        let type = PathAttributeType(rawValue: code)
        let name = type.description
        return name.hasPrefix("attribute ") ? nil : name
    }

    /// `table NAME;` after `roa4` or `roa6`.
    mutating func parseOriginTable(isIPv4: Bool) throws(SyntaxError) {
        try self.expect("table")
        let (name, location) = try self.expectName("a name for the table")
        guard self.authorizations.count < Self.tableLimit else {
            throw self.fail(location, "more than \(Self.tableLimit) tables")
        }
        try self.define(name, .originTable(isIPv4: isIPv4), at: location)
        self.authorizations[name] = []
        self.transcript.originTables.append((name, isIPv4))
        if !self.sees(.semicolon) { throw self.unsupported(self.location, "a table option") }
        try self.expect(.semicolon)
    }

    /// The name of a ROA table.
    mutating func parseOriginTableName() throws(SyntaxError) -> (name: String, isIPv4: Bool) {
        guard let name = self.nextName, case .originTable(let isIPv4) = self.symbols[name] else {
            throw self.undefinedName("a table of roa4 or roa6")
        }
        self.advance()
        return (name, isIPv4)
    }

    /// `roa4 { table NAME; };` and the same of `roa6` in a static protocol.
    mutating func parseOriginChannel(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        let start = self.location
        guard case .word(let word) = self.token.kind else { throw self.unexpected("'roa4' or 'roa6'") }
        self.advance()
        guard draft.channels.isEmpty, draft.routes.isEmpty, draft.originTable == nil else {
            throw self.fail(start, "a static protocol has one channel, before its routes")
        }
        try self.expect(.openBrace, "with the table of the ROAs")
        while !self.accept(.closeBrace) {
            if self.accept(.semicolon) { continue }
            let location = self.location
            if self.accept("table") {
                let place = self.location
                let table = try self.parseOriginTableName()
                guard table.isIPv4 == (word == "roa4") else {
                    throw self.fail(place, "table '\(table.name)' is of the other family than the channel")
                }
                draft.originTable = table
            } else if self.accept("import") {
                guard self.accept("all") else { throw self.unsupported(location, "a filter of ROAs") }
            } else {
                throw self.unknownStatement("a channel of ROAs", ["table", "import"])
            }
            try self.expect(.semicolon)
        }
        guard draft.originTable != nil else {
            throw self.fail(start, "the channel needs a table: '\(word) { table NAME; }'")
        }
    }

    /// `PREFIX max LENGTH as NUMBER` after `route`.
    mutating func parseAuthorization(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        let start = self.location
        let prefix = try self.parsePrefix("the prefix of a ROA")
        guard prefix.isIPv4 == draft.originTable?.isIPv4 else {
            throw self.fail(start, "\(prefix) is of the other family than the channel")
        }
        var longest = prefix.length
        if self.accept("max") {
            let place = self.location
            longest = try self.parseNumber("length", in: 0...(prefix.isIPv4 ? 32 : 128))
            guard longest >= prefix.length else {
                throw self.fail(place, "the greatest length is less than that of \(prefix)")
            }
        }
        try self.expect("as")
        let number: UInt32 = try self.parseNumber("AS number", in: 0...UInt32.max)
        draft.authorizations.append(
            ROATable.Authorization(prefix: prefix, maximumLength: longest, number: ASNumber(rawValue: number))
        )
    }

    /// Ends a static protocol that fills a ROA table: there is nothing left to run.
    mutating func finishAuthorizations(_ draft: ProtocolDraft, _ common: CommonSettings, at location: Location)
        throws(SyntaxError)
    {
        guard draft.channels.isEmpty else { throw self.fail(location, "a static protocol has one channel") }
        try self.charge(32 * draft.authorizations.count, at: location)
        guard let table = draft.originTable, !common.isDisabled else { return }
        self.authorizations[table.name, default: []] += draft.authorizations
        self.transcript.origins.append((common.name, table.name, table.isIPv4, draft.authorizations))
    }

    /// Gives filters the tables that they ask, now that all ROAs are known.
    mutating func bindOriginTables() {
        guard !self.authorizations.isEmpty else { return }
        var tables: [String: ROATable] = [:]
        for (name, list) in self.authorizations { tables[name] = ROATable(name: name, list) }
        for index in self.settings.protocols.indices {
            self.settings.protocols[index].mapPolicies { $0.asking(tables) }
        }
    }
}

extension ProtocolSettings {
    /// Replaces every filter.
    fileprivate mutating func mapPolicies(_ change: (FilterProgram) -> FilterProgram) {
        func map(_ channel: inout ChannelSettings) {
            channel.importPolicy = change(channel.importPolicy)
            channel.exportPolicy = change(channel.exportPolicy)
        }
        switch self {
        case .bgp(var settings):
            for index in settings.channels.indices { map(&settings.channels[index].channel) }
            self = .bgp(settings)
        case .kernel(var settings):
            map(&settings.channel)
            self = .kernel(settings)
        case .static(var settings):
            map(&settings.channel)
            for index in settings.routes.indices {
                settings.routes[index].attributes = change(settings.routes[index].attributes)
            }
            self = .static(settings)
        case .direct(var settings):
            for index in settings.channels.indices { map(&settings.channels[index]) }
            self = .direct(settings)
        case .device: break
        case .pipe(var settings):
            map(&settings.channel)
            self = .pipe(settings)
        }
    }
}
