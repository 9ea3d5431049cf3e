internal import BGPWire
internal import IPAddressing

/// What a flush of a group produced, not yet written into messages.
///
/// The core is done with it: whoever sends it writes the messages, once for all members, while the core goes on.
public struct PackedOutput: Sendable {
    private enum Updates: Sendable {
        case none
        case ipv4(PackedUpdates<IPv4Prefix>)
        case ipv6(PackedUpdates<IPv6Prefix>)
    }

    /// Members the audiences refer to.
    public var members: [SourceID] = []
    /// Whether nothing is owed any more.
    public var isDrained = true
    /// Messages in front of the updates and behind them.
    var before = GroupOutput()
    var behind = GroupOutput()
    private var updates = Updates.none

    init() {}

    mutating func set<P>(_ updates: PackedUpdates<P>) {
        if updates.buckets.isEmpty { return }
        if let updates = updates as? PackedUpdates<IPv4Prefix> {
            self.updates = .ipv4(updates)
        } else if let updates = updates as? PackedUpdates<IPv6Prefix> {
            self.updates = .ipv6(updates)
        }
    }

    /// Whether there is nothing to send.
    public var isEmpty: Bool {
        if case .none = self.updates { return self.before.bytes.isEmpty && self.behind.bytes.isEmpty }
        return false
    }

    /// About as many octets as the messages will have; what is sent to a member is less by what it is left out of.
    public var estimatedOctets: Int {
        let others = self.before.bytes.count + self.behind.bytes.count
        return switch self.updates {
        case .none: others
        case .ipv4(let updates): others + updates.estimatedOctets
        case .ipv6(let updates): others + updates.estimatedOctets
        }
    }

    /// Writes the messages.
    public func encoded() -> GroupOutput {
        var output = self.before
        output.members = self.members
        output.isDrained = self.isDrained
        switch self.updates {
        case .none: break
        case .ipv4(let updates): updates.encode(into: &output)
        case .ipv6(let updates): updates.encode(into: &output)
        }
        output.append(self.behind)
        return output
    }
}
