import BGPWire
import IPAddressing
import Netlink
import Policy
import RouteModel
import SpeakerSettings
import Testing

@testable import Speaker

/// `lo`, `eth0` (2) with 192.0.2.1/24 and `eth1` (3) with 198.51.100.1/25.
func hostInterfaces() throws -> InterfaceTable {
    var table = InterfaceTable()
    let links = [
        Link(index: 1, name: "lo", isLoopback: true), Link(index: 2, name: "eth0"), Link(index: 3, name: "eth1"),
    ]
    let addresses = [
        LinkAddress(interface: 1, address: try interfaceAddress("127.0.0.1/8")),
        LinkAddress(interface: 2, address: try interfaceAddress("192.0.2.1/24")),
        LinkAddress(interface: 3, address: try interfaceAddress("198.51.100.1/25")),
    ]
    let changes1 = table.replace(links: links, addresses: addresses)
    #expect(changes1)
    return table
}

@Suite("Interfaces")
struct InterfaceTableTests {
    @Test("Events change the table, and say whether they did")
    func events() throws {
        var table = try hostInterfaces()
        let added = LinkAddress(interface: 2, address: try interfaceAddress("10.1.0.1/16"))
        let changes2 = table.apply(.addressAdded(added))
        #expect(changes2)
        let changes3 = table.apply(.addressAdded(added))
        #expect(!changes3)
        #expect(table.isLocal(try address("10.1.0.1")))
        let changes4 = table.apply(.addressRemoved(added))
        #expect(changes4)
        #expect(!table.isLocal(try address("10.1.0.1")))
        let changes5 = table.apply(.linkRemoved(Link(index: 3, name: "eth1")))
        #expect(changes5)
        #expect(!table.isLocal(try address("198.51.100.1")))
        #expect(table.index(named: "eth1") == nil)
    }

    @Test("The most specific network of a link that is up reaches a neighbour")
    func reaching() throws {
        var table = try hostInterfaces()
        #expect(table.interface(reaching: try address("192.0.2.77")) == 2)
        #expect(table.interface(reaching: try address("203.0.113.1")) == nil)
        let narrow = LinkAddress(interface: 3, address: try interfaceAddress("192.0.2.65/26"))
        let changes6 = table.apply(.addressAdded(narrow))
        #expect(changes6)
        #expect(table.interface(reaching: try address("192.0.2.77")) == 3)
        let changes7 = table.apply(.linkChanged(Link(index: 3, name: "eth1", isOperUp: false)))
        #expect(changes7)
        #expect(table.interface(reaching: try address("192.0.2.77")) == 2)
    }

    @Test("Addresses of services on the loopback interface are networks, those that every host has are not")
    func loopback() throws {
        var table = try hostInterfaces()
        for text in ["203.0.113.53/32", "2001:db8::53/128", "::1/128", "fe80::1/64"] {
            let changes = table.apply(.addressAdded(LinkAddress(interface: 1, address: try interfaceAddress(text))))
            #expect(changes)
        }
        let chosen = [InterfacePattern(isNegative: false, glob: "lo")]
        #expect(table.connectedNetworks(chosen, isIPv4: true) == [try prefix("203.0.113.53/32"): 1])
        #expect(table.connectedNetworks(chosen, isIPv4: false) == [try prefix("2001:db8::53/128"): 1])
        #expect(table.connectedNetworks([], isIPv4: true)[try prefix("203.0.113.53/32")] == 1)
        // They lead to no neighbour.
        #expect(table.connectedNetworks(chosen, isIPv4: true, withLoopback: false) == [:])
    }

    @Test("Networks of 169.254.0.0/16, as tunnels have them, are networks; those of 127.0.0.0/8 are not")
    func linkLocal() throws {
        var table = InterfaceTable()
        let changes = table.replace(
            links: [Link(index: 2, name: "vti0")],
            addresses: [
                LinkAddress(interface: 2, address: try interfaceAddress("169.254.10.2/30")),
                LinkAddress(interface: 2, address: try interfaceAddress("127.5.0.1/24")),
            ]
        )
        #expect(changes)
        #expect(
            table.connectedNetworks([], isIPv4: true, withLoopback: false) == [try prefix("169.254.10.0/30"): 2]
        )
    }

    @Test("Connected networks are those of chosen links that are up")
    func connected() throws {
        var table = try hostInterfaces()
        let all = try [prefix("192.0.2.0/24"): UInt32(2), prefix("198.51.100.0/25"): 3]
        #expect(table.connectedNetworks([], isIPv4: true) == all)
        let patterns = [
            InterfacePattern(isNegative: true, glob: "eth1"), InterfacePattern(isNegative: false, glob: "*"),
        ]
        #expect(table.connectedNetworks(patterns, isIPv4: true) == [try prefix("192.0.2.0/24"): 2])
        let changes8 = table.apply(.linkChanged(Link(index: 2, name: "eth0", isOperUp: false)))
        #expect(changes8)
        #expect(table.connectedNetworks([], isIPv4: true) == [try prefix("198.51.100.0/25"): 3])
    }

    @Test(
        "Glob patterns match like a shell's",
        arguments: [
            ("eth*", "eth0", true), ("eth?", "eth10", false), ("*", "", true), ("cali*x", "calixyx", true),
            ("eth0", "eth", false), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-b-b", false),
        ]
    )
    func globs(pattern: String, name: String, matches: Bool) {
        #expect(globMatches(pattern[...], name[...]) == matches)
    }

    @Test(
        "'router id from' takes the lowest first address of a network on chosen interfaces that are up, as BIRD does",
        arguments: [
            ("\"d0\"", "10.5.0.7"), ("\"lo\"", "9.9.9.9"), ("\"*\"", "9.9.9.9"), ("-\"lo\" \"*\"", "10.5.0.7"),
            ("\"d1\"", "10.9.0.1"), ("\"e0\"", nil), ("10.9.0.0/16", "10.9.0.1"), ("\"nope\"", nil),
            ("-\"d0\" 10.0.0.0/8", "10.9.0.1"), ("-\"lo\"", nil), ("\"d1\" \"d0\"", "10.5.0.7"),
        ] as [(String, String?)]
    )
    func routerIDFrom(text: String, expected: String?) throws {
        var table = InterfaceTable()
        let links = [
            Link(index: 1, name: "lo", isLoopback: true), Link(index: 2, name: "d0"), Link(index: 3, name: "d1"),
            Link(index: 4, name: "e0", isAdminUp: false, isOperUp: false),
        ]
        let addresses = [
            LinkAddress(interface: 1, address: try interfaceAddress("127.0.0.1/8")),
            LinkAddress(interface: 1, address: try interfaceAddress("9.9.9.9/32")),
            LinkAddress(interface: 2, address: try interfaceAddress("10.5.0.7/24")),
            LinkAddress(interface: 2, address: try interfaceAddress("10.5.0.3/24"), flags: 0x81),
            LinkAddress(interface: 3, address: try interfaceAddress("10.9.0.1/24")),
            LinkAddress(interface: 3, address: try interfaceAddress("169.254.1.1/24")),
            LinkAddress(interface: 4, address: try interfaceAddress("8.1.1.1/24")),
        ]
        let changes = table.replace(links: links, addresses: addresses)
        #expect(changes)
        let patterns = try text.split(separator: " ").map { part in
            let word = part.drop { $0 == "-" }
            return InterfacePattern(
                isNegative: part.hasPrefix("-"),
                glob: word.hasPrefix("\"") ? word.filter { $0 != "\"" } : nil,
                prefix: word.hasPrefix("\"") ? nil : try prefix(String(word))
            )
        }
        #expect(try table.candidateRouterID(patterns) == expected.map { try #require(RouterID($0)) })
    }

    @Test("The router id is the lowest address that is no loopback's")
    func routerID() throws {
        #expect(try hostInterfaces().candidateRouterID == RouterID("192.0.2.1"))
        #expect(InterfaceTable().candidateRouterID == nil)
    }
}

@Suite("Static routes")
struct StaticRoutesTests {
    func active(_ hops: [StaticRouteSettings.NextHop], _ table: InterfaceTable) throws -> RouteTarget? {
        let destination = try prefix("10.0.0.0/24")
        let channel = ChannelSettings(
            family: .ipv4Unicast,
            table: "master4",
            importPolicy: .acceptAll,
            exportPolicy: .rejectAll,
            preference: 200
        )
        let settings = StaticSettings(
            common: CommonSettings(name: "static1"),
            channel: channel,
            routes: [StaticRouteSettings(prefix: destination, target: .via(hops))]
        )
        return StaticRoutes.active(settings, table)[destination]?.target
    }

    @Test("A gateway needs a connected network")
    func gateway() throws {
        let table = try hostInterfaces()
        let near = try address("192.0.2.9")
        #expect(
            try self.active([.init(address: near, interfaceName: nil)], table)
                == .gateways([Gateway(address: near, interface: 2)])
        )
        #expect(try self.active([.init(address: address("203.0.113.1"), interfaceName: nil)], table) == nil)
        #expect(try self.active([.init(address: near, interfaceName: "eth1")], table) == nil)
    }

    @Test("Legs keep their weights; those without a neighbour are left out")
    func weights() throws {
        let table = try hostInterfaces()
        let (a, b) = (try address("192.0.2.9"), try address("198.51.100.9"))
        let hops: [StaticRouteSettings.NextHop] = [
            .init(address: a, interfaceName: nil, weight: 3), .init(address: b, interfaceName: nil, weight: 2),
            .init(address: try address("203.0.113.1"), interfaceName: nil),
        ]
        #expect(
            try self.active(hops, table)
                == .gateways([
                    Gateway(address: a, interface: 2, weight: 3), Gateway(address: b, interface: 3, weight: 2),
                ])
        )
    }

    @Test("An onlink gateway needs no network, only its interface")
    func onlink() throws {
        let far = try address("203.0.113.1")
        #expect(
            try self.active([.init(address: far, interfaceName: "eth1", onlink: true)], hostInterfaces())
                == .gateways([Gateway(address: far, interface: 3, onlink: true)])
        )
        #expect(try self.active([.init(address: far, interfaceName: "eth9", onlink: true)], hostInterfaces()) == nil)
    }

    @Test("A route by interface comes and goes with the link")
    func byInterface() throws {
        var table = try hostInterfaces()
        let hops: [StaticRouteSettings.NextHop] = [.init(address: nil, interfaceName: "eth0")]
        let target = RouteTarget.gateways([Gateway(address: nil, interface: 2)])
        #expect(try self.active(hops, table) == target)
        let changes9 = table.apply(.linkChanged(Link(index: 2, name: "eth0", isOperUp: false)))
        #expect(changes9)
        #expect(try self.active(hops, table) == nil)
        let changes10 = table.apply(.linkChanged(Link(index: 2, name: "eth0")))
        #expect(changes10)
        #expect(try self.active(hops, table) == target)
    }
}

@Suite("Socket endpoints")
struct SocketEndpointTests {
    @Test("Text shows brackets and scope where they belong")
    func text() throws {
        #expect(SocketEndpoint(address: try address("192.0.2.1"), port: 179).description == "192.0.2.1:179")
        #expect(SocketEndpoint(address: try address("2001:db8::1"), port: 1).description == "[2001:db8::1]:1")
        #expect(SocketEndpoint(address: try address("fe80::1"), scope: 3, port: 1).description == "[fe80::1%3]:1")
    }

    @Test("A socket address of either family reads back as written", arguments: ["192.0.2.1", "2001:db8::1"])
    func roundTrip(text: String) throws {
        let endpoint = SocketEndpoint(address: try address(text), port: 1790)
        #expect(try SocketEndpoint(endpoint.socketAddress()) == endpoint)
    }
}
