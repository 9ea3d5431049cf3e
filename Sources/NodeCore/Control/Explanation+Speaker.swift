internal import BGPWire
internal import ControlAPI
internal import IPAddressing
internal import Policy
internal import RouteModel
internal import Routing
internal import Speaker

extension Explanation {
    /// An explanation of the speaker as the control interface shows it.
    init(_ snapshot: ExplanationSnapshot) {
        let names = snapshot.paths.map(\.route.origin.protocolName)
        self.init(
            prefix: snapshot.prefix.description,
            table: snapshot.table,
            paths: snapshot.paths.map { path in
                var result = Path(
                    route: Route(path.route),
                    verdict: Verdict(rawValue: path.verdict.rawValue) ?? .lost,
                    reason: path.text
                )
                result.step = path.step.map(\.words)
                result.rival = path.rival.map { names[$0] }
                result.place = path.place?.description
                return result
            },
            neighbors: snapshot.neighbors.map { neighbor in
                Neighbor(
                    name: neighbor.name,
                    state: State(rawValue: neighbor.state.rawValue) ?? .withheld,
                    sent: neighbor.sent.map { Route($0) },
                    reasons: neighbor.reasons.map { reason in
                        var result = Reason(path: reason.path, reason: reason.text, place: reason.place?.description)
                        result.pathID = reason.pathID == 0 ? nil : reason.pathID
                        return result
                    }
                )
            },
            exports: snapshot.exports.map { export in
                Export(
                    name: export.name,
                    kind: export.kind,
                    destination: export.destination,
                    state: ExportState(rawValue: export.state.rawValue) ?? .withheld,
                    reasons: export.reasons.map {
                        Reason(path: $0.path, reason: $0.text, place: $0.place?.description)
                    }
                )
            },
            malformed: snapshot.unused.compactMap {
                guard case .malformed(let error) = $0.reason else { return nil }
                return Malformed(
                    neighbor: $0.neighbor,
                    attribute: error.attributeName,
                    cause: error.cause.rawValue,
                    at: Timestamp(seconds: $0.time)
                )
            }
        )
        self.unused = snapshot.unused.compactMap {
            let reason: String
            switch $0.reason {
            case .malformed: return nil
            case .unroutable:
                reason = "no route to multicast, loopback, link-local or reserved addresses can make sense"
            case .receiveLimit(let limit): reason = "it is over the receive limit of \(limit)"
            case .tooManyPaths(let limit): reason = "the prefix has as many paths as it may, \(limit)"
            }
            return Unused(neighbor: $0.neighbor, reason: reason, at: Timestamp(seconds: $0.time))
        }
    }
}

extension UpdateErrorKind {
    /// Name of the attribute; `attributes` or `prefixes` for octets that are none.
    var attributeName: String {
        switch self.cause {
        case .unroutable, .familyNotNegotiated: "prefixes"
        default: self.type.rawValue == 0 ? "attributes" : "\(self.type)"
        }
    }
}
