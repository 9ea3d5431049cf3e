import IPAddressing
import Netlink
import RouteModel
import Testing

@testable import Speaker

func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }
func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
func interfaceAddress(_ text: String) throws -> AddressWithLength { try #require(AddressWithLength(text)) }

/// A unicast route; the speaker's own unless told otherwise.
func route(
    _ destination: String,
    via gateway: String,
    metric: UInt32 = 32,
    by protocolNumber: RouteProtocol = .speaker
) throws -> KernelRoute {
    KernelRoute(
        prefix: try prefix(destination),
        protocolNumber: protocolNumber,
        metric: metric,
        nextHops: [KernelNextHop(gateway: try address(gateway), interface: 2)]
    )
}

/// A kernel with `eth0` (index 2) on 192.0.2.1/24.
func kernelWithLink() throws -> FakeKernel {
    let kernel = FakeKernel()
    let index = kernel.addLink("eth0")
    kernel.addAddress(try interfaceAddress("192.0.2.1/24"), to: index)
    return kernel
}
