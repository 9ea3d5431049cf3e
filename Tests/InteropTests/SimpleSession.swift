import TestSupport
import Testing

/// One external session over IPv4 or IPv6 that carries one route each way, told to every daemon.
struct SimpleSession: Sendable {
    /// Martlet's address and the other's.
    var ends = ["10.20.0.1", "10.20.0.2"]
    /// Password of Martlet's side and the other's.
    var passwords: [String?] = [nil, nil]

    private var isIPv4: Bool { !self.ends[0].contains(":") }
    private var family: String { self.isIPv4 ? "ipv4" : "ipv6" }
    /// The routes that Martlet and the other announce.
    var routes: [String] {
        self.isIPv4 ? ["198.51.100.0/24", "203.0.113.0/24"] : ["2001:db8:1::/48", "2001:db8:2::/48"]
    }
    /// Martlet's table.
    var table: String { self.isIPv4 ? "master4" : "master6" }

    private func bird(_ own: Int) -> String {
        let other = 1 - own
        let password = self.passwords[own].map { "password \"\($0)\";" } ?? ""
        return """
            router id 10.20.0.\(own + 1);
            protocol device {}
            protocol static one { \(self.family); route \(self.routes[own]) blackhole; }
            protocol bgp peer {
              local \(self.ends[own]) as \(64_512 + own); neighbor \(self.ends[other]) as \(64_512 + other);
              \(Interop.timers) \(password)
              \(self.family) { import all; export all; };
            }

            """
    }

    /// Configuration of Martlet.
    var martlet: String { self.bird(0) }
    /// Configuration of BIRD.
    var bird: String { self.bird(1) }

    /// Configuration of FRR.
    var frr: String {
        let martlet = self.ends[0]
        let password = self.passwords[1].map { " neighbor \(martlet) password \($0)\n" } ?? ""
        return """
            router bgp 64513
             bgp router-id 10.20.0.2
             no bgp ebgp-requires-policy
             no bgp network import-check
             neighbor \(martlet) remote-as 64512
             neighbor \(martlet) timers 3 9
             neighbor \(martlet) timers connect 2
             neighbor \(martlet) advertisement-interval 0
            \(password) address-family \(self.family) unicast
              network \(self.routes[1])
              neighbor \(martlet) activate
             exit-address-family

            """
    }

    /// Configuration of GoBGP; its route is added by `addRoute`.
    var gobgp: String {
        let password = self.passwords[1].map { "auth-password = \"\($0)\"" } ?? ""
        return """
            [global.config]
            as = 64513
            router-id = "10.20.0.2"
            [[neighbors]]
            [neighbors.config]
            neighbor-address = "\(self.ends[0])"
            peer-as = 64512
            \(password)
            [neighbors.timers.config]
            connect-retry = 2
            idle-hold-time-after-reset = 1
            hold-time = 9
            [[neighbors.afi-safis]]
            [neighbors.afi-safis.config]
            afi-safi-name = "\(self.family)-unicast"
            """
    }

    /// The command that makes GoBGP announce its route.
    var addRoute: String { "global rib add -a \(self.family) \(self.routes[1]) origin igp" }

    /// The other daemon's start, with the same outside for each of them.
    func start(_ kind: OtherDaemon, _ name: String, in namespace: Lab.Namespace, _ lab: Lab) async throws -> Other {
        switch kind {
        case .bird:
            let daemon = try await Bird.start(name, in: namespace, lab, configuration: self.bird)
            return Other(
                process: daemon.process,
                isEstablished: { try daemon.isEstablished("peer") },
                routes: { try daemon.routes(table: self.table, "protocol peer") }
            )
        case .frr:
            let daemon = try await FRR.start(name, in: namespace, lab, configuration: self.frr)
            return Other(
                process: daemon.process,
                isEstablished: { try daemon.isEstablished(self.ends[0]) },
                routes: { try daemon.routes(family: self.family).filter { $0.prefix == self.routes[0] } }
            )
        case .gobgp:
            let daemon = try await GoBGP.start(name, in: namespace, lab, configuration: self.gobgp)
            try daemon.run(self.addRoute)
            return Other(
                process: daemon.process,
                isEstablished: { try daemon.isEstablished(self.ends[0]) },
                routes: { try daemon.routes(family: self.family).filter { $0.prefix == self.routes[0] } }
            )
        }
    }

    /// What Martlet has from the other; FRR sends a MED with its networks.
    func learned(from kind: OtherDaemon) -> PeerRoute {
        PeerRoute(self.routes[1], nextHop: self.ends[1], asPath: "64513", med: kind == .frr ? 0 : nil)
    }

    /// Whether the other's view of Martlet's route is right; daemons show a LOCAL_PREF of their own or none.
    func isAnnounced(_ routes: [PeerRoute]) -> Bool {
        routes.map { [$0.prefix, $0.nextHop, $0.asPath, $0.origin] } == [
            [self.routes[0], self.ends[0], "64512", "igp"]
        ]
    }
}

/// A daemon that Martlet meets.
enum OtherDaemon: String, CaseIterable, CustomTestStringConvertible {
    case bird = "BIRD"
    case frr = "FRR"
    case gobgp = "GoBGP"

    var testDescription: String { self.rawValue }
}

/// A running one.
struct Other: Sendable {
    let process: DaemonProcess
    let isEstablished: @Sendable () throws -> Bool
    /// The routes it has from Martlet.
    let routes: @Sendable () throws -> [PeerRoute]
}
