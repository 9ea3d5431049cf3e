import Testing

@testable import DeltaSync

private typealias Tracker = DeltaTracker<Int, String, String>

extension DeltaTracker.Operation where Key == Int, Value == String {
    fileprivate var text: String {
        switch self {
        case .add(let key, let value): "add \(key)=\(value)"
        case .replace(let key, let value): "replace \(key)=\(value)"
        case .delete(let key): "delete \(key)"
        }
    }
}

extension DeltaTracker where Key == Int, Value == String, Cause == String {
    fileprivate func work(at now: Duration = .zero) -> [String] {
        self.pending(at: now, inOrder: <).map(\.text)
    }

    fileprivate func statusText(_ key: Int) -> String {
        switch self.status(of: key) {
        case .settled: "settled"
        case .pending: "pending"
        case .failing(let cause, let failures, let retry): "failing \(cause) \(failures) \(retry)"
        case .blocked(let cause): "blocked \(cause)"
        }
    }
}

@Suite("Tracking what is wanted against what is there")
struct DeltaTrackerTests {
    @Test("Deletes come first, then adds and replaces, in the caller's order")
    func order() {
        var tracker = Tracker()
        tracker.replaceObserved(with: [1: "a", 2: "b", 5: "e", 6: "f"])
        for (key, value) in [(4, "d"), (2, "B"), (3, "c"), (6, "f")] { tracker.setDesired(key, value) }
        #expect(tracker.work() == ["delete 1", "delete 5", "replace 2=B", "add 3=c", "add 4=d"])
        let descending = tracker.pending(at: .zero, inOrder: >).map(\.text)
        #expect(descending == ["delete 5", "delete 1", "add 4=d", "add 3=c", "replace 2=B"])
    }

    @Test("What is there already as wanted needs nothing")
    func adoption() {
        var tracker = Tracker()
        tracker.replaceObserved(with: [1: "a"])
        tracker.setDesired(1, "a")
        #expect(tracker.work() == [])
        #expect(tracker.statusText(1) == "settled")
    }

    @Test("A failed operation is tried again after a delay that doubles up to the limit")
    func backoff() throws {
        var tracker = Tracker(backoff: Backoff(initial: .seconds(1), maximum: .seconds(3)))
        tracker.setDesired(1, "a")
        var now = Duration.zero
        for delay in [1, 2, 3, 3] {
            let operation = try #require(tracker.pending(at: now, inOrder: <).first)
            tracker.failed(operation, cause: "no", at: now)
            #expect(tracker.nextRetry == now + .seconds(delay))
            #expect(tracker.work(at: now + .seconds(delay) - .nanoseconds(1)) == [])
            now += .seconds(delay)
        }
        #expect(tracker.work(at: now) == ["add 1=a"])
        #expect(tracker.statusText(1).hasPrefix("failing no 4"))
        let operation = try #require(tracker.pending(at: now, inOrder: <).first)
        tracker.succeeded(operation)
        #expect(tracker.nextRetry == nil)
        #expect(tracker.statusText(1) == "settled")
    }

    @Test("A changed wish or a changed observation is tried at once")
    func changeResetsBackoff() throws {
        var tracker = Tracker()
        tracker.setDesired(1, "a")
        tracker.failed(try #require(tracker.pending(at: .zero, inOrder: <).first), cause: "no", at: .zero)
        tracker.setDesired(1, "b")
        #expect(tracker.work() == ["add 1=b"])
        tracker.failed(try #require(tracker.pending(at: .zero, inOrder: <).first), cause: "no", at: .zero)
        tracker.setObserved(1, "x")
        #expect(tracker.work() == ["replace 1=b"])
    }

    @Test("A blocked key rests, through changed wishes too, until it is unblocked")
    func blocking() {
        var tracker = Tracker()
        tracker.setDesired(1, "a")
        tracker.block(1, cause: "rival")
        #expect(tracker.work(at: .seconds(1000)) == [])
        #expect(tracker.nextRetry == nil)
        tracker.setDesired(1, "b")
        #expect(tracker.work(at: .seconds(1000)) == [])
        #expect(tracker.statusText(1) == "blocked rival")
        #expect(tracker.blocked == [1])
        tracker.unblock(1)
        #expect(tracker.work() == ["add 1=b"])
        tracker.block(1, cause: "rival")
        tracker.setDesired(1, nil)
        #expect(tracker.statusText(1) == "settled")
        #expect(tracker.blocked == [])
        tracker.setDesired(1, "c")
        #expect(tracker.work() == ["add 1=c"])
    }

    @Test("Something of one's own that vanished is added again")
    func repair() throws {
        var tracker = Tracker()
        tracker.setDesired(1, "a")
        tracker.succeeded(try #require(tracker.pending(at: .zero, inOrder: <).first))
        tracker.replaceObserved(with: [:])
        #expect(tracker.work() == ["add 1=a"])
    }

    @Test("The delay never overflows")
    func largeFailureCounts() {
        let rule = Backoff()
        #expect(rule.delay(afterFailures: 0) == .zero)
        #expect(rule.delay(afterFailures: .max) == .seconds(30))
        #expect(Backoff(initial: .zero).delay(afterFailures: .max) == .zero)
    }

    @Test("Random changes, failures and repairs always lead to what is wanted")
    func randomised() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var tracker = Tracker(backoff: Backoff(initial: .seconds(1), maximum: .seconds(8)))
            var world: [Int: String] = [:]
            var rivals: Set<Int> = []
            var wishes: [Int: String] = [:]
            var now = Duration.zero
            func perform(failing probability: Int) {
                for operation in tracker.pending(at: now, inOrder: <) {
                    let key = operation.key
                    if Int.random(in: 0..<100, using: &random) < probability {
                        tracker.failed(operation, cause: "chance", at: now)
                        continue
                    }
                    switch operation {
                    case .add(_, let value):
                        #expect(world[key] == nil)
                        if rivals.contains(key) {
                            tracker.block(key, cause: "rival")
                            continue
                        }
                        world[key] = value
                    case .replace(_, let value):
                        #expect(world[key] != nil)
                        world[key] = value
                    case .delete:
                        #expect(world[key] != nil && wishes[key] == nil)
                        world[key] = nil
                    }
                    tracker.succeeded(operation)
                }
            }
            for _ in 0..<60 {
                let key = Int.random(in: 0..<8, using: &random)
                let value = ["a", "b", "c"].randomElement(using: &random)
                switch Int.random(in: 0..<8, using: &random) {
                case 0, 1:
                    wishes[key] = value
                    tracker.setDesired(key, value)
                case 2:
                    wishes[key] = nil
                    tracker.setDesired(key, nil)
                case 3 where !rivals.contains(key):
                    world[key] = Bool.random() ? value : nil
                    tracker.setObserved(key, world[key])
                case 4 where !rivals.contains(key):
                    world[key] = nil
                    tracker.replaceObserved(with: world)
                case 5 where world[key] == nil: rivals.insert(key)
                case 6:
                    rivals.remove(key)
                    tracker.unblock(key)
                default: now += .seconds(1)
                }
                perform(failing: 30)
                let different = Set((0..<8).filter { wishes[$0] != world[$0] })
                #expect(tracker.unsettled == different)
                #expect(tracker.observed == world)
                #expect(tracker.desired == wishes)
                #expect(Set(tracker.blocked).isSubset(of: rivals))
            }
            for key in rivals { tracker.unblock(key) }
            rivals = []
            now += .seconds(10)
            perform(failing: 0)
            #expect(world == wishes)
            #expect(tracker.unsettled.isEmpty)
        }
    }
}
