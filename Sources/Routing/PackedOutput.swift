internal import IPAddressing

/// What a flush of a group produced, not yet written into messages.
///
/// The core is done with it: whoever sends it writes the messages, once for all members, while the core goes on.
public struct PackedOutput: Sendable {
    private enum Updates: Sendable {
        case ipv4(PackedUpdates<IPv4Prefix>)
        case ipv6(PackedUpdates<IPv6Prefix>)
    }

    /// Members the audiences refer to.
    public var members: [SourceID] = []
    /// Whether nothing is owed any more.
    public var isDrained = true
    private let updates: Updates

    init(_ updates: PackedUpdates<IPv4Prefix>) {
        self.updates = .ipv4(updates)
    }

    init(_ updates: PackedUpdates<IPv6Prefix>) {
        self.updates = .ipv6(updates)
    }

    /// Whether there is nothing to send.
    public var isEmpty: Bool {
        switch self.updates {
        case .ipv4(let updates): updates.isEmpty
        case .ipv6(let updates): updates.isEmpty
        }
    }

    /// About as many octets as the messages will have; what is sent to a member is less by what it is left out of.
    public var estimatedOctets: Int {
        switch self.updates {
        case .ipv4(let updates): updates.estimatedOctets
        case .ipv6(let updates): updates.estimatedOctets
        }
    }

    /// Writes the messages.
    public func encoded() -> GroupOutput {
        var output =
            switch self.updates {
            case .ipv4(let updates): updates.encoded()
            case .ipv6(let updates): updates.encoded()
            }
        output.members = self.members
        output.isDrained = self.isDrained
        return output
    }
}
