import BGPWire
import ControlAPI
import Foundation
import IPAddressing
import Testing

@testable import NodeCore

@Suite("Attributes of shown routes")
struct RouteAttributeTests {
    /// Every type that a canonical set may have, each with a value of its own.
    private static let values: [(type: PathAttributeType, octets: [UInt8])] = [
        (.origin, [1]), (.asPath, [2, 1, 0, 0, 0xFD, 0xE9]), (.multiExitDiscriminator, [0, 0, 0, 7]),
        (.localPreference, [0, 0, 0, 8]), (.atomicAggregate, []),
        (.aggregator, [0, 0, 0xFD, 0xEA, 192, 0, 2, 1]), (.communities, [0xFD, 0xE8, 0, 1]),
        (.originatorID, [192, 0, 2, 2]), (.clusterList, [192, 0, 2, 3]),
        (.extendedCommunities, [0, 2, 0xFD, 0xE8, 0, 0, 0, 5]), (.pmsiTunnel, [0, 0]), (.tunnelEncapsulation, [1]),
        (.trafficEngineering, [2]), (.ipv6ExtendedCommunities, [3]), (.aigp, [1, 0, 11, 0, 0, 0, 1, 0, 0, 0, 2]),
        (.linkState, [4]), (.largeCommunities, [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        (.onlyToCustomer, [0, 0, 0xFD, 0xEB]), (.prefixSID, [5]), (PathAttributeType(rawValue: 99), [0xAB]),
    ]

    private func route(_ attributes: PathAttributes) -> Route {
        var route = Route(
            prefix: .v4(IPv4Prefix(address: .any, length: 0)),
            table: "t",
            best: true,
            source: .bgp,
            protocolName: "p",
            preference: 100
        )
        route.set(attributes)
        return route
    }

    private func fields(_ route: Route) throws -> [String: String] {
        let object = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(route))
        return try #require(object as? [String: Any]).mapValues { "\($0)" }
    }

    @Test("Each attribute, known or not, makes a difference in the JSON form")
    func each() throws {
        let empty = try self.fields(self.route(PathAttributes()))
        for (type, octets) in Self.values {
            var attributes = PathAttributes()
            attributes.set(type, flags: [.optional, .transitive], value: octets)
            #expect(try self.fields(self.route(attributes)) != empty, "\(type)")
        }
    }

    @Test("A route with all attributes says the value of each")
    func all() throws {
        var attributes = PathAttributes()
        for (type, octets) in Self.values {
            attributes.set(
                type,
                flags: type.rawValue == 99 ? [.optional, .transitive, .partial] : .transitive,
                value: octets
            )
        }
        attributes.set(.local, flags: [], value: [1, 2, 3])
        let route = self.route(attributes)
        #expect(route.origin == .egp && route.asPathText == "65001" && route.med == 7 && route.localPref == 8)
        #expect(route.atomicAggregate)
        #expect(route.aggregator == .init(number: 65_002, id: RouterID(rawValue: 0xC000_0201)))
        #expect(route.communities == ["65000:1"] && route.largeCommunities == ["1:2:3"])
        #expect(route.extendedCommunities == ["rt:65000:5"])
        #expect(route.originatorID?.description == "192.0.2.2" && route.clusterList.map(\.description) == ["192.0.2.3"])
        #expect(route.aigp == 0x1_0000_0002 && route.onlyToCustomer == 65_003)
        #expect(
            route.otherAttributes.map { "\($0.name) \($0.type) \($0.value) \($0.partial)" } == [
                "PMSI_TUNNEL 22 0000 false", "TUNNEL_ENCAPSULATION 23 01 false", "TRAFFIC_ENGINEERING 24 02 false",
                "IPV6_EXTENDED_COMMUNITIES 25 03 false", "BGP_LS 29 04 false", "PREFIX_SID 40 05 false",
                "attribute 99 99 ab true",
            ]
        )
    }

    @Test("An AIGP attribute without a metric is shown as it is")
    func noMetric() {
        var attributes = PathAttributes()
        attributes.set(.aigp, flags: .optional, value: [2, 0, 4, 9])
        let route = self.route(attributes)
        #expect(route.aigp == nil)
        #expect(route.otherAttributes.map(\.value) == ["02000409"])
    }
}
