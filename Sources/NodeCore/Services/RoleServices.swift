internal import Confd
internal import Datastore
internal import EtcdDatastore
internal import Felix
internal import Logging
internal import Resources
internal import ServiceLifecycle

/// Felix as a service: follows the datastore until shutdown, and leaves forwarding in place.
struct FelixRole: Service {
    let felix: FelixService
    let syncer: Syncer

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await self.felix.run(following: self.syncer)
        } onGracefulShutdown: {
            self.felix.stop()
        }
    }
}

/// Confd as a service.
struct ConfdRole: Service {
    let confd: ConfdService<SnapshotSequence>
    let logger: Logger

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                try await self.confd.run()
            }
        } catch is CancellationError {
            return
        } catch {
            self.logger.error("confd ends", metadata: ["reason": "\(error)"])
            throw error
        }
    }
}

/// Closes the datastore's connections once every role that uses it has ended; it stands first among the services.
struct DatastoreRole: Service {
    let datastore: any DiagnosedDatastore

    func run() async throws {
        try? await gracefulShutdown()
        if let etcd = self.datastore as? EtcdDatastore { await etcd.close() }
    }
}

/// Logs what is wrong with the stored objects whenever that changes.
struct DiagnosticsRole: Service {
    let datastore: any DiagnosedDatastore
    let logger: Logger

    func run() async throws {
        var known: Set<String> = []
        for await diagnostics in self.datastore.diagnosticChanges().cancelOnGracefulShutdown() {
            let texts = Set(diagnostics.map(\.description))
            for diagnostic in diagnostics where !known.contains(diagnostic.description) {
                let level: Logger.Level = diagnostic.diagnostic.severity == .error ? .error : .info
                self.logger.log(level: level, "\(diagnostic)")
            }
            known = texts
        }
    }
}
