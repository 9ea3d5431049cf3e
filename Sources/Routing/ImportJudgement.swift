internal import BGPWire
public import RouteModel

/// What a source's import policy says of announced routes, run before they reached the core.
///
/// Whoever runs it sees to it that policy, origin and preference are the source's present ones. Loops, next hops and
/// limits are the core's to judge.
public struct ImportJudgement: Sendable {
    /// The policy's verdict.
    public enum Verdict: Sendable {
        /// Accepted as received.
        case accepted
        /// Accepted with the set that goes with the judgement.
        case changed
        /// Rejected.
        case rejected
    }

    /// The verdict.
    public var verdict: Verdict
    /// Hash of the changed set; means nothing otherwise.
    public var attributesHash: UInt64
    /// Where a changed route sends packets; nil when the policy left that alone.
    public var target: RouteTarget?
    /// Local attributes of a changed route; nil when the policy left them alone.
    public var local: LocalAttributes?

    /// Creates a judgement.
    public init(
        _ verdict: Verdict,
        attributesHash: UInt64 = 0,
        target: RouteTarget? = nil,
        local: LocalAttributes? = nil
    ) {
        self.verdict = verdict
        self.attributesHash = attributesHash
        self.target = target
        self.local = local
    }
}

extension Engine {
    /// The import side's outcome for a received set whose policy was run elsewhere; the caller owns its reference.
    mutating func outcome(
        _ judgement: ImportJudgement,
        _ accepted: RawSpan,
        _ received: AttributeID,
        _ source: Int
    ) -> CoreState.ImportOutcome {
        if let reason = self.state.admission(received, source) { return CoreState.ImportOutcome(reason: reason) }
        switch judgement.verdict {
        case .rejected: return CoreState.ImportOutcome(reason: .filtered)
        case .accepted:
            self.state.store.retain(received)
            return CoreState.ImportOutcome(accepted: received)
        case .changed: break
        }
        let record = self.state.store[received]
        let target = judgement.target.map { self.state.internTarget($0, for: source) } ?? record.target
        let id = unsafe accepted.withUnsafeBytes { buffer in
            // The span outlives the call.
            let octets = unsafe Octets(buffer.baseAddress, count: buffer.count)
            return self.state.intern(
                octets,
                hash: judgement.attributesHash,
                target: target,
                local: judgement.local ?? record.local,
                source: source
            )
        }
        guard let id else { return CoreState.ImportOutcome(reason: .attributesTooLong) }
        if judgement.target != nil, self.state.admission(id, source) == .invalidNextHop {
            self.state.release(id)
            return CoreState.ImportOutcome(reason: .invalidNextHop)
        }
        return CoreState.ImportOutcome(accepted: id)
    }
}
