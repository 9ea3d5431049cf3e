import Glibc
import Resources
import Testing

@testable import Datastore

@Suite("Directory datastore", .timeLimit(.minutes(1)))
struct DirectoryDatastoreTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        self.directory = try TemporaryDirectory()
        self.path = "\(self.directory.path)/manifests"
        mkdir(self.path, 0o755)
    }

    private func open(pollInterval: Duration = .seconds(30)) throws -> DirectoryDatastore {
        try DirectoryDatastore(
            directory: self.path,
            stateDirectory: "\(self.directory.path)/state",
            pollInterval: pollInterval
        )
    }

    private func names(_ store: DirectoryDatastore) async throws -> [String] {
        try await store.list([.ipPool]).items.map(\.resource.key.name)
    }

    @Test("Documents of all files and subdirectories are read, hidden and temporary ones are not")
    func initialRead() async throws {
        mkdir("\(self.path)/sub", 0o755)
        try overwrite("\(self.path)/a.yaml", poolText(1) + "---\n" + poolText(2))
        try overwrite("\(self.path)/sub/b.yml", poolText(3))
        try overwrite("\(self.path)/c.json", try pool(4).manifest.jsonText)
        for name in [".h.yaml", "x.yaml~", "#x.yaml", "x.yaml.swp", "README.md"] {
            try overwrite("\(self.path)/\(name)", poolText(9))
        }
        let store = try self.open()
        #expect(try await self.names(store) == ["pool-1", "pool-2", "pool-3", "pool-4"])
        #expect(store.diagnostics().isEmpty)
    }

    @Test("What kubectl and calicoctl print is read as it is: lists, server-side metadata and status included")
    func printedLists() async throws {
        try overwrite(
            "\(self.path)/pools.yaml",
            """
            apiVersion: v1
            items:
            - apiVersion: projectcalico.org/v3
              kind: IPPool
              metadata:
                annotations:
                  projectcalico.org/metadata: '{"creationTimestamp":"2024-05-01T10:00:00Z"}'
                creationTimestamp: "2024-05-01T10:00:00Z"
                generation: 2
                managedFields:
                - apiVersion: crd.projectcalico.org/v1
                  fieldsType: FieldsV1
                  fieldsV1:
                    f:spec:
                      .: {}
                      f:cidr: {}
                  manager: operator
                  operation: Update
                  time: "2024-05-01T10:00:00Z"
                name: default-ipv4-ippool
                resourceVersion: "1234"
                uid: 5b0a3a8e-3f0c-4f7c-9c55-0d6f7b0a9a11
              spec:
                allowedUses:
                - Workload
                - Tunnel
                blockSize: 26
                cidr: 10.244.0.0/16
                ipipMode: Never
                natOutgoing: true
                nodeSelector: all()
                vxlanMode: Never
            kind: List
            metadata:
              resourceVersion: ""
            """
        )
        try overwrite(
            "\(self.path)/nodes.yaml",
            """
            apiVersion: projectcalico.org/v3
            items:
            - apiVersion: projectcalico.org/v3
              kind: Node
              metadata:
                annotations:
                  projectcalico.org/kube-labels: '{"kubernetes.io/hostname":"n1"}'
                creationTimestamp: "2024-05-01T10:00:00Z"
                labels:
                  kubernetes.io/hostname: n1
                name: n1
                resourceVersion: "77"
                uid: 0e9b5d5e-9c0a-4f0e-8e6c-1f6a6a3f7a21
              spec:
                addresses:
                - address: 10.0.0.1/24
                  type: CalicoNodeIP
                - address: 10.0.0.1
                  type: InternalIP
                bgp:
                  ipv4Address: 10.0.0.1/24
                orchRefs:
                - nodeName: n1
                  orchestrator: k8s
              status:
                podCIDRs:
                - 10.244.0.0/24
            kind: NodeList
            metadata:
              resourceVersion: "99"
            """
        )
        let store = try self.open()
        #expect(store.diagnostics().map(\.description) == [])
        #expect(try await self.names(store) == ["default-ipv4-ippool"])
        #expect(try await store.list([.node]).items.map(\.resource.key.name) == ["n1"])
    }

    @Test("Pools whose networks overlap are reported at the later one, with the file of the other")
    func overlappingPools() throws {
        func text(_ name: String, _ cidr: String) -> String {
            "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata:\n  name: \(name)\nspec:\n  cidr: \(cidr)\n"
        }
        try overwrite("\(self.path)/a.yaml", text("inner", "10.1.4.0/24") + "---\n" + text("apart", "10.2.0.0/16"))
        try overwrite("\(self.path)/b.yaml", "\n\n" + text("outer", "10.1.0.0/16") + "---\n" + text("six", "fd00::/48"))
        let diagnostics = try self.open().diagnostics().map(\.description)
        #expect(diagnostics.count == 1)
        let text = try #require(diagnostics.first)
        #expect(text.hasPrefix("\(self.path)/b.yaml:3"), "\(text)")
        #expect(text.contains("10.1.0.0/16 overlaps 10.1.4.0/24"), "\(text)")
        #expect(text.hasSuffix("in \(self.path)/a.yaml"), "\(text)")
    }

    @Test("Links that lead in a ring are followed to a bound, which is reported")
    func ring() throws {
        try overwrite("\(self.path)/a.yaml", poolText(1))
        for number in 0..<40 { symlink(".", "\(self.path)/b\(number)") }
        let diagnostics = try self.open().diagnostics().map(\.description)
        #expect(diagnostics.contains { $0.contains("entries, links followed") || $0.contains("manifests; the rest") })
    }

    @Test("A file with very many refused objects keeps those it had, in time that grows with their number only")
    func manyRefused() async throws {
        func text(_ field: String) -> String {
            let items = (0..<5000).map { number in
                "- {apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: {name: p\(number)}, spec: {\(field): 192.0.2.1}}"
            }
            return "apiVersion: v1\nkind: List\nitems:\n" + items.joined(separator: "\n") + "\n"
        }
        try overwrite("\(self.path)/a.yaml", text("peerIP"))
        let store = try self.open()
        try overwrite("\(self.path)/a.yaml", text("node"))
        #expect(try await eventually { !store.diagnostics().isEmpty })
        #expect(try await store.list([.bgpPeer]).items.count == 5000)
        #expect(store.diagnostics().count == 2000)
    }

    @Test("A file that appears, changes, is renamed over and vanishes is followed")
    func changes() async throws {
        let store = try self.open()
        let file = "\(self.path)/a.yaml"
        try overwrite(file, poolText(1))
        #expect(try await eventually { try await self.names(store) == ["pool-1"] })
        try overwrite(file, poolText(2))
        #expect(try await eventually { try await self.names(store) == ["pool-2"] })
        try overwrite("\(self.path)/.new", poolText(3))
        #expect(rename("\(self.path)/.new", file) == 0)
        #expect(try await eventually { try await self.names(store) == ["pool-3"] })
        #expect(unlink(file) == 0)
        #expect(try await eventually { try await self.names(store).isEmpty })
    }

    @Test("A directory that appears later is followed")
    func laterDirectory() async throws {
        let store = try self.open()
        mkdir("\(self.path)/sub", 0o755)
        try overwrite("\(self.path)/sub/a.yaml", poolText(1))
        #expect(try await eventually { try await self.names(store) == ["pool-1"] })
        try overwrite("\(self.path)/sub/a.yaml", poolText(2))
        #expect(try await eventually { try await self.names(store) == ["pool-2"] })
    }

    @Test("The swap of a ..data link, as mounted ConfigMaps do it, is followed")
    func symlinkSwap() async throws {
        for number in 1...2 {
            mkdir("\(self.path)/..\(number)", 0o755)
            try overwrite("\(self.path)/..\(number)/a.yaml", poolText(number))
        }
        symlink("..1", "\(self.path)/..data")
        symlink("..data/a.yaml", "\(self.path)/a.yaml")
        let store = try self.open()
        #expect(try await self.names(store) == ["pool-1"])
        symlink("..2", "\(self.path)/..data_tmp")
        #expect(rename("\(self.path)/..data_tmp", "\(self.path)/..data") == 0)
        #expect(try await eventually { try await self.names(store) == ["pool-2"] })
    }

    @Test("A file that is still being written is not read until its writer closes it")
    func partialWrite() async throws {
        // No poll in between: that reads what nobody wrote to for two seconds, which a busy machine may let pass.
        let store = try self.open(pollInterval: .seconds(3600))
        let file = try #require(fopen("\(self.path)/a.yaml", "w"))
        fputs("kind: [", file)
        fflush(file)
        try overwrite("\(self.path)/b.yaml", poolText(2))
        #expect(try await eventually { try await self.names(store) == ["pool-2"] })
        #expect(store.diagnostics().isEmpty)
        rewind(file)
        fputs(poolText(1), file)
        fclose(file)
        #expect(try await eventually { try await self.names(store) == ["pool-1", "pool-2"] })
    }

    @Test("A malformed file is reported with its place and leaves its last good objects, until it is fixed")
    func malformed() async throws {
        let file = "\(self.path)/a.yaml"
        try overwrite(file, poolText(1))
        let store = try self.open()
        try overwrite(file, "kind: IPPool\nspec: {cidr: [\n")
        #expect(try await eventually { !store.diagnostics().isEmpty })
        let report = try #require(store.diagnostics().first)
        #expect(report.file == file)
        #expect((report.diagnostic.position?.line ?? 0) >= 2)
        #expect(try await self.names(store) == ["pool-1"])
        try overwrite(file, poolText(1, disabled: true))
        #expect(try await eventually { store.diagnostics().isEmpty })
        #expect(try await store.get(poolKey(1)).resource == pool(1, disabled: true))
    }

    @Test("An object that is refused keeps its last good form while the rest of its file changes")
    func refusedObject() async throws {
        let file = "\(self.path)/a.yaml"
        try overwrite(file, poolText(1) + "---\n" + poolText(2))
        let store = try self.open()
        let broken = poolText(1).replacing("10.1.0.0/16", with: "10.1.0.1/16")
        try overwrite(file, broken + "---\n" + poolText(3))
        #expect(try await eventually { try await self.names(store) == ["pool-1", "pool-3"] })
        #expect(store.diagnostics().map(\.diagnostic.path) == ["spec.cidr"])
        #expect(store.diagnostics().first?.diagnostic.position == SourcePosition(line: 6, column: 9))
    }

    @Test("Of two files that give the same object the first by path wins and the other is reported")
    func duplicates() async throws {
        try overwrite("\(self.path)/a.yaml", poolText(1))
        try overwrite("\(self.path)/b.yaml", poolText(1, disabled: true))
        let store = try self.open()
        #expect(try await store.get(poolKey(1)).resource == pool(1))
        #expect(store.diagnostics().map(\.file) == ["\(self.path)/b.yaml"])
        unlink("\(self.path)/a.yaml")
        #expect(try await eventually { try await store.get(poolKey(1)).resource == pool(1, disabled: true) })
        #expect(store.diagnostics().isEmpty)
    }

    @Test("An object that a manifest gives cannot be rewritten by a program")
    func readOnly() async throws {
        let file = "\(self.path)/a.yaml"
        try overwrite(file, poolText(1))
        let store = try self.open()
        let error = DatastoreError.readOnly(poolKey(1), source: file)
        await #expect(throws: error) { try await store.update(pool(1, disabled: true), ifRevision: nil) }
        await #expect(throws: error) { try await store.delete(poolKey(1), ifRevision: nil) }
        #expect(String(decoding: try Files.read(file), as: UTF8.self) == poolText(1))
    }

    @Test("What a program wrote survives a restart and reaches another process")
    func sharedState() async throws {
        let first = try self.open()
        let second = try self.open()
        try await first.create(pool(1))
        #expect(try await eventually { try await self.names(second) == ["pool-1"] })
        await #expect(throws: DatastoreError.alreadyExists(poolKey(1))) { try await second.create(pool(1)) }
        try await second.delete(poolKey(1), ifRevision: nil)
        try await first.create(pool(1))
        #expect(try await self.names(try self.open()) == ["pool-1"])
    }

    @Test("A syncer follows the directory")
    func syncer() async throws {
        try overwrite("\(self.path)/a.yaml", poolText(1))
        let store = try self.open()
        var iterator = Syncer(datastore: store).makeAsyncIterator()
        var consumer = Consumer()
        while consumer.syncs == 0 { consumer.take(try #require(await iterator.next())) }
        try overwrite("\(self.path)/b.yaml", poolText(2))
        unlink("\(self.path)/a.yaml")
        while consumer.objects.keys.map(\.name) != ["pool-2"] { consumer.take(try #require(await iterator.next())) }
        #expect(consumer.breaches.isEmpty)
    }

    @Test("A directory that is missing is an error")
    func missingDirectory() {
        #expect(throws: DatastoreError.self) {
            try DirectoryDatastore(directory: "/nonexistent", stateDirectory: self.path)
        }
    }
}
