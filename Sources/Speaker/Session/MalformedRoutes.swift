internal import BGPWire
internal import IPAddressing

/// The latest routes of a peer that counted as withdrawn because their UPDATE was malformed, for explanations.
///
/// Bounded, whatever the peer sends; a peer without errors has none.
struct MalformedRoutes {
    /// A route.
    struct Entry: Sendable {
        var prefix: IPPrefix
        var error: UpdateErrorKind
        /// Seconds since 1970.
        var time: Double
    }

    /// What is remembered, and how much of one message.
    static let limit = 512
    static let limitOfMessage = 128

    private(set) var entries: [Entry] = []
    private var next = 0

    /// Remembers what a message that failed would have announced or withdrawn.
    mutating func note(_ decoder: UpdateDecoder, _ failure: AttributeError, at time: Double) {
        let error = UpdateErrorKind(type: failure.type, cause: failure.cause, isDiscarded: false)
        var left = Self.limitOfMessage
        func add(_ prefix: IPPrefix, _ routes: inout MalformedRoutes) {
            let entry = Entry(prefix: prefix, error: error, time: time)
            if routes.entries.count < Self.limit {
                routes.entries.append(entry)
            } else {
                routes.entries[routes.next] = entry
            }
            routes.next = (routes.next + 1) % Self.limit
            left -= 1
        }
        for route in decoder.withdrawnIPv4.prefix(left) { add(.v4(route.prefix), &self) }
        for route in decoder.withdrawnIPv6.prefix(left) { add(.v6(route.prefix), &self) }
    }

    /// The latest entry of every prefix that a query selects.
    func latest(_ selection: RouteSelection.Destination) -> [Entry] {
        var found: [IPPrefix: Entry] = [:]
        for entry in self.entries {
            switch selection {
            case .all: break
            case .prefix(let prefix): guard entry.prefix == prefix else { continue }
            case .longestMatch(let address): guard entry.prefix.contains(address) else { continue }
            }
            if let other = found[entry.prefix], other.time > entry.time { continue }
            found[entry.prefix] = entry
        }
        return found.values.sorted { $0.prefix.length > $1.prefix.length }
    }
}
