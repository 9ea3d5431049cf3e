import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// A core and a naive model side by side, changed at random in the same way.
///
/// What happens is decided by ``step()``; the parts of it are in files of their own. ``compare(_:)`` is the quiescence:
/// work is done, receivers that take anything are served, and everybody has to hold what the model says.
struct Scenario: ~Copyable {
    /// A table with its local sources.
    struct Realm {
        var name: String
        var table: TableID
        var device: SourceID
        var fixed: SourceID
        var learned: SourceID
        /// Whether its routes resolve through the first table of their family instead of itself.
        var usesMain: Bool
        var isIPv4: Bool { self.table.isIPv4 }
    }

    var core = RoutingCore<TestPolicy>()
    var model = NaiveModel()
    var random: SeededGenerator
    var realms: [Realm] = []
    var peers: [SourceID] = []
    var members: [SourceID: ExportSettings<TestPolicy>] = [:]
    var receivers: [SourceID: Receiver] = [:]
    /// Members that are slow to read: nothing is sent to them until they recover.
    var stalled: Set<SourceID> = []
    var consumers: [TestConsumer] = []
    /// Identifiers on the wire, for as long as the path lives.
    var wireIDs: [WirePath: UInt32] = [:]
    /// Open marks of sources whose routes were marked as stale.
    var marks: [SourceID: Int] = [:]

    /// Whether routes may carry MED: without any, paths are ranked two at a time.
    let hasMED: Bool
    /// Decision options of all peers; nil when each has its own.
    let decision: DecisionOptions?
    /// The AS of the confederation that the own one is part of; nil without one.
    let confederation: ASNumber?
    /// Whether routes may carry an accumulated metric: without any, third paths decide nothing before MED.
    let hasAIGP: Bool
    /// What members may take.
    let views: [ExportView]
    /// Prefixes that are announced, and how many lengths they have.
    let prefixCount: Int
    let lengthCount: Int

    /// Routes announced or withdrawn, and events of every other kind.
    var operations = 0
    /// How often each kind of event happened.
    var counts: [Event: Int] = [:]

    /// Views that occur together: groups with several members are likely in the first ones.
    static let palettes: [[ExportView]] = [
        [.best], [.best], [.best, .firstAccepted], [.firstAccepted], [.best, .allPaths], [.allPaths, .bestPaths(2)],
        [.bestPaths(2), .firstAccepted], [.best, .firstAccepted, .bestPaths(1), .bestPaths(3), .allPaths],
    ]

    enum Event: CaseIterable, Hashable, Sendable {
        case announcement, withdrawal, peerUp, peerDown, link, local, interface, importChange, exportChange, refresh
        case separation, stall, recovery, restart, staleMark, staleRemoval, staleAging
        case consumerUp, consumerDown, consumerChange, consumerRefresh, partialDrain
        case partialFlush, slice, trim, storm, tableReplacement, comparison, overrun
    }

    init(_ random: SeededGenerator) throws {
        self.random = random
        self.hasMED = Int.random(in: 0..<3, using: &self.random) != 0
        let plain: DecisionOptions = [.pathLength, .igpMetric]
        self.decision =
            [plain, plain, plain, .pathLength, .igpMetric, plain.union(.alwaysCompareMED), nil, nil].randomElement(
                using: &self.random
            ) ?? plain
        self.confederation = Int.random(in: 0..<3, using: &self.random) == 0 ? ASNumber(rawValue: 64_900) : nil
        self.hasAIGP = Int.random(in: 0..<3, using: &self.random) == 0
        self.views = Self.palettes.randomElement(using: &self.random) ?? [.best]
        self.prefixCount = [6, 16, 40].randomElement(using: &self.random) ?? 16
        self.lengthCount = [1, 3, 5].randomElement(using: &self.random) ?? 3
        let layouts = ["4", "6", "46", "44", "464"]
        for (index, family) in (layouts.randomElement(using: &self.random) ?? "4").enumerated() {
            try self.addRealm("table\(index)", isIPv4: family == "4")
        }
        for interface in 1...4 { self.setInterface(UInt32(interface), isUp: true) }
        for index in self.realms.indices {
            for _ in 0..<(self.realms.count == 1 ? 5 : 3) { try self.addPeer(self.realms[index]) }
            for number in 0..<3 { self.setLink(self.realms[index], number, isPresent: true) }
            self.addConsumer(self.realms[index])
        }
        self.counts = [:]
        self.operations = 0
    }

    static func make(_ random: SeededGenerator) throws -> Scenario { try Scenario(random) }

    mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self.random) }

    mutating func pick<Element>(of list: [Element]) -> Element { list[self.pick(list.count)] }

    mutating func note(_ event: Event, _ operations: Int = 1) {
        self.counts[event, default: 0] += 1
        self.operations += operations
    }

    /// Does one thing, a small one more often than a large one.
    mutating func step() throws {
        switch self.pick(100) {
        case 0..<50: self.announce()
        case 50..<63: self.withdraw()
        case 63..<65: try self.addPeer(self.pick(of: self.realms))
        case 65: self.removePeer()
        case 66..<68: self.setLink(self.pick(of: self.realms), self.pick(3), isPresent: self.pick(3) > 0)
        case 68..<71: self.setLocal()
        case 71: self.setInterface(UInt32(1 + self.pick(4)), isUp: self.pick(3) > 0)
        case 72..<75: self.changeImport()
        case 75..<79: self.changeExport()
        case 79: self.refresh()
        case 80: self.separate()
        case 81: self.stall()
        case 82: self.recover()
        case 83: try self.restart()
        case 84: self.markStale()
        case 85: self.pick(2) == 0 ? self.removeStale() : self.ageStale()
        case 86: self.changeConsumers()
        case 87..<89: try self.drainSome()
        case 89..<91:
            _ = self.core.work(1 + self.pick(20))
            self.note(.slice)
        case 91:
            _ = self.core.trim(1 + self.pick(8))
            self.note(.trim)
        case 92: try self.pick(8) == 0 ? self.replaceTable() : self.storm(self.pick(300))
        default:
            // Some groups are served a little, others not at all.
            let groups = self.core.groups.filter { !self.isStalled($0) }
            guard !groups.isEmpty else { return }
            try self.core.deliver(self.pick(of: groups), &self.receivers, limit: 1 + self.pick(30))
            self.note(.partialFlush)
        }
    }

    /// Runs until a number of operations was done, comparing now and then and at the end.
    mutating func run(operations: Int) throws {
        var step = 0
        var last = 0
        while self.operations < operations {
            try self.step()
            step += 1
            // As much between two comparisons as one costs.
            guard self.operations - last > 20, self.pick(24) == 0 else { continue }
            last = self.operations
            try self.compare(step)
        }
        self.stalled = []
        try self.compare(step)
    }
}
