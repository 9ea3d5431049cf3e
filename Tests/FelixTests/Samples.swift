import IPAddressing
import Netlink
import Resources
import Testing

@testable import Felix

func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }
func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

func endpoint(
    _ name: String,
    node: String = "n1",
    interface: String? = nil,
    mac: String? = "02:00:00:00:00:01",
    _ networks: String...
) throws -> WorkloadEndpoint {
    WorkloadEndpoint(
        metadata: ResourceMetadata(name: name, namespace: "ns"),
        node: node,
        orchestrator: "k8s",
        endpoint: "eth0",
        interfaceName: interface ?? "cali\(name)",
        mac: mac.flatMap { MACAddress($0) },
        ipNetworks: try networks.map { try prefix($0) }
    )
}

func affinity(
    _ name: String,
    node: String = "n1",
    state: BlockAffinity.State = .confirmed,
    _ cidr: String
) throws -> BlockAffinity {
    BlockAffinity(metadata: ResourceMetadata(name: name), state: state, node: node, cidr: try prefix(cidr))
}

func key(_ name: String) -> ResourceKey {
    ResourceKey(kind: .workloadEndpoint, namespace: "ns", name: name)
}

/// The route that felix wants for a workload's address.
func workloadRoute(_ text: String, dev index: UInt32, metric: UInt32 = 1024) throws -> KernelRoute {
    KernelRoute(
        prefix: try prefix(text),
        protocolNumber: felixRouteProtocol,
        metric: metric,
        nextHops: [KernelNextHop(interface: index)]
    )
}

func blackhole(_ text: String) throws -> KernelRoute {
    KernelRoute(prefix: try prefix(text), protocolNumber: felixRouteProtocol, type: .blackhole)
}
