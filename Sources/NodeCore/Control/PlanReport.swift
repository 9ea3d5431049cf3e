internal import Confd
internal import ControlAPI
internal import Datastore
internal import IPAddressing
internal import Resources

extension PlanStatus {
    /// What confd planned last, with the states of the speaker's sessions and what is wrong with the manifests.
    init(
        _ plan: BGPPlan,
        pending: String?,
        states: [String: String],
        manifests: [DatastoreDiagnostic],
        templates: [String: ResourceStatistics] = [:]
    ) {
        let refused = manifests.filter { $0.diagnostic.severity != .info }.map { remark in
            let place = [remark.file, remark.diagnostic.position?.description].compactMap(\.self)
            let field = remark.diagnostic.path.isEmpty ? "" : "\(remark.diagnostic.path): "
            return PlanProblem(
                resource: remark.diagnostic.key?.description,
                place: place.joined(separator: ":"),
                reason: field + remark.diagnostic.message,
                refused: remark.diagnostic.severity == .error
            )
        }
        self.init(
            node: plan.nodeName,
            routerID: plan.routerID.description,
            localAS: plan.localAS.rawValue,
            pending: pending,
            sessions: plan.sessions.map { session in
                PlannedSession(
                    name: session.name,
                    resource: session.resource.map { "BGPPeer/\($0)" },
                    address: session.peerAddress.description,
                    port: session.peerPort ?? 179,
                    remoteAS: session.peerAS.rawValue,
                    localAS: session.localAS.rawValue,
                    passive: session.isPassive,
                    state: states[session.name]
                )
            },
            problems: refused
                + plan.diagnostics.map {
                    PlanProblem(resource: $0.resource?.description, reason: $0.reason.description)
                }
                + templates.sorted { $0.key < $1.key }.compactMap { file, statistics in
                    guard statistics.isFailing, let reason = statistics.lastError else { return nil }
                    return PlanProblem(resource: "template resource \(file)", reason: reason)
                }
        )
    }
}
