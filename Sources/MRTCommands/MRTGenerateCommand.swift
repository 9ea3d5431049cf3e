public import ArgumentParser
internal import BGPWire
internal import IPAddressing
internal import MRTFormat

/// `martlet mrt generate FILE`: writes a table that looks like the Internet's.
public struct MRTGenerateCommand: ParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Write an Internet-like table as TABLE_DUMP_V2.",
        discussion: """
            Prefix lengths, AS path lengths and the sharing of attributes follow public reports on the default-free zone. \
            The same options write the same file on every machine.
            """
    )

    @Option(name: .customLong("ipv4"), help: "How many IPv4 prefixes.")
    var ipv4 = 0

    @Option(name: .customLong("ipv6"), help: "How many IPv6 prefixes.")
    var ipv6 = 0

    @Option(help: "Determines the table.")
    var seed: UInt64 = 1

    @Option(help: "Time of the records, in seconds since 1970.")
    var time: UInt32 = 1_700_000_000

    @Argument(help: "The file; '-' is standard output.")
    var file: String

    /// Creates the command.
    public init() {}

    /// Refuses counts that cannot be had.
    public func validate() throws {
        let range = 0...InternetTable.maximumCount
        guard range.contains(self.ipv4), range.contains(self.ipv6) else {
            throw ValidationError("up to \(InternetTable.maximumCount) prefixes of a family can be generated")
        }
        guard self.ipv4 + self.ipv6 > 0 else {
            throw ValidationError("say how many prefixes with --ipv4 and --ipv6")
        }
    }

    /// Writes the file.
    public func run() throws {
        do {
            let output = try OutputFile(path: self.file)
            try self.write(to: output)
            try output.flush()
        } catch let failure as FileFailure {
            writeError("\(failure)")
            throw ExitCode.failure
        }
    }

    private func write(to output: OutputFile) throws {
        let table = InternetTable(seed: self.seed)
        let time = MRTTime(seconds: self.time)
        // Documentation addresses: one neighbour with a session for each family.
        let identifier = RouterID(rawValue: 0xC000_0201)
        let address4 = IPAddress.v4(IPv4Address(192, 0, 2, 1))
        let address6 = IPAddress.v6(IPv6Address(high: 0x2001_0DB8_0000_0000, low: 1))
        let peers = PeerIndexTable(
            collector: RouterID(rawValue: 0xC000_02FE),
            peers: [address4, address6].map {
                PeerIndexTable.Peer(identifier: identifier, address: $0, number: table.neighborAS)
            }
        )
        try output.write { try MRTWriter.append(MRTRecord(time: time, content: .peerIndexTable(peers)), to: &$0) }
        var sequence: UInt32 = 0
        func write(_ prefix: IPPrefix, _ set: InternetTable.SetKey, _ peer: UInt16, _ nextHop: IPAddress) throws {
            let route = RIBRoute(attributes: table.attributes(of: set), nextHop: BGPNextHop(nextHop))
            let entry = RIBEntry(peerIndex: peer, originatedTime: self.time, route: route, isIPv4: prefix.isIPv4)
            let rib = RIBRecord(sequence: sequence, prefix: prefix, entries: [entry])
            try output.write { try MRTWriter.append(MRTRecord(time: time, content: .rib(rib)), to: &$0) }
            sequence &+= 1
        }
        for route in table.ipv4Routes(self.ipv4) { try write(route.prefix.erased, route.set, 0, address4) }
        for route in table.ipv6Routes(self.ipv6) { try write(route.prefix.erased, route.set, 1, address6) }
    }
}
