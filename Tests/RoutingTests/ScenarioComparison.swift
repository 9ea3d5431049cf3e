import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

extension Scenario {
    /// Brings everything to rest and holds it against the model; those that stalled are left out now and then.
    mutating func compare(_ step: Int) throws {
        self.note(.comparison, 0)
        if self.pick(3) == 0 { _ = self.core.trim(1 + self.pick(8)) }
        if self.pick(2) == 0 {
            self.stalled = []
            for index in self.consumers.indices { self.consumers[index].isStalled = false }
        }
        // Sources that took back their routes one by one are looked at when somebody asks.
        let idle = self.model.sources.keys.sorted().filter { self.core.counters($0).received == 0 }
        self.core.reviewCharges(idle)
        self.core.settle()
        try self.deliver()
        let violations = self.core.checkInvariants()
        try ensure(violations.isEmpty, "after step \(step): \(violations)")
        var decided = self.model.decide()
        for member in self.members.keys.sorted() where !self.stalled.contains(member) {
            try self.compare(member, &decided, step)
        }
        try self.compareConsumers(decided, step)
        if self.pick(4) == 0 { try self.compareTables(decided, step) }
    }

    /// Whether somebody who stalled has to look at more than the journal.
    var hasOverrun: Bool { self.core.groups.contains { self.core.hasFallenBehind($0) } }

    /// Serves all groups until nothing is owed to anybody who reads.
    private mutating func deliver() throws {
        // Whoever does not read is put aside, as the speaker does.
        for member in self.stalled.sorted() { self.core.separate(member) }
        let limit = 1 + self.pick(200)
        var isBusy = true
        while isBusy {
            isBusy = false
            for group in self.core.groups where self.core.isPending(group) && !self.isStalled(group) {
                isBusy = true
                if self.core.hasFallenBehind(group) { self.note(.overrun, 0) }
                try self.core.deliver(group, &self.receivers, limit: limit)
            }
        }
    }

    private mutating func compare(_ member: SourceID, _ decided: inout Decided, _ step: Int) throws {
        guard let settings = self.members[member], let details = self.model.sources[member]?.session else { return }
        let place = "step \(step), member \(member.rawValue) with \(settings)"
        let paths = decided.view(member, details, settings)
        var expected: [IPPrefix: [UInt32: Receiver.Route]] = [:]
        for (path, route) in paths {
            let id = settings.key.view.sendsPathIDs ? try self.wireID(path, place) : 0
            let old = expected[path.prefix, default: [:]].updateValue(route, forKey: id)
            try ensure(old == nil, "\(place), \(path.prefix): identifier \(id) stands for two paths")
        }
        let actual = self.receivers[member]?.held ?? [:]
        for prefix in Set(expected.keys).union(actual.keys).sorted() where expected[prefix] != actual[prefix] {
            throw Violation(
                description: """
                    \(place), \(prefix):
                    expected \(String(describing: expected[prefix]))
                    actual \(String(describing: actual[prefix]))
                    """
            )
        }
        let count = self.core.exportedCount(to: member)
        try ensure(count == paths.count, "\(place): counts \(count) routes of \(paths.count)")
        var recomputed: [IPPrefix: [UInt32: Receiver.Route]] = [:]
        for view in self.core.exported(to: member, limit: .max).elements {
            recomputed[view.prefix, default: [:]][view.pathID ?? 0] = Receiver.Route(
                attributes: view.attributes,
                nextHop: view.nextHop.address,
                linkLocal: view.nextHop.linkLocal
            )
        }
        try ensure(recomputed == expected, "\(place): the view recomputed")
    }

    /// The identifier a path is sent with, which must stay the same as long as it lives.
    private mutating func wireID(_ path: WirePath, _ place: String) throws -> UInt32 {
        let id = self.core.engine.state.identifiers.identifier(Path(pathID: path.pathID, source: path.source.rawValue))
        if let known = self.wireIDs[path] {
            try ensure(known == id, "\(place), \(path.prefix): identifier \(known) became \(id)")
        }
        self.wireIDs[path] = id
        return id
    }

    /// Holds what is shown of the tables against the model.
    private mutating func compareTables(_ decided: Decided, _ step: Int) throws {
        for realm in self.realms {
            let views = self.core.walk(realm.table, limit: .max).elements
            let routes = (self.model.tables[realm.table] ?? [:]).filter { !$0.value.isEmpty }
            try ensure(views.count == routes.count, "step \(step), \(realm.name): \(views.count) destinations")
            for view in views {
                let place = "step \(step), \(realm.name), \(view.prefix)"
                let known = routes[view.prefix] ?? []
                let accepted = decided.accepted[realm.table]?[view.prefix] ?? []
                let best = decided.decisions[realm.table]?[view.prefix]?.best
                try ensure(view.paths.count == known.count, "\(place): \(view.paths.count) paths")
                for path in view.paths {
                    let route = known.first { $0.source == path.source && $0.pathID == path.pathID }
                    try ensure(route?.received == path.received.attributes, "\(place): what was received")
                    try ensure(route?.target == path.received.target, "\(place): the target received")
                    try ensure(route?.isStale == path.isStale, "\(place): stale or not")
                    let own = accepted.first { $0.source == path.source && $0.pathID == path.pathID }
                    try ensure(own?.attributes == path.accepted?.attributes, "\(place): what was accepted")
                    try ensure(own?.local == path.accepted?.local, "\(place): local attributes accepted")
                    try ensure((own == nil) == (path.rejection != nil), "\(place): rejection")
                    let isBest = best?.source == path.source && best?.pathID == path.pathID
                    try ensure(path.isBest == isBest, "\(place): best path")
                }
            }
        }
    }
}

extension Receiver {
    /// Routes of both families by path identifier, 0 on sessions without.
    var held: [IPPrefix: [UInt32: Route]] {
        var result: [IPPrefix: [UInt32: Route]] = [:]
        for (prefix, route) in self.routes { result[.v4(prefix)] = [0: route] }
        for (prefix, route) in self.ipv6Routes { result[.v6(prefix)] = [0: route] }
        for (prefix, paths) in self.paths { result[.v4(prefix)] = paths }
        for (prefix, paths) in self.ipv6Paths { result[.v6(prefix)] = paths }
        return result
    }
}

extension RoutingCore where Policy == TestPolicy {
    /// Whether the journal no longer holds what a group has still to read.
    func hasFallenBehind(_ group: GroupID) -> Bool {
        let content = self.engine.groups[group.index]
        let table = content.key.table
        let start =
            table.isIPv4
            ? self.engine.ipv4Tables[table.index].journal.start : self.engine.ipv6Tables[table.index].journal.start
        return content.walk == nil && content.cursor < start
    }
}
