import BGPWire
import ControlAPI
import Foundation
import IPAddressing
import MRTFormat
import TestSupport
import Testing

extension Interop {
    /// MRT files: announced to speakers, and written by BIRD.
    @Suite("MRT files")
    struct MRTTests {
        /// A session that an injector at `.2` has with a speaker at `.1`, for both families.
        private let peer = """
            protocol bgp peer {
              local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; passive on; \(Interop.timers)
              ipv4 { import all; export none; };
              ipv6 { import all; export none; };
            }

            """

        /// Writes an Internet-like table and returns its path.
        private func generate(_ lab: Lab, ipv4: Int, ipv6: Int) throws -> String {
            let path = lab.folder + "/table.mrt"
            try Command.check(
                try MartletProcess.binary(),
                ["mrt", "generate", "--ipv4", "\(ipv4)", "--ipv6", "\(ipv6)", "--seed", "7", path]
            )
            return path
        }

        /// Starts `martlet mrt inject` in a namespace.
        private func inject(
            _ name: String,
            _ file: String,
            in namespace: Lab.Namespace,
            _ lab: Lab,
            _ arguments: String...
        ) throws -> DaemonProcess {
            let base = ["mrt", "inject", file, "--peer", "10.20.0.1", "--local-as", "64513", "--next-hop6", "fd20::2"]
            return try lab.start(name, in: namespace, try MartletProcess.binary(), base + arguments)
        }

        /// All items of a file; none may be malformed.
        private func read(_ path: String) throws -> [MRTRecord] {
            var reader = MRTReader()
            reader.append(Array(try Data(contentsOf: URL(filePath: path))))
            var records: [MRTRecord] = []
            while let item = try reader.next() {
                guard case .record(let record) = item else { throw Command.Failure("\(path): \(item)") }
                records.append(record)
            }
            try reader.finish()
            return records
        }

        /// The routes of a dump as a speaker shows them.
        private func routes(
            _ records: [MRTRecord],
            isIPv4: Bool,
            _ change: (inout PeerRoute) -> Void = { _ in }
        ) throws -> [PeerRoute] {
            var decoder = RIBAttributeDecoder()
            let routes = try records.flatMap { record -> [PeerRoute] in
                guard case .rib(let rib) = record.content, rib.prefix.isIPv4 == isIPv4 else { return [] }
                return try rib.entries.map { entry in
                    let decoded = try decoder.decode(entry.attributes, isIPv4: isIPv4)
                    var route = PeerRoute(prefix: rib.prefix.description, best: true)
                    route.nextHop = decoded.nextHop.address.description
                    route.asPath = decoded.attributes.asPath?.description ?? ""
                    route.localPref = decoded.attributes.localPreference ?? 100
                    route.med = decoded.attributes.multiExitDiscriminator
                    route.origin = decoded.attributes.origin?.description.lowercased()
                    route.communities = decoded.attributes.communities.map(\.description).sorted()
                    route.largeCommunities = decoded.attributes.largeCommunities.map {
                        "\($0.globalAdministrator):\($0.data1):\($0.data2)"
                    }.sorted()
                    change(&route)
                    return route
                }
            }
            return PeerRoute.ordered(routes)
        }

        @Test("A generated table of 20,000 and 4,000 routes arrives whole, the same in Martlet and in BIRD")
        func inject() async throws {
            try await Lab.run { lab in
                let file = try self.generate(lab, ipv4: 20_000, ipv6: 4000)
                let (first, second) = (try Interop.pair(lab), try Interop.pair(lab))
                let head = "router id 10.20.0.1;\nprotocol device {}\n"
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: first.martlet,
                    lab,
                    configuration: head + self.peer
                )
                let bird = try await Bird.start(
                    "bird",
                    in: second.martlet,
                    lab,
                    configuration: head + self.peer
                )
                let injectors = try [first, second].enumerated().map { index, pair in
                    try self.inject("inject\(index)", file, in: pair.other, lab)
                }
                for injector in injectors {
                    try await lab.require("everything is announced", timeout: .seconds(60)) {
                        injector.output.contains("announced 20000 IPv4 and 4000 IPv6 routes in ")
                    }
                }
                func counts(_ bird: Bird) throws -> [Bool] {
                    try [("master4", 20_000), ("master6", 4000)].map { table, count in
                        try bird.query("show route count table \(table)").contains("\(count) of \(count) routes")
                    }
                }
                try await lab.require("BIRD has all routes") { try counts(bird) == [true, true] }
                let records = try self.read(file)
                for (table, isIPv4, count) in [("master4", true, 20_000), ("master6", false, 4000)] {
                    let expected = try self.routes(records, isIPv4: isIPv4) { route in
                        route.nextHop = isIPv4 ? "10.20.0.2" : "fd20::2"
                        route.asPath = "64513 " + route.asPath
                    }
                    #expect(expected.count == count)
                    let ofMartlet = try await Interop.routes(of: martlet, table: table, count: count)
                    let ofBird = try bird.routes(table: table)
                    // Comparing the lists with #expect would print 20,000 routes; the first difference is enough.
                    for (name, found) in [("Martlet", ofMartlet), ("BIRD", ofBird)] {
                        #expect(found.count == count, "\(name) \(table)")
                        let difference = zip(found, expected).first { $0.0 != $0.1 }
                        #expect(difference == nil, "\(name) \(table)")
                    }
                }
                for injector in injectors { injector.signal(SIGINT) }
                try await lab.require("the routes are gone with the sessions") {
                    let status = try await martlet.withClient { try await $0.status() }
                    let isEmpty = try bird.query("show route count table master4").contains("0 of 0 routes")
                    return isEmpty && status.tables.allSatisfy { $0.routes == 0 }
                }
                for injector in injectors {
                    try await lab.require("the injector ends") { !injector.isRunning }
                    #expect(injector.exitCode == 0)
                }
            }
        }

        @Test("An injection may end with its routes, be limited, and says why there is no session")
        func ends() async throws {
            try await Lab.run { lab in
                let file = try self.generate(lab, ipv4: 500, ipv6: 100)
                let pair = try Interop.pair(lab)
                _ = try await Bird.start(
                    "bird",
                    in: pair.martlet,
                    lab,
                    configuration: "router id 10.20.0.1;\nprotocol device {}\n" + self.peer
                )
                let short = try self.inject(
                    "short",
                    file,
                    in: pair.other,
                    lab,
                    "--exit-after-eor",
                    "--limit",
                    "50",
                    "--rate",
                    "100"
                )
                try await lab.require("the injection ends") { !short.isRunning }
                #expect(short.exitCode == 0)
                #expect(short.output.contains("announced 50 IPv4 and 50 IPv6 routes in "))
                let milliseconds = short.output.split(separator: " ").dropLast().last.flatMap { Int($0) } ?? 0
                #expect(milliseconds >= 900, "100 routes at 100 a second: \(short.output)")
                let refused = try self.inject("refused", file, in: pair.other, lab, "--peer-as", "64999")
                try await lab.require("the injection ends") { !refused.isRunning }
                #expect(refused.exitCode == 1)
                #expect(refused.output.contains("10.20.0.1: sent: "))
                let alone = try self.inject("alone", file, in: pair.martlet, lab, "--connect-timeout", "1")
                try await lab.require("the injection ends") { !alone.isRunning }
                #expect(alone.exitCode == 1)
            }
        }

        @Test("Running tables are dumped whole: what was injected reads back equal, with the local routes beside it")
        func dumps() async throws {
            try await Lab.run { lab in
                let file = try self.generate(lab, ipv4: 20_000, ipv6: 4000)
                let pair = try Interop.pair(lab)
                let configuration = """
                    router id 10.20.0.1;
                    protocol device {}
                    protocol static own { ipv4; route 203.0.113.0/24 blackhole; }

                    """
                let martlet = try await MartletProcess.start(
                    "martlet",
                    in: pair.martlet,
                    lab,
                    configuration: configuration + self.peer
                )
                let injector = try self.inject("inject", file, in: pair.other, lab)
                try await lab.require("everything is there", timeout: .seconds(60)) {
                    guard injector.output.contains("announced 20000 IPv4 and 4000 IPv6 routes in ") else {
                        return false
                    }
                    return try await martlet.withClient { try await $0.status() }.tables.map(\.routes) == [
                        20_001, 4000,
                    ]
                }
                let dump = lab.folder + "/dump.mrt"
                let result = try martlet.bgpctl("dump", "mrt", dump)
                #expect(result.code == 0, "\(result)")
                let records = try self.read(dump)
                // A view a table; of the peers the first is the speaker itself.
                let indices = records.compactMap { record -> PeerIndexTable? in
                    if case .peerIndexTable(let index) = record.content { index } else { nil }
                }
                #expect(indices.map(\.viewName) == ["master4", "master6"])
                for index in indices {
                    #expect(index.collector == RouterID("10.20.0.1"))
                    #expect(index.peers.map(\.address) == [.v4(.any), IPAddress("10.20.0.2")])
                    #expect(index.peers.last?.number == 64_513)
                }
                let injected = try self.read(file)
                for (isIPv4, count) in [(true, 20_000), (false, 4000)] {
                    let expected = try self.routes(injected, isIPv4: isIPv4) { route in
                        route.nextHop = isIPv4 ? "10.20.0.2" : "fd20::2"
                        route.asPath = "64513 " + route.asPath
                    }
                    let found = try self.routes(records, isIPv4: isIPv4).filter { $0.prefix != "203.0.113.0/24" }
                    #expect(found.count == count)
                    let difference = zip(found, expected).first { $0.0 != $0.1 }
                    #expect(difference == nil)
                    let others = zip(
                        try self.otherAttributes(records, isIPv4),
                        try self.otherAttributes(injected, isIPv4)
                    )
                    .first { $0.0 != $0.1 }
                    #expect(others == nil)
                }
                let local = records.compactMap { record -> RIBRecord? in
                    guard case .rib(let rib) = record.content, rib.prefix.description == "203.0.113.0/24" else {
                        return nil
                    }
                    return rib
                }
                #expect(local.map { $0.entries.map(\.peerIndex) } == [[0]])
                let sequences = records.compactMap { record -> UInt32? in
                    if case .rib(let rib) = record.content, rib.prefix.isIPv4 { rib.sequence } else { nil }
                }
                #expect(sequences == Array(0..<20_001))
                let shown = try Command.run(try MartletProcess.binary(), ["mrt", "show", dump])
                #expect(shown.code == 0)
                #expect(shown.output.split(separator: "\n").count > 24_000)
                // One table, one family, and tables that do not exist.
                let six = lab.folder + "/six.mrt"
                #expect(try martlet.bgpctl("dump", "mrt", six, "--family", "ipv6").code == 0)
                #expect(try self.read(six).count == 4001)
                let unknown = try martlet.bgpctl("dump", "mrt", six, "--table", "nowhere")
                #expect(unknown.code == 1)
                #expect(try self.read(six).count == 4001, "a dump that fails leaves the older one alone")
                let left = try FileManager.default.contentsOfDirectory(atPath: lab.folder).filter {
                    $0.hasSuffix(".part")
                }
                #expect(left == [])
            }
        }

        /// Attributes but AS_PATH by prefix; local routes left out.
        private func otherAttributes(_ records: [MRTRecord], _ isIPv4: Bool) throws -> [[UInt8]] {
            var decoder = RIBAttributeDecoder()
            var found: [(prefix: IPPrefix, octets: [UInt8])] = []
            for record in records {
                guard case .rib(let rib) = record.content, rib.prefix.isIPv4 == isIPv4 else { continue }
                for entry in rib.entries {
                    var attributes = try decoder.decode(entry.attributes, isIPv4: isIPv4).attributes
                    guard attributes.asPath?.segments.isEmpty == false else { continue }
                    attributes.remove(.asPath)
                    found.append((rib.prefix, attributes.bytes))
                }
            }
            return found.sorted { $0.prefix < $1.prefix }.map(\.octets)
        }

        @Test("What BIRD dumps of its tables and sessions is read as BIRD shows it")
        func birdDumps() async throws {
            try await Lab.run { lab in
                let file = try self.generate(lab, ipv4: 500, ipv6: 100)
                let pair = try Interop.pair(lab)
                let messages = lab.folder + "/messages.mrt"
                let bird = try await Bird.start(
                    "bird",
                    in: pair.martlet,
                    lab,
                    configuration: """
                        router id 10.20.0.1;
                        mrtdump "\(messages)";
                        mrtdump protocols { states, messages };
                        protocol device {}

                        """ + self.peer
                )
                let injector = try self.inject("inject", file, in: pair.other, lab)
                try await lab.require("everything is there") {
                    guard injector.output.contains("announced") else { return false }
                    return try bird.query("show route count").contains("600 of 600")
                }
                for (table, isIPv4) in [("master4", true), ("master6", false)] {
                    let dump = "\(lab.folder)/\(table).mrt"
                    _ = try bird.query("mrt dump table \"\(table)\" to \"\(dump)\"")
                    let shown = try bird.routes(table: table)
                    #expect(shown.count == (isIPv4 ? 500 : 100))
                    try await lab.require("the dump is complete") {
                        (try? self.routes(self.read(dump), isIPv4: isIPv4).count) == shown.count
                    }
                    let read = try self.routes(self.read(dump), isIPv4: isIPv4)
                    let difference = zip(read, shown).first { $0.0 != $0.1 }
                    #expect(difference == nil)
                }
                injector.signal(SIGTERM)
                try await lab.require("the injection ends") { !injector.isRunning }
                let records = try self.read(messages)
                var states: [BGP4MPStateChange.State] = []
                var prefixes = 0
                var decoder = UpdateDecoder()
                for record in records {
                    switch record.content {
                    case .stateChange(let change): states.append(change.newState)
                    case .message(let message) where message.octets.count > 18 && message.octets[18] == 2:
                        #expect(message.session.peerAddress == IPAddress("10.20.0.2"))
                        guard !message.isLocal, message.hasFourOctetAS, message.session.peerAS == 64_513 else {
                            continue
                        }
                        let context = UpdateContext(
                            ipv4: .init(isNegotiated: true),
                            ipv6: .init(isNegotiated: true),
                            hasFourOctetAS: true,
                            isInternal: false,
                            peerAS: 64_513
                        )
                        let body = Array(message.octets.dropFirst(MessageHeader.size))
                        try decoder.decode(body.span.bytes, context)
                        prefixes += decoder.announcedIPv4.count + decoder.announcedIPv6.count
                    default: break
                    }
                }
                #expect(states.contains(.established))
                #expect(prefixes == 600)
            }
        }
    }
}
