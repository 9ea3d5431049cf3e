import ControlAPI
import ControlServer
import Foundation
import Glibc
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import BGPCtlCommands

@Suite("bgpctl")
struct BGPCtlTests {
    struct Run: Equatable {
        var code: Int32
        var output: String
        var errors: String
    }

    /// Runs bgpctl against a server of its own with a made-up speaker behind it.
    private func bgpctl(_ arguments: String..., backend: SyntheticBackend = SyntheticBackend()) async throws -> Run {
        try await self.bgpctl(arguments, backend: backend)
    }

    private func bgpctl(_ arguments: [String], backend: SyntheticBackend) async throws -> Run {
        var template = Array("/tmp/mtctlXXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/s.sock"
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ready, continuation) = AsyncStream<Void>.makeStream()
        let server = ControlServer(
            socketPath: path,
            backend: backend,
            logger: logger,
            onListening: { continuation.yield() }
        )
        let services = ServiceGroup(services: [server], logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { continuation.finish() }
                try await services.run()
            }
            for await _ in ready { break }
            let run = await Self.run(arguments, environment: ["MARTLET_SOCKET": path])
            await services.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return run
        }
    }

    private static func run(_ arguments: [String], environment: [String: String] = [:]) async -> Run {
        let output = Console()
        let errors = Console()
        let code = await BGPCtl.run(
            arguments: arguments,
            environment: environment,
            output: output,
            errors: errors
        )
        return Run(code: code, output: output.text, errors: errors.text)
    }

    @Test("A dump has its name once it is whole; one that is cut off leaves nothing behind")
    func dump() async throws {
        var template = Array("/tmp/mtdumpXXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder) }
        let file = folder + "/t.mrt"
        let cut = try await self.bgpctl("dump", "mrt", file, backend: SyntheticBackend(routeCount: 9, failingPage: 4))
        #expect(cut.code == 2)
        #expect(try files() == [])
        let run = try await self.bgpctl("dump", "mrt", file, backend: SyntheticBackend(routeCount: 9))
        #expect(run == Run(code: 0, output: "\(file): 90 octets\n", errors: ""))
        #expect(try Data(contentsOf: URL(filePath: file)).count == 90)
        #expect(try await self.bgpctl("dump", "mrt", file, "--table", "other").code == 1)
        #expect(try files() == ["t.mrt"])
        #expect(try Data(contentsOf: URL(filePath: file)).count == 90)
        #expect(try await self.bgpctl("dump", "mrt", folder + "/no/t.mrt").code == 1)
        #expect(try await self.bgpctl("dump", "mrt", file, "--family", "ipx").code == 64)
        #expect(
            try await self.bgpctl("dump", "mrt", "-").output == "\0\0\0\0\0\0\0\0\0\0"
                + String(
                    repeating: "\u{1}",
                    count: 10
                ) + String(repeating: "\u{2}", count: 10)
        )
    }

    @Test("show status prints the speaker, its tables and its protocols")
    func status() async throws {
        let run = try await self.bgpctl("show", "status")
        #expect(run.errors == "")
        #expect(
            run.output == """
                Martlet 1.2.3, router ID 192.0.2.1, up 1d 02:03:04 since 2026-01-02T03:04:05.000Z
                Ready:          yes
                Configuration:  /etc/martlet/speaker.conf
                Last load:      applied at 2026-01-02T03:04:05.000Z: 2 protocols added
                Memory:         12.2 MiB

                TABLE    FAMILY  ROUTES  PATHS
                master4  ipv4         3      3
                master6  ipv6         0      0

                PROTOCOL  KIND    STATE  SINCE                     TABLES           DETAILS
                peer1     bgp     up     2026-01-02T03:04:05.000Z  master4,master6  Established
                kernel4   kernel  up     2026-01-02T03:04:05.000Z  master4

                """
        )
    }

    @Test("show neighbors prints one line each, with control characters made harmless")
    func neighbors() async throws {
        let run = try await self.bgpctl("show", "neighbors")
        let up =
            "NEIGHBOR  ADDRESS              AS  STATE        UP        RECEIVED  ACCEPTED  BEST  EXPORTED  LAST ERROR"
        #expect(
            run.output == """
                \(up)
                peer1     192.0.2.2    4200000000  Established  01:01:01        10         9     8         7
                peer2     2001:db8::2         any  Idle         -                0         0     0         0  \
                error wait 60 s; received: Cease: Administrative Shutdown \u{FFFD}[2J at 2026-01-02T03:04:05.000Z

                """
        )
    }

    @Test("show neighbors NAME prints everything about one neighbour")
    func neighborDetails() async throws {
        let run = try await self.bgpctl("show", "neighbors", "peer1")
        #expect(
            run.output == """
                Neighbor:             peer1
                Description:          upstream
                State:                Established
                Established:          2026-01-02T03:04:05.000Z, 01:01:01 ago
                Address:              192.0.2.2 port 179
                Local address:        192.0.2.1
                AS:                   local 64512, neighbor 4200000000, external
                Router ID:            192.0.2.2
                Timers:               hold 90 s, keepalive 30 s
                Restart:              local helper, long-lived; neighbor restarted, ipv4 (120 s, then 3600 s as a last \
                resort, forwarding), long-lived; also over NOTIFICATIONs
                Sessions:             1 since the start
                Local capabilities:   ipv4, route refresh
                Remote capabilities:  ipv4

                FAMILY  TABLE    NEGOTIATED  RECEIVED  ACCEPTED  BEST  EXPORTED  STALE  END OF RIB  WAITS FOR
                ipv4    master4  yes               10         9     8         7      3  no          end-of-rib 42 s

                MESSAGES  OPEN  UPDATE  NOTIFICATION  KEEPALIVE  ROUTE REFRESH
                sent         1       2             0          3              0
                received     1       4             0          5              6

                """
        )
    }

    @Test("show neighbors NAME tells the last NOTIFICATION apart from the last error")
    func lastNotification() async throws {
        let run = try await self.bgpctl("show", "neighbors", "peer2")
        let line =
            "NOTIFICATION received:  Cease: Administrative Shutdown \u{FFFD}[2J (6/2) at 2026-01-02T03:04:05.000Z"
        #expect(run.output.split(separator: "\n").contains { $0 == line }, "\(run.output)")
    }

    @Test("show routes --attributes prints all attributes of each route below it")
    func routeAttributes() async throws {
        let run = try await self.bgpctl("show", "routes", "--attributes", "10.0.0.1/32")
        #expect(
            run.output.split(separator: "\n").dropFirst(2) == [
                "    ORIGIN: igp", "    AS_PATH: 4200000000 65001", "    NEXT_HOP: 192.0.2.2", "    LOCAL_PREF: 100",
                "    COMMUNITIES: 64512:1",
            ]
        )
        #expect(
            SyntheticBackend.sampleRoutes()[1].attributeLines == [
                "ORIGIN: incomplete", "AS_PATH: 1 {2 3} (4) ({5 6})", "NEXT_HOP: fe80::1", "MULTI_EXIT_DISC: 0",
                "LOCAL_PREF: 4294967295", "ATOMIC_AGGREGATE:", "AGGREGATOR: AS64513 192.0.2.7",
                "COMMUNITIES: 1:2 65535:65535", "ORIGINATOR_ID: 255.0.10.1", "CLUSTER_LIST: 0.0.0.1 0.0.0.2",
                "EXTENDED_COMMUNITIES: rt:1:2", "AIGP: 18446744073709551615", "LARGE_COMMUNITY: 1:2:3",
                "ONLY_TO_CUSTOMER: AS65001", "attribute 99 (99): 0x00ff [partial]", "PREFIX_SID (40): 0x",
            ]
        )
    }

    @Test("show routes prints aligned rows")
    func routes() async throws {
        let run = try await self.bgpctl("show", "routes", "--table", "master4")
        let header = "   PREFIX       TABLE    NEXT HOP   INTERFACE  PROTOCOL  PREF  LOCAL PREF  MED  AS PATH"
        #expect(
            run.output == """
                \(header)
                *  10.0.0.0/32  master4  192.0.2.2  eth0       peer1      100         100       4200000000 65001 i
                *  10.0.0.1/32  master4  192.0.2.2  eth0       peer1      100         100       4200000000 65001 i
                *  10.0.0.2/32  master4  192.0.2.2  eth0       peer1      100         100       4200000000 65001 i

                """
        )
    }

    @Test("explain tells of each path why it is where it is, and of each neighbor what it is sent")
    func explain() async throws {
        let run = try await self.bgpctl("explain", "10.0.0.1")
        #expect(
            run.output == """
                10.0.0.1/32 in master4
                  * peer1 from 192.0.2.2 via 192.0.2.2
                      best: AS_PATH length: 2 against 3 of peer2
                    peer2 from 192.0.2.2 via 192.0.2.2
                      not the best one: AS_PATH length: 3 against 2 of peer1
                  ! peer3 from 192.0.2.2 via 192.0.2.2
                      rejected: rejected by the import policy at /etc/martlet/speaker.conf:12
                  sent to
                    peer1: withheld
                      not peer1: it came from this neighbor
                    peer2: announced
                      peer1, next hop 192.0.2.2, AS path 4200000000 65001
                    peer3: down
                      there is no session

                """
        )
        let one = try await self.bgpctl("explain", "10.0.0.1/32", "--neighbor", "peer3", "--json")
        let decoded = try JSONDecoder().decode([Explanation].self, from: Data(one.output.utf8))
        #expect(decoded.map { $0.neighbors.map(\.name) } == [["peer3"]])
        let none = try await self.bgpctl("explain", "10.0.0.1/32", "--table", "master6")
        #expect(none.output == "no table has a route to 10.0.0.1/32\n")
    }

    @Test("show routes for ADDRESS asks for the longest match")
    func routesForAddress() async throws {
        let run = try await self.bgpctl("--json", "show", "routes", "for", "10.0.0.1")
        #expect(run.output.split(separator: "\n").count == 1)
        #expect(run.output.hasPrefix("{\"prefix\":\"10.0.0.1/32\","))
    }

    @Test("show routes --neighbor takes a name and a direction, and a prefix may follow")
    func routesOfNeighbor() async throws {
        let run = try await self.bgpctl("show", "routes", "--neighbor", "peer1", "received", "10.0.0.2/32", "--json")
        #expect(run.output.hasPrefix("{\"prefix\":\"10.0.0.2/32\","))
        #expect(run.output.split(separator: "\n").count == 1)
    }

    @Test("show routes --json prints one object a line")
    func routesJSON() async throws {
        let run = try await self.bgpctl("show", "routes", "--json", backend: SyntheticBackend(routeCount: 2500))
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 2500)
        for line in lines { _ = try JSONDecoder().decode(Route.self, from: Data(line.utf8)) }
    }

    @Test("Columns stay aligned after the rows that were measured")
    func manyRoutes() async throws {
        let run = try await self.bgpctl("show", "routes", backend: SyntheticBackend(routeCount: 1200))
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 1201)
        #expect(
            Set(lines.dropFirst(300).compactMap { $0.range(of: "master4")?.lowerBound.utf16Offset(in: $0) }).count == 1
        )
    }

    @Test("Other JSON answers are one document")
    func documents() async throws {
        let neighbors = try await self.bgpctl("show", "neighbors", "--json")
        #expect(try JSONDecoder().decode([NeighborStatus].self, from: Data(neighbors.output.utf8)).count == 2)
        let status = try await self.bgpctl("show", "status", "--json")
        #expect(try JSONDecoder().decode(Status.self, from: Data(status.output.utf8)).routerID == "192.0.2.1")
        let memory = try await self.bgpctl("show", "memory", "--json")
        #expect(try JSONDecoder().decode(MemoryStatus.self, from: Data(memory.output.utf8)).structures.count == 3)
        let interfaces = try await self.bgpctl("show", "interfaces", "--json")
        #expect(try JSONDecoder().decode([InterfaceStatus].self, from: Data(interfaces.output.utf8)).count == 2)
    }

    @Test("show memory prints each structure, the runtime, their sum and what is resident")
    func memory() async throws {
        let run = try await self.bgpctl("show", "memory")
        let lines = run.output.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines.map { $0.first ?? "" } == ["STRUCTURE", "ipv4", "attribute", "runtime", "sum", "resident"])
        #expect(lines.last.map { $0.contains("12897485") } == true)
    }

    @Test("show plan prints the sessions with their states, and what is not in force")
    func plan() async throws {
        let run = try await self.bgpctl("show", "plan")
        #expect(
            run.output == """
                Node a, AS 64512, router ID 10.0.0.1
                In force: yes

                SESSION        RESOURCE  ADDRESS   PORT     AS  STATE
                Mesh_10_0_0_2  mesh      10.0.0.2   179  64512  Established

                refused: /m/peers.yaml:3:1: BGPPeer/tor: spec.peerIP: is missing

                """
        )
        let json = try await self.bgpctl("show", "plan", "--json")
        #expect(try JSONDecoder().decode(PlanStatus.self, from: Data(json.output.utf8)).sessions.count == 1)
    }

    @Test("show interfaces prints aligned rows")
    func interfaces() async throws {
        let run = try await self.bgpctl("show", "interfaces")
        #expect(
            run.output == """
                INDEX  INTERFACE  STATE    MTU  ADDRESSES
                    1  lo         up     65536  127.0.0.1/8 ::1/128
                   12  eth0       down    1500

                """
        )
    }

    @Test("reload prints what changed")
    func reload() async throws {
        let run = try await self.bgpctl("reload")
        #expect(run.code == 0)
        #expect(
            run.output == """
                PROTOCOL  ACTION        REASON
                peer1     reconfigured  import filter
                1 protocol reconfigured, 1 unchanged

                """
        )
    }

    @Test("A reload that did not check prints the findings and exits with 1")
    func rejectedReload() async throws {
        let run = try await self.bgpctl("reload", "bad.conf")
        #expect(run.code == 1)
        #expect(run.output == "bad.conf:3:7: error: unknown option: colour\n")
        #expect(run.errors == "bgpctl: 1 error in bad.conf\n")
    }

    @Test("Options of reload reach the speaker, and a relative path is that of the caller")
    func reloadOptions() async throws {
        let backend = SyntheticBackend()
        _ = try await self.bgpctl("reload", "--soft", "--confirm-within", "2m", backend: backend)
        _ = try await self.bgpctl("reload", "--check", "/etc/x.conf", backend: backend)
        _ = try await self.bgpctl("reload", "x.conf", "--confirm-within", "45", backend: backend)
        #expect(
            backend.calls == [
                "reload - soft within 120", "reload /etc/x.conf check",
                "reload \(FileManager.default.currentDirectoryPath)/x.conf within 45",
            ]
        )
    }

    @Test("reload confirm and reload undo are requests of their own")
    func confirmAndUndo() async throws {
        let backend = SyntheticBackend()
        let confirm = try await self.bgpctl("reload", "confirm", backend: backend)
        #expect(confirm == Run(code: 0, output: "the reload is confirmed\n", errors: ""))
        let undo = try await self.bgpctl("reload", "undo", backend: backend)
        #expect(undo == Run(code: 1, output: "", errors: "bgpctl: there is no reload to undo\n"))
        #expect(backend.calls == ["confirm", "undo"])
    }

    @Test("neighbor sends its action, refresh without direction sends both")
    func actions() async throws {
        let backend = SyntheticBackend()
        let down = try await self.bgpctl("neighbor", "peer1", "down", "--message", "bye", backend: backend)
        #expect(down.output == "peer1: down done\n")
        _ = try await self.bgpctl("neighbor", "peer1", "refresh", backend: backend)
        _ = try await self.bgpctl("neighbor", "peer1", "refresh", "out", backend: backend)
        _ = try await self.bgpctl("shutdown", backend: backend)
        #expect(
            backend.calls == [
                "down peer1 bye", "refresh-in peer1 -", "refresh-out peer1 -", "refresh-out peer1 -", "shutdown",
            ]
        )
    }

    @Test("What the speaker refuses is one line on standard error and exit code 1")
    func refused() async throws {
        let run = try await self.bgpctl("show", "neighbors", "nobody")
        #expect(run == Run(code: 1, output: "", errors: "bgpctl: no such neighbor: nobody\n"))
    }

    @Test("A speaker that does not run is one line on standard error and exit code 2")
    func unreachable() async {
        let run = await Self.run(["--socket", "/nonexistent/s.sock", "show", "status"])
        let text = "bgpctl: cannot reach the speaker at /nonexistent/s.sock: No such file or directory\n"
        #expect(run == Run(code: 2, output: "", errors: text))
    }

    @Test("A speaker that takes the connection and says nothing is given up after a time")
    func silent() async throws {
        var template = Array("/tmp/mtctlXXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "\(folder)/s.sock".utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(descriptor, 4) == 0)
        let client = ControlClient(socketPath: "\(folder)/s.sock", patience: .milliseconds(200))
        let silence = ControlClientError.unreachable("\(folder)/s.sock", "no answer within 0 s")
        await #expect(throws: silence) { try await client.status() }
        await #expect(throws: silence) { try await client.routes() }
        await client.close()
    }

    @Test(
        "A wrong command line exits with 64 before anything is asked",
        arguments: [
            ["show", "routes", "10.0.0.0/33"], ["show", "routes", "for", "x"], ["show", "routes", "--source", "ospf"],
            ["show", "routes", "--neighbor", "peer1"], ["neighbor", "peer1", "explode"], ["show", "colours"],
            ["reload", "--confirm-within", "0"], ["reload", "--confirm-within", "25h"],
            ["reload", "--confirm-within", "-1"], ["reload", "--check", "--confirm-within", "5"],
            ["neighbor", "peer1", "up", "in"], ["neighbor", "peer1", "up", "--message", "x"],
        ]
    )
    func usage(arguments: [String]) async {
        let run = await Self.run(arguments)
        #expect(run.code == 64)
        #expect(run.output == "")
        #expect(run.errors.contains("Error: "))
    }

    @Test(
        "Help goes to standard output and exits with 0",
        arguments: [[], ["--help"], ["show", "routes", "--help"], ["show"]]
    )
    func help(arguments: [String]) async {
        let run = await Self.run(arguments)
        #expect(run.code == 0)
        #expect(run.output.contains("USAGE: bgpctl"))
        #expect(run.errors == "")
    }
}
