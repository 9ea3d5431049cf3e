import Confd
import Foundation
import IPAddressing
import Logging
import Resources
import Synchronization
import Testing

@Suite("When cycles run")
struct ScheduleTests {
    @Test("Nothing is due without change")
    func idle() {
        var schedule = CycleSchedule()
        #expect(schedule.deadline == nil)
        let isDue1 = schedule.begin(at: .seconds(100))
        #expect(!isDue1)
    }

    @Test("A change is taken up after the quiet time")
    func quietTime() {
        var schedule = CycleSchedule()
        schedule.changed(at: .seconds(1))
        #expect(schedule.deadline == .milliseconds(1100))
        let isDue2 = schedule.begin(at: .milliseconds(1099))
        #expect(!isDue2)
        let isDue3 = schedule.begin(at: .milliseconds(1100))
        #expect(isDue3)
        #expect(schedule.deadline == nil)
    }

    @Test("Changes that follow each other put the cycle off, but not beyond a second")
    func burst() {
        var schedule = CycleSchedule()
        for step in 0..<30 { schedule.changed(at: .milliseconds(step * 50)) }
        #expect(schedule.deadline == .seconds(1))
    }

    @Test("What failed brings a cycle at its time, a change before it one after the quiet time")
    func changeDuringBackOff() {
        var schedule = CycleSchedule()
        schedule.retry(at: .seconds(5))
        #expect(schedule.deadline == .seconds(5))
        schedule.changed(at: .seconds(1))
        #expect(schedule.deadline == .milliseconds(1100))
        let isDue = schedule.begin(at: .milliseconds(1100))
        #expect(isDue)
        #expect(schedule.deadline == nil)
        schedule.retry(at: nil)
        #expect(schedule.deadline == nil)
    }
}

@Suite("The service")
struct ServiceTests {
    private func bench() throws -> Bench {
        var bench = try Bench()
        bench.settings.schedule.quietTime = .milliseconds(20)
        bench.settings.schedule.firstBackOff = .milliseconds(20)
        return bench
    }

    private func service<Snapshots: AsyncSequence & Sendable>(
        _ bench: Bench,
        _ snapshots: Snapshots
    ) -> ConfdService<Snapshots> where Snapshots.Element == ResourceSnapshot {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        return ConfdService(snapshots: snapshots, settings: bench.settings, hooks: bench.recorder.hooks, logger: logger)
    }

    /// Waits at most ten seconds for something that another task brings about.
    private func eventually(_ condition: () -> Bool) async throws {
        for _ in 0..<1000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("did not happen")
    }

    @Test("A burst of snapshots is one cycle")
    func burst() async throws {
        let bench = try self.bench()
        let (stream, continuation) = AsyncStream.makeStream(of: ResourceSnapshot.self)
        let service = self.service(bench, stream)
        let running = Task { try await service.run() }
        var cluster = try Cluster.nodes(2)
        for number in 1...20 {
            cluster.configuration { $0.asNumber = .init(rawValue: UInt32(number)) }
            continuation.yield(cluster.snapshot)
        }
        try await self.eventually { bench.recorder.reloadCount > 0 }
        continuation.finish()
        try await running.value
        #expect(bench.recorder.reloadCount == 1)
        #expect(try bench.directory.read("out/peers/Mesh_10_0_0_2.conf").contains("local 10.0.0.1 port 179 as 20;"))
    }

    @Test("A failed cycle is tried again without a new snapshot")
    func retry() async throws {
        let bench = try self.bench()
        bench.recorder.set { $0.refusesChecks = true }
        let (stream, continuation) = AsyncStream.makeStream(of: ResourceSnapshot.self)
        let service = self.service(bench, stream)
        let running = Task { try await service.run() }
        continuation.yield(try Cluster.nodes(2).snapshot)
        try await self.eventually { bench.recorder.checkCount >= 2 }
        bench.recorder.set { $0.refusesChecks = false }
        try await self.eventually { bench.recorder.reloadCount == 1 }
        continuation.finish()
        try await running.value
    }

    @Test("With an interval, a file that someone else changed is repaired though no resource changed")
    func drift() async throws {
        var bench = try self.bench()
        bench.settings.interval = .milliseconds(50)
        let (stream, continuation) = AsyncStream.makeStream(of: ResourceSnapshot.self)
        let service = self.service(bench, stream)
        let running = Task { try await service.run() }
        continuation.yield(try Cluster.nodes(2).snapshot)
        try await self.eventually { bench.recorder.reloadCount == 1 }
        let good = try bench.directory.read("out/ipv4.conf")
        try bench.directory.write("out/ipv4.conf", "changed by hand")
        try await self.eventually { (try? bench.directory.read("out/ipv4.conf")) == good }
        try await self.eventually { bench.recorder.reloadCount == 2 }
        chmod(bench.directory.path + "/out/ipv4.conf", 0o666)
        try await self.eventually { (try? bench.directory.permissions("out/ipv4.conf")) == 0o640 }
        continuation.finish()
        try await running.value
    }

    @Test("Without watching, a change waits for an order")
    func noWatch() async throws {
        var bench = try self.bench()
        bench.settings.watches = false
        let (stream, continuation) = AsyncStream.makeStream(of: ResourceSnapshot.self)
        let service = self.service(bench, stream)
        let running = Task { try await service.run() }
        continuation.yield(try Cluster.nodes(2).snapshot)
        try await self.eventually { bench.recorder.reloadCount == 1 }
        continuation.yield(try Cluster.nodes(3).snapshot)
        try await Task.sleep(for: .milliseconds(200))
        #expect(bench.recorder.reloadCount == 1)
        service.refresh()
        try await self.eventually { bench.recorder.reloadCount == 2 }
        continuation.finish()
        try await running.value
    }

    @Test("The last change before the end of the input is not lost")
    func lastChange() async throws {
        let bench = try self.bench()
        let (stream, continuation) = AsyncStream.makeStream(of: ResourceSnapshot.self)
        continuation.yield(try Cluster.nodes(2).snapshot)
        continuation.finish()
        try await self.service(bench, stream).run()
        #expect(bench.recorder.reloadCount == 1)
    }

    @Test("A cancelled service ends")
    func cancellation() async throws {
        let bench = try self.bench()
        let (stream, continuation) = AsyncStream.makeStream(of: ResourceSnapshot.self)
        let service = self.service(bench, stream)
        let running = Task { try await service.run() }
        continuation.yield(try Cluster.nodes(2).snapshot)
        try await self.eventually { bench.recorder.reloadCount == 1 }
        running.cancel()
        _ = await running.result
    }

    @Test("Once runs one cycle on the first snapshot and throws its error")
    func once() async throws {
        let bench = try self.bench()
        let (stream, continuation) = AsyncStream.makeStream(of: ResourceSnapshot.self)
        continuation.yield(try Cluster.nodes(2).snapshot)
        let report = try await self.service(bench, stream).runOnce()
        #expect(report?.created.count == 4 && bench.recorder.reloadCount == 1)

        bench.recorder.set { $0.refusesChecks = true }
        let (second, input) = AsyncStream.makeStream(of: ResourceSnapshot.self)
        input.yield(try Cluster.nodes(4).snapshot)
        await #expect(throws: ConfdError.self) { try await self.service(bench, second).runOnce() }
        #expect(bench.recorder.reloadCount == 1)
    }
}
