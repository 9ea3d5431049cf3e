internal import BGPSession
internal import BGPWire
internal import ControlAPI
internal import IPAddressing
internal import Logging
internal import MRTFormat
internal import RouteModel
internal import Speaker
internal import SpeakerSettings

/// A dump of running tables as TABLE_DUMP_V2 records: for each table a PEER_INDEX_TABLE with the table's name as view,
/// then a record a prefix.
///
/// It holds one slice at a time. What changes meanwhile is dumped in either form, what does not exactly once.
struct SpeakerTableDump: TableDump {
    private let runtime: SpeakerRuntime
    /// Tables to do, the next one last.
    private var tables: [String]
    private var current: (name: String, encoder: TableDumpEncoder, position: UInt32)?

    /// Begins a dump; throws when a table asked for does not exist.
    init(_ query: TableDumpQuery, _ runtime: SpeakerRuntime) async throws {
        self.runtime = runtime
        let tables = await runtime.speaker.snapshot().tables
        if let name = query.table, !tables.contains(where: { $0.name == name }) {
            throw ControlFailure.unknownTable(name, known: tables.map(\.name)).control
        }
        self.tables = tables.filter { table in
            let family: RouteQuery.Family = table.family == .ipv4Unicast ? .ipv4 : .ipv6
            return (query.table ?? table.name) == table.name && (query.family ?? family) == family
        }.map(\.name).reversed()
    }

    mutating func next() async throws -> [UInt8]? {
        var octets: [UInt8] = []
        // Not empty: a slice may hold nothing that is dumped.
        while octets.isEmpty {
            guard var current = self.current else {
                guard let name = self.tables.popLast() else { return nil }
                let encoder = try await self.begin(name, &octets)
                self.current = (name, encoder, 0)
                continue
            }
            let slice: TableSlice
            do throws(ControlFailure) {
                slice = try await self.runtime.speaker.tableRoutes(current.name, from: current.position)
            } catch {
                throw error.control
            }
            for destination in slice.destinations { try current.encoder.append(destination, to: &octets) }
            if let position = slice.next {
                current.position = position
                self.current = current
            } else {
                self.current = nil
                self.report(current.name, current.encoder)
            }
        }
        return octets
    }

    private func begin(_ name: String, _ octets: inout [UInt8]) async throws -> TableDumpEncoder {
        let snapshot = await self.runtime.speaker.snapshot()
        let peers: [PeerSnapshot]
        do throws(ControlFailure) {
            peers = try await self.runtime.speaker.neighbors()
        } catch {
            throw error.control
        }
        let started = UInt32(clamping: Int64(snapshot.startTime))
        let encoder = TableDumpEncoder(
            time: UInt32(clamping: Timestamp.now.milliseconds / 1000),
            started: started,
            peers: peers.map { peer in
                TableDumpEncoder.Peer(
                    protocolName: peer.settings.common.name,
                    entry: PeerIndexTable.Peer(
                        identifier: peer.negotiated?.peerIdentifier ?? RouterID(rawValue: 0),
                        address: peer.settings.neighborAddress,
                        number: peer.negotiated?.peerAS ?? peer.settings.neighborAS ?? ASNumber(rawValue: 0)
                    ),
                    since: peer.establishedTime.map { UInt32(clamping: Int64($0)) } ?? started
                )
            }
        )
        try encoder.begin(table: name, collector: snapshot.routerID, to: &octets)
        return encoder
    }

    private func report(_ name: String, _ encoder: TableDumpEncoder) {
        guard encoder.omitted > 0 else { return }
        self.runtime.logger.warning(
            "Routes of peers that were added during a dump, or too long for the format, were left out",
            metadata: ["table": "\(name)", "routes": "\(encoder.omitted)"]
        )
    }
}

/// Turns destinations of one table into RIB records.
struct TableDumpEncoder {
    /// Entries in a record, which has two octets to count them; more make another record of the prefix.
    static let entryLimit = 0xFFFF

    private let time: MRTTime
    private let peers: [PeerIndexTable.Peer]
    /// By protocol instance; routes of protocols other than BGP belong to the first entry of the list, this speaker.
    private let places: [String: (index: UInt16, since: UInt32)]
    private let started: UInt32
    private var sequence: UInt32 = 0
    /// Routes left out.
    private(set) var omitted = 0

    /// A BGP peer.
    struct Peer {
        var protocolName: String
        var entry: PeerIndexTable.Peer
        /// When its session came up: no route of it is older.
        var since: UInt32
    }

    /// Creates an encoder; times are in seconds since 1970.
    init(time: UInt32, started: UInt32, peers: [Peer]) {
        self.time = MRTTime(seconds: time)
        self.started = started
        self.peers = peers.map(\.entry)
        self.places = Dictionary(
            zip(peers, 1...).compactMap { peer, place in
                UInt16(exactly: place).map { (peer.protocolName, ($0, peer.since)) }
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Appends the PEER_INDEX_TABLE.
    func begin(table: String, collector: RouterID, to output: inout [UInt8]) throws(MRTWriteError) {
        let own = PeerIndexTable.Peer(identifier: collector, address: .v4(.any), number: ASNumber(rawValue: 0))
        // What does not fit has no place in `places` either.
        let peers = [own] + self.peers.prefix(0xFFFE)
        let index = PeerIndexTable(collector: collector, viewName: table, peers: peers)
        try MRTWriter.append(MRTRecord(time: self.time, content: .peerIndexTable(index)), to: &output)
    }

    /// Appends all routes to a destination.
    mutating func append(_ destination: TableSlice.Destination, to output: inout [UInt8]) throws(MRTWriteError) {
        let isIPv4 = destination.prefix.isIPv4
        var entries: [RIBEntry] = []
        for route in destination.routes {
            guard let entry = self.entry(route, isIPv4: isIPv4), entry.attributes.count <= 0xFFFF else {
                self.omitted += 1
                continue
            }
            entries.append(entry)
        }
        let hasPathIDs = entries.contains { $0.pathID != 0 }
        var rest = entries[...]
        while !rest.isEmpty {
            let record = RIBRecord(
                form: hasPathIDs ? .specificAddPath : .specific,
                sequence: self.sequence,
                prefix: destination.prefix,
                entries: Array(rest.prefix(Self.entryLimit))
            )
            self.sequence &+= 1
            rest = rest.dropFirst(Self.entryLimit)
            try MRTWriter.append(MRTRecord(time: self.time, content: .rib(record)), to: &output)
        }
    }

    private func entry(_ route: TableSlice.Route, isIPv4: Bool) -> RIBEntry? {
        var place: (index: UInt16, since: UInt32) = (0, self.started)
        if route.origin.source == .bgp {
            guard let found = self.places[route.origin.protocolName] else { return nil }
            place = found
        }
        var attributes = route.attributes
        // Mandatory ones (RFC 4271 §5); local routes have none.
        if !attributes.contains(.origin) { attributes.set(.origin, flags: .transitive, value: [2]) }
        if !attributes.contains(.asPath) { attributes.set(.asPath, flags: .transitive, value: []) }
        let nextHop = route.nextHop ?? BGPNextHop(isIPv4 ? .v4(.any) : .v6(.any))
        return RIBEntry(
            peerIndex: place.index,
            originatedTime: place.since,
            pathID: route.pathID,
            route: RIBRoute(attributes: attributes, nextHop: nextHop),
            isIPv4: isIPv4
        )
    }
}
