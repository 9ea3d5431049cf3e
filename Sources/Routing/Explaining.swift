public import BGPWire
public import IPAddressing
public import RouteModel

/// Whether a path is due to a member, and if not, which rule says so.
public enum ExportOutcome: Hashable, Sendable {
    /// It is due, with these attributes and this next hop; the identifier is nil on a session without (RFC 7911).
    case due(PathAttributes, BGPNextHop, pathID: UInt32?)
    /// The member sent it.
    case ownRoute
    /// Its next hop is the member's own address.
    case ownNextHop
    /// Only the best path is sent, or so many of the best ones, and they come before it.
    case notAmongBest
    /// It was rejected on import.
    case rejectedOnImport
    /// Its next hop does not resolve.
    case unresolvable
    /// It came by iBGP and neither its sender nor the member is a route reflector client (RFC 4456 §6).
    case notReflected
    /// The member's cluster is in its CLUSTER_LIST (RFC 4456 §8).
    case clusterLoop
    /// It carries NO_ADVERTISE (RFC 1997).
    case noAdvertise
    /// It carries NO_EXPORT or NO_EXPORT_SUBCONFED (RFC 1997).
    case noExport
    /// It carries OTC and would leak to a provider, peer or route server (RFC 9234 §5).
    case routeLeak
    /// It is LLGR_STALE and the member does not know what that is (RFC 9494 §4.3).
    case longLivedStale
    /// Another rule for kinds of sessions forbids it.
    case notAllowed
    /// The export policy rejects it.
    case policy
    /// There is no next hop to send it with, or it does not fit a message.
    case cannotBeSent
}

/// What becomes of one path on its way to a member.
public struct ExportDecision: Sendable {
    /// Source of the path.
    public var source: SourceID
    /// Path identifier as received.
    public var pathID: UInt32
    /// What becomes of it.
    public var outcome: ExportOutcome
    /// The route as the export policy sees it; nil when it was rejected on import.
    public var draft: RouteDraft?
}

/// What becomes of the paths of a destination on their way to a member.
public struct ExportExplanation: Sendable {
    /// One for each path, in the order in which they are looked at.
    public var decisions: [ExportDecision]
    /// Whether the member's group has changes to send still, maybe of this destination.
    public var isPending: Bool
}

extension RoutingCore {
    /// Tells of each path of a destination whether it is due to a member, and why if it is not.
    ///
    /// Nil when the member is not there or its group is of another family.
    public mutating func explainExport(of prefix: IPPrefix, to member: SourceID) -> ExportExplanation? {
        guard let group = self.group(of: member) else { return nil }
        let content = self.engine.groups[group.index]
        let table = content.key.table
        let evaluate = self.policies.evaluator
        var decisions: [ExportDecision] = []
        switch prefix {
        case .v4(let prefix) where table.isIPv4:
            if let number = self.engine.ipv4Tables[table.index].find(prefix) {
                decisions = self.engine.state.explain(
                    &self.engine.ipv4Tables[table.index],
                    number,
                    content,
                    member,
                    &self.engine.exporter,
                    evaluate
                )
            }
        case .v6(let prefix) where !table.isIPv4:
            if let number = self.engine.ipv6Tables[table.index].find(prefix) {
                decisions = self.engine.state.explain(
                    &self.engine.ipv6Tables[table.index],
                    number,
                    content,
                    member,
                    &self.engine.exporter,
                    evaluate
                )
            }
        default: return nil
        }
        return ExportExplanation(decisions: decisions, isPending: self.isPending(group))
    }
}

extension CoreState {
    fileprivate mutating func explain<P>(
        _ table: inout Table<P>,
        _ number: UInt32,
        _ group: ExportGroup,
        _ member: SourceID,
        _ exporter: inout Exporter,
        _ evaluate: PolicyEvaluator
    ) -> [ExportDecision] {
        guard table.destinations[number].hasPath else { return [] }
        let view = group.key.view
        let rules = ExportRules(group.key, group.policy)
        self.rank(table, number)
        let ranked = Array(self.ranking.paths)
        let prefix = table.destinations[number].prefix.erased
        exporter.scratch.reset()
        defer { exporter.scratch.reset() }
        var left = view.limit
        var decisions: [ExportDecision] = []
        for path in ranked {
            let draft = self.draft(path.accepted, Int(path.source), prefix)
            let set = self.exportedSet(&exporter, rules, path, { prefix }, evaluate)
            var outcome = ExportOutcome.notAmongBest
            if view == .best, !decisions.isEmpty {
                // The best path alone is asked about, whatever becomes of it.
            } else if set == 0 {
                outcome = self.refusal(rules, path, draft, evaluate)
            } else if left > 0 {
                let nextHop = exporter.scratch.nextHop(set)
                if path.source == member.rawValue {
                    outcome = .ownRoute
                } else if nextHop.address == self.records[member.index].peerAddress {
                    outcome = .ownNextHop
                } else {
                    outcome = .due(
                        PathAttributes(canonical: exporter.scratch.attributes(set)),
                        nextHop,
                        pathID: view.sendsPathIDs ? self.identifiers.identifier(path) : nil
                    )
                }
                let isOwn = outcome == .ownRoute || outcome == .ownNextHop
                if !isOwn || view != .firstAccepted { left -= 1 }
            }
            decisions.append(
                ExportDecision(
                    source: SourceID(Int(path.source)),
                    pathID: path.pathID,
                    outcome: outcome,
                    draft: draft
                )
            )
        }
        table.forEachPath(number) { _, path in
            guard !self.isEligible(path) else { return true }
            decisions.append(
                ExportDecision(
                    source: SourceID(Int(path.source)),
                    pathID: path.pathID,
                    outcome: path.accepted == 0 ? .rejectedOnImport : .unresolvable,
                    draft: nil
                )
            )
            return true
        }
        return decisions
    }

    /// Which rule keeps a path back that nothing is made of for a group.
    private func refusal(_ rules: ExportRules, _ path: Path, _ draft: RouteDraft, _ evaluate: PolicyEvaluator)
        -> ExportOutcome
    {
        let source = self.records[Int(path.source)]
        let record = self.store[path.accepted]
        guard Self.mayAdvertise(source, record, rules.key) else {
            if source.isInternal, rules.key.session == .nonClient, !source.isClient { return .notReflected }
            if record.flags.contains(.longLivedStale), !rules.key.takesLongLivedStale, !rules.key.isInternal {
                return .longLivedStale
            }
            guard rules.key.interpretsCommunities else { return .notAllowed }
            if record.flags.contains(.noAdvertise) { return .noAdvertise }
            return record.flags.isDisjoint(with: [.noExport, .noExportSubconfed]) ? .notAllowed : .noExport
        }
        if Self.isLeak(record, rules.key) { return .routeLeak }
        if self.isClusterLoop(path, source, record, rules.key) { return .clusterLoop }
        switch rules.policy.constant {
        case .reject: return .policy
        case .accept: return .cannotBeSent
        case nil:
            var draft = draft
            return evaluate(rules.policy.slot, &draft) == .accept ? .cannotBeSent : .policy
        }
    }
}
