internal import BGPWire
internal import IPAddressing
internal import MRTFormat

/// Routes of one family to announce, grouped by attribute set and next hop.
struct RoutePool<Prefix: IPPrefixProtocol> {
    /// A route: its prefix and the position of its set.
    struct Entry {
        var prefix: Prefix
        var set: UInt32
    }

    /// What the routes of a group share.
    private(set) var sets: [RIBRoute] = []
    private(set) var entries: [Entry] = []
    private var positions: [RIBRoute: UInt32] = [:]

    /// Adds a route.
    mutating func append(_ prefix: Prefix, _ route: RIBRoute) {
        let set: UInt32
        if let known = self.positions[route] {
            set = known
        } else {
            set = UInt32(truncatingIfNeeded: self.sets.count)
            self.sets.append(route)
            self.positions[route] = set
        }
        self.entries.append(Entry(prefix: prefix, set: set))
    }

    /// Brings routes of one set together; nothing may be added afterwards.
    mutating func group() {
        self.positions = [:]
        self.entries.sort { ($0.set, $0.prefix) < ($1.set, $1.prefix) }
    }
}

/// The routes of a file that are to be announced.
struct RouteSource {
    /// What to take from the file.
    struct Selection {
        /// At most this many routes of each family.
        var limit: Int?
        /// Only this family.
        var family: AddressFamily?
        /// Only entries of the peer at this position; otherwise the first entry of each record.
        var peerIndex: UInt16?
        /// Whether next hops of the file are announced, so that routes with different ones are told apart.
        var keepsNextHops = false
    }

    private(set) var ipv4 = RoutePool<IPv4Prefix>()
    private(set) var ipv6 = RoutePool<IPv6Prefix>()
    /// Entries whose attributes cannot be used, and why the first of them cannot.
    private(set) var unusableCount = 0
    private(set) var firstProblem: String?

    /// Takes the routes of a file.
    init(_ file: MRTFile, _ selection: Selection) throws {
        var decoder = RIBAttributeDecoder()
        _ = try file.forEachItem { item in
            switch item {
            case .malformed(let record): self.note("\(record)")
            case .record(let record):
                guard case .rib(let rib) = record.content else { break }
                self.take(rib, selection, &decoder)
            }
            return !self.isComplete(selection)
        }
        self.ipv4.group()
        self.ipv6.group()
    }

    private func isComplete(_ selection: Selection) -> Bool {
        guard let limit = selection.limit else { return false }
        return (selection.family == .ipv6Unicast || self.ipv4.entries.count >= limit)
            && (selection.family == .ipv4Unicast || self.ipv6.entries.count >= limit)
    }

    private mutating func note(_ problem: String) {
        self.unusableCount += 1
        if self.firstProblem == nil { self.firstProblem = problem }
    }

    private mutating func take(_ rib: RIBRecord, _ selection: Selection, _ decoder: inout RIBAttributeDecoder) {
        let family = rib.prefix.isIPv4 ? AddressFamily.ipv4Unicast : .ipv6Unicast
        guard selection.family == nil || selection.family == family else { return }
        let count = rib.prefix.isIPv4 ? self.ipv4.entries.count : self.ipv6.entries.count
        if let limit = selection.limit, count >= limit { return }
        let entry =
            if let index = selection.peerIndex {
                rib.entries.first { $0.peerIndex == index }
            } else {
                rib.entries.first
            }
        guard let entry else { return }
        do throws(RIBAttributeError) {
            var route = try decoder.decode(entry.attributes, isIPv4: rib.prefix.isIPv4)
            if !selection.keepsNextHops { route.nextHop = BGPNextHop(rib.prefix.isIPv4 ? .v4(.any) : .v6(.any)) }
            switch rib.prefix {
            case .v4(let prefix): self.ipv4.append(prefix, route)
            case .v6(let prefix): self.ipv6.append(prefix, route)
            }
        } catch {
            self.note("\(rib.prefix): \(error)")
        }
    }
}

/// How routes are changed on their way into a session.
struct AnnouncementPolicy {
    /// The local AS, put before the path on an external session.
    var localAS: ASNumber
    /// Whether the session is within an AS.
    var isInternal: Bool
    /// The next hop to announce instead of the route's; nil keeps it.
    var nextHop: IPAddress?

    /// The route as it is announced.
    func announced(_ route: RIBRoute) -> RIBRoute {
        var route = route
        if let nextHop = self.nextHop { route.nextHop = BGPNextHop(nextHop) }
        if self.isInternal {
            if route.attributes.localPreference == nil { route.attributes.localPreference = 100 }
        } else {
            var path = route.attributes.asPath ?? ASPath()
            path.prepend(self.localAS)
            route.attributes.asPath = path
            for type in [PathAttributeType.localPreference, .originatorID, .clusterList, .aigp] {
                route.attributes.remove(type)
            }
        }
        return route
    }
}

/// Turns a pool into UPDATEs, a few at a time.
struct RouteFeed<Prefix: IPPrefixProtocol> {
    private let pool: RoutePool<Prefix>
    private let policy: AnnouncementPolicy
    private var encoder: UpdateEncoder<Prefix>
    private var position = 0
    /// Routes left out because their attributes leave no room for a prefix.
    private(set) var oversizedCount = 0

    init(_ pool: RoutePool<Prefix>, _ policy: AnnouncementPolicy, _ encoding: UpdateEncoding) {
        self.pool = pool
        self.policy = policy
        self.encoder = UpdateEncoder(encoding)
    }

    /// Whether everything was written.
    var isFinished: Bool { self.position >= self.pool.entries.count }

    /// UPDATEs written.
    var messageCount: Int { self.encoder.messageCount }

    /// Appends UPDATEs with up to `limit` routes until `output` has `size` octets; returns how many routes they carry.
    mutating func write(limit: Int, size: Int, to output: inout [UInt8]) -> Int {
        let entries = self.pool.entries
        var count = 0
        while self.position < entries.count, count < limit, output.count < size {
            let set = entries[self.position].set
            var end = self.position
            // A slice, so that one large group does not fill memory.
            let last = min(entries.count, self.position + min(limit - count, 4096))
            while end < last, entries[end].set == set { end += 1 }
            let slice = entries[self.position..<end]
            self.position = end
            let route = self.policy.announced(self.pool.sets[Int(set)])
            do throws(UpdateEncodingError) {
                try self.encoder.announce(
                    slice.lazy.map { NLRI($0.prefix) },
                    attributes: route.attributes,
                    nextHop: route.nextHop,
                    into: &output
                )
                count += slice.count
            } catch {
                self.oversizedCount += slice.count
            }
        }
        return count
    }
}
