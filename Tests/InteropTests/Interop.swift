import ControlAPI
import Glibc
import TestSupport
import Testing

/// Sessions with other daemons in network namespaces.
///
/// One test at a time: each runs several daemons whose timers must hold.
@Suite("Interoperation", .serialized, .enabled(if: geteuid() == 0, "network namespaces need root"))
enum Interop {
    /// Options every session has here, so that a lost one is back within seconds.
    static let timers = """
        hold time 9; connect delay time 1; connect retry time 2; error wait time 1, 2; error forget time 1;
        """

    /// Addresses of Martlet (`.1`) and the other speaker (`.2`).
    static let link4 = ["10.20.0.1/24", "10.20.0.2/24"]
    /// The same for IPv6.
    static let link6 = ["fd20::1/64", "fd20::2/64"]

    /// The same without lengths.
    static let addresses4 = ["10.20.0.1", "10.20.0.2"]
    static let addresses6 = ["fd20::1", "fd20::2"]

    /// Two namespaces with a link between them that has addresses of both families.
    static func pair(_ lab: Lab) throws -> (martlet: Lab.Namespace, other: Lab.Namespace) {
        let (first, second) = (try lab.addNamespace(), try lab.addNamespace())
        try lab.connect(first, [self.link4[0], self.link6[0]], second, [self.link4[1], self.link6[1]])
        return (first, second)
    }

    /// Runs Martlet and BIRD, each with its `router id` and the protocols given, until their session `peer` is up.
    static func withBird(
        martlet: String,
        bird: String,
        _ body: (Lab, MartletProcess, Bird) async throws -> Void
    ) async throws {
        try await Lab.run { lab in
            let (here, there) = try self.pair(lab)
            let first = try await MartletProcess.start(
                "martlet",
                in: here,
                lab,
                configuration: "router id 10.20.0.1;\nprotocol device {}\n" + martlet
            )
            let second = try await Bird.start(
                "bird",
                in: there,
                lab,
                configuration: "router id 10.20.0.2;\nprotocol device {}\n" + bird
            )
            try await self.requireSession(lab, first, second)
            try await body(lab, first, second)
        }
    }

    /// Waits until both ends call the session `peer` established.
    static func requireSession(_ lab: Lab, _ martlet: MartletProcess, _ bird: Bird) async throws {
        try await lab.require("the session is established") {
            guard try bird.isEstablished("peer") else { return false }
            return try await martlet.isEstablished("peer")
        }
    }

    /// The routes of a protocol of BIRD as soon as there are `count` of them; what there is after the patience otherwise.
    static func routes(
        of bird: Bird,
        _ protocolName: String = "peer",
        table: String = "master4",
        count: Int
    ) async throws -> [PeerRoute] {
        _ = try await eventually(timeout: .seconds(10)) {
            try bird.routes(table: table, "protocol \(protocolName)").count == count
        }
        return try bird.routes(table: table, "protocol \(protocolName)")
    }

    /// The accepted routes in a table of Martlet that came by BGP, likewise.
    ///
    /// External ones show the LOCAL_PREF that counts; what was refused, such as a loop, is not among them.
    static func routes(
        of martlet: MartletProcess,
        table: String = "master4",
        count: Int
    ) async throws -> [PeerRoute] {
        func learned() async throws -> [PeerRoute] {
            let routes = try await martlet.withClient { try await $0.routes(RouteQuery(table: table)) }
            return PeerRoute.ordered(
                routes.filter { $0.source == .bgp && $0.rejected == nil }.map { PeerRoute($0) }
            ).map { route in
                var route = route
                route.localPref = route.localPref ?? 100
                return route
            }
        }
        _ = try await eventually(timeout: .seconds(10)) { try await learned().count == count }
        return try await learned()
    }
}

extension PeerRoute {
    /// A route with attributes, preferred and of origin IGP unless told otherwise.
    init(
        _ prefix: String,
        nextHop: String,
        asPath: String = "",
        localPref: UInt32? = 100,
        med: UInt32? = nil,
        origin: String = "igp",
        communities: [String] = [],
        largeCommunities: [String] = [],
        originatorID: String? = nil,
        clusterList: [String] = [],
        best: Bool = true
    ) {
        self.init(prefix: prefix, best: best)
        self.nextHop = nextHop
        self.asPath = asPath
        self.localPref = localPref
        self.med = med
        self.origin = origin
        self.communities = communities
        self.largeCommunities = largeCommunities
        self.originatorID = originatorID
        self.clusterList = clusterList
    }
}
