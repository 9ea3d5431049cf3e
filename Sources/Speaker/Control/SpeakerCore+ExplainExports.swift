internal import IPAddressing
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

/// Why a route is in the kernel or in another table, or why not.
extension SpeakerCore {
    /// What kernel protocols and pipes of a table make of a destination.
    func exports(of destination: DestinationView, _ table: String) -> [ExplanationSnapshot.Export] {
        self.settings.protocols.flatMap { settings -> [ExplanationSnapshot.Export] in
            switch settings {
            case .kernel(let settings) where settings.channel.table == table:
                return [self.explain(destination, settings)]
            case .pipe(let settings):
                var ways: [ExplanationSnapshot.Export] = []
                if settings.channel.table == table {
                    let policy = settings.channel.exportPolicy
                    ways.append(self.explain(destination, settings, \.export, to: settings.peerTable, policy, "export"))
                }
                if settings.peerTable == table {
                    let policy = settings.channel.importPolicy
                    ways.append(
                        self.explain(destination, settings, \.import, to: settings.channel.table, policy, "import")
                    )
                }
                return ways
            default: return []
            }
        }
    }

    private func explain(_ destination: DestinationView, _ settings: KernelSettings) -> ExplanationSnapshot.Export {
        let name = settings.common.name
        var result = ExplanationSnapshot.Export(
            name: name,
            kind: "kernel",
            destination: "kernel table \(settings.kernelTable)",
            state: .down,
            reasons: []
        )
        func because(_ state: ExplanationSnapshot.ExportState, _ path: String?, _ text: String)
            -> ExplanationSnapshot.Export
        {
            result.state = state
            result.reasons = [.init(path: path, text: text)]
            return result
        }
        guard let instance = self.kernels[name] else { return because(.down, nil, "the protocol is disabled") }
        guard let best = destination.paths.first(where: { $0.isBest }), let form = best.accepted else {
            return because(.withheld, nil, "no path can be used")
        }
        let origin = best.origin.protocolName
        guard best.source != instance.source else {
            return because(.withheld, origin, "it was learned from the kernel")
        }
        guard best.origin.source != .device else {
            return because(.withheld, origin, "the kernel has networks of interfaces by itself")
        }
        var draft = RouteDraft(
            prefix: destination.prefix,
            origin: best.origin,
            attributes: form.attributes,
            target: form.target,
            local: form.local,
            gateway: best.resolved.gateways.first?.address,
            interfaceName: best.resolved.gateways.first.flatMap { self.interfaces.name(of: $0.interface) },
            interfaceIndex: best.resolved.gateways.first?.interface ?? 0
        )
        let policy = settings.channel.exportPolicy
        var judged = draft
        if (policy.constantVerdict ?? policy.run(&judged).verdict) == .reject {
            let (text, place) = Self.rejection(by: policy, of: &draft, "export policy")
            result.state = .withheld
            result.reasons = [.init(path: origin, text: text, place: place)]
            return result
        }
        if self.isDeferred(settings.channel.family) {
            return because(.pending, nil, "after the restart, neighbors have not sent all their routes yet")
        }
        switch instance.writer.standing(of: destination.prefix) {
        case nil: return because(.pending, nil, "the kernel's table is being compared; ask again")
        case .written: result.state = .present
        case .due: return because(.pending, nil, "about to be written")
        case .blocked: return because(.blocked, nil, "a route of another program has its destination and metric")
        case .refused(let words): return because(.refused, nil, words)
        case .unwanted:
            let isUnderway = instance.isBusy || instance.orders.changes.contains { $0.prefix == destination.prefix }
            guard isUnderway || self.routing.isPending(instance.consumer) else {
                return because(.withheld, origin, "it has no next hop for the kernel")
            }
            return because(.pending, nil, "about to be written")
        }
        return result
    }

    private func explain(
        _ destination: DestinationView,
        _ settings: PipeSettings,
        _ way: KeyPath<PipeInstance, PipeInstance.Direction>,
        to table: String,
        _ policy: FilterProgram,
        _ word: String
    ) -> ExplanationSnapshot.Export {
        var result = ExplanationSnapshot.Export(
            name: settings.common.name,
            kind: "pipe",
            destination: table,
            state: .down,
            reasons: []
        )
        guard let direction = self.pipes[settings.common.name]?[keyPath: way] else {
            result.reasons = [.init(text: "the protocol is disabled")]
            return result
        }
        result.state = .withheld
        for decision in self.routing.explainMirror(direction.consumer, destination.prefix) {
            var reason = ExplanationSnapshot.Reason(
                path: self.routing.origin(of: decision.source)?.protocolName,
                text: ""
            )
            switch decision.outcome {
            case .taken:
                result.state = .present
                continue
            case .waiting where direction.isOverLimit:
                reason.text = "the \(word) limit leaves no room"
            case .waiting:
                if result.state == .withheld { result.state = .pending }
                continue
            case .rejectedOnImport: reason.text = "rejected on import"
            case .policy(var draft):
                (reason.text, reason.place) = Self.rejection(by: policy, of: &draft, "\(word) policy")
            case .ownImage: reason.text = "it came from that table by this pipe"
            case .tooManyPipes: reason.text = "it went through as many pipes as it may"
            case .alreadyThere: reason.text = "that table has it already, by another way"
            }
            result.reasons.append(reason)
        }
        return result
    }
}
