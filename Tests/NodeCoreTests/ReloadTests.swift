import ControlAPI
import Foundation
import IPAddressing
import Logging
import Netlink
import Speaker
import Testing

@testable import NodeCore

/// What `bgpctl reload` asks of the daemon, without a kernel.
@Suite("Reload of a daemon")
struct ReloadTests {
    /// A running speaker whose file and kernel the test controls.
    private struct Bench {
        let folder: String
        let kernel = FakeKernel()
        let runtime: SpeakerRuntime

        var path: String { self.folder + "/speaker.conf" }

        /// Static routes of a configuration with these third octets.
        func write(_ numbers: Int..., extra: String = "") throws {
            let routes = numbers.map { "route 10.0.\($0).0/24 blackhole;" }.joined(separator: " ")
            let text = """
                router id 192.0.2.1; protocol device {} \(extra)
                protocol static nets { ipv4; \(routes) }
                protocol kernel { ipv4 { export all; }; }
                """
            try text.write(toFile: self.path, atomically: true, encoding: .utf8)
        }

        init() async throws {
            self.folder = NSTemporaryDirectory() + "martlet-reload-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
            let (path, kernel) = (self.folder + "/speaker.conf", self.kernel)
            try "router id 192.0.2.1; protocol device {}".write(toFile: path, atomically: true, encoding: .utf8)
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            self.runtime = try SpeakerRuntime(
                settings: try #require(SpeakerConfiguration(path: path).settings),
                path: path,
                options: Speaker.Options(sessionThreads: 1, openKernel: { () throws(NetlinkError) in kernel }),
                router: LogRouter(),
                logger: logger
            )
            try await self.runtime.speaker.start()
        }

        /// Third octets of the routes in the kernel, as soon as they are these.
        func has(_ numbers: Int...) async throws -> Bool {
            for _ in 0..<200 {
                let routes = try self.kernel.routes(RouteFilter(family: .v4, table: 254))
                if routes.map(\.prefix.description).sorted() == numbers.map({ "10.0.\($0).0/24" }) { return true }
                try await Task.sleep(for: .milliseconds(25))
            }
            return false
        }

        func end() async {
            await self.runtime.speaker.stop(.restart)
            try? FileManager.default.removeItem(atPath: self.folder)
        }
    }

    private func withBench(_ body: (Bench) async throws -> Void) async throws {
        let bench = try await Bench()
        do {
            try await body(bench)
        } catch {
            await bench.end()
            throw error
        }
        await bench.end()
    }

    @Test("A check says what would change and changes nothing", .timeLimit(.minutes(1)))
    func check() async throws {
        try await self.withBench { bench in
            try bench.write(1)
            let result = await bench.runtime.reload(ReloadRequest(check: true))
            #expect(result.outcome == .checked)
            #expect(result.changes.filter { $0.action == .added }.map(\.protocolName) == ["nets", "kernel1"])
            #expect(await bench.runtime.lastReload == nil)
            try "nonsense".write(toFile: bench.path, atomically: true, encoding: .utf8)
            #expect(await bench.runtime.reload(ReloadRequest(check: true)).outcome == .rejected)
            #expect(try await bench.has())
        }
    }

    @Test("An undo goes back one step, once", .timeLimit(.minutes(1)))
    func undo() async throws {
        try await self.withBench { bench in
            await #expect(throws: ControlError(.conflict, "there is no reload to undo")) {
                try await bench.runtime.undoReload()
            }
            try bench.write(1)
            #expect(await bench.runtime.reload().outcome == .applied)
            try bench.write(2)
            #expect(await bench.runtime.reload().outcome == .applied)
            // A reload without change is none that could be undone.
            #expect(await bench.runtime.reload().outcome == .unchanged)
            #expect(try await bench.has(2))
            #expect(try await bench.runtime.undoReload().outcome == .applied)
            #expect(try await bench.has(1))
            await #expect(throws: ControlError.self) { try await bench.runtime.undoReload() }
        }
    }

    @Test("A reload that nobody confirms is undone, one that is confirmed stays", .timeLimit(.minutes(1)))
    func confirmation() async throws {
        try await self.withBench { bench in
            try bench.write(1)
            _ = await bench.runtime.reload()
            try bench.write(2)
            let first = await bench.runtime.reload(ReloadRequest(confirmWithinSeconds: 1))
            #expect(first.revertsAt != nil)
            #expect(await bench.runtime.revertsAt == first.revertsAt)
            #expect(try await bench.has(2))
            #expect(try await bench.has(1))
            #expect(await bench.runtime.revertsAt == nil)

            let second = await bench.runtime.reload(ReloadRequest(confirmWithinSeconds: 1))
            #expect(second.outcome == .applied)
            #expect(try await bench.runtime.confirmReload().outcome == .confirmed)
            await #expect(throws: ControlError.self) { try await bench.runtime.confirmReload() }
            try await Task.sleep(for: .milliseconds(1500))
            #expect(try await bench.has(2))
        }
    }

    @Test("Of several reloads that wait, what was last confirmed is what is gone back to", .timeLimit(.minutes(1)))
    func chain() async throws {
        try await self.withBench { bench in
            try bench.write(1)
            _ = await bench.runtime.reload()
            try bench.write(2)
            _ = await bench.runtime.reload(ReloadRequest(confirmWithinSeconds: 60))
            try bench.write(3)
            _ = await bench.runtime.reload(ReloadRequest(confirmWithinSeconds: 60))
            #expect(try await bench.has(3))
            _ = try await bench.runtime.undoReload()
            #expect(try await bench.has(1))

            // A reload without time limit counts as confirmation.
            _ = await bench.runtime.reload(ReloadRequest(confirmWithinSeconds: 60))
            try bench.write(4)
            _ = await bench.runtime.reload()
            #expect(await bench.runtime.revertsAt == nil)
            #expect(try await bench.has(4))
        }
    }

    @Test("A log file that cannot be opened fails the whole reload", .timeLimit(.minutes(1)))
    func logFile() async throws {
        try await self.withBench { bench in
            try bench.write(1)
            _ = await bench.runtime.reload()
            try bench.write(2, extra: "log \"\(bench.folder)/missing/x.log\" all;")
            let result = await bench.runtime.reload()
            #expect(result.outcome == .failed)
            #expect(result.message.contains("missing/x.log: No such file or directory"), "\(result.message)")
            #expect(try await bench.has(1))
            // Nothing is left of it: the same reload works when the folder is there.
            try FileManager.default.createDirectory(
                atPath: bench.folder + "/missing",
                withIntermediateDirectories: true
            )
            #expect(await bench.runtime.reload().outcome == .applied)
            #expect(try await bench.has(2))
        }
    }
}
