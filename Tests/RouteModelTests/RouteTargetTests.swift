import BGPWire
import IPAddressing
import Testing

@testable import RouteModel

@Suite("Route targets")
struct RouteTargetTests {
    @Test("Only a recursive target has a BGP next hop")
    func bgpNextHop() {
        let nextHop = BGPNextHop(.v4(IPv4Address(10, 0, 0, 1)))
        #expect(RouteTarget.recursive(nextHop, interface: 0).bgpNextHop == nextHop)
        #expect(RouteTarget.gateways([Gateway(address: .v4(IPv4Address(10, 0, 0, 1)), interface: 2)]).bgpNextHop == nil)
        #expect(RouteTarget.blackhole.bgpNextHop == nil)
    }

    @Test("Local attributes differ when any one of them differs")
    func localAttributes() {
        let plain = LocalAttributes(preference: 100)
        #expect(plain == LocalAttributes(preference: 100))
        #expect(plain != LocalAttributes(preference: 101))
        #expect(plain != LocalAttributes(preference: 100, kernelMetric: 0))
        #expect(plain != LocalAttributes(preference: 100, kernelSource: 0))
        #expect(plain != LocalAttributes(preference: 100, igpMetric: 0))
    }
}
