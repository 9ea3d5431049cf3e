internal import BGPWire
internal import IPAddressing
internal import Logging
internal import Netlink
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

/// What a protocol's `debug` statement asks for, as lines of level info.
///
/// Sessions trace states, events and packets of `protocol bgp` themselves; the rest is seen here.
extension SpeakerCore {
    /// Logs a line if the protocol's `debug` has the category.
    func trace(
        _ settings: CommonSettings,
        _ category: DebugCategory,
        _ message: Logger.Message,
        _ metadata: @autoclosure () -> Logger.Metadata = [:]
    ) {
        guard settings.debug.contains(category) else { return }
        let name: Logger.Metadata = ["protocol": "\(settings.name)"]
        self.logger.info(message, metadata: name.merging(metadata()) { _, new in new })
    }

    /// What became of the routes of a segment that a BGP peer sent: `routes` tells all, `filters` those the import
    /// filter rejected.
    func traceRoutes(_ segment: RouteBatch.Segment, _ batch: RouteBatch, _ source: SourceID, _ settings: CommonSettings)
    {
        guard !settings.debug.isDisjoint(with: [.routes, .filters]), let table = self.routing.table(of: source) else {
            return
        }
        for index in segment.nlri {
            let (prefix, pathID): (IPPrefix, UInt32) =
                segment.isIPv4
                ? (.v4(batch.ipv4[index].prefix), batch.ipv4[index].pathID)
                : (.v6(batch.ipv6[index].prefix), batch.ipv6[index].pathID)
            guard segment.kind == .announce else {
                self.trace(settings, .routes, "Route withdrawn", ["prefix": "\(prefix)"])
                continue
            }
            let path = self.routing.lookUp(prefix, in: table)?.paths.first {
                $0.source == source && $0.pathID == pathID
            }
            guard let path else { continue }
            if path.rejection == .filtered {
                self.trace(settings, .filters, "Route rejected by the import filter", ["prefix": "\(prefix)"])
            }
            let verdict = path.rejection.map { "rejected, \($0)" } ?? (path.isBest ? "accepted, best" : "accepted")
            self.trace(settings, .routes, "Route received", ["prefix": "\(prefix)", "verdict": "\(verdict)"])
        }
    }

    /// What a local protocol announces (a target) or withdraws (nil).
    func traceRoute(_ settings: CommonSettings, _ prefix: IPPrefix, _ target: RouteTarget?) {
        if let target {
            self.trace(settings, .routes, "Route announced", ["prefix": "\(prefix)", "target": "\(target)"])
        } else {
            self.trace(settings, .routes, "Route withdrawn", ["prefix": "\(prefix)"])
        }
    }

    /// Tells protocols that ask for `interfaces` which links and addresses changed.
    func traceInterfaces(_ events: [KernelEvent]) {
        let listeners = self.settings.protocols.map(\.common).filter { $0.debug.contains(.interfaces) }
        guard !listeners.isEmpty else { return }
        for event in events {
            let text: String
            switch event {
            case .linkChanged(let link): text = "\(link.name) is \(link.isOperUp ? "up" : "down")"
            case .linkRemoved(let link): text = "\(link.name) is gone"
            case .addressAdded(let address): text = "\(address.address) is on link \(address.interface)"
            case .addressRemoved(let address): text = "\(address.address) is gone from link \(address.interface)"
            default: continue
            }
            for settings in listeners { self.trace(settings, .interfaces, "Interface changed", ["what": "\(text)"]) }
        }
    }
}
