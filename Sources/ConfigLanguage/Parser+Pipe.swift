import BGPWire
import SpeakerSettings

/// `protocol pipe`.
extension Parser {
    /// Statements of a pipe.
    static let pipeStatements = [
        "table", "peer table", "import", "export", "import limit", "export limit", "max generation",
    ]

    mutating func parsePipeStatement(_ draft: inout ProtocolDraft) throws(SyntaxError) {
        let start = self.location
        if draft.channels.isEmpty { draft.channels = [ChannelDraft(family: .ipv4Unicast, location: start)] }
        if self.accept("table") {
            draft.pipeTable = try self.parseTableName()
        } else if self.accept("peer", "table") {
            draft.peerTable = try self.parseTableName()
        } else if self.accept("max", "generation") {
            draft.maximumGeneration = try self.parseNumber("max generation", in: 0...UInt8.max)
        } else if self.sees("import") || self.sees("export") {
            if self.peek(1).kind == .word("keep") || self.peek(1).kind == .word("table") {
                throw self.fail(start, "a pipe has no received routes to keep: both tables show what it took over")
            }
            var channel = draft.channels[0]
            defer { draft.channels[0] = channel }
            try self.parseChannelStatement(&channel, of: .pipe)
        } else if self.sees("receive") {
            throw self.fail(start, "a pipe receives nothing: use 'import limit' and 'export limit'")
        } else if self.sees("mode") {
            throw self.fail(start, "pipes are always transparent: remove 'mode'")
        } else {
            throw self.unknownStatement("protocol pipe", Self.pipeStatements + ["debug", "description", "disabled"])
        }
    }

    /// Checks a pipe and adds it to the settings.
    mutating func finishPipe(_ draft: ProtocolDraft, _ common: CommonSettings, at location: Location)
        throws(SyntaxError)
    {
        guard let table = draft.pipeTable else {
            throw self.fail(location, "the primary table is missing: 'table NAME'")
        }
        guard let peer = draft.peerTable else {
            throw self.fail(location, "the other table is missing: 'peer table NAME'")
        }
        guard table.name != peer.name else { throw self.fail(location, "a pipe connects two tables") }
        guard table.family == peer.family else {
            throw self.fail(location, "'\(table.name)' and '\(peer.name)' are of different families")
        }
        var channel = draft.channels.first ?? ChannelDraft(family: table.family, location: location)
        channel.family = table.family
        channel.table = table.name
        self.settings.protocols.append(
            .pipe(
                PipeSettings(
                    common: common,
                    channel: channel.settings(of: .pipe),
                    peerTable: peer.name,
                    maximumGeneration: draft.maximumGeneration
                )
            )
        )
    }
}
