import Foundation
import IPAddressing
import Resources
import Testing

@testable import Confd

@Suite("When what failed is tried again")
struct BackOffTests {
    @Test("Failures wait 250 ms, then twice as long each time up to 5 s, and a success starts over")
    func waits() {
        var backOffs = BackOffs(first: .milliseconds(250), longest: .seconds(5))
        #expect(backOffs.next == nil && backOffs.reasons == nil && backOffs.isDue("a", at: .zero))
        var now = Duration.zero
        var waits: [Duration] = []
        for _ in 0..<7 {
            backOffs.failed("a", at: now, reason: "no")
            let next = backOffs.next ?? .zero
            #expect(!backOffs.isDue("a", at: next - .milliseconds(1)) && backOffs.isDue("a", at: next))
            waits.append(next - now)
            now = next
        }
        #expect(waits == [250, 500, 1000, 2000, 4000, 5000, 5000].map { .milliseconds($0) })
        backOffs.succeeded("a")
        #expect(backOffs.next == nil)
        backOffs.failed("a", at: now, reason: "no")
        #expect(backOffs.next == now + .milliseconds(250))
    }

    @Test("Each waits by itself, and what is not the same any more does not wait")
    func each() {
        var backOffs = BackOffs(first: .seconds(1), longest: .seconds(5))
        backOffs.failed("a", at: .zero, reason: "one", fingerprint: 1)
        backOffs.failed("b", at: .seconds(3), reason: "two")
        #expect(backOffs.isDue("a", at: .seconds(1)) && !backOffs.isDue("b", at: .seconds(3)))
        #expect(!backOffs.isDue("a", at: .zero, fingerprint: 1) && backOffs.isDue("a", at: .zero, fingerprint: 2))
        #expect(!backOffs.isDue("b", at: .seconds(3), fingerprint: 2))
        #expect(backOffs.reasons == "one\ntwo")
        backOffs.expedite("b", at: .seconds(3))
        #expect(backOffs.isDue("b", at: .seconds(3)))
        backOffs.keep(["a"])
        #expect(backOffs.reasons == "one")
    }

    /// A directory with a resource that fails and one that does not; each time a command runs it leaves a line.
    private func bench(failing: (_ directory: String) -> String) throws -> Bench {
        let bench = try Bench(embedded: false)
        let path = bench.directory.path
        try bench.directory.write(
            "templates/conf.d/a.toml",
            "[template]\nsrc = \"a\"\ndest = \"\(path)/etc/a.conf\"\n\(failing(path))\n"
        )
        try bench.directory.write("templates/templates/a", "a {{ node.router_id }}\n")
        try bench.directory.write(
            "templates/conf.d/b.toml",
            "[template]\nsrc = \"b\"\ndest = \"\(path)/etc/b.conf\"\nreload_cmd = 'echo >>\(path)/reloads-b'\n"
        )
        try bench.directory.write("templates/templates/b", "b {{ node.local_as }}\n")
        return bench
    }

    private func lines(_ bench: Bench, _ name: String) -> Int {
        ((try? bench.directory.read(name)) ?? "").count { $0 == "\n" }
    }

    @Test("A resource whose check fails waits longer each time and holds up no other")
    func failingCheck() async throws {
        let bench = try self.bench { "check_cmd = 'echo >>\($0)/tries; exit 1'" }
        let tries = { self.lines(bench, "tries") }
        let engine = bench.makeEngine()
        var cluster = try Cluster.nodes(1)
        // Every 100 ms something changes that is none of the failing resource's business.
        var failures: [Int] = []
        for step in 0..<60 {
            cluster.configuration { $0.asNumber = .init(rawValue: UInt32(65_000 + step)) }
            let outcome = await engine.attempt(cluster.snapshot, at: .milliseconds(step * 100))
            if !outcome.errors.isEmpty { failures.append(step * 100) }
            #expect(try bench.directory.read("etc/b.conf") == "b \(65_000 + step)\n")
            #expect(self.lines(bench, "reloads-b") == step + 1)
        }
        // 250 ms, 500 ms, 1 s, 2 s after each other, at the next change.
        #expect(failures == [0, 300, 800, 1800, 3800])
        #expect(tries() == 5)
        #expect(await engine.nextRetry == .milliseconds(7800))
        #expect(await engine.pendingReason?.contains("check failed") ?? false)
        let statistics = await engine.statistics
        #expect(statistics.resources["conf.d/a.toml"]?.isFailing ?? false)
        #expect(statistics.resources["conf.d/a.toml"]?.failureCount == 5)
        #expect(statistics.resources["conf.d/b.toml"]?.isFailing == false)
        // What it is made of changes: there is no reason to wait.
        try cluster.node("a", "10.0.0.9/24")
        _ = await engine.attempt(cluster.snapshot, at: .milliseconds(6000))
        #expect(tries() == 6)
        // Nor when an operator asks.
        _ = await engine.attempt(cluster.snapshot, triesAll: true, at: .milliseconds(6010))
        #expect(tries() == 7)
        try bench.directory.write(
            "templates/conf.d/a.toml",
            "[template]\nsrc = \"a\"\ndest = \"\(bench.directory.path)/etc/a.conf\"\n"
        )
        let last = await engine.attempt(cluster.snapshot, at: .seconds(60))
        #expect(last.errors.isEmpty)
        #expect(await engine.nextRetry == nil)
        #expect(await engine.pendingReason == nil)
        #expect(await engine.statistics.resources["conf.d/a.toml"]?.isFailing == false)
    }

    @Test("A reload that fails waits longer each time, and is tried at once when its file changes again")
    func failingReload() async throws {
        let bench = try self.bench { "reload_cmd = 'echo >>\($0)/tries; exit 1'" }
        let engine = bench.makeEngine()
        var cluster = try Cluster.nodes(1)
        var failures: [Int] = []
        for step in 0..<20 {
            cluster.configuration { $0.asNumber = .init(rawValue: UInt32(65_000 + step)) }
            let outcome = await engine.attempt(cluster.snapshot, at: .milliseconds(step * 100))
            if !outcome.errors.isEmpty { failures.append(step * 100) }
            #expect(self.lines(bench, "reloads-b") == step + 1)
        }
        #expect(failures == [0, 300, 800, 1800])
        #expect(self.lines(bench, "tries") == 4)
        try cluster.node("a", "10.0.0.9/24")
        let outcome = await engine.attempt(cluster.snapshot, at: .milliseconds(1950))
        #expect(outcome.errors.count == 1 && self.lines(bench, "tries") == 5)
    }

    @Test("A template of the set that cannot be rendered holds up no file of its own, and the set waits")
    func failingSet() async throws {
        let bench = try Bench()
        let path = bench.directory.path
        try bench.directory.write(
            "templates/conf.d/b.toml",
            "[template]\nsrc = \"b\"\ndest = \"\(path)/etc/b.conf\"\n"
        )
        try bench.directory.write("templates/templates/b", "b {{ node.local_as }}\n")
        try bench.directory.write("templates/templates/peer.conf.stencil", "{{ no.such }}\n")
        let engine = bench.makeEngine()
        var cluster = try Cluster.nodes(2)
        var failures: [Int] = []
        for step in 0..<10 {
            cluster.configuration { $0.asNumber = .init(rawValue: UInt32(65_000 + step)) }
            let outcome = await engine.attempt(cluster.snapshot, at: .milliseconds(step * 100))
            if !outcome.errors.isEmpty { failures.append(step * 100) }
            #expect(try bench.directory.read("etc/b.conf") == "b \(65_000 + step)\n")
        }
        #expect(!bench.directory.exists("out/speaker.conf"))
        #expect(failures == [0, 300, 800])
        #expect(await engine.pendingReason?.contains("peer.conf.stencil:1") ?? false)
        try FileManager.default.removeItem(atPath: path + "/templates/templates/peer.conf.stencil")
        let outcome = await engine.attempt(cluster.snapshot, at: .milliseconds(1000))
        #expect(outcome.errors.isEmpty && bench.directory.exists("out/speaker.conf"))
        #expect(await engine.pendingReason == nil)
    }

    @Test("While the node is not known, whole cycles wait longer each time")
    func failingCycle() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        for expected in [250, 500, 1000] {
            let outcome = await engine.attempt(ResourceSnapshot(), at: .zero)
            #expect(outcome.errors.first as? PlanError == .nodeUnknown("a"))
            #expect(await engine.nextRetry == .milliseconds(expected))
        }
        let outcome = await engine.attempt(try Cluster.nodes(1).snapshot, at: .zero)
        #expect(outcome.errors.isEmpty)
        #expect(await engine.nextRetry == nil)
    }
}
