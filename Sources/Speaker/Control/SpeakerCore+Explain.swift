internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import Policy
internal import RouteModel
public import Routing
internal import SpeakerSettings

extension SpeakerCore {
    func explain(_ selection: RouteSelection, neighbor: String?) throws(ControlFailure) -> [ExplanationSnapshot] {
        if let neighbor, self.peersByName[neighbor] == nil { throw self.unknownNeighbor(neighbor) }
        var explanations: [ExplanationSnapshot] = []
        for table in try self.selectedTables(selection) {
            let found: DestinationView? =
                switch selection.destination {
                case .all: nil
                case .prefix(let prefix): self.routing.lookUp(prefix, in: table)
                case .longestMatch(let address): self.routing.longestMatch(address, in: table)
                }
            guard let found else { continue }
            explanations.append(self.explain(found, table, neighbor))
        }
        return explanations
    }

    private func explain(_ destination: DestinationView, _ table: TableID, _ neighbor: String?) -> ExplanationSnapshot {
        let name = self.routing.name(of: table)
        let best = destination.paths.firstIndex { $0.isBest }
        let paths = destination.paths.indices.map { index in
            self.explain(destination, index, best: best, name)
        }
        var neighbors: [ExplanationSnapshot.Neighbor] = []
        for case .bgp(let settings) in self.settings.protocols
        where neighbor == nil || settings.common.name == neighbor {
            for channel in settings.channels where channel.channel.table == name {
                neighbors.append(self.explain(destination, name, settings, channel))
            }
        }
        return ExplanationSnapshot(
            prefix: destination.prefix,
            table: name,
            paths: paths,
            neighbors: neighbors,
            exports: neighbor == nil ? self.exports(of: destination, name) : []
        )
    }

    /// Adds what neighbours sent of the destination and is in no table, and why there is no session with others.
    func addWhatSessionsKnow(to explanations: [ExplanationSnapshot], _ selection: RouteSelection) async
        -> [ExplanationSnapshot]
    {
        var result = explanations
        for settings in self.settings.protocols {
            guard case .bgp(let settings) = settings, let id = self.peersByName[settings.common.name],
                let session = self.peers[id]?.session
            else { continue }
            let name = settings.common.name
            var entries = await session.unusedRoutes(selection.destination)
            entries += self.peers[id]?.unused.latest(selection.destination) ?? []
            for entry in entries {
                let family: AddressFamily = entry.prefix.isIPv4 ? .ipv4Unicast : .ipv6Unicast
                guard let table = settings.channels.first(where: { $0.channel.family == family })?.channel.table,
                    selection.table == nil || selection.table == table
                else { continue }
                self.add(entry, of: name, in: table, to: &result)
            }
            for index in result.indices {
                let isDown = result[index].neighbors.contains { $0.name == name && $0.state == .down }
                guard isDown, let entry = self.peers[id], entry.up == nil else { continue }
                let snapshot = await session.snapshot()
                result[index].neighbors.mutate(name) { neighbor in
                    neighbor.reasons.append(.init(text: Self.absence(entry, snapshot)))
                }
            }
        }
        return result
    }

    private func add(
        _ entry: UnusedRoutes.Entry,
        of name: String,
        in table: String,
        to result: inout [ExplanationSnapshot]
    ) {
        let unused = ExplanationSnapshot.Unused(neighbor: name, reason: entry.reason, time: entry.time)
        if let index = result.firstIndex(where: { $0.prefix == entry.prefix && $0.table == table }) {
            // What came well since is among the paths; of several paths some may be missing.
            if case .tooManyPaths = entry.reason {
            } else if result[index].paths.contains(where: { $0.route.origin.protocolName == name }) {
                return
            }
            result[index].unused.append(unused)
        } else {
            result.append(
                ExplanationSnapshot(
                    prefix: entry.prefix,
                    table: table,
                    paths: [],
                    neighbors: [],
                    exports: [],
                    unused: [unused]
                )
            )
        }
    }

    /// Why there is no session: `it is Idle: disabled`.
    private static func absence(_ entry: PeerEntry, _ snapshot: PeerSnapshot) -> String {
        var snapshot = snapshot
        snapshot.isDisabled = entry.isDisabled
        snapshot.isDisabledByError = entry.isDisabledByError
        snapshot.isLinkUp = entry.isLinkUp
        let error = snapshot.lastError.map { ", last error: \($0.words)" } ?? ""
        return "it is \(snapshot.state)" + (snapshot.idleReason.map { ": \($0)" } ?? "") + error
    }

    // MARK: - Paths

    private func explain(_ destination: DestinationView, _ index: Int, best: Int?, _ table: String)
        -> ExplanationSnapshot.Path
    {
        let path = destination.paths[index]
        var result = ExplanationSnapshot.Path(
            route: self.route(destination.prefix, path, table, asReceived: false),
            verdict: .lost,
            text: ""
        )
        if let rejection = path.rejection {
            result.verdict = .rejected
            result.text = rejection.text
            if rejection == .filtered, let program = self.importPolicy(path.origin.protocolName, table) {
                var draft = RouteDraft(
                    prefix: destination.prefix,
                    origin: path.origin,
                    attributes: path.received.attributes,
                    target: path.received.target,
                    local: path.received.local,
                    gateway: path.resolved.gateways.first?.address,
                    interfaceName: result.route.interface,
                    interfaceIndex: path.resolved.gateways.first?.interface ?? 0
                )
                (result.text, result.place) = Self.rejection(by: program, of: &draft, "import policy")
            }
            return result
        }
        guard path.reason != .unresolvable else {
            result.verdict = .unusable
            result.text =
                self.isOwnNextHop((path.accepted ?? path.received).target)
                ? "the next hop is an address of this host" : "the next hop does not resolve"
            return result
        }
        if path.isBest {
            result.verdict = .best
            guard path.reason != .onlyPath else {
                result.text = "the only one that can be used"
                return result
            }
            result.step = path.reason
            result.rival = destination.paths.indices.first {
                $0 != index && destination.paths[$0].reason == path.reason
            }
        } else {
            result.verdict = path.isEqualCost ? .equalCost : .lost
            result.step = path.reason
            result.rival = best
        }
        let rival = result.rival.map { destination.paths[$0] }
        result.text = self.comparison(path, rival, path.reason)
        return result
    }

    /// `AS_PATH length: 2 against 3 of edge2`.
    private func comparison(_ path: PathView, _ rival: PathView?, _ step: DecisionReason) -> String {
        guard let rival else { return step.words }
        let name = rival.origin.protocolName
        if let mine = self.value(path, step), let other = self.value(rival, step), mine != other {
            return "\(step.words): \(mine) against \(other) of \(name)"
        }
        return "\(step.words), against \(name)"
    }

    /// What a step compares, for those where a value says something.
    private func value(_ path: PathView, _ step: DecisionReason) -> String? {
        guard let form = path.accepted else { return nil }
        let attributes = form.attributes
        return switch step {
        case .preference: "\(form.local.preference)"
        case .localPreference:
            (attributes.localPreference ?? path.origin.defaultLocalPreference).map { "\($0)" }
        case .asPathLength: "\(attributes.asPath?.decisionLength ?? 0)"
        case .origin: attributes.origin.map { "\($0)" }
        case .multiExitDiscriminator: "\(attributes.multiExitDiscriminator ?? 0)"
        case .external: path.origin.isInternal ? "iBGP" : "eBGP"
        case .igpMetric: path.resolved.igpMetric == .max ? "unknown" : "\(path.resolved.igpMetric)"
        case .routerID: attributes.originatorID.map { "\($0)" } ?? self.routerID(of: path)
        case .clusterListLength: "\(attributes.clusterList?.count ?? 0)"
        case .peerAddress: path.origin.from.map { "\($0)" }
        case .pathID: "\(path.pathID)"
        default: nil
        }
    }

    private func routerID(of path: PathView) -> String? {
        self.peersByName[path.origin.protocolName].flatMap { self.peers[$0]?.up }
            .map { "\($0.established.negotiated.peerIdentifier)" }
    }

    private func importPolicy(_ name: String, _ table: String) -> FilterProgram? {
        self.settings.protocols.first { $0.common.name == name }?.channels.first { $0.table == table }?.importPolicy
    }

    /// Runs a policy that rejects a route again, to see where.
    static func rejection(by program: FilterProgram, of draft: inout RouteDraft, _ name: String)
        -> (String, FilterPlace?)
    {
        switch program.constantVerdict {
        case .reject: return ("the \(name) is 'none'", nil)
        case .accept: return ("rejected by a former \(name)", nil)
        case nil: break
        }
        let outcome = program.run(&draft)
        if let error = outcome.error { return ("the \(name) failed: \(error)", outcome.place) }
        if outcome.verdict == .accept { return ("rejected by a former \(name)", nil) }
        return ("rejected by the \(name)", outcome.place)
    }

    // MARK: - Neighbours

    private func explain(
        _ destination: DestinationView,
        _ table: String,
        _ settings: BGPSettings,
        _ channel: BGPChannelSettings
    ) -> ExplanationSnapshot.Neighbor {
        let name = settings.common.name
        var result = ExplanationSnapshot.Neighbor(name: name, state: .down, sent: [], reasons: [])
        guard let entry = self.peersByName[name].flatMap({ self.peers[$0] }), let up = entry.up else {
            result.reasons = [.init(text: "there is no session")]
            return result
        }
        guard let source = up.channels[channel.channel.family]?.source else {
            result.reasons = [.init(text: "the session does not have the family")]
            return result
        }
        result.state = .withheld
        guard let export = self.routing.explainExport(of: destination.prefix, to: source) else {
            result.reasons = [.init(text: "nothing is sent to it")]
            return result
        }
        for decision in export.decisions {
            let origin = self.routing.origin(of: decision.source) ?? RouteOrigin(source: .bgp, protocolName: "")
            if case .due(let attributes, let nextHop, let pathID) = decision.outcome {
                result.state = export.isPending ? .pending : .announced
                result.sent.append(
                    RouteSnapshot(
                        prefix: destination.prefix,
                        table: table,
                        origin: origin,
                        isBest: destination.paths.first { $0.isBest }?.source == decision.source,
                        attributes: attributes,
                        target: .recursive(nextHop, interface: 0),
                        local: decision.draft?.local ?? LocalAttributes(preference: 0),
                        gateways: [],
                        interface: nil,
                        discard: nil,
                        rejection: nil,
                        pathID: pathID ?? 0
                    )
                )
                continue
            }
            var reason = ExplanationSnapshot.Reason(
                path: origin.protocolName,
                pathID: decision.pathID,
                text: decision.outcome.words
            )
            if decision.outcome == .noExport, decision.draft?.attributes.communities.contains(.noExport) == false {
                reason.text = "it carries NO_EXPORT_SUBCONFED"
            }
            if decision.outcome == .policy, var draft = decision.draft {
                (reason.text, reason.place) = Self.rejection(
                    by: channel.channel.exportPolicy,
                    of: &draft,
                    "export policy"
                )
            }
            result.reasons.append(reason)
        }
        if result.state == .pending {
            if self.isDeferred(channel.channel.family) {
                result.reasons.append(.init(text: "after the restart, neighbors have not sent all their routes yet"))
            } else if entry.session.unsent.count > Unsent.limit {
                result.reasons.append(.init(text: "it does not read what it was sent before"))
            }
        }
        return result
    }
}

extension [ExplanationSnapshot.Neighbor] {
    /// Changes what is said of a neighbour.
    fileprivate mutating func mutate(_ name: String, _ change: (inout ExplanationSnapshot.Neighbor) -> Void) {
        if let index = self.firstIndex(where: { $0.name == name }) { change(&self[index]) }
    }
}

extension PeerSnapshot {
    /// Why the session is Idle; nil in other states, and while nothing hinders it.
    public var idleReason: String? {
        guard self.state == .idle else { return nil }
        if self.isDisabled { return self.isDisabledByError ? "disabled after an error" : "disabled" }
        return !self.isLinkUp ? "no link or no local address" : self.isWaiting ? "waiting after an error" : nil
    }
}

extension DecisionReason {
    /// The step's name for people.
    public var words: String {
        switch self {
        case .onlyPath: "only path"
        case .rejected: "rejected on import"
        case .preference: "preference"
        case .longLivedStale: "its sender has been away for long (RFC 9494)"
        case .unresolvable: "next hop does not resolve"
        case .local: "local routes come first"
        case .localPreference: "LOCAL_PREF"
        case .aigp: "AIGP with the metric to the next hop"
        case .asPathLength: "AS_PATH length"
        case .origin: "ORIGIN"
        case .multiExitDiscriminator: "MED"
        case .external: "eBGP before iBGP"
        case .igpMetric: "IGP metric of the next hop"
        case .older: "the older path stays"
        case .routerID: "router id"
        case .clusterListLength: "CLUSTER_LIST length"
        case .peerAddress: "address of the neighbor"
        case .pathID: "path identifier"
        case .kernelMetric: "kernel metric"
        case .sourceOrder: "order of protocols"
        }
    }
}

extension ExportOutcome {
    /// The rule in words.
    var words: String {
        switch self {
        case .due: "sent"
        case .ownRoute: "it came from this neighbor"
        case .ownNextHop: "its next hop is this neighbor"
        case .notAmongBest: "others come before it"
        case .rejectedOnImport: "rejected on import"
        case .unresolvable: "its next hop does not resolve"
        case .notReflected: "it came by iBGP, and neither its sender nor this neighbor is a reflector client"
        case .clusterLoop: "it has been through this neighbor's cluster: CLUSTER_LIST"
        case .noAdvertise: "it carries NO_ADVERTISE"
        case .noExport: "it carries NO_EXPORT"
        case .routeLeak: "it would be a leak: OTC, and the neighbor is no customer (RFC 9234)"
        case .longLivedStale:
            "its sender has been away for long, and this neighbor does not know what that means (RFC 9494)"
        case .notAllowed: "not allowed for this kind of session"
        case .policy: "rejected by the export policy"
        case .cannotBeSent: "no next hop to send it with, or too long for a message"
        }
    }
}
