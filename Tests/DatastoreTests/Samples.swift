import IPAddressing
import Resources
import Testing

@testable import Datastore

/// A pool by number, so that tests can make many distinct objects.
func pool(_ number: Int, disabled: Bool = false) throws -> Resource {
    let cidr = try #require(IPPrefix("10.\(number % 256).0.0/16"))
    var pool = IPPool(metadata: ResourceMetadata(name: "pool-\(number)"), cidr: cidr)
    pool.isDisabled = disabled
    return .ipPool(pool)
}

func poolKey(_ number: Int) -> ResourceKey { ResourceKey(kind: .ipPool, name: "pool-\(number)") }

/// What a consumer believes, with every breach of the syncer's promises.
struct Consumer {
    var objects: [ResourceKey: Resource] = [:]
    var breaches: [String] = []
    var syncs = 0

    mutating func take(_ updates: [SyncerUpdate]) {
        for update in updates {
            switch update {
            case .upserted(let resource):
                self.objects[resource.key] = resource
            case .removed(let key):
                if self.objects.removeValue(forKey: key) == nil { self.breaches.append("removed twice: \(key)") }
            case .inSync: self.syncs += 1
            case .statusChanged: break
            }
        }
    }
}
