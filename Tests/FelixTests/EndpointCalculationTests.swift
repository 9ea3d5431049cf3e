import Datastore
import IPAddressing
import Resources
import Testing

@testable import Felix

@Suite("From resources to what the dataplane has to do")
struct EndpointCalculationTests {
    private func outcome(_ resources: Resource...) -> EndpointCalculation.Outcome {
        var calculation = EndpointCalculation(nodeName: "n1")
        for resource in resources { calculation.receive(.upserted(resource)) }
        calculation.receive(.inSync)
        _ = calculation.flush()
        return calculation.told
    }

    @Test("Nothing is told before the stream is in sync, then everything and the mark last")
    func inSync() throws {
        var calculation = EndpointCalculation(nodeName: "n1")
        calculation.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))))
        calculation.receive(.upserted(.blockAffinity(try affinity("b", "10.1.0.0/26"))))
        #expect(calculation.flush() == [])
        calculation.receive(.inSync)
        let updates = calculation.flush()
        #expect(updates.first == .priorities(RoutePriorities()))
        #expect(updates.last == .inSync)
        #expect(updates.contains(.blockAdded(try prefix("10.1.0.0/26"))))
        #expect(updates.count == 4)
        #expect(calculation.flush() == [])
    }

    @Test("Endpoints of other nodes are ignored")
    func otherNodes() throws {
        let outcome = self.outcome(.workloadEndpoint(try endpoint("a", node: "n2", "10.1.0.1/32")))
        #expect(outcome.endpoints.isEmpty)
    }

    @Test("An endpoint has its host addresses of both families, sorted, each once")
    func addresses() throws {
        let outcome = self.outcome(
            .workloadEndpoint(try endpoint("a", "2001:db8::5/128", "10.1.0.2/32", "10.1.0.1/32", "10.1.0.2/32"))
        )
        let told = try #require(outcome.endpoints[key("a")])
        #expect(told.addresses == [try address("10.1.0.1"), try address("10.1.0.2"), try address("2001:db8::5")])
        #expect(told.interfaceName == "calia")
        #expect(told.mac == MACAddress("02:00:00:00:00:01"))
        #expect(!told.allowsSpoofing)
    }

    @Test("An endpoint that moves to another node is removed")
    func move() throws {
        var calculation = EndpointCalculation(nodeName: "n1")
        calculation.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))))
        calculation.receive(.inSync)
        _ = calculation.flush()
        calculation.receive(.upserted(.workloadEndpoint(try endpoint("a", node: "n2", "10.1.0.1/32"))))
        #expect(calculation.flush() == [.endpointRemoved(key("a"))])
    }

    @Test("An address that two endpoints claim leads to the lower key until that one lets go")
    func contested() throws {
        var calculation = EndpointCalculation(nodeName: "n1")
        calculation.receive(.upserted(.workloadEndpoint(try endpoint("b", "10.1.0.1/32"))))
        calculation.receive(.upserted(.workloadEndpoint(try endpoint("a", "10.1.0.1/32"))))
        calculation.receive(.inSync)
        _ = calculation.flush()
        #expect(calculation.told.endpoints[key("a")]?.addresses == [try address("10.1.0.1")])
        #expect(calculation.told.endpoints[key("b")]?.addresses == [])
        #expect(calculation.told.endpoints[key("b")]?.contested == [try address("10.1.0.1")])
        calculation.receive(.removed(key("a")))
        _ = calculation.flush()
        #expect(calculation.told.endpoints[key("b")]?.addresses == [try address("10.1.0.1")])
    }

    @Test(
        "A block is dropped only when this node holds it as a host and it is larger than an address",
        arguments: [
            (BlockAffinity.State.confirmed, "n1", "host", "10.1.0.0/26", false, true),
            (.implicit, "n1", "host", "2001:db8::/122", false, true),
            (.pending, "n1", "host", "10.1.0.0/26", false, false),
            (.pendingDeletion, "n1", "host", "10.1.0.0/26", false, false),
            (.confirmed, "n2", "host", "10.1.0.0/26", false, false),
            (.confirmed, "n1", "virtual", "10.1.0.0/26", false, false),
            (.confirmed, "n1", "host", "10.1.0.1/32", false, false),
            (.confirmed, "n1", "host", "2001:db8::1/128", false, false),
            (.confirmed, "n1", "host", "10.1.0.0/26", true, false),
        ]
    )
    func blocks(
        state: BlockAffinity.State,
        node: String,
        type: String,
        cidr: String,
        isDeleted: Bool,
        isWanted: Bool
    ) throws {
        var value = try affinity("b", node: node, state: state, cidr)
        value.type = type
        value.isDeleted = isDeleted
        #expect(self.outcome(.blockAffinity(value)).blocks == (isWanted ? [try prefix(cidr)] : []))
    }

    @Test("A block with two affinities stays until both are gone")
    func twoAffinities() throws {
        var calculation = EndpointCalculation(nodeName: "n1")
        calculation.receive(.upserted(.blockAffinity(try affinity("b1", "10.1.0.0/26"))))
        calculation.receive(.upserted(.blockAffinity(try affinity("b2", "10.1.0.0/26"))))
        calculation.receive(.inSync)
        _ = calculation.flush()
        calculation.receive(.removed(ResourceKey(kind: .blockAffinity, name: "b1")))
        #expect(calculation.flush() == [])
        calculation.receive(.removed(ResourceKey(kind: .blockAffinity, name: "b2")))
        #expect(calculation.flush() == [.blockRemoved(try prefix("10.1.0.0/26"))])
    }

    @Test("Route metrics come from the cluster's configuration")
    func priorities() throws {
        var configuration = BGPConfiguration(metadata: ResourceMetadata(name: "default"))
        configuration.ipv4NormalRoutePriority = 700
        #expect(self.outcome(.bgpConfiguration(configuration)).priorities == RoutePriorities(v4: 700, v6: 1024))
        configuration.metadata.name = "node.n1"
        #expect(self.outcome(.bgpConfiguration(configuration)).priorities == RoutePriorities())
    }

    // MARK: Property

    /// What a set of resources means, written without any bookkeeping.
    private func naive(_ resources: [ResourceKey: Resource]) -> EndpointCalculation.Outcome {
        var outcome = EndpointCalculation.Outcome()
        let local = resources.compactMap { key, resource -> (ResourceKey, WorkloadEndpoint)? in
            if case .workloadEndpoint(let value) = resource, value.node == "n1" { (key, value) } else { nil }
        }
        for (key, value) in local {
            var told = LocalEndpoint(key: key, interfaceName: value.interfaceName, mac: value.mac)
            for address in Set(value.ipNetworks.filter(\.isHost).map(\.address)).sorted() {
                let isBeaten = local.contains { $0.0 < key && $0.1.ipNetworks.contains(address.hostPrefix) }
                if isBeaten { told.contested.append(address) } else { told.addresses.append(address) }
            }
            told.allowsSpoofing = !value.allowSpoofedSourcePrefixes.isEmpty
            outcome.endpoints[key] = told
        }
        for case .blockAffinity(let value) in resources.values
        where value.node == "n1" && value.state != .pending && value.state != .pendingDeletion && !value.cidr.isHost {
            outcome.blocks.insert(value.cidr)
        }
        for case .bgpConfiguration(let value) in resources.values {
            outcome.priorities.v4 = value.ipv4NormalRoutePriority ?? 1024
        }
        return outcome
    }

    private func randomResource(_ random: inout SystemRandomNumberGenerator) throws -> Resource {
        let name = ["a", "b", "c", "d"].randomElement(using: &random) ?? "a"
        let node = ["n1", "n1", "n2"].randomElement(using: &random) ?? "n1"
        switch Int.random(in: 0..<8, using: &random) {
        case 0..<5:
            var value = try endpoint(
                name,
                node: node,
                interface: ["calix", "caliy"].randomElement(using: &random),
                mac: Bool.random(using: &random) ? "02:00:00:00:00:02" : nil
            )
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                value.ipNetworks.append(try prefix("10.1.0.\(Int.random(in: 1...3, using: &random))/32"))
            }
            if Bool.random(using: &random) { value.ipNetworks.append(try prefix("2001:db8::1/128")) }
            if Bool.random(using: &random) { value.allowSpoofedSourcePrefixes = [try prefix("10.0.0.0/8")] }
            return .workloadEndpoint(value)
        case 5, 6:
            let states: [BlockAffinity.State] = [.confirmed, .implicit, .pending, .pendingDeletion]
            return .blockAffinity(
                try affinity(
                    name,
                    node: node,
                    state: states.randomElement(using: &random) ?? .confirmed,
                    ["10.1.0.0/26", "10.1.0.64/26", "10.9.9.9/32"].randomElement(using: &random) ?? "10.1.0.0/26"
                )
            )
        default:
            var value = BGPConfiguration(metadata: ResourceMetadata(name: "default"))
            value.ipv4NormalRoutePriority = UInt32.random(in: 1...3, using: &random)
            return .bgpConfiguration(value)
        }
    }

    @Test("After any sequence the told outcome equals the outcome from scratch, and the updates lead there")
    func incrementalEqualsFromScratch() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var calculation = EndpointCalculation(nodeName: "n1")
            var world: [ResourceKey: Resource] = [:]
            var replayed = EndpointCalculation.Outcome()
            let syncAt = Int.random(in: 0..<20, using: &random)
            for step in 0..<60 {
                if step == syncAt { calculation.receive(.inSync) }
                if Int.random(in: 0..<4, using: &random) == 0 {
                    // Also of keys that were never there.
                    let key = try self.randomResource(&random).key
                    world[key] = nil
                    calculation.receive(.removed(key))
                } else {
                    let resource = try self.randomResource(&random)
                    world[resource.key] = resource
                    calculation.receive(.upserted(resource))
                }
                guard Bool.random(using: &random) else { continue }
                let updates = calculation.flush()
                if step < syncAt {
                    #expect(updates == [])
                    continue
                }
                for update in updates {
                    switch update {
                    case .priorities(let value): replayed.priorities = value
                    case .endpointRemoved(let key): #expect(replayed.endpoints.removeValue(forKey: key) != nil)
                    case .endpointUpdated(let value): replayed.endpoints[value.key] = value
                    case .blockAdded(let block): #expect(replayed.blocks.insert(block).inserted)
                    case .blockRemoved(let block): #expect(replayed.blocks.remove(block) != nil)
                    case .inSync: break
                    }
                }
                #expect(replayed == self.naive(world))
                #expect(calculation.told == replayed)
            }
        }
    }
}
