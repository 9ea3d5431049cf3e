import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// A path that a member is entitled to.
struct WirePath: Hashable {
    var prefix: IPv4Prefix
    var source: SourceID
    var pathID: UInt32
    var birth: Int
}

extension NaiveModel {
    /// Eligible paths in the order in which they would win if each winner were taken away.
    func ranked(_ prefix: IPv4Prefix) -> [Accepted] {
        var candidates = self.candidates(prefix)
        var result: [Accepted] = []
        while let best = self.best(candidates) {
            result.append(best)
            candidates.removeAll { $0.source == best.source && $0.pathID == best.pathID }
        }
        return result
    }

    /// What a member has to hold.
    func view(_ member: SourceID, _ settings: ExportSettings<TestPolicy>) -> [WirePath: Receiver.Route] {
        let address = self.sources[member]?.session?.peerAddress
        var result: [WirePath: Receiver.Route] = [:]
        for prefix in self.routes.keys {
            var choices = self.ranked(prefix).map { path in
                (path: path, route: self.exported(path, prefix, settings))
            }
            if settings.key.view == .best { choices = Array(choices.prefix(1)) }
            choices.removeAll { $0.route == nil }
            if case .bestPaths(let count) = settings.key.view { choices = Array(choices.prefix(Int(count))) }
            choices.removeAll { $0.path.source == member || $0.route?.nextHop == address }
            if settings.key.view == .firstAccepted { choices = Array(choices.prefix(1)) }
            for choice in choices {
                let path = choice.path
                result[WirePath(prefix: prefix, source: path.source, pathID: path.pathID, birth: path.birth)] =
                    choice.route
            }
        }
        return result
    }
}

extension Scenario {
    /// Views that occur together: groups with several members are likely in the first ones.
    static let palettes: [[ExportView]] = [
        [.best], [.best, .firstAccepted], [.firstAccepted], [.best, .allPaths], [.allPaths, .bestPaths(2)],
        [.bestPaths(2), .firstAccepted], [.best, .firstAccepted, .bestPaths(1), .bestPaths(3), .allPaths],
    ]

    /// Whether an external peer is a route-server client.
    func isServed(_ source: SourceID) -> Bool {
        (self.model.sources[source]?.session?.peerRouterID.rawValue ?? 0) % 4 == 3
    }

    /// The identifier of the next path of a source: some sources send up to four of a prefix.
    mutating func pathID(_ source: SourceID) -> UInt32 {
        let number = self.model.sources[source]?.session?.peerRouterID.rawValue ?? 0
        guard number % 3 == 0, !self.views.allSatisfy({ $0 == .best }) else { return 0 }
        return [0, 1, 7, .max][self.pick(4)]
    }

    /// Another view that the session allows.
    mutating func changedView(_ source: SourceID) -> ExportView {
        guard let view = self.members[source]?.key.view, view.sendsPathIDs else {
            return self.members[source]?.key.view ?? .best
        }
        let views = self.views.filter(\.sendsPathIDs)
        return views[self.pick(views.count)]
    }

    /// Compares what a member holds, counts and is said to hold with the model.
    mutating func compareView(of member: SourceID, _ settings: ExportSettings<TestPolicy>, _ title: String) throws {
        let expected = self.model.view(member, settings)
        guard let receiver = self.receivers[member] else { throw Absent() }
        var actual: [IPv4Prefix: [UInt32: Receiver.Route]] = receiver.paths
        for (prefix, route) in receiver.routes { actual[prefix] = [0: route] }
        var wanted: [IPv4Prefix: [UInt32: Receiver.Route]] = [:]
        for (key, route) in expected {
            let id = settings.key.view.sendsPathIDs ? try self.wireID(key, title) : 0
            let old = wanted[key.prefix, default: [:]].updateValue(route, forKey: id)
            try ensure(old == nil, "\(title), \(key.prefix): identifier \(id) stands for two paths")
        }
        for prefix in Set(wanted.keys).union(actual.keys) where wanted[prefix] != actual[prefix] {
            throw Violation(
                description: """
                    \(title), \(settings.key.view), \(prefix):
                    expected \(String(describing: wanted[prefix]))
                    actual \(String(describing: actual[prefix]))
                    """
            )
        }
        let count = self.core.exportedCount(to: member)
        try ensure(count == expected.count, "\(title): counts \(count) routes of \(expected.count)")
        var recomputed: [IPPrefix: [UInt32: PathAttributes]] = [:]
        for view in self.core.exported(to: member, limit: .max).elements {
            recomputed[view.prefix, default: [:]][view.pathID ?? 0] = view.attributes
        }
        for (prefix, routes) in wanted {
            let views = recomputed.removeValue(forKey: .v4(prefix))
            try ensure(views == routes.mapValues(\.attributes), "\(title), \(prefix): the view recomputed")
        }
        try ensure(recomputed.isEmpty, "\(title): more recomputed than sent")
    }

    /// The identifier a path is sent with, which must stay the same as long as it lives.
    private mutating func wireID(_ key: WirePath, _ title: String) throws -> UInt32 {
        let path = Path(pathID: key.pathID, source: key.source.rawValue)
        let id = self.core.engine.state.identifiers.identifier(path)
        if let known = self.wireIDs[key] {
            try ensure(known == id, "\(title), \(key.prefix): identifier \(known) became \(id)")
        }
        self.wireIDs[key] = id
        return id
    }
}
