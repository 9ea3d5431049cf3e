import ControlAPI
import Glibc
import TestSupport
import Testing

extension Interop {
    /// Packets over routers whose daemons are killed and start again (RFC 4724).
    @Suite("Restarts without loss")
    struct RestartTests {
        /// Pings that run until they are counted: 100 a second each.
        private final class Pings: Sendable {
            private let pings: [(name: String, process: DaemonProcess)]

            /// Starts pings: from a namespace, from an address, to an address.
            init(_ lab: Lab, _ list: [(from: Lab.Namespace, source: String, destination: String)], _ name: String)
                throws
            {
                self.pings = try list.enumerated().map { index, ping in
                    (
                        "\(ping.source) to \(ping.destination)",
                        try lab.start(
                            "\(name)\(index)",
                            in: ping.from,
                            "/usr/bin/ping",
                            ["-n", "-q", "-i", "0.01", "-w", "600", "-I", ping.source, ping.destination]
                        )
                    )
                }
            }

            /// Ends them; how many were sent, and a line for each that lost any.
            func finish() async throws -> (sent: Int, losses: [String]) {
                // What is under way arrives.
                try await Task.sleep(for: .milliseconds(50))
                for ping in self.pings { ping.process.signal(SIGINT) }
                for ping in self.pings { _ = try await eventually(timeout: .seconds(5)) { !ping.process.isRunning } }
                var sent = 0
                var losses: [String] = []
                for ping in self.pings {
                    let line = ping.process.output.split(separator: "\n").first { $0.contains("packets transmitted") }
                    let numbers = (line ?? "").split(separator: " ").compactMap { Int($0) }
                    guard numbers.count >= 2 else {
                        losses.append("\(ping.name): \(ping.process.output)")
                        continue
                    }
                    sent += numbers[0]
                    if numbers[0] == 0 || numbers[1] != numbers[0] { losses.append("\(ping.name): \(line ?? "")") }
                }
                return (sent, losses)
            }
        }

        private static func answers(_ namespace: Lab.Namespace, _ source: String, _ destination: String) throws -> Bool
        {
            try namespace.run("/usr/bin/ping", "-n", "-q", "-c", "1", "-W", "1", "-I", source, destination).code == 0
        }

        private static func kill(_ process: DaemonProcess) async throws {
            process.signal(SIGKILL)
            _ = try await eventually(timeout: .seconds(5)) { !process.isRunning }
        }

        // MARK: - A router between others

        /// A Martlet router with four neighbours in namespaces of their own, each with a network of both families.
        ///
        /// Neighbour `n` is AS 6451n at 10.20.n.2 and has 203.0.n.1 and 2001:db8:n::1.
        private struct Star {
            static let names = ["bird", "frr", "gobgp", "far"]

            var lab: Lab
            var here: Lab.Namespace
            var others: [Lab.Namespace]
            var martlet: MartletProcess

            static func own(_ number: Int, isIPv4: Bool) -> String {
                isIPv4 ? "203.0.\(number).1" : "2001:db8:\(number)::1"
            }

            static var martletConfiguration: String {
                let sessions = (1...4).map { number in
                    """
                    protocol bgp \(names[number - 1])4 { local 10.20.\(number).1 as 64510; neighbor 10.20.\(number).2 as 6451\(number);
                      \(Interop.timers) graceful restart on; ipv4 { import all; export all; }; }
                    protocol bgp \(names[number - 1])6 { local fd20:\(number)::1 as 64510; neighbor fd20:\(number)::2 as 6451\(number);
                      \(Interop.timers) graceful restart on; ipv6 { import all; export all; }; }

                    """
                }
                return """
                    router id 10.20.0.1;
                    protocol device {}
                    protocol kernel { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }
                    protocol kernel { scan time 2; ipv6 { import none; export where source = RTS_BGP; }; }

                    """ + sessions.joined()
            }

            static func birdConfiguration(_ number: Int) -> String {
                """
                router id 10.20.\(number).2;
                protocol device {}
                protocol kernel { graceful restart on; ipv4 { import none; export where source = RTS_BGP; }; }
                protocol kernel { graceful restart on; ipv6 { import none; export where source = RTS_BGP; }; }
                protocol static { ipv4; route 203.0.\(number).0/24 blackhole; }
                protocol static { ipv6; route 2001:db8:\(number)::/48 blackhole; }
                protocol bgp peer { local 10.20.\(number).2 as 6451\(number); neighbor 10.20.\(number).1 as 64510;
                  \(Interop.timers) graceful restart on; ipv4 { import all; export where source = RTS_STATIC; }; }
                protocol bgp peer6 { local fd20:\(number)::2 as 6451\(number); neighbor fd20:\(number)::1 as 64510;
                  \(Interop.timers) graceful restart on; ipv6 { import all; export where source = RTS_STATIC; }; }
                """
            }

            static var frrConfiguration: String {
                func neighbor(_ address: String) -> String {
                    """
                     neighbor \(address) remote-as 64510
                     neighbor \(address) timers 3 9
                     neighbor \(address) timers connect 2
                     neighbor \(address) advertisement-interval 0

                    """
                }
                return """
                    router bgp 64512
                     bgp router-id 10.20.2.2
                     no bgp ebgp-requires-policy
                     no bgp network import-check
                     bgp graceful-restart
                     bgp graceful-restart preserve-fw-state
                    \(neighbor("10.20.2.1"))\(neighbor("fd20:2::1")) address-family ipv4 unicast
                      network 203.0.2.0/24
                      no neighbor fd20:2::1 activate
                     exit-address-family
                     address-family ipv6 unicast
                      network 2001:db8:2::/48
                      neighbor fd20:2::1 activate
                     exit-address-family

                    """
            }

            static var gobgpConfiguration: String {
                func neighbor(_ address: String, _ family: String) -> String {
                    """
                    [[neighbors]]
                    [neighbors.config]
                    neighbor-address = "\(address)"
                    peer-as = 64510
                    [neighbors.graceful-restart.config]
                    enabled = true
                    restart-time = 60
                    deferral-time = 3
                    [neighbors.timers.config]
                    connect-retry = 1
                    idle-hold-time-after-reset = 1
                    hold-time = 9
                    [[neighbors.afi-safis]]
                    [neighbors.afi-safis.config]
                    afi-safi-name = "\(family)-unicast"
                    [neighbors.afi-safis.mp-graceful-restart.config]
                    enabled = true

                    """
                }
                return """
                    [global.config]
                    as = 64513
                    router-id = "10.20.3.2"

                    """ + neighbor("10.20.3.1", "ipv4") + neighbor("fd20:3::1", "ipv6")
            }

            func startGoBGP(arguments: [String] = []) async throws -> GoBGP {
                let daemon = try await GoBGP.start(
                    "gobgp",
                    in: self.others[2],
                    self.lab,
                    configuration: Self.gobgpConfiguration,
                    arguments: arguments
                )
                try daemon.run("global rib add -a ipv4 203.0.3.0/24 origin igp")
                try daemon.run("global rib add -a ipv6 2001:db8:3::/48 origin igp")
                return daemon
            }

            /// Starts GoBGP after a crash.
            ///
            /// Its routes are told to it when it runs already: until it has them, nobody may take it for complete.
            func restartGoBGP() async throws -> GoBGP {
                let rules = [["-4", "sport"], ["-4", "dport"], ["-6", "sport"], ["-6", "dport"]]
                func change(_ verb: String) throws {
                    for rule in rules {
                        let result = try self.others[2].run(
                            "/usr/sbin/ip",
                            [rule[0], "rule", verb, "pref", "1", "ipproto", "tcp", rule[1], "179", "prohibit"]
                        )
                        guard result.code == 0 else { throw Command.Failure("ip rule \(verb): \(result)") }
                    }
                }
                try change("add")
                let daemon = try await self.startGoBGP(arguments: ["-r"])
                try change("del")
                return daemon
            }

            func startMartlet() async throws -> MartletProcess {
                try await MartletProcess.start(
                    "martlet",
                    in: self.here,
                    self.lab,
                    configuration: Self.martletConfiguration
                )
            }

            /// Waits until all sessions of Martlet are up and every neighbour said End-of-RIB.
            func requireSessions() async throws {
                try await self.lab.require("all sessions are up and synchronized", timeout: .seconds(40)) {
                    try await self.martlet.withClient { try await $0.neighbors() }.allSatisfy {
                        $0.state == .established && $0.routes.received > 0 && $0.families[0].staleRoutes == nil
                    }
                }
            }

            /// Pings from the first three to the fourth.
            func pings(_ name: String) throws -> Pings {
                try Pings(
                    self.lab,
                    (1...3).flatMap { number in
                        [true, false].map {
                            (
                                self.others[number - 1], Self.own(number, isIPv4: $0), Self.own(4, isIPv4: $0)
                            )
                        }
                    },
                    name
                )
            }

            /// Waits until a ping of each of them is answered.
            func requirePaths() async throws {
                for (number, isIPv4) in [(1, true), (1, false), (2, true), (2, false), (3, true), (3, false)] {
                    let (from, to) = (Self.own(number, isIPv4: isIPv4), Self.own(4, isIPv4: isIPv4))
                    try await self.lab.require("\(from) reaches \(to)") {
                        try RestartTests.answers(self.others[number - 1], from, to)
                    }
                }
            }
        }

        private static func withStar(_ body: (inout Star, Bird, FRR, GoBGP) async throws -> Void) async throws {
            try await Lab.run { lab in
                let here = try lab.addNamespace()
                try here.run("/usr/sbin/sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
                var others: [Lab.Namespace] = []
                for number in 1...4 {
                    let there = try lab.addNamespace()
                    try lab.connect(
                        here,
                        ["10.20.\(number).1/24", "fd20:\(number)::1/64"],
                        there,
                        ["10.20.\(number).2/24", "fd20:\(number)::2/64"]
                    )
                    try there.ip(
                        "address add \(Star.own(number, isIPv4: true))/32 dev lo",
                        "address add \(Star.own(number, isIPv4: false))/128 dev lo nodad"
                    )
                    others.append(there)
                }
                // GoBGP has no routes in the kernel.
                try others[2].ip(
                    "route add 203.0.4.0/24 via 10.20.3.1",
                    "route add 2001:db8:4::/48 via fd20:3::1"
                )
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: Star.martletConfiguration
                )
                var star = Star(lab: lab, here: here, others: others, martlet: martlet)
                _ = try await Bird.start("far", in: others[3], lab, configuration: Star.birdConfiguration(4))
                let bird = try await Bird.start("bird", in: others[0], lab, configuration: Star.birdConfiguration(1))
                let frr = try await FRR.start(
                    "frr",
                    in: others[1],
                    lab,
                    configuration: Star.frrConfiguration,
                    installs: true
                )
                let gobgp = try await star.startGoBGP()
                try await star.requireSessions()
                try await star.requirePaths()
                try await body(&star, bird, frr, gobgp)
            }
        }

        @Test("Killed twice in a minute and started again between BIRD, FRR and GoBGP, Martlet loses no packet")
        func restarter() async throws {
            try await Self.withStar { star, _, _, _ in
                let pings = try star.pings("ping")
                for round in 0..<(longTestsAreWanted ? 12 : 2) {
                    // Once as by a package that is upgraded, else without a word.
                    if round % 3 == 2 {
                        star.martlet.process.signal(SIGTERM)
                        let process = star.martlet.process
                        _ = try await eventually(timeout: .seconds(10)) { !process.isRunning }
                    } else {
                        try await Self.kill(star.martlet.process)
                    }
                    star.martlet = try await star.startMartlet()
                    try await star.requireSessions()
                    let neighbors = try await star.martlet.withClient { try await $0.neighbors() }
                    for neighbor in neighbors {
                        let local = try #require(neighbor.gracefulRestart?.local, "\(neighbor.name)")
                        #expect(local.restarted && local.families.allSatisfy(\.forwardingPreserved), "\(neighbor.name)")
                    }
                    // Leftovers in the kernel are swept a second after the last End-of-RIB.
                    try await Task.sleep(for: .seconds(longTestsAreWanted ? 5 : 2))
                }
                let result = try await pings.finish()
                #expect(result.losses == [])
                #expect(result.sent > 1000)
            }
        }

        @Test("While BIRD, FRR and GoBGP are killed and start again, Martlet loses no packet on the way to them")
        func helper() async throws {
            try await Self.withStar { star, bird, frr, gobgp in
                // What the neighbours themselves send must not depend on their daemons here.
                for number in 1...2 {
                    try star.others[number - 1].ip(
                        "route replace 203.0.4.0/24 via 10.20.\(number).1 metric 0",
                        "route replace 2001:db8:4::/48 via fd20:\(number)::1 metric 1"
                    )
                }
                let pings = try star.pings("ping")
                var (bird, frr, gobgp) = (bird, frr, gobgp)
                for _ in 0..<(longTestsAreWanted ? 4 : 1) {
                    for process in [bird.process, frr.process, gobgp.process] { try await Self.kill(process) }
                    let martlet = star.martlet
                    try await star.lab.require("Martlet keeps the routes of all three") {
                        let neighbors = try await martlet.withClient { try await $0.neighbors() }
                        return neighbors.filter { $0.families[0].staleWait == .restart }.count == 6
                    }
                    bird = try await Bird.start(
                        "bird",
                        in: star.others[0],
                        star.lab,
                        configuration: Star.birdConfiguration(1),
                        arguments: ["-R"]
                    )
                    frr = try await frr.restarted(in: star.others[1], star.lab)
                    gobgp = try await star.restartGoBGP()
                    try await star.requireSessions()
                }
                let result = try await pings.finish()
                #expect(result.losses == [])
                #expect(result.sent > 600)
            }
        }

        // MARK: - A mesh

        /// Nodes on one network, each with a session to every other one and a network of its own.
        private struct Mesh {
            var lab: Lab
            var nodes: [Lab.Namespace] = []
            var martlets: [MartletProcess] = []
            let count: Int

            static func configuration(_ own: Int, of count: Int) -> String {
                let sessions = (1...count).filter { $0 != own }.map { other in
                    """
                    protocol bgp n\(other)v4 { local 10.20.0.\(own) as 64512; neighbor 10.20.0.\(other) as 64512; direct;
                      \(Interop.timers) graceful restart on; ipv4 { import all; export all; next hop self; }; }
                    protocol bgp n\(other)v6 { local fd20::\(own) as 64512; neighbor fd20::\(other) as 64512; direct;
                      \(Interop.timers) graceful restart on; ipv6 { import all; export all; next hop self; }; }

                    """
                }
                return """
                    router id 10.20.0.\(own);
                    protocol device {}
                    protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
                    protocol kernel { ipv6 { import none; export where source = RTS_BGP; }; }
                    protocol static { ipv4; route 203.0.\(own).0/24 blackhole; }
                    protocol static { ipv6; route 2001:db8:\(own)::/48 blackhole; }

                    """ + sessions.joined()
            }

            mutating func start() async throws {
                let (lab, nodes, count) = (self.lab, self.nodes, self.count)
                self.martlets = try await withThrowingTaskGroup(of: (Int, MartletProcess).self) { group in
                    for index in nodes.indices {
                        group.addTask {
                            let martlet = try await MartletProcess.start(
                                "node\(index + 1)",
                                in: nodes[index],
                                lab,
                                configuration: Self.configuration(index + 1, of: count)
                            )
                            return (index, martlet)
                        }
                    }
                    var result: [(Int, MartletProcess)] = []
                    for try await item in group { result.append(item) }
                    return result.sorted { $0.0 < $1.0 }.map(\.1)
                }
                let martlets = self.martlets
                try await self.lab.require("the mesh is up") {
                    for martlet in martlets {
                        let neighbors = try await martlet.withClient { try await $0.neighbors() }
                        guard neighbors.allSatisfy({ $0.state == .established && $0.families[0].endOfRIB == true })
                        else {
                            return false
                        }
                    }
                    return true
                }
            }
        }

        @Test("A mesh of Martlets that are all killed and start again together, twice in a minute, loses no packet")
        func mesh() async throws {
            try await Lab.run { lab in
                var mesh = Mesh(lab: lab, count: longTestsAreWanted ? 6 : 3)
                let hub = try lab.addNamespace()
                try lab.addBridge("fabric", in: hub)
                for number in 1...mesh.count {
                    let node = try lab.addNamespace()
                    let link = try lab.connect(hub, [], node, ["10.20.0.\(number)/24", "fd20::\(number)/64"])
                    try hub.ip("link set \(link) master fabric")
                    try node.ip(
                        "address add 203.0.\(number).1/32 dev lo",
                        "address add 2001:db8:\(number)::1/128 dev lo nodad"
                    )
                    mesh.nodes.append(node)
                }
                try await mesh.start()
                var list: [(from: Lab.Namespace, source: String, destination: String)] = []
                for own in 1...mesh.count {
                    let other = own % mesh.count + 1
                    list.append((mesh.nodes[own - 1], "203.0.\(own).1", "203.0.\(other).1"))
                    list.append((mesh.nodes[own - 1], "2001:db8:\(own)::1", "2001:db8:\(other)::1"))
                }
                for ping in list {
                    try await lab.require("\(ping.source) reaches \(ping.destination)") {
                        try Self.answers(ping.from, ping.source, ping.destination)
                    }
                }
                let pings = try Pings(lab, list, "ping")
                for _ in 0..<(longTestsAreWanted ? 8 : 2) {
                    for martlet in mesh.martlets { martlet.process.signal(SIGKILL) }
                    for martlet in mesh.martlets {
                        _ = try await eventually(timeout: .seconds(5)) { !martlet.process.isRunning }
                    }
                    try await mesh.start()
                    try await Task.sleep(for: .seconds(2))
                }
                let result = try await pings.finish()
                #expect(result.losses == [])
                #expect(result.sent > 1000)
            }
        }
    }
}
