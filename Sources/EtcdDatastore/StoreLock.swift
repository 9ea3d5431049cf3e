internal import Datastore
import Resources

extension EtcdDatastore {
    /// Runs `body` while no other holder of the migration lock does; the lock goes when the process does.
    ///
    /// - Throws: ``DatastoreError/unavailable(_:)`` when someone holds it, and when it was lost on the way.
    public func withMigrationLock<Value: Sendable>(
        holder: String,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let seconds: Int64 = 30
        let grant = try await self.ask("/v3/lease/grant", "{\"TTL\":\"\(seconds)\"}")
        let lease: Int64
        do {
            lease = try grant.leaseNumber("ID")
        } catch {
            throw DatastoreError(error)
        }
        let value = ManifestValue(.map([ManifestValue.Field("holder", ManifestValue(.string(holder)))])).compactJSON
        do {
            let request = EtcdRequests.create(EtcdLayout.migrationLock, value, lease: lease)
            let taken = try TransactionAnswer(try await self.ask("/v3/kv/txn", request))
            if !taken.succeeded {
                let current = taken.ranges.first?.items.first
                let other = current.flatMap { try? JSONReader.value($0.value) }?["holder"]?.string ?? "someone"
                throw DatastoreError.unavailable("another migration is under way, by \(other)")
            }
            let keeper = Task { [self] in
                while (try? await Task.sleep(for: .seconds(seconds / 3))) != nil {
                    _ = try? await self.ask("/v3/lease/keepalive", "{\"ID\":\"\(lease)\"}")
                }
            }
            defer { keeper.cancel() }
            let result = try await body()
            let last = try RangeAnswer(
                try await self.ask("/v3/kv/range", EtcdRequests.get(EtcdLayout.migrationLock))
            )
            guard last.items.first?.value == Array(value.utf8) else {
                throw DatastoreError.unavailable("the migration lock was lost on the way")
            }
            _ = try? await self.ask("/v3/lease/revoke", "{\"ID\":\"\(lease)\"}")
            return result
        } catch {
            _ = try? await self.ask("/v3/lease/revoke", "{\"ID\":\"\(lease)\"}")
            throw error
        }
    }

    private func ask(_ path: String, _ body: String) async throws(DatastoreError) -> ManifestValue {
        do {
            return try await self.client.call(path, body).answer
        } catch {
            throw DatastoreError(error)
        }
    }
}
