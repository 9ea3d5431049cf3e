public import ArgumentParser
internal import Datastore
internal import EtcdDatastore
internal import Glibc
internal import Logging
internal import Resources

/// `martlet datastore`: what is done to a datastore as a whole.
public struct DatastoreCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "datastore",
        abstract: "Work on a datastore as a whole.",
        subcommands: [MigrateCommand.self]
    )

    /// Creates the command.
    public init() {}
}

/// `martlet datastore migrate`: copies between a directory and etcd.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Copy all resources between the directory of manifests and etcd, and check that they arrived.",
        discussion: """
            Both sides are locked against a second migration. Nothing is removed. What the target holds otherwise stops the \
            migration before anything is written, unless --overwrite is given. Secrets are copied too.
            """
    )

    enum Target: String, ExpressibleByArgument, CaseIterable {
        case etcd
        case directory
    }

    @Option(help: "Where to copy to; the other one is the source.")
    var to: Target

    @Flag(help: "Replace objects of the target that differ.")
    var overwrite = false

    @Flag(help: "Only print what would be done.")
    var dryRun = false

    @OptionGroup
    var node: NodeOptions

    @OptionGroup
    var logging: LoggingOptions

    func run() async throws {
        let logger = self.logging.logger("datastore", LogRouter())
        let directory = try DirectoryDatastore(
            directory: self.node.directory,
            stateDirectory: self.node.state,
            isWatching: false
        )
        let etcd = try EtcdDatastore(
            settings: try self.node.etcd.etcdSettings(environment: processEnvironment()),
            logger: logger
        )
        let outcome: Result<Void, any Error>
        do {
            let holder = "\(self.node.name), process \(getpid())"
            try await directory.withMigrationLock {
                try await etcd.withMigrationLock(holder: holder) {
                    try await self.migrate(directory, etcd)
                }
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await etcd.close()
        if case .failure(let error) = outcome {
            if !(error is ExitCode) { writeError("datastore migrate: \(error)") }
            throw ExitCode.failure
        }
    }

    private func migrate(_ directory: DirectoryDatastore, _ etcd: EtcdDatastore) async throws {
        let isToEtcd = self.to == .etcd
        // A store's remarks come with reading it.
        if !isToEtcd { _ = try await etcd.list(Set(ResourceKind.allCases)) }
        let remarks = isToEtcd ? directory.diagnostics() : try await etcd.remarks()
        for remark in remarks where remark.diagnostic.severity > .info { writeError("\(remark)") }
        guard !remarks.contains(where: { $0.diagnostic.severity == .error }) else {
            throw StartError(description: "some objects cannot be read; nothing was copied")
        }
        let migration =
            isToEtcd
            ? Migration(from: directory, to: etcd, rename: EtcdDatastore.renamed)
            : Migration(from: etcd, to: directory)
        let report = try await migration.run(isOverwriting: self.overwrite, isDryRun: self.dryRun)
        for (old, new) in report.renamed.sorted(by: { $0.key < $1.key }) { print("\(old) is called \(new.name) there") }
        for key in report.created { print("create \(key)") }
        for key in report.replaced { print("replace \(key)") }
        for key in report.others { print("leave \(key), which the source does not have") }
        let total = report.created.count + report.replaced.count + report.unchanged
        print(
            self.dryRun
                ? "\(total) objects, \(report.unchanged) of them there already; nothing was written"
                : "\(total) objects checked on both sides, \(report.unchanged) of them were there already"
        )
    }
}
