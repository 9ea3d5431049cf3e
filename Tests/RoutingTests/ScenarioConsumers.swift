import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// A consumer of route changes and what it was told.
struct TestConsumer {
    var id: ConsumerID
    var settings: ConsumerSettings<TestPolicy>
    var routes: [IPPrefix: ExportedRoute] = [:]
    /// Whether it is slow: nothing is drained until the next comparison of all.
    var isStalled = false

    /// Takes changes in order.
    mutating func take(_ changes: [RouteChange]) throws {
        for change in changes {
            let isHeld = self.routes[change.prefix] != nil
            try ensure(change.wasAnnounced == isHeld, "consumer: \(change.prefix) announced before or not")
            try ensure(isHeld || change.route != nil, "consumer: withdrawal of \(change.prefix), which is not held")
            self.routes[change.prefix] = change.route
        }
    }
}

extension Scenario {
    mutating func addConsumer(_ realm: Realm) {
        guard self.consumers.count < 5 else { return }
        let settings = self.consumerSettings(realm.table)
        self.consumers.append(TestConsumer(id: self.core.addConsumer(settings), settings: settings))
        self.note(.consumerUp)
    }

    private mutating func consumerSettings(_ table: TableID) -> ConsumerSettings<TestPolicy> {
        var settings = ConsumerSettings(
            table: table,
            policy: self.pick(of: [
                .acceptAll, .acceptAll, .rejectAll, TestPolicy(rules: [.rejectCommunity(Community(2, 2))]),
                TestPolicy(rules: [.rejectOddThirdOctet, .setKernelMetric(32)]),
                TestPolicy(rules: [.rejectInterface("eth3")]), TestPolicy(rules: [.rejectProtocol("peer101")]),
            ])
        )
        switch self.pick(6) {
        case 0:
            // Told of other best paths only, so what else changes must not matter to it.
            settings.kinds = .best
            settings.policy = .acceptAll
        case 1: settings.kinds = [.best, .attributes, .path]
        case 2..<4: settings.mergePaths = 2 + self.pick(3)
        default: break
        }
        if self.pick(2) == 0 {
            settings.excludedSource = self.realms.first { $0.table == table }?.learned
        }
        return settings
    }

    mutating func changeConsumers() {
        guard !self.consumers.isEmpty, self.pick(3) > 0 else { return self.addConsumer(self.pick(of: self.realms)) }
        let index = self.pick(self.consumers.count)
        switch self.pick(5) {
        case 0:
            self.core.removeConsumer(self.consumers[index].id)
            self.consumers.remove(at: index)
            self.note(.consumerDown)
        case 1:
            self.core.refresh(self.consumers[index].id)
            self.note(.consumerRefresh)
        case 2: self.consumers[index].isStalled = true
        default:
            let settings = self.consumerSettings(self.consumers[index].settings.table)
            self.core.changeConsumer(self.consumers[index].id, to: settings)
            self.consumers[index].settings = settings
            self.note(.consumerChange)
        }
    }

    mutating func drainSome() throws {
        guard !self.consumers.isEmpty else { return }
        let index = self.pick(self.consumers.count)
        guard !self.consumers[index].isStalled else { return }
        try self.consumers[index].take(self.core.drain(self.consumers[index].id, limit: 1 + self.pick(20)))
        self.note(.partialDrain)
    }

    mutating func compareConsumers(_ decided: Decided, _ step: Int) throws {
        for index in self.consumers.indices where !self.consumers[index].isStalled {
            let (id, settings) = (self.consumers[index].id, self.consumers[index].settings)
            let limit = 1 + self.pick(50)
            while self.core.isPending(id) { try self.consumers[index].take(self.core.drain(id, limit: limit)) }
            let expected = decided.view(settings)
            let actual = self.consumers[index].routes
            let count = self.core.exportedCount(to: id)
            try ensure(count == actual.count, "step \(step), consumer \(index): counts \(count) routes")
            for prefix in Set(expected.keys).union(actual.keys).sorted() {
                let isEqual =
                    settings.kinds == .best && settings.mergePaths == 1
                    ? expected[prefix]?.source == actual[prefix]?.source : expected[prefix] == actual[prefix]
                guard !isEqual else { continue }
                throw Violation(
                    description: """
                        step \(step), consumer \(index) of \(settings), \(prefix):
                        expected \(String(describing: expected[prefix]))
                        actual \(String(describing: actual[prefix]))
                        """
                )
            }
        }
    }
}
