import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// What a configuration says that its settings hold in another form only: definitions, filters and ROAs.
struct Transcript {
    /// Where definitions that filters may read stand among the tokens, in order.
    private(set) var definitions: [Range<Int>] = []
    /// Channels by protocol.
    private(set) var channels: [String: [ChannelDraft]] = [:]
    /// Where the blocks of a static protocol's routes stand, by protocol and destination.
    private(set) var routes: [String: [IPPrefix: Range<Int>]] = [:]
    /// ROA tables in order.
    var originTables: [(name: String, isIPv4: Bool)] = []
    /// Static protocols that fill a ROA table.
    var origins: [(name: String, table: String, isIPv4: Bool, list: [ROATable.Authorization])] = []

    /// Remembers a statement of the top level if it defines something for filters.
    mutating func noteDefinition(_ range: Range<Int>, in tokens: [Token]) {
        guard range.lowerBound < tokens.count, case .word(let word) = tokens[range.lowerBound].kind else { return }
        if ["attribute", "define", "function", "filter"].contains(word) { self.definitions.append(range) }
    }

    mutating func note(_ draft: ProtocolDraft, name: String) {
        self.channels[name] = draft.channels
        // The tables tell the family of a pipe.
        if let table = draft.pipeTable, let channel = draft.channels.first {
            self.channels[name] = [channel]
            self.channels[name]?[0].family = table.family
        }
        if !draft.routeTokens.isEmpty { self.routes[name] = draft.routeTokens }
    }
}
