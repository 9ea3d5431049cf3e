internal import BGPWire
internal import IPAddressing
internal import Policy
internal import RouteModel
internal import Routing

/// Runs the import policy of one channel on the session's loop, so that filters take time from the core only where
/// they have to.
///
/// The core gives it to the session together with all the policy reads beside the route itself. Judgements of a batch
/// carry its generation: those of a judge that is not the channel's present one are dropped, and the core runs the
/// policy on the same routes itself.
struct ImportJudge: Sendable {
    let program: FilterProgram
    /// Which judge of the speaker this is; never 0.
    let generation: UInt32
    let origin: RouteOrigin
    /// Preference of routes before the policy.
    let preference: UInt16
    /// Interface of link-local next hops.
    let interface: UInt32
    /// Whether accepted routes with GRACEFUL_SHUTDOWN get LOCAL_PREF 0 (RFC 8326).
    var honorsGracefulShutdown = false
    /// Seed of attribute hashes.
    let hashSeed: UInt64

    /// What the judgements of one UPDATE may add to a batch, in octets; the core judges what goes beyond.
    private static var roomForChanges: Int { 256 << 10 }

    /// Whether a policy can be run away from the core: it must read nothing but the route as it was received.
    ///
    /// Constant ones cost nothing where they are.
    static func canJudge(_ program: FilterProgram) -> Bool {
        program.constantVerdict == nil && program.dependencies.isSubset(of: [.prefix, .origin])
    }

    /// Adds a segment to a batch, in as many parts as the policy tells its prefixes apart.
    func judge(
        _ segment: RouteBatch.Segment,
        _ attributes: PathAttributes,
        _ nextHop: BGPNextHop,
        _ batch: inout RouteBatch
    ) {
        let isScoped = nextHop.address.isLinkLocal || nextHop.linkLocal != nil
        let target = RouteTarget.recursive(nextHop, interface: isScoped ? self.interface : 0)
        let local = LocalAttributes(preference: self.preference)
        let limit = batch.attributes.count + Self.roomForChanges
        let isShutDown = self.honorsGracefulShutdown && attributes.view.contains(.gracefulShutdown)
        var part = segment
        var latest: RouteDraft?
        for index in segment.nlri {
            if index > segment.nlri.lowerBound, !self.program.dependencies.contains(.prefix) { break }
            var draft = RouteDraft(
                prefix: segment.isIPv4 ? .v4(batch.ipv4[index].prefix) : .v6(batch.ipv6[index].prefix),
                origin: self.origin,
                attributes: attributes,
                target: target,
                local: local
            )
            let verdict = self.program.evaluate(&draft)
            if self.honorsGracefulShutdown, verdict == .accept, isShutDown || draft.attributes != attributes {
                draft.honorGracefulShutdown()
            }
            let isSame = draft.target == target && draft.local == local && draft.attributes == attributes
            var judgement = RouteBatch.Judgement.open
            if verdict == .reject {
                judgement = .rejected
            } else if isSame {
                judgement = .accepted
            } else if part.judgement.change != nil, latest?.target == draft.target, latest?.local == draft.local,
                latest?.attributes == draft.attributes
            {
                judgement = part.judgement
            } else if batch.attributes.count < limit {
                judgement = .changed(batch.changes.count)
                let start = batch.attributes.count
                batch.attributes.append(contentsOf: draft.attributes.bytes)
                batch.changes.append(
                    RouteBatch.Change(
                        attributes: start..<batch.attributes.count,
                        judgement: ImportJudgement(
                            .changed,
                            attributesHash: draft.attributes.hash(seed: self.hashSeed),
                            target: draft.target == target ? nil : draft.target,
                            local: draft.local == local ? nil : draft.local
                        )
                    )
                )
                latest = draft
            }
            if index == segment.nlri.lowerBound {
                part.judgement = judgement
            } else if judgement != part.judgement {
                part.nlri = part.nlri.lowerBound..<index
                batch.segments.append(part)
                part.judgement = judgement
                part.nlri = index..<segment.nlri.upperBound
            }
        }
        batch.segments.append(part)
    }
}

/// The judges of a session, by family; a family without one is judged in the core.
struct ImportJudges: Sendable {
    var ipv4: ImportJudge?
    var ipv6: ImportJudge?
}
