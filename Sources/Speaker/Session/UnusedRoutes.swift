internal import BGPWire
internal import IPAddressing

/// Why a route that a peer sent is in no table.
public enum UnusedReason: Hashable, Sendable {
    /// Its UPDATE was malformed and counted as withdrawal (RFC 7606).
    case malformed(UpdateErrorKind)
    /// It is of multicast, loopback, link-local or reserved addresses.
    case unroutable
    /// The peer had sent as many routes as it may.
    case receiveLimit(UInt32)
    /// Its prefix had as many paths as it may.
    case tooManyPaths(UInt16)
}

/// The latest routes of a peer that are in no table, for explanations.
///
/// Bounded, whatever the peer sends; a peer without errors has none.
struct UnusedRoutes {
    /// A route.
    struct Entry: Sendable {
        var prefix: IPPrefix
        var reason: UnusedReason
        /// Seconds since 1970.
        var time: Double
    }

    /// What is remembered, and how much of one message.
    static let limit = 512
    static let limitOfMessage = 128

    private(set) var entries: [Entry] = []
    private var next = 0

    /// Remembers a route.
    mutating func note(_ prefix: IPPrefix, _ reason: UnusedReason, at time: Double) {
        let entry = Entry(prefix: prefix, reason: reason, time: time)
        if self.entries.count < Self.limit {
            self.entries.append(entry)
        } else {
            self.entries[self.next] = entry
        }
        self.next = (self.next + 1) % Self.limit
    }

    /// Remembers what a message that failed would have announced or withdrawn.
    mutating func note(_ decoder: UpdateDecoder, _ failure: AttributeError, at time: Double) {
        let error = UpdateErrorKind(type: failure.type, cause: failure.cause, isDiscarded: false)
        let first = decoder.withdrawnIPv4.prefix(Self.limitOfMessage)
        for route in first { self.note(.v4(route.prefix), .malformed(error), at: time) }
        for route in decoder.withdrawnIPv6.prefix(Self.limitOfMessage - first.count) {
            self.note(.v6(route.prefix), .malformed(error), at: time)
        }
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
