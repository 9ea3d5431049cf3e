import Foundation
import IPAddressing
import Resources
import Synchronization
import Testing

@testable import Confd

@Suite("The cycle from resources to files")
struct CycleTests {
    private func cluster() throws -> Cluster { try Cluster.nodes(3) }

    @Test("The first cycle writes the set, checks the stage and reloads once")
    func firstCycle() async throws {
        let bench = try Bench()
        let report = try await bench.makeEngine().cycle(try self.cluster().snapshot)
        let files = try bench.directory.files(below: "out")
        #expect(
            files.keys.sorted() == [
                "ipv4.conf", "ipv6.conf", "peers/Mesh_10_0_0_2.conf", "peers/Mesh_10_0_0_3.conf", "speaker.conf",
            ]
        )
        #expect(report.created.count == 5 && report.renderedCount == 5)
        #expect(report.reloads == ["@speaker"])
        let out = bench.directory.path + "/out"
        bench.recorder.state.withLock {
            #expect($0.checks == [out + "/.stage/speaker.conf"])
            #expect($0.reloads == [out + "/speaker.conf"])
        }
    }

    @Test("A cycle without change renders, checks and reloads nothing")
    func unchanged() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        try await engine.cycle(try self.cluster().snapshot)
        let report = try await engine.cycle(try self.cluster().snapshot)
        #expect(report.isUnchanged && report.renderedCount == 0 && report.reloads.isEmpty)
        #expect(bench.recorder.checkCount == 1 && bench.recorder.reloadCount == 1)
    }

    @Test("A restarted program finds its files as they were and does not reload")
    func restart() async throws {
        let bench = try Bench()
        try await bench.makeEngine().cycle(try self.cluster().snapshot)
        let report = try await bench.makeEngine().cycle(try self.cluster().snapshot)
        #expect(report.isUnchanged)
        #expect(bench.recorder.reloadCount == 1)
    }

    @Test("A changed session renders and replaces its fragment alone")
    func oneFragment() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        var cluster = try self.cluster()
        try await engine.cycle(cluster.snapshot)
        try cluster.node("c", "10.0.0.3/24", asNumber: 65_003)
        let report = try await engine.cycle(cluster.snapshot)
        #expect(report.renderedCount == 1)
        #expect(report.modified == [bench.directory.path + "/out/peers/Mesh_10_0_0_3.conf"])
        #expect(report.created.isEmpty && report.deleted.isEmpty)
        #expect(bench.recorder.reloadCount == 2)
    }

    @Test("Many changed files are one reload")
    func oneReload() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        var cluster = try self.cluster()
        try await engine.cycle(cluster.snapshot)
        cluster.configuration { $0.asNumber = 65_000 }
        try cluster.pool("p", "192.168.0.0/16")
        try cluster.node("d", "10.0.0.4/24")
        let report = try await engine.cycle(cluster.snapshot)
        #expect(report.created.count == 1 && report.modified.count == 3)
        #expect(bench.recorder.reloadCount == 2)
    }

    @Test("The fragment of a session that is gone is deleted, other files in the directory stay")
    func removedPeer() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        var cluster = try self.cluster()
        try await engine.cycle(cluster.snapshot)
        try bench.directory.write("out/peers/notes.txt", "mine")
        cluster.snapshot.remove(ResourceKey(kind: .node, name: "c"))
        let report = try await engine.cycle(cluster.snapshot)
        #expect(report.deleted == [bench.directory.path + "/out/peers/Mesh_10_0_0_3.conf"])
        #expect(!bench.directory.exists("out/peers/Mesh_10_0_0_3.conf"))
        #expect(bench.directory.exists("out/peers/notes.txt"))
        #expect(bench.recorder.reloadCount == 2)
    }

    @Test("A refused check leaves every file as it was and does not reload")
    func refusedCheck() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        var cluster = try self.cluster()
        try await engine.cycle(cluster.snapshot)
        let before = try bench.directory.files(below: "out")
        cluster.configuration { $0.asNumber = 65_000 }
        cluster.snapshot.remove(ResourceKey(kind: .node, name: "c"))
        bench.recorder.set { $0.refusesChecks = true }
        let error = ConfdError.checkFailed(resource: "conf.d/90-speaker.toml", reason: "no such thing")
        await #expect(throws: error) { try await engine.cycle(cluster.snapshot) }
        #expect(try bench.directory.files(below: "out") == before)
        #expect(bench.recorder.reloadCount == 1)
        bench.recorder.set { $0.refusesChecks = false }
        let report = try await engine.cycle(cluster.snapshot)
        #expect(report.modified.count == 1 && report.deleted.count == 1)
        #expect(bench.recorder.reloadCount == 2)
    }

    @Test("A refused check on the first cycle installs nothing")
    func refusedFirstCheck() async throws {
        let bench = try Bench()
        bench.recorder.set { $0.refusesChecks = true }
        await #expect(throws: ConfdError.self) { try await bench.makeEngine().cycle(try self.cluster().snapshot) }
        #expect(try bench.directory.files(below: "out") == [:])
    }

    @Test("The stage that is checked is whole: unchanged fragments are in it")
    func wholeStage() async throws {
        var bench = try Bench()
        bench.settings.keepsStage = true
        let engine = bench.makeEngine()
        var cluster = try self.cluster()
        try await engine.cycle(cluster.snapshot)
        try cluster.node("c", "10.0.0.3/24", asNumber: 65_003)
        bench.recorder.set { $0.refusesChecks = true }
        await #expect(throws: ConfdError.self) { try await engine.cycle(cluster.snapshot) }
        #expect(try bench.directory.files(below: "out/.stage").count == 5)
        #expect(try bench.directory.read("out/.stage/peers/Mesh_10_0_0_3.conf").contains("as 65003"))
    }

    /// A mesh so large that its stage is kept.
    private func large() throws -> (Cluster, Bench) {
        var cluster = Cluster()
        try cluster.node("a", "10.0.0.1/24")
        for number in 2...150 { try cluster.node("n\(number)", "10.0.0.\(number)/24") }
        return (cluster, try Bench())
    }

    @Test("The stage of a large set is kept and stays whole, whatever happens to it")
    func keptStage() async throws {
        var (cluster, bench) = try self.large()
        let engine = bench.makeEngine()
        try await engine.cycle(cluster.snapshot)
        for round in 0..<3 {
            try cluster.node("n3", "10.0.0.3/24", asNumber: ASNumber(rawValue: UInt32(65_000 + round)))
            if round == 1 { cluster.snapshot.remove(ResourceKey(kind: .node, name: "n9")) }
            bench.recorder.set { $0.refusesChecks = true }
            await #expect(throws: ConfdError.self) { try await engine.cycle(cluster.snapshot) }
            #expect(try !bench.directory.read("out/peers/Mesh_10_0_0_3.conf").contains("as \(65_000 + round)"))
            bench.recorder.set { $0.refusesChecks = false }
            try await engine.cycle(cluster.snapshot)
            let stage = bench.directory.path + "/out/.stage"
            if round == 0 { try FileManager.default.removeItem(atPath: stage) }
            if round == 2 { try FileManager.default.removeItem(atPath: stage + "/peers/Mesh_10_0_0_8.conf") }
            // What was moved into place is in the stage again when the next change is checked.
            try cluster.node("n4", "10.0.0.4/24", asNumber: ASNumber(rawValue: UInt32(65_000 + round)))
            try await engine.cycle(cluster.snapshot)
            var staged = try bench.directory.files(below: "out/.stage")
            let placed = try bench.directory.files(below: "out").filter { !$0.key.hasPrefix(".stage") }
            staged["peers/Mesh_10_0_0_4.conf"] = placed["peers/Mesh_10_0_0_4.conf"]
            #expect(staged == placed)
            #expect(placed.count == (round == 0 ? 152 : 151))
        }
    }

    @Test("In a large set a file that others changed is put back, also when its length is the same")
    func driftInLargeSet() async throws {
        let (cluster, bench) = try self.large()
        let engine = bench.makeEngine()
        try await engine.cycle(cluster.snapshot)
        // Old enough for a comparison to be remembered.
        try await Task.sleep(for: .milliseconds(150))
        try await engine.cycle(cluster.snapshot)
        let name = "out/peers/Mesh_10_0_0_7.conf"
        let text = try bench.directory.read(name)
        try bench.directory.write(name, text.replacingOccurrences(of: "10.0.0.7", with: "10.0.0.8"))
        #expect(try await engine.cycle(cluster.snapshot).modified.count == 1)
        #expect(try bench.directory.read(name) == text)
        #expect(try await engine.cycle(cluster.snapshot).isUnchanged)
    }

    @Test("Of each template resource it is counted what was done and said what went wrong last")
    func statistics() async throws {
        var bench = try Bench()
        try bench.directory.write(
            "templates/conf.d/50-own.toml",
            "[template]\nsrc = \"own\"\ndest = \"\(bench.directory.path)/own\"\nkeys = [\"/\"]\n"
        )
        try bench.directory.write("templates/templates/own", "{{ \"/no/such\"|getv }}")
        bench.settings.metricsFile = bench.directory.path + "/confd.prom"
        let engine = bench.makeEngine()
        await #expect(throws: ConfdError.self) { try await engine.cycle(try self.cluster().snapshot) }
        let first = await engine.statistics
        let own = try #require(first.resources["conf.d/50-own.toml"])
        #expect(own.isFailing && own.failureCount == 1 && own.lastSuccess == nil && own.lastErrorTime != nil)
        #expect(own.lastError?.contains("no key /no/such") ?? false)
        let peers = try #require(first.resources["conf.d/20-peers.toml"])
        #expect(peers.renderedCount == 2 && peers.changedCount == 2 && peers.failureCount == 0)
        #expect(first.failedCycles == 1)
        try bench.directory.write("templates/templates/own", "well")
        try await engine.cycle(try self.cluster().snapshot)
        let second = await engine.statistics
        let well = try #require(second.resources["conf.d/50-own.toml"])
        #expect(!well.isFailing && well.lastSuccess != nil && well.changedCount == 1 && well.lastError == own.lastError)
        #expect(second.goodCycles == 1 && second.resources["conf.d/90-speaker.toml"]?.reloadCount == 1)
        let text = try bench.directory.read("confd.prom")
        #expect(text.contains(#"martlet_confd_resource_failures_total{resource="conf.d/50-own.toml"} 1"#))
        #expect(text.contains(#"martlet_confd_resource_failing{resource="conf.d/50-own.toml"} 0"#))
        #expect(text.contains(#"martlet_confd_cycles_total{result="good"} 1"#))
    }

    @Test("A reload that failed is owed, and runs again although no file differs")
    func owedReload() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        bench.recorder.set { $0.refusesReloads = true }
        let error = ConfdError.reloadFailed(command: "@speaker", reason: "speaker is away")
        await #expect(throws: error) { try await engine.cycle(try self.cluster().snapshot) }
        #expect(bench.directory.exists("out/speaker.conf"))
        bench.recorder.set { $0.refusesReloads = false }
        let report = try await engine.cycle(try self.cluster().snapshot)
        #expect(report.isUnchanged && report.reloads == ["@speaker"])
    }

    @Test("A dry run says what would change and does nothing")
    func dryRun() async throws {
        var bench = try Bench()
        bench.settings.isDryRun = true
        let report = try await bench.makeEngine().cycle(try self.cluster().snapshot)
        #expect(report.created.count == 5)
        #expect(!bench.directory.exists("out"))
        #expect(bench.recorder.checkCount == 0 && bench.recorder.reloadCount == 0)
    }

    @Test("With sync only, files are replaced without check and reload")
    func syncOnly() async throws {
        var bench = try Bench()
        bench.settings.syncsOnly = true
        try await bench.makeEngine().cycle(try self.cluster().snapshot)
        #expect(bench.directory.exists("out/speaker.conf"))
        #expect(bench.recorder.checkCount == 0 && bench.recorder.reloadCount == 0)
    }

    @Test("A file that was changed by others is put back")
    func drift() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        try await engine.cycle(try self.cluster().snapshot)
        let before = try bench.directory.read("out/ipv4.conf")
        try bench.directory.write("out/ipv4.conf", "other")
        let report = try await engine.cycle(try self.cluster().snapshot)
        #expect(report.modified == [bench.directory.path + "/out/ipv4.conf"])
        #expect(try bench.directory.read("out/ipv4.conf") == before)
    }

    @Test("A file with another mode is put right; fragments are not readable by all")
    func mode() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        try await engine.cycle(try self.cluster().snapshot)
        #expect(try bench.directory.permissions("out/peers/Mesh_10_0_0_2.conf") == 0o640)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o666],
            ofItemAtPath: bench.directory.path + "/out/ipv4.conf"
        )
        let report = try await engine.cycle(try self.cluster().snapshot)
        #expect(report.modified.count == 1)
        #expect(try bench.directory.permissions("out/ipv4.conf") == 0o640)
    }

    @Test("A node that is not known yet is an error and changes nothing")
    func unknownNode() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        try await engine.cycle(try self.cluster().snapshot)
        await #expect(throws: PlanError.nodeUnknown("a")) { try await engine.cycle(ResourceSnapshot()) }
        #expect(bench.directory.exists("out/speaker.conf"))
    }

    @Test("A file in the template directory replaces the embedded one of its name")
    func templateOverride() async throws {
        let bench = try Bench()
        try bench.directory.write("templates/templates/peer.conf.stencil", "peer {{ item.name }}\n")
        try await bench.makeEngine().cycle(try self.cluster().snapshot)
        #expect(try bench.directory.read("out/peers/Mesh_10_0_0_2.conf") == "peer Mesh_10_0_0_2\n")
        #expect(try bench.directory.read("out/speaker.conf").contains("router id 10.0.0.1;"))
    }

    @Test("An empty template resource switches an embedded one off")
    func switchedOff() async throws {
        let bench = try Bench()
        try bench.directory.write("templates/conf.d/20-peers.toml", "\n")
        try await bench.makeEngine().cycle(try self.cluster().snapshot)
        #expect(!bench.directory.exists("out/peers"))
        #expect(bench.directory.exists("out/speaker.conf"))
    }

    @Test("A template with a syntax error is named with its line, and no file changes")
    func brokenTemplate() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        try await engine.cycle(try self.cluster().snapshot)
        let before = try bench.directory.files(below: "out")
        #expect(!before.isEmpty)
        try bench.directory.write("templates/templates/peer.conf.stencil", "line one\n{% if item.name %}\n")
        let error = await #expect(throws: ConfdError.self) {
            try await engine.cycle(try self.cluster().snapshot)
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("peer.conf.stencil:2"), "\(text)")
        #expect(try bench.directory.files(below: "out") == before)
    }

    @Test("A changed template is rendered anew")
    func changedTemplate() async throws {
        let bench = try Bench()
        let engine = bench.makeEngine()
        try await engine.cycle(try self.cluster().snapshot)
        try bench.directory.write("templates/templates/peer.conf.stencil", "peer {{ item.name }}\n")
        let report = try await engine.cycle(try self.cluster().snapshot)
        #expect(report.modified.count == 2 && report.renderedCount == 2)
    }

    @Test("A template resource with a hook that is not there is an error")
    func unknownHook() async throws {
        let bench = try Bench(embedded: false)
        try bench.directory.write(
            "templates/conf.d/a.toml",
            "[template]\nsrc = \"a\"\ndest = \"a\"\nreload_cmd = \"@other\"\n"
        )
        try bench.directory.write("templates/templates/a", "x")
        let error = ConfdError.manifest(
            file: "conf.d/a.toml",
            line: nil,
            reason: "template.reload_cmd: there is no reload @other"
        )
        await #expect(throws: error) { try await bench.makeEngine().cycle(try self.cluster().snapshot) }
    }

    @Test("Two template resources with one destination are an error")
    func duplicateDestination() async throws {
        let bench = try Bench(embedded: false)
        for name in ["a", "b"] {
            try bench.directory.write("templates/conf.d/\(name).toml", "[template]\nsrc = \"a\"\ndest = \"x\"\n")
        }
        try bench.directory.write("templates/templates/a", "x")
        await #expect(throws: ConfdError.duplicateDestination("x")) {
            try await bench.makeEngine().cycle(try self.cluster().snapshot)
        }
    }
}

@Suite("Commands of template resources")
struct CycleCommandTests {
    /// A bench with one resource of an absolute destination.
    private func bench(check: String?, reload: String?, template: String = "{{ node.router_id }}\n") throws -> Bench {
        let bench = try Bench(embedded: false)
        var text = "[template]\nsrc = \"a\"\ndest = \"\(bench.directory.path)/etc/a.conf\"\n"
        if let check { text += "check_cmd = '''\(check)'''\n" }
        if let reload { text += "reload_cmd = '''\(reload)'''\n" }
        try bench.directory.write("templates/conf.d/a.toml", text)
        try bench.directory.write("templates/templates/a", template)
        return bench
    }

    @Test("A check command sees the staged file, a reload command the file in place")
    func commands() async throws {
        let bench = try self.bench(check: "grep -q 10.0.0.1 {{src}}", reload: "cp {{ .src }} {{src}}.copy")
        try await bench.makeEngine().cycle(try Cluster.nodes(1).snapshot)
        #expect(try bench.directory.read("etc/a.conf") == "10.0.0.1\n")
        #expect(try bench.directory.files(below: "etc") == ["a.conf": "10.0.0.1\n", "a.conf.copy": "10.0.0.1\n"])
    }

    @Test("A failing check command gives its status and output, and nothing is replaced")
    func failingCheck() async throws {
        let bench = try self.bench(check: "echo bad thing; exit 3", reload: nil)
        let error = ConfdError.checkFailed(resource: "conf.d/a.toml", reason: "exit status 3\n  bad thing")
        await #expect(throws: error) { try await bench.makeEngine().cycle(try Cluster.nodes(1).snapshot) }
        #expect(try bench.directory.files(below: "etc") == [:])
    }

    @Test("A command that does not end is killed at the time limit, its children too")
    func timeout() async throws {
        var bench = try self.bench(check: "sleep 60 & sleep 60", reload: nil)
        bench.settings.commandTimeout = .milliseconds(100)
        let error = await #expect(throws: ConfdError.self) {
            try await bench.makeEngine().cycle(try Cluster.nodes(1).snapshot)
        }
        // Had it not been killed, its end after a minute would be the error.
        #expect(error.map { "\($0)".contains("no end within") } ?? false)
    }

    @Test("The output that is kept is bounded")
    func boundedOutput() async {
        let outcome = await CommandRunner.run("head -c 1000000 /dev/zero; exit 1", timeout: .seconds(300))
        #expect(outcome.failure == "exit status 1")
        #expect(outcome.output.utf8.count == CommandRunner.largestOutput)
    }

    @Test("The mode of an existing file is kept when none is given")
    func keptMode() async throws {
        let bench = try self.bench(check: nil, reload: nil)
        try bench.directory.write("etc/a.conf", "old")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o604],
            ofItemAtPath: bench.directory.path + "/etc/a.conf"
        )
        try await bench.makeEngine().cycle(try Cluster.nodes(1).snapshot)
        #expect(try bench.directory.permissions("etc/a.conf") == 0o604)
    }
}
